/* SPDX-License-Identifier: MIT */
/*
 * Private to `orrery peers`: simulated IKEv2 initiators with their ESP tunnels in one thread. peers.c owns
 * the run (start, stop, exit status), peers_opt.c the command line, peers_net.c the sockets, peers_ike.c the
 * engine's transactions, peers_esp.c the tunnels and the exact check of sequence numbers, peers_ping.c the
 * echo traffic, peers_hist.c the history, peers_ctl.c status and control socket. All times are microseconds;
 * `now` is the engine's clock (wall clock that never goes back).
 */
#ifndef CMD_PEERS_H
#define CMD_PEERS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "base/clock.h"
#include "esp/esp.h"
#include "ike/ike.h"
#include "net/addr.h"

#define PEERS_MAX            200000u
#define PEERS_LOSS_US        (1 * US_PER_SEC) /* an echo not answered after this is lost */
#define PEERS_STOP_US        (4 * US_PER_SEC) /* how long `stop` waits for the answers to our deletes */
#define PEERS_LINGER_US      (2 * US_PER_SEC)
#define PEERS_RETRY_US       US_PER_SEC
#define PEERS_SPI_BUCKETS    65536u
#define PEERS_CLIENTS        16
#define PEERS_RECENT         32
#define PEERS_ECHO_MIN       60u /* bytes of an echo with its IP header */
#define PEERS_RETRANSMIT_MIN 10u
#define PEERS_RETRANSMIT_MAX 60000u
#define PEERS_ECHO_MAX       1400u

int peers_main(int argc, char **argv);

struct peers_opts {
	uint32_t count;
	struct net_addr server, ping;
	struct net_prefix source; /* family 0: chosen by the kernel */
	bool many_sources;
	struct net_prefix inner;     /* family 0: ask for an address with CFG_REQUEST */
	struct net_prefix remote_ts; /* family 0: 0.0.0.0/0 */
	const char *cert, *key, *ca; /* files in PEM or DER; NULL: by pre-shared key */
	const char *psk, *id_prefix, *local_id, *remote_id, *control, *history;
	struct ike_suite ike, esp;
	double rate, pps;
	uint32_t window, rekey_s, rekey_ike_s, dpd_s, tries, setup_s, duration_s, timeout_s, size,
	        retransmit_ms;
	uint32_t instance;
	bool json, once, encap, reconnect, verbose;
};

/* The sequence numbers received on one inbound SPI: an exact set, in chunks made on demand. */
struct peers_seqs {
	uint32_t *chunk_no;
	uint64_t **chunk;
	unsigned n, size, last;
	struct {
		uint32_t seq, tag;
	} recent[PEERS_RECENT]; /* tag: of the packet's ICV, to tell a copy made by the network from a reused
	                           number */
	unsigned recent_at;
};

struct peers_peer;

/* One CHILD_SA of a peer. */
struct peers_child {
	struct peers_child *hash_next, *next;
	struct peers_peer *peer;
	struct esp_sa *sa;
	struct net_endpoint local, remote;
	bool encap;
	bool wait;        /* replaced one: not for sending */
	uint64_t gone_us; /* deleted, and freed at this time; 0: in use */
	struct peers_seqs seqs;
};

enum peers_state { PEERS_IDLE, PEERS_STARTING, PEERS_UP, PEERS_FAILED, PEERS_DOWN, PEERS_STATES };

/* What a peer asks of the gateway, and how it ended: unknown is what may have happened (no answer came). */
enum peers_op { PEERS_OP_SETUP, PEERS_OP_REKEY, PEERS_OP_REKEY_IKE, PEERS_OP_DELETE, PEERS_OPS };
enum peers_outcome { PEERS_INVOKE, PEERS_OK, PEERS_FAIL, PEERS_UNKNOWN, PEERS_INFO };

struct peers_echo {
	uint64_t sent_us; /* 0: answered or never sent */
	uint64_t seq;
};

struct peers_peer {
	uint32_t index;
	enum peers_state state;
	uint32_t tries;
	unsigned pending; /* bits of enum peers_op: invoked, no outcome yet */
	uint64_t ike_spi, peer_spi;
	uint64_t started_us, up_us, retry_us;
	enum ike_reason reason;
	struct net_addr source, inner;
	struct peers_child *children; /* newest first */
	/* traffic; the counters are of the measurement window */
	struct peers_echo *ring;
	uint32_t ring_mask;
	uint64_t seq, window_seq;
	uint64_t sent, received, late, duplicates;
	uint64_t first_sent_us, last_answer_us, max_gap_us, rtt_max_us;
	uint32_t seq_reused;
};

struct peers_totals {
	uint64_t attempts, setups, setup_failures, downs, deletes_received, retransmissions, ike_rekeys,
	        child_rekeys, dpd_answers;
	uint64_t copies, seq_reused, esp_drops[ESP_REASONS], esp_unknown, not_echo, send_errors;
	uint64_t setup_us_sum, setup_us_max, rtt_us_sum, rtt_count;
};

struct peers_client {
	int fd;
	unsigned len;
	char buf[256];
};

struct peers {
	struct peers_opts opt;
	struct ike_engine *engine;
	struct peers_peer *peer;
	struct peers_child **spi_hash;
	struct peers_child *gone, **gone_tail; /* deleted ones, in order of their end */
	struct peers_totals t;
	uint64_t base_wall, base_mono, started_us, window_us, all_up_us;
	uint32_t next_start, starting, established, failed;
	double start_credit, echo_credit;
	uint64_t start_at, echo_at;
	uint32_t echo_next;
	bool stopping, quit, tty;
	uint64_t stop_at, progress_at;
	int epoll, sock500, sock4500, raw, listener;
	int exit_status;
	char control_path[108];
	FILE *history;
	struct peers_client client[PEERS_CLIENTS];
};

extern const char *const peers_state_names[PEERS_STATES];

/* peers.c: the engine's clock. */
uint64_t peers_now(const struct peers *p);
/* Begin the orderly end: delete every SA, then leave the loop. */
void peers_stop(struct peers *p, uint64_t now);

/* peers_opt.c: 0; 1 help was asked for and printed; -EINVAL with the reason printed. */
int peers_opt_parse(struct peers_opts *o, int argc, char **argv);

/* peers_net.c */
int peers_net_open(struct peers *p);
void peers_net_close(struct peers *p);
/* Something is readable on fd. */
void peers_net_readable(struct peers *p, int fd);
void peers_net_send_ike(struct peers *p, const struct ike_path *path, const uint8_t *pkt, size_t len);
/* pkt: an ESP packet with at least 4 bytes of headroom. */
void peers_net_send_esp(struct peers *p, const struct peers_child *c, struct esp_pkt *pkt);

/* peers_ike.c */
int peers_ike_open(struct peers *p);
/* (Re)place the policy: tunnels that are up go on with the new times. 0 or -errno. */
int peers_ike_policy(struct peers *p);
/* Start tunnels that are due; returns when to be called again (UINT64_MAX: all are started). */
uint64_t peers_ike_start(struct peers *p, uint64_t now);

/* peers_esp.c */
int peers_esp_add(struct peers *p, struct peers_peer *peer, const struct ike_child_act *a);
void peers_esp_del(struct peers *p, uint32_t spi_in);
/* Free deleted children whose time has come. */
void peers_esp_sweep(struct peers *p, uint64_t now);
void peers_esp_path(struct peers *p, const struct ike_child_act *a);
void peers_esp_free_peer(struct peers *p, struct peers_peer *peer);
struct peers_child *peers_esp_find(const struct peers *p, uint32_t spi_in);
/* An ESP packet (from the SPI on) came in. */
void peers_esp_input(struct peers *p, uint8_t *data, size_t len);
/* The child to send on; NULL: none. */
struct peers_child *peers_esp_current(const struct peers_peer *peer);

/* peers_seqs.c */
/* Note a received sequence number. 0 new, 1 a copy of the packet, -EEXIST the number was used for another
 * packet, -ENOMEM. */
int peers_seqs_seen(struct peers_seqs *s, uint32_t seq, uint32_t tag);
void peers_seqs_free(struct peers_seqs *s);

/* peers_ping.c */
/* Send what is due; returns when to be called again. */
uint64_t peers_ping_run(struct peers *p, uint64_t now);
void peers_ping_input(struct peers *p, struct peers_peer *peer, const uint8_t *data, size_t len,
                      uint64_t now);
/* Begin a measurement window. */
void peers_ping_mark(struct peers *p, uint64_t now);
/* Echoes of a peer that are neither answered nor lost yet. */
uint64_t peers_ping_outstanding(const struct peers_peer *peer, uint64_t now);
uint64_t peers_ping_gap(const struct peers_peer *peer, uint64_t now);

/* peers_hist.c: without --history nothing is written. */
int peers_hist_open(struct peers *p); /* 0, or -errno with the reason printed */
void peers_hist_flush(struct peers *p);
void peers_hist_close(struct peers *p);
void peers_hist_invoke(struct peers *p, struct peers_peer *peer, enum peers_op op);
/* Its outcome; of what was not invoked it is noted as seen. */
void peers_hist_end(struct peers *p, struct peers_peer *peer, enum peers_op op, enum peers_outcome type,
                    enum ike_reason reason);
/* err of the engine: it refused, nothing happened. */
void peers_hist_check(struct peers *p, struct peers_peer *peer, enum peers_op op, int err);
/* An established tunnel is gone; what was under way is unknown. Before its children are freed. */
void peers_hist_down(struct peers *p, struct peers_peer *peer, enum ike_reason reason);

/* peers_ctl.c */
int peers_ctl_open(struct peers *p);
void peers_ctl_close(struct peers *p);
void peers_ctl_accept(struct peers *p);
void peers_ctl_readable(struct peers *p, struct peers_client *c);
/* The status as one JSON line, malloc'ed; NULL without memory. */
char *peers_ctl_status(struct peers *p, uint64_t now);
void peers_ctl_progress(struct peers *p, uint64_t now, bool last);

#endif

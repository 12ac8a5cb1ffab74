/* SPDX-License-Identifier: MIT */
/*
 * Service redundancy between two chassis (StarOS SRP/ICSR), without I/O: election, take-over, switchover, and
 * the shipping of checkpoint rows from the active to the standby chassis. Times come in as arguments (`now`:
 * monotonic µs); everything it does goes out through struct srp_ops. What is guaranteed when, and when both
 * chassis may believe they serve, is written in README.md. Files: srp.c (instance, link, hello, orders),
 * srp_fsm.c (states), srp_elect.c (rules), srp_ship.c (sender), srp_recv.c (receiver), srp_frame.c (framing,
 * saved state). Called by tasks/srp, tests, the fuzzer.
 */
#ifndef SRP_SRP_H
#define SRP_SRP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fsm.h"
#include "proto/srp.pb-c.h"

#define SRP_VERSION    1
#define SRP_NEVER      UINT64_MAX
#define SRP_MAC_LEN    18 /* "02-1B-E8-C1-7E-01" and its NUL */
#define SRP_NAME_LEN   64
#define SRP_SAVED_MAX  128
#define SRP_SAVED_KIND "srp" /* checkpoint kind that is never shipped */

enum srp_state { SRP_INIT, SRP_ACTIVE, SRP_STANDBY, SRP_PENDING_ACTIVE, SRP_PENDING_STANDBY, SRP_STATES };
enum srp_mode { SRP_PRIMARY, SRP_BACKUP };

/* Why the state changed: the numbers of starSRPSwitchReason. */
enum srp_reason {
	SRP_WHY_NOT_DEFINED = 0,
	SRP_WHY_DUAL_ACTIVE = 7,
	SRP_WHY_DUAL_STANDBY = 8,
	SRP_WHY_DEAD_TIMER = 9,
	SRP_WHY_FORCE = 10,
	SRP_WHY_MANUAL = 11,
};

const char *srp_state_name(enum srp_state s); /* "Pending Active" */
int srp_state_parse(const char *name);        /* enum srp_state or -EINVAL */
const char *srp_mode_name(enum srp_mode m);   /* "Primary" */
int srp_mode_parse(const char *name);
const char *srp_reason_name(enum srp_reason r);

/* What the rules compare. */
struct srp_rank {
	enum srp_mode mode;
	uint32_t route_modifier, priority;
	char tiebreaker[SRP_MAC_LEN];
	uint8_t addr[16]; /* SRP address, decides when everything else is equal */
	uint64_t epoch;   /* of the rows it holds */
};

struct srp_config {
	char chassis[SRP_NAME_LEN];
	struct srp_rank rank; /* epoch unused */
	uint8_t peer_addr[16];
	char checksum[24];          /* of the configuration that has to be the same on both */
	uint64_t hello_us, dead_us; /* dead >= 3 * hello */
};

/* What outlives the task: kept as a checkpoint row of kind "srp". */
struct srp_saved {
	enum srp_state state;
	uint64_t epoch;       /* of our rows while we are active */
	uint64_t serve_epoch; /* take-over since which we serve */
	uint64_t seen_epoch;  /* largest ever heard of */
	uint64_t data_epoch;  /* of the rows we hold complete as standby */
	uint32_t switchovers;
};

/*
 * What the engine asks for. None of these may call the engine back. `arg` is given to srp_new().
 * send: a frame (borrowed) to the peer; -EAGAIN for rows when the socket is full (call srp_writable() later);
 * other frames are always taken. drop: close the link; answered by srp_link_down() later or never, both are
 * right. state: the new state counts from now on: publish it. `why` only where a switchover happened.
 * persist: write the saved state; srp_persisted(token) when it would survive.
 * hold: srdb shall hold acknowledgements for the peer, or not any more. acked: the peer has every row up to
 * version. fetch: rows above a version in version order, ended by `upto` (see srp_ship.c), allocated as
 * protobuf-c does; NULL: not now. install: have the rows stored (borrowed), then srp_installed(token).
 * ordered: the end of srp_order(). conn: the peer is heard, or lost.
 */
struct srp_ops {
	int (*send)(void *arg, const SrpFrame *f);
	void (*drop)(void *arg, const char *why);
	void (*state)(void *arg, enum srp_state from, enum srp_state to, enum srp_reason why);
	void (*persist)(void *arg, const struct srp_saved *saved, uint64_t token);
	void (*hold)(void *arg, bool hold, const char *why);
	void (*acked)(void *arg, uint64_t version);
	SrpRows *(*fetch)(void *arg, uint64_t above, size_t max_rows, size_t max_bytes);
	void (*install)(void *arg, const SrpRows *rows, uint64_t token);
	void (*ordered)(void *arg, int code, const char *text);
	void (*conn)(void *arg, bool up);
};

/* The peer as last heard. */
struct srp_peer {
	bool known; /* a hello came since the start */
	enum srp_state state;
	struct srp_rank rank;
	char chassis[SRP_NAME_LEN], checksum[24];
	uint64_t sent_version, acked_version;
	bool in_sync;
	uint64_t hello_us; /* when the last hello came; 0 never */
};

/* Sender's side of the rows. */
#define SRP_SHIP_WINDOW 16
#define SRP_SHIP_ROWS   256
#define SRP_SHIP_BYTES  (256u << 10)
enum srp_ship_phase { SRP_SHIP_OFF, SRP_SHIP_FULL, SRP_SHIP_DELTA };
struct srp_ship {
	enum srp_ship_phase phase;
	bool started;       /* the frame with full_start is out */
	bool full_pending;  /* the frame with full_end is out, not acknowledged */
	bool holding;       /* what srdb was told last: hold acknowledgements for the peer */
	bool in_sync;       /* everything that was ever acknowledged is at the peer */
	uint64_t committed; /* highest version committed here */
	uint64_t sent, acked;
	uint64_t horizon;  /* FULL: the frame that reaches it ends the full synchronisation */
	uint64_t catch_up; /* hold again when this is acknowledged */
	uint64_t hold_us;  /* when srdb was told to hold */
	uint64_t hold_at;  /* what was released until it did: in sync when this is acknowledged */
	uint64_t retry_us; /* fetch or a new start not before; 0: at once */
	struct {
		uint64_t upto, sent_us;
		uint32_t rows;
		bool full_end;
	} unit[SRP_SHIP_WINDOW]; /* sent, not acknowledged */
	unsigned head, n;
};

/* Receiver's side. */
#define SRP_RECV_WINDOW 64
struct srp_recv {
	bool accept; /* rows of `epoch` fit what we hold: a full start came, or we are complete */
	uint64_t epoch;
	uint64_t installed; /* versions of the active chassis up to this are durable here */
	uint64_t upto;      /* … are received */
	uint32_t link;      /* generation of the link */
	uint64_t next_token;
	struct {
		uint64_t token, upto, epoch;
		uint32_t link, rows;
		bool full_start, full_end;
	} unit[SRP_RECV_WINDOW]; /* being installed */
	unsigned head, n;
};

struct srp_stats {
	uint64_t hello_sent, hello_received, hello_lost, connects;
	uint64_t rows_sent, rows_acked, rows_received, rows_nacked, nacks_received, full_syncs;
};

struct srp {
	struct srp_config cfg;
	const struct srp_ops *ops;
	void *arg;
	struct fsm_inst fsm; /* fsm.state: enum srp_state */
	struct srp_saved saved;
	struct srp_peer peer;
	struct srp_ship ship;
	struct srp_recv recv;
	struct srp_stats stats;
	uint64_t now, wall_s; /* of the present call */
	bool link, conn;      /* connected; the peer is heard */
	bool restored;        /* started from saved state: no take-over happened */
	unsigned orphan;      /* hellos in a row that show no chassis is active */
	uint64_t heard_us;    /* last frame of the peer, or when waiting for one began */
	uint64_t hello_due;
	uint64_t orphan_us; /* when the first of the orphan hellos came */
	enum srp_reason why;
	bool claim; /* Pending Active as the one that stays of two active ones */
	uint64_t persist_token;
	/* a switchover ordered here */
	bool order, order_force, order_told;
	uint64_t order_due, order_quiet_us; /* quiet: no commit since */
};

/*
 * Start: `saved` NULL on a fresh chassis (state Init), else go on where the predecessor was. `wall_s`: wall
 * clock in seconds, seeds epochs. NULL without memory. srp_free() wipes nothing: there are no secrets.
 */
struct srp *srp_new(const struct srp_config *cfg, const struct srp_ops *ops, void *arg,
                    const struct srp_saved *saved, uint64_t now, uint64_t wall_s);
void srp_free(struct srp *s);
/* New parameters of a running instance: intervals and ranks take effect with the next hello. */
void srp_configure(struct srp *s, const struct srp_config *cfg, uint64_t now);

/* The connection to the peer came up or went; a new one may replace the old without a srp_link_down()
 * between. */
void srp_link_up(struct srp *s, uint64_t now);
void srp_link_down(struct srp *s, uint64_t now);
/* A frame of the peer. 0, or -EPROTO: malformed, close the link (srp_link_down() was done). */
int srp_frame(struct srp *s, const SrpFrame *f, uint64_t now, uint64_t wall_s);
/* The socket takes rows again. */
void srp_writable(struct srp *s, uint64_t now);
/* Rows up to version are committed in our store. */
void srp_committed(struct srp *s, uint64_t version, uint64_t now);
void srp_persisted(struct srp *s, uint64_t token, uint64_t now);
/* status 0, or -errno: the rows are not here. */
void srp_installed(struct srp *s, uint64_t token, int status, uint64_t now);
/* Run what is due; returns when to call again (absolute, SRP_NEVER never happens: hellos are periodic). */
uint64_t srp_tick(struct srp *s, uint64_t now, uint64_t wall_s);

/* May a switchover be made now? 0, or -errno with the operator's text. */
int srp_validate(const struct srp *s, bool force, char *text, size_t size);
/* Make one: 0: begun, ops.ordered() tells the end. -errno: refused, text says why. */
int srp_order(struct srp *s, bool force, uint64_t now, uint64_t wall_s, char *text, size_t size);

static inline enum srp_state srp_state(const struct srp *s)
{
	return (enum srp_state)s->fsm.state;
}
/* Rows committed and not acknowledged, as a distance of versions. */
uint64_t srp_backlog(const struct srp *s);

/* --- srp_elect.c
 * ---------------------------------------------------------------------------------------------- */
/* Two chassis that are both active: does `a` stay? Lower route-modifier, lower priority number, higher MAC,
 * higher address. */
bool srp_elect_stays(const struct srp_rank *a, const struct srp_rank *b);
/* Nobody is active: does `a` become it? Newer rows, then at first start chassis-mode primary, then as above.
 */
bool srp_elect_starts(const struct srp_rank *a, const struct srp_rank *b);

/* --- srp_frame.c
 * ------------------------------------------------------------------------------------------------ */
#define SRP_FRAME_MAX                                                                                        \
	((1u << 20) + 4096) /* of a packed SrpFrame: the largest row of the store and its names */
#define SRP_FRAME_HEAD 4
/*
 * Length prefix and message. need: bytes of the frame at the start of buf with its prefix; 0: more is wanted;
 * -EMSGSIZE: nonsense, close.
 */
int64_t srp_frame_need(const uint8_t *buf, size_t len);
/* The frame without its prefix; NULL: malformed or a field out of bounds. Free with
 * srp_frame__free_unpacked(). */
SrpFrame *srp_frame_parse(const uint8_t *buf, size_t len);
/* malloc'ed prefix + message; NULL: too large or no memory. */
uint8_t *srp_frame_pack(const SrpFrame *f, size_t *len);
/* Saved state <-> blob of at most SRP_SAVED_MAX bytes. pack returns the length; unpack 0 or -EINVAL. */
size_t srp_frame_save(const struct srp_saved *s, uint8_t blob[SRP_SAVED_MAX]);
int srp_frame_load(struct srp_saved *s, const void *blob, size_t len);

/* The state machine, for tests and drawings. */
extern const struct fsm_table srp_fsm_table;

#endif

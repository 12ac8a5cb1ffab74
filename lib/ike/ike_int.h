/* SPDX-License-Identifier: MIT */
/*
 * Inside the IKEv2 engine: its structs, and the functions its files share. Nobody outside lib/ike includes
 * this, but tests.
 *
 * One packet's way: ike_engine_input() → ike_msg_open() (window, integrity, decryption) → ike_fsm_dispatch()
 * (a row of the exchange table) → a processor in ike_init.c, ike_auth.c, ike_child.c, ike_rekey.c or
 * ike_info.c → ike_msg_reply() → ike_out_end(), which writes the checkpoint rows and hands the transaction
 * out. Time's way: wheel → ike_timer.c → the same functions.
 */
#ifndef IKE_IKE_INT_H
#define IKE_IKE_INT_H

#include "base/counters.h"
#include "base/schemas.h"
#include "base/wheel.h"
#include "ike/ike.h"
#include "ike/ike_crypto.h"
#include "ike/ike_map.h"
#include "ike/ike_wire.h"

#define IKE_US_PER_S   1000000ULL
#define IKE_BUILD_MAX  12288               /* longest message we build: four large certificates */
#define IKE_SEALED_MAX (2 * IKE_BUILD_MAX) /* the same protected, perhaps in fragments */
#define IKE_LINGER_US  (30 * IKE_US_PER_S) /* a deleted SA answers retransmissions so long */
#define IKE_GUARD_US                                                                                         \
	(120 * IKE_US_PER_S) /* a replaced SA waits so long for the peer's delete (chapter 12)               \
	                      */
#define IKE_RIVAL_US     (10 * IKE_US_PER_S) /* … and one that lost against ours, which was made at once */
#define IKE_MORE_US      (2 * IKE_US_PER_S)  /* the peer has so long to ask for further children itself */
#define IKE_NO_PAYLOAD   0xff                /* a child whose payload is not configured any more */
#define IKE_CHILD_LIMIT  32
#define IKE_TEMP_RETRIES 8 /* rekeys again after TEMPORARY_FAILURE (chapter 15) … */
#define IKE_TEMP_MIN_US                                                                                      \
	(120 * IKE_US_PER_S) /* … while half of what is left of the lifetime is at least this */
#define IKE_KE_TRIES       3
#define IKE_PENDING_LEN    4096     /* longest packet that's kept while a transaction is in flight */
#define IKE_INIT_LEN       4096     /* longest IKE_SA_INIT that a stranger may send: it is kept for AUTH */
#define IKE_HALF_BUCKETS   1024     /* counts of half-open SAs by their peers' addresses */
#define IKE_EARLY_FRAGS    1000     /* messages in pieces of peers that are not proven yet */
#define IKE_RETRANS_MAX_MS 15000ULL /* between two repetitions, however often they were doubled */
#define IKE_COOKIE_LEN     33       /* generation, HMAC-SHA2-256 */
#define IKE_COOKIE_US      (60 * IKE_US_PER_S)

/* Requests of ours. Also the kinds of ike_xchg. The values stand in checkpoints: add at the end. */
enum ike_job_kind {
	IKE_JOB_NONE,
	IKE_JOB_DPD,
	IKE_JOB_DEL_CHILD,
	IKE_JOB_REKEY_CHILD,
	IKE_JOB_NEW_CHILD,
	IKE_JOB_REKEY_IKE,
	IKE_JOB_DEL_IKE,
	IKE_JOB_ROUTABILITY, /* MOBIKE: does the peer's new address hear us? */
	IKE_JOB_MOVE,        /* MOBIKE: we have another address */
	IKE_JOB_DISOWN,      /* delete a child that the peer made for us and that we can't take */
	IKE_JOB_TELL,        /* a notify that nobody has to answer: INVALID_SELECTORS, INVALID_MESSAGE_ID */
	IKE_JOBS
};

/* A request that waits for the window. */
struct ike_job {
	struct ike_job *next;
	enum ike_job_kind kind;
	uint32_t spi_in; /* the child it's about; of a new one its payload */
};

/* Our outstanding request (after IKE_AUTH). Everything the answer needs; all of it is in the checkpoint. */
struct ike_xchg {
	enum ike_job_kind kind;
	uint32_t spi_in;     /* child that's rekeyed or deleted; of a new one its payload */
	uint32_t new_spi_in; /* SPI offered for the new child */
	struct ike_node offered;
	uint8_t payload;  /* of the new child */
	uint64_t new_spi; /* SPI offered for the new IKE SA */
	uint8_t nonce[IKE_NONCE_LEN];
	uint16_t group; /* of our KE payload, 0: none */
	uint8_t dh_priv[IKE_DH_PRIV];
	unsigned n_offer;
	struct ike_suite offer[IKE_MAX_SUITES];
	uint8_t tries;    /* INVALID_KE_PAYLOAD answers so far */
	bool target_gone; /* the peer deleted the child meanwhile; of a move: we moved on meanwhile */
	/* the peer rekeys the same at the same time (RFC 7296 section 2.8.1) */
	uint32_t rival_spi_in;
	uint64_t rival_spi;
	uint32_t gone_spi_out; /* child that the peer deleted before we heard that it had made it */
	uint16_t rival_len;
	uint8_t rival_nonce[IKE_NONCE_MAX]; /* the lower one of the peer's exchange */
};

#define IKE_MAX_FETCHED 4 /* certificates of a chain */

/* EAP within IKE_AUTH; nothing of it is checkpointed. */
struct ike_eap {
	uint8_t *first; /* decrypted payloads of the peer's first IKE_AUTH message */
	size_t first_len;
	uint8_t first_type;
	uint8_t *state; /* the owner's */
	size_t state_len;
	uint8_t msk[IKE_MSK_MAX];
	uint8_t msk_len;
	uint8_t id;       /* of the last EAP packet to the peer (responder) */
	uint8_t rounds;   /* answers of the peer so far (responder) */
	bool asked;       /* the owner was */
	bool spoken;      /* the peer has our proof (responder) */
	bool done;        /* EAP succeeded: AUTH is to come */
	bool tell_device; /* the gateway asks for our device (initiator) */
};

/* What only the set-up needs; gone when IKE_AUTH is done. */
struct ike_setup {
	uint16_t group;
	uint8_t dh_priv[IKE_DH_PRIV];
	uint8_t *peer_ke; /* until the keys are derived */
	size_t peer_ke_len;
	bool keyed;
	uint16_t ni_len, nr_len;
	uint8_t ni[IKE_NONCE_MAX], nr[IKE_NONCE_MAX];
	uint8_t sk_pi[IKE_PRF_MAX], sk_pr[IKE_PRF_MAX];
	uint8_t *init_req, *init_resp; /* the IKE_SA_INIT messages as they were on the wire */
	size_t init_req_len, init_resp_len;
	/* waiting for the session */
	uint8_t *auth_inner; /* decrypted payloads of the peer's IKE_AUTH message */
	size_t auth_inner_len;
	uint8_t auth_first;
	struct ike_path auth_path;
	/* authentication */
	uint8_t auth_set; /* which of the policy's, when it is known */
	uint32_t hashes;  /* SIGNATURE_HASH_ALGORITHMS of the peer as bits; 0: none */
	uint8_t *cas;     /* initiator: CAs the peer asks for, hashes of IKE_SA_INIT's CERTREQ */
	size_t cas_len;
	const char *why;     /* why the peer was not believed; static */
	struct ike_eap *eap; /* NULL: not by EAP, or not begun */
	/* certificates by hash and URL (ike_cert_url.c) */
	bool lookup;   /* the peer fetches such ones */
	bool fetching; /* one of the peer's is being fetched; its message waits in auth_inner */
	uint8_t n_fetched;
	struct ike_fetched {
		uint8_t *der; /* NULL: not to be had */
		size_t len;
	} fetched[IKE_MAX_FETCHED];
	/* initiator */
	uint8_t cookie[64];
	uint8_t cookie_len;
	uint8_t tries;
	bool cookie_seen;
	bool own_id; /* the SA was given a local identity of its own */
	struct ike_id remote_id;
	uint32_t child_spi_in; /* SPI offered for the first child */
	struct ike_node offered;
	uint8_t payload; /* of the first child */
	unsigned n_ts_local, n_ts_remote;
	struct ike_ts ts_local[IKE_MAX_TS], ts_remote[IKE_MAX_TS];
};

struct ike_pol {
	struct ike_pol *next;
	struct ike_policy p;
	unsigned refs; /* SAs */
	bool removed;
};

struct ike_idref {
	uint8_t type, len;
	uint8_t data[];
};

struct ike_child {
	struct ike_child *next;
	struct ike_sa *sa;
	struct ike_node by_spi;
	uint32_t spi_in, spi_out;
	struct ike_suite suite;
	bool initiator, encap, deleting, superseded, expired;
	bool used;       /* there was traffic on it, or we can't know */
	bool idle;       /* its soft lifetime passed without: the first packet has it rekeyed */
	uint8_t payload; /* which of the policy's it came from; IKE_NO_PAYLOAD: gone */
	uint8_t temp_failures;
	uint32_t life_kb; /* kilobytes; 0: any number */
	uint32_t rekeys;
	uint64_t created_us, soft_us, hard_us;
	uint8_t n_local, n_remote;
	struct ike_ts *ts; /* local ones, then remote ones */
	uint8_t keys[];    /* in: encr, integ; out: encr, integ */
};

struct ike_pending {
	struct ike_pending *next;
	struct ike_path path;
	size_t len;
	uint8_t pkt[];
};

struct ike_sa {
	struct ike_engine *e;
	struct ike_pol *pol;
	struct ike_sa *prev, *next;
	struct ike_node by_spi, by_init, by_peer;
	struct wheel_timer timer;
	uint64_t spi, peer_spi;
	const enum ike_state state; /* written by ike_sa_set_state() only */
	bool initiator;             /* of this IKE SA (decides flags, keys, order of SPIs) */
	bool nat_local, nat_remote;
	struct net_endpoint
	        seen_at;        /* where the data path saw the peer in a transaction; port 0: where it was */
	bool nat_feigned;       /* nat_local is only said, so that ESP goes in UDP */
	bool stored;            /* a row exists, or is being written */
	bool committed;         /* a row of it was durable once */
	bool doomed;            /* to be killed when the transaction is through */
	bool frag;              /* both sides understand fragments (RFC 7383) */
	bool mobike;            /* both sides speak MOBIKE (RFC 4555) */
	uint16_t replay_window; /* of its children; 0: off. As it was configured when the call began (chapter
	                           1) */
	bool replaced;          /* by a rekey (or the loser of two): its end is no event */
	bool given_up;          /* our call that is not wanted any more: deleted when the peer agrees to it */
	enum ike_reason doom;
	struct ike_path path;
	struct ike_suite suite;
	struct ike_keys keys;
	struct ike_idref *local_id, *peer_id;
	/* message id windows of one, in both directions */
	uint32_t send_next, recv_next;
	uint8_t *resp; /* our answer to request recv_next - 1 */
	size_t resp_len;
	uint8_t *req; /* our request send_next, outstanding */
	size_t req_len;
	uint8_t retrans;
	struct ike_xchg *xchg;
	struct ike_job *jobs;
	struct ike_child *children;
	unsigned n_children;
	struct ike_setup *setup;
	struct ike_out *txn; /* in flight */
	struct ike_pending *pending;
	struct ike_frag *fragments; /* of a message that is not complete yet */
	/* session */
	uint32_t callid;
	struct net_addr inner, inner6;
	bool inner_ours;          /* assigned to us, not to the peer */
	struct ike_device device; /* of the initiator, where it was told */
	uint8_t eap_method;       /* the initiator came by; 0: not by EAP */
	bool has_settings;        /* callbacks.settings, of its set-up or since ike_engine_settle() */
	bool settle;              /* … to be asked for again when the transaction in flight is through */
	uint8_t settings[IKE_SETTINGS_LEN];
	/* times, absolute µs; 0: none */
	uint64_t created_us, up_us, last_seen_us, soft_us, hard_us, setup_us, half_us, retrans_us, dpd_us,
	        empty_us, more_us, dead_us;
	uint32_t rekeys;
	uint8_t temp_failures;
	uint64_t told_us;                 /* when it was last told of something that nobody has to answer */
	uint32_t rate_second, rate_count; /* rekeys the peer asked for in this second */
	uint32_t decrypt_failures;        /* packets in a row that could not be decrypted */
	uint16_t half_bucket;             /* of ike_engine.half_of, + 1; 0: not counted there */
	bool decrypt_alarm;               /* … that was told */
	void *user;
};

#define IKE_OUT_DUE      6
#define IKE_OUT_REPLACED 4

/* A transaction under construction, and later in flight. */
struct ike_out {
	struct ike_txn pub;
	struct ike_node by_id;
	struct ike_out *next; /* emission queue */
	struct ike_engine *e;
	struct ike_action *act;
	unsigned n, cap;
	struct ike_sa *sa[6]; /* rows to write */
	unsigned n_sa;
	struct ike_chunk *mem;
	struct wheel_timer retry;
	/* what is undone when the data path refuses the child (ike_refused.c) */
	uint64_t *due[IKE_OUT_DUE]; /* counters of what has come to pass when it is committed */
	unsigned n_due;
	struct ike_replaced {
		uint32_t spi_in;
		uint64_t soft_us, hard_us; /* as they were */
	} replaced[IKE_OUT_REPLACED];
	unsigned n_replaced;
	struct ike_build proof; /* the answer to IKE_AUTH up to the child; empty: none */
	uint8_t dscp;           /* of what it sends */
	bool failed; /* out of memory: a row or an action is missing, nothing of it may be performed */
};

struct ike_engine {
	struct ike_engine_config cfg;
	struct ike_callbacks cb;
	void *arg;
	struct counters_ikev2 own, *cnt;
	struct ike_crypto *crypto;
	struct wheel wheel;
	uint64_t now;
	struct ike_pol *policies;
	struct ike_map by_spi, by_init, by_peer, by_child, by_txn;
	struct ike_map offered; /* child SPIs of requests that are not answered */
	struct ike_sa *sas;
	struct ike_stats_int {
		size_t sas, half_open, established, children;
		size_t early_frags; /* messages in pieces of peers that are not proven */
	} n;
	uint16_t half_of[IKE_HALF_BUCKETS]; /* half-open SAs of the peers whose address falls here */
	uint64_t refused;
	uint64_t next_txn;
	struct ike_out *out_head, **out_tail;
	uint64_t spi_second; /* of the last INVALID_IKE_SPI, and how many there were */
	unsigned spi_count;
	uint64_t stray_us; /* when INVALID_SPI was last told */
	bool flushing;
	enum ike_congestion congestion;
	bool cookies;
	uint8_t cookie_gen;
	uint64_t cookie_us;
	uint8_t cookie_secret[2][32];
	uint64_t seed;
	uint8_t *scratch; /* a packet being decrypted */
};

/* One received message on its way through a processor. */
struct ike_rx {
	struct ike_engine *e;
	struct ike_sa *sa; /* NULL: IKE_SA_INIT request */
	struct ike_out *t;
	const struct ike_path *path;
	const struct ike_msg *m;
	const uint8_t *raw; /* the datagram */
	size_t raw_len;
	const uint8_t *inner; /* decrypted payloads */
	size_t inner_len;
	uint8_t inner_first;
};

#define IKE_CNT(sa_, field)         counter_inc(&ike_sa_counters(sa_)->field)
#define IKE_CNT_DUE(t_, sa_, field) ike_out_count(t_, &ike_sa_counters(sa_)->field)
#define IKE_ECNT(e_, field)         counter_inc(&(e_)->cnt->field)

/* ---- ike_engine.c ---- */
void ike_engine_count_reason(struct counters_ikev2 *c, enum ike_wire_reason why);
struct ike_pol *ike_engine_match_policy(struct ike_engine *e, const struct ike_path *path);
struct ike_pol *ike_engine_policy(const struct ike_engine *e, const char *name);
void ike_engine_policy_unref(struct ike_engine *e, struct ike_pol *p);
void ike_engine_process(struct ike_engine *e, const struct ike_path *path, const uint8_t *pkt, size_t len);

/* ---- ike_sa.c: SAs, children, tables, jobs ---- */
struct ike_sa *ike_sa_new(struct ike_engine *e, struct ike_pol *pol, bool initiator, uint64_t spi);
/* Emits nothing; not while a transaction of it is in flight. */
void ike_sa_free(struct ike_sa *sa);
void ike_sa_set_state(struct ike_sa *sa, enum ike_state to);
struct counters_ikev2 *ike_sa_counters(const struct ike_sa *sa);
uint64_t ike_sa_new_spi(struct ike_engine *e);
uint32_t ike_sa_new_child_spi(struct ike_engine *e);
/* The same, and no other child gets it while n is in the map e->offered. */
uint32_t ike_sa_offer_child_spi(struct ike_engine *e, struct ike_node *n);
struct ike_sa *ike_sa_find(const struct ike_engine *e, uint64_t spi);
struct ike_sa *ike_sa_find_init(const struct ike_engine *e, uint64_t spi_i, const struct ike_path *path);
void ike_sa_index_init(struct ike_sa *sa, uint64_t spi_i, const struct ike_path *path);
int ike_sa_set_id(struct ike_idref **ref, const struct ike_id *id);
void ike_sa_get_id(const struct ike_idref *ref, struct ike_id *id);
void ike_sa_index_peer(struct ike_sa *sa);
uint64_t ike_sa_peer_key(const struct ike_engine *e, uint32_t ctx_id, uint8_t type, const uint8_t *id,
                         size_t len);
/* Keep what counts for it now; does that differ from what was kept? */
bool ike_sa_take_settings(struct ike_sa *sa);
/* The IKE SA is up: lifetimes, counters, tables. */
void ike_sa_established(struct ike_sa *sa);
/* End of an SA, with children and session, and the right events; it lingers as DEAD and is freed by its
 * timer. */
void ike_sa_kill(struct ike_sa *sa, struct ike_out *t, enum ike_reason reason, uint16_t notify,
                 uint64_t linger_us);
void ike_sa_key(const struct ike_sa *sa, char key[IKE_KEY_LEN]);
void ike_sa_drop_setup(struct ike_sa *sa);
void ike_sa_drop_request(struct ike_sa *sa);
/* … and its exchange; frees offered SPIs. */
void ike_sa_drop_xchg(struct ike_sa *sa);
struct ike_child *ike_sa_child_new(struct ike_sa *sa, const struct ike_suite *suite, const struct ike_ts *ts,
                                   unsigned n_local, unsigned n_remote);
void ike_sa_child_link(struct ike_sa *sa, struct ike_child *c);
void ike_sa_child_free(struct ike_child *c);
struct ike_child *ike_sa_child_in(const struct ike_engine *e, uint32_t spi_in);
struct ike_child *ike_sa_child_out(const struct ike_sa *sa, uint32_t spi_out);
/* The peer asks for a rekey: false when it asks too often (StarOS ikev2-ikesa ddos rekey-rate). */
bool ike_sa_rekey_allowed(struct ike_sa *sa);
unsigned ike_sa_live_children(const struct ike_sa *sa);
/* A child is gone: data path, event, and the timer of an empty IKE SA. */
void ike_sa_child_end(struct ike_child *c, struct ike_out *t, enum ike_reason reason);
/* Queue a request of ours (once per kind and child). 0 or -ENOMEM. */
int ike_sa_job(struct ike_sa *sa, enum ike_job_kind kind, uint32_t spi_in);
void ike_sa_drop_jobs(struct ike_sa *sa);
/* Start the next job if the window is free. */
void ike_sa_run_jobs(struct ike_sa *sa, struct ike_out *t);
/* The soft and the hard lifetime of a child are over. */
void ike_sa_child_worn(struct ike_child *c);
void ike_sa_child_used_up(struct ike_child *c);
uint64_t ike_sa_jitter(struct ike_engine *e, uint64_t lifetime_us);

/* ---- ike_error.c: what is said of messages that can't be taken ---- */
/* IKE_SA_INIT: as its policy says. */
void ike_error_init(struct ike_rx *rx, uint16_t notify);
void ike_error_version(struct ike_engine *e, const struct ike_path *path, const struct ike_hdr *in);
void ike_error_unknown_spi(struct ike_engine *e, const struct ike_path *path, const struct ike_hdr *in);
/* A request outside the window of an SA. */
void ike_error_msgid(struct ike_sa *sa, const struct ike_hdr *h, const uint8_t *pkt, size_t len);
/* An unprotected answer: true when it's INVALID_IKE_SPI, of which nothing follows. */
bool ike_error_hint(struct ike_sa *sa, const struct ike_msg *m);
/* ike_stray.c: what an INFORMATIONAL request says of ESP packets that the peer can't take. */
void ike_stray_told(struct ike_rx *rx);

/* ---- ike_txn.c ---- */
struct ike_out *ike_out_begin(struct ike_engine *e, struct ike_sa *sa);
void ike_out_touch(struct ike_out *t, struct ike_sa *sa);
void ike_out_send(struct ike_out *t, const struct ike_path *path, const uint8_t *pkt, size_t len, bool again);
void ike_out_child(struct ike_out *t, enum ike_action_kind kind, const struct ike_child *c, bool resume,
                   bool out_wait, uint32_t replaces);
void ike_out_child_del(struct ike_out *t, const struct ike_child *c, enum ike_reason reason);
struct ike_event *ike_out_event(struct ike_out *t, enum ike_event_kind kind, const struct ike_sa *sa,
                                enum ike_reason reason);
/* cp: of the peer's request m; NULL: it asks for nothing. */
void ike_out_need_session(struct ike_out *t, const struct ike_sa *sa, const struct ike_cp *cp,
                          const struct ike_msg *m);
void ike_out_need_cert(struct ike_out *t, const struct ike_sa *sa, const char *url, size_t max);
void ike_out_need_eap(struct ike_out *t, const struct ike_sa *sa, const uint8_t *pkt, size_t len);
void ike_out_session_end(struct ike_out *t, const struct ike_sa *sa, enum ike_reason reason);
/* Count this when it is committed; what stores nothing, when it is handed out. */
void ike_out_count(struct ike_out *t, uint64_t *counter);
/* Another child takes its place: it waits for its delete, and no longer than that takes. c may be NULL. */
void ike_out_supersede(struct ike_out *t, struct ike_child *c);
/* The answer as it is now goes without a child if the data path refuses it. */
void ike_out_keep_proof(struct ike_out *t, const struct ike_build *b);
/* One that was handed out, and whose actions are others now: once more, under another number. */
void ike_out_again(struct ike_out *t);
/* Hand the transaction out (or throw it away when it's empty). */
void ike_out_end(struct ike_out *t);
void ike_out_flush(struct ike_engine *e);
void ike_out_free(struct ike_out *t);

/* ---- ike_msg.c: protection, windows ---- */
enum ike_open { IKE_OPEN_OK, IKE_OPEN_BAD, IKE_OPEN_NOKEY };
/* Check integrity and decrypt into e->scratch. */
enum ike_open ike_msg_open(struct ike_sa *sa, const uint8_t *pkt, size_t len, const struct ike_msg *outer,
                           const uint8_t **inner, size_t *inner_len);
/* Protect a chain of payloads. Length of the message in out, 0: it doesn't fit. */
size_t ike_msg_seal(struct ike_sa *sa, uint8_t exchange, bool response, uint32_t msgid,
                    const struct ike_build *b, uint8_t *out, size_t cap);
/* Answer the request in rx: the answer is kept, the window moves on. */
void ike_msg_reply(struct ike_rx *rx, const struct ike_build *b);
void ike_msg_reply_notify(struct ike_rx *rx, uint16_t type, const void *data, size_t len);
/* Send a protected request of ours; it's outstanding until answered. 0 or -errno. */
int ike_msg_request(struct ike_sa *sa, struct ike_out *t, uint8_t exchange, const struct ike_build *b);
/* Send (and keep as outstanding) an unprotected request. */
int ike_msg_request_plain(struct ike_sa *sa, struct ike_out *t, const uint8_t *pkt, size_t len);
void ike_msg_resend(struct ike_sa *sa, struct ike_out *t);
/* The outstanding request is answered. */
void ike_msg_answered(struct ike_sa *sa);
/* Is the outstanding request a check whose repetitions have a pace of their own (StarOS keepalive timeout)?
 */
bool ike_msg_dpd_pace(const struct ike_sa *sa);
uint64_t ike_msg_retrans_us(const struct ike_sa *sa);

/* ---- ike_frag.c: fragments (RFC 7383) ---- */
/* Length of the first packet of a message that may be several. */
size_t ike_frag_first(const uint8_t *pkt, size_t len);
/* Longest message that is sent whole, and longest fragment. */
size_t ike_frag_mtu(const struct ike_sa *sa);
enum ike_frag_result { IKE_FRAG_DROPPED, IKE_FRAG_KEPT, IKE_FRAG_WHOLE };
/* A decrypted fragment. WHOLE: inner and inner_len are the content of the message, valid until the next
 * fragment of the SA, and *first its first payload. */
enum ike_frag_result ike_frag_add(struct ike_sa *sa, const struct ike_msg *outer, size_t packet_len,
                                  const uint8_t **inner, size_t *inner_len, uint8_t *first);
/* Forget a message; the fragments of an incomplete one were dropped, then. */
void ike_frag_drop(struct ike_sa *sa);
/* When its 10 seconds are over, 0: there is none. */
uint64_t ike_frag_due(const struct ike_sa *sa);
/* In IKE_SA_INIT: tell that we understand them; note whether both do. */
void ike_frag_put_support(struct ike_build *b, struct ike_sa *sa);
void ike_frag_note_support(struct ike_sa *sa, const struct ike_msg *m);

/* ---- ike_mobike.c: peers that move (RFC 4555) ---- */
/* IKE_AUTH as responder: what the request says of MOBIKE, and our answer to it. */
void ike_mobike_answer(struct ike_rx *rx, struct ike_build *b);
/* A new address that can't be taken now: the peer tells it again. */
bool ike_mobike_later(struct ike_rx *rx);
/* INFORMATIONAL request: UPDATE_SA_ADDRESSES and its company; adds to the answer. */
void ike_mobike_request(struct ike_rx *rx, struct ike_build *b);
/* As initiator: tell of our new address; what the gateway says to it. */
int ike_mobike_move(struct ike_sa *sa, struct ike_out *t);
void ike_mobike_moved(struct ike_rx *rx, const struct ike_xchg *x);
/* Return routability check of the SA's present path: the request, and its answer. */
int ike_mobike_check(struct ike_sa *sa, struct ike_out *t);
void ike_mobike_checked(struct ike_rx *rx, const struct ike_xchg *x);

/* ---- ike_fsm.c ---- */
#define IKE_FSM_NEW (1u << 31) /* pseudo-state: no SA yet */
struct ike_fsm_row {
	uint8_t exchange;
	bool response;
	uint32_t states;             /* bits 1 << enum ike_state, IKE_FSM_NEW */
	uint32_t required, optional; /* IKE_SEEN() bits; other payloads are counted and ignored */
	void (*process)(struct ike_rx *rx);
	const char *story;
};
const struct ike_fsm_row *ike_fsm_rows(size_t *n);
const struct ike_fsm_row *ike_fsm_find(uint32_t state_bit, uint8_t exchange, bool response);
void ike_fsm_dispatch(struct ike_rx *rx);

/* ---- ike_notify.c: counters of notifies ---- */
void ike_notify_count(struct counters_ikev2 *c, const struct ike_msg *m);
void ike_notify_count_sent(struct counters_ikev2 *c, uint16_t type);

/* ---- exchanges ---- */
void ike_init_refuse(struct ike_rx *rx, uint16_t type, const void *data, size_t len);
void ike_init_request(struct ike_rx *rx);
void ike_init_response(struct ike_rx *rx);
int ike_init_start(struct ike_sa *sa, struct ike_out *t);
int ike_init_keys(struct ike_sa *sa);
/* NAT detection (RFC 7296 section 2.23): our hashes, and what the peer's say of a path. */
void ike_init_put_natd(struct ike_build *b, struct ike_sa *sa, const struct ike_path *path, uint64_t spi_i,
                       uint64_t spi_r);
void ike_init_detect_nat(struct ike_sa *sa, const struct ike_msg *m, const struct ike_path *path);
/* Does the peer's newest packet show its address? Only that of a peer behind a NAT, and to a host that is not
 * behind one itself: it could be turned away with a single packet (RFC 7296 section 2.23). */
bool ike_init_follows(const struct ike_sa *sa);
bool ike_cookie_wanted(struct ike_engine *e);
void ike_cookie_make(struct ike_engine *e, const struct ike_path *path, uint64_t spi_i,
                     const struct ike_buf *ni, uint8_t gen, uint8_t out[IKE_COOKIE_LEN]);
bool ike_cookie_check(struct ike_engine *e, const struct ike_path *path, uint64_t spi_i,
                      const struct ike_buf *ni, const struct ike_buf *got);
void ike_cookie_threshold(struct ike_engine *e, struct ike_out *t);

/* ---- ike_guard.c: protection ---- */
/* A new IKE_SA_INIT request: is there room? False: it was turned away. */
bool ike_guard_may_begin(struct ike_rx *rx, const struct ike_pol *pol, struct counters_ikev2 *c);
/* The policy that counts for a peer with these vendor ids (chapter 20). */
struct ike_pol *ike_guard_vendor(struct ike_rx *rx, struct ike_pol *pol, struct counters_ikev2 *c);
/* The half-open timer starts, is not needed any more, is over. */
void ike_guard_half_open(struct ike_sa *sa);
/* It is half open no more: it counts no longer for its peer's address. */
void ike_guard_half_left(struct ike_sa *sa);
void ike_guard_half_done(struct ike_sa *sa);
void ike_guard_half_expired(struct ike_sa *sa);
/* A packet of the SA could not be decrypted (the SA may be dead after it); could. */
void ike_guard_undecryptable(struct ike_sa *sa);
void ike_guard_decrypted(struct ike_sa *sa, struct ike_out *t);
/* Is this identity kept out by a list? *why: static text. */
bool ike_guard_listed(const struct ike_sa *sa, const struct ike_id *peer, const char **why);
/* A CREATE_CHILD_SA request of a peer that is kept out by now; true: it was refused. */
bool ike_guard_child_listed(struct ike_rx *rx);

/* ---- ike_cert.c: certificates ---- */
/* IKE_SA_INIT: what we say of certificates and signatures; what the peer says. */
void ike_cert_put_init(struct ike_build *b, struct ike_sa *sa);
int ike_cert_note_init(struct ike_sa *sa, const struct ike_msg *m);

/* ---- ike_cert_url.c: certificates by hash and URL ---- */
/* Is there one in the IKE_AUTH message that has to be fetched before its sender can be proven? Then it is
 * asked for, the message is kept, and this is true. */
bool ike_cert_url_wait(struct ike_rx *rx);
/* The i-th such CERT of a message, fetched: false: not to be had. */
bool ike_cert_url_take(const struct ike_sa *sa, unsigned i, struct ike_buf *der);
/* May our certificate be named by hash and URL in answer to this message (as initiator NULL: IKE_SA_INIT's)?
 */
bool ike_cert_url_welcome(const struct ike_sa *sa, const struct ike_msg *m);
void ike_cert_url_put(struct ike_build *b, struct ike_sa *sa, const uint8_t *der, size_t len);
void ike_cert_url_free(struct ike_setup *s);

/* ---- ike_eap.c: IKE_AUTH of several rounds as responder ---- */
/* A request of the second round or a later one. */
void ike_eap_request(struct ike_rx *rx);
void ike_eap_free(struct ike_setup *s);
/* An established SA is one more, or one less, of its EAP method. */
void ike_eap_gauge(struct ike_sa *sa, int dir);

int ike_auth_start(struct ike_sa *sa, struct ike_out *t);
void ike_auth_request(struct ike_rx *rx);
void ike_auth_waiting(struct ike_rx *rx);
void ike_auth_response(struct ike_rx *rx);
/* Keep the decrypted IKE_AUTH message in setup->auth_inner. False: no memory. */
bool ike_auth_keep(struct ike_rx *rx);
/* The message that waited in setup->auth_inner goes on as if it came now. */
void ike_auth_again(struct ike_sa *sa, struct ike_out *t);
void ike_auth_session(struct ike_sa *sa, struct ike_out *t, const struct ike_session_result *r);
/* As initiator: the session is there, or refused. */
void ike_auth_init_session(struct ike_sa *sa, struct ike_out *t, const struct ike_session_result *r);
/* … we don't want the tunnel that the peer has agreed to: it's told so. */
void ike_auth_withdraw(struct ike_sa *sa, struct ike_out *t, enum ike_reason why);
/* A request that can't be read ends the set-up with an error notify. */
void ike_auth_refuse(struct ike_rx *rx, uint16_t notify, enum ike_reason reason, const void *data,
                     size_t len);

void ike_child_request(struct ike_rx *rx);
void ike_child_refuse(struct ike_rx *rx);
void ike_child_response(struct ike_rx *rx);
int ike_child_start(struct ike_sa *sa, struct ike_out *t, enum ike_job_kind kind, uint32_t spi_in);
/* Build a child from a finished negotiation. NULL: memory or libcrypto. */
struct ike_child_made {
	uint8_t payload;
	const struct ike_suite *suite;
	uint32_t spi_in, spi_out;
	bool initiator;
	const struct ike_ts *ts_local, *ts_remote;
	unsigned n_local, n_remote;
	struct ike_buf shared, ni, nr;
};
struct ike_child *ike_child_make(struct ike_sa *sa, const struct ike_child_made *c);
/* What we say when something else is under way: TEMPORARY_FAILURE, or what RFC 4306 had for it (StarOS
 * ikev2-ikesa policy use-rfc5996-notification). */
uint16_t ike_child_busy(const struct ike_sa *sa, uint16_t rfc4306);
/* Is a child SA asked for that the peer may have made already? What it says of one we don't know may be of
 * that one. */
bool ike_child_making(const struct ike_sa *sa);
/* TEMPORARY_FAILURE to our rekey: true when it's to be tried again later (chapter 15). */
bool ike_child_retry_later(struct ike_sa *sa, uint8_t *failures, uint64_t *soft_us, uint64_t hard_us);

void ike_rekey_request(struct ike_rx *rx, const struct ike_proposals *p);
void ike_rekey_response(struct ike_rx *rx);
int ike_rekey_start(struct ike_sa *sa, struct ike_out *t);
/* The old SA ends while both rekey: what the peer made survives. */
void ike_rekey_settle_rival(struct ike_sa *old, struct ike_out *t);
/* Lower of two nonces (RFC 7296 section 2.8.1): <0, 0, >0. */
int ike_rekey_compare(const uint8_t *a, size_t alen, const uint8_t *b, size_t blen);

void ike_info_request(struct ike_rx *rx);
void ike_info_response(struct ike_rx *rx);
int ike_info_dpd(struct ike_sa *sa, struct ike_out *t);
/* An INFORMATIONAL request of ours that belongs to a job; x is adopted and freed with the exchange. 0 or
 * -errno. */
int ike_info_send(struct ike_sa *sa, struct ike_out *t, struct ike_xchg *x, const struct ike_build *b);
/* A notify of ours, now. Only while no request is outstanding. */
int ike_info_tell(struct ike_sa *sa, struct ike_out *t, const struct ike_build *b);
int ike_info_delete_child(struct ike_sa *sa, struct ike_out *t, uint32_t spi_in);
int ike_info_disown(struct ike_sa *sa, struct ike_out *t, uint32_t spi_in);
int ike_info_delete_ike(struct ike_sa *sa, struct ike_out *t);

/* ---- ike_timer.c ---- */
void ike_timer_arm(struct ike_sa *sa);
void ike_timer_fire(struct wheel_timer *w, uint64_t now, void *arg);
/* After anything happened on an SA: run jobs, hand out the transaction, arm the timer. */
void ike_timer_settle(struct ike_sa *sa, struct ike_out *t);

/* ---- ike_ckpt.c ---- */
int ike_ckpt_encode(const struct ike_sa *sa, struct pack_writer *w);

/* ---- ike_cmd.c ---- */
/* As initiator: the same once more as a new SA, with the next auth set. False: there is none. */
bool ike_cmd_next_set(struct ike_sa *sa);
/* The peer's packets come from elsewhere now: follow (RFC 7296 section 2.23). */
void ike_cmd_move(struct ike_sa *sa, struct ike_out *t, const struct net_endpoint *remote);
/* … to where the data path saw the peer, if it saw it elsewhere. */
void ike_cmd_follow(struct ike_sa *sa, struct ike_out *t);
/* … over another path altogether: addresses, ports, NAT or not. */
void ike_cmd_repath(struct ike_sa *sa, struct ike_out *t, const struct ike_path *path);

/* ---- ike_view.c ---- */
void ike_view_fill(const struct ike_sa *sa, struct ike_sa_view *v);
void ike_view_child(const struct ike_child *c, struct ike_child_act *a);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Private to sessmgr: the calls of one instance. _call.c takes them up and ends them, _pool.c gets and
 * returns chunks of addresses, _crr.c keeps recovery records at the aaamgr, _recover.c rebuilds everything
 * from those and the rows and audits it, _eap.c hands on what is for authentication servers, _count.c keeps
 * the wsg counters, _cfg.c follows configuration and redundancy state, _show.c answers operators.
 */
#ifndef SESSMGR_H
#define SESSMGR_H

#include <stdbool.h>
#include <stdint.h>
#include "base/schemas.h"
#include "pool/lease.h"
#include "session/session.h"
#include "store/store.h"
#include "task/ckpt.h"
#include "task/task.h"
#include "task/watch.h"

#define SESSMGR_SETUP_US  (60 * 1000000ULL) /* a call that is not up after this is released */
#define SESSMGR_ORPHAN_MS 4000              /* … after its ipsecmgr was restarted */
#define SESSMGR_SWEEP_MS  5000
#define SESSMGR_LOAD_MS   1000
#define SESSMGR_LOAD_AGE  6 /* sweeps until it is told again though nothing changed */
#define SESSMGR_AUDIT_MS  60000
#define SESSMGR_SOON_MS   1000 /* after an ipsecmgr came back: what it could not tell any more */
#define SESSMGR_SETTLE_MS 5000 /* after a restart, until chunks of the rows are used for new calls */
#define SESSMGR_IDLE_US   (60 * 1000000ULL) /* an unused chunk goes back after this */
#define SESSMGR_CHUNK     256               /* addresses asked for at a time */
#define SESSMGR_CHUNK_MS  8000              /* vpnmgr may be restarting; ipsecmgr asks again meanwhile */
#define SESSMGR_EAP_MS    120000 /* servers that are silent one after the other; the set-up timer is sooner */
#define SESSMGR_REASONS   32
#define SESSMGR_APN_MAX   256     /* as a peer names it, with the NUL */
#define SESSMGR_NO_LIMIT  1000000 /* max-sessions: from here on there is none */

/* An address that a call waits for. */
struct sessmgr_need {
	bool open; /* wanted, and not there yet */
	int family;
	struct net_addr want;     /* AF_UNSPEC: any */
	char pool[POOL_NAME_MAX]; /* as asked for; "": any */
};

/* What only a call that waits for its addresses needs. */
struct sessmgr_wait {
	struct bus_from from;
	struct sessmgr_need need[2]; /* IPv4, IPv6 */
	char apn[SESSMGR_APN_MAX];   /* whose P-CSCFs are asked for; "": none */
};

/* Checkpoints of a call to the aaamgr: of a full feed, and of a change. Monotonic times, 0: never. */
enum { SESSMGR_FULL, SESSMGR_MICRO, SESSMGR_CKPTS };
struct sessmgr_ckpt {
	uint32_t attempts, success;
	uint64_t last_attempt, last_success;
};

/* The owner's part of a call line (call->data). */
struct sessmgr_call {
	struct counters_wsg *wsg;  /* NULL: not counted */
	struct sessmgr_wait *wait; /* state ARRIVED only */
	struct bus_from *ended;    /* who told of its end, and hears when that is durable */
	bool row_kept;             /* the store refused to delete its row */
	struct sessmgr_ckpt ckpt[SESSMGR_CKPTS];
	bool queued; /* for the next update of the aaamgr */
	bool stored; /* recovery: its row is in the store */
};

struct sessmgr_chunk_req;
struct sessmgr_audit;

/* How a comparison of calls with IKE SAs ended. */
struct sessmgr_audited {
	uint64_t wall_us;
	uint32_t fetched; /* from the aaamgr; of a recovery only */
	uint32_t prior, lost, left, ms;
};

struct sessmgr_reason {
	char text[SESSION_REASON_MAX];
	uint64_t n;
};

struct sessmgr {
	struct task *t;
	struct ckpt *ckpt;
	struct store_reader *store;
	struct session_table *table;
	struct lease_set *leases;
	struct counters *counters;
	bool srp_known, serving, after_failure;
	bool recovering;      /* all rows are going to be read */
	bool fetching;        /* recovery records are on their way from the aaamgr */
	uint32_t aaamgr_card; /* 0: it is not there */
	uint64_t epoch;
	uint32_t gen; /* grows when serving changes: answers on the way are for nobody any more */
	uint64_t activated_us;
	uint32_t recovered;
	struct sessmgr_chunk_req *requests;
	struct sessmgr_audit *audit;                      /* under way */
	struct sessmgr_audited last_audit, last_recovery; /* wall_us 0: there was none */
	uint64_t audits, audits_released;
	unsigned audits_soon; /* still to do: an ipsecmgr came back, or did not answer */
	struct task_timer *soon;
	struct task_timer *orphans, *settle; /* running, or NULL */
	struct task_timer *row_again;        /* rows are to be deleted that the store refused to */
	uint32_t settling[64];               /* contexts being settled */
	unsigned n_settling, settle_rounds;
	uint64_t exhausted_us; /* when a pool was last found empty while chunks were unsettled */
	uint32_t load_sent;
	unsigned load_age; /* sweeps since */
	struct task_timer *load_timer;
	struct sessmgr_reason reasons[SESSMGR_REASONS];
	unsigned n_reasons;
	uint64_t set_up, refused, ended;
	bool reserved; /* sessmgr_limit.c */
};

extern struct sessmgr sessmgr;

/* sessmgr_cfg.c */
int sessmgr_cfg_init(struct task *t);
int sessmgr_cfg_start(struct task *t, const char *reason);
uint32_t sessmgr_cfg_sessions(struct task *t);
/* Calls came or went: tell sessctrl within the second. */
void sessmgr_cfg_load_soon(struct sessmgr *s);
/* Name servers for subscribers of a context; returns how many (at most 2). */
unsigned sessmgr_cfg_dns(const struct sessmgr *s, uint32_t ctx, struct net_addr dns[2]);
/* P-CSCF addresses of an APN of a context, in their order; returns how many (at most VPN_APN_PCSCF). */
unsigned sessmgr_cfg_pcscf(const struct sessmgr *s, uint32_t ctx, const char *apn, struct net_addr *out);
/* A context's name, "?" when it is not known. Never NULL. */
const char *sessmgr_cfg_context(const struct sessmgr *s, uint32_t ctx);
/* Instance number of a sender "facility/N"; 0: none. */
uint32_t sessmgr_cfg_sender(const struct bus_msg *m);
/* Compare calls with IKE SAs twice, a second apart: only the second time releases. */
void sessmgr_cfg_audit_soon(struct sessmgr *s);

/* sessmgr_call.c */
void sessmgr_call_new(struct task *t, const struct bus_msg *m);
void sessmgr_call_state(struct task *t, const struct bus_msg *m);
/* The owner's part of a call. 0 or -ENOMEM. */
int sessmgr_call_attach(struct sessmgr *s, struct session_call *c);
/* The call has its address (or needs none): answer. */
void sessmgr_call_answer(struct sessmgr *s, struct session_call *c);
/* The call cannot be: answer with a reason (NULL: do not answer, the asker tries again) and forget it. */
void sessmgr_call_refuse(struct sessmgr *s, struct session_call *c, const char *reason);
/* End a call: delete its row, then free its address. */
void sessmgr_call_end(struct sessmgr *s, struct session_call *c, enum session_ev ev, const char *reason);
/* Forget a call at once, without touching its row. */
void sessmgr_call_drop(struct sessmgr *s, struct session_call *c);
/* Its addresses, "none" without one, into buf. Returns buf. */
#define SESSMGR_ADDRS_STRLEN (2 * NET_ADDR_STRLEN + 2)
const char *sessmgr_call_addrs(const struct session_call *c, char buf[SESSMGR_ADDRS_STRLEN]);
/* Its IKE SA has a new name (checkpoint key), after a rekey; "": nothing new. */
void sessmgr_call_rename(struct sessmgr *s, struct session_call *c, const char *ike_key);
/* Set-up timers. */
void sessmgr_call_sweep(struct sessmgr *s);
/* An ipsecmgr is another process now: set-ups it asked for are up (the row says so) or over, soon. */
void sessmgr_call_orphans(struct sessmgr *s, uint32_t ipsecmgr);

/* sessmgr_pool.c */
/* Find the addresses that a call in state ARRIVED waits for: answers it, or asks vpnmgr for chunks and
 * answers it later: with what there is, or refuses it when there is nothing. */
void sessmgr_pool_address(struct sessmgr *s, struct session_call *c);
void sessmgr_pool_release(struct sessmgr *s, struct session_call *c);
/* Chunks that are long unused go back. */
void sessmgr_pool_sweep(struct sessmgr *s);
/* Have the chunks of a context confirmed by vpnmgr, then use them. */
void sessmgr_pool_settle(struct sessmgr *s, uint32_t ctx);
/* Read the chunks that are ours from the rows (ctx UINT32_MAX: of all contexts). Returns their number. */
uint32_t sessmgr_pool_load(struct sessmgr *s, uint32_t ctx, bool settled);
void sessmgr_pool_forget(struct sessmgr *s);

/* sessmgr_crr.c */
void sessmgr_crr_start(struct sessmgr *s);
/* A call is up, has another IKE SA, or is over. */
void sessmgr_crr_changed(struct sessmgr *s, struct session_call *c);
/* All calls to the aaamgr, if it is there. */
void sessmgr_crr_feed(struct sessmgr *s);
/* Fetch the records: `record` for each (true: taken), then `done` with their number, at once when there is no
 * aaamgr; not when this chassis stopped serving meanwhile. */
typedef bool (*sessmgr_crr_record)(struct sessmgr *s, uint32_t callid, const uint8_t *row, size_t len);
typedef void (*sessmgr_crr_fetched)(struct sessmgr *s, uint32_t n);
void sessmgr_crr_fetch(struct sessmgr *s, sessmgr_crr_record record, sessmgr_crr_fetched done);

/* sessmgr_recover.c */
/* This chassis serves: rebuild calls and addresses, after a failure of this task from the aaamgr's records
 * and the rows, else from the rows. `done` when the calls are there (now, or when the records have come). */
void sessmgr_recover_all(struct sessmgr *s, void (*done)(struct sessmgr *s));
/* This chassis does not serve any more: forget everything, leave the rows. */
void sessmgr_recover_drop(struct sessmgr *s);
/* Calls of the rows that we do not know (of a predecessor's last moments). Returns how many were taken. */
uint32_t sessmgr_recover_missing(struct sessmgr *s);
/* One call from its row. NULL: it cannot be restored now, or (*over) it is over for good: it has no row any
 * more, or no address. */
struct session_call *sessmgr_recover_one(struct sessmgr *s, uint32_t callid, bool *over);
/* Is a call's row in the store? */
bool sessmgr_recover_has_row(struct sessmgr *s, uint32_t callid);
/* Compare calls with IKE SAs; those without one are released after their ipsecmgr confirmed it. */
void sessmgr_recover_audit(struct sessmgr *s);

/* sessmgr_limit.c */
/* Is this call, which counts itself already, one too many of its service? Counts that. */
bool sessmgr_limit_reached(struct sessmgr *s, const struct session_call *c);
/* Calls of our rows count until they are rebuilt. */
void sessmgr_limit_reserve(struct sessmgr *s);
void sessmgr_limit_release(struct sessmgr *s);

/* sessmgr_count.c */
void sessmgr_count_attach(struct sessmgr *s, struct session_call *c);
void sessmgr_count_changed(struct session_call *c, int from, int to, void *arg);
/* The call is dropped without events: gauges. */
void sessmgr_count_forget(struct session_call *c);
void sessmgr_count_refused(struct session_call *c, const char *reason);
void sessmgr_count_ended(struct sessmgr *s, struct session_call *c, bool was_up, const char *reason);

/* sessmgr_eap.c */
void sessmgr_eap_ask(struct task *t, const struct bus_msg *m);

/* sessmgr_show.c */
void sessmgr_show(struct task *t, const struct bus_msg *m);

#endif

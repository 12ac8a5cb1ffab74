/* SPDX-License-Identifier: MIT */
/*
 * The call lines of one sessmgr: a table by call id and by IKE SA, the state machine of a call line, and its
 * checkpoint row (session_row.c). No I/O: tasks/sessmgr feeds events and does what they mean. A call line is
 * created by session_new(), moves by session_event(), and is freed by session_free() when it is SESSION_IDLE
 * again.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/fsm.h"
#include "net/addr.h"

#define SESSION_LIMIT         12000 /* calls per sessmgr */
#define SESSION_SERVICE_MAX   64
#define SESSION_POOL_MAX      32
#define SESSION_PEER_MAX      256
#define SESSION_IMEI_MAX      17
#define SESSION_IKE_KEY_MAX   64
#define SESSION_REASON_MAX    48
#define SESSION_CALLID_STRLEN 9
#define SESSION_TRACE         8
#define SESSION_INSTANCE_MAX  4095 /* instance number in the top 12 bits of a call id */

enum session_state {
	SESSION_IDLE,      /* SMGR_STATE_OPEN: new, or over */
	SESSION_ARRIVED,   /* SMGR_STATE_NEWCALL_ARRIVED: waits for an address */
	SESSION_ANSWERED,  /* SMGR_STATE_NEWCALL_ANSWERED: ipsecmgr has the answer, the tunnel is not up */
	SESSION_CONNECTED, /* SMGR_STATE_CONNECTED */
	SESSION_DISCONNECTING, /* SMGR_STATE_DISCONNECTING: the row's deletion is on its way */
	SESSION_STATES
};

enum session_ev {
	SESSION_EV_NEWCALL,      /* a tunnel wants a session */
	SESSION_EV_ADDR_SUCCESS, /* it has its address (or needs none) */
	SESSION_EV_ADDR_FAIL,
	SESSION_EV_UP,        /* the tunnel is durable and up */
	SESSION_EV_RECOVERED, /* rebuilt from its row */
	SESSION_EV_DOWN,      /* the tunnel is gone, or never came */
	SESSION_EV_SETUP_TIMEOUT,
	SESSION_EV_AUDIT_FAIL, /* its IKE SA does not exist any more */
	SESSION_EV_ROW_GONE,   /* the row's deletion is durable */
	SESSION_EVS
};

extern const struct fsm_table session_fsm;

struct session_table;

struct session_call {
	uint32_t callid;
	uint32_t ctx;
	uint32_t ipsecmgr;
	char service[SESSION_SERVICE_MAX];
	char pool[SESSION_POOL_MAX], pool6[SESSION_POOL_MAX]; /* of addr, of addr6 */
	char peer_id[SESSION_PEER_MAX];
	char ike_key[SESSION_IKE_KEY_MAX];
	char imei[SESSION_IMEI_MAX];       /* IMEI or IMEISV of the device; "": not known */
	struct net_addr peer, addr, addr6; /* peer's outer address; assigned ones, each may be AF_UNSPEC */
	uint64_t start_us;                 /* steady time */
	uint64_t connect_us;               /* steady time; 0: not yet */
	char reason[SESSION_REASON_MAX];   /* why it ended */

	struct fsm_inst fsm;
	bool recovered;             /* rebuilt after a failure: "Recovered Session" */
	bool has_row;               /* its row is known to be in the store */
	bool has_lease, has_lease6; /* addr, addr6 is marked in the lease set */
	uint8_t audits;             /* audits failed in a row */
	struct {
		uint8_t state, event;
	} trace[SESSION_TRACE]; /* ring, newest at (ntrace - 1) % SESSION_TRACE */
	uint32_t ntrace;

	struct session_table *table;
	struct session_call *next_id, *next_key, *prev, *next; /* private */
	uint64_t deadline_us; /* the owner's: monotonic time by which the set-up must be complete */
	void *data;           /* the owner's */
};

/* After every change of state, from -1 for a new call: gauges and counters belong here. */
typedef void (*session_changed_fn)(struct session_call *c, int from, int to, void *arg);

struct session_table *session_table_new(uint32_t instance, uint32_t seed, session_changed_fn changed,
                                        void *arg); /* NULL: no memory */
void session_table_free(struct session_table *t);   /* with its calls, without events; NULL-safe */
/* The instance changed (a standby took a number over); only while the table is empty. seed: random, where
 * call ids start. */
void session_table_rename(struct session_table *t, uint32_t instance, uint32_t seed);
uint32_t session_count(const struct session_table *t);
/* Calls in a state. */
uint32_t session_in_state(const struct session_table *t, enum session_state state);

/* A new call line in state IDLE with a fresh call id. NULL with errno ENOSPC (the limit) or ENOMEM. */
struct session_call *session_new(struct session_table *t, const char *ike_key);
/* A call line for a row: takes its identity. NULL with errno EEXIST (id known), ENOSPC, ENOMEM. */
struct session_call *session_adopt(struct session_table *t, const struct session_call *row);
/* The tunnel's IKE SA was rekeyed. 0 or -EINVAL (too long). */
int session_set_ike_key(struct session_call *c, const char *ike_key);
/* Off the table and freed. */
void session_free(struct session_call *c);

struct session_call *session_find(const struct session_table *t, uint32_t callid);
struct session_call *session_find_ike(const struct session_table *t, const char *ike_key);
/* In order of arrival; prev NULL: the first. */
struct session_call *session_next(const struct session_table *t, const struct session_call *prev);

/* 0, or -EPROTO: not a legal event in this state (logged). arg is not used by the table's actions. */
#define session_event(c, ev) session_dispatch((c), (ev), __FILE__, __LINE__)
int session_dispatch(struct session_call *c, enum session_ev ev, const char *file, int line);
enum session_state session_state(const struct session_call *c);
/* "SMGR_STATE_CONNECTED", "SMGR_EVT_NEWCALL". */
const char *session_state_name(int state);
const char *session_event_name(int event);

/* Eight hex digits. parse: 0 or -EINVAL. */
const char *session_callid_format(uint32_t callid, char buf[SESSION_CALLID_STRLEN]);
int session_callid_parse(const char *text, uint32_t *callid);
uint32_t session_callid_instance(uint32_t callid);

/* session_row.c: kind "call", key = call id as text, owner sessmgr/<instance>. */
#define SESSION_ROW_KIND "call"
#define SESSION_ROW_MAX  640
/* Returns the length, 0 if it did not fit (never for valid calls). */
size_t session_row_encode(const struct session_call *c, uint8_t *buf, size_t size);
/* Fills the identity fields of *c (zeroed first), nothing else. 0, -EBADMSG, -EPROTONOSUPPORT. */
int session_row_decode(struct session_call *c, const void *blob, size_t len);

#endif

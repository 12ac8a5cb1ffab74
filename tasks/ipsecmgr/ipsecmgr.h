/* SPDX-License-Identifier: MIT */
/*
 * Private to ipsecmgr: one instance of the IKE engine with everything around it that does I/O.
 * ipsecmgr_engine.c carries out the engine's transactions in order (store, data path, packets),
 * ipsecmgr_data.c talks to iftask, ipsecmgr_sess.c to sessmgr and vpnmgr, ipsecmgr_cfg.c turns the
 * configuration into policies, ipsecmgr_serve.c starts and stops serving (activation, SRP, restore),
 * ipsecmgr_show.c and ipsecmgr_ctl.c answer operators.
 */
#ifndef IPSECMGR_H
#define IPSECMGR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/clock.h"
#include "base/counters.h"
#include "base/schemas.h"
#include "ike/ike.h"
#include "net/steer.h"
#include "secret/secret.h"
#include "task/ckpt.h"
#include "task/task.h"
#include "task/watch.h"

#define IPSECMGR_MAX_SA         12000 /* IKE SAs of one instance: its session limit */
#define IPSECMGR_STANDBY        5000  /* instances above are standby ones */
#define IPSECMGR_SESSION_MS     2000  /* a sessmgr answers within this, or another one is asked */
#define IPSECMGR_ANSWER_MS      60000 /* and its answer is listened to as long as it keeps such a call */
#define IPSECMGR_SESSION_TRY_MS 10000 /* a tunnel waits so long for any sessmgr */
#define IPSECMGR_TURN_SESSIONS  4     /* asked of one sessmgr in a turn of the loop, whatever it has */
#define IPSECMGR_STAY_SESSIONS  32    /* … and at most before the next one is looked for */
#define IPSECMGR_FULLER         8 /* one part in so many of its calls that a sessmgr may have more than others */
#define IPSECMGR_TELL_MS        30000 /* how long a sessmgr that is away is told again */
#define IPSECMGR_DATA_MS        5000
#define IPSECMGR_VENDORS        64   /* vendor templates of a vendor policy */
#define IPSECMGR_QUEUE          2000 /* transactions under way that count as a full queue */

/* --- ipsecmgr_map.c: 64-bit number -> pointer
 * ------------------------------------------------------------------- */
struct ipsecmgr_map {
	struct ipsecmgr_slot {
		uint64_t key;
		void *value; /* NULL: free */
	} * slot;
	size_t cap, n;
};
void ipsecmgr_map_free(struct ipsecmgr_map *m); /* the table only */
void *ipsecmgr_map_get(const struct ipsecmgr_map *m, uint64_t key);
int ipsecmgr_map_set(struct ipsecmgr_map *m, uint64_t key, void *value); /* add or replace; 0 or -ENOMEM */
void *ipsecmgr_map_del(struct ipsecmgr_map *m, uint64_t key);
/* Walk; *pos starts at 0. Nothing may be added or removed meanwhile. NULL at the end. */
void *ipsecmgr_map_next(const struct ipsecmgr_map *m, size_t *pos);

/* --- what the instance knows
 * --------------------------------------------------------------------------------------- */

/* A policy given to the engine: a wsg-service's bind with its crypto template. Owned by ipsecmgr_cfg.c. */
struct ipsecmgr_policy {
	struct ipsecmgr_policy *next;
	struct ike_policy pol;
	char context[80], service[64], template[IKE_NAME_MAX], pool[32], pool6[32];
	char counter_key[COUNTERS_KEY_MAX]; /* CONTEXT/TEMPLATE or CONTEXT/MAP */
	uint32_t ctx;
	uint32_t cookie_on, cookie_off; /* half-open SAs from which on cookies are demanded; 0: never */
	bool cookie_always;             /* start 0: of everybody */
	enum ipsecmgr_list {
		IPSECMGR_NO_LIST,
		IPSECMGR_BLACKLIST,
		IPSECMGR_WHITELIST
	} list;                           /* the list of peers that counts (chapter 13) */
	struct ipsecmgr_map_state *map;   /* of a crypto map (its name is `template`); NULL: a service */
	bool site_to_site, remote_access; /* deployment-mode; neither: not configured */
	bool one_session; /* duplicate-session-detection: a peer has one tunnel (chapter 25) */
	struct ipsecmgr_vendor {
		char id[65]; /* "": no rule */
		char template[IKE_NAME_MAX];
	} * vendors;                       /* by precedence less one; NULL: no vendor policy (chapter 20) */
	uint64_t vendor_set;               /* of a derived policy: which vendor templates it took in */
	uint32_t mtu4, mtu6, pre_fragment; /* longest inner packets (chapters 8 and 9); 0: any */
	uint32_t dont_fragment;            /* SaPair.dont_fragment */
	bool frozen;         /* as it was: its configuration can not be used now. Tunnels stay, nobody
	                        new is let in */
	bool remote_secrets; /* peers' keys come from the remote secret list */
	struct ipsecmgr_network *network; /* peers that may begin; NULL: all */
	unsigned n_network;
	struct ipsecmgr_callee_conf *callees; /* peers to call (chapter 27); NULL: none */
};

/* A CHILD_SA as the data path has it, kept (packed) to be given again to a new iftask. */
struct ipsecmgr_child {
	uint32_t spi_in;
	uint32_t ctx;
	bool flows;            /* vpnmgr has routes to its remote selectors */
	uint8_t refused;       /* by iftask, so often one after the other */
	uint32_t refused_push; /* … the last time in this push */
	uint64_t ts_hash;      /* of those */
	size_t len;
	uint8_t pair[]; /* SaPair, packed; holds keys: wiped when freed */
};

/* Our view of iftask: what is on the way, and who waits for it. */
struct ipsecmgr_data {
	char addr[40];
	uint32_t push, pushed; /* number of the last push begun; of the last one that arrived as a whole */
	uint32_t push_open;    /* batches of it not answered yet */
	bool push_failed, push_again;
	bool push_tries;   /* it is such a try: */
	bool refused;      /* of the push some, which are tried again … */
	unsigned refusals; /* … so often so far, or the push as a whole; 0: the last one was taken */
	struct task_timer *retry, *again; /* of who is away; of what was refused */
	bool bind_open, bind_again, bound;
	uint32_t instances; /* ipsecmgr instances of the chassis, for the steering of packets */
};

struct cfg_tree;
struct ipsecmgr_op;
struct punt_server;

struct ipsecmgr {
	struct task *t;
	struct ike_engine *e; /* NULL: not serving */
	uint32_t gen;         /* of the engine: answers for a former one are ignored */
	struct ckpt *ckpt;
	struct counters *counters;
	struct ipsecmgr_policy *policies;
	struct task_timer *frozen_timer;     /* to look again at what could not be used */
	char unknown_policy[IKE_NAME_MAX];   /* of the last row that has none */
	struct ipsecmgr_policy *leaving;     /* whose peers are being told that they are gone */
	struct ipsecmgr_policy *maps_closed; /* crypto maps that can't be used, with their rules */
	struct task_timer *leave_timer;
	struct ipsecmgr_map child;   /* inbound ESP SPI -> ipsecmgr_child */
	struct ipsecmgr_map session; /* IKE SPI -> session being set up */
	struct ipsecmgr_map alarms;  /* IKE SPI -> a decryption failure was told of it */
	struct ipsecmgr_data data;
	struct ipsecmgr_op *ops; /* transactions under way */
	struct punt_server *punt;
	struct secret_key key;                /* of the chassis: opens pre-shared keys */
	bool have_key, key_unread;            /* unread: there may be one that can't be read */
	struct ipsecmgr_secrets *secrets;     /* the remote secret list, NULL: none */
	struct ipsecmgr_callee_list *callees; /* peer lists in use, see ipsecmgr_callee.c */
	struct ipsecmgr_map peer_calls;       /* IKE SPI -> call of a listed peer that is up */
	struct task_timer *peers_timer;
	uint64_t peers_due;
	struct steer_closed closed; /* instances that get no new peers */
	bool ipsecmgrs_told;        /* ipsecctrl has published its list */
	uv_timer_t tick;
	uint64_t tick_at, last_now; /* engine clock */
	enum ike_congestion congestion;
	bool maps_unread;  /* which maps are ours could not be read with the last build */
	uint32_t maps_ctx; /* context of a manager of crypto maps; 0: not known */
	bool spd_open, spd_again;
	struct task_timer *spd_retry, *maps_check;
	bool cfg_known, srp_known, serving, restoring, readied;
	uint32_t recovered, recover_failed;
	struct ipsecmgr_waiting *waiting; /* IKE SAs that can't be restored yet */
	uint32_t n_waiting;
	uint64_t epoch, up_wall_us;
	struct task_timer *load_timer;
	uint32_t load_sent, load_queue, load_wait_ms; /* the two last: as reported */
	uint64_t load_beat_us;
	unsigned load_age;
	/* sessmgr instances, as sessctrl published them, and how many calls of ours each has */
	uint32_t *sessmgr, *sessmgr_calls;
	unsigned n_sessmgr, sessmgr_next;
	/* the one asked last, in which turn of the loop, and how often since it was chosen */
	uint32_t sessmgr_last;
	uint64_t sessmgr_turn;
	unsigned sessmgr_asked;
	bool sessmgr_told; /* sessctrl has published its list */
	struct {
		uint64_t txns, commits_failed, data_failed, sessions_asked, sessions_refused, packets_in,
		        packets_out, pushes;
	} stat;
	uint64_t log_window_us;
	unsigned log_budget;
};

/* The only one of this process. */
extern struct ipsecmgr ipsecmgr;

/* --- ipsecmgr_engine.c
 * ------------------------------------------------------------------------------------------------ */
uint64_t ipsecmgr_engine_now(struct ipsecmgr *m);
int ipsecmgr_engine_open(struct ipsecmgr *m);
/* Forget the engine: peers are not told. Transactions under way end silently. */
void ipsecmgr_engine_close(struct ipsecmgr *m);
/* After every call into the engine: keep the timer right. */
void ipsecmgr_engine_rearm(struct ipsecmgr *m);
/* The data path has everything that was pushed: transactions that waited for it go on. */
void ipsecmgr_engine_data_ready(struct ipsecmgr *m);
/* May another line be logged about what strangers send? (20 a second) */
bool ipsecmgr_engine_may_log(struct ipsecmgr *m);

/* --- ipsecmgr_data.c
 * ----------------------------------------------------------------------------------------------------- */
void ipsecmgr_data_start(struct ipsecmgr *m);
void ipsecmgr_data_stop(struct ipsecmgr *m);
/* Forget the SAs here only. */
void ipsecmgr_data_forget(struct ipsecmgr *m);
/* Note a child SA for the data path (and later pushes). mark: of its sequence numbers, where it is stored; 0:
 * not known. 0 or -errno. */
int ipsecmgr_data_add(struct ipsecmgr *m, const struct ike_child_act *a, uint64_t mark);
/* The start of an inner packet in words, "10.0.0.1 to 10.0.0.2, protocol 17": into buf, or a constant. */
#define IPSECMGR_PACKET_STRLEN 160
const char *ipsecmgr_data_packet(const uint8_t *packet, size_t len, char buf[IPSECMGR_PACKET_STRLEN]);
/* Does a child need routes to its remote selectors? Not where a pool's chunk or a crypto map leads there. */
bool ipsecmgr_data_routed(const struct ipsecmgr *m, const struct ike_child_act *a);
void ipsecmgr_data_del(struct ipsecmgr *m, uint32_t spi_in);
void ipsecmgr_data_path(struct ipsecmgr *m, const struct ike_child_act *a);
/* Tell iftask to add and delete these; cb as task_request() does. 0 or -errno. */
int ipsecmgr_data_update(struct ipsecmgr *m, const uint32_t *add, size_t n_add, const uint32_t *del,
                         size_t n_del, task_reply_cb cb, void *arg);
/* One update of kept SAs. resume: the receiver may have had them before. cb as task_request() does. 0 or
 * -errno. */
int ipsecmgr_data_request(struct ipsecmgr *m, struct ipsecmgr_child **add, size_t n_add, const uint32_t *del,
                          size_t n_del, bool replace_all, bool resume, task_reply_cb cb, void *arg);
/* iftask is away: soon again. */
void ipsecmgr_data_retry(struct ipsecmgr *m);
/* The remote selectors of a kept child, without protocols and ports; returns their number. */
unsigned ipsecmgr_data_remote_ts(const struct ipsecmgr_child *c, struct ike_ts ts[IKE_MAX_TS]);
/* Have the service sockets opened that the present policies want. */
void ipsecmgr_data_bind(struct ipsecmgr *m);
void ipsecmgr_data_notice(struct task *t, const struct bus_msg *msg);
void ipsecmgr_data_send(struct ipsecmgr *m, const struct ike_send_act *s);

/* --- ipsecmgr_push.c
 * ------------------------------------------------------------------------------------------------------ */
/* Give iftask everything again. */
void ipsecmgr_push_all(struct ipsecmgr *m);
/* Another iftask: it may take what the one before refused. */
void ipsecmgr_push_anew(struct ipsecmgr *m);
/* Did iftask refuse this child in the last push? */
bool ipsecmgr_push_refused(const struct ipsecmgr *m, uint32_t spi_in);

/* --- ipsecmgr_sess.c
 * -------------------------------------------------------------------------------------------------------- */
struct ipsecmgr_session;
void ipsecmgr_sess_ask(struct ipsecmgr *m, const struct ike_session_act *a);
/* The call row that goes with this SA's first checkpoint; NULL: none. It stays until ipsecmgr_sess_stored().
 */
const struct ckpt_row *ipsecmgr_sess_row(struct ipsecmgr *m, uint64_t ike_spi);
void ipsecmgr_sess_stored(struct ipsecmgr *m, uint64_t ike_spi);
void ipsecmgr_sess_up(struct ipsecmgr *m, uint32_t callid, uint64_t ike_spi);
void ipsecmgr_sess_rekeyed(struct ipsecmgr *m, uint32_t callid, uint64_t ike_spi);
void ipsecmgr_sess_end(struct ipsecmgr *m, uint32_t callid, enum ike_reason reason);
void ipsecmgr_sess_drop_all(struct ipsecmgr *m); /* the engine is gone */
/* A sessmgr to ask something that any of them can answer; `but`: not this one. 0: there is none. */
uint32_t ipsecmgr_sess_choose(struct ipsecmgr *m, uint32_t but);
void ipsecmgr_sess_managers(struct task *t, const struct bus_msg *msg);
/* Routes for a tunnel without an assigned address. del: take them away. cb NULL: nobody waits. Returns the
 * number of routes or -errno. */
int ipsecmgr_sess_flows(struct ipsecmgr *m, uint32_t ctx, const struct ike_ts *ts, unsigned n, bool del,
                        task_reply_cb cb, void *arg);

/* --- ipsecmgr_fetch.c
 * ------------------------------------------------------------------------------------------------------ */
/* The engine wants a peer's certificate: fetched, or refused at once, and answered. */
void ipsecmgr_fetch(struct ipsecmgr *m, const struct ike_cert_act *a);

/* --- ipsecmgr_eap.c
 * ------------------------------------------------------------------------------------------------------ */
/* What a peer says in EAP: to a sessmgr, whose aaamgr asks a server; the engine is answered. */
void ipsecmgr_eap_ask(struct ipsecmgr *m, const struct ike_eap_act *a);

/* --- ipsecmgr_cfg.c
 * ------------------------------------------------------------------------------------------------------------
 */
/*
 * The policies the configuration wants, as a list (NULL: none). key opens sealed secrets (NULL: they are in
 * clear). state_dir: the chassis' disk, for certificates in files; NULL: none. `problem` is told what is
 * missing or wrong; may be NULL.
 */
struct ipsecmgr_policy *ipsecmgr_cfg_build(const struct cfg_tree *tree, const char *state_dir,
                                           const struct secret_key *key,
                                           void (*problem)(void *arg, const char *text), void *arg);
void ipsecmgr_cfg_free(struct ipsecmgr_policy *list);
/* What is known of a service that is bound and can't be used: enough for tunnels that are there. NULL: its
 * bind can't be used either, or memory. */
struct ipsecmgr_policy *ipsecmgr_cfg_frozen(const struct cfg_tree *tree, const struct cfg_node *ctx,
                                            const struct cfg_node *svc, const struct cfg_node *bind);
/* Make the engine's policies what the configuration says. */
void ipsecmgr_cfg_apply(struct ipsecmgr *m, const struct cfg_tree *tree);
/* Policies that are not among the present ones any more, or not at this address, take their tunnels with
 * them; those whose peers are told leave the list, and stay until that is done. */
void ipsecmgr_cfg_gone(struct ipsecmgr *m, struct ipsecmgr_policy **old);
/* The suites that a list of `block` names, their sets being of ctx; problems are not told. Their number. */
unsigned ipsecmgr_cfg_suites(const struct cfg_tree *tree, const struct cfg_node *ctx,
                             const struct cfg_node *block, bool child, struct ike_suite *out,
                             uint32_t *lifetime);
const struct ipsecmgr_policy *ipsecmgr_cfg_find(const struct ipsecmgr *m, const char *name);
/* Its peers are being told that it is gone: its sockets stay open for that. Adopts p. */
void ipsecmgr_cfg_linger(struct ipsecmgr *m, struct ipsecmgr_policy *p);

/* --- ipsecmgr_keep.c: services whose configuration can not be used ----------------------------------------
 */
/* Policies of before whose services are configured still go from *old into m->policies; those that vendors
 * add to them, behind that. */
void ipsecmgr_keep(struct ipsecmgr *m, const struct cfg_tree *tree, struct ipsecmgr_policy **old);
void ipsecmgr_keep_derived(struct ipsecmgr *m, struct ipsecmgr_policy **old);
/* A row is of this service, which is bound and can't be used: a policy that lets nobody new in, as for those
 * that were there before. */
void ipsecmgr_keep_restored(struct ipsecmgr *m, const struct cfg_tree *tree, const char *policy);
/* Something waits for what is configured to be usable, a file to be there, say: it is looked at again in half
 * a minute. */
void ipsecmgr_keep_look(struct ipsecmgr *m);
/* Is what a policy of this name was made of configured, whether it can be used or not? */
bool ipsecmgr_keep_configured(const struct ipsecmgr *m, const struct cfg_tree *tree, const char *policy);

/* --- ipsecmgr_payload.c: what children may be (chapters 8, 11, 12, 15) ------------------------------------
 */
struct cfg_node;
/* One payload, but for its algorithms; y is zero before, and may have them. */
void ipsecmgr_payload_read(const struct cfg_tree *t, const struct cfg_node *payload, struct ike_payload *y);
/* What a line `tsi …` asks for, and a line `ikev2-ikesa policy error-notification …`; NULL: there is none. */
enum ike_tsi ipsecmgr_payload_tsi(const struct cfg_node *tsi);
void ipsecmgr_payload_errors(const struct cfg_node *n, struct ike_policy *pol);
/* Numbers of private attributes (chapter 20): those that a template names, if it does. */
void ipsecmgr_payload_attributes(const struct cfg_tree *t, const struct cfg_node *tmpl,
                                 struct ike_policy *pol);
/* What the template and its context say of children, rekeys and repetitions. */
void ipsecmgr_payload_template(const struct cfg_tree *t, const struct cfg_node *ctx,
                               const struct cfg_node *tmpl, struct ike_policy *pol);

/* --- ipsecmgr_cert.c: certificates, keys and revocation lists of the configuration (chapter 11) ----------
 */
struct pki_own;
struct pki_trust;
struct cfg_node;
struct ipsecmgr_cert_env {
	const struct cfg_tree *tree;
	const char *state_dir;        /* the chassis' disk; NULL: files are not read */
	const struct secret_key *key; /* opens sealed private keys; NULL: they are in clear */
	void (*problem)(void *arg, const char *text);
	void *arg;
};
/*
 * `certificate name NAME` with its private key; more completes its chain. pem: the line `pem url` of a
 * template or map, whose certificate takes the place of NAME's if it belongs to that key; NULL: there is
 * none. *used is the line the certificate is from. A reference, or NULL and a problem.
 */
struct pki_own *ipsecmgr_cert_own(const struct ipsecmgr_cert_env *e, const char *name,
                                  const struct cfg_node *pem, const struct pki_trust *more,
                                  const struct cfg_node **used);
/* Tell when it would not stand before t now. Nothing else: it is looked at again with every peer. */
void ipsecmgr_cert_validate(const struct ipsecmgr_cert_env *e, const char *name, const struct pki_own *own,
                            const struct pki_trust *t);
/* CAs and revocation lists of a template. A reference; NULL: it lists no CA, or one of its lists can't be
 * used: without what was to be revoked nobody is trusted. A CA that can't be used is told and left out. */
struct pki_trust *ipsecmgr_cert_trust(const struct ipsecmgr_cert_env *e, const struct cfg_node *tmpl);

/* The part of a crypto map's policy that reads like a template's: authentication, sets, timers; its payload
 * becomes the first one, without selectors. */
bool ipsecmgr_cfg_map(const struct ipsecmgr_cert_env *e, const struct cfg_node *ctx,
                      const struct cfg_node *map, struct ipsecmgr_policy *p);

/* --- ipsecmgr_maps.c, ipsecmgr_spd.c: crypto maps by access lists (chapters 1, 3, 6, 7, 11)
 * -----------------
 */
/* The policies of the maps this instance serves, in the order of the configuration. */
struct ipsecmgr_policy *ipsecmgr_maps_build(struct ipsecmgr *m, const struct cfg_tree *tree,
                                            void (*problem)(void *arg, const char *text), void *arg);
/* Were rules of a map's lists, whatever they do, added or deleted with the last build (chapter 7)? */
bool ipsecmgr_maps_rules_changed(const struct ipsecmgr_policy *p);
/* The rules of a map as bytes: the same ones, the same bytes. */
struct pack_writer;
void ipsecmgr_maps_put_rules(const struct ipsecmgr_policy *p, struct pack_writer *w);
/* Have vpnmgr send the maps' packets here, and no others. */
void ipsecmgr_maps_policies(struct ipsecmgr *m);
void ipsecmgr_maps_event(struct ipsecmgr *m, const struct ike_event *ev);
/* A packet of the context has no SA: set its tunnel up. */
void ipsecmgr_maps_no_sa(struct ipsecmgr *m, const SaNotice *n);
void ipsecmgr_maps_start(struct ipsecmgr *m);
void ipsecmgr_maps_assigned(struct task *t, const struct bus_msg *msg);

/* --- ipsecmgr_closed.c: crypto maps that can not be used: what their lists permit is dropped ---------------
 */
/* These are all there are now, as ipsecmgr_maps.c read them; adopts the list. */
void ipsecmgr_closed_put(struct ipsecmgr *m, struct ipsecmgr_policy *list);
/* Is a map of this policy's name one of them? */
bool ipsecmgr_closed_has(const struct ipsecmgr *m, const char *policy);
/* A packet without SA: is it of such a map, either way? Then it is counted. */
struct ipsecmgr_flow;
bool ipsecmgr_closed_packet(struct ipsecmgr *m, uint32_t ctx, const struct ipsecmgr_flow *f);

/* --- ipsecmgr_change.c: what becomes of tunnels of a map whose settings change (chapters 6 and 7) ----------
 */
/* Has the remote secret list, or being bound to it, another key now for a peer of this map that is there?
 * old, was: the policies and the list of before. */
bool ipsecmgr_change_keys(const struct ipsecmgr *m, const struct ipsecmgr_policy *p,
                          const struct ipsecmgr_policy *old, const struct ipsecmgr_secrets *was);
/* A map is about to get new settings (or, `keys`, its peers new keys): tunnels by the old ones end where the
 * configuration wants that. */
void ipsecmgr_change_map(struct ipsecmgr *m, const struct cfg_tree *tree, const struct ipsecmgr_policy *p,
                         const struct ike_policy *was, bool keys);
/* Does either side prove itself by a key in one of the ways? */
bool ipsecmgr_change_by_key(const struct ike_policy *p);

/* --- ipsecmgr_away.c: what was changed while this manager was away (chapter 7)
 * ------------------------------
 */
/* The engine's callback: a digest of what is critical of a map, and of its peer's key in the remote secret
 * list. false: it is no map. */
bool ipsecmgr_away_settings(const struct ipsecmgr *m, const char *policy, const struct ike_id *peer,
                            uint8_t out[IKE_SETTINGS_LEN]);
/* Tunnels of a map outlive a change: from now on its present settings are those they are compared with. */
void ipsecmgr_away_settle(struct ipsecmgr *m, const char *policy);
/* A row names a policy that is not there: has what it was of gone, or is it a map that can't be used any more
 * and may not keep its tunnels for that? Then the tunnel ends, and its peer is told. */
bool ipsecmgr_away_ends(const struct ipsecmgr *m, const struct cfg_tree *tree, const char *policy);
/* Tunnels are back from their rows: what was changed meanwhile is as if it were changed now. */
void ipsecmgr_away_restored(struct ipsecmgr *m, const struct cfg_tree *tree);

/* --- ipsecmgr_secrets.c: keys by the peers' identities (chapter 14) --------------------------------------
 */
struct ipsecmgr_secrets;
/* The chassis' remote secret list; NULL: none, or no memory. Entries that can't be used are told to
 * problem(). */
struct ipsecmgr_secrets *ipsecmgr_secrets_build(const struct cfg_tree *tree, const struct secret_key *key,
                                                void (*problem)(void *arg, const char *text), void *arg);
/* Wipes the keys; NULL-safe. */
void ipsecmgr_secrets_free(struct ipsecmgr_secrets *s);
/* The key of an identity: 0, or -ENOENT. out takes IKE_PSK_MAX bytes. s may be NULL. */
int ipsecmgr_secrets_find(const struct ipsecmgr_secrets *s, const struct ike_id *id, uint8_t *out,
                          size_t *len);
/* Do both lists (NULL: none) say the same of this identity? */
bool ipsecmgr_secrets_same(const struct ipsecmgr_secrets *a, const struct ipsecmgr_secrets *b,
                           const struct ike_id *id);
size_t ipsecmgr_secrets_count(const struct ipsecmgr_secrets *s);

/* --- ipsecmgr_peers.c: networks of peers (chapters 3 and 8) -----------------------------------------------
 */
/* The `peer network` lines of a template, into p; *keys: one has a key. 0, -ENOMEM, -EINVAL (a line that
 * nobody is of). */
int ipsecmgr_peers_read(const struct cfg_node *tmpl, const struct secret_key *key, struct ipsecmgr_policy *p,
                        bool *keys);
int ipsecmgr_peers_copy(struct ipsecmgr_policy *p, const struct ipsecmgr_policy *from); /* 0 or -ENOMEM */
void ipsecmgr_peers_free(struct ipsecmgr_policy *p);
/* May a peer of this address begin? p may be NULL. */
bool ipsecmgr_peers_allowed(const struct ipsecmgr_policy *p, const struct net_addr *peer);
/* The key of its network: 0, or -ENOENT. out takes IKE_PSK_MAX bytes. */
int ipsecmgr_peers_key(const struct ipsecmgr_policy *p, const struct net_addr *peer, uint8_t *out,
                       size_t *len);

/* --- ipsecmgr_vendor.c: settings by vendor id (chapter 20) ------------------------------------------------
 */
/* The rules of a template's vendor policy, into p. */
void ipsecmgr_vendor_read(const struct cfg_tree *tree, const struct cfg_node *ctx,
                          const struct cfg_node *tmpl, struct ipsecmgr_policy *p);
/* base with what the vendor templates of a set say; to be freed with ipsecmgr_cfg_free(). NULL: memory. */
struct ipsecmgr_policy *ipsecmgr_vendor_derive(const struct cfg_tree *tree,
                                               const struct ipsecmgr_policy *base, uint64_t set);
/* The engine's callbacks. */
const char *ipsecmgr_vendor_match(struct ipsecmgr *m, const char *policy, const struct ike_vendor_id *id,
                                  unsigned n, unsigned *known);
void ipsecmgr_vendor_restore(struct ipsecmgr *m, const char *name);
/* After a change of the configuration: the policies that were derived, of the new ones. */
void ipsecmgr_vendor_again(struct ipsecmgr *m, const struct cfg_tree *tree,
                           const struct ipsecmgr_policy *old);

/* --- ipsecmgr_dup.c: one tunnel per peer (chapter 25) -----------------------------------------------------
 */
/* A tunnel is up: older ones of its peer end. */
void ipsecmgr_dup_up(struct ipsecmgr *m, const struct ike_event *ev);
/* After a recovery: compare with the other managers. */
void ipsecmgr_dup_audit(struct ipsecmgr *m);
void ipsecmgr_dup_heard(struct task *t, const struct bus_msg *msg);

/* --- ipsecmgr_callee.c: security gateway as initiator (chapter 27) -----------------------------------------
 */
/* The peer list of a service, into p. */
void ipsecmgr_callee_read(const struct cfg_tree *tree, const struct cfg_node *ctx, const struct cfg_node *svc,
                          struct ipsecmgr_policy *p);
void ipsecmgr_callee_free(struct ipsecmgr_callee_conf *conf);
/* The lists in use become those of the policies. A service that stays bound keeps its list as it was. */
void ipsecmgr_callee_apply(struct ipsecmgr *m);
/* Which peers are ours may have changed. */
void ipsecmgr_callee_owners(struct ipsecmgr *m);
/* Serving ends: nobody is called any more. */
void ipsecmgr_callee_stop(struct ipsecmgr *m);
void ipsecmgr_callee_event(struct ipsecmgr *m, const struct ike_event *ev);
void ipsecmgr_callee_heard(struct task *t, const struct bus_msg *msg);
/* Has a service on this address a list in use? */
bool ipsecmgr_callee_on(const struct ipsecmgr *m, const struct ipsecmgr_policy *p);
/* For shows: each(list, peer) of those that are ours. */
struct ipsecmgr_callee_view {
	const char *context, *service, *list;
	struct net_addr addr;
	const char *mode;
	uint32_t mode_left_s; /* 0: it does not end */
	uint32_t tries;       /* calls begun in this mode */
	unsigned own, theirs; /* calls that are up, by who began them */
};
void ipsecmgr_callee_foreach(const struct ipsecmgr *m,
                             void (*each)(void *arg, const struct ipsecmgr_callee_view *v), void *arg);

/* --- ipsecmgr_guard.c: protection (chapters 13 and 19) ----------------------------------------------------
 */
/* Cookies as the policies want them. */
struct ike_protection ipsecmgr_guard_protection(const struct ipsecmgr *m);
/* Take the lists that ipsecctrl left; a message of which versions count. */
void ipsecmgr_guard_lists_load(struct ipsecmgr *m);
void ipsecmgr_guard_lists(struct task *t, const struct bus_msg *msg);
/* What new calls meet, as ipsecctrl told. */
void ipsecmgr_guard_congestion(struct task *t, const struct bus_msg *msg);
/* 0, or -EACCES with a static text: kept out by the policy's list. */
int ipsecmgr_guard_admit(const struct ipsecmgr_policy *p, const struct ike_id *peer, const char **why);
/* Alarms of this instance that its predecessor raised: what they were about is gone. */
void ipsecmgr_guard_alarms_end(struct ipsecmgr *m);
/* Alarms that begin and end with events of the engine. */
void ipsecmgr_guard_event(struct ipsecmgr *m, const struct ike_event *ev);

/* --- ipsecmgr_restore.c: IKE SAs from their rows ---------------------------------------------------------
 */
/* Sockets for the last word to a peer who was spoken to on this path. */
void ipsecmgr_restore_sockets(struct ipsecmgr *m, const struct ike_path *path);
/* 0, or -errno: what is there can't be read, and so nothing can be said of what isn't. */
int ipsecmgr_restore(struct ipsecmgr *m);
/* After a change of the configuration: those that waited for it, whose service is usable or gone now. */
void ipsecmgr_restore_again(struct ipsecmgr *m, const struct cfg_tree *tree);
void ipsecmgr_restore_forget(struct ipsecmgr *m);

/* --- ipsecmgr_audit.c: tunnels without a session ----------------------------------------------------------
 */
/* SAs were restored: their sessmgrs are told of each that is there now. */
void ipsecmgr_audit_start(struct ipsecmgr *m);
void ipsecmgr_audit_stop(void);

/* --- ipsecmgr_serve.c
 * ------------------------------------------------------------------------------------------------------------
 */
int ipsecmgr_serve_init(struct task *t);
int ipsecmgr_serve_activate(struct task *t, const char *reason);
void ipsecmgr_serve_stop(struct task *t);
uint32_t ipsecmgr_serve_sessions(struct task *t);
/* Tell ipsecctrl how we are, if it changed. */
void ipsecmgr_serve_load(struct ipsecmgr *m, bool always);

/* --- ipsecmgr_show.c, ipsecmgr_ctl.c
 * ------------------------------------------------------------------------------------------------ */
void ipsecmgr_show(struct task *t, const struct bus_msg *msg);
void ipsecmgr_ctl(struct task *t, const struct bus_msg *msg);
/* Is it of the template, map or service CONTEXT/NAME? p may be NULL. */
bool ipsecmgr_ctl_is_of(const struct ipsecmgr_policy *p, const char *name);

/* ipsecmgr_calls.c: by the calls (subscribers) that SAs belong to */
struct show_page;
json_t *ipsecmgr_calls_show(struct task *t, struct show_page *page, char *err, size_t size);
json_t *ipsecmgr_calls_ike(struct task *t, struct show_page *page, char *err, size_t size);
void ipsecmgr_calls_end(struct task *t, const struct bus_msg *msg);

/* The blocks of ESP sequence numbers of this chassis: by the last bit of the redundancy epoch, all without
 * redundancy. */
uint8_t ipsecmgr_lane(const struct ipsecmgr *m);

#endif

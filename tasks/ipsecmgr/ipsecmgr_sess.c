/* SPDX-License-Identifier: MIT */
/*
 * Sessions of the tunnels: choosing a sessmgr, asking it for a call (and an address), trying another one when
 * it is gone, telling it when the tunnel is up, rekeyed or gone; and routes of vpnmgr for tunnels that have
 * no assigned address. The top 12 bits of a call id name its sessmgr. Called by ipsecmgr_engine.c and
 * _data.c; lists come on topic "managers".
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "session/session.h"

#define TRY_AGAIN_MS 200
#define TRIED_MAX    32

/* A tunnel that waits for its session, and then for its first checkpoint (which carries the call's row). */
struct ipsecmgr_session {
	uint64_t ref; /* its IKE SPI */
	uint32_t gen;
	uint64_t give_up_us;
	uint32_t sessmgr; /* being asked; 0: none */
	uint32_t tried[TRIED_MAX];
	unsigned n_tried;
	struct question *open;    /* a request is under way */
	struct task_timer *again; /* patience with it, or until the next one */
	uint32_t callid;
	char row_key[40], row_owner[40];
	uint8_t *row;
	size_t row_len;
	struct ckpt_row ckpt;
	/* the request */
	char imei[17], service[64], pool[32], pool6[32], peer_id[IKE_ID_MAX * 4 + 1], ike_key[IKE_KEY_LEN],
	        apn[IKE_ID_MAX + 1];
	struct net_addr peer, requested, requested6;
	uint32_t ctx;
	bool want_ipv4, want_ipv6;
};

/* What one sessmgr was asked. It may answer after another one was, when its card was slow or cut off: then it
 * has a call that nobody wants. */
struct question {
	uint64_t ref;
	uint32_t gen, sessmgr;
	struct ipsecmgr_session *s; /* NULL: nobody waits for the answer any more */
};

static void ask(struct ipsecmgr *m, struct ipsecmgr_session *s);
static void tell(struct ipsecmgr *m, uint32_t callid, SessionState__What what, const char *reason);

static void give_up_waiting(struct ipsecmgr_session *s)
{
	task_timer_stop(s->again);
	s->again = NULL;
	if (s->open)
		s->open->s = NULL;
	s->open = NULL;
}

static void sess_free(struct ipsecmgr *m, struct ipsecmgr_session *s)
{
	if (ipsecmgr_map_get(&m->session, s->ref) == s)
		ipsecmgr_map_del(&m->session, s->ref);
	give_up_waiting(s);
	free(s->row);
	free(s);
}

/* --- choosing
 * ------------------------------------------------------------------------------------------------------------
 */

struct choice {
	const struct ipsecmgr *m;
	const struct ipsecmgr_session *s;
	uint32_t best, best_load;
	unsigned seen;
};

static unsigned index_of(const struct ipsecmgr *m, uint32_t instance)
{
	unsigned i;

	for (i = 0; i < m->n_sessmgr && m->sessmgr[i] != instance; i++)
		;
	return i;
}

static void consider(struct choice *c, uint32_t instance, uint32_t load)
{
	unsigned i;

	for (i = 0; i < c->s->n_tried; i++)
		if (c->s->tried[i] == instance)
			return;
	c->seen++;
	if (!c->best || load < c->best_load) {
		c->best = instance;
		c->best_load = load;
	}
}

static void consider_peer(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	unsigned long instance = strtoul(strchr(addr, '/') + 1, NULL, 10);

	if (instance && instance < IPSECMGR_STANDBY)
		consider(arg, (uint32_t)instance, (uint32_t)(instance * 31 % 7));
}

/*
 * Is the one that was asked last to be asked again? In one turn of the loop yes: the questions travel
 * together, and the answers. And while that makes it hardly fuller than the others: going round all of them
 * wakes each for one question.
 */
static bool stays(struct ipsecmgr *m, const struct ipsecmgr_session *s)
{
	unsigned i = index_of(m, m->sessmgr_last), more;
	uint64_t turn = uv_now(m->t->loop);
	bool same = turn == m->sessmgr_turn;

	m->sessmgr_turn = turn;
	if (s->n_tried || i == m->n_sessmgr)
		return false;
	more = m->sessmgr_calls[i] / IPSECMGR_FULLER;
	if (same && more < IPSECMGR_TURN_SESSIONS)
		more = IPSECMGR_TURN_SESSIONS;
	return m->sessmgr_asked < (more < IPSECMGR_STAY_SESSIONS ? more : IPSECMGR_STAY_SESSIONS);
}

/* The ready sessmgr with the fewest calls of ours; before sessctrl has published its list, any that the bus
 * knows. */
static uint32_t choose(struct ipsecmgr *m, const struct ipsecmgr_session *s)
{
	struct choice c = {.m = m, .s = s};
	unsigned i, at;

	if (stays(m, s)) {
		m->sessmgr_asked++;
		return m->sessmgr_last;
	}
	for (i = 0; i < m->n_sessmgr; i++) {
		at = (m->sessmgr_next + i) % m->n_sessmgr;
		consider(&c, m->sessmgr[at], m->sessmgr_calls[at]);
	}
	if (m->n_sessmgr)
		m->sessmgr_next = (m->sessmgr_next + 1) % m->n_sessmgr;
	if (!c.best && !m->sessmgr_told)
		task_foreach_peer(m->t, "sessmgr", consider_peer, &c);
	m->sessmgr_last = c.best;
	m->sessmgr_asked = 1;
	return c.best;
}

uint32_t ipsecmgr_sess_choose(struct ipsecmgr *m, uint32_t but)
{
	struct ipsecmgr_session s = {.tried = {but}, .n_tried = but != 0};

	return choose(m, &s);
}

static void count_call(struct ipsecmgr *m, uint32_t instance, int n)
{
	unsigned i = index_of(m, instance);

	if (i < m->n_sessmgr && (n > 0 || m->sessmgr_calls[i]))
		m->sessmgr_calls[i] += (uint32_t)n;
}

/* How many calls of ours each sessmgr of a new list has, from the engine's SAs. */
static int count_sa(void *arg, const struct ike_sa_view *v)
{
	if (v->callid)
		count_call(arg, session_callid_instance(v->callid), 1);
	return 0;
}

static void take_sessmgrs(struct ipsecmgr *m, const ManagerList *l)
{
	uint32_t *list, *calls;
	size_t i;

	m->sessmgr_told = true;
	if (l->n_instances && l->n_instances == m->n_sessmgr &&
	    !memcmp(l->instances, m->sessmgr, m->n_sessmgr * sizeof(*l->instances)))
		return;
	list = calloc(l->n_instances ? l->n_instances : 1, sizeof(*list));
	calls = calloc(l->n_instances ? l->n_instances : 1, sizeof(*calls));

	if (!list || !calls) {
		free(list);
		free(calls);
		return;
	}
	for (i = 0; i < l->n_instances; i++)
		list[i] = l->instances[i];
	free(m->sessmgr);
	free(m->sessmgr_calls);
	m->sessmgr = list;
	m->sessmgr_calls = calls;
	m->n_sessmgr = (unsigned)l->n_instances;
	m->sessmgr_next = m->n_sessmgr ? m->t->instance % m->n_sessmgr : 0;
	if (m->e)
		ike_engine_foreach_sa(m->e, count_sa, m);
}

void ipsecmgr_sess_managers(struct task *t, const struct bus_msg *msg)
{
	struct ipsecmgr *m = &ipsecmgr;
	const ManagerList *l = msg->env->manager_list;
	uint32_t max = 0;
	size_t i;

	if (!strcmp(l->facility, "sessmgr")) {
		take_sessmgrs(m, l);
	} else if (!strcmp(l->facility, "ipsecmgr")) {
		struct steer_closed closed = {0};

		for (i = 0; i < l->n_instances; i++)
			if (l->instances[i] > max && l->instances[i] < 256)
				max = l->instances[i];
		for (i = 0; i < l->n_closed; i++)
			steer_close(&closed, l->closed[i]);
		/* Never less: packets of an instance that is being recovered are still steered to its socket.
		 */
		if (max > m->data.instances) {
			m->data.instances = max;
			if (m->e && !m->restoring)
				ipsecmgr_data_bind(m);
		}
		if (l->closed_known)
			m->closed = closed;
		m->ipsecmgrs_told = true;
		if (m->e && !m->restoring)
			ipsecmgr_callee_owners(m);
	}
}

/* --- asking
 * ----------------------------------------------------------------------------------------------------------------
 */

static void give(struct ipsecmgr *m, struct ipsecmgr_session *s, const struct ike_session_result *r)
{
	uint64_t now = ipsecmgr_engine_now(m);
	uint32_t callid = r->callid;
	int err;

	if (r->status)
		m->stat.sessions_refused++;
	if (r->status || !s->row) {
		err = ike_engine_address_assigned(m->e, now, s->ref, r);
		sess_free(m, s);
	} else {
		/* The engine may hand out the transaction at once: it takes the row from s, which then stays
		 * until it is stored. */
		err = ike_engine_address_assigned(m->e, now, s->ref, r);
		if (err && ipsecmgr_map_get(&m->session, s->ref) == s)
			sess_free(m, s);
	}
	if (err && callid)
		ipsecmgr_sess_end(m, callid, IKE_R_SETUP_TIMEOUT);
	ipsecmgr_engine_rearm(m);
}

static void refuse(struct ipsecmgr *m, struct ipsecmgr_session *s, int status, const char *why)
{
	struct ike_session_result r = {.status = status};

	if (ipsecmgr_engine_may_log(m))
		LOG(EV_IKE_NOTIFY, "no session for peer %s: %s", s->peer_id, why);
	give(m, s, &r);
}

static void again_cb(struct task *t, void *arg)
{
	struct ipsecmgr_session *s = arg;

	task_timer_stop(s->again);
	s->again = NULL;
	s->n_tried = 0;
	ask(&ipsecmgr, s);
}

static void ask_later(struct ipsecmgr *m, struct ipsecmgr_session *s)
{
	if (clock_now_us() >= s->give_up_us)
		refuse(m, s, -EHOSTUNREACH, "no session manager answers");
	else
		s->again = task_timer_start(m->t, TRY_AGAIN_MS, 0, again_cb, s);
}

/* A mask or an address of the reply. */
static void get_addr(struct net_addr *a, const ProtobufCBinaryData *b)
{
	if (!b->len || net_addr_from_bytes(a, b->data, b->len))
		*a = (struct net_addr){0};
}

/* The call's row, for the first checkpoint of the tunnel. 0 or -ENOMEM. */
static int keep_row(struct ipsecmgr_session *s, const CkptCall *c)
{
	if (!c || !c->key || !c->key[0])
		return 0;
	s->row = malloc(c->blob.len ? c->blob.len : 1);
	if (!s->row)
		return -ENOMEM;
	if (c->blob.len)
		memcpy(s->row, c->blob.data, c->blob.len);
	s->row_len = c->blob.len;
	snprintf(s->row_key, sizeof(s->row_key), "%s", c->key);
	snprintf(s->row_owner, sizeof(s->row_owner), "%s", c->owner);
	s->ckpt = (struct ckpt_row){SESSION_ROW_KIND, s->row_key, s->row_owner, s->row, s->row_len};
	return 0;
}

static void accepted(struct ipsecmgr *m, struct ipsecmgr_session *s, const SessionReply *r)
{
	struct ike_session_result out = {.callid = r->callid};
	size_t i;

	get_addr(&out.addr, &r->addr);
	get_addr(&out.netmask, &r->mask);
	get_addr(&out.addr6, &r->addr6);
	for (i = 0; i < r->n_dns && out.n_dns < IKE_MAX_DNS; i++)
		get_addr(&out.dns[out.n_dns++], &r->dns[i]);
	for (i = 0; i < r->n_pcscf && out.n_pcscf < IKE_MAX_PCSCF; i++)
		get_addr(&out.pcscf[out.n_pcscf++], &r->pcscf[i]);
	s->callid = r->callid;
	if (keep_row(s, r->call)) { /* a call without its row would be lost with its sessmgr */
		tell(m, r->callid, SESSION_STATE__WHAT__DOWN, ike_reason_name(IKE_R_NO_ADDRESS));
		refuse(m, s, -ENOMEM, strerror(ENOMEM));
		return;
	}
	count_call(m, s->sessmgr, 1);
	give(m, s, &out);
}

/* Is a call that a late answer brings the one this IKE SA has, or is going to have? */
static bool wanted(struct ipsecmgr *m, const struct question *q, uint32_t callid)
{
	const struct ipsecmgr_session *s = ipsecmgr_map_get(&m->session, q->ref);
	struct ike_sa_view v;

	if (s && (s->callid == callid || (s->open && s->sessmgr == q->sessmgr)))
		return true;
	return m->e && !ike_engine_find(m->e, q->ref, &v) && v.callid == callid;
}

/* It is gone or does not answer: the next one. */
static void ask_next(struct ipsecmgr *m, struct ipsecmgr_session *s)
{
	if (s->n_tried < TRIED_MAX)
		s->tried[s->n_tried++] = s->sessmgr;
	ask(m, s);
}

static void impatient_cb(struct task *t, void *arg)
{
	give_up_waiting(arg);
	ask_next(&ipsecmgr, arg);
}

static void answered(struct task *t, void *arg, int status, const struct bus_msg *msg)
{
	struct question *q = arg;
	struct ipsecmgr_session *s = q->s;
	struct ipsecmgr *m = &ipsecmgr;
	const SessionReply *r = NULL;

	if (!status && msg && msg->env->body_case == ENVELOPE__BODY_SESSION_REPLY)
		r = msg->env->session_reply;
	if (!s || q->gen != m->gen) {
		if (r && r->callid && !wanted(m, q, r->callid))
			tell(m, r->callid, SESSION_STATE__WHAT__DOWN, ike_reason_name(IKE_R_SETUP_TIMEOUT));
		if (s)
			sess_free(m, s);
		free(q);
		return;
	}
	give_up_waiting(s);
	free(q);
	if (r && (!r->failure || !r->failure[0]))
		accepted(m, s, r);
	else if (r || (status && msg))
		refuse(m, s, r && !strcmp(r->failure, "max-sessions") ? -EDQUOT : -ENOSPC,
		       r                                              ? r->failure
		       : msg->env->body_case == ENVELOPE__BODY_STATUS ? msg->env->status->text
		                                                      : strerror(-status));
	else
		ask_next(m, s);
}

static int send_question(struct ipsecmgr *m, struct ipsecmgr_session *s)
{
	Envelope env = ENVELOPE__INIT;
	SessionNew sn = SESSION_NEW__INIT;
	struct question *q = calloc(1, sizeof(*q));
	char addr[40];
	int err;

	if (!q)
		return -ENOMEM;
	*q = (struct question){s->ref, s->gen, s->sessmgr, s};
	sn.ctx = s->ctx;
	sn.service = s->service;
	sn.peer_id = s->peer_id;
	sn.peer_addr = (ProtobufCBinaryData){net_addr_len(&s->peer), s->peer.bytes};
	sn.want_ipv4 = s->want_ipv4;
	sn.want_addr = (ProtobufCBinaryData){net_addr_len(&s->requested), s->requested.bytes};
	sn.pool = s->pool;
	sn.want_ipv6 = s->want_ipv6;
	sn.want_addr6 = (ProtobufCBinaryData){net_addr_len(&s->requested6), s->requested6.bytes};
	sn.pool6 = s->pool6;
	sn.ipsecmgr = m->t->instance;
	sn.ike_key = s->ike_key;
	sn.imei = s->imei;
	sn.apn = s->apn;
	env.body_case = ENVELOPE__BODY_SESSION_NEW;
	env.session_new = &sn;
	snprintf(addr, sizeof(addr), "sessmgr/%u", s->sessmgr);
	err = task_request(m->t, addr, &env, IPSECMGR_ANSWER_MS, 0, answered, q);
	if (err)
		free(q);
	else
		s->open = q;
	return err;
}

static void ask(struct ipsecmgr *m, struct ipsecmgr_session *s)
{
	s->sessmgr = s->n_tried < TRIED_MAX ? choose(m, s) : 0;
	if (!s->sessmgr || send_question(m, s))
		ask_later(m, s);
	else
		s->again = task_timer_start(m->t, IPSECMGR_SESSION_MS, 0, impatient_cb, s);
}

void ipsecmgr_sess_ask(struct ipsecmgr *m, const struct ike_session_act *a)
{
	const struct ipsecmgr_policy *p = ipsecmgr_cfg_find(m, a->policy);
	struct ike_session_result no = {.status = -ENOMEM};
	struct ipsecmgr_session *s = calloc(1, sizeof(*s)), *old;

	m->stat.sessions_asked++;
	if (ipsecmgr_serve_sessions(m->t) + m->session.n >= IPSECMGR_MAX_SA) {
		if (ipsecmgr_engine_may_log(m))
			LOG(EV_TASK_LIMIT, "%u tunnels: no more on this instance", IPSECMGR_MAX_SA);
		m->stat.sessions_refused++;
		no.status = -ENOSPC;
		ike_engine_address_assigned(m->e, ipsecmgr_engine_now(m), a->ref, &no);
		free(s);
		return;
	}
	old = ipsecmgr_map_get(&m->session, a->ref);
	if (old)
		sess_free(m, old);
	if (!s || !p || ipsecmgr_map_set(&m->session, a->ref, s)) {
		free(s);
		ike_engine_address_assigned(m->e, ipsecmgr_engine_now(m), a->ref, &no);
		return;
	}
	s->ref = a->ref;
	s->gen = m->gen;
	s->give_up_us = clock_now_us() + IPSECMGR_SESSION_TRY_MS * US_PER_MS;
	s->ctx = p->ctx;
	s->want_ipv4 = a->want_ipv4;
	s->requested = a->requested;
	s->want_ipv6 = a->want_ipv6;
	s->requested6 = a->requested6;
	s->peer = a->path.remote.addr;
	snprintf(s->service, sizeof(s->service), "%s", p->service);
	snprintf(s->pool, sizeof(s->pool), "%s", p->pool);
	snprintf(s->pool6, sizeof(s->pool6), "%s", p->pool6);
	snprintf(s->ike_key, sizeof(s->ike_key), "%016llx", (unsigned long long)a->ref);
	snprintf(s->imei, sizeof(s->imei), "%s", a->device.digits);
	snprintf(s->apn, sizeof(s->apn), "%s", a->apn ? a->apn : "");
	ike_id_format(a->peer_id, s->peer_id, sizeof(s->peer_id));
	ask(m, s);
}

const struct ckpt_row *ipsecmgr_sess_row(struct ipsecmgr *m, uint64_t ike_spi)
{
	struct ipsecmgr_session *s = ipsecmgr_map_get(&m->session, ike_spi);

	return s && s->row ? &s->ckpt : NULL;
}

void ipsecmgr_sess_stored(struct ipsecmgr *m, uint64_t ike_spi)
{
	struct ipsecmgr_session *s = ipsecmgr_map_get(&m->session, ike_spi);

	if (s && !s->open)
		sess_free(m, s);
}

/* --- telling
 * ------------------------------------------------------------------------------------------------------------------
 */

/* Noted; or its sessmgr was away all the time, and its audit will find out. */
static void told(struct task *t, void *arg, int status, const struct bus_msg *msg)
{
}

/* A sessmgr that is being recovered is told when it is back: its rows do not know yet. 0 or -errno. */
static int tell_as(struct ipsecmgr *m, uint32_t callid, SessionState__What what, const char *reason,
                   task_reply_cb cb, void *arg)
{
	Envelope env = ENVELOPE__INIT;
	SessionState st = SESSION_STATE__INIT;
	char addr[40];

	st.what = what;
	st.callid = callid;
	st.reason = (char *)(uintptr_t)reason;
	env.body_case = ENVELOPE__BODY_SESSION_STATE;
	env.session_state = &st;
	snprintf(addr, sizeof(addr), "sessmgr/%u", session_callid_instance(callid));
	return task_request(m->t, addr, &env, IPSECMGR_TELL_MS, TASK_RETRY, cb, arg);
}

static void tell(struct ipsecmgr *m, uint32_t callid, SessionState__What what, const char *reason)
{
	tell_as(m, callid, what, reason, told, NULL);
}

/* Who was told to be up. */
struct told_up {
	uint32_t gen, callid;
};

struct sessionless {
	uint32_t callid;
	uint64_t spi; /* 0: not found */
};

/* By the call: the IKE SA may have been rekeyed since. */
static int find_sessionless(void *arg, const struct ike_sa_view *v)
{
	struct sessionless *x = arg;

	if (v->callid == x->callid && v->state == IKE_ST_ESTABLISHED)
		x->spi = v->spi;
	return x->spi != 0;
}

/* Its sessmgr ended the call, which was too long in coming, before it heard that the tunnel is up; or before
 * we, who restored it, did. */
static void up_told(struct task *t, void *arg, int status, const struct bus_msg *msg)
{
	struct told_up *u = arg;
	struct ipsecmgr *m = &ipsecmgr;
	struct sessionless x = {.callid = u->callid};

	if (status == -ENOENT && msg && m->e && u->gen == m->gen)
		ike_engine_foreach_sa(m->e, find_sessionless, &x);
	free(u);
	if (!x.spi)
		return;
	LOG(EV_IKE_DELETE, "IKE SA %016llx ends: its call %08x is over", (unsigned long long)x.spi, x.callid);
	ike_engine_end(m->e, ipsecmgr_engine_now(m), x.spi, IKE_R_NO_SESSION);
	ipsecmgr_engine_rearm(m);
}

void ipsecmgr_sess_up(struct ipsecmgr *m, uint32_t callid, uint64_t ike_spi)
{
	struct told_up *u = malloc(sizeof(*u));
	char key[IKE_KEY_LEN];

	snprintf(key, sizeof(key), "%016llx", (unsigned long long)ike_spi);
	if (u)
		*u = (struct told_up){m->gen, callid};
	if (tell_as(m, callid, SESSION_STATE__WHAT__UP, key, u ? up_told : told, u))
		free(u);
}

void ipsecmgr_sess_rekeyed(struct ipsecmgr *m, uint32_t callid, uint64_t ike_spi)
{
	ipsecmgr_sess_up(m, callid, ike_spi);
}

void ipsecmgr_sess_end(struct ipsecmgr *m, uint32_t callid, enum ike_reason reason)
{
	if (!callid)
		return;
	count_call(m, session_callid_instance(callid), -1);
	tell(m, callid, SESSION_STATE__WHAT__DOWN, ike_reason_name(reason));
}

void ipsecmgr_sess_drop_all(struct ipsecmgr *m)
{
	struct ipsecmgr_session *s;
	size_t pos = 0;

	while ((s = ipsecmgr_map_next(&m->session, &pos))) {
		pos = 0; /* freeing moves entries */
		sess_free(m, s);
	}
	ipsecmgr_map_free(&m->session);
}

/* --- routes to remote selectors
 * ---------------------------------------------------------------------------------------------------- */

struct flow_set {
	FlowUpdate__Flow row[IKE_MAX_TS * 4], *ptr[IKE_MAX_TS * 4];
	struct net_addr addr[IKE_MAX_TS * 4];
	size_t n;
};

/* Longest prefix that begins at lo and does not pass hi. */
static uint8_t prefix_at(const struct net_addr *lo, const struct net_addr *hi)
{
	uint8_t bits = net_addr_bits(lo), len = bits;
	size_t i, n = net_addr_len(lo);

	while (len > 0) {
		struct net_addr start = *lo, end = *lo;

		net_addr_mask(&start, (uint8_t)(len - 1));
		if (!net_addr_equal(&start, lo))
			break;
		for (i = 0; i < n * 8; i++)
			if (i >= len - 1u)
				end.bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
		if (net_addr_compare(&end, hi) > 0)
			break;
		len--;
	}
	return len;
}

/* The last address of a prefix. */
static struct net_addr prefix_end(const struct net_addr *at, uint8_t len)
{
	struct net_addr end = *at;

	for (size_t i = len; i < net_addr_len(at) * 8; i++)
		end.bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return end;
}

static void add_range(struct flow_set *f, const struct ike_ts *ts, bool del)
{
	struct net_addr at = ts->lo;

	while (f->n < IKE_MAX_TS * 4 && net_addr_compare(&at, &ts->hi) <= 0) {
		uint8_t len = prefix_at(&at, &ts->hi);
		FlowUpdate__Flow *r = &f->row[f->n];

		if (len == 0)
			break; /* a peer that claims every address gets no route: it would take the whole
			          context */
		flow_update__flow__init(r);
		f->addr[f->n] = at;
		r->prefix = (ProtobufCBinaryData){net_addr_len(&at), f->addr[f->n].bytes};
		r->len = len;
		r->del = del;
		f->ptr[f->n] = r;
		f->n++;
		at = prefix_end(&at, len);
		if (net_addr_compare(&at, &ts->hi) >= 0)
			break;
		net_addr_add(&at, 1);
	}
}

static int request_flows(struct ipsecmgr *m, uint32_t ctx, struct flow_set *f, task_reply_cb cb, void *arg)
{
	Envelope env = ENVELOPE__INIT;
	FlowUpdate fu = FLOW_UPDATE__INIT;
	char addr[40];

	fu.flows = f->ptr;
	fu.n_flows = f->n;
	fu.instance = m->t->instance;
	env.body_case = ENVELOPE__BODY_FLOW_UPDATE;
	env.flow_update = &fu;
	snprintf(addr, sizeof(addr), "vpnmgr/%u", ctx);
	return task_request(m->t, addr, &env, IPSECMGR_DATA_MS, TASK_RETRY, cb, arg);
}

static void nothing(struct task *t, void *arg, int status, const struct bus_msg *msg)
{
}

int ipsecmgr_sess_flows(struct ipsecmgr *m, uint32_t ctx, const struct ike_ts *ts, unsigned n, bool del,
                        task_reply_cb cb, void *arg)
{
	struct flow_set f = {.n = 0};
	unsigned i;
	int err;

	for (i = 0; i < n; i++)
		add_range(&f, &ts[i], del);
	if (!f.n)
		return 0;
	err = request_flows(m, ctx, &f, cb ? cb : nothing, arg);
	return err ? err : (int)f.n;
}

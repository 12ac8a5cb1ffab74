/* SPDX-License-Identifier: MIT */
/*
 * The engine: life, policies, and the way of a packet from the datagram to the exchange table (see ike.h and
 * ike_int.h). Nothing that can't be authenticated changes an established SA; what's wrong is counted and
 * dropped. Entry points: ike_engine_new(), ike_engine_policy_put(), ike_engine_input(), ike_engine_tick().
 * Called by ipsecmgr and `orrery peers`.
 */
#include "ike/ike_payload.h"
#include "pki/pki.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

/* ---- life ---- */

static int init_tables(struct ike_engine *e)
{
	struct ike_map *maps[] = {&e->by_spi,   &e->by_init, &e->by_peer,
	                          &e->by_child, &e->by_txn,  &e->offered};

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		if (ike_map_init(maps[i], e->seed + i))
			return -ENOMEM;
	return 0;
}

struct ike_engine *ike_engine_new(const struct ike_engine_config *cfg, const struct ike_callbacks *cb,
                                  void *arg, uint64_t now)
{
	struct ike_engine *e;

	if (!cfg->instance || !cb->txn || !cb->random)
		return NULL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->cfg = *cfg;
	e->cb = *cb;
	e->arg = arg;
	e->now = now;
	e->cnt = cfg->counters ? cfg->counters : &e->own;
	e->out_tail = &e->out_head;
	wheel_init(&e->wheel, 1000, now);
	cb->random(arg, &e->seed, sizeof(e->seed));
	cb->random(arg, e->cookie_secret, sizeof(e->cookie_secret));
	e->cookie_us = now;
	e->scratch = malloc(IKE_PACKET_MAX + 64);
	e->crypto = ike_crypto_new();
	if (e->scratch && e->crypto && !init_tables(e))
		return e;
	ike_engine_free(e);
	return NULL;
}

static void free_in_flight(struct ike_engine *e)
{
	struct ike_out *t;

	while ((t = e->out_head)) { /* never emitted */
		e->out_head = t->next;
		if (!t->pub.durable)
			ike_out_free(t);
	}
	for (struct ike_sa *sa = e->sas; sa; sa = sa->next) {
		t = sa->txn;
		if (!t)
			continue;
		for (unsigned i = 0; i < t->n_sa; i++)
			if (t->sa[i]->txn == t)
				t->sa[i]->txn = NULL;
		ike_out_free(t);
	}
}

void ike_engine_free(struct ike_engine *e)
{
	struct ike_pol *p;

	if (!e)
		return;
	free_in_flight(e);
	while (e->sas)
		ike_sa_free(e->sas);
	while ((p = e->policies)) {
		e->policies = p->next;
		pki_own_unref(p->p.own);
		pki_trust_unref(p->p.trust);
		OPENSSL_cleanse(p, sizeof(*p));
		free(p);
	}
	ike_map_free(&e->by_spi);
	ike_map_free(&e->by_init);
	ike_map_free(&e->by_peer);
	ike_map_free(&e->by_child);
	ike_map_free(&e->by_txn);
	ike_map_free(&e->offered);
	ike_crypto_free(e->crypto);
	if (e->scratch)
		OPENSSL_cleanse(e->scratch, IKE_PACKET_MAX);
	free(e->scratch);
	OPENSSL_cleanse(e, sizeof(*e));
	free(e);
}

/* ---- policies ---- */

static int check_payloads(const struct ike_policy *p)
{
	int err = 0;

	for (unsigned i = 0; !err && i < ike_payload_count(p); i++) {
		err = ike_payload_check(&p->payload[i]);
		if (!err && ike_payload_find(p, p->payload[i].name) != (int)i)
			err = -EINVAL; /* two of one name */
	}
	return err;
}

static int check_policy(const struct ike_policy *p)
{
	if (!p->name[0] || !memchr(p->name, 0, sizeof(p->name)))
		return -EINVAL;
	if (!p->n_ike || p->n_ike > IKE_MAX_SUITES || p->n_payload > IKE_MAX_PAYLOADS)
		return -EINVAL;
	if (p->psk_len > IKE_PSK_MAX || p->psk_local_len > IKE_PSK_MAX)
		return -EINVAL;
	if (p->n_auth > IKE_MAX_AUTH_SETS)
		return -EINVAL;
	for (unsigned i = 0; i < p->n_auth; i++)
		if ((p->auth[i].local_cert && !p->own) ||
		    (p->auth[i].remote_cert && !pki_trust_cas(p->trust)))
			return -EINVAL;
	for (unsigned i = 0; i < p->n_ike; i++)
		if (ike_alg_check(&p->ike[i], false))
			return -ENOTSUP;
	return check_payloads(p);
}

struct ike_pol *ike_engine_policy(const struct ike_engine *e, const char *name)
{
	for (struct ike_pol *p = e->policies; p; p = p->next)
		if (!p->removed && !strcmp(p->p.name, name))
			return p;
	return NULL;
}

/* The policy gives its references back. */
static void drop_pki(struct ike_pol *p)
{
	pki_own_unref(p->p.own);
	pki_trust_unref(p->p.trust);
}

int ike_engine_policy_put(struct ike_engine *e, const struct ike_policy *policy)
{
	struct ike_pol *p, **tail = &e->policies;
	struct ike_policy *was = NULL;
	int err = check_policy(policy);

	if (err)
		return err;
	p = ike_engine_policy(e, policy->name);
	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		while (*tail)
			tail = &(*tail)->next;
		*tail = p;
	}
	pki_own_ref(policy->own);
	pki_trust_ref(policy->trust);
	drop_pki(p);
	if (p->refs) {
		was = malloc(sizeof(*was));
		if (was)
			*was = p->p;
	}
	p->p = *policy;
	if (was)
		ike_payload_remap(e, p, was);
	OPENSSL_clear_free(was, sizeof(*was));
	return 0;
}

static void free_policy(struct ike_engine *e, struct ike_pol *p)
{
	for (struct ike_pol **at = &e->policies; *at; at = &(*at)->next) {
		if (*at != p)
			continue;
		*at = p->next;
		drop_pki(p);
		OPENSSL_cleanse(p, sizeof(*p));
		free(p);
		return;
	}
}

void ike_engine_policy_unref(struct ike_engine *e, struct ike_pol *p)
{
	if (--p->refs == 0 && p->removed)
		free_policy(e, p);
}

int ike_engine_policy_remove(struct ike_engine *e, const char *name)
{
	struct ike_pol *p = ike_engine_policy(e, name);

	if (!p)
		return -ENOENT;
	p->removed = true;
	p->p.counters =
	        NULL; /* the caller may take them away now; its last SAs are counted with the engine's */
	if (!p->refs)
		free_policy(e, p);
	return 0;
}

const struct ike_policy *ike_engine_policy_find(const struct ike_engine *e, const char *name)
{
	const struct ike_pol *p = ike_engine_policy(e, name);

	return p ? &p->p : NULL;
}

/* The policy of two addresses; else that of ours for any peer; else the one for any address of the context.
 */
struct ike_pol *ike_engine_match_policy(struct ike_engine *e, const struct ike_path *path)
{
	struct ike_pol *any = NULL, *ours = NULL;

	for (struct ike_pol *p = e->policies; p; p = p->next) {
		if (p->removed || p->p.derived || p->p.ctx_id != path->ctx_id)
			continue;
		if (net_addr_is_set(&p->p.peer) && !net_addr_equal(&p->p.peer, &path->remote.addr))
			continue;
		if (!net_addr_is_set(&p->p.local))
			any = any ? any : p;
		else if (!net_addr_equal(&p->p.local, &path->local.addr))
			continue;
		else if (net_addr_is_set(&p->p.peer))
			return p;
		else
			ours = ours ? ours : p;
	}
	return ours ? ours : any;
}

/* ---- input ---- */

void ike_engine_count_reason(struct counters_ikev2 *c, enum ike_wire_reason why)
{
	switch (why) {
#define REASON(name, counter, text)                                                                          \
	case IKE_W_##name:                                                                                   \
		counter_inc(&c->counter);                                                                    \
		break;
		IKE_WIRE_REASONS(REASON)
#undef REASON
	case IKE_W_OK:
	case IKE_W_REASONS:
		return;
	}
	counter_inc(&c->decfail_pktfail);
}

static void input_new(struct ike_engine *e, const struct ike_path *path, const struct ike_hdr *h,
                      const uint8_t *pkt, size_t len)
{
	struct ike_msg m = {.hdr = *h};
	struct ike_rx rx = {.e = e, .path = path, .m = &m, .raw = pkt, .raw_len = len};
	const struct ike_pol *pol = ike_engine_match_policy(e, path);
	enum ike_wire_reason why = IKE_W_OK;

	if (!(h->flags & IKE_F_INITIATOR))
		why = IKE_W_HDR_FLAGS;
	else if (h->spi_r)
		why = IKE_W_HDR_SPI_R;
	else if (len > IKE_INIT_LEN) /* what strangers send is kept until they are proven: so little of it */
		why = IKE_W_HDR_LENGTH;
	if (why != IKE_W_OK) {
		ike_engine_count_reason(e->cnt, why);
		return;
	}
	rx.t = ike_out_begin(e, NULL);
	if (!rx.t)
		return;
	rx.t->dscp = pol ? pol->p.dscp : 0; /* also of what is refused */
	if (h->msgid) {
		IKE_ECNT(e, xchg_dropinvmsgid);
		ike_error_init(&rx, IKE_N_INVALID_MESSAGE_ID);
		ike_out_end(rx.t);
		return;
	}
	why = ike_wire_parse_chain(&m, h->next, pkt + IKE_HDR_LEN, len - IKE_HDR_LEN, false);
	ike_engine_count_reason(e->cnt, why);
	if (why == IKE_W_OK && !m.sk.p)
		ike_fsm_dispatch(&rx);
	else if (why == IKE_W_CRITICAL)
		ike_init_refuse(&rx, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, &m.critical, 1);
	else
		ike_error_init(&rx, IKE_N_INVALID_SYNTAX);
	ike_out_end(rx.t);
}

/* The SA's last transaction isn't durable yet: keep the packet until it is. */
static void hold(struct ike_sa *sa, const struct ike_path *path, const struct ike_hdr *h, const uint8_t *pkt,
                 size_t len)
{
	unsigned n = 0, max = sa->pol->p.queue_max ? sa->pol->p.queue_max : IKE_PENDING_MAX;
	struct ike_pending **tail = &sa->pending, *p;

	if (!(h->flags & IKE_F_RESPONSE) && h->msgid + 1 == sa->recv_next) {
		IKE_CNT(sa, xchg_dropretransdisc); /* its answer isn't durable yet: the peer will ask again */
		return;
	}
	for (; *tail; tail = &(*tail)->next)
		n++;
	if (n >= max || n >= IKE_PENDING_HARD || len > IKE_PENDING_LEN) {
		IKE_CNT(sa, xchg_drop_msg_queuesize_exceeded);
		return;
	}
	p = malloc(sizeof(*p) + len);
	if (!p)
		return;
	p->next = NULL;
	p->path = *path;
	p->len = len;
	memcpy(p->pkt, pkt, len);
	*tail = p;
}

/* The message window of one, in both directions. True: worth the work of decrypting; *again: a retransmitted
 * request. */
static bool in_window(struct ike_sa *sa, const struct ike_hdr *h, bool *again)
{
	*again = false;
	if (h->flags & IKE_F_RESPONSE) {
		if (sa->req && h->msgid == sa->send_next)
			return true;
		IKE_CNT(sa, xchg_badresp);
		return false;
	}
	if (h->msgid == sa->recv_next)
		return true;
	*again = sa->resp && h->msgid + 1 == sa->recv_next;
	if (!*again) {
		IKE_CNT(sa, xchg_dropinvmsgid);
		IKE_CNT(sa, xchg_stalemsgid);
	}
	return *again;
}

static void refuse_inner(struct ike_rx *rx, enum ike_wire_reason why)
{
	uint16_t notify = why == IKE_W_CRITICAL ? IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD : IKE_N_INVALID_SYNTAX;
	enum ike_reason reason = why == IKE_W_CRITICAL ? IKE_R_CRITICAL : IKE_R_INVALID_SYNTAX;
	size_t len = why == IKE_W_CRITICAL ? 1 : 0;

	ike_engine_count_reason(ike_sa_counters(rx->sa), why);
	if (rx->m->hdr.flags & IKE_F_RESPONSE)
		return;
	if (rx->sa->state == IKE_ST_HALF_OPEN || rx->sa->state == IKE_ST_EAP_WAIT)
		ike_auth_refuse(rx, notify, reason, &rx->m->critical, len);
	else if (rx->sa->state >= IKE_ST_ESTABLISHED)
		ike_msg_reply_notify(rx, notify, &rx->m->critical, len);
}

/* Integrity is proven. */
static void input_inner(struct ike_rx *rx, struct ike_msg *m, bool again)
{
	struct ike_sa *sa = rx->sa;
	enum ike_wire_reason why;

	sa->last_seen_us = sa->e->now;
	if (again) {
		IKE_CNT(sa, xchg_dropretransdisc);
		ike_out_send(rx->t, rx->path, sa->resp, sa->resp_len, true);
		return;
	}
	if (sa->state == IKE_ST_DEAD)
		return;
	if (sa->state >= IKE_ST_ESTABLISHED && ike_init_follows(sa) && !sa->mobike &&
	    !net_endpoint_equal(&rx->path->remote, &sa->path.remote)) {
		IKE_CNT(sa, nat_update_addr_control);
		ike_cmd_move(sa, rx->t, &rx->path->remote);
	}
	why = ike_wire_parse_chain(m, rx->inner_first, rx->inner, rx->inner_len, true);
	if (why != IKE_W_OK)
		refuse_inner(rx, why);
	else if (!ike_guard_child_listed(rx))
		ike_fsm_dispatch(rx);
}

/* False: the message is not complete. A request that comes again is answered once, for its first fragment
 * (RFC 7383 section 2.6.1). */
static bool take_fragment(struct ike_rx *rx, const struct ike_msg *outer, bool again)
{
	struct ike_sa *sa = rx->sa;

	if (again) {
		IKE_CNT(sa, rx_fragments);
		return sa->frag && outer->frag == 1;
	}
	if (ike_frag_add(sa, outer, rx->raw_len, &rx->inner, &rx->inner_len, &rx->inner_first) ==
	    IKE_FRAG_WHOLE)
		return true;
	sa->last_seen_us = sa->e->now;
	ike_timer_arm(sa);
	return false;
}

static void input_protected(struct ike_sa *sa, const struct ike_path *path, const struct ike_hdr *h,
                            const uint8_t *pkt, size_t len)
{
	struct ike_msg outer = {.hdr = *h}, m = {.hdr = *h};
	struct ike_rx rx = {.e = sa->e, .sa = sa, .path = path, .m = &m, .raw = pkt, .raw_len = len};
	enum ike_wire_reason why;
	bool again;

	if (!in_window(sa, h, &again)) {
		ike_error_msgid(sa, h, pkt, len);
		return;
	}
	why = ike_wire_parse_chain(&outer, h->next, pkt + IKE_HDR_LEN, len - IKE_HDR_LEN, false);
	if (why == IKE_W_OK && !outer.sk.p && ike_error_hint(sa, &outer))
		return;
	if (why != IKE_W_OK || !outer.sk.p) {
		ike_engine_count_reason(ike_sa_counters(sa), why == IKE_W_OK ? IKE_W_SK_POSITION : why);
		return;
	}
	if (sa->setup && !sa->setup->keyed && ike_init_keys(sa)) {
		IKE_CNT(sa, decfail_kedhgrp); /* a public value outside its group: this SA can't come to be */
		ike_guard_undecryptable(sa);
		return;
	}
	if (ike_msg_open(sa, pkt, len, &outer, &rx.inner, &rx.inner_len) != IKE_OPEN_OK) {
		ike_guard_undecryptable(sa);
		return;
	}
	rx.inner_first = outer.sk_next;
	if (outer.frags && !take_fragment(&rx, &outer, again))
		return;
	rx.t = ike_out_begin(sa->e, sa);
	if (!rx.t)
		return;
	IKE_CNT(sa, rxpacket);
	ike_guard_decrypted(sa, rx.t);
	input_inner(&rx, &m, again);
	if (!again)
		ike_frag_drop(sa);
	ike_timer_settle(sa, rx.t);
}

/* The answer to our IKE_SA_INIT: the only unprotected message an SA takes. */
static void input_init_answer(struct ike_sa *sa, const struct ike_path *path, const struct ike_hdr *h,
                              const uint8_t *pkt, size_t len)
{
	struct ike_msg m = {.hdr = *h};
	struct ike_rx rx = {.e = sa->e, .sa = sa, .path = path, .m = &m, .raw = pkt, .raw_len = len};
	enum ike_wire_reason why =
	        ike_wire_parse_chain(&m, h->next, pkt + IKE_HDR_LEN, len - IKE_HDR_LEN, false);

	if (why != IKE_W_OK || m.sk.p || h->msgid || !sa->req) {
		ike_engine_count_reason(ike_sa_counters(sa), why);
		return;
	}
	rx.t = ike_out_begin(sa->e, sa);
	if (!rx.t)
		return;
	sa->last_seen_us = sa->e->now;
	ike_fsm_dispatch(&rx);
	ike_timer_settle(sa, rx.t);
}

static void input_sa(struct ike_sa *sa, const struct ike_path *path, const struct ike_hdr *h,
                     const uint8_t *pkt, size_t len)
{
	uint64_t other = h->flags & IKE_F_INITIATOR ? h->spi_i : h->spi_r;
	bool init = h->exchange == IKE_X_SA_INIT;

	if (!(h->flags & IKE_F_INITIATOR) != sa->initiator) {
		ike_engine_count_reason(ike_sa_counters(sa), IKE_W_HDR_FLAGS);
		return;
	}
	if (sa->peer_spi && other != sa->peer_spi) {
		IKE_CNT(sa, unkxchgspi);
		return;
	}
	if (sa->txn) {
		hold(sa, path, h, pkt, len);
		return;
	}
	counter_add(&ike_sa_counters(sa)->rxoctet, len);
	if (sa->state == IKE_ST_INIT_SENT && init)
		input_init_answer(sa, path, h, pkt, len);
	else if (sa->state != IKE_ST_INIT_SENT && !init)
		input_protected(sa, path, h, pkt, len);
	else
		IKE_CNT(sa, xchg_dropikesaerr);
}

void ike_engine_process(struct ike_engine *e, const struct ike_path *path, const uint8_t *pkt, size_t len)
{
	enum ike_wire_reason why;
	struct ike_hdr h;
	struct ike_sa *sa;

	why = len > IKE_PACKET_MAX ? IKE_W_HDR_LENGTH : ike_wire_parse_hdr(&h, pkt, len);
	if (why != IKE_W_OK) {
		ike_engine_count_reason(e->cnt, why);
		if (why == IKE_W_HDR_VERSION)
			ike_error_version(e, path, &h);
		return;
	}
	if (h.exchange == IKE_X_SA_INIT && !(h.flags & IKE_F_RESPONSE)) {
		input_new(e, path, &h, pkt, len);
		return;
	}
	sa = ike_sa_find(e, h.flags & IKE_F_INITIATOR ? h.spi_r : h.spi_i);
	if (sa) {
		input_sa(sa, path, &h, pkt, len);
		return;
	}
	IKE_ECNT(e, unkxchgspi);
	if (h.flags & IKE_F_RESPONSE)
		IKE_ECNT(e, xchg_droprspnoikesa);
	else
		IKE_ECNT(e, xchg_dropnoninitnoikesa);
	ike_error_unknown_spi(e, path, &h);
}

void ike_engine_input(struct ike_engine *e, uint64_t now, const struct ike_path *path, const uint8_t *pkt,
                      size_t len)
{
	e->now = now;
	ike_engine_process(e, path, pkt, len);
	ike_out_flush(e);
}

void ike_engine_tick(struct ike_engine *e, uint64_t now)
{
	e->now = now;
	wheel_advance(&e->wheel, now);
	ike_out_flush(e);
}

uint64_t ike_engine_next_us(const struct ike_engine *e)
{
	return wheel_next_us(&e->wheel);
}

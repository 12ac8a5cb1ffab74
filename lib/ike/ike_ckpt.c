/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints: an established IKE SA with its children, windows, last answer and outstanding request as a
 * versioned row, and back. A row is read like a peer's packet: every length and value is checked, and a
 * damaged one gives a reason, not a crash. Entry points: ike_ckpt_encode() (from ike_txn.c),
 * ike_engine_restore() (from ipsecmgr). Format: the put_*() functions, big-endian.
 */
#include "esp/esp.h"
#include "ike/ike_payload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define VERSION 6

enum sa_flag {
	F_INITIATOR = 1,
	F_NAT_LOCAL = 2,
	F_NAT_REMOTE = 4,
	F_REPLACED = 8,
	F_INNER_OURS = 16,
	F_NATT = 32,
	F_FRAG = 64,
	F_MOBIKE = 128
};
enum more_flag { M_NAT_FEIGNED = 1, M_SETTINGS = 2 };
enum child_flag { C_INITIATOR = 1, C_ENCAP = 2, C_DELETING = 4, C_SUPERSEDED = 8, C_EXPIRED = 16 };

/* ---- write ---- */

static void put_addr(struct pack_writer *w, const struct net_addr *a)
{
	pack_put_u8(w, (uint8_t)net_addr_len(a));
	pack_put_bytes(w, a->bytes, net_addr_len(a));
}

static void put_suite(struct pack_writer *w, const struct ike_suite *s)
{
	pack_put_u16(w, s->encr);
	pack_put_u16(w, s->encr_bits);
	pack_put_u16(w, s->prf);
	pack_put_u16(w, s->integ);
	pack_put_u16(w, s->dh);
	pack_put_u16(w, s->esn);
}

static void put_id(struct pack_writer *w, const struct ike_idref *id)
{
	pack_put_u8(w, id ? id->type : IKE_ID_NONE);
	pack_put_blob(w, id ? id->data : NULL, id ? id->len : 0);
}

static void put_ts(struct pack_writer *w, const struct ike_ts *t)
{
	put_addr(w, &t->lo);
	put_addr(w, &t->hi);
	pack_put_u8(w, t->proto);
	pack_put_u16(w, t->port_lo);
	pack_put_u16(w, t->port_hi);
}

static void put_child(struct pack_writer *w, const struct ike_child *c)
{
	pack_put_u8(w, (uint8_t)((c->initiator ? C_INITIATOR : 0) | (c->encap ? C_ENCAP : 0) |
	                         (c->deleting ? C_DELETING : 0) | (c->superseded ? C_SUPERSEDED : 0) |
	                         (c->expired ? C_EXPIRED : 0)));
	pack_put_u32(w, c->spi_in);
	pack_put_u32(w, c->spi_out);
	put_suite(w, &c->suite);
	pack_put_u8(w, c->n_local);
	pack_put_u8(w, c->n_remote);
	for (unsigned i = 0; i < (unsigned)c->n_local + c->n_remote; i++)
		put_ts(w, &c->ts[i]);
	pack_put_u64(w, c->created_us);
	pack_put_u64(w, c->soft_us);
	pack_put_u64(w, c->hard_us);
	pack_put_u32(w, c->rekeys);
	pack_put_u8(w, c->temp_failures);
	pack_put_u32(w, c->life_kb);
	pack_put_str(w, c->payload == IKE_NO_PAYLOAD ? "" : ike_payload_of(c)->name);
	pack_put_blob(w, c->keys, 2 * (ike_crypto_encr_len(&c->suite) + ike_crypto_integ_len(&c->suite)));
}

/* Exchanges that need more than the child they are about. */
static bool has_body(enum ike_job_kind kind)
{
	return kind != IKE_JOB_DPD && kind != IKE_JOB_DEL_CHILD && kind != IKE_JOB_DEL_IKE &&
	       kind != IKE_JOB_DISOWN && kind != IKE_JOB_TELL;
}

static void put_xchg(struct pack_writer *w, const struct ike_xchg *x)
{
	pack_put_u8(w, x ? (uint8_t)x->kind : IKE_JOB_NONE);
	if (!x)
		return;
	pack_put_u32(w, x->spi_in);
	if (!has_body(x->kind))
		return;
	pack_put_u32(w, x->new_spi_in);
	pack_put_u8(w, x->payload);
	pack_put_u64(w, x->new_spi);
	pack_put_bytes(w, x->nonce, sizeof(x->nonce));
	pack_put_u16(w, x->group);
	pack_put_bytes(w, x->dh_priv, sizeof(x->dh_priv));
	pack_put_u8(w, (uint8_t)x->n_offer);
	for (unsigned i = 0; i < x->n_offer; i++)
		put_suite(w, &x->offer[i]);
	pack_put_u8(w, x->tries);
	pack_put_u8(w, x->target_gone);
	pack_put_u32(w, x->rival_spi_in);
	pack_put_u64(w, x->kind == IKE_JOB_REKEY_IKE ? x->rival_spi : x->gone_spi_out);
	pack_put_blob(w, x->rival_nonce, x->rival_len);
}

static void put_jobs(struct pack_writer *w, const struct ike_job *jobs)
{
	const struct ike_job *j;
	uint8_t n = 0;

	for (j = jobs; j && n < UINT8_MAX; j = j->next)
		n++;
	pack_put_u8(w, n);
	for (j = jobs; j && n; j = j->next, n--) {
		pack_put_u8(w, (uint8_t)j->kind);
		pack_put_u32(w, j->spi_in);
	}
}

static void put_head(struct pack_writer *w, const struct ike_sa *sa)
{
	pack_put_u8(w, VERSION);
	pack_put_u8(w, (uint8_t)sa->state);
	pack_put_u8(w, (uint8_t)((sa->initiator ? F_INITIATOR : 0) | (sa->nat_local ? F_NAT_LOCAL : 0) |
	                         (sa->nat_remote ? F_NAT_REMOTE : 0) | (sa->replaced ? F_REPLACED : 0) |
	                         (sa->inner_ours ? F_INNER_OURS : 0) | (sa->path.natt ? F_NATT : 0) |
	                         (sa->frag ? F_FRAG : 0) | (sa->mobike ? F_MOBIKE : 0)));
	pack_put_u8(w,
	            (uint8_t)((sa->nat_feigned ? M_NAT_FEIGNED : 0) | (sa->has_settings ? M_SETTINGS : 0)));
	pack_put_u64(w, sa->spi);
	pack_put_u64(w, sa->peer_spi);
	pack_put_str(w, sa->pol->p.name);
	pack_put_u32(w, sa->path.ctx_id);
	put_addr(w, &sa->path.local.addr);
	pack_put_u16(w, sa->path.local.port);
	put_addr(w, &sa->path.remote.addr);
	pack_put_u16(w, sa->path.remote.port);
}

static void put_keys(struct pack_writer *w, const struct ike_sa *sa)
{
	size_t encr = ike_crypto_encr_len(&sa->suite), integ = ike_crypto_integ_len(&sa->suite);

	put_suite(w, &sa->suite);
	pack_put_bytes(w, sa->keys.sk_d, ike_alg_prf(sa->suite.prf)->len);
	pack_put_bytes(w, sa->keys.ai, integ);
	pack_put_bytes(w, sa->keys.ar, integ);
	pack_put_bytes(w, sa->keys.ei, encr);
	pack_put_bytes(w, sa->keys.er, encr);
}

int ike_ckpt_encode(const struct ike_sa *sa, struct pack_writer *w)
{
	const uint64_t times[] = {sa->created_us, sa->up_us,    sa->soft_us,
	                          sa->hard_us,    sa->empty_us, sa->more_us};
	unsigned n = 0;

	put_head(w, sa);
	put_keys(w, sa);
	put_id(w, sa->local_id);
	put_id(w, sa->peer_id);
	pack_put_u32(w, sa->send_next);
	pack_put_u32(w, sa->recv_next);
	pack_put_blob(w, sa->resp, sa->resp_len);
	pack_put_blob(w, sa->req, sa->req_len);
	put_xchg(w, sa->xchg);
	put_jobs(w, sa->jobs);
	pack_put_u32(w, sa->callid);
	put_addr(w, &sa->inner);
	put_addr(w, &sa->inner6);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		pack_put_u64(w, times[i]);
	pack_put_u32(w, sa->rekeys);
	pack_put_u8(w, sa->temp_failures);
	pack_put_u8(w, (uint8_t)sa->doom);
	pack_put_u8(w, sa->eap_method);
	pack_put_str(w, sa->device.digits);
	pack_put_u16(w, sa->replay_window);
	for (const struct ike_child *c = sa->children; c; c = c->next)
		n++;
	pack_put_u8(w, (uint8_t)n);
	for (const struct ike_child *c = sa->children; c; c = c->next)
		put_child(w, c);
	if (sa->has_settings)
		pack_put_bytes(w, sa->settings, sizeof(sa->settings));
	return w->bad ? -ENOMEM : 0;
}

/* ---- read ---- */

static void get_addr(struct pack_reader *r, struct net_addr *a)
{
	uint8_t len = pack_get_u8(r);
	const uint8_t *p = pack_get_bytes(r, len);

	memset(a, 0, sizeof(*a));
	if (len && (!p || net_addr_from_bytes(a, p, len)))
		r->bad = true;
}

static void get_suite(struct pack_reader *r, struct ike_suite *s, bool child)
{
	s->encr = pack_get_u16(r);
	s->encr_bits = pack_get_u16(r);
	s->prf = pack_get_u16(r);
	s->integ = pack_get_u16(r);
	s->dh = pack_get_u16(r);
	s->esn = pack_get_u16(r);
	if (!r->bad && ike_alg_check(s, child))
		r->bad = true;
}

static int get_id(struct pack_reader *r, struct ike_idref **out)
{
	struct ike_id id = {.type = pack_get_u8(r)};
	size_t len;
	const uint8_t *p = pack_get_blob(r, &len);

	if (len > IKE_ID_MAX || r->bad) {
		r->bad = true;
		return 0;
	}
	if (id.type == IKE_ID_NONE)
		return 0;
	id.len = (uint8_t)len;
	if (len)
		memcpy(id.data, p, len);
	return ike_sa_set_id(out, &id);
}

static int get_copy(struct pack_reader *r, uint8_t **out, size_t *out_len)
{
	size_t len;
	const uint8_t *p = pack_get_blob(r, &len);

	if (!len || r->bad)
		return 0;
	*out = malloc(len);
	if (!*out)
		return -ENOMEM;
	memcpy(*out, p, len);
	*out_len = len;
	return 0;
}

static void get_ts(struct pack_reader *r, struct ike_ts *t)
{
	get_addr(r, &t->lo);
	get_addr(r, &t->hi);
	t->proto = pack_get_u8(r);
	t->port_lo = pack_get_u16(r);
	t->port_hi = pack_get_u16(r);
	if (t->lo.family != t->hi.family || !t->lo.family)
		r->bad = true;
}

static void get_child_tail(struct pack_reader *r, struct ike_child *c)
{
	size_t len, want = 2 * (ike_crypto_encr_len(&c->suite) + ike_crypto_integ_len(&c->suite));
	char name[IKE_NAME_MAX];
	const uint8_t *keys;
	int at;

	c->created_us = pack_get_u64(r);
	c->soft_us = pack_get_u64(r);
	c->hard_us = pack_get_u64(r);
	c->rekeys = pack_get_u32(r);
	c->temp_failures = pack_get_u8(r);
	c->life_kb = pack_get_u32(r);
	pack_get_str(r, name, sizeof(name));
	at = ike_payload_find(&c->sa->pol->p, name);
	c->payload = at < 0 ? IKE_NO_PAYLOAD : (uint8_t)at;
	c->used = true; /* who knows */
	keys = pack_get_blob(r, &len);
	if (r->bad || len != want)
		r->bad = true;
	else
		memcpy(c->keys, keys, want);
}

/* 0 or -errno; damage is left in r->bad. */
static int get_child(struct ike_sa *sa, struct pack_reader *r)
{
	struct ike_ts ts[2 * IKE_MAX_TS] = {0};
	uint8_t flags = pack_get_u8(r), n_local, n_remote;
	uint32_t in = pack_get_u32(r), out = pack_get_u32(r);
	struct ike_suite suite;
	struct ike_child *c;

	get_suite(r, &suite, true);
	n_local = pack_get_u8(r);
	n_remote = pack_get_u8(r);
	if (r->bad || !in || !out || n_local > IKE_MAX_TS || n_remote > IKE_MAX_TS) {
		r->bad = true;
		return 0;
	}
	for (unsigned i = 0; i < (unsigned)n_local + n_remote; i++)
		get_ts(r, &ts[i]);
	c = ike_sa_child_new(sa, &suite, ts, n_local, n_remote);
	if (!c)
		return -ENOMEM;
	get_child_tail(r, c);
	if (r->bad || ike_sa_child_in(sa->e, in)) {
		ike_sa_child_free(c);
		return r->bad ? 0 : -EEXIST;
	}
	c->spi_in = in;
	c->spi_out = out;
	c->initiator = flags & C_INITIATOR;
	c->encap = flags & C_ENCAP;
	c->deleting = flags & C_DELETING;
	c->superseded = flags & C_SUPERSEDED;
	c->expired = flags & C_EXPIRED;
	ike_sa_child_link(sa, c);
	return 0;
}

static void get_xchg_body(struct pack_reader *r, struct ike_xchg *x)
{
	const uint8_t *nonce;
	size_t len;

	x->new_spi_in = pack_get_u32(r);
	x->payload = pack_get_u8(r);
	x->new_spi = pack_get_u64(r);
	pack_get_copy(r, x->nonce, sizeof(x->nonce));
	x->group = pack_get_u16(r);
	pack_get_copy(r, x->dh_priv, sizeof(x->dh_priv));
	x->n_offer = pack_get_u8(r);
	if (x->n_offer > IKE_MAX_SUITES || (x->group && !ike_alg_group(x->group)) ||
	    (x->kind == IKE_JOB_REKEY_IKE && !x->group)) {
		r->bad = true;
		return;
	}
	for (unsigned i = 0; i < x->n_offer; i++)
		get_suite(r, &x->offer[i], x->kind != IKE_JOB_REKEY_IKE);
	x->tries = pack_get_u8(r);
	x->target_gone = pack_get_u8(r);
	x->rival_spi_in = pack_get_u32(r);
	if (x->kind == IKE_JOB_REKEY_IKE)
		x->rival_spi = pack_get_u64(r);
	else
		x->gone_spi_out = (uint32_t)pack_get_u64(r);
	nonce = pack_get_blob(r, &len);
	if (len > sizeof(x->rival_nonce) || r->bad) {
		r->bad = true;
		return;
	}
	x->rival_len = (uint16_t)len;
	if (len)
		memcpy(x->rival_nonce, nonce, len);
}

static int get_xchg(struct ike_sa *sa, struct pack_reader *r)
{
	uint8_t kind = pack_get_u8(r);
	struct ike_xchg *x;

	if (r->bad || kind == IKE_JOB_NONE)
		return 0;
	if (kind >= IKE_JOBS) {
		r->bad = true;
		return 0;
	}
	x = sa->xchg = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->kind = kind;
	x->spi_in = pack_get_u32(r);
	if (has_body(kind))
		get_xchg_body(r, x);
	if (x->new_spi_in)
		ike_map_add(&sa->e->offered, &x->offered, x->new_spi_in, &x->offered);
	return 0;
}

static int get_jobs(struct ike_sa *sa, struct pack_reader *r)
{
	unsigned n = pack_get_u8(r);
	int err = 0;

	for (unsigned i = 0; i < n && !r->bad && !err; i++) {
		uint8_t kind = pack_get_u8(r);
		uint32_t spi = pack_get_u32(r);

		if (kind == IKE_JOB_NONE || kind >= IKE_JOBS)
			r->bad = true;
		else
			err = ike_sa_job(sa, kind, spi);
	}
	return err;
}

static void get_path(struct pack_reader *r, struct ike_path *path, uint8_t flags)
{
	path->ctx_id = pack_get_u32(r);
	get_addr(r, &path->local.addr);
	path->local.port = pack_get_u16(r);
	get_addr(r, &path->remote.addr);
	path->remote.port = pack_get_u16(r);
	path->natt = flags & F_NATT;
	if (!path->local.addr.family || path->local.addr.family != path->remote.addr.family)
		r->bad = true;
}

static void get_keys(struct pack_reader *r, struct ike_sa *sa)
{
	size_t encr, integ;

	get_suite(r, &sa->suite, false);
	if (r->bad)
		return;
	encr = ike_crypto_encr_len(&sa->suite);
	integ = ike_crypto_integ_len(&sa->suite);
	pack_get_copy(r, sa->keys.sk_d, ike_alg_prf(sa->suite.prf)->len);
	pack_get_copy(r, sa->keys.ai, integ);
	pack_get_copy(r, sa->keys.ar, integ);
	pack_get_copy(r, sa->keys.ei, encr);
	pack_get_copy(r, sa->keys.er, encr);
}

static void get_times(struct pack_reader *r, struct ike_sa *sa)
{
	sa->created_us = pack_get_u64(r);
	sa->up_us = pack_get_u64(r);
	sa->soft_us = pack_get_u64(r);
	sa->hard_us = pack_get_u64(r);
	sa->empty_us = pack_get_u64(r);
	sa->more_us = pack_get_u64(r);
	sa->rekeys = pack_get_u32(r);
	sa->temp_failures = pack_get_u8(r);
	sa->doom = pack_get_u8(r);
	if (sa->doom >= IKE_REASONS)
		r->bad = true;
}

/* Who came by EAP, and with which device. */
static void get_user(struct pack_reader *r, struct ike_sa *sa)
{
	char digits[sizeof(sa->device.digits)];

	sa->eap_method = pack_get_u8(r);
	pack_get_str(r, digits, sizeof(digits));
	if (!r->bad && digits[0] && ike_device_parse(&sa->device, digits))
		r->bad = true;
	sa->replay_window = pack_get_u16(r);
	if (sa->replay_window > ESP_REPLAY_MAX)
		r->bad = true;
}

static int get_body(struct ike_sa *sa, struct pack_reader *r)
{
	unsigned n;
	int err;

	get_keys(r, sa);
	err = get_id(r, &sa->local_id);
	if (!err)
		err = get_id(r, &sa->peer_id);
	sa->send_next = pack_get_u32(r);
	sa->recv_next = pack_get_u32(r);
	if (!err)
		err = get_copy(r, &sa->resp, &sa->resp_len);
	if (!err)
		err = get_copy(r, &sa->req, &sa->req_len);
	if (!err)
		err = get_xchg(sa, r);
	if (!err)
		err = get_jobs(sa, r);
	sa->callid = pack_get_u32(r);
	get_addr(r, &sa->inner);
	get_addr(r, &sa->inner6);
	get_times(r, sa);
	get_user(r, sa);
	n = pack_get_u8(r);
	if (n > IKE_CHILD_LIMIT)
		r->bad = true;
	for (unsigned i = 0; i < n && !err && !r->bad; i++)
		err = get_child(sa, r);
	if (sa->has_settings)
		pack_get_copy(r, sa->settings, sizeof(sa->settings));
	return err;
}

/* What the parts say about each other. */
static const char *inconsistent(const struct ike_sa *sa, uint8_t state)
{
	if (!sa->xchg != !sa->req)
		return "request and exchange don't belong together";
	if (state == IKE_ST_DELETING && (!sa->xchg || sa->xchg->kind != IKE_JOB_DEL_IKE))
		return "deleting without a delete";
	if (!sa->peer_id || !sa->local_id)
		return "identities are missing";
	return NULL;
}

static void resume(struct ike_sa *sa, uint8_t state)
{
	uint64_t dpd = sa->pol->p.dpd_interval_s * IKE_US_PER_S;
	struct ike_engine *e = sa->e;

	ike_sa_set_state(sa, state);
	sa->stored = sa->committed = true;
	sa->last_seen_us = e->now;
	if (sa->req)
		sa->retrans_us = e->now; /* at the next tick, identically */
	if (dpd && state == IKE_ST_ESTABLISHED)
		sa->dpd_us = e->now + ike_sa_jitter(e, dpd); /* not all of them at once */
	if (!sa->replaced)
		ike_sa_index_peer(sa);
}

static void announce(struct ike_sa *sa)
{
	struct ike_out *t = ike_out_begin(sa->e, sa);

	if (!t)
		return;
	for (struct ike_child *c = sa->children; c; c = c->next)
		ike_out_child(t, IKE_ACT_CHILD_ADD, c, true, false, 0);
	ike_out_end(t);
	ike_timer_arm(sa);
}

static int damaged(const char **why, const char *text, int err)
{
	*why = text;
	return err;
}

/* Header and policy; the SA is made with the rest still to be read. */
static int open_row(struct ike_engine *e, struct pack_reader *r, const char *key, uint8_t *state,
                    struct ike_sa **out, const char **why)
{
	char name[IKE_NAME_MAX], want[IKE_KEY_LEN];
	uint8_t version = pack_get_u8(r), flags, more;
	struct ike_pol *pol;
	struct ike_path path;
	uint64_t spi, peer;

	if (r->bad || version != VERSION)
		return damaged(why, "unknown version", r->bad ? -EBADMSG : -EPROTONOSUPPORT);
	*state = pack_get_u8(r);
	flags = pack_get_u8(r);
	more = pack_get_u8(r);
	spi = pack_get_u64(r);
	peer = pack_get_u64(r);
	pack_get_str(r, name, sizeof(name));
	get_path(r, &path, flags);
	if (r->bad || !spi || !peer)
		return damaged(why, "header is damaged", -EBADMSG);
	if (*state != IKE_ST_ESTABLISHED && *state != IKE_ST_REKEYED && *state != IKE_ST_DELETING)
		return damaged(why, "state can't be restored", -EBADMSG);
	if (ike_sa_find(e, spi))
		return damaged(why, "SPI is in use", -EEXIST);
	pol = ike_engine_policy(e, name);
	if (!pol && e->cb.policy) {
		e->cb.policy(e->arg, name);
		pol = ike_engine_policy(e, name);
	}
	if (!pol)
		return damaged(why, "policy is not configured", -ENOENT);
	*out = ike_sa_new(e, pol, flags & F_INITIATOR, spi);
	if (!*out)
		return -ENOMEM;
	ike_sa_key(*out, want);
	if (strcmp(want, key) != 0)
		return damaged(why, "key and SPI differ", -EBADMSG);
	(*out)->peer_spi = peer;
	(*out)->path = path;
	(*out)->nat_local = flags & F_NAT_LOCAL;
	(*out)->nat_remote = flags & F_NAT_REMOTE;
	(*out)->nat_feigned = more & M_NAT_FEIGNED;
	(*out)->has_settings = more & M_SETTINGS;
	(*out)->replaced = flags & F_REPLACED;
	(*out)->frag = flags & F_FRAG;
	(*out)->mobike = flags & F_MOBIKE;
	(*out)->inner_ours = flags & F_INNER_OURS;
	return 0;
}

int ike_engine_restore(struct ike_engine *e, uint64_t now, const char *key, const uint8_t *blob, size_t len,
                       const char **why)
{
	struct ike_sa *sa = NULL;
	struct pack_reader r;
	const char *text = "";
	uint8_t state = 0;
	int err;

	if (!why)
		why = &text;
	*why = "";
	e->now = now;
	if (len > IKE_CKPT_MAX)
		return damaged(why, "too long", -EBADMSG);
	pack_reader_init(&r, blob, len);
	err = open_row(e, &r, key, &state, &sa, why);
	if (!err) {
		err = get_body(sa, &r);
		if (!err && !pack_done(&r))
			err = damaged(why, "body is damaged", -EBADMSG);
		if (!err && inconsistent(sa, state))
			err = damaged(why, inconsistent(sa, state), -EBADMSG);
		if (err == -EEXIST)
			*why = "a child's SPI is in use";
	}
	if (err) {
		if (sa)
			ike_sa_free(sa);
		return err;
	}
	resume(sa, state);
	announce(sa);
	ike_out_flush(e);
	return 0;
}

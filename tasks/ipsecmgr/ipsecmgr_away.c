/* SPDX-License-Identifier: MIT */
/*
 * Settings that were changed while this manager was away (IPSec Reference chapter 7): each tunnel of a crypto
 * map has a digest of what is critical with it, in its row too, and when it is back from there it is treated
 * as if what changed meanwhile changed now. A map or service that went, or that has another address, takes
 * its tunnels with it, and their peers are told. Entry points: ipsecmgr_away_*(). Called by
 * ipsecmgr_engine.c, _serve.c and _change.c.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/pack.h"
#include "cfg/cfg.h"
#include "pki/pki.h"
#include "place/place.h"

/* --- the digest --------------------------------------------------------------------------------------------
 */

static void put_suites(struct pack_writer *w, const struct ike_suite *s, unsigned n)
{
	pack_put_u8(w, (uint8_t)n);
	for (; n; n--, s++) {
		pack_put_u16(w, s->encr);
		pack_put_u16(w, s->encr_bits);
		pack_put_u16(w, s->prf);
		pack_put_u16(w, s->integ);
		pack_put_u16(w, s->dh);
		pack_put_u16(w, s->esn);
	}
}

static void put_selectors(struct pack_writer *w, const struct ike_ts *ts, unsigned n)
{
	pack_put_u8(w, (uint8_t)n);
	for (; n; n--, ts++) {
		pack_put_blob(w, ts->lo.bytes, net_addr_len(&ts->lo));
		pack_put_blob(w, ts->hi.bytes, net_addr_len(&ts->hi));
		pack_put_u8(w, ts->proto);
		pack_put_u16(w, ts->port_lo);
		pack_put_u16(w, ts->port_hi);
	}
}

static void put_bytes(struct pack_writer *w, struct pki_bytes b)
{
	pack_put_blob(w, b.p, b.len);
}

/* All that critical() of ipsecmgr_change.c compares, and the rules. */
static void put_critical(struct pack_writer *w, const struct ipsecmgr_policy *x)
{
	const struct ike_policy *p = &x->pol;

	put_suites(w, p->ike, p->n_ike);
	pack_put_u8(w, (uint8_t)p->n_auth);
	for (unsigned i = 0; i < p->n_auth; i++) {
		const struct ike_auth_set *a = &p->auth[i];

		pack_put_u8(w, (uint8_t)(a->local_cert | a->remote_cert << 1 | a->local_eap << 2 |
		                         a->remote_eap << 3));
		pack_put_blob(w, a->psk, a->psk_len);
		pack_put_blob(w, a->psk_local, a->psk_local_len);
	}
	pack_put_blob(w, p->psk, p->psk_len);
	pack_put_blob(w, p->psk_local, p->psk_local_len);
	put_bytes(w, pki_own_digest(p->own));
	put_bytes(w, pki_trust_digest(p->trust));
	pack_put_blob(w, p->peer.bytes, net_addr_len(&p->peer));
	pack_put_u8(w, (uint8_t)p->n_payload);
	for (unsigned i = 0; i < p->n_payload; i++) {
		const struct ike_payload *y = &p->payload[i];

		put_suites(w, y->esp, y->n_esp);
		put_selectors(w, y->ts_local, y->n_ts_local);
		put_selectors(w, y->ts_remote, y->n_ts_remote);
	}
	ipsecmgr_maps_put_rules(x, w);
}

bool ipsecmgr_away_settings(const struct ipsecmgr *m, const char *policy, const struct ike_id *peer,
                            uint8_t out[IKE_SETTINGS_LEN])
{
	const struct ipsecmgr_policy *p = ipsecmgr_cfg_find(m, policy);
	uint8_t key[IKE_PSK_MAX], digest[EVP_MAX_MD_SIZE];
	struct pack_writer w;
	size_t len = 0;
	bool ok;

	if (!p || !p->map)
		return false;
	pack_writer_init_grow(&w);
	put_critical(&w, p);
	if (p->remote_secrets && ipsecmgr_change_by_key(&p->pol) &&
	    !ipsecmgr_secrets_find(m->secrets, peer, key, &len))
		pack_put_blob(&w, key, len);
	OPENSSL_cleanse(key, sizeof(key));
	ok = !w.bad && EVP_Digest(w.buf, w.len, digest, NULL, EVP_sha256(), NULL) == 1;
	if (ok)
		memcpy(out, digest, IKE_SETTINGS_LEN);
	pack_writer_free(&w);
	return ok;
}

/* --- tunnels, one by one -----------------------------------------------------------------------------------
 */

/* Those that are up and of which this is so; SPIs first, as what is done to one may create or free others. */
struct spis {
	const struct ipsecmgr *m;
	const char *policy;
	bool (*of)(const struct spis *l, const struct ike_sa_view *v);
	uint64_t *v;
	size_t n;
};

static int add_spi(void *arg, const struct ike_sa_view *v)
{
	struct spis *l = arg;
	uint64_t *bigger;

	if (v->state != IKE_ST_ESTABLISHED || !l->of(l, v))
		return 0;
	bigger = realloc(l->v, (l->n + 1) * sizeof(*l->v));
	if (!bigger)
		return 1;
	l->v = bigger;
	l->v[l->n++] = v->spi;
	return 0;
}

static bool of_policy(const struct spis *l, const struct ike_sa_view *v)
{
	return !strcmp(v->policy, l->policy);
}

static bool set_up_otherwise(const struct spis *l, const struct ike_sa_view *v)
{
	uint8_t now[IKE_SETTINGS_LEN];

	return v->has_settings && !v->txn_in_flight &&
	       ipsecmgr_away_settings(l->m, v->policy, &v->peer_id, now) &&
	       memcmp(now, v->settings, sizeof(now)) != 0;
}

/* Where its peer speaks to is not where its map or service is. */
static bool is_elsewhere(const struct spis *l, const struct ike_sa_view *v)
{
	const struct ipsecmgr_policy *p = ipsecmgr_cfg_find(l->m, v->policy);

	return p && (p->pol.ctx_id != v->path.ctx_id || !net_addr_equal(&p->pol.local, &v->path.local.addr));
}

void ipsecmgr_away_settle(struct ipsecmgr *m, const char *policy)
{
	struct spis l = {.m = m, .policy = policy, .of = of_policy};

	ike_engine_foreach_sa(m->e, add_spi, &l);
	for (size_t i = 0; i < l.n; i++)
		ike_engine_settle(m->e, ipsecmgr_engine_now(m), l.v[i]);
	free(l.v);
}

/* --- when rows are read ------------------------------------------------------------------------------------
 */

/* A map that can't be used loses its tunnels while its manager is there. When it is not, they wait for better
 * times, unless the command of chapter 7 says that what does not fit has to go. One that no interface uses
 * any more has no such times. */
bool ipsecmgr_away_ends(const struct ipsecmgr *m, const struct cfg_tree *tree, const char *policy)
{
	if (m->epoch || m->maps_unread || m->key_unread)
		return false; /* the other chassis may have it; or nobody can say */
	if (!ipsecmgr_keep_configured(m, tree, policy))
		return true;
	return place_serves_maps(m->t->instance) &&
	       (!ipsecmgr_closed_has(m, policy) || cfg_on(tree, tree->root, "ikesa-delete-on-mismatch"));
}

/* Critical settings are others: what a change now would mean. */
static void end_changed(struct ipsecmgr *m, const struct cfg_tree *tree)
{
	bool end = cfg_on(tree, tree->root, "ikesa-delete-on-mismatch");
	struct spis l = {.m = m, .of = set_up_otherwise};

	ike_engine_foreach_sa(m->e, add_spi, &l);
	if (l.n)
		LOG(EV_IPSEC_TEMPLATE,
		    "critical settings of crypto maps changed while this manager was away: %zu tunnels %s",
		    l.n, end ? "end" : "stay as they are");
	for (size_t i = 0; i < l.n; i++) {
		if (end)
			ike_engine_end(m->e, ipsecmgr_engine_now(m), l.v[i], IKE_R_CHANGED);
		else
			ike_engine_settle(m->e, ipsecmgr_engine_now(m), l.v[i]);
	}
	free(l.v);
}

static void end_elsewhere(struct ipsecmgr *m)
{
	struct spis l = {.m = m, .of = is_elsewhere};
	struct ike_sa_view v;

	ike_engine_foreach_sa(m->e, add_spi, &l);
	if (l.n)
		LOG(EV_IPSEC_TEMPLATE, "addresses changed while this manager was away: %zu tunnels end", l.n);
	for (size_t i = 0; i < l.n; i++) {
		if (!ike_engine_find(m->e, l.v[i], &v))
			ipsecmgr_restore_sockets(m, &v.path);
		ike_engine_end(m->e, ipsecmgr_engine_now(m), l.v[i], IKE_R_LOCAL_DELETE);
	}
	free(l.v);
}

void ipsecmgr_away_restored(struct ipsecmgr *m, const struct cfg_tree *tree)
{
	if (!m->epoch)
		end_elsewhere(m);
	end_changed(m, tree);
}

/* SPDX-License-Identifier: MIT */
/*
 * The proofs of IKE_AUTH, both roles (RFC 7296 section 2.15): which way of a policy's is taken, and the AUTH
 * payload by pre-shared key and after EAP (section 2.16); by certificate it is ike_cert.c's. Entry points:
 * ike_proof_put_auth(), ike_proof_check(), ike_proof_put_eap(), ike_proof_check_eap(). Called by ike_auth.c,
 * ike_auth_init.c and ike_eap*.c.
 */
#include "ike/ike_auth.h"
#include "ike/ike_int.h"
#include "pki/pki.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

const struct ike_auth_set *ike_proof_sets(const struct ike_policy *p, unsigned *n)
{
	static const struct ike_auth_set keys;

	*n = p->n_auth ? p->n_auth : 1;
	return p->n_auth ? p->auth : &keys;
}

/* The SA's set; the policy may have changed meanwhile. */
static const struct ike_auth_set *set_of(const struct ike_sa *sa)
{
	unsigned n;
	const struct ike_auth_set *sets = ike_proof_sets(&sa->pol->p, &n);

	return &sets[sa->setup && sa->setup->auth_set < n ? sa->setup->auth_set : 0];
}

bool ike_proof_by_cert(const struct ike_sa *sa)
{
	return set_of(sa)->local_cert && sa->pol->p.own;
}

bool ike_proof_by_eap(const struct ike_sa *sa)
{
	return sa->initiator && set_of(sa)->local_eap;
}

int ike_proof_octets(struct ike_sa *sa, bool of_initiator, struct ike_buf id_body, uint8_t mac[IKE_PRF_MAX],
                     struct ike_buf out[3])
{
	struct ike_setup *s = sa->setup;
	size_t n = ike_alg_prf(sa->suite.prf)->len;

	out[0] = (struct ike_buf){of_initiator ? s->init_req : s->init_resp,
	                          of_initiator ? s->init_req_len : s->init_resp_len};
	out[1] = (struct ike_buf){of_initiator ? s->nr : s->ni, of_initiator ? s->nr_len : s->ni_len};
	out[2] = (struct ike_buf){mac, n};
	return ike_crypto_prf(sa->e->crypto, sa->suite.prf, of_initiator ? s->sk_pi : s->sk_pr, n, &id_body,
	                      1, mac);
}

/* ---- pre-shared keys ---- */

/* The key that proves us (own) or the peer. 0, -ENOENT (none), -EACCES (refused), -EINVAL. */
static int find_psk(struct ike_sa *sa, const struct ike_auth_set *set, bool own, const struct ike_id *local,
                    const struct ike_id *peer, uint8_t *psk, size_t *len)
{
	const struct ike_policy *p = &sa->pol->p;
	struct ike_psk_ask ask = {.local = local, .peer = peer, .from = &sa->path.remote.addr};
	struct ike_engine *e = sa->e;
	const uint8_t *key = p->psk_len ? p->psk : set->psk;
	int err;

	*len = p->psk_len ? p->psk_len : set->psk_len;
	if (own && (p->psk_local_len || set->psk_local_len)) {
		*len = p->psk_local_len ? p->psk_local_len : set->psk_local_len;
		memcpy(psk, p->psk_local_len ? p->psk_local : set->psk_local, *len);
		return 0;
	}
	err = e->cb.psk ? e->cb.psk(e->arg, p->name, &ask, psk, len) : -ENOENT;
	if (!err)
		return *len && *len <= IKE_PSK_MAX ? 0 : -EINVAL;
	*len = p->psk_len ? p->psk_len : set->psk_len;
	if (err != -ENOENT || !*len)
		return err;
	memcpy(psk, key, *len);
	return 0;
}

/* AUTH = prf(prf(PSK, "Key Pad for IKEv2"), octets) */
static int make_mac(struct ike_sa *sa, const uint8_t *psk, size_t psk_len, const struct ike_buf octets[3],
                    uint8_t *out)
{
	static const char pad[] = "Key Pad for IKEv2";
	struct ike_buf padbuf = {(const uint8_t *)pad, sizeof(pad) - 1};
	size_t n = ike_alg_prf(sa->suite.prf)->len;
	struct ike_crypto *c = sa->e->crypto;
	uint8_t key[IKE_PRF_MAX];
	int err = ike_crypto_prf(c, sa->suite.prf, psk, psk_len, &padbuf, 1, key);

	if (!err)
		err = ike_crypto_prf(c, sa->suite.prf, key, n, octets, 3, out);
	OPENSSL_cleanse(key, sizeof(key));
	return err;
}

/* 0, -ENOENT (no key for this peer), -EACCES. */
static int check_mac(struct ike_rx *rx, const struct ike_auth_set *set, const struct ike_id *local,
                     const struct ike_id *peer, const struct ike_buf octets[3])
{
	uint8_t psk[IKE_PSK_MAX], mac[IKE_PRF_MAX];
	size_t len = 0, n = ike_alg_prf(rx->sa->suite.prf)->len;
	int err = find_psk(rx->sa, set, false, local, peer, psk, &len);

	if (err)
		return -ENOENT;
	err = make_mac(rx->sa, psk, len, octets, mac);
	if (!err && (rx->m->auth.len != n || CRYPTO_memcmp(mac, rx->m->auth.p, n)))
		err = -EACCES;
	OPENSSL_cleanse(psk, sizeof(psk));
	return err;
}

static int put_mac(struct ike_build *b, struct ike_sa *sa, const struct ike_id *local,
                   const struct ike_id *peer, const struct ike_buf octets[3])
{
	uint8_t psk[IKE_PSK_MAX], mac[IKE_PRF_MAX];
	size_t len = 0;
	int err = find_psk(sa, set_of(sa), true, local, peer, psk, &len);

	if (!err)
		err = make_mac(sa, psk, len, octets, mac);
	OPENSSL_cleanse(psk, sizeof(psk));
	if (!err)
		ike_wire_put_auth(b, IKE_AUTH_PSK, mac, ike_alg_prf(sa->suite.prf)->len);
	return err;
}

/* ---- ours, theirs ---- */

int ike_proof_put_auth(struct ike_build *b, struct ike_sa *sa, const struct ike_id *local,
                       const struct ike_id *peer)
{
	uint8_t body[4 + IKE_ID_MAX] = {local->type}, mac[IKE_PRF_MAX];
	struct ike_buf octets[3];
	int err;

	memcpy(body + 4, local->data, local->len);
	err = ike_proof_octets(sa, sa->initiator, (struct ike_buf){body, 4u + local->len}, mac, octets);
	if (err)
		return err;
	return ike_proof_by_cert(sa) ? ike_cert_sign(b, sa, octets) : put_mac(b, sa, local, peer, octets);
}

/* By each set that fits the kind of AUTH; as initiator our own half is fixed already. */
static int try_sets(struct ike_rx *rx, const struct ike_id *local, const struct ike_id *peer,
                    const struct ike_buf octets[3])
{
	bool sign = pki_auth_is_signature(rx->m->auth_method);
	const struct ike_auth_set *ours = set_of(rx->sa);
	struct ike_setup *s = rx->sa->setup;
	unsigned n;
	const struct ike_auth_set *sets = ike_proof_sets(&rx->sa->pol->p, &n);
	int err = -ENOTSUP, last;

	if (!sign && rx->m->auth_method != IKE_AUTH_PSK)
		return err;
	for (unsigned i = 0; i < n; i++) {
		if (sets[i].remote_cert != sign || (!rx->sa->initiator && sets[i].remote_eap))
			continue;
		if (rx->sa->initiator &&
		    (sets[i].local_cert != ours->local_cert || sets[i].local_eap != ours->local_eap))
			continue;
		if (sign && err != -ENOTSUP)
			continue; /* the same certificate again */
		last = sign ? ike_cert_check(rx, peer, octets) : check_mac(rx, &sets[i], local, peer, octets);
		if (!last) {
			s->auth_set = (uint8_t)i;
			return 0;
		}
		err = err == -EACCES ? err : last;
	}
	return err;
}

int ike_proof_check(struct ike_rx *rx, const struct ike_id *local, const struct ike_id *peer)
{
	const struct ike_ident *ident = rx->sa->initiator ? &rx->m->idr : &rx->m->idi;
	bool sign = pki_auth_is_signature(rx->m->auth_method);
	struct ike_buf octets[3];
	struct ike_sa *sa = rx->sa;
	uint8_t mac[IKE_PRF_MAX];
	int err = -ENOTSUP;

	if (rx->m->seen & IKE_SEEN(IKE_PL_AUTH)) {
		err = ike_proof_octets(sa, !sa->initiator, ident->body, mac, octets);
		if (!err)
			err = try_sets(rx, local, peer, octets);
	}
	if (err == -ENOTSUP) {
		IKE_CNT(sa, decfail_unsuppauthmeth); /* a way that no set of the policy has */
		sa->setup->why = rx->m->seen & IKE_SEEN(IKE_PL_AUTH) ? "way to authenticate not configured"
		                                                     : "no AUTH payload";
	} else if (err == -ENOENT) {
		IKE_CNT(sa, auth_invalidnai);
		sa->setup->why = "no key for this identity";
	} else if (err && sign) {
		IKE_CNT(sa, auth_failsign);
	} else if (err) {
		IKE_CNT(sa, auth_failhash);
		sa->setup->why = "wrong key";
	}
	return err ? -EACCES : 0;
}

/* ---- after EAP ---- */

/* The key that EAP made; a method without one leaves what covers the identities. */
static struct ike_buf eap_key(const struct ike_sa *sa, bool of_initiator)
{
	const struct ike_setup *s = sa->setup;

	if (s->eap->msk_len)
		return (struct ike_buf){s->eap->msk, s->eap->msk_len};
	return (struct ike_buf){of_initiator ? s->sk_pi : s->sk_pr, ike_alg_prf(sa->suite.prf)->len};
}

static int eap_mac(struct ike_sa *sa, bool of_initiator, struct ike_buf id_body, uint8_t out[IKE_PRF_MAX])
{
	struct ike_buf octets[3], key = eap_key(sa, of_initiator);
	uint8_t mac[IKE_PRF_MAX];
	int err = ike_proof_octets(sa, of_initiator, id_body, mac, octets);

	return err ? err : make_mac(sa, key.p, key.len, octets, out);
}

int ike_proof_put_eap(struct ike_build *b, struct ike_sa *sa, const struct ike_id *local)
{
	uint8_t body[4 + IKE_ID_MAX] = {local->type}, mac[IKE_PRF_MAX];
	int err;

	memcpy(body + 4, local->data, local->len);
	err = eap_mac(sa, sa->initiator, (struct ike_buf){body, 4u + local->len}, mac);
	if (!err)
		ike_wire_put_auth(b, IKE_AUTH_PSK, mac, ike_alg_prf(sa->suite.prf)->len);
	return err;
}

int ike_proof_check_eap(struct ike_rx *rx, struct ike_buf id_body)
{
	size_t n = ike_alg_prf(rx->sa->suite.prf)->len;
	uint8_t mac[IKE_PRF_MAX];

	if (!(rx->m->seen & IKE_SEEN(IKE_PL_AUTH)) || rx->m->auth_method != IKE_AUTH_PSK ||
	    rx->m->auth.len != n || eap_mac(rx->sa, !rx->sa->initiator, id_body, mac) ||
	    CRYPTO_memcmp(mac, rx->m->auth.p, n)) {
		IKE_CNT(rx->sa, auth_failhash);
		rx->sa->setup->why = "wrong key after EAP";
		return -EACCES;
	}
	return 0;
}

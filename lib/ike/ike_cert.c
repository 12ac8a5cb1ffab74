/* SPDX-License-Identifier: MIT */
/*
 * Certificates in IKE (RFC 7296 sections 2.15, 3.6, 3.7; RFC 7427; chapters 3, 11 and 15): CERT, CERTREQ,
 * SIGNATURE_HASH_ALGORITHMS, and AUTH by signature. What a certificate is worth is lib/pki's to say. A
 * certificate named by hash and URL is fetched before ike_cert_check(), as a session is waited for
 * (ike_cert_url.c); OCSP would be likewise, and is not there yet. Called by ike_init.c, ike_auth.c,
 * ike_auth_init.c and ike_proof.c.
 */
#include "ike/ike_auth.h"
#include "ike/ike_int.h"
#include "pki/pki.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAS_MAX (64 * PKI_KEYHASH_LEN) /* hashes of CAs that are read */

/* Does any way of the policy prove us (local) or the peer by certificate? */
static bool uses(const struct ike_policy *p, bool local, bool remote)
{
	unsigned n;
	const struct ike_auth_set *sets = ike_proof_sets(p, &n);

	for (unsigned i = 0; i < n; i++)
		if ((local && sets[i].local_cert) || (remote && sets[i].remote_cert))
			return true;
	return false;
}

/* ---- IKE_SA_INIT ---- */

void ike_cert_put_request(struct ike_build *b, struct ike_sa *sa)
{
	const struct ike_policy *p = &sa->pol->p;
	uint8_t hash[PKI_CA_MAX * PKI_KEYHASH_LEN];
	size_t len = pki_trust_hashes(p->trust, hash);

	if (!len || !uses(p, false, true))
		return;
	ike_wire_put_cert(b, IKE_PL_CERTREQ, IKE_CERT_X509, hash, len);
	IKE_CNT(sa, cert_reqsent);
	if (!p->hash_url)
		return;
	/* either will do (chapter 15) */
	ike_wire_put_cert(b, IKE_PL_CERTREQ, IKE_CERT_HASH_URL, hash, len);
	ike_wire_put_notify(b, 0, 0, 0, IKE_N_HTTP_CERT_LOOKUP_SUPPORTED, NULL, 0);
	IKE_CNT(sa, cert_req_hashurl_sent);
}

void ike_cert_put_init(struct ike_build *b, struct ike_sa *sa)
{
	const struct ike_policy *p = &sa->pol->p;
	uint8_t list[16];
	size_t n = 0;

	if (!sa->initiator)
		ike_cert_put_request(b, sa);
	if (!uses(p, true, true) || (!sa->initiator && !sa->setup->hashes))
		return;
	for (unsigned i = 1; i < 2 * sizeof(list) && n < sizeof(list); i++)
		if (PKI_HASHES_OURS & 1u << i) {
			list[n++] = 0;
			list[n++] = (uint8_t)i;
		}
	ike_wire_put_notify(b, 0, 0, 0, IKE_N_SIGNATURE_HASH_ALGORITHMS, list, n);
}

/* The hashes of every CERTREQ we understand, one behind the other. Returns the number of bytes. */
static size_t collect(struct ike_sa *sa, const struct ike_msg *m, uint8_t out[CAS_MAX])
{
	size_t len = 0, take;

	for (unsigned i = 0; i < m->n_certreq; i++) {
		const struct ike_cert *r = &m->certreq[i];

		IKE_CNT(sa, cert_reqrecv);
		if (r->encoding == IKE_CERT_HASH_URL)
			IKE_CNT(sa, cert_req_hashurl_recv);
		if ((r->encoding != IKE_CERT_X509 && r->encoding != IKE_CERT_HASH_URL) || !sa->pol->p.own) {
			IKE_CNT(sa, cert_req_ignored);
			continue;
		}
		take = r->data.len < CAS_MAX - len ? r->data.len : CAS_MAX - len;
		memcpy(out + len, r->data.p, take);
		len += take;
	}
	return len;
}

int ike_cert_note_init(struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_notify *n = ike_wire_notify(m, IKE_N_SIGNATURE_HASH_ALGORITHMS);
	struct ike_setup *s = sa->setup;
	uint8_t cas[CAS_MAX];
	size_t len;

	s->lookup = ike_wire_notify(m, IKE_N_HTTP_CERT_LOOKUP_SUPPORTED);
	s->hashes = 0;
	for (size_t i = 0; n && i + 1 < n->data.len; i += 2)
		if (!n->data.p[i] && n->data.p[i + 1] < 32)
			s->hashes |= 1u << n->data.p[i + 1];
	if (!sa->initiator || !m->n_certreq)
		return 0;
	len = collect(sa, m, cas);
	free(s->cas);
	s->cas = malloc(len ? len : 1);
	s->cas_len = s->cas ? len : 0;
	if (!s->cas)
		return -ENOMEM;
	memcpy(s->cas, cas, len);
	return 0;
}

/* ---- our proof ---- */

void ike_cert_put(struct ike_build *b, struct ike_sa *sa, const struct ike_msg *m)
{
	struct pki_bytes chain[PKI_CHAIN_MAX], asked = {sa->setup->cas, sa->setup->cas_len};
	uint8_t cas[CAS_MAX];
	unsigned n;

	if (m)
		asked = (struct pki_bytes){cas, collect(sa, m, cas)};
	if (!ike_proof_by_cert(sa))
		return;
	n = pki_own_chain(sa->pol->p.own, asked, chain);
	for (unsigned i = 0; i < n; i++) {
		if (!i && ike_cert_url_welcome(sa, m))
			ike_cert_url_put(b, sa, chain[i].p, chain[i].len);
		else
			ike_wire_put_cert(b, IKE_PL_CERT, IKE_CERT_X509, chain[i].p, chain[i].len);
		IKE_CNT(sa, cert_sent);
		if (i)
			IKE_CNT(sa, subca_cert_sent);
		else
			IKE_CNT(sa, server_cert_sent);
	}
	if (n > 1)
		IKE_CNT(sa, ca_cert_chains_sent);
}

static void to_pki(const struct ike_buf data[3], struct pki_bytes out[3])
{
	for (unsigned i = 0; i < 3; i++)
		out[i] = (struct pki_bytes){data[i].p, data[i].len};
}

static uint64_t wall_s(const struct ike_engine *e)
{
	return (e->cb.wall ? e->cb.wall(e->arg) : e->now) / IKE_US_PER_S;
}

/* StarOS certificate … validate: what our own CAs and lists would refuse proves nobody. */
static bool is_valid(struct ike_sa *sa)
{
	const struct ike_policy *p = &sa->pol->p;

	if (!p->own_validate || pki_own_verify(p->own, p->trust, wall_s(sa->e)) == PKI_OK)
		return true;
	sa->setup->why = "our own certificate is not valid";
	return false;
}

int ike_cert_sign(struct ike_build *b, struct ike_sa *sa, const struct ike_buf data[3])
{
	const struct ike_policy *p = &sa->pol->p;
	struct pki_bytes parts[3];
	uint8_t sig[PKI_SIG_MAX], method = 0;
	size_t len = 0;
	int err;

	to_pki(data, parts);
	IKE_CNT(sa, attempt_local_cert_auth_method);
	err = !is_valid(sa)
	              ? -EACCES
	              : pki_own_sign(p->own, p->cert_pss, sa->setup->hashes, parts, 3, &method, sig, &len);
	if (err)
		IKE_CNT(sa, failure_local_cert_auth_method);
	else
		ike_wire_put_auth(b, method, sig, len);
	return err;
}

/* ---- the peer's proof ---- */

/* The CERT payloads that are certificates, or name one that was fetched. */
static unsigned take_certs(struct ike_sa *sa, const struct ike_msg *m, struct pki_bytes out[IKE_MAX_CERTS])
{
	unsigned n = 0, urls = 0;
	struct ike_buf der;

	for (unsigned i = 0; i < m->n_cert; i++) {
		const struct ike_cert *c = &m->cert[i];

		if (c->encoding == IKE_CERT_X509) {
			IKE_CNT(sa, cert_recv);
			if (n)
				IKE_CNT(sa, subca_cert_recv);
			out[n++] = (struct pki_bytes){c->data.p, c->data.len};
			continue;
		}
		if (c->encoding == IKE_CERT_HASH_URL) {
			IKE_CNT(sa, cert_hashurl_recv);
			if (ike_cert_url_take(sa, urls++, &der)) {
				out[n++] = (struct pki_bytes){der.p, der.len};
				continue;
			}
		}
		IKE_CNT(sa, cert_ignored);
		IKE_CNT(sa, decfail_unsuppcertpay);
	}
	return n;
}

int ike_cert_check(struct ike_rx *rx, const struct ike_id *peer, const struct ike_buf data[3])
{
	struct pki_id id = {peer->type, {peer->data, peer->len}};
	struct pki_bytes certs[IKE_MAX_CERTS], parts[3];
	struct pki_peer *proven = NULL;
	struct ike_sa *sa = rx->sa;
	const struct ike_policy *p = &sa->pol->p;
	unsigned n = take_certs(sa, rx->m, certs);
	enum pki_reason why;

	IKE_CNT(sa, attempt_remote_cert_auth_method);
	why = pki_trust_verify(p->trust, certs, n, p->max_cert_size, wall_s(sa->e), &id, &proven);
	if (why == PKI_OK) {
		to_pki(data, parts);
		why = pki_peer_check(proven, rx->m->auth_method,
		                     (struct pki_bytes){rx->m->auth.p, rx->m->auth.len}, parts, 3);
	}
	pki_peer_free(proven);
	if (why == PKI_OK) {
		IKE_CNT(sa, success_remote_cert_auth_method);
		return 0;
	}
	IKE_CNT(sa, failure_remote_cert_auth_method);
	if (why == PKI_TOO_LARGE)
		IKE_CNT(sa, cert_auth_fail_large_length);
	if (why != PKI_NO_CERT || !sa->setup->n_fetched)
		sa->setup->why = pki_reason_name(why);
	return -EACCES;
}

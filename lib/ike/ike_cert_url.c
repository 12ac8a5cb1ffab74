/* SPDX-License-Identifier: MIT */
/*
 * Certificates named by hash and URL (RFC 7296 section 3.6; chapter 15): a CERT payload has the SHA-1 of the
 * certificate and where it is. The engine asks its caller to fetch (NEED_CERT), one after the other, while
 * the IKE_AUTH message waits, and looks at the hash; whose certificate it is, is ike_cert_check()'s to say.
 * Entry points: ike_cert_url_wait(), ike_engine_cert_fetched().
 */
#include "ike/ike_auth.h"
#include "ike/ike_int.h"
#include "pki/pki.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define HASH_LEN 20

/* The URL of such a CERT. false: none that we would fetch. */
static bool url_of(const struct ike_cert *c, char url[IKE_URL_MAX])
{
	size_t n = c->data.len > HASH_LEN ? c->data.len - HASH_LEN : 0;

	if (n <= 7 || n >= IKE_URL_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (c->data.p[HASH_LEN + i] <= ' ' || c->data.p[HASH_LEN + i] >= 0x7f)
			return false;
	memcpy(url, c->data.p + HASH_LEN, n);
	url[n] = 0;
	return !strncasecmp(url, "http://", 7);
}

/* The k-th CERT by hash and URL. */
static const struct ike_cert *nth(const struct ike_msg *m, unsigned k)
{
	for (unsigned i = 0; i < m->n_cert; i++)
		if (m->cert[i].encoding == IKE_CERT_HASH_URL && !k--)
			return &m->cert[i];
	return NULL;
}

bool ike_cert_url_wait(struct ike_rx *rx)
{
	const struct ike_policy *p = &rx->sa->pol->p;
	struct ike_setup *s = rx->sa->setup;
	const struct ike_cert *c;
	char url[IKE_URL_MAX];

	/* by signature only: a certificate beside another proof is not looked at */
	if (!p->hash_url || !pki_trust_cas(p->trust) || !pki_auth_is_signature(rx->m->auth_method))
		return false;
	while (s->n_fetched < IKE_MAX_FETCHED && (c = nth(rx->m, s->n_fetched))) {
		if (url_of(c, url) && ike_auth_keep(rx)) {
			s->fetching = true;
			ike_out_need_cert(rx->t, rx->sa, url,
			                  p->max_cert_size ? p->max_cert_size : PKI_CERT_MAX);
			return true;
		}
		s->n_fetched++;
		s->why = "URL of its certificate is not of HTTP";
	}
	return false;
}

bool ike_cert_url_take(const struct ike_sa *sa, unsigned i, struct ike_buf *der)
{
	const struct ike_setup *s = sa->setup;

	if (i >= s->n_fetched || !s->fetched[i].der)
		return false;
	*der = (struct ike_buf){s->fetched[i].der, s->fetched[i].len};
	return true;
}

void ike_cert_url_free(struct ike_setup *s)
{
	for (unsigned i = 0; i < IKE_MAX_FETCHED; i++)
		free(s->fetched[i].der);
}

/* Has it the hash that the waiting message tells? */
static bool is_that(struct ike_sa *sa, const uint8_t *der, size_t len)
{
	struct ike_setup *s = sa->setup;
	struct ike_msg m = {.hdr = {.exchange = IKE_X_AUTH}};
	uint8_t hash[EVP_MAX_MD_SIZE];
	const struct ike_cert *c = NULL;

	if (ike_wire_parse_chain(&m, s->auth_first, s->auth_inner, s->auth_inner_len, true) == IKE_W_OK)
		c = nth(&m, s->n_fetched);
	return c && EVP_Digest(der, len, hash, NULL, EVP_sha1(), NULL) == 1 &&
	       !CRYPTO_memcmp(hash, c->data.p, HASH_LEN);
}

int ike_engine_cert_fetched(struct ike_engine *e, uint64_t now, uint64_t ref, const uint8_t *der, size_t len)
{
	struct ike_sa *sa = ike_sa_find(e, ref);
	struct ike_setup *s = sa ? sa->setup : NULL;
	struct ike_fetched *f;
	struct ike_out *t;

	if (!s || sa->state == IKE_ST_DEAD)
		return -ENOENT;
	if (!s->fetching || !s->auth_inner)
		return -EALREADY;
	e->now = now;
	t = ike_out_begin(e, sa);
	if (!t)
		return -ENOMEM;
	f = &s->fetched[s->n_fetched];
	if (!der)
		s->why = "its certificate can not be fetched";
	else if (!is_that(sa, der, len))
		s->why = "certificate fetched has another hash";
	else if ((f->der = malloc(len ? len : 1))) {
		memcpy(f->der, der, len);
		f->len = len;
	}
	s->n_fetched++;
	s->fetching = false;
	ike_auth_again(sa, t);
	ike_timer_settle(sa, t);
	ike_out_flush(e);
	return 0;
}

/* ---- ours ---- */

bool ike_cert_url_welcome(const struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_policy *p = &sa->pol->p;

	return p->hash_url && p->own_url[0] &&
	       (sa->setup->lookup || (m && ike_wire_notify(m, IKE_N_HTTP_CERT_LOOKUP_SUPPORTED)));
}

void ike_cert_url_put(struct ike_build *b, struct ike_sa *sa, const uint8_t *der, size_t len)
{
	const char *url = sa->pol->p.own_url;
	uint8_t data[HASH_LEN + IKE_URL_MAX];
	size_t n = strnlen(url, IKE_URL_MAX); /* without its NUL: RFC 7296 section 3.6 */

	if (EVP_Digest(der, len, data, NULL, EVP_sha1(), NULL) != 1)
		return;
	memcpy(data + HASH_LEN, url, n);
	ike_wire_put_cert(b, IKE_PL_CERT, IKE_CERT_HASH_URL, data, HASH_LEN + n);
	IKE_CNT(sa, cert_hashurl_sent);
}

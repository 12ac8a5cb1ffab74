/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes lib/pki with what strangers and files send: certificates of a peer with their AUTH data and
 * identity, CA certificates, revocation lists and private keys. The first byte says which. Nothing may crash,
 * leak or be believed.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "pki/pki_view.h"
#include "tests/pki_make.h"

static struct pki_trust *trust;
static struct pki_bytes der;
static struct pki_peer *proven;

static void prepare(void)
{
	struct mk root = mk_cert(&(struct mk_want){.cn = "root", .ca = true}, NULL);
	struct mk gw = mk_cert(&(struct mk_want){.cn = "gw", .key = "rsa"}, &root);
	struct pki_id id = {2, {(const uint8_t *)"gw", 2}};

	trust = mk_trust((const struct mk *[]){&root}, 1);
	der = mk_der(&gw);
	assert(pki_trust_verify(trust, &der, 1, 0, MK_NOW, &id, &proven) == PKI_OK);
	mk_free(&root);
	mk_free(&gw);
}

static void peer(const uint8_t *data, size_t size)
{
	size_t half = size / 2;
	struct pki_bytes certs[2] = {{data, half}, {data + half, size - half}};
	struct pki_id id = {size ? data[0] % 13 : 0, {data, size > 128 ? 128 : size}};
	struct pki_peer *p;

	assert(pki_trust_verify(trust, certs, 2, 0, MK_NOW, &id, &p) != PKI_OK);
	certs[0] = der; /* a good one, with this behind it and this identity */
	if (pki_trust_verify(trust, certs, 2, 0, MK_NOW, &id, &p) == PKI_OK)
		pki_peer_free(p);
	assert(pki_trust_verify(trust, &der, 1, 0, MK_NOW, &id, &p) != PKI_OK || id.data.len < 3 ||
	       id.type == 9 || id.type == 11);
	pki_peer_free(p);
}

static void see(void *arg, const char *serial, uint64_t at_s, const char *why)
{
	assert(strlen(serial) < PKI_VIEW_SERIAL && why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pki_bytes said = {(const uint8_t *)"said", 4};
	struct pki_bytes rest = {data + 1, size - 1};
	struct pki_cert_view cert;
	struct pki_crl_view crl;
	struct pki_trust *t;
	struct pki_own *o;
	enum pki_reason why;

	if (!trust)
		prepare();
	if (!size)
		return 0;
	switch (data[0] % 5) {
	case 0:
		peer(rest.p, rest.len);
		break;
	case 1:
		if (rest.len)
			assert(pki_peer_check(proven, rest.p[0], (struct pki_bytes){rest.p + 1, rest.len - 1},
			                      &said, 1) != PKI_OK);
		break;
	case 2:
		pki_view_cert(rest, &cert);
		t = pki_trust_new();
		if (pki_trust_add_ca(t, rest) == PKI_OK)
			assert(pki_trust_cas(t) == 1);
		pki_trust_unref(t);
		break;
	case 3:
		pki_view_crl(rest, &crl, see, NULL);
		t = pki_trust_new();
		pki_trust_add_crl(t, rest);
		pki_trust_unref(t);
		break;
	case 4:
		o = pki_own_new(rest, rest, NULL, &why);
		assert(o || why != PKI_OK);
		pki_own_unref(o);
		break;
	}
	return 0;
}

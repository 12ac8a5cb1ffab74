/* SPDX-License-Identifier: MIT */
/*
 * Certificates, CA certificates, revocation lists and private keys of the configuration: PEM text in its
 * lines, or files of this chassis (chapter 11), read by lib/certs. The only place of ipsecmgr that opens
 * sealed keys; what is in all of them is lib/pki's to judge.
 * Entry points: ipsecmgr_cert_own(), ipsecmgr_cert_trust(). Called by ipsecmgr_cfg.c.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/certs_read.h"
#include "cfg/cfg.h"
#include "pki/pki.h"

/* Bytes of a certificate, key or list; to be freed with drop(). */
struct bytes {
	char *p;
	size_t len;
};

static void drop(struct bytes *b)
{
	if (b->p)
		OPENSSL_cleanse(b->p, b->len);
	free(b->p);
	*b = (struct bytes){0};
}

static struct pki_bytes in(const struct bytes *b)
{
	return (struct pki_bytes){(const uint8_t *)b->p, b->len};
}

/* The text or file that a line names. 0, or an error in why. */
static int fetch(const struct ipsecmgr_cert_env *e, const char *text, const char *url, struct bytes *b,
                 const char **why)
{
	int rc = certs_read(e->state_dir, text, url, &b->p, &b->len);

	*why = rc ? certs_read_error(rc) : NULL;
	return rc;
}

/* The private key of a certificate's line: sealed or clear text, or a file. */
static int fetch_key(const struct ipsecmgr_cert_env *e, const struct cfg_node *n, struct bytes *b,
                     const char **why)
{
	const char *key = cfg_arg(n, "key"), *url = cfg_arg(n, "key-url");
	char *clear;
	int rc;

	if (!key && !url) {
		*why = "it has no private key";
		return -ENOENT;
	}
	if (!key || !e->key || !secret_is_sealed(key))
		return fetch(e, key, url, b, why);
	clear = malloc(strlen(key) + 1);
	rc = clear ? secret_unseal(e->key, key, clear, strlen(key) + 1) : -ENOMEM;
	*why = "its private key was not sealed by this chassis";
	if (!rc)
		rc = fetch(e, clear, NULL, b, why);
	if (clear)
		OPENSSL_cleanse(clear, strlen(key) + 1);
	free(clear);
	return rc;
}

static void tell(const struct ipsecmgr_cert_env *e, const char *kind, const char *name, const char *why)
{
	char text[512];

	snprintf(text, sizeof(text), "%s %.128s: %s", kind, name, why);
	if (e->problem)
		e->problem(e->arg, text);
}

/* Certificate and private key of these two lines. NULL and why, in words. */
static struct pki_own *own_of(const struct ipsecmgr_cert_env *e, const struct cfg_node *cert,
                              const struct cfg_node *holder, const struct pki_trust *more, const char **why)
{
	struct bytes certs = {0}, key = {0};
	enum pki_reason reason = PKI_OK;
	struct pki_own *o = NULL;

	if (!fetch(e, cfg_arg(cert, "pem-data"), cfg_arg(cert, "url"), &certs, why) &&
	    !fetch_key(e, holder, &key, why)) {
		o = pki_own_new(in(&certs), in(&key), more, &reason);
		*why = pki_reason_name(reason);
	}
	drop(&certs);
	drop(&key);
	return o;
}

struct pki_own *ipsecmgr_cert_own(const struct ipsecmgr_cert_env *e, const char *name,
                                  const struct cfg_node *pem, const struct pki_trust *more,
                                  const struct cfg_node **used)
{
	const struct cfg_node *n = cfg_child_named(e->tree, e->tree->root, "certificate", name);
	const char *why = "it does not exist";
	struct pki_own *o = NULL;

	*used = n;
	if (n && pem && (o = own_of(e, pem, n, more, &why)))
		*used = pem;
	else if (n && pem)
		tell(e, "pem url in the place of certificate", name, why);
	if (n && !o)
		o = own_of(e, n, n, more, &why);
	if (!o)
		tell(e, "certificate", name, why);
	return o;
}

void ipsecmgr_cert_validate(const struct ipsecmgr_cert_env *e, const char *name, const struct pki_own *own,
                            const struct pki_trust *t)
{
	enum pki_reason why = pki_own_verify(own, t, clock_wall_us() / US_PER_SEC);

	if (why != PKI_OK)
		tell(e, "certificate", name, pki_reason_name(why));
}

static bool add_from(const struct ipsecmgr_cert_env *e, struct pki_trust *t, const char *row,
                     const char *name, enum pki_reason (*put)(struct pki_trust *t, struct pki_bytes in))
{
	const struct cfg_node *n = cfg_child_named(e->tree, e->tree->root, row, name);
	const char *why = "it does not exist";
	enum pki_reason reason = PKI_GARBAGE;
	struct bytes b = {0};

	if (n && !fetch(e, cfg_arg(n, "pem-data"), cfg_arg(n, "url"), &b, &why)) {
		reason = put(t, in(&b));
		why = pki_reason_name(reason);
	}
	if (reason != PKI_OK)
		tell(e, row, name, why);
	drop(&b);
	return reason == PKI_OK;
}

struct pki_trust *ipsecmgr_cert_trust(const struct ipsecmgr_cert_env *e, const struct cfg_node *tmpl)
{
	const struct cfg_node *cas = cfg_child(e->tree, tmpl, "ca-certificate-list", NULL),
	                      *crls = cfg_child(e->tree, tmpl, "ca-crl-list", NULL);
	struct pki_trust *t = cas ? pki_trust_new() : NULL;
	const char *name;

	for (unsigned i = 0; t && (name = cfg_arg_nth(cas, "certificate", i)); i++)
		add_from(e, t, "ca-certificate", name, pki_trust_add_ca);
	for (unsigned i = 0; t && crls && (name = cfg_arg_nth(crls, "crl", i)); i++)
		if (!add_from(e, t, "ca-crl", name, pki_trust_add_crl)) {
			pki_trust_unref(t);
			t = NULL;
		}
	return t;
}

/* SPDX-License-Identifier: MIT */
/*
 * Certificates, CA certificates and revocation lists of the configuration, as the chassis reads them now:
 * what stands in them, whether they are valid, or why they cannot be read. Private keys are only said to be
 * there.
 */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "certs/certs_read.h"
#include "cli_show.h"
#include "pki/pki_view.h"

static const char *validity(uint64_t from_s, uint64_t until_s)
{
	uint64_t now = clock_wall_us() / US_PER_SEC;

	return now < from_s ? "Not yet valid" : until_s && now > until_s ? "Expired" : "Valid";
}

static void set_cert(json_t *o, const struct pki_cert_view *v)
{
	json_t *x = json_pack(
	        "{s:i, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:i}", "version",
	        (int)v->version, "serial", v->serial, "signature_algorithm", v->signature, "issuer",
	        v->issuer, "subject", v->subject, "not_before_s", (json_int_t)v->not_before_s, "not_after_s",
	        (json_int_t)v->not_after_s, "status", validity(v->not_before_s, v->not_after_s),
	        "alternative_names", v->names, "public_key", v->key, "key_usage", v->usage, "ca", v->ca,
	        "fingerprint_sha1", v->sha1, "fingerprint_sha256", v->sha256, "key_id", v->key_id, "further",
	        (int)v->further);

	json_object_update_new(o, x);
}

static void add_revoked(void *arg, const char *serial, uint64_t at_s, const char *why)
{
	json_array_append_new(arg, json_pack("{s:s, s:I, s:s}", "serial", serial, "revoked_s",
	                                     (json_int_t)at_s, "reason", why));
}

static enum pki_reason set_crl(json_t *o, struct pki_bytes in)
{
	struct pki_crl_view v;
	json_t *list = json_array();
	enum pki_reason why = pki_view_crl(in, &v, add_revoked, list);

	if (why == PKI_OK)
		json_object_update_new(
		        o, json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:i, s:O}", "version",
		                     (int)v.version, "signature_algorithm", v.signature, "issuer", v.issuer,
		                     "crl_number", v.number, "this_update_s", (json_int_t)v.this_update_s,
		                     "next_update_s", (json_int_t)v.next_update_s, "status",
		                     validity(v.this_update_s, v.next_update_s), "fingerprint_sha256",
		                     v.sha256, "revoked", (int)v.revoked, "entries", list));
	json_decref(list);
	return why;
}

static json_t *one(struct sh *sh, const char *row, const struct cfg_node *n)
{
	const char *pem = cfg_arg(n, "pem-data"), *url = cfg_arg(n, "url");
	json_t *o = json_pack("{s:s, s:s, s:s}", "name", cfg_key(n, 0), "format",
	                      cfg_arg(n, "format") ? cfg_arg(n, "format") : "pem", "source",
	                      pem || !url ? "configuration" : url);
	struct pki_cert_view v;
	enum pki_reason why = PKI_OK;
	const char *problem = NULL;
	char *p = NULL;
	size_t len = 0;
	int rc = certs_read(sh->t->state_dir, pem, url, &p, &len);
	struct pki_bytes in = {(const uint8_t *)p, len};

	if (rc)
		problem = certs_read_error(rc);
	else if (!strcmp(row, "ca-crl"))
		why = set_crl(o, in);
	else if ((why = pki_view_cert(in, &v)) == PKI_OK)
		set_cert(o, &v);
	if (why != PKI_OK)
		problem = pki_reason_name(why);
	if (problem)
		json_object_set_new(o, "problem", json_string(problem));
	if (!strcmp(row, "certificate"))
		json_object_set_new(o, "private_key",
		                    json_boolean(cfg_arg(n, "key") || cfg_arg(n, "key-url")));
	if (p)
		OPENSSL_cleanse(p, len); /* a file may hold the key beside the certificate */
	free(p);
	return o;
}

static json_t *list(struct sh *sh, const struct cli_cmd *cmd, const char *row, const char *what, char *err,
                    size_t size)
{
	const char *name = cli_cmd_str(cmd, "name");
	const struct cfg_tree *t = sh_tree(sh);
	json_t *a = json_array();
	const struct cfg_node *n;

	cfg_foreach(n, t->root, row) if (!name || !strcmp(name, cfg_key(n, 0)))
	        json_array_append_new(a, one(sh, row, n));
	if (name && !json_array_size(a)) {
		snprintf(err, size, "Failure: %s %.128s does not exist", row, name);
		json_decref(a);
		return NULL;
	}
	return json_pack("{s:s, s:o}", "kind", what, "list", a);
}

static json_t *cert_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return list(sh, cmd, "certificate", "Certificate", err, size);
}

static json_t *ca_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return list(sh, cmd, "ca-certificate", "CA Certificate", err, size);
}

static json_t *crl_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return list(sh, cmd, "ca-crl", "CA CRL", err, size);
}

const struct sh_command sh_pki_commands[] = {
        {"show_certificate", NULL, cert_collect, render_certificates},
        {"show_ca_certificate", NULL, ca_collect, render_certificates},
        {"show_ca_crl", NULL, crl_collect, render_crls},
        {NULL, NULL, NULL, NULL},
};

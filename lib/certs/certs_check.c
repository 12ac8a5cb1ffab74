/* SPDX-License-Identifier: MIT */
/* Are lines with certificates, lists and keys right, together with what they name: see certs.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/url.h"
#include "certs/certs.h"
#include "certs/certs_int.h"
#include "certs/certs_read.h"
#include "fetch/fetch.h"
#include "secret/secret.h"

/* Bytes of a line; p is NULL where there is nothing, or nothing yet. */
struct part {
	char *p;
	size_t len;
};

static struct pki_bytes in(const struct part *b)
{
	return (struct pki_bytes){(const uint8_t *)b->p, b->len};
}

static void drop(struct part *b)
{
	if (b->p)
		explicit_bzero(b->p, b->len);
	free(b->p);
	*b = (struct part){0};
}

static int complain(char *err, size_t size, const char *what, const char *why)
{
	snprintf(err, size, "%s%s%s", what, *what ? ": " : "", why);
	return -EBADMSG;
}

/* The certificate, or list. */
static int read_public(const char *state_dir, const struct cfg_args *args, struct part *b, char *err,
                       size_t size)
{
	const char *text = cfg_args_get(args, "pem-data"), *url = cfg_args_get(args, "url");
	int rc = 0;

	if (text || (url && state_dir && !certs_is_remote(args, "url")))
		rc = certs_read(state_dir, text, url, &b->p, &b->len);
	return rc < 0 ? complain(err, size, text ? "" : url, certs_read_error(rc)) : 0;
}

/* The private key of a line `certificate`, in clear. */
static int read_key(const char *state_dir, const struct cli_hooks *hooks, const struct cfg_args *args,
                    struct part *b, char *err, size_t size)
{
	const char *key = cfg_args_get(args, "key"), *url = cfg_args_get(args, "key-url");
	bool sealed = key && secret_is_sealed(key);
	char clear[CLI_LINE_MAX];
	int rc = 0;

	if (sealed && hooks && hooks->unseal) {
		rc = hooks->unseal(hooks->arg, key, clear, sizeof(clear));
		if (rc < 0)
			return complain(err, size, "", "its private key was not sealed by this chassis");
		key = clear;
		sealed = false;
	}
	if ((key && !sealed) || (!key && url && state_dir && !certs_is_remote(args, "key-url")))
		rc = certs_read(state_dir, key, url, &b->p, &b->len);
	explicit_bzero(clear, sizeof(clear));
	return rc < 0 ? complain(err, size, key ? "" : url, certs_read_error(rc)) : 0;
}

/* The private key of holder, if it is there; cert, if that is there, is to belong to it. */
static int check_key(const char *state_dir, const struct cli_hooks *hooks, const struct cfg_args *holder,
                     const struct part *cert, bool own, char *err, size_t size)
{
	enum pki_reason why = PKI_OK;
	struct part key = {0};
	int rc = read_key(state_dir, hooks, holder, &key, err, size);

	if (rc == 0 && key.p)
		why = pki_check_key(in(&key));
	if (why != PKI_OK)
		rc = complain(err, size, "private-key", pki_reason_name(why));
	if (rc == 0 && key.p && cert->p) {
		pki_own_unref(pki_own_new(in(cert), in(&key), NULL, &why));
		rc = why == PKI_OK ? 0 : complain(err, size, "", pki_reason_name(why));
	} else if (rc < 0 && !own) {
		rc = 0; /* another line's matter */
	}
	drop(&key);
	return rc;
}

/* holder: the line with the private key; NULL: there is none. */
static int check(const char *state_dir, const struct cli_hooks *hooks, const struct cli_row *row,
                 const struct cfg_args *args, const struct cfg_args *holder, char *err, size_t size)
{
	const char *url = cfg_args_get(args, "url");
	struct part cert = {0};
	enum pki_reason why = PKI_OK;
	int rc = read_public(state_dir, args, &cert, err, size);

	if (rc == 0 && cert.p)
		why = certs_look(row, in(&cert));
	if (why != PKI_OK)
		rc = complain(err, size, url ? url : "", pki_reason_name(why));
	if (rc == 0 && holder)
		rc = check_key(state_dir, hooks, holder, &cert, holder == args, err, size);
	drop(&cert);
	return rc;
}

/* Who has the private key: the line itself, or the certificate that a template names beside its `pem url`. */
static const struct cfg_args *holder_of(const struct cfg_tree *t, const struct cfg_node *block,
                                        const struct cli_row *row, const struct cfg_args *args)
{
	const struct cfg_node *n;
	const char *name;

	if (strcmp(row->id, "pem-url"))
		return !strcmp(row->id, "certificate") ? args : NULL;
	name = block ? cfg_get(t, block, "certificate", "certificate") : NULL;
	n = name ? cfg_child_named(t, t->root, "certificate", name) : NULL;
	return n ? n->args : NULL;
}

/* The block that the line of this path is in; NULL: there is none. */
static const struct cfg_node *block_of(const struct cfg_tree *t, const char *path)
{
	const char *end = strrchr(path, '/');
	char *above = end ? strndup(path, (size_t)(end - path)) : NULL;
	const struct cfg_node *n = !end ? t->root : above ? cfg_find(t, above) : NULL;

	free(above);
	return n;
}

int certs_check(const char *state_dir, const struct cli_hooks *hooks, const struct cfg_tree *t,
                const struct cfg_edit *e, char *err, size_t size)
{
	const struct cli_row *row = cfg_path_row(t, e->path, NULL);
	char why[FETCH_URL_MAX + 160];
	struct cfg_args *args;
	bool negated;
	int rc = 0;

	if ((e->op != CFG_SET && e->op != CFG_REPLACE) || !row || !certs_is_row(row) || !e->value ||
	    cfg_value_parse(e->value, &args, &negated) < 0)
		return 0;
	if (!negated)
		rc = check(state_dir, hooks, row, args, holder_of(t, block_of(t, e->path), row, args), why,
		           sizeof(why));
	cfg_args_free(args);
	if (rc < 0)
		snprintf(err, size, "Failure: %s", why);
	return rc;
}

int certs_check_node(const char *state_dir, const struct cli_hooks *hooks, const struct cfg_tree *t,
                     const struct cfg_node *n, char *err, size_t size)
{
	const char *var = certs_wanted(n->args);
	char shown[FETCH_URL_MAX];

	if (!var || !certs_is_remote(n->args, var))
		return check(state_dir, hooks, n->row, n->args, holder_of(t, n->parent, n->row, n->args), err,
		             size);
	snprintf(err, size, "%s has not been fetched yet", url_shown(cfg_arg(n, var), shown, sizeof(shown)));
	return -EBADMSG;
}

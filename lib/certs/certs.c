/* SPDX-License-Identifier: MIT */
/* Certificates read by URL become files of the chassis, and private keys sealed text: see certs.h. */
#include "certs/certs.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "certs/certs_int.h"
#include "certs/certs_ldap.h"
#include "disk/disk.h"
#include "fetch/fetch.h"

#define YOUNG_US (10 * US_PER_SEC)
#define KEY_MAX  8191 /* characters of a private key (chapter 11) */

static const char *const rows[] = {"certificate", "ca-certificate", "ca-crl"};

/* Variables that are read; the URL of cert-hash-url is for peers. */
static const char *const vars[] = {"url", "key-url"};

bool certs_is_row(const struct cli_row *row)
{
	bool chassis = !strcmp(row->mode->name, "config");

	for (size_t i = 0; chassis && i < sizeof(rows) / sizeof(*rows); i++)
		if (!strcmp(rows[i], row->id))
			return true;
	return !chassis && !strcmp(row->id, "pem-url");
}

void certs_each(const struct cfg_tree *t, void (*each)(void *arg, const struct cfg_node *n), void *arg)
{
	const struct cfg_node *ctx, *n, *pem;

	for (n = t->root->child; n; n = n->next)
		if (certs_is_row(n->row) && !n->negated)
			each(arg, n);
	cfg_foreach(ctx, t->root, "context") for (n = ctx->child; n; n = n->next)
	{
		pem = n->child ? cfg_child(t, n, "pem-url", NULL) : NULL;
		if (pem && !pem->negated)
			each(arg, pem);
	}
}

/* --- what is to be read --- */

unsigned certs_protocols(const char *var)
{
	return !strcmp(var, "url") ? FETCH_ALL | FETCH_LDAP : FETCH_ALL;
}

bool certs_is_remote(const struct cfg_args *args, const char *var)
{
	const char *url = cfg_args_get(args, var);

	return url && fetch_is_remote(url, certs_protocols(var));
}

/* A certificate or list that the chassis keeps; keys are not kept as files. */
static bool is_kept(const char *var, const char *url)
{
	char canon[DISK_URL_MAX];

	return strcmp(var, "key-url") && disk_url(url, canon, sizeof(canon)) == 0 &&
	       !strncmp(canon, CERTS_DIR "/", strlen(CERTS_DIR "/"));
}

const char *certs_wanted(const struct cfg_args *args)
{
	for (size_t i = 0; i < sizeof(vars) / sizeof(*vars); i++) {
		const char *url = cfg_args_get(args, vars[i]);

		if (url && !is_kept(vars[i], url))
			return vars[i];
	}
	return NULL;
}

static bool is_directory(const char *url)
{
	return fetch_is_remote(url, FETCH_LDAP);
}

size_t certs_max(const struct cli_row *row, const struct cfg_args *args, const char *var)
{
	size_t max = !strcmp(var, "key-url")      ? KEY_MAX
	             : !strcmp(row->id, "ca-crl") ? PKI_INPUT_MAX
	                                          : 8 * PKI_CERT_MAX;

	/* in base64, with what else the entry has */
	return is_directory(cfg_args_get(args, var)) ? max / 2 * 3 + 4096 : max;
}

int certs_read_file(const char *state_dir, const struct cli_row *row, const struct cfg_args *args,
                    const char *var, char **p, size_t *len, char *err, size_t size)
{
	size_t max = certs_max(row, args, var);
	char path[DISK_URL_MAX];
	int rc = disk_url(cfg_args_get(args, var), path, sizeof(path));

	*p = NULL;
	*len = 0;
	if (rc == 0)
		rc = disk_read(state_dir, path, max, p, len);
	if (rc == -EFBIG)
		snprintf(err, size, "it is larger than the %zu bytes that are taken", max);
	else if (rc < 0)
		snprintf(err, size, "%s", disk_error(rc));
	return rc;
}

static bool is_list(const struct cli_row *row)
{
	return !strcmp(row->id, "ca-crl");
}

enum pki_reason certs_look(const struct cli_row *row, struct pki_bytes in)
{
	return is_list(row)                         ? pki_check_crl(in)
	       : !strcmp(row->id, "ca-certificate") ? pki_check_ca(in)
	                                            : pki_check_certs(in);
}

/* "ca-crl-NAME-0123456789abcdef", "pem-url-CONTEXT-TEMPLATE-…": another content is another file, so that
 * whoever reads it sees that the line has changed. */
static void file_name(const struct cli_row *row, const char *path, struct pki_bytes in, char *buf,
                      size_t size)
{
	unsigned char hash[EVP_MAX_MD_SIZE] = {0};
	size_t at = (size_t)snprintf(buf, size, "%s/%s-", CERTS_DIR, row->id);

	EVP_Digest(in.p, in.len, hash, NULL, EVP_sha256(), NULL);
	while ((path = strchr(path, '='))) {
		for (path++; *path && *path != '/' && at + 24 < size; path++)
			buf[at++] = isalnum((unsigned char)*path) || strchr("-_", *path) ? *path : '_';
		buf[at++] = '-';
	}
	for (unsigned i = 0; i < 8; i++)
		at += (size_t)snprintf(buf + at, size - at, "%02x", hash[i]);
}

static int keep_file(const char *state_dir, const struct cli_row *row, const char *path,
                     struct cfg_args *args, struct pki_bytes in, char *err, size_t size)
{
	char file[DISK_URL_MAX];
	enum pki_reason why = certs_look(row, in);
	int rc;

	if (why != PKI_OK) {
		snprintf(err, size, "%s", pki_reason_name(why));
		return -EBADMSG;
	}
	file_name(row, path, in, file, sizeof(file));
	rc = disk_mkdir(state_dir, CERTS_DIR);
	if (rc == 0 || rc == -EEXIST)
		rc = disk_write(state_dir, file, (const char *)in.p, in.len);
	if (rc == 0)
		rc = cfg_args_set(args, "url", file);
	if (rc < 0)
		snprintf(err, size, "it cannot be kept: %s", strerror(-rc));
	return rc;
}

/* A key in PEM as one line: "\n" for the ends of lines, as certificates in the configuration have it. */
static char *folded(struct pki_bytes in)
{
	char *text = malloc(2 * in.len + 1), *p = text;

	for (size_t i = 0; text && i < in.len; i++) {
		if (in.p[i] == '\r')
			continue;
		if (in.p[i] == '\n')
			*p++ = '\\';
		*p++ = in.p[i] == '\n' ? 'n' : (char)in.p[i];
	}
	if (text)
		*p = 0;
	return text;
}

static int keep_key(const struct cli_hooks *hooks, struct cfg_args *args, struct pki_bytes in, char *err,
                    size_t size)
{
	enum pki_reason why = pki_check_key(in);
	char *text, sealed[CLI_LINE_MAX];
	int rc;

	if (why != PKI_OK || memchr(in.p, 0, in.len)) {
		snprintf(err, size, "%s", pki_reason_name(why != PKI_OK ? why : PKI_GARBAGE));
		return -EBADMSG;
	}
	text = folded(in);
	rc = !text ? -ENOMEM : strlen(text) > KEY_MAX ? -EFBIG : 0;
	if (rc == 0)
		rc = hooks->seal ? hooks->seal(hooks->arg, text, sealed, sizeof(sealed)) : -EPERM;
	if (rc == 0)
		rc = cfg_args_set(args, "key", sealed);
	if (rc == 0)
		rc = cfg_args_set(args, "encrypted", "");
	if (rc == 0)
		cfg_args_del(args, "key-url");
	else
		snprintf(err, size, "it cannot be sealed: %s", strerror(-rc));
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
	return rc;
}

int certs_take(const char *state_dir, const struct cli_hooks *hooks, const struct cli_row *row,
               const char *path, struct cfg_args *args, const char *var, const char *data, size_t len,
               char *err, size_t size)
{
	struct pki_bytes in = {(const uint8_t *)data, len};
	char *value = NULL;
	int rc = 0;

	if (!strcmp(var, "key-url"))
		return keep_key(hooks, args, in, err, size);
	if (is_directory(cfg_args_get(args, var))) {
		rc = certs_ldap_value(data, len, is_list(row), &value, &len);
		in = (struct pki_bytes){(const uint8_t *)value, len};
		if (rc < 0)
			snprintf(err, size, "the entry has no %s",
			         is_list(row) ? "revocation list" : "certificate");
	}
	if (rc == 0)
		rc = keep_file(state_dir, row, path, args, in, err, size);
	free(value);
	return rc;
}

/* --- files that are named no more --- */

struct sweep {
	const char *state_dir;
	const struct cfg_tree *tree;
	unsigned young;
};

struct named {
	const char *file;
	bool found;
};

static void is_this(void *arg, const struct cfg_node *n)
{
	struct named *f = arg;
	const char *url = cfg_arg(n, "url");
	char canon[DISK_URL_MAX];

	f->found |= url && disk_url(url, canon, sizeof(canon)) == 0 && !strcmp(canon, f->file);
}

static bool is_named(const struct cfg_tree *tree, const char *file)
{
	struct named f = {.file = file};

	certs_each(tree, is_this, &f);
	return f.found;
}

static int sweep_one(void *arg, const char *name, const struct stat *st)
{
	struct sweep *s = arg;
	uint64_t now = clock_wall_us(), at = (uint64_t)st->st_mtim.tv_sec * US_PER_SEC;
	char file[DISK_URL_MAX];

	if (!S_ISREG(st->st_mode) ||
	    snprintf(file, sizeof(file), CERTS_DIR "/%s", name) >= (int)sizeof(file) ||
	    is_named(s->tree, file))
		return 0;
	if (now >= at && now - at < YOUNG_US)
		s->young++;
	else
		disk_unlink(s->state_dir, file);
	return 0;
}

unsigned certs_sweep(const char *state_dir, const struct cfg_tree *tree)
{
	struct sweep s = {.state_dir = state_dir, .tree = tree};

	disk_list(state_dir, CERTS_DIR, sweep_one, &s);
	return s.young;
}

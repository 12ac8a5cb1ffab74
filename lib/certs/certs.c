/* SPDX-License-Identifier: MIT */
/* Certificates fetched by URL become files of the chassis, and private keys sealed text: see certs.h. */
#include "certs/certs.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "disk/disk.h"
#include "fetch/fetch.h"
#include "pki/pki.h"

#define YOUNG_US (10 * US_PER_SEC)
#define KEY_MAX  8191 /* characters of a private key (chapter 11) */

const char *const certs_rows[] = {"certificate", "ca-certificate", "ca-crl", NULL};

/* Variables that are fetched; the URL of cert-hash-url is for peers. */
static const char *const vars[] = {"url", "key-url"};

bool certs_is_row(const char *row)
{
	for (size_t i = 0; certs_rows[i]; i++)
		if (!strcmp(certs_rows[i], row))
			return true;
	return false;
}

const char *certs_wanted(const struct cfg_args *args)
{
	for (size_t i = 0; i < sizeof(vars) / sizeof(*vars); i++) {
		const char *url = cfg_args_get(args, vars[i]);

		if (url && fetch_is_remote(url, 0))
			return vars[i];
	}
	return NULL;
}

size_t certs_max(const char *row, const char *var)
{
	return !strcmp(var, "key-url") ? KEY_MAX : !strcmp(row, "ca-crl") ? PKI_INPUT_MAX : 8 * PKI_CERT_MAX;
}

static enum pki_reason look(const char *row, struct pki_bytes in)
{
	if (!strcmp(row, "ca-crl"))
		return pki_check_crl(in);
	return pki_check_certs(in);
}

/* "ca-crl-NAME-0123456789abcdef": another content is another file, so that whoever reads it sees that the
 * line has changed. */
static void file_name(const char *row, const char *name, struct pki_bytes in, char *buf, size_t size)
{
	unsigned char hash[EVP_MAX_MD_SIZE] = {0};
	size_t at = (size_t)snprintf(buf, size, "%s/%s-", CERTS_DIR, row);

	EVP_Digest(in.p, in.len, hash, NULL, EVP_sha256(), NULL);
	for (; *name && at + 24 < size; name++)
		buf[at++] = isalnum((unsigned char)*name) || strchr("-_", *name) ? *name : '_';
	buf[at++] = '-';
	for (unsigned i = 0; i < 8; i++)
		at += (size_t)snprintf(buf + at, size - at, "%02x", hash[i]);
}

static int keep_file(const char *state_dir, const char *row, struct cfg_args *args, struct pki_bytes in,
                     char *err, size_t size)
{
	const char *name = cfg_args_get(args, "name");
	char file[DISK_URL_MAX];
	enum pki_reason why = look(row, in);
	int rc;

	if (why != PKI_OK) {
		snprintf(err, size, "%s", pki_reason_name(why));
		return -EBADMSG;
	}
	file_name(row, name ? name : "", in, file, sizeof(file));
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

int certs_take(const char *state_dir, const struct cli_hooks *hooks, const char *row, struct cfg_args *args,
               const char *var, const char *data, size_t len, char *err, size_t size)
{
	struct pki_bytes in = {(const uint8_t *)data, len};

	return strcmp(var, "key-url") ? keep_file(state_dir, row, args, in, err, size)
	                              : keep_key(hooks, args, in, err, size);
}

/* --- files that are named no more --- */

struct sweep {
	const char *state_dir;
	const struct cfg_tree *tree;
	unsigned young;
};

static bool is_named(const struct cfg_tree *tree, const char *file)
{
	const struct cfg_node *n;

	for (size_t i = 0; certs_rows[i]; i++)
		cfg_foreach(n, tree->root, certs_rows[i])
		{
			const char *url = cfg_arg(n, "url");
			char canon[DISK_URL_MAX];

			if (url && disk_url(url, canon, sizeof(canon)) == 0 && !strcmp(canon, file))
				return true;
		}
	return false;
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

/* SPDX-License-Identifier: MIT */
/*
 * lib/certs: what lines with certificates, revocation lists and keys name, by URL of the network, entry of a
 * directory, file or in their own text; what becomes of the line; and what is refused, in words. That servers
 * are asked at all is tests/system/transfers.sh's.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certs/certs.h"
#include "certs/certs_ldap.h"
#include "certs/certs_read.h"
#include "disk/disk.h"
#include "tests/pki_make.h"

static struct cli_grammar *gr;
static struct cfg_tree *tree;
static struct mk root, gw, other;
static char dir[] = "/tmp/test_certs_XXXXXX", err[3000];

/* Sealing for tests: readable, and not the text itself. */
static int seal(void *arg, const char *clear, char *out, size_t size)
{
	size_t n = strlen(clear);

	(void)arg;
	if (n + 3 > size)
		return -ENOSPC;
	strcpy(out, "+O");
	for (size_t i = 0; i <= n; i++)
		out[2 + i] = clear[i] == ' ' ? '~' : clear[i];
	return 0;
}

static int unseal(void *arg, const char *sealed, char *out, size_t size)
{
	size_t n = strlen(sealed);

	(void)arg;
	if (n < 2 || n > size)
		return -EBADMSG;
	for (size_t i = 2; i <= n; i++)
		out[i - 2] = sealed[i] == '~' ? ' ' : sealed[i];
	return 0;
}

static const struct cli_hooks hooks = {.seal = seal, .unseal = unseal};

static void put(const char *file, struct pki_bytes b)
{
	cr_assert_eq(disk_write(dir, file, (const char *)b.p, b.len), 0, "%s", file);
	mk_drop(b);
}

static void setup(void)
{
	const struct mk *const one = &gw, *const ca = &root;
	char flash[64];

	cr_assert(mkdtemp(dir));
	snprintf(flash, sizeof(flash), "%s/flash", dir);
	cr_assert_eq(mkdir(flash, 0700), 0);
	gr = cli_grammar_load("cli/grammar", err, sizeof(err));
	cr_assert(gr, "%s", err);
	tree = cfg_new(gr);
	root = mk_cert(&(struct mk_want){.cn = "root", .ca = true}, NULL);
	gw = mk_cert(&(struct mk_want){.cn = "gw"}, &root);
	other = mk_cert(&(struct mk_want){.cn = "other", .key = "rsa"}, &root);
	put("/flash/root.pem", mk_pem(&ca, 1));
	put("/flash/gw.pem", mk_pem(&one, 1));
	put("/flash/gw.key", mk_key_pem(&gw));
	put("/flash/other.key", mk_key_pem(&other));
	put("/flash/other.der", mk_der(&other));
	cr_assert_eq(disk_write(dir, "/flash/text", "no certificate", 14), 0);
}

static void teardown(void)
{
	char command[96];

	mk_free(&root);
	mk_free(&gw);
	mk_free(&other);
	cfg_free(tree);
	cli_grammar_free(gr);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	cr_expect_eq(system(command), 0);
}

TestSuite(certs, .init = setup, .fini = teardown);

/* The line as an edit, in the mode that the words before it lead to. */
static struct cli_session session;

static void parse(const char *before, const char *line, struct cli_result *res)
{
	cli_session_init(&session, gr, CLI_PRIV_SECURITY_ADMIN);
	session.tree = tree;
	session.hooks = hooks;
	cli_session_configure(&session);
	for (char word[128]; *before; before += strcspn(before, "\n") + (strchr(before, '\n') != NULL)) {
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(before, "\n"), before);
		cr_assert_eq(cli_line_parse(&session, word, res), CLI_EDIT, "%s: %s", word, res->error);
		cfg_apply(tree, res->edit);
		cli_line_done(&session, res);
		cli_line_clear(res);
	}
	cr_assert_eq(cli_line_parse(&session, line, res), CLI_EDIT, "%s: %s", line, res->error);
}

/* As a session does with a line that is typed. 0, or -1 and err. */
static int type(const char *before, const char *line)
{
	struct cfg_args *args;
	struct cli_result res;
	const char *var;
	bool negated;
	size_t len;
	char *p;
	int rc = 0;

	parse(before, line, &res);
	cr_assert(certs_is_row(res.row));
	cr_assert_eq(cfg_value_parse(res.edit->value, &args, &negated), 0);
	while (rc == 0 && (var = certs_wanted(args))) {
		cr_assert_not(certs_is_remote(args, var));
		rc = certs_read_file(dir, res.row, args, var, &p, &len, err, sizeof(err));
		if (rc == 0)
			rc = certs_take(dir, &hooks, res.row, res.edit->path, args, var, p, len, err,
			                sizeof(err));
		free(p);
	}
	free(res.edit->value);
	res.edit->value = cfg_value_args(args, negated);
	cfg_args_free(args);
	if (rc == 0)
		rc = certs_check(dir, &hooks, tree, res.edit, err, sizeof(err));
	if (rc == 0)
		cr_assert_geq(cfg_apply(tree, res.edit), 0);
	cli_line_clear(&res);
	cli_session_clear(&session);
	return rc;
}

static const struct cfg_node *line_of(const char *path)
{
	const struct cfg_node *n = cfg_find(tree, path);

	cr_assert(n, "%s", path);
	return n;
}

static bool begins(const char *text, const char *with)
{
	return text && !strncmp(text, with, strlen(with));
}

#define TEMPLATE "context c -noconfirm\ncrypto template t ikev2-dynamic\n"

/* A file is read when the line is committed: what becomes of the file afterwards makes no difference. */
Test(certs, a_file_is_kept_as_it_was)
{
	const struct cfg_node *n;
	char *p, *q;
	size_t len, qlen;

	cr_assert_eq(
	        type("", "certificate name gw pem url /flash/gw.pem private-key pem url file:/flash/gw.key"),
	        0, "%s", err);
	n = line_of("certificate=gw");
	cr_expect(begins(cfg_arg(n, "url"), CERTS_DIR "/certificate-gw-"), "%s", cfg_arg(n, "url"));
	cr_expect(!cfg_arg(n, "key-url"));
	cr_expect(begins(cfg_arg(n, "key"), "+O"), "%s", cfg_arg(n, "key"));
	cr_expect_eq(disk_read(dir, "/flash/gw.pem", 1 << 20, &p, &len), 0);
	cr_expect_eq(disk_read(dir, cfg_arg(n, "url"), 1 << 20, &q, &qlen), 0);
	cr_expect(len == qlen && !memcmp(p, q, len));
	free(p);
	free(q);
	cr_expect_eq(disk_unlink(dir, "/flash/gw.pem"), 0);
	cr_expect_eq(certs_check_node(dir, &hooks, tree, n, err, sizeof(err)), 0, "%s", err);
}

Test(certs, what_is_wrong_is_said)
{
	static const struct {
		const char *before, *line, *want;
	} all[] = {
	        {"", "ca-certificate name x pem url /flash/none", "No such file or directory"},
	        {"", "ca-certificate name x pem url file:/etc/passwd",
	         "not a file of /flash, /hd-raid or /usb1"},
	        {"", "ca-certificate name x pem url /flash/text", "not in PEM or DER form"},
	        {"", "ca-certificate name x pem url /flash/gw.pem", "issuer is not a CA"},
	        {"", "ca-crl name x pem url /flash/root.pem", "not in PEM or DER form"},
	        {"", "certificate name x der url /flash/gw.key", "not in PEM or DER form"},
	        {"", "certificate name x pem url /flash/gw.pem private-key pem url /flash/gw.pem",
	         "not in PEM or DER form"},
	        {"", "certificate name x pem url /flash/gw.pem private-key pem url /flash/none",
	         "No such file or directory"},
	        {"", "certificate name x pem url /flash/gw.pem private-key pem url /flash/other.key",
	         "Failure: private key does not belong to the certificate"},
	        {"", "certificate name x pem url /flash/gw.pem private-key pem data nothing",
	         "Failure: private-key: not in PEM or DER form"},
	        {"", "certificate name x pem data \"-----BEGIN CERTIFICATE-----\"",
	         "Failure: not in PEM or DER form"},
	        {"", "ca-certificate name x pem data nothing", "Failure: not in PEM or DER form"},
	        {"", "ca-crl name x pem url /flash/pki/none",
	         "Failure: /flash/pki/none: No such file or directory"},
	        {TEMPLATE, "pem url /flash/none", "No such file or directory"},
	        {TEMPLATE, "pem url /flash/text", "not in PEM or DER form"},
	};
	uint64_t sum = cfg_checksum(tree);

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		cr_expect_lt(type(all[i].before, all[i].line), 0, "%s", all[i].line);
		cr_expect_str_eq(err, all[i].want, "%s: %s", all[i].line, err);
		if (*all[i].before)
			continue;
		cr_expect_eq(cfg_checksum(tree), sum, "%s", all[i].line);
	}
}

/* 17 MB where 64 KB are taken. */
Test(certs, a_file_without_end_is_not_read)
{
	char *big = calloc(1, 17 << 20);

	cr_assert_eq(disk_write(dir, "/flash/big", big, 17 << 20), 0);
	free(big);
	cr_expect_lt(type("", "certificate name x pem url /flash/big"), 0);
	cr_expect_str_eq(err, "it is larger than the 65536 bytes that are taken");
	cr_expect_lt(type("", "ca-crl name x pem url /flash/big"), 0);
	cr_expect_str_eq(err, "it is larger than the 1048576 bytes that are taken");
}

/* `pem url` of a template takes the place of a certificate, and so has to fit its private key. */
Test(certs, pem_url_of_a_template)
{
	const struct cfg_node *n;

	cr_assert_eq(type(TEMPLATE, "pem url /flash/other.der"), 0, "%s", err); /* no key to fit yet */
	cr_assert_eq(type("", "certificate name gw pem url /flash/gw.pem private-key pem url /flash/gw.key"),
	             0, "%s", err);
	cr_expect_lt(type(TEMPLATE "certificate gw\n", "pem url /flash/other.der"), 0);
	cr_expect_str_eq(err, "Failure: private key does not belong to the certificate");
	n = line_of("context=c/crypto-template=t/pem-url");
	cr_expect(certs_check_node(dir, &hooks, tree, n, err, sizeof(err)) < 0);
	cr_assert_eq(
	        type(TEMPLATE, "pem url /flash/gw.pem cert-enc cert-hash-url url http://192.0.2.9/gw.der"), 0,
	        "%s", err);
	n = line_of("context=c/crypto-template=t/pem-url");
	cr_expect(begins(cfg_arg(n, "url"), CERTS_DIR "/pem-url-c-t-"), "%s", cfg_arg(n, "url"));
	cr_expect_str_eq(cfg_arg(n, "hash-url"), "http://192.0.2.9/gw.der");
	cr_expect_eq(certs_check_node(dir, &hooks, tree, n, err, sizeof(err)), 0, "%s", err);
}

/* What no line names goes, what is named stays: also by a template. */
Test(certs, files_go_with_their_lines)
{
	const struct cfg_node *n;
	struct stat st;
	char file[DISK_URL_MAX];

	cr_assert_eq(type(TEMPLATE, "pem url /flash/gw.pem"), 0, "%s", err);
	n = line_of("context=c/crypto-template=t/pem-url");
	snprintf(file, sizeof(file), "%s", cfg_arg(n, "url"));
	cr_assert_eq(disk_stat(dir, file, &st), 0);
	/* as old as it has to be */
	char path[400];

	snprintf(path, sizeof(path), "%s%s", dir, file);
	cr_assert_eq(utimensat(AT_FDCWD, path, (struct timespec[]){{1, 0}, {1, 0}}, 0), 0);
	cr_expect_eq(certs_sweep(dir, tree), 0u);
	cr_expect_eq(disk_stat(dir, file, &st), 0);
	cr_assert_eq(cfg_apply(tree, &(struct cfg_edit){CFG_NO, (char *)"context=c", NULL}), 1);
	cr_expect_eq(certs_sweep(dir, tree), 0u);
	cr_expect_eq(disk_stat(dir, file, &st), -ENOENT);
}

/* Lines of a file are looked at as far as they go by themselves. */
Test(certs, a_line_alone)
{
	struct cli_result res;

	parse("", "certificate name x pem url http://192.0.2.9/x private-key pem data nothing", &res);
	cr_expect_lt(certs_check(NULL, &hooks, tree, res.edit, err, sizeof(err)), 0);
	cr_expect_str_eq(err, "Failure: private-key: not in PEM or DER form");
	cli_line_clear(&res);
	cli_session_clear(&session);
	parse("", "certificate name x pem url /flash/none private-key pem url /flash/none", &res);
	cr_expect_eq(certs_check(NULL, &hooks, tree, res.edit, err, sizeof(err)), 0);
	cli_line_clear(&res);
	cli_session_clear(&session);
}

/* --- directories --- */

#define ENTRY "DN: cn=list,dc=ca\n\tobjectClass: cRLDistributionPoint\n\n\tcn: list\n\n"

Test(certs_ldap, values)
{
	static const struct {
		const char *text;
		bool crl;
		int rc;
		const char *want;
	} all[] = {
	        {ENTRY "\tcertificateRevocationList;binary:: b25l\n\n\n", true, 0, "one"},
	        {ENTRY "\tcertificaterevocationlist;binary:: dHdvcw==", true, 0, "twos"},
	        {ENTRY "\tcertificateRevocationList:: dGhyZQo=\n\tcertificateRevocationList:: b25l\n", true,
	         0, "thre\n"},
	        {ENTRY "\tcACertificate;binary:: b25l\n", false, 0, "one"},
	        {ENTRY "\tuserCertificate:: b25l\n", false, 0, "one"},
	        {ENTRY "\tcACertificate;binary:: b25l\n", true, -ENOENT, NULL},
	        {ENTRY "\tcertificateRevocationListX:: b25l\n", true, -ENOENT, NULL},
	        {ENTRY, true, -ENOENT, NULL},
	        {"", true, -ENOENT, NULL},
	        {"\t\n\t", true, -ENOENT, NULL},
	        {ENTRY "\tcertificateRevocationList;binary: text\n", true, -EBADMSG, NULL},
	        {ENTRY "\tcertificateRevocationList;binary:: b25\n", true, -EBADMSG, NULL},
	        {ENTRY "\tcertificateRevocationList;binary:: ****\n", true, -EBADMSG, NULL},
	        {ENTRY "\tcertificateRevocationList;binary:: ====\n", true, -EBADMSG, NULL},
	        {ENTRY "\tcertificateRevocationList;binary::\n", true, -EBADMSG, NULL},
	        {ENTRY "\tcertificateRevocationList;binary", true, -EBADMSG, NULL},
	        {ENTRY "\tcertificateRevocationList;binary:: ", true, -EBADMSG, NULL},
	        {ENTRY "\tcertificateRevocationList", true, -ENOENT, NULL},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		size_t n = strlen(all[i].text), len;
		char *p, *text = malloc(n + !n); /* not one byte more for who reads too far */
		int rc;

		memcpy(text, all[i].text, n);
		rc = certs_ldap_value(text, n, all[i].crl, &p, &len);

		cr_expect_eq(rc, all[i].rc, "row %zu: %d", i, rc);
		if (rc == 0)
			cr_expect(len == strlen(all[i].want) && !memcmp(p, all[i].want, len), "row %zu: %s",
			          i, p);
		free(p);
		free(text);
	}
}

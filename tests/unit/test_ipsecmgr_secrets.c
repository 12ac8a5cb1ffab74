/* SPDX-License-Identifier: MIT */
/* The remote secret list (chapter 14): each type of identity, 1,000 entries, keys as text and as bytes,
 * entries that can't be used. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfg/cfg.h"
#include "tasks/ipsecmgr/ipsecmgr.h"
#include "tasks/ipsecmgr/ipsecmgr_secrets.c"

struct world {
	struct cli_grammar *g;
	struct cfg_tree *t;
	struct ipsecmgr_secrets *s;
	unsigned problems;
};

static void problem(void *arg, const char *text)
{
	struct world *w = arg;

	(void)text;
	w->problems++;
}

static void report(void *arg, unsigned lineno, const char *line, const char *error)
{
	bool *expected = arg; /* a refused line is what the test wants */

	if (!*expected)
		cr_log_error("line %u: %s: %s", lineno, line, error);
}

static struct world load(const char *text, int errors)
{
	bool expected = errors != 0;
	struct world w = {0};
	char err[256];

	w.g = cli_grammar_load("cli/grammar", err, sizeof(err));
	cr_assert_not_null(w.g, "%s", err);
	w.t = cfg_new(w.g);
	cr_assert_eq(cli_load_text(w.t, NULL, text, report, &expected), errors);
	w.s = ipsecmgr_secrets_build(w.t, NULL, problem, &w);
	return w;
}

static void unload(struct world *w)
{
	ipsecmgr_secrets_free(w->s);
	cfg_free(w->t);
	cli_grammar_free(w->g);
}

static bool finds(const struct world *w, const struct ike_id *id, const char *want)
{
	uint8_t key[IKE_PSK_MAX];
	size_t len = 0;

	if (ipsecmgr_secrets_find(w->s, id, key, &len))
		return want == NULL;
	return want && len == strlen(want) && !memcmp(key, want, len);
}

static struct ike_id parse(const char *text)
{
	struct ike_id id;

	cr_assert_eq(ike_id_parse(&id, text), 0);
	return id;
}

Test(ipsecmgr_secrets, every_type_of_identity)
{
	struct world w = load(
	        "config\ncrypto remote-secret-list all\n"
	        "remote-id id-type ip-addr id 192.0.2.9 secret key v4\n"
	        "remote-id id-type ip-addr id 2001:db8::9 secret key v6\n"
	        "remote-id id-type fqdn id gw.example.net secret key name\n"
	        "remote-id id-type rfc822-addr id user@example.net secret key mail\n"
	        "remote-id id-type key-id id device-7 secret key opaque\n"
	        "remote-id id-type key-id id 0x010203 secret key bytes\n"
	        "remote-id id-type der-asn1-dn id \"C=DE, O=Example, CN=peer\" secret key dn\n"
	        "remote-id id-type fqdn id hex.example.net secret key 0x30313233343536373839616263646566\n"
	        "end\n",
	        0);
	static const uint8_t dn[] = {0x30, 0x2e, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x06, 0x13,
	                             0x02, 'D',  'E',  0x31, 0x10, 0x30, 0x0e, 0x06, 0x03, 0x55, 0x04, 0x0a,
	                             0x0c, 0x07, 'E',  'x',  'a',  'm',  'p',  'l',  'e',  0x31, 0x0d, 0x30,
	                             0x0b, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x04, 'p',  'e',  'e',  'r'};
	struct ike_id id;

	cr_assert_eq(w.problems, 0);
	cr_assert_eq(ipsecmgr_secrets_count(w.s), 8);
	id = parse("192.0.2.9");
	cr_assert(finds(&w, &id, "v4"));
	id = parse("2001:db8::9");
	cr_assert(finds(&w, &id, "v6"));
	id = parse("gw.example.net");
	cr_assert(finds(&w, &id, "name"));
	id = parse("user@example.net");
	cr_assert(finds(&w, &id, "mail"));
	id = parse("hex.example.net");
	cr_assert(finds(&w, &id, "0123456789abcdef"));
	id = (struct ike_id){.type = IKE_ID_KEY_ID, .len = 8, .data = "device-7"};
	cr_assert(finds(&w, &id, "opaque"));
	id = (struct ike_id){.type = IKE_ID_KEY_ID, .len = 3, .data = {1, 2, 3}};
	cr_assert(finds(&w, &id, "bytes"));
	id = (struct ike_id){.type = IKE_ID_DER_DN, .len = sizeof(dn)};
	memcpy(id.data, dn, sizeof(dn));
	cr_assert(finds(&w, &id, "dn"));
	id.type = IKE_ID_KEY_ID;
	cr_assert(finds(&w, &id, NULL), "the type counts");
	id = parse("other.example.net");
	cr_assert(finds(&w, &id, NULL));
	unload(&w);
}

/* Peers write one name in several ways: what means the same finds its key. */
Test(ipsecmgr_secrets, names_are_compared_by_what_they_mean)
{
	struct world w =
	        load("config\ncrypto remote-secret-list all\n"
	             "remote-id id-type fqdn id GW.example.net secret key name\n"
	             "remote-id id-type rfc822-addr id User@Example.net secret key mail\n"
	             "remote-id id-type der-asn1-dn id \"C=DE, O=Ex\\,ample, CN=peer\" secret key dn\n"
	             "remote-id id-type der-asn1-gn id DNS:h.de secret key gn\nend\n",
	             0);
	/* as strongSwan sends it: PrintableString where UTF8String is possible, too */
	static const uint8_t dn[] = {0x30, 0x2f, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03, 0x55, 0x04,
	                             0x06, 0x13, 0x02, 'D',  'E',  0x31, 0x11, 0x30, 0x0f, 0x06,
	                             0x03, 0x55, 0x04, 0x0a, 0x13, 0x08, 'E',  'x',  ',',  'a',
	                             'm',  'p',  'l',  'e',  0x31, 0x0d, 0x30, 0x0b, 0x06, 0x03,
	                             0x55, 0x04, 0x03, 0x13, 0x04, 'P',  'e',  'e',  'r'};
	static const uint8_t gn[] = {0x82, 4, 'h', '.', 'd', 'e'};
	struct ike_id id;

	cr_assert_eq(w.problems, 0);
	cr_assert_eq(ipsecmgr_secrets_count(w.s), 4);
	id = parse("gw.EXAMPLE.net");
	cr_assert(finds(&w, &id, "name"));
	id = parse("User@EXAMPLE.net");
	cr_assert(finds(&w, &id, "mail"));
	id = parse("user@example.net");
	cr_assert(finds(&w, &id, NULL), "the part before the @ is its domain's affair");
	id = (struct ike_id){.type = IKE_ID_DER_DN, .len = sizeof(dn)};
	memcpy(id.data, dn, sizeof(dn));
	cr_assert(finds(&w, &id, "dn"));
	id = (struct ike_id){.type = IKE_ID_DER_GN, .len = sizeof(gn)};
	memcpy(id.data, gn, sizeof(gn));
	cr_assert(finds(&w, &id, "gn"));
	unload(&w);
}

Test(ipsecmgr_secrets, a_thousand_and_no_more)
{
	size_t size = 1 << 17, at;
	char *text = malloc(size);
	struct ike_id id;
	struct world w;

	at = (size_t)snprintf(text, size, "config\ncrypto remote-secret-list many\n");
	for (unsigned i = 0; i < 1001; i++)
		at += (size_t)snprintf(text + at, size - at,
		                       "remote-id id-type fqdn id p%u.example secret key k%u\n", i, i);
	snprintf(text + at, size - at, "end\n");
	w = load(text, 1);
	cr_assert_eq(ipsecmgr_secrets_count(w.s), 1000);
	id = parse("p999.example");
	cr_assert(finds(&w, &id, "k999"));
	unload(&w);
	free(text);
}

Test(ipsecmgr_secrets, unusable_entries_are_told)
{
	struct world w = load("config\ncrypto remote-secret-list bad\n"
	                      "remote-id id-type ip-addr id nonsense secret key a\n"
	                      "remote-id id-type der-asn1-dn id nonsense secret key b\nend\n",
	                      0);

	cr_assert_eq(w.problems, 2);
	cr_assert_eq(ipsecmgr_secrets_count(w.s), 0);
	unload(&w);
}

/* What is sealed is no key as it stands there, where everybody may read it: without the chassis' key it is
 * none. */
Test(ipsecmgr_secrets, sealed_keys_without_the_key_of_the_chassis)
{
	struct secret_key key = {.bytes = {1, 2, 3}};
	char sealed[200], text[400];
	struct ike_id id = parse("gw.example.net");
	struct world w;

	cr_assert_eq(secret_seal(&key, "psk", sealed, sizeof(sealed)), 0);
	snprintf(text, sizeof(text),
	         "config\ncrypto remote-secret-list all\n"
	         "remote-id id-type fqdn id gw.example.net secret encrypted key %s\nend\n",
	         sealed);
	w = load(text, 0);
	cr_expect(finds(&w, &id, NULL));
	cr_expect_eq(w.problems, 1);
	ipsecmgr_secrets_free(w.s);
	w.s = ipsecmgr_secrets_build(w.t, &key, NULL, NULL);
	cr_expect(finds(&w, &id, "psk"));
	unload(&w);
}

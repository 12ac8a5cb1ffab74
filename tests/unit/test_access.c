/* SPDX-License-Identifier: MIT */
/*
 * Blacklist and whitelist files (chapter 13): the example of the reference, seven types, ends of lines of
 * Unix and DOS, comments, bad lines by number, cut-off and huge files, look-ups as peers send identities.
 */
#include <criterion/criterion.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "access/access.h"

static struct access_report r;

static struct access_list *parse(const char *text)
{
	return access_parse(text, strlen(text), &r);
}

static bool has(const struct access_list *l, uint8_t type, const void *p, size_t len)
{
	struct ike_id id = {.type = type, .len = (uint8_t)len};

	memcpy(id.data, p, len);
	return access_has(l, &id);
}

static bool text_is(const struct access_list *l, uint8_t type, const char *text)
{
	return has(l, type, text, strlen(text));
}

/* A distinguished name as DER, its strings of this kind. */
static bool dn_is(const struct access_list *l, int kind, const char *o, const char *cn)
{
	X509_NAME *name = X509_NAME_new();
	unsigned char *der = NULL;
	int len;
	bool found;

	X509_NAME_add_entry_by_txt(name, "C", MBSTRING_ASC, (const unsigned char *)"US", -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "O", kind, (const unsigned char *)o, -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "CN", kind, (const unsigned char *)cn, -1, -1, 0);
	len = i2d_X509_NAME(name, &der);
	found = has(l, IKE_ID_DER_DN, der, (size_t)len);
	OPENSSL_free(der);
	X509_NAME_free(name);
	return found;
}

#define SAMPLE                                                                                               \
	"\n# IP address IDS\nipv4 \"33.33.33.1\"\nipv4 \"66.66.66.1\"\nipv6 \"11::1\"\n# FQDN IDs\n"         \
	"fqdn \"LS1-0.cisco.com\"\n\n# Email ID\nemail \"user@sample.com\"\n\n# Distinguished Name ID\n"     \
	"dn \"C=US,ST=CA,L=SanJose,O=Cisco,OU=SMBU,CN=ixia.organization.bu.org\"\n"

Test(access, the_sample_of_the_reference)
{
	struct access_list *l = parse(SAMPLE);

	cr_assert_not_null(l, "line %zu: %s", r.first[0].line, r.first[0].why);
	cr_assert_eq(access_count(l), 6);
	cr_assert(has(l, IKE_ID_IPV4, "\x21\x21\x21\x01", 4));
	cr_assert(!has(l, IKE_ID_IPV4, "\x21\x21\x21\x02", 4));
	cr_assert(has(l, IKE_ID_IPV6, "\0\x11\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16));
	cr_assert(text_is(l, IKE_ID_FQDN, "ls1-0.CISCO.com"));
	cr_assert(!text_is(l, IKE_ID_KEY_ID, "LS1-0.cisco.com"));
	cr_assert(text_is(l, IKE_ID_RFC822, "user@SAMPLE.com"));
	cr_assert(!text_is(l, IKE_ID_RFC822, "User@sample.com"));
	cr_assert_str_eq(access_type(l, 5), "dn");
	cr_assert_str_eq(access_value(l, 3), "LS1-0.cisco.com");
	access_free(l);
}

Test(access, seven_types)
{
	static const uint8_t gn[] = {0x82, 4, 'h', '.', 'd', 'e'};
	struct access_list *l =
	        parse("ipv4 \"1.2.3.4\"\nipv6 \"2001:db8::1\"\nfqdn \"h.example\"\nemail \"a@b\"\n"
	              "dn \"C=US, O=Ex\\,ample, CN=p1\"\ngn \"DNS:h.de\"\nkey-id \"0x00ff\"\n"
	              "key-id \"plain\"\n");

	cr_assert_not_null(l, "line %zu: %s", r.first[0].line, r.first[0].why);
	cr_assert_eq(access_count(l), 8);
	cr_assert(dn_is(l, MBSTRING_UTF8, "Ex,ample", "p1"));
	cr_assert(dn_is(l, V_ASN1_PRINTABLESTRING, "Ex,ample", "P1"));
	cr_assert(!dn_is(l, MBSTRING_UTF8, "Example", "p1"));
	cr_assert(has(l, IKE_ID_DER_GN, gn, sizeof(gn)));
	cr_assert(has(l, IKE_ID_KEY_ID, "\0\xff", 2));
	cr_assert(text_is(l, IKE_ID_KEY_ID, "plain"));
	cr_assert(!has(l, IKE_ID_DER_DN, "no DER", 6));
	access_free(l);
}

Test(access, dos_and_unix_are_the_same)
{
	static const char dos[] =
	        "\xef\xbb\xbf# list\r\nipv4 \"1.2.3.4\"\r\n\r\nfqdn \"a.b\"  \r\nipv4 1.2.3.5\x1a";
	struct access_list *l = parse(dos);

	cr_assert_not_null(l, "line %zu: %s", r.first[0].line, r.first[0].why);
	cr_assert_eq(access_count(l), 3);
	cr_assert(text_is(l, IKE_ID_FQDN, "a.b"));
	cr_assert(has(l, IKE_ID_IPV4, "\1\2\3\5", 4));
	access_free(l);
}

Test(access, bad_lines_are_named)
{
	static const char text[] =
	        "ipv4 \"1.2.3.4\"\nipv4 \"1.2.3\"\nmac \"00:11\"\n\nfqdn \"open\nfqdn\nemail \"x\"\n"
	        "dn \"nothing\"\nipv4 \"::1\"\nipv6 \"1.2.3.4\"\nfqdn \"a\" b\nkey-id \"0xz\"\ngn \"x\"\n";

	static const size_t lines[ACCESS_BAD_MAX] = {2, 3, 5, 6, 7, 8, 9, 10, 11, 12};

	cr_assert_null(parse(text));
	cr_assert_eq(r.bad, 11);
	for (size_t i = 0; i < ACCESS_BAD_MAX; i++)
		cr_assert_eq(r.first[i].line, lines[i]);
	cr_assert_str_eq(r.first[1].why, "no type of identity: \"mac\"");
	cr_assert_str_eq(r.first[2].why, "no value in quotes");
}

/* Every cut of a list is a shorter list or names its last line; nothing else happens. */
Test(access, cut_off)
{
	size_t lines = 1;

	for (size_t len = 0; len < strlen(SAMPLE); len++) {
		char *copy = malloc(len + 1); /* a read behind it is seen */
		struct access_list *l;

		memcpy(copy, SAMPLE, len);
		l = access_parse(copy, len, &r);
		cr_assert(l || (r.bad == 1 && r.first[0].line == lines), "at %zu", len);
		access_free(l);
		free(copy);
		lines += SAMPLE[len] == '\n';
	}
}

Test(access, no_text_at_all)
{
	char long_line[700];

	cr_assert_null(access_parse("ipv4 \"1.2.3.4\"\0\n", 16, &r));
	cr_assert_eq(r.first[0].line, 1);
	memset(long_line, 'x', sizeof(long_line));
	memcpy(long_line, "# \n", 3);
	cr_assert_null(access_parse(long_line, sizeof(long_line), &r));
	cr_assert_eq(r.first[0].line, 2);
	cr_assert_null(parse("\x7f\x1b[2J \"a\"\n"));
	cr_assert(!strchr(r.first[0].why, 0x1b));
}

/* 100,000 identities, and not one more; a look-up takes no longer for it. */
Test(access, as_many_as_may_be)
{
	size_t len = 0, size = 32 * (ACCESS_LINES_MAX + 2);
	char *text = malloc(size);
	struct access_list *l;

	for (unsigned i = 0; i < ACCESS_LINES_MAX; i++)
		len += (size_t)snprintf(text + len, size - len, "fqdn \"p%u.example.net\"\n", i);
	l = access_parse(text, len, &r);
	cr_assert_not_null(l);
	cr_assert_eq(access_count(l), ACCESS_LINES_MAX);
	cr_assert(text_is(l, IKE_ID_FQDN, "p0.example.net"));
	cr_assert(text_is(l, IKE_ID_FQDN, "p99999.example.net"));
	cr_assert(!text_is(l, IKE_ID_FQDN, "p100000.example.net"));
	access_free(l);
	len += (size_t)snprintf(text + len, size - len, "fqdn \"p0.example.net\"\nfqdn \"one.more\"\n");
	cr_assert_null(access_parse(text, len, &r));
	cr_assert_gt(r.bad, 0);
	free(text);
}

Test(access, twice_is_once_and_nothing_is_a_list)
{
	struct access_list *l = parse("ipv4 \"1.2.3.4\"\nipv4 \"1.2.3.4\"\n");

	cr_assert_eq(access_count(l), 1);
	access_free(l);
	l = parse("");
	cr_assert_not_null(l);
	cr_assert_eq(access_count(l), 0);
	cr_assert(!text_is(l, IKE_ID_FQDN, "a"));
	access_free(l);
	cr_assert(!text_is(NULL, IKE_ID_FQDN, "a"));
}

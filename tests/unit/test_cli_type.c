/* SPDX-License-Identifier: MIT */
/*
 * The types of variables: what each accepts, its canonical spelling, and the text when it does not.
 */
#include <criterion/criterion.h>
#include <string.h>
#include "cli/engine/cli.h"

static const char grammar[] =
        "mode config enum colour { red \"r\" green \"g\" grey \"g\" } in config "
        "conf \"v <int:-5-5,100> <string:string:2-4> <line:line:0-9> <ipv4:ipv4> <ipv6:ipv6> <ip:ip> "
        "<prefix4:prefix4> <prefix6:prefix6> <prefix:prefix> <mask:mask> <port:slotport> <url:url:1-20> "
        "<secret:secret:1-3> <hex:hex:1-4> <colour:colour> <any>\"";

static const struct {
	const char *var, *in, *out; /* out NULL: refused */
} cases[] = {
        {"int", "-5", "-5"},
        {"int", "5", "5"},
        {"int", "100", "100"},
        {"int", "007", NULL},
        {"int", "003", "3"},
        {"int", "6", NULL},
        {"int", "-6", NULL},
        {"int", "", NULL},
        {"int", "1x", NULL},
        {"int", " 1", NULL},
        {"int", "+1", NULL},
        {"int", "99999999999999999999", NULL},
        {"int", "0x5", NULL},
        {"string", "ab", "ab"},
        {"string", "abcd", "abcd"},
        {"string", "a", NULL},
        {"string", "abcde", NULL},
        {"string", "\xc3\xa4\xc3\xb6", "\xc3\xa4\xc3\xb6"},
        {"string", "a\tb", NULL},
        {"string", "a\xff", NULL},
        {"string", "a\xc3", NULL},
        {"line", "", ""},
        {"line", "a b", "a b"},
        {"line", "0123456789", NULL},
        {"ipv4", "192.0.2.1", "192.0.2.1"},
        {"ipv4", "192.0.2", NULL},
        {"ipv4", "192.0.2.256", NULL},
        {"ipv4", "192.0.2.01", NULL},
        {"ipv4", "::1", NULL},
        {"ipv6", "2001:DB8:0:0::1", "2001:db8::1"},
        {"ipv6", "::ffff:192.0.2.1", "::ffff:192.0.2.1"},
        {"ipv6", "192.0.2.1", NULL},
        {"ipv6", "2001:db8", NULL},
        {"ip", "192.0.2.1", "192.0.2.1"},
        {"ip", "::1", "::1"},
        {"ip", "host", NULL},
        {"prefix4", "10.0.0.0/8", "10.0.0.0/8"},
        {"prefix4", "10.0.0.0/33", NULL},
        {"prefix4", "10.0.0.0", NULL},
        {"prefix4", "10.0.0.0/", NULL},
        {"prefix4", "10.0.0.0/8x", NULL},
        {"prefix4", "::/8", NULL},
        {"prefix6", "2001:DB8::/032", "2001:db8::/32"},
        {"prefix6", "::/129", NULL},
        {"prefix6", "10.0.0.0/8", NULL},
        {"prefix", "::/0", "::/0"},
        {"prefix", "0.0.0.0/0", "0.0.0.0/0"},
        {"prefix", "/8", NULL},
        {"mask", "255.255.255.0", "255.255.255.0"},
        {"mask", "0.0.0.0", "0.0.0.0"},
        {"mask", "255.255.255.255", "255.255.255.255"},
        {"mask", "255.0.255.0", NULL},
        {"mask", "0.0.0.255", NULL},
        {"port", "5/10", "5/10"},
        {"port", "05/1", "5/1"},
        {"port", "5", NULL},
        {"port", "5/", NULL},
        {"port", "21/1", NULL},
        {"port", "5/65", NULL},
        {"port", "5/10/1", NULL},
        {"port", "5/+1", NULL},
        {"url", "/flash/a.cfg", "/flash/a.cfg"},
        {"url", "SFTP://h/a", "SFTP://h/a"},
        {"url", "file:/usb1/x", "file:/usb1/x"},
        {"url", "flash", NULL},
        {"url", "gopher://h", NULL},
        {"url", "/a b", NULL},
        {"url", "/0123456789012345678901234567890", NULL},
        {"secret", "abc", "abc"},
        {"secret", "abcd", NULL},
        {"hex", "0xAF", "0xaf"},
        {"hex", "af", "0xaf"},
        {"hex", "12345", NULL},
        {"hex", "0x", NULL},
        {"hex", "fg", NULL},
        {"colour", "red", "red"},
        {"colour", "RE", "red"},
        {"colour", "gr", NULL},
        {"colour", "gre", NULL},
        {"colour", "gree", "green"},
        {"colour", "blue", NULL},
        {"colour", "", NULL},
        {"any", "x", "x"},
};

Test(cli_type, values)
{
	char err[512], out[512];
	struct cli_grammar *g = cli_grammar_load_text("t", grammar, err, sizeof(err));

	cr_assert(g, "%s", err);
	const struct cli_row *row = cli_grammar_row(cli_grammar_mode(g, "config"), "v");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct cli_var *v = cli_grammar_var(row, cases[i].var);
		int rc = cli_type_check(v, cases[i].in, out, sizeof(out));

		cr_expect_eq(rc == 0, cases[i].out != NULL, "%s \"%s\": %s", cases[i].var, cases[i].in, out);
		if (!rc)
			cr_expect_str_eq(out, cases[i].out);
		else
			cr_expect_eq(strncmp(out, "Invalid value ", 14), 0, "%s", out);
	}
	cr_expect_str_eq(cli_type_describe(cli_grammar_var(row, "int"), out, sizeof(out)),
	                 "integer -5 to 5, 100");
	cr_expect_str_eq(cli_type_describe(cli_grammar_var(row, "string"), out, sizeof(out)),
	                 "string of 2 to 4 characters");
	cr_expect_str_eq(cli_type_describe(cli_grammar_var(row, "ip"), out, sizeof(out)),
	                 "IPv4 or IPv6 address");
	cli_type_check(cli_grammar_var(row, "secret"), "topsecret", out, sizeof(out));
	cr_expect_null(strstr(out, "topsecret"), "a secret is never shown");
	cli_grammar_free(g);
}

/* SPDX-License-Identifier: MIT */
/*
 * Lab files: every kind of line, and refusals that name the line.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "lab/lab.h"

static struct lab *parse(const char *text, char *err, size_t len)
{
	return lab_parse("x.lab", text, strlen(text), err, len);
}

Test(lab_file, every_kind_of_line)
{
	char err[256];
	struct lab *l = parse(
	        "# a lab\nlab demo\nnetwork access\nchassis A profile vpc-si config a.cfg disk 64 # here\n"
	        "port A 5/10 access\nhost swan access 192.0.2.50/24 gateway 192.0.2.1\n"
	        "host swan local 100.64.0.0/24\nserver strongswan swan conf swan\n"
	        "server sshd swan user ops password x\nserver snmptrapd swan\n"
	        "peers load swan --count 200 --psk s\n",
	        err, sizeof(err));

	cr_assert_not_null(l, "%s", err);
	cr_assert_str_eq(l->name, "demo");
	cr_assert_str_eq(l->chassis[0].profile, "vpc-si");
	cr_assert_str_eq(l->chassis[0].config, "a.cfg");
	cr_assert_eq(l->chassis[0].disk_mb, 64);
	cr_assert_str_eq(l->ports[0].port, "5/10");
	cr_assert_eq(l->hosts[0].links[0].addr.len, 24);
	cr_assert_eq(l->hosts[0].ngateways, 1);
	cr_assert_eq(l->hosts[0].nlocal, 1);
	cr_assert_eq(l->nservers, 3);
	cr_assert_str_eq(l->servers[1].user, "ops");
	cr_assert_eq(l->peers[0].nargs, 4);
	cr_assert_str_eq(l->peers[0].args[1], "200");
	lab_free(l);
}

Test(lab_file, refusals_name_the_line)
{
	static const char *const bad[][2] = {
	        {"", "x.lab:0: the line lab"},
	        {"lab\n", "x.lab:1: lab needs"},
	        {"lab a b/c\nnetwork a/b\n", "x.lab:2: \"a/b\""},
	        {"lab x\nfoo bar\n", "x.lab:2: \"foo\""},
	        {"lab x\nport A 5/10 n\n", "x.lab:2: there is no chassis"},
	        {"lab x\nchassis A\nport A 5/10 n\n", "x.lab:3: there is no network"},
	        {"lab x\nchassis A\nnetwork n\nport A 5 n\n", "x.lab:4: \"5\""},
	        {"lab x\nchassis A\nnetwork n\nport A 5/1 n\nport A 5/1 n\n", "x.lab:5: port 5/1"},
	        {"lab x\nchassis A colour red\n", "x.lab:2: a chassis has"},
	        {"lab x\nchassis A disk 4\n", "x.lab:2: disk 4: the legal range is 8 to 1024"},
	        {"lab x\nchassis A disk 64k\n", "x.lab:2: disk 64k"},
	        {"lab x\nnetwork n\nhost h n 1.2.3.4\n", "x.lab:3: \"1.2.3.4\""},
	        {"lab x\nserver telnetd h\n", "x.lab:2: the servers"},
	        {"lab x\nserver sshd h\n", "x.lab:2: server sshd needs a host"},
	        {"lab x\nnetwork averylongname\n", "x.lab:2: \"averylongname\""},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char err[256];

		cr_assert_null(parse(bad[i][0], err, sizeof(err)), "%s", bad[i][0]);
		cr_assert_eq(strncmp(err, bad[i][1], strlen(bad[i][1])), 0, "\"%s\" gave \"%s\"", bad[i][0],
		             err);
	}
}

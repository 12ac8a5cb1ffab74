/* SPDX-License-Identifier: MIT */
/*
 * Lines of a session against a small grammar written for the purpose: abbreviation, ambiguity, values,
 * groups, modes, no and default, secrets, questions, pipes' syntax, do, error texts.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/engine/cli.h"
#include "cfg/cfg.h"

static const char grammar[] =
        "mode exec mode common mode config prompt \"config\" mode context parent config prompt "
        "\"config-ctx\"\n"
        "mode item parent context prompt \"cfg-item-%k\"\n"
        "enum level { critical \"c\" error \"e\" debug \"d\" }\n"
        "in exec\n"
        "exec \"show version\" handler show_version exec \"show card info [ <slot:1-20> ]\" handler "
        "show_card_info\n"
        "exec \"show crypto [ all | name <name:string:1-20> ]\" handler show_crypto\n"
        "exec \"show logs [ level <level:level> | count <n:1-10=5> | quick ]+\" handler show_logs\n"
        "exec \"save <url:url> [ -noconfirm ]\" handler save confirm\n"
        "exec \"secret stuff\" handler hush hidden exec \"test crash\" handler crash test\n"
        "exec \"wipe\" handler wipe priv administrator\n"
        "exec \"configure\" handler @configure priv administrator exec \"exit\" handler @logout\n"
        "exec \"context <name:ref:context:1-79>\" handler @context\n"
        "exec \"terminal length <lines:0,5-999>\" handler @length exec \"terminal width <columns:5-512>\" "
        "handler @width\n"
        "exec \"no timestamps\" handler @no-timestamps exec \"autoconfirm\" handler @autoconfirm\n"
        "in common exec \"exit\" handler @exit exec \"end\" handler @end exec \"do <command:line:1-4096>\" "
        "handler @do\n"
        "in config\n"
        "conf \"hostname <name:string:1-10=box>\" conf \"feature\" no stored conf \"limit <n:1-5>\" default "
        "\"limit 3\"\n"
        "conf \"context <name:string:1-79> [ -noconfirm ]\" key name enter context confirm\n"
        "in context\n"
        "conf \"item <name:string:1-20> [ { red | green }=colour ] [ big ]\" key name enter item limit 2\n"
        "conf \"key { key <key:secret:1-20> | encrypted key <key:secret:1-20> }\"\n"
        "conf \"pass <user:string:1-9> [ encrypted ] password <pass:secret:1-20>\" key user\n"
        "conf \"two [ encrypted ] first <first:secret:1-9> [ [ encrypted ] second <second:secret:1-9> ]\"\n"
        "conf \"fetch <from:url:1-30>\"\n"
        "conf \"comm { [ encrypted ] name <comm:secret:1-9> | <comm:secret:1-9> } [ big ]\" key comm\n"
        "conf \"both [ encrypted ] first <first:secret:1-9> second <second:secret:1-9>\"\n"
        "conf \"admin <user:string:1-9> [ encrypted ] password <pass:password:1-8>\" key user\n"
        "conf \"route <net:ipv4> <mask:mask> { <gw:ipv4> <iface:ref:item:1-20> | next-hop <nh:ipv4> }\" key "
        "net,mask,gw,nh\n"
        "conf \"use <item:ref:item!:1-20>\" conf \"list <l:string:1-5>*3\" conf \"text <t:line:0-100>\"\n"
        "in item\n"
        "conf \"size <n:1-9>\" conf \"name <n:string:1-9>\"\n";

static struct cli_grammar *g;
static struct cli_session s;
static struct cli_result res;

static void setup(void)
{
	char err[512];

	g = cli_grammar_load_text("test", grammar, err, sizeof(err));
	cr_assert(g, "%s", err);
	cli_session_init(&s, g, CLI_PRIV_SECURITY_ADMIN);
}

static void teardown(void)
{
	cli_line_clear(&res);
	cli_session_clear(&s);
	cli_grammar_free(g);
}

TestSuite(cli_line, .init = setup, .fini = teardown);

/* Parses and, unless it is an error, carries out the line's effect on the session. */
static enum cli_kind line(const char *text)
{
	cli_line_clear(&res);
	enum cli_kind k = cli_line_parse(&s, text, &res);

	if (k != CLI_ERROR)
		cli_line_done(&s, &res);
	return k;
}

#define EXEC(text, name)                                                                                     \
	do {                                                                                                 \
		cr_expect_eq(line(text), CLI_EXEC, "%s: %s", text, res.error);                               \
		if (res.kind == CLI_EXEC)                                                                    \
			cr_expect_str_eq(res.cmd.handler, name);                                             \
	} while (0)

#define FAILS(text, message)                                                                                 \
	do {                                                                                                 \
		cr_expect_eq(line(text), CLI_ERROR, "%s", text);                                             \
		cr_expect_str_eq(res.error, message);                                                        \
		cli_line_clear(&res);                                                                        \
	} while (0)

#define EDIT(text, wop, wpath, wvalue)                                                                       \
	do {                                                                                                 \
		cr_expect_eq(line(text), CLI_EDIT, "%s: %s", text, res.error);                               \
		if (res.kind == CLI_EDIT) {                                                                  \
			cr_expect_eq(res.edit->op, wop);                                                     \
			cr_expect_str_eq(res.edit->path, wpath);                                             \
			cr_expect_str_eq(res.edit->value ? res.edit->value : "-", wvalue);                   \
		}                                                                                            \
		cli_line_clear(&res);                                                                        \
	} while (0)

#define PROMPT(want)                                                                                         \
	do {                                                                                                 \
		char p_[600];                                                                                \
		cr_expect_str_eq(cli_session_prompt(&s, p_, sizeof(p_)), want);                              \
	} while (0)

Test(cli_line, abbreviation_and_case)
{
	EXEC("show version", "show_version");
	EXEC("  SH ver  ", "show_version");
	EXEC("sho\tCARD i 7", "show_card_info");
	cr_expect_eq(cli_cmd_int(&res.cmd, "slot", 0), 7);
	EXEC("show card info", "show_card_info");
	cr_expect_null(cli_cmd_str(&res.cmd, "slot"));
	cr_expect_eq(cli_cmd_int(&res.cmd, "slot", -1), -1);
	cli_line_clear(&res);
}

Test(cli_line, error_texts)
{
	FAILS("s", "Ambiguous command - \"s\", candidates are save, show");
	FAILS("show c", "Ambiguous command - \"c\", candidates are card, crypto");
	FAILS("xyz", "Unknown command - \"xyz\", unrecognized keyword");
	FAILS("show version now", "Unknown command - \"now\", unrecognized keyword");
	FAILS("show card", "Incomplete command - \"show card\" needs more, see ?");
	FAILS("show card info 21", "Failure: Invalid value 21 for <slot>; the legal range is 1 to 20");
	FAILS("show card info 99999999999999999999",
	      "Failure: Invalid value 99999999999999999999 for <slot>; the legal range is 1 to 20");
	FAILS("terminal length 4", "Failure: Invalid value 4 for <lines>; the legal range is 0, 5 to 999");
	FAILS("show logs level x",
	      "Failure: Invalid value \"x\" for <level>; not one of its keywords, see ?");
	FAILS("show \"version", "Failure: Unbalanced quotes");
	FAILS("save flash",
	      "Failure: Invalid value flash for <url>; expected a path such as /flash/system.cfg or a file:, "
	      "http, https, ftp, sftp or tftp URL");
}

Test(cli_line, configuration_errors_begin_with_failure)
{
	line("configure");
	FAILS("xyz", "Failure: Unknown command - \"xyz\", unrecognized keyword");
	FAILS("li", "Failure: Incomplete command - \"li\" needs more, see ?");
	FAILS("limit 6", "Failure: Invalid value 6 for <n>; the legal range is 1 to 5");
	FAILS("hostname 12345678901",
	      "Failure: Invalid value \"12345678901\" for <name>; the legal length is 1 to 10 characters");
	PROMPT("[local]orrery(config)# ");
}

Test(cli_line, keyword_beats_variable_quotes_do_not)
{
	EXEC("show crypto all", "show_crypto");
	cr_expect(cli_cmd_has(&res.cmd, "all"));
	EXEC("show crypto n \"all\"", "show_crypto");
	cr_expect_str_eq(cli_cmd_str(&res.cmd, "name"), "all");
	cr_expect_not(cli_cmd_has(&res.cmd, "all"));
	FAILS("\"show\" version", "Unknown command - \"show\", unrecognized keyword");
}

Test(cli_line, any_order_each_once)
{
	EXEC("show logs quick count 3 level deb", "show_logs");
	cr_expect_str_eq(cli_cmd_str(&res.cmd, "level"), "debug");
	cr_expect_eq(cli_cmd_int(&res.cmd, "n", 0), 3);
	cr_expect(cli_cmd_has(&res.cmd, "quick"));
	EXEC("show logs", "show_logs");
	cr_expect_eq(cli_cmd_int(&res.cmd, "n", 0), 5, "default of the variable");
	FAILS("show logs quick quick", "Unknown command - \"quick\", unrecognized keyword");
}

Test(cli_line, comments_and_blank)
{
	cr_expect_eq(line(""), CLI_NOTHING);
	cr_expect_eq(line("   \t"), CLI_NOTHING);
	cr_expect_eq(line("# show version"), CLI_NOTHING);
	cr_expect_eq(line("#exit"), CLI_NOTHING, "Exec has nothing to leave");
}

Test(cli_line, privilege_test_and_hidden)
{
	FAILS("test crash", "Unknown command - \"test\", unrecognized keyword");
	s.test_commands = true;
	EXEC("test crash", "crash");
	EXEC("secret stuff", "hush");
	FAILS("se", "Incomplete command - \"se\" needs more, see ?");
	EXEC("wipe", "wipe");
	cli_line_clear(&res);
	s.priv = CLI_PRIV_OPERATOR;
	FAILS("wipe",
	      "Failure: Not permitted - \"wipe\" needs the privilege level administrator, yours is operator");
	PROMPT("[local]orrery> ");
}

Test(cli_line, modes_and_prompts)
{
	PROMPT("[local]orrery# ");
	cr_expect_eq(line("conf"), CLI_MOVE);
	PROMPT("[local]orrery(config)# ");
	EDIT("context red-1", CFG_SET, "context=red-1", "name=red-1");
	PROMPT("[red-1]orrery(config-ctx)# ");
	EDIT("item a", CFG_SET, "context=red-1/item=a", "name=a");
	PROMPT("[red-1]orrery(cfg-item-a)# ");
	EDIT("size 4", CFG_SET, "context=red-1/item=a/size", "n=4");
	FAILS("hostname x", "Failure: Unknown command - \"hostname\", unrecognized keyword; it is a command "
	                    "of the mode (config)");
	FAILS("wipe", "Failure: Unknown command - \"wipe\", unrecognized keyword; it is an Exec command: see "
	              "do, end");
	PROMPT("[red-1]orrery(cfg-item-a)# ");
	cr_expect_eq(line("#exit"), CLI_MOVE);
	PROMPT("[red-1]orrery(config-ctx)# ");
	cr_expect_eq(line("exit"), CLI_MOVE);
	PROMPT("[local]orrery(config)# ");
	line("context red-1");
	cr_expect_eq(line("end"), CLI_MOVE);
	PROMPT("[local]orrery# ");
	cr_expect_eq(line("exit"), CLI_LOGOUT);
}

Test(cli_line, a_failed_commit_enters_nothing)
{
	line("configure");
	cli_line_clear(&res);
	cr_expect_eq(cli_line_parse(&s, "context x", &res), CLI_EDIT);
	PROMPT("[local]orrery(config)# "); /* cli_line_done() was not called */
	cli_line_clear(&res);
}

Test(cli_line, no_and_default)
{
	line("configure");
	EDIT("no hostname", CFG_NO, "hostname", "-");
	EDIT("default hostname", CFG_DEFAULT, "hostname", "-");
	EDIT("no feature", CFG_SET, "feature", "!");
	EDIT("feature", CFG_SET, "feature", "");
	EDIT("default feature", CFG_DEFAULT, "feature", "-");
	EDIT("no context red-1", CFG_NO, "context=red-1", "-");
	PROMPT("[local]orrery(config)# ");
	FAILS("default context red-1", "Failure: Unknown command - \"context\", unrecognized keyword");
	line("context c");
	EDIT("no route 10.0.0.0 255.0.0.0 next-hop 10.1.1.1", CFG_NO,
	     "context=c/route=10.0.0.0,255.0.0.0,,10.1.1.1", "-");
}

Test(cli_line, labels_flags_and_lists)
{
	line("configure");
	line("context c");
	EDIT("item \"a b/c\" green big", CFG_SET, "context=c/item=a%20b%2Fc",
	     "name=a%20b%2Fc&colour=green&big=");
	line("exit");
	EDIT("list a b c", CFG_SET, "context=c/list", "l=a&l=b&l=c");
	FAILS("list a b c d", "Failure: Unknown command - \"d\", unrecognized keyword");
	FAILS("list toolong",
	      "Failure: Invalid value \"toolong\" for <l>; the legal length is 1 to 5 characters");
	EDIT("route 10.0.0.0 255.0.0.0 10.1.1.1 a", CFG_SET, "context=c/route=10.0.0.0,255.0.0.0,10.1.1.1,",
	     "net=10.0.0.0&mask=255.0.0.0&gw=10.1.1.1&iface=a");
	FAILS("route 10.0.0.0 255.0.255.0 10.1.1.1 a",
	      "Failure: Invalid value 255.0.255.0 for <mask>; an IPv4 network mask is expected");
}

Test(cli_line, rest_of_line)
{
	line("configure");
	line("context c");
	EDIT("text a  b | \"c\" # d  ", CFG_SET, "context=c/text", "t=a%20%20b%20|%20\"c\"%20#%20d");
	EDIT("text \"a \\\"b\\\" \\n \\\\\\\\\\\"\"", CFG_SET, "context=c/text",
	     "t=a%20\"b\"%20\\n%20\\\\\"");
	EDIT("text \"\"", CFG_SET, "context=c/text", "t=");
	FAILS("text \"a\" b", "Failure: Unknown command - \"b\", unrecognized keyword");
}

static int seal(void *arg, const char *clear, char *out, size_t len)
{
	snprintf(out, len, "+S%s", clear);
	for (char *c = out + 2; *c; c++)
		*c ^= 1;
	return 0;
}

static int unseal(void *arg, const char *sealed, char *out, size_t len)
{
	if (strncmp(sealed, "+S", 2))
		return -EBADMSG;
	snprintf(out, len, "%s", sealed + 2);
	for (char *c = out; *c; c++)
		*c ^= 1;
	return 0;
}

Test(cli_line, secrets_are_sealed)
{
	line("configure");
	line("context c");
	EDIT("key key ab", CFG_SET, "context=c/key", "key=ab");
	s.hooks = (struct cli_hooks){.seal = seal, .unseal = unseal};
	EDIT("key key ab", CFG_SET, "context=c/key", "key=+S`c&encrypted=");
	EDIT("key encrypted key +S`c", CFG_SET, "context=c/key", "encrypted=&key=+S`c");
	EDIT("pass joe password ab", CFG_SET, "context=c/pass=joe", "user=joe&pass=+S`c&encrypted=");
	EDIT("pass joe encrypted password +S`c", CFG_SET, "context=c/pass=joe",
	     "user=joe&encrypted=&pass=+S`c");
	FAILS("pass joe encrypted password nonsense", "Failure: Invalid encrypted value for <pass>");
	FAILS("pass joe encrypted password +S123456789012345678901",
	      "Failure: Invalid encrypted value for <pass>");
	FAILS("pass joe password 123456789012345678901",
	      "Failure: Invalid value \"****\" for <pass>; the legal length is 1 to 20 characters");
}

/* `ab` sealed is +S`c */
Test(cli_line, two_secrets_of_a_line_may_come_each_in_its_form)
{
	line("configure");
	line("context c");
	s.hooks = (struct cli_hooks){.seal = seal, .unseal = unseal};
	EDIT("two first ab second ab", CFG_SET, "context=c/two", "first=+S`c&encrypted=&second=+S`c");
	EDIT("two encrypted first +S`c second ab", CFG_SET, "context=c/two",
	     "encrypted=&first=+S`c&second=+S`c");
	EDIT("two first ab encrypted second +S`c", CFG_SET, "context=c/two",
	     "encrypted=&second=+S`c&first=+S`c");
	EDIT("two encrypted first +S`c encrypted second +S`c", CFG_SET, "context=c/two",
	     "encrypted=&first=+S`c&second=+S`c");
	/* one word for both, as show configuration prints such a row */
	EDIT("both encrypted first +S`c second +S`c", CFG_SET, "context=c/both",
	     "encrypted=&first=+S`c&second=+S`c");
	EDIT("both encrypted first +S`c second ab", CFG_SET, "context=c/both",
	     "encrypted=&first=+S`c&second=+S`c");
	FAILS("two encrypted first ab second +S`c", "Failure: Invalid encrypted value for <first>");
	FAILS("two first ab encrypted second ab", "Failure: Invalid encrypted value for <second>");
	FAILS("two encrypted first +S`c second 1234567890",
	      "Failure: Invalid value \"****\" for <second>; the legal length is 1 to 9 characters");
}

/* A secret that is the key: sealed in the path, and found again by `no`, however it is typed. */
Test(cli_line, a_secret_may_be_the_key)
{
	line("configure");
	line("context c");
	EDIT("comm ab", CFG_SET, "context=c/comm=ab", "comm=ab");
	s.hooks = (struct cli_hooks){.seal = seal, .unseal = unseal};
	EDIT("comm ab", CFG_SET, "context=c/comm=+S`c", "comm=+S`c&encrypted=");
	EDIT("comm name ab big", CFG_SET, "context=c/comm=+S`c", "big=&comm=+S`c&encrypted=");
	EDIT("comm encrypted name +S`c", CFG_SET, "context=c/comm=+S`c", "encrypted=&comm=+S`c");
	EDIT("no comm ab", CFG_NO, "context=c/comm=+S`c", "-");
	EDIT("no comm name ab", CFG_NO, "context=c/comm=+S`c", "-");
	EDIT("no comm encrypted name +S`c", CFG_NO, "context=c/comm=+S`c", "-");
	FAILS("comm encrypted name ab", "Failure: Invalid encrypted value for <comm>");
}

Test(cli_line, the_password_of_a_url_is_sealed)
{
	char buf[256];

	line("configure");
	line("context c");
	s.hooks = (struct cli_hooks){.seal = seal, .unseal = unseal};
	EDIT("fetch sftp://ann:ab@h/f", CFG_SET, "context=c/fetch", "from=sftp:%2F%2Fann:+S`c@h%2Ff");
	EDIT("fetch sftp://ann:+S`c@h/f", CFG_SET, "context=c/fetch", "from=sftp:%2F%2Fann:+S`c@h%2Ff");
	EDIT("fetch sftp://ann@h/f", CFG_SET, "context=c/fetch", "from=sftp:%2F%2Fann@h%2Ff");
	EDIT("fetch tftp://h:69/f@b", CFG_SET, "context=c/fetch", "from=tftp:%2F%2Fh:69%2Ff@b");
	/* a bare / would end the password early, and its rest would be kept */
	FAILS("fetch ftp://ann:a/b@h/f", "Failure: Invalid URL for <from>; expected host[:port] or "
	                                 "user[:password]@host[:port] after ://, "
	                                 "with %2F for a / in it");
	FAILS("fetch sftp://ann:hush@h/1234567890123456",
	      "Failure: Invalid value \"sftp://ann:****@h/1234567890123456\" for <from>; the legal length is "
	      "1 "
	      "to 30 characters");
	cli_line_redact(&s, "fetch sftp://ann:hush@h/f", buf, sizeof(buf));
	cr_expect_str_eq(buf, "fetch sftp://ann:****@h/f");
}

static int hash(void *arg, const char *clear, char *out, size_t len)
{
	snprintf(out, len, "+B%zu", strlen(clear));
	return 0;
}

static bool is_hash(void *arg, const char *text)
{
	return !strncmp(text, "+B", 2);
}

static int other_key(void *arg, const char *sealed, char *out, size_t len)
{
	return -EKEYREJECTED;
}

Test(cli_line, passwords_are_hashed)
{
	line("configure");
	line("context c");
	s.hooks = (struct cli_hooks){.seal = seal, .unseal = unseal, .hash = hash, .is_hash = is_hash};
	EDIT("admin joe password hush", CFG_SET, "context=c/admin=joe", "user=joe&pass=+B4&encrypted=");
	EDIT("admin joe encrypted password +Bxyz", CFG_SET, "context=c/admin=joe",
	     "user=joe&encrypted=&pass=+Bxyz");
	FAILS("admin joe encrypted password +S`c", "Failure: Invalid encrypted value for <pass>");
	FAILS("admin joe password 123456789",
	      "Failure: Invalid value \"****\" for <pass>; the legal length is 1 to 8 characters");
}

Test(cli_line, secret_of_another_chassis)
{
	line("configure");
	line("context c");
	s.hooks = (struct cli_hooks){.unseal = other_key};
	FAILS("key encrypted key +S`c",
	      "Failure: The encrypted value for <key> was made with another chassis key");
}

Test(cli_line, redacted_for_logs)
{
	char buf[256];

	cli_line_redact(&s, "show  logs count 3 | grep x", buf, sizeof(buf));
	cr_expect_str_eq(buf, "show logs count 3 | grep x");
	line("configure");
	line("context c");
	cli_line_redact(&s, "key key \"a b\"", buf, sizeof(buf));
	cr_expect_str_eq(buf, "key key ****");
	cli_line_redact(&s, "key encrypted key +S12", buf, sizeof(buf));
	cr_expect_str_eq(buf, "key encrypted key ****");
	cli_line_redact(&s, "pass joe password hush more", buf, sizeof(buf));
	cr_expect_str_eq(buf, "pass joe password ****");
	cli_line_redact(&s, "kye key hush", buf, sizeof(buf));
	cr_expect_str_eq(buf, "****");
	cli_line_redact(&s, "item abcdefgh", buf, 8);
	cr_expect_str_eq(buf, "item ab");
}

Test(cli_line, questions)
{
	struct cfg_tree *t = cfg_new(g);

	s.tree = t;
	s.interactive = true;
	cr_expect_eq(cli_line_parse(&s, "save /flash/a", &res), CLI_EXEC);
	cr_expect(res.confirm);
	cli_line_clear(&res);
	EXEC("save /flash/a -noconfirm", "save");
	cr_expect_not(res.confirm);
	line("configure");
	cli_line_clear(&res);
	cr_expect_eq(cli_line_parse(&s, "context c", &res), CLI_EDIT);
	cr_expect(res.confirm, "new");
	cfg_apply(t, res.edit);
	cli_line_clear(&res);
	cr_expect_eq(cli_line_parse(&s, "context c", &res), CLI_EDIT);
	cr_expect_not(res.confirm, "exists");
	cli_line_clear(&res);
	cr_expect_eq(cli_line_parse(&s, "no context c", &res), CLI_EDIT);
	cr_expect(res.confirm, "removing");
	cli_line_clear(&res);
	cr_expect_eq(cli_line_parse(&s, "no context d", &res), CLI_EDIT);
	cr_expect_not(res.confirm, "nothing to remove");
	cli_line_clear(&res);
	EDIT("context d -noconfirm", CFG_SET, "context=d", "name=d");
	line("exit");
	EDIT("no context c -noconfirm", CFG_NO, "context=c", "-");
	cr_expect_eq(cli_line_parse(&s, "no context c -noconfirm", &res), CLI_EDIT);
	cr_expect_not(res.confirm);
	cli_line_clear(&res);
	line("end");
	line("autoconfirm");
	cli_line_clear(&res);
	cr_expect_eq(cli_line_parse(&s, "save /flash/a", &res), CLI_EXEC);
	cr_expect_not(res.confirm);
	cli_line_clear(&res);
	cfg_free(t);
	cr_expect_eq(cli_line_answer("Yes\n"), 1);
	cr_expect_eq(cli_line_answer(" y"), 1);
	cr_expect_eq(cli_line_answer("no"), 0);
	cr_expect_eq(cli_line_answer("nope"), -1);
	cr_expect_eq(cli_line_answer(""), -1);
}

Test(cli_line, context_command)
{
	struct cfg_tree *t = cfg_new(g);

	s.tree = t;
	FAILS("context c", "Failure: Context \"c\" does not exist");
	cli_load_text(t, NULL, "context c\n", NULL, NULL);
	cr_expect_eq(line("context c"), CLI_MOVE);
	PROMPT("[c]orrery# ");
	line("configure");
	PROMPT("[c]orrery(config)# ");
	line("end");
	line("context local");
	PROMPT("[local]orrery# ");
	cfg_free(t);
}

Test(cli_line, session_switches)
{
	line("terminal length 0");
	line("terminal width 512");
	cr_expect_eq(s.length, 0);
	cr_expect_eq(s.width, 512);
	cr_expect(s.timestamps);
	line("no timestamps");
	cr_expect_not(s.timestamps);
}

Test(cli_line, pipes)
{
	EXEC("show version | grep -i -v \"a|b\" | grep -E x|more", "show_version");
	cr_expect_eq(res.npipes, 3);
	cr_expect(res.pipes[0].icase && res.pipes[0].invert && !res.pipes[0].extended);
	cr_expect_str_eq(res.pipes[0].pattern, "a|b");
	cr_expect(res.pipes[1].extended);
	cr_expect_eq(res.pipes[2].kind, CLI_PIPE_MORE);
	EXEC("show version | js", "show_version");
	cr_expect(res.json);
	FAILS("show version | sort", "Unknown command - \"sort\", unrecognized keyword");
	FAILS("show version |", "Incomplete command - grep, more or json is expected after |");
	FAILS("| more", "Incomplete command - a command is expected");
	FAILS("show version | grep -z a", "Unknown command - \"-z\", unrecognized keyword");
}

Test(cli_line, do_in_configuration)
{
	line("configure");
	EXEC("do show card info 3 | grep x", "show_card_info");
	cr_expect_eq(cli_cmd_int(&res.cmd, "slot", 0), 3);
	cr_expect_eq(res.npipes, 1);
	FAILS("do exit", "Failure: This command can not be used with do");
	FAILS("do nothing", "Unknown command - \"nothing\", unrecognized keyword");
	PROMPT("[local]orrery(config)# ");
}

Test(cli_line, long_lines)
{
	static char big[CLI_LINE_MAX + 100];

	memset(big, 'a', sizeof(big) - 1);
	FAILS(big, "Failure: The line is too long");
	for (size_t i = 1; i < sizeof(big) - 1; i += 2)
		big[i] = ' ';
	big[CLI_LINE_MAX - 1] = 0;
	FAILS(big, "Failure: The line is too long");
}

static const char *join(struct cli_join *j, const char *first, const char *second)
{
	const char *one = cli_join_line(j, first);

	cr_expect_null(one, "\"%s\" goes on", first);
	cr_expect(cli_join_open(j));
	return one ? one : cli_join_line(j, second);
}

Test(cli_line, a_backslash_at_the_end_continues_a_line)
{
	static const char *const whole[] = {"",       "show version",    "a\\",         "text \"a \\",
	                                    "# a \\", "text \"a\" \\\\", "text \\ more"};
	static char big[CLI_LINE_MAX];
	struct cli_join j = {0};

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		cr_expect_str_eq(cli_join_line(&j, whole[i]), whole[i]);
		cr_expect_not(cli_join_open(&j));
	}
	cr_expect_str_eq(join(&j, "boot \\", "    image x"), "boot     image x");
	cr_expect_str_eq(join(&j, "text \"a\" \\  ", ""), "text \"a\" ");
	cr_expect_null(join(&j, "a \\", "b \\"));
	cr_expect_str_eq(cli_join_line(&j, "c"), "a b c");
	cr_expect_str_eq(cli_join_line(&j, "d"), "d", "the line before is done");
	/* as long as one likes: refused for its length, and no more than that is kept */
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 3] = ' ';
	big[sizeof(big) - 2] = '\\';
	cr_expect_null(join(&j, big, big));
	FAILS(cli_join_line(&j, "end"), "Failure: The line is too long");
	cli_join_clear(&j);
	cr_expect_null(cli_join_line(&j, "a \\"));
	cli_join_clear(&j);
	cr_expect_str_eq(cli_join_line(&j, "b"), "b");
}

Test(cli_line, grammar_mistakes_are_told_with_their_place)
{
	static const struct {
		const char *text, *error;
	} bad[] = {
	        {"mode exec\nin nowhere", "t:2: unknown mode \"nowhere\""},
	        {"mode exec in exec exec \"a { b\" handler x", "t:1: pattern: unbalanced group at \"\""},
	        {"mode exec in exec exec \"a <b:1-\" handler x",
	         "t:1: pattern: variable without end at \"<b:1-\""},
	        {"mode exec in exec exec \"a <b:9-1>\" handler x",
	         "t:1: pattern: unknown type or bad range in <b:9-1> at \"<b:9-1>\""},
	        {"mode exec in exec exec \"[ a ]\" id a handler x", "t:1: pattern: matches an empty line"},
	        {"mode exec in exec exec \"a\"",
	         "t:1: an exec row needs a handler, or has to say what is missing"},
	        {"mode exec mode m in m conf \"a { b | c }=k\" enter \"m k c\"",
	         "t:1: enter \"MODE LABEL WORD=MODE …\" expected"},
	        {"mode exec mode m in m conf \"a { b | c }=k\" enter \"m k c=n\"", "t:1: unknown mode \"n\""},
	        {"mode config in config conf \"a\"\nconf \"a <x:1-2>\"",
	         "t:2: id \"a\" is used twice in mode config"},
	        {"mode config in config conf \"a <x:1-2>\" default \"a 3\"",
	         "mode config, \"a <x:1-2>\": default line: not understood: a 3"},
	        {"bogus", "t:1: unexpected \"bogus\""},
	        {"mode exec in exec exec \"open", "t:1: string without end"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char err[512];

		cr_expect_null(cli_grammar_load_text("t", bad[i].text, err, sizeof(err)));
		cr_expect_str_eq(err, bad[i].error);
	}
}

/* --- rows of several modes, modes by keyword, commands to come --- */

Test(cli_line, rows_and_modes_of_the_notation)
{
	static const char text[] = "mode exec mode common mode config mode a parent config prompt \"a\" mode "
	                           "b parent config prompt \"b\"\n"
	                           "in config conf \"thing <name:string:1-9> { one | two }=kind\" key name "
	                           "enter \"a kind two=b\"\n"
	                           "in a,b conf \"both <n:1-3>\"\n"
	                           "in b conf \"only <x:hexnum:0-63>\"\n"
	                           "in exec exec \"do it\" missing \"nobody can\"\n";
	char err[256];
	struct cli_grammar *m = cli_grammar_load_text("t", text, err, sizeof(err));
	struct cli_session one;
	struct cli_result r;

	cr_assert(m, "%s", err);
	cli_session_init(&one, m, CLI_PRIV_CONFIG_ADMIN);
	cr_expect_eq(cli_line_parse(&one, "do it", &r), CLI_EXEC);
	cr_expect_null(r.cmd.handler);
	cr_expect_str_eq(r.cmd.row->missing, "nobody can");
	cli_line_clear(&r);
	cli_session_configure(&one);
	cr_expect_eq(cli_line_parse(&one, "thing x two", &r), CLI_EDIT);
	cli_line_done(&one, &r);
	cli_line_clear(&r);
	cr_expect_str_eq(cli_session_mode(&one)->name, "b");
	cr_expect_eq(cli_line_parse(&one, "both 3", &r), CLI_EDIT);
	cli_line_clear(&r);
	cr_expect_eq(cli_line_parse(&one, "only 2F", &r), CLI_EDIT);
	cr_expect_str_eq(r.edit->value, "x=0x2f");
	cli_line_clear(&r);
	cr_expect_eq(cli_line_parse(&one, "only 0x40", &r), CLI_ERROR);
	cr_expect_str_eq(r.error, "Failure: Invalid value 0x40 for <x>; the legal range is 0x00 to 0x3f");
	cli_line_clear(&r);
	cli_session_clear(&one);
	cli_grammar_free(m);
}

/* SPDX-License-Identifier: MIT */
/*
 * The configuration tree: look-ups and defaults, edits and their text forms, loading from a store,
 * differences, checks, references, limits, and the property that what show prints loads back to the same
 * tree.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "tests/cli_gen.h"
#include "cfg/cfg.h"

static struct cli_grammar *g;
static struct cfg_tree *t;

static void setup(void)
{
	char err[512];

	g = cli_grammar_load("cli/grammar", err, sizeof(err));
	cr_assert(g, "%s", err);
	t = cfg_new(g);
	cr_assert(t);
}

static void teardown(void)
{
	cfg_free(t);
	cli_grammar_free(g);
}

TestSuite(cfg_tree, .init = setup, .fini = teardown);

static void complain(void *arg, unsigned lineno, const char *line, const char *error)
{
	cr_expect(false, "line %u \"%s\": %s", lineno, line, error);
}

static void load(struct cfg_tree *tree, const char *text)
{
	cr_assert_eq(cli_load_text(tree, NULL, text, complain, NULL), 0);
}

static int apply(enum cfg_op op, const char *path, const char *value)
{
	struct cfg_edit *e = cfg_edit_new(op, path, value);
	int rc = cfg_apply(t, e);

	cfg_edit_free(e);
	return rc;
}

static const char *check(enum cfg_op op, const char *path, const char *value)
{
	static char err[1024];
	struct cfg_edit *e = cfg_edit_new(op, path, value);
	int rc = cfg_check(t, e, err, sizeof(err));

	cr_expect_eq(rc != 0, *err != 0);
	cfg_edit_free(e);
	return err;
}

static char *text_of(const struct cfg_tree *tree)
{
	struct cli_out_buf b;

	cli_out_buf_init(&b);
	cfg_show(tree, NULL, &b.out);
	return b.text;
}

static const char sample[] = "context ingress\n"
                             "  interface lo1 loopback\n"
                             "    ip address 192.0.2.1 255.255.255.255 srp-activate\n"
                             "    ip address 192.0.2.2 255.255.255.255 secondary\n"
                             "  #exit\n"
                             "  ip pool b 10.1.0.0 255.255.0.0 public 0\n"
                             "  ip pool a range 10.2.0.1 10.2.0.9 private 3 srp-activate\n"
                             "  crypto template t1 ikev2-dynamic\n"
                             "    authentication local pre-shared-key key \"top secret\"\n"
                             "    no ikev2-ikesa fragmentation\n"
                             "    ikev2-ikesa transform-set list x y\n"
                             "    payload p1 match childsa match ipv4\n"
                             "      lifetime 3600\n"
                             "    #exit\n"
                             "  #exit\n"
                             "#exit\n";

Test(cfg_tree, lookups)
{
	struct cfg_node *ctx, *c, *pl;
	unsigned n = 0;

	load(t, sample);
	ctx = cfg_child(t, t->root, "context", "ingress");
	cr_assert(ctx);
	cr_expect_str_eq(cfg_key(ctx, 0), "ingress");
	cr_expect_null(cfg_child(t, t->root, "context", "egress"));
	cfg_foreach(c, ctx, "ip-pool") cr_expect_str_eq(cfg_key(c, 0), n++ ? "a" : "b");
	cr_expect_eq(n, 2);
	c = cfg_child(t, ctx, "ip-pool", "a");
	cr_expect_str_eq(cfg_arg(c, "start"), "10.2.0.1");
	cr_expect_str_eq(cfg_arg(c, "type"), "private");
	cr_expect_eq(cfg_arg_int(c, "priority", -1), 3);
	cr_expect(cfg_has(c, "srp-activate"));
	cr_expect_null(cfg_arg(c, "mask"));
	c = cfg_child(t, ctx, "crypto-template", "t1");
	cr_expect_str_eq(cfg_get(t, c, "authentication-local", "method"), "pre-shared-key");
	cr_expect_str_eq(cfg_get(t, c, "authentication-local", "key"), "top secret");
	pl = cfg_child(t, c, "payload", "p1");
	cr_expect_eq(cfg_get_int(t, pl, "lifetime", "seconds", 0), 3600);
	cr_expect_str_eq(cfg_arg_nth(cfg_child(t, c, "ikev2-ikesa-transform-set-list", NULL), "set", 1), "y");
	cr_expect_null(cfg_arg_nth(cfg_child(t, c, "ikev2-ikesa-transform-set-list", NULL), "set", 2));
}

/* Keys are kept escaped; who has a name from elsewhere does not know that. */
Test(cfg_tree, names_of_any_characters)
{
	static const char *const names[] = {"plain", "a/b", "50%", "x=y,z", "5/10"};
	struct cfg_node *ctx, *c;
	char lines[300];

	load(t, "port ethernet 5/10\n#exit\n");
	c = cfg_child_named(t, t->root, "port-ethernet", "5/10");
	cr_assert(c);
	cr_expect_str_eq(cfg_key(c, 0), "5/10");
	cr_expect_null(cfg_child_named(t, t->root, "port-ethernet", "5/1"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(lines, sizeof(lines), "context ingress\n  ipsec transform-set %s\n  #exit\n#exit\n",
		         names[i]);
		load(t, lines);
		ctx = cfg_child_named(t, t->root, "context", "ingress");
		c = ctx ? cfg_child_named(t, ctx, "ipsec-transform-set", names[i]) : NULL;
		cr_expect(c, "%s", names[i]);
	}
}

Test(cfg_tree, defaults)
{
	struct cfg_node *c, *pl;

	load(t, sample);
	c = cfg_find(t, "context=ingress/crypto-template=t1");
	pl = cfg_child(t, c, "payload", "p1");
	cr_expect_str_eq(cfg_get(t, t->root, "system-hostname", "hostname"), "orrery");
	cr_expect_eq(cfg_get_int(t, c, "ikev2-ikesa-max-retransmissions", "count", 0), 5);
	cr_expect_str_eq(cfg_get(t, pl, "ip-address-allocation", "kind"), "home-address");
	cr_expect_null(cfg_get(t, c, "keepalive", "interval"), "off unless configured");
	cr_expect_null(cfg_get(t, c, "no-such-row", "x"));
	cr_expect(cfg_on(t, c, "ikev2-ikesa-mobike") == false);
	cr_expect(cfg_on(t, c, "ikev2-ikesa-fragmentation") == false, "negated");
	cr_expect(cfg_on(t, c, "ikev2-ikesa-ddos-rekey-rate"), "on by default");
	cr_expect_eq(cfg_get_int(t, c, "ikev2-ikesa-ddos-rekey-rate", "rate", 0), 5);
	apply(CFG_SET, "context=ingress/crypto-template=t1/ikev2-ikesa-ddos-rekey-rate", "!");
	cr_expect_eq(cfg_get_int(t, c, "ikev2-ikesa-ddos-rekey-rate", "rate", -1), -1);
	apply(CFG_SET, "context=ingress/crypto-template=t1/keepalive", "timeout=20");
	cr_expect_eq(cfg_get_int(t, c, "keepalive", "interval", 0), 10,
	             "the variable's default once the line is there");
}

Test(cfg_tree, apply)
{
	uint64_t v = t->version;

	cr_expect_eq(apply(CFG_SET, "context=a/ip-pool=p", "name=p"), -ENOENT);
	cr_expect_eq(apply(CFG_SET, "context=a", "name=a"), 1);
	cr_expect_eq(apply(CFG_SET, "context=a", "name=a"), 0);
	cr_expect_eq(t->version, v + 1);
	cr_expect_eq(apply(CFG_SET, "context=a", "name=b"), -EINVAL, "key and value disagree");
	cr_expect_eq(apply(CFG_SET, "nonsense", ""), -EINVAL);
	cr_expect_eq(apply(CFG_SET, "", ""), -EINVAL);
	cr_expect_eq(apply(CFG_SET, "context=a/", "name=a"), -EINVAL);
	cr_expect_eq(apply(CFG_SET, "context=a", "name=a&=x"), -EINVAL);
	cr_expect_eq(apply(CFG_SET, "context=a", "name=%zz"), -EINVAL);
	cr_expect_eq(apply(CFG_SET, "context=a/interface=i", "name=i&loopback="), 1);
	cr_expect_eq(apply(CFG_SET, "context=a/interface=i", "name=i"), 0,
	             "a block keeps what is not mentioned");
	cr_expect(cfg_has(cfg_find(t, "context=a/interface=i"), "loopback"));
	cr_expect_eq(apply(CFG_REPLACE, "context=a/interface=i", "name=i"), 1);
	cr_expect_not(cfg_has(cfg_find(t, "context=a/interface=i"), "loopback"));
	cr_expect_eq(apply(CFG_SET, "context=a/interface=i/ip-mtu", "bytes=1400"), 1);
	cr_expect_eq(t->count, 3);
	cr_expect_eq(apply(CFG_NO, "context=a", NULL), 1);
	cr_expect_eq(t->count, 0, "children go with their block");
	cr_expect_eq(apply(CFG_NO, "context=a", NULL), 0);
	cr_expect_eq(apply(CFG_DEFAULT, "context=a/interface=i/ip-mtu", NULL), 0);
}

Test(cfg_tree, arguments_stand_in_the_patterns_order)
{
	apply(CFG_SET, "snmp-target=n", "version=2c&port=99&name=n&address=10.0.0.1");
	char *v = cfg_value(cfg_find(t, "snmp-target=n"));

	cr_expect_str_eq(v, "name=n&address=10.0.0.1&port=99&version=2c");
	free(v);
}

Test(cfg_tree, paths_of_strange_names)
{
	char path[CFG_PATH_MAX];

	load(t, "context \"a/b=c,d %41\\\"\"\n ip pool \"x y\" range 10.0.0.1 10.0.0.2\n");
	struct cfg_node *c = t->root->child, *p = c->child;

	cfg_path(p, path, sizeof(path));
	cr_expect_str_eq(path, "context=a%2Fb%3Dc%2Cd%20%2541\"/ip-pool=x%20y");
	cr_expect_eq(cfg_find(t, path), p);
	cr_expect_str_eq(cfg_key(c, 0), "a/b=c,d %41\"");
	size_t parent;

	cr_expect_str_eq(cfg_path_row(t, path, &parent)->id, "ip-pool");
	path[parent] = 0;
	cr_expect_eq(cfg_find(t, path), c);
}

Test(cfg_tree, check)
{
	load(t, "context a\n");
	cr_expect_str_eq(check(CFG_SET, "context=a/ip-pool=p", "name=p&address=10.0.0.0&mask=255.0.0.0"), "");
	cr_expect_str_eq(check(CFG_SET, "context=b/ip-pool=p", "name=p&address=10.0.0.0&mask=255.0.0.0"),
	                 "Failure: context=b is not configured");
	cr_expect_str_eq(check(CFG_SET, "bogus=1", ""), "Failure: Unknown configuration item bogus=1");
	cr_expect_str_eq(check(CFG_SET, "context=a/ip-pool=p", "name=p&address=10.0.0.0&mask=255.0.255.0"),
	                 "Failure: Invalid value 255.0.255.0 for <mask>; an IPv4 network mask is expected");
	cr_expect(strstr(check(CFG_SET, "context=a/ip-pool=p", "name=p&address=10.0.0.0"),
	                 "inconsistent values"));
	cr_expect(
	        strstr(check(CFG_SET, "context=a/ip-pool=p", "name=p&address=10.0.0.0&mask=255.0.0.0&zork=1"),
	               "inconsistent"));
	cr_expect(strstr(
	        check(CFG_SET, "context=a/ip-pool=p", "name=p&address=10.0.0.0&mask=255.0.0.0&type=yellow"),
	        "inconsistent"));
	cr_expect(strstr(check(CFG_SET, "context=a", "!name=a"), "can not be negated"));
	cr_expect_str_eq(check(CFG_NO, "context=zzz", NULL), "");
}

Test(cfg_tree, limits)
{
	char line[256];

	load(t, "bulkstats mode\n file 1\n #exit\n file 2\n #exit\n file 3\n #exit\n file 4\n");
	load(t, "context a\n service-redundancy-protocol\n");
	load(t, "context b\n");
	cr_expect_str_eq(
	        check(CFG_SET, "context=b/service-redundancy-protocol", ""),
	        "Failure: The maximum number of 1 service-redundancy-protocol in the system is reached");
	load(t, "context a\n crypto template t ikev2-dynamic\n payload p match childsa\n");
	for (int i = 1; i <= 4; i++) {
		snprintf(line, sizeof(line),
		         "context a\n crypto template t ikev2-dynamic\n payload p match childsa\n"
		         "tsr start-address 10.%d.0.0 end-address 10.%d.0.9\n",
		         i, i);
		load(t, line);
	}
	cr_expect_str_eq(check(CFG_SET, "context=a/crypto-template=t/payload=p/tsr=10.9.0.0,10.9.0.1",
	                       "start=10.9.0.0&end=10.9.0.1"),
	                 "Failure: The maximum number of 4 tsr is reached");
	cr_expect_str_eq(check(CFG_SET, "context=a/crypto-template=t/payload=p/tsr=10.1.0.0,10.1.0.9",
	                       "start=10.1.0.0&end=10.1.0.9"),
	                 "", "what exists may be set again");
}

static void collect(void *arg, const struct cfg_node *n, const char *text)
{
	struct cli_out_buf *b = arg;

	cli_out_printf(&b->out, "%s\n", text);
}

Test(cfg_tree, references)
{
	struct cli_out_buf b;

	cli_out_buf_init(&b);
	load(t,
	     "context a\n interface i\n #exit\n wsg-service w\n bind address 10.0.0.1 crypto-template t9\n");
	load(t, "port ethernet 5/10\n bind interface i a\n");
	load(t, "port ethernet 5/11\n bind interface i nowhere\n");
	cr_expect_eq(cfg_check_refs(t, collect, &b), 3);
	cr_expect_str_eq(b.text,
	                 "context=a/wsg-service=w/bind-address: crypto-template t9 is not configured\n"
	                 "port-ethernet=5%2F11/bind-interface: interface i is not configured\n"
	                 "port-ethernet=5%2F11/bind-interface: context nowhere is not configured\n");
	cli_out_buf_free(&b);
	/* a use that is called as what it uses */
	cli_out_buf_init(&b);
	cfg_free(t);
	t = cfg_new(g);
	load(t, "context a\n crypto map m ikev2-ipv4\n #exit\n interface i\n crypto-map m\n #exit\n"
	        " interface j\n crypto-map none\n");
	cr_expect_eq(cfg_check_refs(t, collect, &b), 1);
	cr_expect_str_eq(b.text, "context=a/interface=j/crypto-map: crypto-map none is not configured\n");
	cli_out_buf_free(&b);
}

static int apply_to(void *arg, const struct cfg_edit *e)
{
	cr_expect_eq(cfg_apply(arg, e), 1, "%s %s %s", cfg_op_name(e->op), e->path, e->value);
	return 0;
}

/* The edits of cfg_diff() turn a into b. */
static void check_diff(struct cfg_tree *a, const struct cfg_tree *b)
{
	struct cfg_tree *old = cfg_dup(a);
	char *x, *y;

	cfg_diff(old, b, apply_to, a);
	cfg_free(old);
	cr_expect(cfg_equal(a, b));
	x = text_of(a);
	y = text_of(b);
	cr_expect_eq(strlen(x), strlen(y)); /* rows that are not ordered may stand in another order */
	free(x);
	free(y);
}

static int apply_later(void *arg, const struct cfg_edit *e)
{
	struct cli_out_buf *b = arg;

	return cli_out_printf(&b->out, "%s %s %s\n", cfg_op_name(e->op), e->path, e->value ? e->value : "-");
}

Test(cfg_tree, diff_tells_only_what_changed)
{
	struct cfg_tree *b;
	struct cli_out_buf out;

	load(t, sample);
	b = cfg_dup(t);
	cr_expect(cfg_equal(t, b));
	cli_out_buf_init(&out);
	load(b,
	     "context ingress\n no ip pool b\n interface lo1\n  ip mtu 1400\n #exit\n#exit\ncontext new\n");
	cfg_diff(t, b, apply_later, &out);
	cr_expect_str_eq(out.text, "no context=ingress/ip-pool=b -\n"
	                           "replace context=ingress/interface=lo1/ip-mtu bytes=1400\n"
	                           "replace context=new name=new\n");
	cr_expect_not(cfg_equal(t, b));
	cli_out_buf_free(&out);
	cfg_free(b);
}

Test(cfg_tree, diff_keeps_the_order_of_ordered_rows)
{
	static const char *const rest = "from=host&source=";
	struct cfg_tree *b = cfg_new(g);
	struct cli_out_buf out;
	const char *order[] = {"no deny 10.0.0.2",        "no permit 10.0.0.3",    "no deny 10.0.0.4",
	                       "replace permit 10.0.0.9", "replace deny 10.0.0.2", "replace deny 10.0.0.4",
	                       "replace permit 10.0.0.3"};

	load(t, "context c\n ip access-list l\n permit host 10.0.0.1\n deny host 10.0.0.2\n"
	        " permit host 10.0.0.3\n deny host 10.0.0.4\n");
	load(b, "context c\n ip access-list l\n permit host 10.0.0.1\n permit host 10.0.0.9\n"
	        " deny host 10.0.0.2\n deny host 10.0.0.4\n permit host 10.0.0.3\n");
	cr_expect_not(cfg_equal(t, b));
	cli_out_buf_init(&out);
	cfg_diff(t, b, apply_later, &out);
	char *line = out.text;

	for (unsigned i = 0; i < sizeof(order) / sizeof(*order); i++) {
		char op[16], action[16], addr[32], want[256];
		char *end = line ? strchr(line, '\n') : NULL;

		cr_assert(end, "%u lines of: %s", i, out.text);
		*end = 0;
		sscanf(order[i], "%15s %15s %31s", op, action, addr);
		snprintf(want, sizeof(want), "%s context=c/ip-access-list=l/rule=%s,", op, action);
		cr_expect(!strncmp(line, want, strlen(want)), "%s, not %s", line, want);
		cr_expect(strstr(line, addr), "%s, not %s", line, addr);
		if (!strcmp(op, "replace")) {
			snprintf(want, sizeof(want), " action=%s&%s%s", action, rest, addr);
			cr_expect(strstr(line, want), "%s, not %s", line, want);
		}
		line = end + 1;
	}
	cr_expect(!*line, "%s", line);
	cli_out_buf_free(&out);
	cfg_free(b);
}

/* --- the store's way: items in order of seq --- */

struct store {
	struct {
		char path[512], value[512];
		uint64_t seq;
	} v[64];
	unsigned n, at;
};

static int keep(void *arg, const struct cfg_node *n)
{
	struct store *s = arg;
	char *v = cfg_value(n);

	cfg_path(n, s->v[s->n].path, sizeof(s->v[0].path));
	snprintf(s->v[s->n].value, sizeof(s->v[0].value), "%s", v);
	s->v[s->n++].seq = n->seq;
	free(v);
	return 0;
}

static int next_item(void *arg, struct cfg_item *it)
{
	struct store *s = arg;

	if (s->at == s->n)
		return 0;
	*it = (struct cfg_item){s->v[s->at].path, s->v[s->at].value, s->v[s->at].seq};
	s->at++;
	return 1;
}

Test(cfg_tree, store_round_trip)
{
	static struct store s;
	struct cfg_tree *b = cfg_new(g);
	unsigned skipped;

	load(t, sample);
	cfg_walk(t, keep, &s);
	snprintf(s.v[s.n].path, sizeof(s.v[0].path), "gone-in-this-release=1");
	s.n++;
	cr_expect_eq(cfg_load(b, next_item, &s, &skipped), 0);
	cr_expect_eq(skipped, 1);
	cr_expect(cfg_equal(t, b));
	char *x = text_of(t), *y = text_of(b);

	cr_expect_str_eq(x, y);
	cr_expect_eq(cfg_checksum(t), cfg_checksum(b));
	cr_expect(b->next_seq >= t->next_seq);
	free(x);
	free(y);
	cfg_free(b);
}

/* --- show --- */

Test(cfg_tree, show_text)
{
	struct cli_out_buf b;
	struct cfg_show_opts o = {.path = "context=ingress/crypto-template=t1/payload=p1"};

	load(t, sample);
	cli_out_buf_init(&b);
	cr_expect_eq(cfg_show(t, &o, &b.out), 0);
	cr_expect_str_eq(b.text, "config\n"
	                         "  context ingress\n"
	                         "    crypto template t1 ikev2-dynamic\n"
	                         "      payload p1 match childsa match ipv4\n"
	                         "        lifetime 3600\n"
	                         "      #exit\n"
	                         "    #exit\n"
	                         "  #exit\n"
	                         "end\n");
	cli_out_buf_free(&b);
	o = (struct cfg_show_opts){.context = "nowhere"};
	cli_out_buf_init(&b);
	cr_expect_eq(cfg_show(t, &o, &b.out), -ENOENT);
	cr_expect_str_eq(b.text, "");
	cli_out_buf_free(&b);
}

Test(cfg_tree, show_verbose_has_the_defaults_and_loads)
{
	struct cli_out_buf b;
	struct cfg_show_opts o = {.verbose = true};
	struct cfg_tree *u = cfg_new(g);

	load(t, sample);
	cli_out_buf_init(&b);
	cfg_show(t, &o, &b.out);
	cr_expect(strstr(b.text, "  system hostname orrery\n"));
	cr_expect(strstr(b.text, "        ip-address-allocation home-address\n"));
	cr_expect(strstr(b.text, "      ikev2-ikesa ddos rekey-rate 5\n"));
	cr_expect(strstr(b.text, "      no ikev2-ikesa fragmentation\n"));
	load(u, b.text);
	cli_out_buf_free(&b);
	cfg_free(u);
}

/* Random blocks of random lines, nested at random. */
static void random_block(struct gen *r, const struct cli_mode *m, struct cli_out *out, unsigned depth)
{
	char line[CLI_LINE_MAX + 1];
	unsigned n = gen_rand(r, depth ? 8 : 25);

	for (unsigned i = 0; i < n; i++) {
		const struct cli_row *row = m->rows[gen_rand(r, m->nrows)];

		if (row->kind != CLI_ROW_CONF)
			continue;
		const struct cli_form *no = cli_render_form(row, CLI_FORM_NO);
		bool negate = no && (row->no_stored || !gen_rand(r, 5)) && gen_rand(r, 2);

		/* indented, so that the lines of a refused block go with it */
		cli_out_printf(out, "%*s%s\n", 2 * (int)depth + 2, "",
		               gen_line(r, negate ? no->tree : row->tree, line, sizeof(line)));
		if (!row->enter || negate)
			continue;
		struct cfg_args *args = cli_line_args(row, line, false);

		random_block(r, cli_grammar_enter(row, args), out, depth + 1);
		cli_out_printf(out, "%*s%s\n", 2 * (int)depth + 2, "", gen_rand(r, 2) ? "#exit" : "exit");
		cfg_args_free(args);
	}
}

static int fake_seal(void *arg, const char *clear, char *out, size_t len)
{
	size_t n = 0;

	n = snprintf(out, len, "+Z");
	for (; *clear && n + 3 < len; clear++)
		n += snprintf(out + n, len - n, "%02x", (unsigned char)*clear ^ 0x55);
	return 0;
}

static int fake_unseal(void *arg, const char *sealed, char *out, size_t len)
{
	unsigned x;

	if (strncmp(sealed, "+Z", 2))
		return -EINVAL;
	for (sealed += 2; sscanf(sealed, "%2x", &x) == 1; sealed += 2)
		*out++ = x ^ 0x55;
	*out = 0;
	return 0;
}

static unsigned refused;

static void count_refused(void *arg, unsigned lineno, const char *line, const char *error)
{
	/* limits, names that do not exist yet and rules across settings are the only reasons a line may fail
	 */
	cr_expect(strstr(error, "maximum number") || strstr(error, "not configured") ||
	                  strstr(error, "exists already as") || strstr(error, "Invalid encrypted value") ||
	                  gen_rule_refusal(error),
	          "%s: %s", line, error);
	refused++;
}

Test(cfg_tree, random_trees_survive_show_and_load)
{
	const struct cli_hooks hooks = {.seal = fake_seal, .unseal = fake_unseal};
	size_t nodes = 0;

	for (unsigned round = 0; round < 120; round++) {
		const struct cli_hooks *h = round & 1 ? &hooks : NULL;
		struct gen r = {.seed = round * 7919 + 1};
		struct cfg_tree *a = cfg_new(g), *b = cfg_new(g);
		struct cli_out_buf text;

		cli_out_buf_init(&text);
		random_block(&r, cli_grammar_mode(g, "config"), &text.out, 0);
		cr_expect_geq(cli_load_text(a, h, text.text, count_refused, NULL), 0);
		char *one = text_of(a);

		cr_expect_eq(cli_load_text(b, h, one, complain, NULL), 0);
		cr_expect(cfg_equal(a, b), "round %u\n%s", round, one);
		char *two = text_of(b);

		cr_expect_str_eq(one, two);
		nodes += a->count;
		/* and from whatever is there to another tree */
		check_diff(t, a);
		free(one);
		free(two);
		cli_out_buf_free(&text);
		cfg_free(a);
		cfg_free(b);
	}
	cr_expect_gt(nodes, 1000);
}

Test(cfg_tree, a_failed_block_is_skipped_as_a_whole)
{
	struct cfg_tree *u = cfg_new(g);
	int n = cli_load_text(t, NULL,
	                      "config\n"
	                      "  context a\n"
	                      "    crypto template bad ikev9\n"
	                      "      natt\n"
	                      "    #exit\n"
	                      "    ip pool p range 10.0.0.1 10.0.0.2\n"
	                      "    zork\n"
	                      "  #exit\n"
	                      "  system hostname h\n"
	                      "end\n",
	                      NULL, NULL);

	cr_expect_eq(n, 2);
	load(u, "context a\nip pool p range 10.0.0.1 10.0.0.2\n#exit\nsystem hostname h\n");
	cr_expect(cfg_equal(t, u));
	cfg_free(u);
}

static int carry_out(void *arg, const struct cfg_edit *e)
{
	cr_expect_geq(cfg_apply(arg, e), 0);
	return 0;
}

struct refused {
	unsigned n, line;
	char text[200];
};

static void last_refused(void *arg, unsigned lineno, const char *line, const char *error)
{
	struct refused *r = arg;

	r->n++;
	r->line = lineno;
	snprintf(r->text, sizeof(r->text), "%s", error);
}

static struct refused file(const char *text, bool stop)
{
	struct refused r = {0};

	cfg_free(t);
	t = cfg_new(g);
	cr_expect_eq(cli_load_text_until(t, NULL, text, stop, last_refused, &r), (int)r.n);
	return r;
}

Test(cfg_tree, a_file_goes_on_or_stops_at_a_wrong_line)
{
	static const char text[] = "config\nnonsense\ncontext one\n#exit\nmore nonsense\ncontext two\nend\n";
	struct refused r = file(text, false);

	cr_expect_eq(r.n, 2);
	cr_expect_eq(r.line, 5);
	cr_expect(cfg_find(t, "context=two"));
	r = file(text, true);
	cr_expect_eq(r.n, 1);
	cr_expect_eq(r.line, 2);
	cr_expect_not(cfg_find(t, "context=one"));
}

Test(cfg_tree, a_line_of_a_file_may_go_on_in_the_next)
{
	struct refused r = file(
	        "config\ncontext \\\n  one\n#exit\nbogus \\\n x \\\n y\nsystem \\\nhostname h\nend\n", false);

	cr_expect_eq(r.n, 1);
	cr_expect_eq(r.line, 5, "where the line begins");
	cr_expect(cfg_find(t, "context=one"));
	cr_expect(cfg_find(t, "system-hostname"));
	r = file("config\ncontext one \\", false);
	cr_expect_eq(r.n, 2, "the line, and no end");
	r = file("context one \\\n", false);
	cr_expect_eq(r.n, 1);
	cr_expect_str_eq(r.text, "Failure: The file ends in the middle of this line: it may be cut off");
	cr_expect_not(cfg_find(t, "context=one"));
}

/* What is shown may not be read as a line that goes on. */
Test(cfg_tree, a_value_that_ends_in_a_backslash_is_loaded_as_it_was)
{
	static const char *const text[] = {"\\", "a \\", "a\\", "a \"b\" \\", "\\\\"};

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		struct cfg_tree *u = cfg_new(g);
		struct cfg_args *a = cfg_args_new();
		struct cli_out_buf b;
		char *value;

		cfg_args_add(a, "text", text[i]);
		value = cfg_value_args(a, false);
		apply(CFG_SET, "banner-motd", value);
		cli_out_buf_init(&b);
		cfg_show(t, NULL, &b.out);
		load(u, b.text);
		cr_expect_str_eq(cfg_get(u, u->root, "banner-motd", "text"), text[i], "%s", b.text);
		cli_out_buf_free(&b);
		free(value);
		cfg_args_free(a);
		cfg_free(u);
	}
}

Test(cfg_tree, a_file_that_is_cut_off_is_noticed)
{
	struct refused r = file("config\ncontext one\n#exit\n", false);

	cr_expect_str_eq(r.text, "Failure: The file ends without end: it may be cut off");
	cr_expect(cfg_find(t, "context=one"));
	/* half a line may be a line with another value: it is not taken */
	r = file("config\ncontext one\ninterface i1\nmtu 57", false);
	cr_expect_str_eq(r.text, "Failure: The file ends without end: it may be cut off");
	r = file("config\ncontext one\ninterface i1\ndescription 57", false);
	cr_expect_eq(r.n, 2);
	cr_expect_not(cfg_find(t, "context=one/interface=i1/description"));
	cr_expect_eq(file("config\ncontext one\n#exit\nend", false).n, 0, "no newline after end");
	cr_expect_eq(file("context one\n#exit\ncontext two", false).n, 0, "typed lines have no end");
	cr_expect_eq(file("config\nend\n", false).n, 0);
	cr_expect_eq(file("", false).n, 0);
}

Test(cfg_tree, a_list_turned_round_is_found_different_and_made_the_same)
{
	struct cfg_tree *other = cfg_new(g), *way;
	struct cli_out_buf buf;

	cli_out_buf_init(&buf);
	for (int way_round = 0; way_round < 2; way_round++) {
		buf.len = 0;
		cli_out_put(&buf.out, "context c\nip access-list l\n");
		for (int i = 0; i < 256; i++)
			cli_out_printf(&buf.out, "permit ip host 10.0.%d.%d any\n",
			               (way_round ? 255 - i : i) / 250, (way_round ? 255 - i : i) % 250);
		load(way_round ? other : t, buf.text);
	}
	cli_out_buf_free(&buf);
	way = cfg_dup(t);
	cfg_diff(t, other, carry_out, way);
	cr_expect(cfg_equal(way, other));
	cfg_free(way);
	cfg_free(other);
}

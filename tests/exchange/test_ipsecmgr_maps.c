/* SPDX-License-Identifier: MIT */
/*
 * Crypto maps in ipsecmgr (ipsecmgr_maps.c and ipsecmgr_spd.c, compiled into the test): what is made of the
 * configuration; routing rules that choose exactly the packets the access lists choose, by a model of the
 * kernel's rules; and tunnels that packets set up, between two real engines.
 */
#include <criterion/criterion.h>

#include "cli/engine/cli.h"
#include "ike_world.h"
#include "tasks/ipsecmgr/ipsecmgr_change.c"
#include "tasks/ipsecmgr/ipsecmgr_closed.c"
#include "tasks/ipsecmgr/ipsecmgr_maps.c"
#include "tasks/ipsecmgr/ipsecmgr_spd.c"

struct ipsecmgr ipsecmgr;

static struct world *w;
static task_timer_cb timer;
static PolicyUpdate *told;
static task_reply_cb told_cb;

/* --- the world around it --- */

uint64_t ipsecmgr_engine_now(struct ipsecmgr *m)
{
	(void)m;
	return w->now;
}
void ipsecmgr_engine_rearm(struct ipsecmgr *m)
{
	(void)m;
}
bool ipsecmgr_engine_may_log(struct ipsecmgr *m)
{
	(void)m;
	return false;
}
bool ipsecmgr_cfg_map(const struct ipsecmgr_cert_env *e, const struct cfg_node *ctx,
                      const struct cfg_node *map, struct ipsecmgr_policy *p)
{
	(void)e, (void)ctx;
	p->pol.n_ike = p->pol.payload[0].n_esp = p->pol.payload[0].max_children = 1;
	snprintf(p->pol.payload[0].name, sizeof(p->pol.payload[0].name), "p");
	return cfg_first(map, "payload") != NULL;
}
void ipsecmgr_away_settle(struct ipsecmgr *m, const char *policy)
{
	(void)m, (void)policy;
}
bool ipsecmgr_secrets_same(const struct ipsecmgr_secrets *a, const struct ipsecmgr_secrets *b,
                           const struct ike_id *id)
{
	(void)id;
	return a == b; /* test_ipsecmgr_change.c has lists */
}
void ipsecmgr_cfg_free(struct ipsecmgr_policy *list)
{
	while (list) {
		struct ipsecmgr_policy *next = list->next;

		free(list->map);
		free(list);
		list = next;
	}
}
const struct ipsecmgr_policy *ipsecmgr_cfg_find(const struct ipsecmgr *m, const char *name)
{
	for (const struct ipsecmgr_policy *p = m->policies; p; p = p->next)
		if (!strcmp(p->pol.name, name))
			return p;
	return NULL;
}
void ipsecmgr_cfg_apply(struct ipsecmgr *m, const struct cfg_tree *tree)
{
	(void)m, (void)tree;
}
const struct cfg_tree *config_tree(struct task *t)
{
	(void)t;
	return NULL;
}
struct task_timer *task_timer_start(struct task *t, uint64_t ms, uint64_t repeat_ms, task_timer_cb cb,
                                    void *arg)
{
	(void)t, (void)ms, (void)repeat_ms, (void)arg;
	timer = cb;
	return (struct task_timer *)&timer;
}
void task_timer_stop(struct task_timer *tm)
{
	(void)tm;
	timer = NULL;
}
void task_watch_peers(struct task *t, const char *facility, task_peer_cb cb, void *arg)
{
	(void)t, (void)facility, (void)cb, (void)arg;
}
int task_request(struct task *t, const char *dst, Envelope *env, uint32_t deadline_ms, unsigned flags,
                 task_reply_cb cb, void *arg)
{
	size_t len = policy_update__get_packed_size(env->policy_update);
	uint8_t *buf = malloc(len);

	(void)t, (void)deadline_ms, (void)flags, (void)arg;
	cr_assert_str_eq(dst, "vpnmgr/2");
	policy_update__pack(env->policy_update, buf);
	if (told)
		policy_update__free_unpacked(told, NULL);
	told = policy_update__unpack(NULL, len, buf);
	told_cb = cb;
	free(buf);
	return 0;
}

/* --- configuration --- */

static char problems[4000];
static struct cli_grammar *grammar;
static struct cfg_tree *tree;

static void note_problem(void *arg, const char *text)
{
	size_t n = strlen(problems);

	(void)arg;
	snprintf(problems + n, sizeof(problems) - n, "%s\n", text);
}

static void failed(void *arg, unsigned lineno, const char *line, const char *error)
{
	(void)arg;
	cr_log_error("line %u: %s: %s", lineno, line, error);
}

/* The policies of every map that is named for this manager. */
static struct ipsecmgr_policy *build(const char *text, const char *const *ours)
{
	struct assigned a = {.n = 0};
	struct reader r = {.m = &ipsecmgr, .problem = note_problem, .closed_end = &r.closed};
	struct ipsecmgr_policy *list = NULL, **end = &list;
	char dir[512], err[512];

	if (!grammar)
		grammar = cli_grammar_load(cli_grammar_dir("/proc/self/exe", dir, sizeof(dir)), err,
		                           sizeof(err));
	cr_assert_not_null(grammar, "%s", err);
	cfg_free(tree);
	tree = cfg_new(grammar);
	cr_assert_eq(cli_load_text(tree, NULL, text, failed, NULL), 0);
	for (; *ours; ours++) {
		snprintf(a.v[a.n].ctx, sizeof(a.v[0].ctx), "a");
		snprintf(a.v[a.n++].name, sizeof(a.v[0].name), "%s", *ours);
	}
	problems[0] = 0;
	r.tree = tree;
	r.ctx = cfg_child(tree, tree->root, "context", "a");
	read_context(&r, &a, &end);
	ipsecmgr_closed_put(&ipsecmgr, r.closed);
	return list;
}

static void setup(void)
{
	w = w_new();
	ipsecmgr = (struct ipsecmgr){.maps_ctx = 2};
	timer = NULL;
}

static void teardown(void)
{
	ipsecmgr_cfg_free(ipsecmgr.policies);
	ipsecmgr_closed_put(&ipsecmgr, NULL);
	if (told)
		policy_update__free_unpacked(told, NULL);
	told = NULL;
	w_free(w);
	cfg_free(tree);
	tree = NULL;
	cli_grammar_free(grammar);
	grammar = NULL;
}

TestSuite(ipsecmgr_maps, .init = setup, .fini = teardown, .timeout = 120);

#define IFACE(name, addr, map)                                                                               \
	"interface " name "\nip address " addr " 255.255.255.0\ncrypto-map " map "\n#exit\n"
#define MAP(name, peer, acl)                                                                                 \
	"crypto map " name " ikev2-ipv4\npeer " peer "\nmatch address " acl                                  \
	"\npayload p match ipv4\n#exit\n#exit\n"

static const char *const both[] = {"m", "n", NULL};

Test(ipsecmgr_maps, a_policy_for_each_map)
{
	static const char text[] =
	        "config\ncontext a\n"
	        "ip access-list one\npermit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255\ndeny ip any host "
	        "10.9.0.1\n"
	        "permit udp any host 10.9.0.2 neq 53\n#exit\n"
	        "ip access-list two\npermit ip any any\n#exit\n" IFACE("i", "192.0.2.1", "m")
	                IFACE("j", "198.51.100.1", "n") MAP("m", "192.0.2.7", "one 5")
	                        MAP("n", "198.51.100.7", "two") "end\n";
	struct ipsecmgr_policy *p = build(text, both), *q;
	char a[64];

	ipsecmgr.policies = p;
	cr_assert_str_eq(problems, "");
	cr_assert(p && p->next && !p->next->next);
	q = p->next;
	cr_expect_str_eq(p->pol.name, "a/m");
	cr_expect_str_eq(p->template, "m");
	cr_expect_str_eq(net_addr_format(&p->pol.local, a, sizeof(a)), "192.0.2.1");
	cr_expect_str_eq(net_addr_format(&p->pol.peer, a, sizeof(a)), "192.0.2.7");
	cr_expect_eq(p->pol.n_payload, 2);
	cr_expect_str_eq(p->pol.payload[0].name, "p");
	cr_expect_str_eq(p->pol.payload[1].name, "p#2");
	cr_expect_str_eq(net_addr_format(&p->pol.payload[0].ts_local[0].hi, a, sizeof(a)), "10.1.255.255");
	cr_expect_eq(p->pol.payload[1].n_ts_remote, 2);
	cr_expect_eq(p->pol.payload[1].ts_remote[0].port_hi, 52);
	cr_expect_eq(p->pol.payload[1].ts_remote[1].port_lo, 54);
	cr_expect_not(p->pol.ask_session);
	cr_expect_eq(p->map->n_rules, 3);
	/* list two has preference 0: its rule comes before those of the other map */
	cr_expect_eq(q->map->rule[0].priority, VPN_SPD_FIRST);
	cr_expect_eq(p->map->rule[0].priority, VPN_SPD_FIRST + VPN_SPD_SLOTS + 1);
	cr_expect_eq(p->map->rule[1].end, VPN_SPD_FIRST + VPN_SPD_SLOTS + 1 + 3 * VPN_SPD_SLOTS);
}

/* Another manager's maps count for the order all the same. */
Test(ipsecmgr_maps, managers_agree_on_the_order)
{
	static const char text[] =
	        "config\ncontext a\nip access-list x\npermit ip any any\n#exit\n" IFACE("i", "192.0.2.1", "m")
	                IFACE("j", "198.51.100.1", "n") MAP("m", "192.0.2.7", "x")
	                        MAP("n", "198.51.100.7", "x") "end\n";
	static const char *const second[] = {"n", NULL};
	struct ipsecmgr_policy *all = build(text, both);
	uint32_t at = all->next->map->rule[0].priority;

	ipsecmgr_cfg_free(all);
	all = build(text, second);
	cr_assert(all && !all->next);
	cr_expect_eq(all->map->rule[0].priority, at);
	ipsecmgr.policies = all;
}

Test(ipsecmgr_maps, what_can_not_be_served_is_told)
{
	static const char text[] = "config\ncontext a\nip access-list none\ndeny ip any any\n#exit\n" IFACE(
	        "i", "192.0.2.1", "m") IFACE("j", "198.51.100.1", "n")
	        MAP("m", "192.0.2.7", "none") "crypto map n ikev2-ipv6\npeer 2001:db8::7\nmatch address "
	                                      "missing\npayload p match ipv6\n#exit\n#exit\nend\n";

	cr_assert_null(build(text, both));
	cr_expect_str_eq(problems,
	                 "context a crypto map m: its access lists permit nothing\n"
	                 "context a crypto map n: its peer, or the interface's address of the peer's family, "
	                 "is not configured\n"
	                 "context a crypto map n: access-list missing does not exist\n");
}

Test(ipsecmgr_maps, ipv6)
{
	static const char text[] =
	        "config\ncontext a\nipv6 access-list x\npermit tcp 2001:db8:1::/64 any eq 443\n#exit\n"
	        "interface i\nip address 192.0.2.1 255.255.255.0\nipv6 address 2001:db8::1/64\ncrypto-map "
	        "m\n#exit\n"
	        "crypto map m ikev2-ipv6\npeer 2001:db8::7\nmatch address x\npayload p match ipv6\nend\n";
	struct ipsecmgr_policy *p = ipsecmgr.policies = build(text, both);
	char a[64];

	cr_assert(p, "%s", problems);
	cr_expect_str_eq(net_addr_format(&p->pol.local, a, sizeof(a)), "2001:db8::1");
	cr_expect_str_eq(net_addr_format(&p->pol.payload[0].ts_local[0].hi, a, sizeof(a)),
	                 "2001:db8:1:0:ffff:ffff:ffff:ffff");
	cr_expect_str_eq(net_addr_format(&p->pol.payload[0].ts_remote[0].hi, a, sizeof(a)),
	                 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

/* --- more rules than child SAs --- */

static char many[8000];

/* A map whose list permits each pair of so many local and remote networks. */
static struct ipsecmgr_policy *crowd(unsigned local, unsigned remote, bool pairs)
{
	size_t n = (size_t)snprintf(many, sizeof(many), "config\ncontext a\nip access-list x\n");

	for (unsigned l = 0; l < local; l++)
		for (unsigned r = 0; r < remote; r++)
			if (!pairs || l == r)
				n += (size_t)snprintf(many + n, sizeof(many) - n,
				                      "permit ip 10.1.%u.0 0.0.0.255 10.2.%u.0 0.0.0.255\n",
				                      l, r);
	snprintf(many + n, sizeof(many) - n, "#exit\n%s%send\n", IFACE("i", "192.0.2.1", "m"),
	         MAP("m", "192.0.2.7", "x"));
	ipsecmgr_cfg_free(ipsecmgr.policies);
	ipsecmgr.policies = NULL;
	return ipsecmgr.policies = build(many, both);
}

/* Is exactly what the list permits in some child, and nothing else? */
static void check_crowd(const struct ipsecmgr_policy *p, unsigned local, unsigned remote, bool pairs)
{
	struct ipsecmgr_flow f = {.proto = 17};

	for (unsigned l = 0; l <= local; l++)
		for (unsigned r = 0; r <= remote; r++) {
			f.src = net_addr_v4(0x0a010001 + (l << 8));
			f.dst = net_addr_v4(0x0a020001 + (r << 8));
			cr_assert_eq(rule_of(p, &f) < p->pol.n_payload,
			             l < local && r < remote && (!pairs || l == r), "%u %u", l, r);
		}
}

Test(ipsecmgr_maps, rules_share_children_where_there_are_many)
{
	struct ipsecmgr_policy *p = crowd(1, 5, false);

	cr_assert_eq(p->pol.n_payload, 5, "five have one each");
	cr_assert_eq(p->pol.payload[4].max_children, 1);
	check_crowd(p, 1, 5, false);
	p = crowd(3, 4, false);
	cr_assert_str_eq(problems, "");
	cr_assert_eq(p->pol.n_payload, 3);
	cr_assert_eq(p->map->n_rules, 12);
	cr_assert_eq(p->pol.payload[0].n_ts_local, 1);
	cr_assert_eq(p->pol.payload[0].n_ts_remote, 4);
	cr_assert_eq(p->pol.payload[0].max_children, 4, "the peer may have a child for each");
	check_crowd(p, 3, 4, false);
	p = crowd(4, 5, false);
	cr_assert_eq(p->pol.n_payload, 5, "a side has four selectors at most");
	check_crowd(p, 4, 5, false);
}

Test(ipsecmgr_maps, rules_without_a_child_are_dropped)
{
	struct ipsecmgr_policy *p = crowd(7, 7, true);

	cr_assert_str_eq(problems,
	                 "context a crypto map m: its lists permit 7 times, more than five child SAs can "
	                 "carry; what 2 of these rules permit is dropped\n");
	cr_assert_eq(p->pol.n_payload, 5);
	cr_assert_eq(p->map->n_rules, 7, "they lead into the tunnel, where nothing carries them");
}

/* --- routing rules against the lists they are made of --- */

struct packet {
	uint32_t src, dst;
	uint8_t proto;
	uint16_t sport, dport;
};

static bool in_prefix(const ProtobufCBinaryData *b, uint32_t len, uint32_t a)
{
	uint32_t p;

	if (!len)
		return true;
	p = (uint32_t)b->data[0] << 24 | (uint32_t)b->data[1] << 16 | (uint32_t)b->data[2] << 8 | b->data[3];
	return !((p ^ a) >> (32 - len));
}

static bool fits(const PolicyUpdate__Rule *r, const struct packet *p)
{
	return !r->ipv6 && in_prefix(&r->src, r->src_len, p->src) && in_prefix(&r->dst, r->dst_len, p->dst) &&
	       (!r->proto || r->proto == p->proto) &&
	       (!r->sport_first || (p->sport >= r->sport_first && p->sport <= r->sport_last)) &&
	       (!r->dport_first || (p->dport >= r->dport_first && p->dport <= r->dport_last));
}

/* As the kernel: by priority, and the later ones of one priority behind. False: past all of them. */
static bool routed(const struct vpn_spd_rows *l, const struct packet *p)
{
	uint32_t at = 0, best;
	const PolicyUpdate__Rule *r;

	for (;;) {
		r = NULL;
		best = UINT32_MAX;
		for (size_t i = 0; i < l->n; i++)
			if (l->row[i].priority >= at && l->row[i].priority < best && fits(&l->row[i], p)) {
				best = l->row[i].priority;
				r = &l->row[i];
			}
		if (!r)
			return false;
		if (r->action == POLICY_UPDATE__ACTION__TUNNEL)
			return true;
		cr_assert(r->action != POLICY_UPDATE__ACTION__SKIP || r->target > r->priority);
		at = r->action == POLICY_UPDATE__ACTION__SKIP ? r->target : r->priority + 1;
	}
}

static bool port_fits(const struct vpn_acl_ports *p, uint16_t port)
{
	for (unsigned i = 0; i < p->n; i++)
		if (port >= p->lo[i] && port <= p->hi[i])
			return true;
	return false;
}

static uint32_t v4(const struct net_addr *a)
{
	return (uint32_t)a->bytes[0] << 24 | (uint32_t)a->bytes[1] << 16 | (uint32_t)a->bytes[2] << 8 |
	       a->bytes[3];
}

static bool acl_fits(const struct vpn_acl_rule *a, const struct packet *p)
{
	return (!a->src.len || !((v4(&a->src.addr) ^ p->src) >> (32 - a->src.len))) &&
	       (!a->dst.len || !((v4(&a->dst.addr) ^ p->dst) >> (32 - a->dst.len))) &&
	       (!a->proto || a->proto == p->proto) && port_fits(&a->sport, p->sport) &&
	       port_fits(&a->dport, p->dport);
}

/* The first rule of a list that fits counts; what it denies is left to the next list. */
static bool chosen(const struct ipsecmgr_map_state *map, const struct packet *p)
{
	uint32_t denied = 0;

	for (unsigned i = 0; i < map->n_rules; i++) {
		if (map->rule[i].end == denied || !acl_fits(&map->rule[i].acl, p))
			continue;
		if (map->rule[i].acl.permit)
			return true;
		denied = map->rule[i].end;
	}
	return false;
}

static uint32_t rnd(uint32_t n)
{
	return (uint32_t)(w_rand(&w->n[0]) >> 33) % n;
}

static struct vpn_acl_ports random_ports(void)
{
	uint16_t a = (uint16_t)(1 + rnd(6)), b = (uint16_t)(a + rnd(4));

	switch (rnd(6)) {
	case 0:
		return (struct vpn_acl_ports){.n = 1, .lo = {a}, .hi = {b}};
	case 1:
		return (struct vpn_acl_ports){.n = 1, .lo = {a}, .hi = {65535}};
	case 2:
		return (struct vpn_acl_ports){.n = 1, .lo = {0}, .hi = {a}};
	case 3:
		return (struct vpn_acl_ports){
		        .n = 2, .lo = {0, (uint16_t)(a + 1)}, .hi = {(uint16_t)(a - 1), 65535}};
	}
	return (struct vpn_acl_ports){.n = 1, .hi = {65535}};
}

Test(ipsecmgr_maps, routing_chooses_what_the_lists_choose)
{
	unsigned yes = 0, no = 0;

	for (unsigned round = 0; round < 300; round++) {
		struct ipsecmgr_map_state map = {.n_rules = 1 + rnd(7)};
		struct vpn_spd_rows l = {.n = 0}, back = {.n = 0};
		unsigned first = 1 + rnd(map.n_rules); /* rules of the first list; the second follows */

		for (unsigned i = 0; i < map.n_rules; i++) {
			bool second = i >= first;
			struct vpn_spd_rule *s = &map.rule[i];

			s->priority = VPN_SPD_FIRST + i * VPN_SPD_SLOTS + second;
			s->end = VPN_SPD_FIRST + (second ? map.n_rules : first) * VPN_SPD_SLOTS + second;
			s->acl = (struct vpn_acl_rule){.permit = rnd(3) != 0,
			                               .proto = (uint8_t[]){0, 6, 17, 1}[rnd(4)]};
			s->acl.src = (struct net_prefix){net_addr_v4(0x0a000000 + rnd(4)),
			                                 (uint8_t)(rnd(2)   ? 32
			                                           : rnd(2) ? 31
			                                                    : 0)};
			s->acl.dst = (struct net_prefix){net_addr_v4(0x0a000000 + rnd(4)),
			                                 (uint8_t)(rnd(2)   ? 32
			                                           : rnd(2) ? 31
			                                                    : 0)};
			net_addr_mask(&s->acl.src.addr, s->acl.src.len);
			net_addr_mask(&s->acl.dst.addr, s->acl.dst.len);
			s->acl.sport = s->acl.dport = (struct vpn_acl_ports){.n = 1, .hi = {65535}};
			if (s->acl.proto == 6 || s->acl.proto == 17) {
				s->acl.sport = random_ports();
				s->acl.dport = random_ports();
			}
		}
		put_map(&l, &map);
		put_clear(&back, &map);
		for (unsigned k = 0; k < 200; k++) {
			struct packet p = {0x0a000000 + rnd(4), 0x0a000000 + rnd(4),
			                   (uint8_t[]){6, 17, 1, 47}[rnd(4)], (uint16_t)(1 + rnd(10)),
			                   (uint16_t)(rnd(8) ? 1 + rnd(10) : 65534)};
			bool want_it = chosen(&map, &p);

			cr_assert_eq(routed(&l, &p), want_it, "round %u packet %u", round, k);
			p = (struct packet){p.dst, p.src, p.proto, p.dport, p.sport};
			cr_assert_eq(routed(&back, &p), want_it, "round %u packet %u in clear", round, k);
			yes += want_it;
			no += !want_it;
		}
		free(l.row);
		free(back.row);
	}
	cr_assert_gt(yes, 5000u);
	cr_assert_gt(no, 5000u);
}

/* --- tunnels --- */

static const char two_rules[] =
        "config\ncontext a\nip access-list x\npermit ip 172.16.0.0 0.0.0.255 172.17.0.0 0.0.0.255\n"
        "permit ip 172.16.1.0 0.0.0.255 172.17.1.0 0.0.0.255\n#exit\n" IFACE("i", "10.0.0.2", "m")
                MAP("m", "10.0.0.1", "x") "end\n";

/* Node 1 is the manager, node 0 its peer with the same lists turned round. */
static struct ipsecmgr_policy *face_to_face(void)
{
	struct ipsecmgr_policy *p = ipsecmgr.policies = build(two_rules, both);
	struct ike_policy mine = w->n[1].policy;

	cr_assert(p, "%s", problems);
	snprintf(mine.name, sizeof(mine.name), "%s", p->pol.name);
	mine.local = p->pol.local;
	mine.peer = p->pol.peer;
	mine.n_payload = p->pol.n_payload;
	mine.ctx_id = 1;
	for (unsigned i = 0; i < mine.n_payload; i++) {
		struct ike_payload *y = &mine.payload[i], *peers = &w->n[0].policy.payload[i];
		const struct ike_payload *x = &p->pol.payload[i];

		*y = w->n[1].policy.payload[0];
		snprintf(y->name, sizeof(y->name), "%s", x->name);
		y->n_ts_local = y->n_ts_remote = y->max_children = 1;
		y->ts_local[0] = x->ts_local[0];
		y->ts_remote[0] = x->ts_remote[0];
		*peers = *y;
		peers->ts_local[0] = x->ts_remote[0];
		peers->ts_remote[0] = x->ts_local[0];
	}
	w->n[0].policy.n_payload = mine.n_payload;
	p->ctx = 1;
	p->pol = w->n[1].policy = mine;
	w_boot(w);
	ipsecmgr.e = w->n[1].e;
	return p;
}

static void packet(const char *src, const char *dst)
{
	SaNotice n = SA_NOTICE__INIT;
	struct net_addr a, b;

	net_addr_parse(&a, src);
	net_addr_parse(&b, dst);
	n.ctx = 1;
	n.src = (ProtobufCBinaryData){4, a.bytes};
	n.dst = (ProtobufCBinaryData){4, b.bytes};
	n.proto = 1;
	ipsecmgr_maps_no_sa(&ipsecmgr, &n);
}

/* Let time pass, with events and the timer. */
static void pass(uint64_t us)
{
	static unsigned seen;
	uint64_t until = w->now + us;

	if (!w->n[1].events[IKE_EV_UP])
		seen = 0;
	while (w->now < until) {
		w_run(w, CHECK_MS * 1000);
		if (w->n[1].events[IKE_EV_UP] != seen) {
			seen = w->n[1].events[IKE_EV_UP];
			ipsecmgr_maps_event(&ipsecmgr, &w->n[1].last[IKE_EV_UP]);
		}
		if (timer)
			timer(NULL, &ipsecmgr);
	}
}

Test(ipsecmgr_maps, a_packet_sets_the_tunnel_up_with_all_its_children)
{
	struct ike_engine_stats st;

	face_to_face();
	packet("172.16.9.1", "172.17.0.1");
	packet("172.16.0.1", "172.17.1.1");
	w_run(w, W_US);
	cr_assert_eq(w->sent[1], 0, "packets of no rule set nothing up");
	packet("172.16.1.1", "172.17.1.1");
	packet("172.16.1.1", "172.17.1.1");
	packet("172.16.0.1", "172.17.0.1");
	ike_engine_stats_get(ipsecmgr.e, &st);
	cr_assert_eq(st.sas, 1, "one set-up for all of them");
	pass(20 * W_US);
	cr_assert_eq(w_established(&w->n[1]), 1);
	cr_assert_eq(w_matched(w), 2);
	cr_expect_null(timer, "nothing is left to do");
	/* a child that is gone is asked for again by its packets, not more often than every five seconds */
	for (unsigned i = 0; i < W_CHILDREN; i++)
		if (w->n[1].child[i].live && w->n[1].child[i].tsl.lo.bytes[2] == 1)
			ike_engine_delete_child(ipsecmgr.e, w->now, w->n[1].child[i].in);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 1);
	w_run(w, 5 * W_US);
	packet("172.16.1.1", "172.17.1.1");
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 2);
}

Test(ipsecmgr_maps, a_dead_peer_is_tried_again_by_the_next_packet)
{
	struct ike_engine_stats st;

	face_to_face();
	w_kill(&w->n[0]);
	packet("172.16.0.1", "172.17.0.1");
	w_run(w, 100 * W_US);
	ike_engine_stats_get(ipsecmgr.e, &st);
	cr_assert_eq(st.sas, 0);
	cr_assert_eq(w->n[1].events[IKE_EV_SETUP_FAILED], 1);
	w_start(&w->n[0]);
	packet("172.16.0.1", "172.17.0.1");
	pass(2 * W_US);
	cr_assert_eq(w_matched(w), 2);
}

/* Both begin at once: one of the two tunnels stays. */
Test(ipsecmgr_maps, of_two_tunnels_one_stays)
{
	struct ike_initiate i = {.policy = "tmpl", .path = w_path(500)};
	struct net_endpoint local = i.path.local;

	face_to_face();
	i.path.local = i.path.remote;
	i.path.remote = local;
	cr_assert_eq(ike_engine_initiate(w->n[0].e, w->now, &i, NULL), 0);
	packet("172.16.0.1", "172.17.0.1");
	w_run(w, 100000);
	cr_assert_eq(w_established(&w->n[1]), 2);
	pass(6 * W_US);
	cr_assert_eq(w_established(&w->n[1]), 1);
	cr_assert_eq(w_established(&w->n[0]), 1);
	cr_assert_eq(w_matched(w), 2);
}

/* The peer has lost everything and begins anew: its tunnel counts, whoever has the greater address. */
Test(ipsecmgr_maps, a_peer_that_forgot_us_is_not_sent_away)
{
	struct ike_initiate i = {.policy = "tmpl", .path = w_path(500)};
	struct net_endpoint local = i.path.local;
	struct ike_sa_view v;
	uint64_t old;

	face_to_face();
	packet("172.16.0.1", "172.17.0.1");
	pass(10 * W_US);
	cr_assert_eq(w_matched(w), 2);
	cr_assert(w_sa(&w->n[1], &v));
	old = v.spi;
	w_kill(&w->n[0]);
	w_forget(&w->n[0]);
	w_start(&w->n[0]);
	i.path.local = i.path.remote;
	i.path.remote = local;
	cr_assert_eq(ike_engine_initiate(w->n[0].e, w->now, &i, NULL), 0);
	pass(6 * W_US);
	cr_assert(w_sa(&w->n[0], &v));
	pass(60 * W_US);
	cr_assert_eq(w_established(&w->n[1]), 1);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_neq(v.spi, old);
	cr_assert_eq(w_matched(w), 2);
}

/* A changed map: what is up stays and gets nothing new until it is cleared (chapter 6), or ends (chapter 7).
 */
Test(ipsecmgr_maps, a_change_waits_or_ends_the_tunnel)
{
	struct ipsecmgr_policy *p = face_to_face();
	struct ike_policy was = p->pol;
	struct ike_sa_view v;

	packet("172.16.0.1", "172.17.0.1");
	pass(2 * W_US);
	cr_assert_eq(w_matched(w), 2);
	p->pol.payload[1].ts_remote[0].hi.bytes[3] = 127;
	ipsecmgr_change_map(&ipsecmgr, tree, p, &was, false);
	cr_assert_eq(ike_engine_policy_put(ipsecmgr.e, &p->pol), 0);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 2);
	cr_assert(w_sa(&w->n[1], &v));
	cr_expect(v.outdated);
	cr_assert_eq(ike_engine_delete_ike(ipsecmgr.e, w->now, v.spi), 0);
	w_run(w, W_US);
	packet("172.16.0.1", "172.17.0.1");
	pass(2 * W_US);
	cr_assert_eq(w_matched(w), 2);
	cr_assert(w_sa(&w->n[1], &v));
	cr_expect_not(v.outdated);

	ipsecmgr_cfg_free(build("config\nikesa delete on-mismatch\ncontext a\nend\n", both));
	was = p->pol;
	p->pol.dpd_interval_s = 77;
	ipsecmgr_change_map(&ipsecmgr, tree, p, &was, false);
	cr_assert_eq(ike_engine_policy_put(ipsecmgr.e, &p->pol), 0);
	w_run(w, W_US);
	cr_assert_eq(w_established(&w->n[1]), 1, "a timer is not critical");
	was = p->pol;
	p->pol.psk[0] ^= 1;
	ipsecmgr_change_map(&ipsecmgr, tree, p, &was, false);
	cr_assert_eq(ike_engine_policy_put(ipsecmgr.e, &p->pol), 0);
	w_run(w, W_US);
	cr_assert_eq(w_established(&w->n[1]), 0);
	cr_assert_eq(w_established(&w->n[0]), 0, "the peer was told");
}

/* --- what chapter 7 calls critical --- */

static void of_ike(struct ike_policy *p)
{
	p->ike[0].encr_bits ^= 384;
}
static void of_ike_group(struct ike_policy *p)
{
	p->ike[0].dh++;
}
static void less_sets(struct ike_policy *p)
{
	p->n_ike--;
}
static void of_esp(struct ike_policy *p)
{
	p->payload[0].esp[0].integ++;
}
static void less_esp(struct ike_policy *p)
{
	p->payload[0].n_esp--;
}
static void local_by_certificate(struct ike_policy *p)
{
	p->auth[0].local_cert = true;
}
static void remote_by_certificate(struct ike_policy *p)
{
	p->auth[0].remote_cert = true;
}
static void one_way_more(struct ike_policy *p)
{
	p->n_auth++;
}
static void remote_key(struct ike_policy *p)
{
	p->psk[3] ^= 1;
}
static void local_key(struct ike_policy *p)
{
	p->psk_local_len++;
}
static void own_certificate(struct ike_policy *p)
{
	p->own = (struct pki_own *)(uintptr_t)16;
}
static void authorities(struct ike_policy *p)
{
	p->trust = (struct pki_trust *)(uintptr_t)16; /* CA certificates and revocation lists */
}
static void peer(struct ike_policy *p)
{
	p->peer.bytes[3]++;
}
static void rule_more(struct ike_policy *p)
{
	p->n_payload++;
}
static void rule_other(struct ike_policy *p)
{
	p->payload[0].ts_remote[0].port_lo = 7;
}
static void lifetime(struct ike_policy *p)
{
	p->ike_lifetime_s++;
	p->payload[0].lifetime_s++;
}
static void detection(struct ike_policy *p)
{
	p->dpd_interval_s++;
	p->max_retrans++;
}

Test(ipsecmgr_maps, what_is_critical)
{
	static const struct {
		void (*change)(struct ike_policy *p);
		bool critical;
	} rows[] = {
	        {of_ike, true},
	        {of_ike_group, true},
	        {less_sets, true},
	        {of_esp, true},
	        {less_esp, true},
	        {local_by_certificate, true},
	        {one_way_more, true},
	        {remote_by_certificate, true},
	        {remote_key, true},
	        {local_key, true},
	        {own_certificate, true},
	        {authorities, true},
	        {peer, true},
	        {rule_more, true},
	        {rule_other, true},
	        {lifetime, false},
	        {detection, false},
	};
	struct ike_policy was = w->n[0].policy, now;

	was.n_payload = was.n_auth = 1;
	was.payload[0].n_ts_remote = 1;
	cr_assert_not(critical(&was, &was));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		now = was;
		rows[i].change(&now);
		cr_expect_eq(critical(&now, &was), rows[i].critical, "row %zu", i);
	}
}

/* A rule that is added or deleted, whatever it does; not one of another list, nor the order of maps. */
Test(ipsecmgr_maps, rules_added_and_deleted)
{
	static const struct {
		const char *rules, *others;
		bool changed;
	} rows[] = {
	        {"permit ip 10.1.0.0 0.0.255.255 any\n", "permit ip any any\n", false},
	        {"permit ip 10.1.0.0 0.0.255.255 any\n", "deny ip any any\npermit ip any any\n", false},
	        {"deny ip any host 10.9.0.1\npermit ip 10.1.0.0 0.0.255.255 any\n", "permit ip any any\n",
	         true},
	        {"permit ip 10.1.0.0 0.0.255.255 any\n", "permit ip any any\n", true},
	        {"permit ip 10.1.0.0 0.0.255.255 any\npermit udp any any\n", "permit ip any any\n", true},
	        {"permit ip 10.1.0.0 0.0.255.255 any\npermit udp any any eq 7\n", "permit ip any any\n",
	         true},
	};
	char text[2000];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipsecmgr_policy *p;

		snprintf(text, sizeof(text),
		         "config\ncontext a\nip access-list x\n%s#exit\nip access-list "
		         "y\n%s#exit\n%s%s%s%send\n",
		         rows[i].rules, rows[i].others, IFACE("i", "192.0.2.1", "m"),
		         IFACE("j", "198.51.100.1", "n"), MAP("m", "192.0.2.7", "x 9"),
		         MAP("n", "198.51.100.7", "y"));
		p = build(text, both);
		cr_expect_eq(ipsecmgr_maps_rules_changed(p), rows[i].changed, "row %zu", i);
		ipsecmgr_cfg_free(ipsecmgr.policies);
		ipsecmgr.policies = p;
	}
}

/* A list that is gone from the map, or gone altogether, and a peer that is: the map is none any more, and
 * whoever has its policies ends its tunnels. */
Test(ipsecmgr_maps, without_list_or_peer_there_is_no_map)
{
	static const char *const without[] = {
	        "match address x\n",
	        "match address gone\npeer 192.0.2.7\n",
	        "peer 192.0.2.7\n",
	};
	char text[2000];

	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++) {
		snprintf(text, sizeof(text),
		         "config\ncontext a\nip access-list x\npermit ip any any\n#exit\n%s"
		         "crypto map m ikev2-ipv4\n%spayload p match ipv4\n#exit\n#exit\nend\n",
		         IFACE("i", "192.0.2.1", "m"), without[i]);
		cr_expect_null(build(text, both), "row %zu", i);
	}
}

/* A map that can't be used protects all the same: what its lists permit leads into the TUN, where nothing
 * carries it. */
Test(ipsecmgr_maps, what_a_map_that_can_not_be_used_permits_is_dropped)
{
	static const char text[] =
	        "config\ncontext a\nip access-list x\ndeny ip any host 10.9.0.1\npermit ip 10.1.0.0 "
	        "0.0.255.255 10.9.0.0 0.0.255.255\npermit udp any host 10.8.0.1 eq 53\n#exit\n" IFACE(
	                "i", "192.0.2.1", "m")
	                IFACE("j", "198.51.100.1", "n") "crypto map m ikev2-ipv4\npeer 192.0.2.7\nmatch "
	                                                "address x\n#exit\n" MAP("n", "198.51.100.7",
	                                                                         "missing") "end\n";
	static struct task t = {.instance = PLACE_MAP_FIRST};
	struct ipsecmgr_policy *closed;
	unsigned tunnels = 0;

	cr_assert_null(build(text, both));
	closed = ipsecmgr.maps_closed;
	cr_assert(closed && closed->next && !closed->next->next);
	cr_expect_eq(closed->map->n_rules, 3);
	cr_expect_str_eq(closed->next->map->why,
	                 "access-list missing does not exist; its access lists permit nothing");
	cr_expect_eq(closed->next->map->n_rules, 0, "nobody knows what it would permit");
	w_boot(w);
	ipsecmgr.t = &t;
	ipsecmgr.e = w->n[1].e;
	ipsecmgr_maps_policies(&ipsecmgr);
	cr_assert(told);
	for (size_t i = 0; i < told->n_rules; i++)
		tunnels += told->rules[i]->action == POLICY_UPDATE__ACTION__TUNNEL;
	cr_expect_eq(tunnels, 4, "two that permit, both ways");
	closed->ctx = 1;
	packet("10.1.2.3", "10.9.0.2");
	packet("10.9.0.2", "10.1.2.3");
	cr_expect_eq(closed->map->dropped, 2);
	packet("10.1.2.3", "10.9.0.1");
	packet("10.2.2.3", "10.9.0.2");
	packet("10.2.2.3", "10.8.0.1");
	cr_expect_eq(closed->map->dropped, 2, "these are not the map's");
	/* as long as the map is on an interface */
	cr_assert_null(build("config\ncontext a\nend\n", both));
	cr_assert_null(ipsecmgr.maps_closed);
	told_cb(&t, &ipsecmgr, 0, NULL);
	ipsecmgr_maps_policies(&ipsecmgr);
	cr_expect_eq(told->n_rules, 0);
	ipsecmgr.t = NULL;
}

/* Everything is told again when it was not heard, and nothing once the chassis serves no more. */
Test(ipsecmgr_maps, policies_are_told_until_they_are_heard)
{
	static struct task t = {.instance = PLACE_MAP_FIRST};

	face_to_face();
	ipsecmgr.t = &t;
	ipsecmgr_maps_policies(&ipsecmgr);
	cr_assert(told);
	cr_expect_eq(told->instance, (uint32_t)PLACE_MAP_FIRST);
	cr_expect_eq(told->n_rules, 2 + 2 + 4, "both ways, and for both families the way past the second");
	cr_expect_eq(told->rules[0]->action, POLICY_UPDATE__ACTION__TUNNEL);
	told_cb(&t, &ipsecmgr, -ETIMEDOUT, NULL);
	cr_assert(timer, "it is tried again");
	timer(&t, &ipsecmgr);
	told_cb(&t, &ipsecmgr, 0, NULL);
	cr_assert_null(timer);
	ipsecmgr.e = NULL;
	ipsecmgr.srp_known = true;
	ipsecmgr_maps_policies(&ipsecmgr);
	cr_expect_eq(told->n_rules, 0);
	ipsecmgr.t = NULL;
}

/* What the one before us had led into its TUN goes on doing so until we know what we serve. */
Test(ipsecmgr_maps, a_manager_that_begins_takes_nothing_away)
{
	static struct task t = {.instance = PLACE_MAP_FIRST};

	ipsecmgr.t = &t;
	ipsecmgr_maps_policies(&ipsecmgr);
	cr_expect_null(told, "whether the chassis serves is not known");
	ipsecmgr.srp_known = ipsecmgr.serving = true;
	ipsecmgr_maps_policies(&ipsecmgr);
	cr_expect_null(told, "nothing is restored yet");
	ipsecmgr.serving = false;
	ipsecmgr_maps_policies(&ipsecmgr);
	cr_assert(told);
	cr_expect_eq(told->n_rules, 0, "it is the other chassis that serves");
	ipsecmgr.t = NULL;
}

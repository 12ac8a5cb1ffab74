/* SPDX-License-Identifier: MIT */
/*
 * Crypto maps in ipsecmgr, for test_ipsecmgr_maps.c and test_ipsecmgr_spd.c: ipsecmgr_maps.c and what belongs
 * to it compiled in, the world around it, maps from a configuration, and two real engines face to face.
 */
#ifndef TESTS_IPSECMGR_MAPS_RIG_H
#define TESTS_IPSECMGR_MAPS_RIG_H

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

static inline void note_problem(void *arg, const char *text)
{
	size_t n = strlen(problems);

	(void)arg;
	snprintf(problems + n, sizeof(problems) - n, "%s\n", text);
}

static inline void failed(void *arg, unsigned lineno, const char *line, const char *error)
{
	(void)arg;
	cr_log_error("line %u: %s: %s", lineno, line, error);
}

/* The policies of every map that is named for this manager. */
static inline struct ipsecmgr_policy *build(const char *text, const char *const *ours)
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

static inline void setup(void)
{
	w = w_new();
	ipsecmgr = (struct ipsecmgr){.maps_ctx = 2};
	timer = NULL;
}

static inline void teardown(void)
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

#define IFACE(name, addr, map)                                                                               \
	"interface " name "\nip address " addr " 255.255.255.0\ncrypto-map " map "\n#exit\n"
#define MAP(name, peer, acl)                                                                                 \
	"crypto map " name " ikev2-ipv4\npeer " peer "\nmatch address " acl                                  \
	"\npayload p match ipv4\n#exit\n#exit\n"

static const char *const both[] = {"m", "n", NULL};

/* --- tunnels --- */

static const char two_rules[] =
        "config\ncontext a\nip access-list x\npermit ip 172.16.0.0 0.0.0.255 172.17.0.0 0.0.0.255\n"
        "permit ip 172.16.1.0 0.0.0.255 172.17.1.0 0.0.0.255\n#exit\n" IFACE("i", "10.0.0.2", "m")
                MAP("m", "10.0.0.1", "x") "end\n";

/* Node 1 is the manager, node 0 its peer with the same lists turned round. */
static inline struct ipsecmgr_policy *face_to_face(void)
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

static inline void packet(const char *src, const char *dst)
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
static inline void pass(uint64_t us)
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

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Life of a sessmgr: warm in init(), then activation, configuration (names of contexts, name servers) and
 * redundancy state, and the timers. Entry points: sessmgr_cfg_init(), sessmgr_cfg_start().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "sessmgr.h"
#include "vpn/vpn_apn.h"
#include "vpn/vpn_context.h"

uint32_t sessmgr_cfg_sender(const struct bus_msg *m)
{
	const char *slash = strchr(m->src, '/');

	return slash ? (uint32_t)strtoul(slash + 1, NULL, 10) : 0;
}

const char *sessmgr_cfg_context(const struct sessmgr *s, uint32_t ctx)
{
	const char *name = vpn_context_name(config_tree(s->t), ctx);

	return name ? name : "?";
}

unsigned sessmgr_cfg_dns(const struct sessmgr *s, uint32_t ctx, struct net_addr dns[2])
{
	static const char *const which[] = {"primary", "secondary"};
	const struct cfg_tree *tree = config_tree(s->t);
	const struct cfg_node *n = vpn_context_node(tree, ctx), *sub, *d;
	unsigned k = 0;

	sub = n ? cfg_child(tree, n, "subscriber-default", NULL) : NULL;
	for (unsigned i = 0; sub && i < 2; i++) {
		d = cfg_child(tree, sub, "dns", which[i]);
		if (d && !d->negated && cfg_arg(d, "address") &&
		    !net_addr_parse(&dns[k], cfg_arg(d, "address")))
			k++;
	}
	return k;
}

unsigned sessmgr_cfg_pcscf(const struct sessmgr *s, uint32_t ctx, const char *apn, struct net_addr *out)
{
	const struct cfg_tree *tree = config_tree(s->t);
	const struct cfg_node *n = apn[0] ? vpn_context_node(tree, ctx) : NULL;

	return n ? vpn_apn_pcscf(tree, n, apn, out) : 0;
}

uint32_t sessmgr_cfg_sessions(struct task *t)
{
	return sessmgr.table ? session_count(sessmgr.table) : 0;
}

/* --- timers
 * --------------------------------------------------------------------------------------------------- */

static void audit_cb(struct task *t, void *arg)
{
	struct sessmgr *s = arg;

	if (s->serving)
		sessmgr_recover_audit(s);
}

static void soon_cb(struct task *t, void *arg)
{
	struct sessmgr *s = arg;

	if (s->audits_soon) {
		if (!s->audit) { /* else the one under way may have asked too early */
			s->audits_soon--;
			audit_cb(t, s);
		}
		return;
	}
	task_timer_stop(s->soon);
	s->soon = NULL;
}

void sessmgr_cfg_audit_soon(struct sessmgr *s)
{
	s->audits_soon = 2;
	if (!s->soon)
		s->soon = task_timer_start(s->t, SESSMGR_SOON_MS, SESSMGR_SOON_MS, soon_cb, s);
}

/* An ipsecmgr that died between its transaction and the word about it: a call may have ended. */
static void ipsecmgr_changed(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	struct sessmgr *s = arg;

	if (!up)
		return;
	sessmgr_call_orphans(s, (uint32_t)strtoul(strchr(addr, '/') + 1, NULL, 10));
	if (s->serving && session_count(s->table))
		sessmgr_cfg_audit_soon(s);
}

static void tell_load(struct sessmgr *s)
{
	struct task *t = s->t;
	Envelope env = ENVELOPE__INIT;
	ManagerLoad l = MANAGER_LOAD__INIT;
	uint32_t now = session_count(s->table);

	l.facility = (char *)"sessmgr";
	l.instance = t->instance;
	l.sessions = now;
	l.limit = SESSION_LIMIT;
	l.ready = t->ready && s->serving;
	env.body_case = ENVELOPE__BODY_MANAGER_LOAD;
	env.manager_load = &l;
	if (task_send(t, "sessctrl/0", &env))
		return;
	s->load_sent = now;
	s->load_age = 0;
}

static void load_cb(struct task *t, void *arg)
{
	struct sessmgr *s = arg;

	task_timer_stop(s->load_timer);
	s->load_timer = NULL;
	if (session_count(s->table) != s->load_sent)
		tell_load(s);
}

/* Not with every call: once a second while they come and go. */
void sessmgr_cfg_load_soon(struct sessmgr *s)
{
	if (!s->load_timer && s->t->ready)
		s->load_timer = task_timer_start(s->t, SESSMGR_LOAD_MS, 0, load_cb, s);
}

static void sweep_cb(struct task *t, void *arg)
{
	struct sessmgr *s = arg;

	if (++s->load_age >= SESSMGR_LOAD_AGE && s->t->ready)
		tell_load(s);
	if (!s->serving)
		return;
	sessmgr_call_sweep(s);
	sessmgr_pool_sweep(s);
}

/* A new one knows nothing of us. */
static void sessctrl_changed(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	struct sessmgr *s = arg;

	if (up && s->t->ready)
		tell_load(s);
}

/* --- state
 * ---------------------------------------------------------------------------------------------------- */

static void config_changed(struct task *t, const struct cfg_tree *tree, void *arg)
{
	/* The tree is asked when a name is needed; nothing is kept. */
}

/* Only now do our counters take the place of a predecessor's, which say how many calls there are. */
static void count(struct sessmgr *s)
{
	if (s->counters)
		return;
	s->counters = counters_create(s->t->run_dir, s->t->card, "sessmgr", s->t->instance, 0);
	if (!s->counters)
		LOG(EV_SYSCALL, "no counters: %s", strerror(errno));
}

static void recovered(struct sessmgr *s)
{
	sessmgr_limit_release(s);
	task_ready(s->t, s->recovered);
	tell_load(s);
}

static void srp_changed(struct task *t, bool serving, uint64_t epoch, void *arg)
{
	struct sessmgr *s = arg;
	bool first = !s->srp_known;

	count(s);
	s->epoch = epoch;
	s->srp_known = true;
	if (!first && serving == s->serving)
		return;
	s->serving = serving;
	s->gen++;
	if (serving) {
		sessmgr_limit_reserve(s);
		sessmgr_recover_all(s, recovered);
		return;
	}
	s->after_failure = false;
	sessmgr_recover_drop(s);
	s->recovered = 0;
	recovered(s);
}

int sessmgr_cfg_init(struct task *t)
{
	struct sessmgr *s = &sessmgr;

	s->t = t;
	t->data = s;
	s->ckpt = ckpt_new(t);
	s->store = store_open_reader(t->state_dir, STORE_STATE);
	s->leases = lease_set_new();
	s->table = session_table_new(0, random_u32(), sessmgr_count_changed, s);
	return s->ckpt && s->store && s->leases && s->table ? 0 : -ENOMEM;
}

int sessmgr_cfg_start(struct task *t, const char *reason)
{
	struct sessmgr *s = &sessmgr;
	int err;

	if (t->instance > SESSION_INSTANCE_MAX) {
		LOG(EV_TASK_FAILED, "instance %u is above %u", t->instance, SESSION_INSTANCE_MAX);
		return -EINVAL;
	}
	s->activated_us = clock_now_us();
	s->after_failure = true; /* when there are rows of ours, somebody wrote them before us */
	session_table_rename(s->table, t->instance, random_u32());
	sessmgr_crr_start(s);
	task_timer_start(t, SESSMGR_SWEEP_MS, SESSMGR_SWEEP_MS, sweep_cb, s);
	task_timer_start(t, SESSMGR_AUDIT_MS, SESSMGR_AUDIT_MS, audit_cb, s);
	task_watch_peers(t, "ipsecmgr", ipsecmgr_changed, s);
	task_watch_peers(t, "sessctrl", sessctrl_changed, s);
	err = config_watch_start(t, config_changed, s);
	return err ? err : srp_watch_start(t, srp_changed, s);
}

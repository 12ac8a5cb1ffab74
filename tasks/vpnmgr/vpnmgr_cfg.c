/* SPDX-License-Identifier: MIT */
/*
 * What shall be: enters the context's namespace, follows configuration and redundancy state, and starts the
 * work when either changed. Ready when both are known, the rows are read and the kernel was reconciled once.
 * Entry point: vpnmgr_cfg_start().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "chassis/fabric.h"
#include "net/ns.h"
#include "vpnmgr.h"

#define REREAD_MS 500

static void problem(void *arg, const char *text)
{
	vpnmgr_net_problem(arg, "%s", text);
}

static void reread(struct task *t, void *arg);

/*
 * Take everything from the rows: at the start, and when this chassis begins to serve. Rows that can't be read
 * are not rows that are gone: until they can, nothing is given out that may be taken, and no route of theirs
 * is removed.
 */
static uint32_t load_rows(struct vpnmgr *v)
{
	uint32_t n = 0;
	int err = 0;

	vpnmgr_pool_clear(v);
	vpnmgr_flow_clear(v);
	vpnmgr_pool_define(v);
	if (v->serving)
		err = vpnmgr_pool_restore(v, &n);
	if (v->serving && !err)
		err = vpnmgr_flow_restore(v);
	if (err && !v->unread)
		LOG(EV_STORE_ERROR, "context %s: chunks and flows cannot be read: %s; tried again",
		    v->cfg.name, strerror(-err));
	v->unread = err != 0;
	if (err && !v->reread)
		v->reread = task_timer_start(v->t, REREAD_MS, 0, reread, v);
	return n + (uint32_t)v->n_flows;
}

static void begin(struct vpnmgr *v)
{
	uint32_t n;

	if (!v->cfg_known || !v->srp_known || v->t->ready)
		return;
	n = load_rows(v);
	vpnmgr_net_reconcile(v);
	if (v->unread)
		return;
	LOG(EV_VPN_CONTEXT,
	    "context %s (%u): %u interfaces, %u static routes, %u pools, %u chunks and flows restored, %s",
	    v->cfg.name, v->ctx, v->cfg.n_ifs, v->cfg.n_routes, v->cfg.n_pools, n,
	    v->serving ? "serving" : "standby");
	task_ready(v->t, n);
}

static void reread(struct task *t, void *arg)
{
	struct vpnmgr *v = arg;
	struct store_reader *fresh = store_open_reader(t->state_dir, STORE_STATE);

	task_timer_stop(v->reread);
	v->reread = NULL;
	if (fresh) {
		store_close_reader(v->store);
		v->store = fresh;
	}
	if (!t->ready) {
		begin(v);
	} else if (v->unread) {
		load_rows(v);
		vpnmgr_net_reconcile(v);
	}
}

static void config_changed(struct task *t, const struct cfg_tree *tree, void *arg)
{
	struct vpnmgr *v = arg;
	struct vpn_cfg old = v->cfg, fresh = {0};
	struct vpnmgr_if *ifs;

	v->problems[0] = 0;
	if (vpn_cfg_read(&fresh, tree, v->ctx, problem, v)) {
		LOG(EV_NO_MEMORY, "context %u: the configuration does not fit into memory", v->ctx);
		return;
	}
	ifs = calloc(fresh.n_ifs + 1, sizeof(*ifs));
	if (!ifs) {
		vpn_cfg_free(&fresh);
		return;
	}
	free(v->ifs);
	v->ifs = ifs;
	v->cfg = fresh;
	v->cfg_known = true;
	vpnmgr_net_release(v, &old, tree);
	vpn_cfg_free(&old);
	vpnmgr_pool_define(v);
	v->unguarded = !vpnmgr_guard(v, tree);
	vpnmgr_net_report(v, EV_CFG_ERROR, v->problems_cfg);
	if (t->ready)
		vpnmgr_net_reconcile(v);
	else
		begin(v);
}

static void srp_changed(struct task *t, bool serving, uint64_t epoch, void *arg)
{
	struct vpnmgr *v = arg;
	bool change = v->serving != serving;

	v->epoch = epoch;
	v->serving = serving;
	v->srp_known = true;
	if (!t->ready) {
		begin(v);
		return;
	}
	if (!change)
		return;
	LOG(EV_VPN_ADDRESS, "context %s: this chassis %s, epoch %llu", v->cfg.name,
	    serving ? "serves now" : "does not serve any more", (unsigned long long)epoch);
	v->gen++;
	load_rows(v);
	vpnmgr_net_reconcile(v);
	if (serving)
		vpnmgr_garp_start(v);
	else
		vpnmgr_garp_stop(v);
}

int vpnmgr_cfg_start(struct task *t, const char *reason)
{
	struct vpnmgr *v = &vpnmgr;
	int ns = -1, err = fabric_context(t, t->instance, &ns);

	v->t = t;
	v->ctx = t->instance;
	t->data = v;
	if (!err) {
		err = ns_enter(ns);
		close(ns);
	}
	if (err) {
		LOG(EV_VPN_NETLINK, "context %u has no namespace: %s", v->ctx, strerror(-err));
		return err;
	}
	v->nl = nl_new(-1, &err);
	if (!v->nl)
		return err;
	v->lo = nl_link_index(v->nl, "lo");
	v->ckpt = ckpt_new(t);
	v->store = store_open_reader(t->state_dir, STORE_STATE);
	v->pools = pool_set_new();
	if (!v->ckpt || !v->store || !v->pools)
		return -ENOMEM;
	err = config_watch_start(t, config_changed, v);
	return err ? err : srp_watch_start(t, srp_changed, v);
}

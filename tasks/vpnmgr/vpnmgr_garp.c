/* SPDX-License-Identifier: MIT */
/*
 * Announcing addresses that were put on: at once and twice more, a second apart. srp-activate ones after a
 * take-over, from the port whose subnet holds them (a loopback address that no subnet holds: from every
 * port); those of the ports too, because after a reboot neighbours still send to the MACs of before. Entry
 * point: vpnmgr_garp_start().
 */
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "net/garp.h"
#include "vpnmgr.h"

#define ROUNDS      3
#define INTERVAL_MS 1000

static void add(struct vpnmgr *v, const struct net_addr *a, int ifindex)
{
	struct vpnmgr_announce *n;

	if (ifindex <= 0)
		return;
	n = realloc(v->announce, (v->n_announce + 1) * sizeof(*n));
	if (!n)
		return;
	v->announce = n;
	n[v->n_announce++] = (struct vpnmgr_announce){*a, ifindex};
}

static void collect(struct vpnmgr *v, const struct net_addr *a)
{
	const struct vpn_if *on = vpn_cfg_if_of(&v->cfg, a);

	for (unsigned i = 0; i < v->cfg.n_ifs; i++)
		if (!v->cfg.ifs[i].loopback && v->ifs[i].up && (!on || on == &v->cfg.ifs[i]))
			add(v, a, v->ifs[i].ifindex);
}

static void send_all(struct vpnmgr *v)
{
	char text[NET_ADDR_STRLEN];

	for (unsigned i = 0; i < v->n_announce; i++) {
		int err = garp_send(v->announce[i].ifindex, &v->announce[i].addr);

		if (err)
			LOG(EV_VPN_NETLINK, "context %s: %s cannot be announced: %s", v->cfg.name,
			    net_addr_format(&v->announce[i].addr, text, sizeof(text)), strerror(-err));
	}
}

static void again(struct task *t, void *arg)
{
	struct vpnmgr *v = arg;

	send_all(v);
	if (++v->rounds >= ROUNDS)
		vpnmgr_garp_stop(v);
}

void vpnmgr_garp_stop(struct vpnmgr *v)
{
	task_timer_stop(v->garp);
	v->garp = NULL;
	free(v->announce);
	v->announce = NULL;
	v->n_announce = v->rounds = 0;
}

void vpnmgr_garp_start(struct vpnmgr *v)
{
	vpnmgr_garp_stop(v);
	for (unsigned i = 0; i < v->cfg.n_ifs; i++) {
		const struct vpn_if *f = &v->cfg.ifs[i];

		for (unsigned k = 0; k < f->n_addr; k++)
			if (f->addr[k].srp_activate ? v->serving : !f->loopback)
				collect(v, &f->addr[k].p.addr);
	}
	if (!v->n_announce)
		return;
	LOG(EV_VPN_ADDRESS, "context %s: announcing %u addresses", v->cfg.name, v->n_announce);
	send_all(v);
	v->rounds = 1;
	v->garp = task_timer_start(v->t, INTERVAL_MS, INTERVAL_MS, again, v);
}

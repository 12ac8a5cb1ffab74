/* SPDX-License-Identifier: MIT */
/*
 * Which packets of the context are a crypto map's: its access lists as routing rules for vpnmgr, in the order
 * that all managers of the context agree on; and the same lists turned round, for what comes in clear though
 * it should have come in a tunnel. What a list denies is not its own, and goes on behind it. Maps
 * that can't be used count as well: what leads nowhere is dropped. Rules
 * stay in force when this task dies, so that nothing leaves in clear meanwhile. Entry point:
 * ipsecmgr_maps_policies().
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "place/place.h"
#include "tasks/ipsecmgr/ipsecmgr_map_state.h"

#define SPD_MS   5000
#define RETRY_MS 1000

static void put_map(struct vpn_spd_rows *r, const struct ipsecmgr_map_state *map)
{
	vpn_spd_put(r, map->rule, map->n_rules);
}

/* What should come in the tunnel and comes in clear (RFC 4301 section 5.2, step 3): into the TUN as well,
 * where it finds no SA and ends. The turned rules stay with the map: rows point into them. */
static void put_clear(struct vpn_spd_rows *r, struct ipsecmgr_map_state *map)
{
	for (unsigned i = 0; i < map->n_rules; i++)
		map->back[i] = vpn_spd_turned(&map->rule[i], VPN_SPD_CLEAR);
	vpn_spd_put(r, map->back, map->n_rules);
}

static void put_both(struct vpn_spd_rows *r, struct ipsecmgr_map_state *map)
{
	put_map(r, map);
	put_clear(r, map);
}

/* What comes out of the TUN came in a tunnel. */
static void put_passage(struct vpn_spd_rows *r, bool ipv6)
{
	PolicyUpdate__Rule row;

	policy_update__rule__init(&row);
	row.ipv6 = ipv6;
	row.priority = VPN_SPD_END;
	row.action = POLICY_UPDATE__ACTION__LAND;
	vpn_spd_row(r, &row);
	row.priority = VPN_SPD_FIRST + VPN_SPD_CLEAR - 1;
	row.action = POLICY_UPDATE__ACTION__SKIP;
	row.target = VPN_SPD_END;
	row.from_tun = true;
	vpn_spd_row(r, &row);
}

/* --- telling vpnmgr ----------------------------------------------------------------------------------------
 */

static void again(struct task *t, void *arg)
{
	struct ipsecmgr *m = arg;

	(void)t;
	task_timer_stop(m->spd_retry);
	m->spd_retry = NULL;
	ipsecmgr_maps_policies(m);
}

static void again_later(struct ipsecmgr *m)
{
	if (!m->spd_retry)
		m->spd_retry = task_timer_start(m->t, RETRY_MS, 0, again, m);
}

static void answered(struct task *t, void *arg, int status, const struct bus_msg *msg)
{
	struct ipsecmgr *m = arg;

	(void)t;
	m->spd_open = false;
	if (status && msg && ipsecmgr_engine_may_log(m))
		LOG(EV_IPSEC_SA_FAIL, "policies of crypto maps: %s",
		    msg->env->body_case == ENVELOPE__BODY_STATUS ? msg->env->status->text
		                                                 : strerror(-status));
	if (m->spd_again)
		ipsecmgr_maps_policies(m);
	else if (status)
		again_later(m);
}

static int tell(struct ipsecmgr *m, struct vpn_spd_rows *r)
{
	Envelope env = ENVELOPE__INIT;
	PolicyUpdate u = POLICY_UPDATE__INIT;
	char addr[40];

	r->ptr = calloc(r->n + 1, sizeof(struct PolicyUpdate__Rule *));
	if (!r->ptr || r->failed)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++)
		r->ptr[i] = &r->row[i];
	u.rules = r->ptr;
	u.n_rules = r->n;
	u.instance = m->t->instance;
	env.body_case = ENVELOPE__BODY_POLICY_UPDATE;
	env.policy_update = &u;
	snprintf(addr, sizeof(addr), "vpnmgr/%u", m->maps_ctx);
	return task_request(m->t, addr, &env, SPD_MS, TASK_RETRY, answered, m);
}

void ipsecmgr_maps_policies(struct ipsecmgr *m)
{
	const struct ipsecmgr_policy *p;
	struct vpn_spd_rows r = {.n = 0};

	if (!m->t || !place_serves_maps(m->t->instance) || !m->maps_ctx)
		return;
	/* Not yet, as when this task has just begun: until then the rules of the one before us stay. */
	if (!m->e && (!m->srp_known || m->serving))
		return;
	m->spd_again = m->spd_open;
	if (m->spd_open)
		return;
	for (p = m->e ? m->policies : NULL; p; p = p->next)
		if (p->map)
			put_both(&r, p->map);
	for (p = m->e ? m->maps_closed : NULL; p; p = p->next)
		put_both(&r, p->map);
	if (r.n) {
		put_passage(&r, false);
		put_passage(&r, true);
	}
	m->spd_open = tell(m, &r) == 0;
	if (!m->spd_open)
		again_later(m);
	free(r.row);
	free(r.ptr);
}

static void vpnmgr_changed(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	struct ipsecmgr *m = arg;
	char mine[40];

	(void)t, (void)card;
	snprintf(mine, sizeof(mine), "vpnmgr/%u", m->maps_ctx);
	if (up && !strcmp(addr, mine))
		ipsecmgr_maps_policies(m);
}

void ipsecmgr_maps_start(struct ipsecmgr *m)
{
	if (place_serves_maps(m->t->instance))
		task_watch_peers(m->t, "vpnmgr", vpnmgr_changed, m);
}

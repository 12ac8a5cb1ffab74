/* SPDX-License-Identifier: MIT */
/*
 * The fabric cards carry every packet between the ports of the management cards and the packet cards. While
 * none of them serves, the service ports pass nothing in either direction; tunnels, sessions and what cards
 * tell each other stay. Ports 1 to 9 of a management card are its own CPU's and need no fabric. Ports come
 * into a context when a vpnmgr asks for them, so a boot pays nothing. Entry points: gate_check(),
 * gate_port_moved(); called by slots.c and fabric.c.
 */
#include "chassis.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define SERVICE_PORTS 10 /* from this number on */

static bool closed = true; /* until the first one is up */

static bool carries(const struct chassis *c)
{
	if (!c->profile.fabric_cards)
		return true; /* no fabric cards in this kind of chassis */
	for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++)
		if (c->hw.card[n] && !strcmp(c->hw.card[n]->slot_type, "FSC") &&
		    c->slots[n].power == SLOT_ON && !strcmp(c->slots[n].state, "active"))
			return true;
	return false;
}

static void port_set(const char *port, int ns, const char *device)
{
	unsigned slot, number;
	char table[40], script[400];
	size_t n;
	int rc;

	if (sscanf(port, "%u/%u", &slot, &number) != 2 || number < SERVICE_PORTS)
		return;
	snprintf(table, sizeof(table), "netdev orrery_fabric_%u_%u", slot, number);
	n = (size_t)snprintf(script, sizeof(script), "table %s\ndelete table %s\n", table, table);
	if (closed)
		snprintf(script + n, sizeof(script) - n,
		         "table %s {\n"
		         "chain in { type filter hook ingress device %s priority -400; drop; }\n"
		         "chain out { type filter hook egress device %s priority 400; drop; }\n}\n",
		         table, device, device);
	rc = nft_run(ns, script);
	if (rc < 0)
		LOG(EV_CHASSIS_ERROR, "port %s: its packets cannot be %s the fabric: nft: %s", port,
		    closed ? "kept from" : "let into", strerror(-rc));
}

void gate_check(struct chassis *c)
{
	if (closed == !carries(c))
		return;
	closed = !closed;
	if (c->profile.fabric_cards)
		LOG(EV_CARD_STATE, closed ? "no fabric card serves: no packet passes the service ports"
		                          : "a fabric card serves: packets pass again");
	fabric_each_port(port_set);
}

void gate_port_moved(const char *port)
{
	const char *device = NULL;
	int ns = closed ? fabric_port_ns(port, &device) : -ENODEV;

	if (ns >= 0)
		port_set(port, ns, device);
}

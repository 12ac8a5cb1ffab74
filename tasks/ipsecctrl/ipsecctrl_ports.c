/* SPDX-License-Identifier: MIT */
/*
 * The use of the chassis' ports for congestion control: every vpnmgr says what the devices of its context's
 * ports count (Show "ip interface"). Entry points: ipsecctrl_ports_ask(), ipsecctrl_ports(). Called by
 * ipsecctrl_congest.c.
 */
#include "tasks/ipsecctrl/ipsecctrl.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "congest/congest.h"

#define PORTS   64
#define ASK_MS  1500
#define LATE_US (10 * US_PER_SEC)

static struct congest_port ports[PORTS];

/* The port of this name, or a place for it. NULL: there are too many. */
static struct congest_port *port_of(const char *name)
{
	struct congest_port *room = NULL;

	for (unsigned i = 0; i < PORTS; i++) {
		if (!strcmp(ports[i].name, name))
			return &ports[i];
		if (!room && !*ports[i].name)
			room = &ports[i];
	}
	if (room)
		snprintf(room->name, sizeof(room->name), "%s", name);
	return room;
}

static void note(const json_t *iface)
{
	const char *name = json_string_value(json_object_get(iface, "port"));
	const json_t *rx = json_object_get(iface, "rx_bytes"), *tx = json_object_get(iface, "tx_bytes");
	uint64_t now = clock_now_us();
	struct congest_port *p = name && *name && rx && tx ? port_of(name) : NULL;

	/* interfaces of one port tell the same */
	if (p && now - p->heard_us > US_PER_SEC)
		congest_port_note(p, (uint64_t)json_integer_value(rx), (uint64_t)json_integer_value(tx), now);
}

static void answered(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	json_t *j = NULL, *iface;
	size_t i;

	(void)t, (void)arg;
	if (!status && m && m->env->body_case == ENVELOPE__BODY_SHOW_REPLY)
		j = json_loads(m->env->show_reply->json, 0, NULL);
	json_array_foreach(json_object_get(j, "interfaces"), i, iface) note(iface);
	json_decref(j);
}

static void ask(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	Envelope env = ENVELOPE__INIT;
	Show show = SHOW__INIT;

	(void)card, (void)arg;
	show.what = (char *)(uintptr_t) "ip interface";
	env.body_case = ENVELOPE__BODY_SHOW;
	env.show = &show;
	if (up)
		task_request(t, addr, &env, ASK_MS, 0, answered, NULL);
}

void ipsecctrl_ports_ask(struct task *t)
{
	task_foreach_peer(t, "vpnmgr", ask, NULL);
}

const struct congest_port *ipsecctrl_ports(unsigned *n)
{
	uint64_t now = clock_now_us();

	for (unsigned i = 0; i < PORTS; i++) /* of a context that does not answer nothing is known */
		if (*ports[i].name && now - ports[i].heard_us > LATE_US)
			memset(&ports[i], 0, sizeof(ports[i]));
	*n = PORTS;
	return ports;
}

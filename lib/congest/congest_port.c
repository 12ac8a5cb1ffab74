/* SPDX-License-Identifier: MIT */
/*
 * Ports as resources of congestion control (IPSec Reference chapter 13): the average use of all, and each
 * against a threshold of its own, of `port-specific all`, or of port-specific-rx-utilization and
 * -tx-utilization. Entry points: congest_port_note(), congest_ports(). Called by ipsecctrl.
 */
#include "congest/congest.h"

#include <stdlib.h>
#include <string.h>

#include "cfg/cfg.h"

#define ONE_PORT "congestion-control-threshold-port-specific"

uint64_t congest_port_speed(const char *name)
{
	const char *slash = strchr(name, '/');

	return slash && strtoul(slash + 1, NULL, 10) < 10 ? 1000000000ULL : 10000000000ULL;
}

/* Per cent, rounded to the nearest: a threshold of 1 is one of the chassis. */
static uint32_t per_cent(uint64_t bytes, uint64_t us, uint64_t speed)
{
	uint64_t capacity = speed / 8 * us / 1000000;
	uint64_t use = capacity ? (bytes * 100 + capacity / 2) / capacity : 0;

	return use > 100 ? 100 : (uint32_t)use;
}

void congest_port_note(struct congest_port *p, uint64_t rx_bytes, uint64_t tx_bytes, uint64_t now_us)
{
	uint64_t us = now_us - p->heard_us, speed = congest_port_speed(p->name);

	/* a device that was made anew counts from 0 */
	p->known = p->heard_us && now_us > p->heard_us && rx_bytes >= p->rx_bytes && tx_bytes >= p->tx_bytes;
	p->rx = p->known ? per_cent(rx_bytes - p->rx_bytes, us, speed) : 0;
	p->tx = p->known ? per_cent(tx_bytes - p->tx_bytes, us, speed) : 0;
	p->rx_bytes = rx_bytes;
	p->tx_bytes = tx_bytes;
	p->heard_us = now_us;
}

/* Its own line, that for all ports, or the general threshold. */
static uint32_t threshold_of(const struct cfg_tree *tree, const char *port, const char *var, uint32_t general)
{
	const struct cfg_node *n, *all = NULL, *own = NULL;

	cfg_foreach(n, tree->root, ONE_PORT)
	{
		const char *slot = cfg_arg(n, "slotport");

		if (n->negated || !cfg_arg(n, var))
			continue;
		if (slot && !strcmp(slot, port))
			own = n;
		else if (!slot)
			all = n;
	}
	if (!own)
		own = all;
	return own ? (uint32_t)cfg_arg_int(own, var, general) : general;
}

struct worst {
	int64_t above; /* its threshold */
	uint32_t value, threshold;
	bool any;
};

static void compare(struct worst *w, uint32_t value, uint32_t threshold)
{
	int64_t above = (int64_t)value - threshold;

	if (w->any && above <= w->above)
		return;
	*w = (struct worst){.above = above, .value = value, .threshold = threshold, .any = true};
}

static void put(struct congest *c, enum congest_resource r, const struct worst *w, uint32_t *value,
                bool *known)
{
	known[r] = w->any;
	value[r] = w->value;
	if (w->any)
		c->threshold[r] = w->threshold;
}

static uint32_t general(const struct cfg_tree *tree, enum congest_resource r)
{
	return (uint32_t)cfg_get_int(tree, tree->root, congest_rows[r].setting, congest_rows[r].var,
	                             congest_rows[r].dflt);
}

void congest_ports(struct congest *c, const struct cfg_tree *tree, const struct congest_port *ports,
                   unsigned n, uint32_t value[CONGEST_RESOURCES], bool known[CONGEST_RESOURCES])
{
	uint32_t all_rx = general(tree, CONGEST_PORT_RX), all_tx = general(tree, CONGEST_PORT_TX);
	uint64_t rx = 0, tx = 0;
	struct worst in = {0}, out = {0};
	unsigned counted = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!ports[i].known)
			continue;
		counted++;
		rx += ports[i].rx;
		tx += ports[i].tx;
		compare(&in, ports[i].rx, threshold_of(tree, ports[i].name, "rx", all_rx));
		compare(&out, ports[i].tx, threshold_of(tree, ports[i].name, "tx", all_tx));
	}
	known[CONGEST_PORTS_RX] = known[CONGEST_PORTS_TX] = counted > 0;
	value[CONGEST_PORTS_RX] = counted ? (uint32_t)(rx / counted) : 0;
	value[CONGEST_PORTS_TX] = counted ? (uint32_t)(tx / counted) : 0;
	put(c, CONGEST_PORT_RX, &in, value, known);
	put(c, CONGEST_PORT_TX, &out, value, known);
}

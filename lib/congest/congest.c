/* SPDX-License-Identifier: MIT */
/* The table of resources and the step from what was measured to what is congested. Entry points in congest.h.
 */
#include "congest/congest.h"

#include <string.h>

#include "cfg/cfg.h"

#define ROW(word_, var_, mib_, dflt_, unit_)                                                                 \
	{                                                                                                    \
		.word = word_, .setting = "congestion-control-threshold-" word_, .var = var_, .mib = mib_,   \
		.dflt = dflt_, .unit = unit_                                                                 \
	}

const struct congest_row congest_rows[CONGEST_RESOURCES] = {
        [CONGEST_SYSTEM_CPU] = ROW("system-cpu-utilization", "percent", 1, 80, "%"),
        [CONGEST_SERVICE_CPU] = ROW("service-control-cpu-utilization", "percent", 2, 80, "%"),
        [CONGEST_MEMORY] = ROW("system-memory-utilization", "percent", 3, 80, "%"),
        [CONGEST_QUEUE] = ROW("message-queue-utilization", "percent", 4, 80, "%"),
        [CONGEST_WAIT] = ROW("message-queue-wait-time", "seconds", 5, 5, " seconds"),
        [CONGEST_LICENSE] = ROW("license-utilization", "percent", 6, 100, "%"),
        [CONGEST_SERVICE] = ROW("max-sessions-per-service-utilization", "percent", 12, 80, "%"),
        [CONGEST_PORTS_RX] = ROW("port-rx-utilization", "percent", 8, 80, "%"),
        [CONGEST_PORTS_TX] = ROW("port-tx-utilization", "percent", 9, 80, "%"),
        [CONGEST_PORT_RX] = ROW("port-specific-rx-utilization", "percent", 10, 80, "%"),
        [CONGEST_PORT_TX] = ROW("port-specific-tx-utilization", "percent", 11, 80, "%"),
};

const char *congest_action_name(enum congest_action a)
{
	static const char *const names[] = {
	        [CONGEST_NONE] = "none", [CONGEST_DROP] = "drop", [CONGEST_REJECT] = "reject"};

	return names[a];
}

/* A gateway has nowhere to redirect to: such a policy refuses. */
static enum congest_action action_of(const struct cfg_tree *tree)
{
	const struct cfg_node *n = cfg_child(tree, tree->root, "congestion-control-policy", "wsg-service");
	const char *word = n ? cfg_arg(n, "action") : NULL;

	if (!word || !strcmp(word, "none"))
		return CONGEST_NONE;
	return strcmp(word, "drop") ? CONGEST_REJECT : CONGEST_DROP;
}

void congest_configure(struct congest *c, const struct cfg_tree *tree)
{
	c->enabled = cfg_on(tree, tree->root, "congestion-control");
	c->action = action_of(tree);
	c->tolerance = (uint32_t)cfg_get_int(tree, tree->root, "congestion-control-threshold-tolerance",
	                                     "percent", 10);
	for (int i = 0; i < CONGEST_RESOURCES; i++)
		c->threshold[i] = (uint32_t)cfg_get_int(tree, tree->root, congest_rows[i].setting,
		                                        congest_rows[i].var, congest_rows[i].dflt);
}

/* Below it congestion ends. The tolerance is of per cents; of a time the same share. */
static uint32_t floor_of(const struct congest *c, int i)
{
	uint32_t less = i == CONGEST_WAIT ? c->threshold[i] * c->tolerance / 100 : c->tolerance;

	return c->threshold[i] > less ? c->threshold[i] - less : 1;
}

void congest_step(struct congest *c, const uint32_t value[CONGEST_RESOURCES],
                  const bool known[CONGEST_RESOURCES], uint32_t *began, uint32_t *ended)
{
	uint32_t was = c->on;

	for (int i = 0; i < CONGEST_RESOURCES; i++) {
		uint32_t bit = 1u << i;

		c->value[i] = known[i] ? value[i] : 0;
		c->known[i] = known[i];
		if (!c->enabled || !known[i])
			c->on &= ~bit;
		else if (value[i] >= c->threshold[i])
			c->on |= bit;
		else if (value[i] < floor_of(c, i))
			c->on &= ~bit;
		if (c->on & ~was & bit)
			c->times[i]++;
	}
	*began = c->on & ~was;
	*ended = was & ~c->on;
}

enum congest_action congest_now(const struct congest *c)
{
	return c->on ? c->action : CONGEST_NONE;
}

/* SPDX-License-Identifier: MIT */
/*
 * The fabric's own heartbeat: every card pings the active management card through the switches. A card that
 * lives (the backplane says so) but is not heard is cut off from it: hatsystem is told and has the slot
 * power-cycled, so that its tasks run where they can be reached. Entry points: fabric_tick(), fabric_heard();
 * called by main.c.
 */
#include "card.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"

void fabric_watch(struct card *c, unsigned slot)
{
	c->heard[slot] = clock_now_us();
}

void fabric_heard(struct card *c, const char *src)
{
	unsigned slot;

	if (sscanf(src, "card/%u", &slot) == 1 && slot >= 1 && slot <= PROFILE_SLOTS_MAX)
		c->heard[slot] = clock_now_us();
}

static void ping(struct card *c)
{
	Envelope env = ENVELOPE__INIT;
	BusPing p = BUS_PING__INIT;
	char dst[24];

	snprintf(dst, sizeof(dst), "card/%u", c->active_mio);
	p.at = clock_now_us();
	env.body_case = ENVELOPE__BODY_PING;
	env.ping = &p;
	bus_switch_send(c->bus, dst, &env);
}

/* The backplane's own watch for hung cards comes first. */
static void look(struct card *c)
{
	uint64_t now = clock_now_us(),
	         limit = (c->profile.card_hang_ms + 2 * c->profile.card_heartbeat_ms) * US_PER_MS;

	for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++) {
		if (!c->peer[n] || now - c->heard[n] < limit)
			continue;
		LOG(EV_CARD_FAIL, "card %u lives and is not heard over the fabric for %llu ms", n,
		    (unsigned long long)((now - c->heard[n]) / US_PER_MS));
		report_card_event(c, CARD_EVENT__WHAT__HUNG, n, "fabric lost", clock_wall_us());
		fabric_watch(c, n);
	}
}

void fabric_tick(struct card *c)
{
	if (c->active_mio == c->slot)
		look(c);
	else if (c->active_mio)
		ping(c);
}

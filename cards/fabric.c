/* SPDX-License-Identifier: MIT */
/*
 * The fabric's own heartbeat: every card pings the active management card through the switches. A card that
 * lives (the backplane says so) but is not heard is cut off from it: hatsystem is told and has the slot
 * power-cycled, so that its tasks run where they can be reached. Packet cards also ping each other, and a cut
 * between two of them is logged, as is its end. Entry points: fabric_tick(), fabric_heard();
 * called by main.c.
 */
#include "card.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* Heartbeats between two pings: to the management card, to the other packet cards. */
#define MIO_TICKS    2
#define BESIDE_TICKS 4

void fabric_watch(struct card *c, unsigned slot)
{
	silence_end(&c->heard[slot], clock_now_us());
}

void fabric_heard(struct card *c, const char *src)
{
	unsigned slot;

	if (sscanf(src, "card/%u", &slot) == 1 && slot >= 1 && slot <= PROFILE_SLOTS_MAX)
		fabric_watch(c, slot);
}

static void ping(struct card *c, unsigned slot)
{
	Envelope env = ENVELOPE__INIT;
	BusPing p = BUS_PING__INIT;
	char dst[24];

	snprintf(dst, sizeof(dst), "card/%u", slot);
	p.at = clock_now_us();
	env.body_case = ENVELOPE__BODY_PING;
	env.ping = &p;
	bus_switch_send(c->bus, dst, &env);
}

/* Silent for so long, though it got to run? Asked every so many ticks. */
static bool unheard(struct card *c, unsigned slot, unsigned ticks, uint64_t limit_ms)
{
	return silence_watch(&c->heard[slot], c->peer_pid[slot], clock_now_us(),
	                     ticks * c->profile.card_heartbeat_ms * US_PER_MS, limit_ms * US_PER_MS);
}

/* The backplane's own watch for hung cards comes first. */
static void look(struct card *c)
{
	uint64_t limit = c->profile.card_hang_ms + 2 * c->profile.card_heartbeat_ms;

	for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++) {
		if (!c->peer[n] || !unheard(c, n, 1, limit))
			continue;
		LOG(EV_CARD_FAIL, "card %u lives and is not heard over the fabric for %llu ms", n,
		    (unsigned long long)c->heard[n].whole_us / US_PER_MS);
		report_card_event(c, CARD_EVENT__WHAT__HUNG, n, "fabric lost", clock_wall_us());
		fabric_watch(c, n);
	}
}

/* Packet cards hand packets and records of calls on to each other: does the way to that one work? */
static bool beside(const struct card *c, unsigned slot)
{
	return c->peer[slot] && slot != c->slot && slot != c->active_mio && c->type->processing &&
	       !strcmp(profile_slot_type(&c->profile, slot), profile_slot_type(&c->profile, c->slot));
}

static void tell_beside(struct card *c, unsigned slot, bool lost)
{
	char text[120];

	snprintf(text, sizeof(text), "the fabric between card %u and card %u %s", c->slot, slot,
	         lost ? "carries nothing: what is sent there waits" : "works again");
	LOG(EV_FABRIC_LINK, "%s", text);
	report_card_event(c, CARD_EVENT__WHAT__FABRIC, slot, text, clock_wall_us());
}

/* Nothing is done about a cut between two packet cards but to tell: both still serve their peers. */
static void look_beside(struct card *c)
{
	static bool lost[PROFILE_SLOTS_MAX + 1];
	uint64_t limit = 3 * BESIDE_TICKS * c->profile.card_heartbeat_ms;

	for (unsigned n = 1; n <= PROFILE_SLOTS_MAX; n++) {
		bool is = beside(c, n) && unheard(c, n, BESIDE_TICKS, limit);

		if (is != lost[n] && (is || c->peer[n]))
			tell_beside(c, n, is);
		lost[n] = is;
		if (beside(c, n))
			ping(c, n);
	}
}

void fabric_tick(struct card *c)
{
	static unsigned ticks;

	ticks++;
	if (c->active_mio == c->slot)
		look(c);
	else if (c->active_mio && ticks % MIO_TICKS == 0)
		ping(c, c->active_mio);
	if (ticks % BESIDE_TICKS == 0)
		look_beside(c);
}

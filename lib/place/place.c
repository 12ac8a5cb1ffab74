/* SPDX-License-Identifier: MIT */
/*
 * The placement function. Steps: roles of the cards (what is active stays active; the configured number of
 * active cards is kept as long as cards live); the demux card; vpnmgr per context on it; manager
 * instances 1..N, kept where they run, the homeless ones together onto a card that just became active, else
 * onto the least loaded; an aaamgr not on its sessmgr's card; the ipsecmgrs of crypto maps likewise, those
 * with ipsec-on-demux one per CPU on the demux card; standby instances.
 */
#include "place/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct place_facility table[] = {
        /* name        where  sessions critical  cpu   memory files  sessions standby */
        {"srdb", PLACE_MIO, false, true, 900, 6000, 1000, 0, 0, 0},
        {"sct", PLACE_MIO, false, true, 500, 1500, 500, 0, 0, 0},
        {"evlogd", PLACE_MIO, false, false, 950, 500, 4000, 0, 0, 0},
        {"hatsystem", PLACE_MIO, false, true, 100, 320, 500, 0, 0, 0},
        {"rmctrl", PLACE_MIO, false, true, 150, 400, 500, 0, 0, 0},
        {"vpnctrl", PLACE_MIO, false, false, 150, 400, 500, 0, 0, 0},
        {"ipsecctrl", PLACE_MIO, false, false, 150, 400, 1000, 0, 0, 0},
        {"sessctrl", PLACE_MIO, false, false, 900, 500, 2000, 0, 0, 0},
        {"srp", PLACE_MIO, false, false, 300, 3000, 1000, 0, 0, 0},
        {"bulkstat", PLACE_MIO, false, false, 900, 1500, 2000, 0, 0, 0},
        {"snmp", PLACE_MIO, false, false, 650, 600, 2000, 0, 0, 0},
        {"sshd", PLACE_MIO, false, false, 900, 1500, 1000, 0, 0, 0},
        {"iftask", PLACE_PROC, false, true, 1000, 20000, 1000, 0, 0, 0},
        {"vpnmgr", PLACE_DEMUX, false, true, 300, 858, 2400, 0, 0, 0},
        {"ipsecmgr", PLACE_ACTIVE, true, true, 1000, 4000, 1000, 65536, 500, 2200},
        {"sessmgr", PLACE_ACTIVE, true, true, 1000, 9000, 500, 12000, 500, 2700},
        {"aaamgr", PLACE_ACTIVE, false, false, 300, 650, 1000, 0, 300, 650},
        {"cli", PLACE_ON_DEMAND, false, false, 600, 650, 7000, 0, 0, 0},
};

const struct place_facility *place_facilities(size_t *n)
{
	*n = sizeof(table) / sizeof(*table);
	return table;
}

const struct place_facility *place_facility(const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

static bool processing(const struct place_input *in, unsigned slot)
{
	return in->profile->card[slot] && in->profile->card[slot]->processing;
}

static bool alive(const struct place_input *in, unsigned slot)
{
	return processing(in, slot) && in->slots[slot].state >= PLACE_STANDBY;
}

/* Configured active cards that exist in the inventory; at least one, or nothing would run. */
static unsigned wanted_active(const struct place_input *in)
{
	unsigned n = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		n += processing(in, s) && in->slots[s].want_active;
	return n ? n : 1;
}

/* Demux tasks on the management card: only where that is not the processing card as well. */
static bool demux_on_mio(const struct place_input *in)
{
	const struct card_type *t =
	        in->active_mio <= PROFILE_SLOTS_MAX ? in->profile->card[in->active_mio] : NULL;

	return in->require.demux_mio && t && t->management && !t->processing;
}

/* How many of them a card takes of a facility. require ipsec-large: twice as many ipsecmgrs on cards with
 * three CPUs. */
static unsigned density(const struct place_input *in, const char *facility, unsigned slot)
{
	unsigned cpus = in->profile->card[slot]->cpus;

	if (!strcmp(facility, "ipsecmgr"))
		return in->profile->ipsecmgr_per_card * (in->require.ipsec_large && cpus >= 3 ? 2 : 1);
	if (!strcmp(facility, "sessmgr") || !strcmp(facility, "aaamgr"))
		return cpus * in->profile->sessmgr_per_cpu;
	return 0;
}

/* Over the cards that carry managers as configured: the active ones, less the demux card if there is another;
 * but never fewer than there were. */
unsigned place_instances(const struct place_input *in, const char *facility)
{
	bool spare_first = wanted_active(in) > 1 && !in->require.demux_mio;
	unsigned n = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		if (!processing(in, s) || !in->slots[s].want_active)
			continue;
		n += spare_first ? 0 : density(in, facility, s);
		spare_first = false;
	}
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX && !n; s++)
		if (processing(in, s))
			n = density(in, facility, s);
	if (strcmp(facility, "ipsecmgr") != 0)
		return n && in->keep_sessmgr > n ? in->keep_sessmgr : n;
	n = n && in->keep_ipsecmgr > n ? in->keep_ipsecmgr : n;
	return n >= PLACE_MAP_FIRST ? PLACE_MAP_FIRST - 1 : n;
}

bool place_demux_capable(const struct profile *p, unsigned slot)
{
	return slot <= PROFILE_SLOTS_MAX && p->card[slot] && p->card[slot]->ipsec_on_demux;
}

bool place_serves_maps(uint32_t ipsecmgr)
{
	return ipsecmgr >= PLACE_MAP_FIRST && ipsecmgr < PLACE_MAP_FIRST + PLACE_MAP_MANAGERS;
}

/* --- roles -------------------------------------------------------------------------------------------------
 */

static unsigned count_role(const struct place_output *out, enum place_state role)
{
	unsigned n = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		n += out->role[s] == role;
	return n;
}

static void roles(const struct place_input *in, struct place_output *out)
{
	unsigned want = wanted_active(in);

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		out->role[s] = alive(in, s) ? PLACE_STANDBY : (processing(in, s) ? PLACE_DOWN : PLACE_ABSENT);
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		if (alive(in, s) && in->slots[s].state == PLACE_CARD_ACTIVE)
			out->role[s] = PLACE_CARD_ACTIVE;
	for (int configured = 1; configured >= 0; configured--)
		for (unsigned s = 1; s <= PROFILE_SLOTS_MAX && count_role(out, PLACE_CARD_ACTIVE) < want; s++)
			if (out->role[s] == PLACE_STANDBY && in->slots[s].want_active == configured)
				out->role[s] = PLACE_CARD_ACTIVE;
	if (count_role(out, PLACE_CARD_ACTIVE) < want)
		snprintf(out->problem, sizeof(out->problem), "%u cards shall be active and %u live", want,
		         count_role(out, PLACE_CARD_ACTIVE));
}

/* --- tasks -------------------------------------------------------------------------------------------------
 */

static struct place_task *add(struct place_output *out, const char *facility, uint32_t instance,
                              unsigned card, unsigned cpu, bool standby)
{
	struct place_task *t;

	if (out->n == PLACE_TASKS_MAX)
		return NULL;
	t = &out->tasks[out->n++];
	snprintf(t->facility, sizeof(t->facility), "%s", facility);
	t->instance = instance;
	t->card = (uint8_t)card;
	t->cpu = (uint8_t)cpu;
	t->standby = standby;
	return t;
}

static const struct place_task *running(const struct place_input *in, const char *facility, uint32_t instance,
                                        bool standby)
{
	for (size_t i = 0; i < in->n_current; i++) {
		const struct place_task *t = &in->current[i];

		if (t->instance == instance && t->standby == standby && !strcmp(t->facility, facility))
			return t;
	}
	return NULL;
}

static unsigned load(const struct place_output *out, const char *facility, unsigned card, int cpu)
{
	unsigned n = 0;

	for (size_t i = 0; i < out->n; i++)
		n += out->tasks[i].card == card && !out->tasks[i].standby &&
		     (cpu < 0 || out->tasks[i].cpu == cpu) && !strcmp(out->tasks[i].facility, facility);
	return n;
}

static unsigned least_cpu(const struct place_input *in, const struct place_output *out, const char *facility,
                          unsigned card)
{
	unsigned best = 0;

	for (unsigned c = 1; c < in->profile->card[card]->cpus; c++)
		if (load(out, facility, card, (int)c) < load(out, facility, card, (int)best))
			best = c;
	return best;
}

/* May managers run there? */
static bool manager_slot(const struct place_output *out, unsigned s)
{
	return out->role[s] == PLACE_CARD_ACTIVE &&
	       (s != out->demux || count_role(out, PLACE_CARD_ACTIVE) == 1);
}

/* Where it runs it stays, as long as that card is active (also when it had to become the demux card as well).
 */
static bool stays(const struct place_input *in, const struct place_output *out, const struct place_task *now)
{
	return now && alive(in, now->card) && out->role[now->card] == PLACE_CARD_ACTIVE;
}

static unsigned least_card(const struct place_output *out, const char *facility, unsigned avoid)
{
	unsigned best = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		if (manager_slot(out, s) && s != avoid &&
		    (!best || load(out, facility, s, -1) < load(out, facility, best, -1)))
			best = s;
	return best;
}

/*
 * The card that instance i must not share: an aaamgr keeps the recovery records of the sessmgr of its number,
 * so it is never on that one's card while there is another. 0: none.
 */
static unsigned other_than(const struct place_output *out, const char *facility, uint32_t i)
{
	unsigned card = 0, others = 0;

	if (strcmp(facility, "aaamgr"))
		return 0;
	for (size_t k = 0; k < out->n; k++)
		if (out->tasks[k].instance == i && !strcmp(out->tasks[k].facility, "sessmgr"))
			card = out->tasks[k].card;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		others += manager_slot(out, s) && s != card;
	return others ? card : 0;
}

static void managers(const struct place_input *in, struct place_output *out, const char *facility)
{
	unsigned total = place_instances(in, facility);

	for (uint32_t i = 1; i <= total; i++) {
		const struct place_task *now = running(in, facility, i, false);

		if (stays(in, out, now) && now->card != other_than(out, facility, i))
			add(out, facility, i, now->card, now->cpu, false);
	}
	for (uint32_t i = 1; i <= total; i++) {
		const struct place_task *now = running(in, facility, i, false);
		unsigned card;

		if (stays(in, out, now) && now->card != other_than(out, facility, i))
			continue;
		card = least_card(out, facility, other_than(out, facility, i));
		if (card)
			add(out, facility, i, card, least_cpu(in, out, facility, card), false);
	}
}

/* --- managers of crypto maps
 * ------------------------------------------------------------------------------- */

/* One per CPU and IKE version on the demux card. */
struct demux_cpus {
	bool used[2][8];
};

static unsigned cpus_of(const struct place_input *in, unsigned slot)
{
	unsigned n = in->profile->card[slot]->cpus;

	return n < 8 ? n : 8;
}

static void add_manager(struct place_output *out, struct demux_cpus *d, const struct place_manager *m,
                        unsigned card, unsigned cpu)
{
	if (m->demux && card == out->demux && cpu < 8)
		d->used[m->ike == 2][cpu] = true;
	add(out, "ipsecmgr", m->instance, card, cpu, false);
}

static void new_manager(const struct place_input *in, struct place_output *out, struct demux_cpus *d,
                        const struct place_manager *m)
{
	unsigned card, cpu = 0;

	if (m->demux && out->demux && place_demux_capable(in->profile, out->demux)) {
		while (cpu < cpus_of(in, out->demux) && d->used[m->ike == 2][cpu])
			cpu++;
		if (cpu < cpus_of(in, out->demux)) {
			add_manager(out, d, m, out->demux, cpu);
			return;
		}
	}
	card = least_card(out, "ipsecmgr", 0);
	if (card)
		add_manager(out, d, m, card, least_cpu(in, out, "ipsecmgr", card));
}

static void map_managers(const struct place_input *in, struct place_output *out)
{
	struct demux_cpus d = {0};

	for (int running_ones = 1; running_ones >= 0; running_ones--)
		for (size_t i = 0; i < in->n_managers; i++) {
			const struct place_manager *m = &in->managers[i];
			const struct place_task *now = running(in, "ipsecmgr", m->instance, false);

			if (stays(in, out, now) != running_ones)
				continue;
			if (running_ones)
				add_manager(out, &d, m, now->card, now->cpu);
			else
				new_manager(in, out, &d, m);
		}
}

/* --- standby instances
 * ------------------------------------------------------------------------------------- */

/* Standby numbers are fixed to card and CPU, so that they never clash: 5000 + slot * 100 + cpu * 10 + k. */
static void standby_on(struct place_output *out, const char *facility, unsigned slot, unsigned cpu,
                       unsigned count)
{
	for (unsigned k = 1; k <= count && k <= 9; k++)
		add(out, facility, PLACE_STANDBY_BASE + slot * 100 + cpu * 10 + k, slot, cpu, true);
}

static unsigned per_cpu(unsigned total, unsigned cpus, unsigned cpu)
{
	return total / cpus + (cpu < total % cpus);
}

/* A standby card must be able to take over the fullest active card at once. */
static unsigned standby_ipsecmgrs(const struct place_input *in, const struct place_output *out)
{
	unsigned n = in->profile->standby_ipsecmgr;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX && in->profile->standby_ipsecmgr; s++)
		if (out->role[s] == PLACE_CARD_ACTIVE && load(out, "ipsecmgr", s, -1) > n)
			n = load(out, "ipsecmgr", s, -1);
	return n;
}

static void standbys(const struct place_input *in, struct place_output *out)
{
	const struct profile *p = in->profile;
	unsigned ipsecmgrs = standby_ipsecmgrs(in, out);

	if (!in->require.recovery)
		return;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		unsigned cpus = processing(in, s) ? p->card[s]->cpus : 0;

		for (unsigned c = 0; c < cpus; c++) {
			if (out->role[s] == PLACE_STANDBY) {
				standby_on(out, "sessmgr", s, c, p->sessmgr_per_cpu);
				standby_on(out, "aaamgr", s, c, p->sessmgr_per_cpu);
				standby_on(out, "ipsecmgr", s, c, per_cpu(ipsecmgrs, cpus, c));
			} else if (manager_slot(out, s) || load(out, "sessmgr", s, -1)) {
				/* also the one that became the demux card, with its managers, for want of a
				 * spare */
				standby_on(out, "sessmgr", s, c, p->standby_sessmgr_per_cpu);
				standby_on(out, "aaamgr", s, c, p->standby_sessmgr_per_cpu);
			}
		}
	}
}

static void demux(const struct place_input *in, struct place_output *out)
{
	if (demux_on_mio(in))
		out->demux = in->active_mio;
	/* Where the vpnmgrs run, if that card may still be it; else a configured active one; else any active
	 * one. */
	for (size_t i = 0; i < in->n_current && !out->demux; i++)
		if (!strcmp(in->current[i].facility, "vpnmgr") &&
		    out->role[in->current[i].card] == PLACE_CARD_ACTIVE)
			out->demux = in->current[i].card;
	/* A card without managers first: a standby that has just replaced the demux card. */
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX && !out->demux; s++) {
		bool busy = false;

		for (size_t i = 0; i < in->n_current; i++)
			busy |= in->current[i].card == s && !in->current[i].standby &&
			        strcmp(in->current[i].facility, "vpnmgr");
		if (out->role[s] == PLACE_CARD_ACTIVE && !busy)
			out->demux = s;
	}
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX && !out->demux; s++)
		if (out->role[s] == PLACE_CARD_ACTIVE)
			out->demux = s;
	for (size_t i = 0; out->demux && i < in->n_contexts; i++)
		add(out, "vpnmgr", in->contexts[i], out->demux,
		    (unsigned)(in->contexts[i] % in->profile->card[out->demux]->cpus), false);
}

int place_compute(const struct place_input *in, struct place_output *out)
{
	memset(out, 0, sizeof(*out));
	out->tasks = calloc(PLACE_TASKS_MAX, sizeof(*out->tasks));
	if (!out->tasks)
		return -ENOMEM;
	roles(in, out);
	demux(in, out);
	if (!out->demux)
		return 0;
	managers(in, out, "ipsecmgr");
	map_managers(in, out);
	managers(in, out, "sessmgr");
	managers(in, out, "aaamgr"); /* after the sessmgrs, whose cards they shun */
	standbys(in, out);
	return 0;
}

void place_output_free(struct place_output *out)
{
	free(out->tasks);
	out->tasks = NULL;
	out->n = 0;
}

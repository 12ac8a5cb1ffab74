/* SPDX-License-Identifier: MIT */
/* Placement: the rules of lib/place over fixed cases and over random inventories, configurations and
 * failures. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "place/place.h"

static struct profile lab;

static void setup(void)
{
	char err[200];

	cr_assert_eq(profile_read("chassis/profiles/asr5500-lab.profile", &lab, err, sizeof(err)), 0, "%s",
	             err);
}

TestSuite(place, .init = setup);

static void all_up(struct place_input *in)
{
	memset(in, 0, sizeof(*in));
	in->profile = &lab;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		in->slots[s].state = PLACE_STANDBY;
	in->require.recovery = true;
	in->slots[1].want_active = in->slots[2].want_active = in->slots[3].want_active = true;
	in->contexts[0] = 1;
	in->contexts[1] = 2;
	in->n_contexts = 2;
}

static const struct place_task *find(const struct place_output *out, const char *facility, uint32_t instance)
{
	for (size_t i = 0; i < out->n; i++)
		if (out->tasks[i].instance == instance && !strcmp(out->tasks[i].facility, facility))
			return &out->tasks[i];
	return NULL;
}

/* Let the output become what runs: the next input's current tasks and roles. */
static void become(struct place_input *in, struct place_output *out, struct place_task *store)
{
	memcpy(store, out->tasks, out->n * sizeof(*store));
	in->current = store;
	in->n_current = out->n;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		if (in->slots[s].state >= PLACE_STANDBY)
			in->slots[s].state =
			        out->role[s] == PLACE_CARD_ACTIVE ? PLACE_CARD_ACTIVE : PLACE_STANDBY;
	place_output_free(out);
}

Test(place, boot_makes_configured_cards_active)
{
	struct place_input in;
	struct place_output out;

	all_up(&in);
	cr_assert_eq(place_compute(&in, &out), 0);
	cr_expect_eq(out.role[1], PLACE_CARD_ACTIVE);
	cr_expect_eq(out.role[2], PLACE_CARD_ACTIVE);
	cr_expect_eq(out.role[3], PLACE_CARD_ACTIVE);
	cr_expect_eq(out.role[10], PLACE_STANDBY);
	cr_expect_eq(out.demux, 1);
	cr_expect_eq(place_instances(&in, "ipsecmgr"), 2);
	cr_expect_eq(place_instances(&in, "sessmgr"), 6);
	cr_expect_eq(find(&out, "vpnmgr", 2)->card, 1);
	cr_expect_neq(find(&out, "ipsecmgr", 1)->card, find(&out, "ipsecmgr", 2)->card);
	cr_expect_neq(find(&out, "ipsecmgr", 1)->card, 1, "managers stay off the demux card");
	place_output_free(&out);
}

Test(place, standby_takes_the_lost_card_whole_and_nothing_else_moves)
{
	static struct place_task store[PLACE_TASKS_MAX];
	struct place_input in;
	struct place_output out;

	all_up(&in);
	place_compute(&in, &out);
	become(&in, &out, store);
	in.slots[2].state = PLACE_DOWN;
	place_compute(&in, &out);
	cr_expect_eq(out.role[10], PLACE_CARD_ACTIVE);
	for (size_t i = 0; i < in.n_current; i++) {
		const struct place_task *now;

		if (store[i].standby)
			continue;
		now = find(&out, store[i].facility, store[i].instance);
		cr_assert_not_null(now);
		cr_expect_eq(now->card, store[i].card == 2 ? 10 : store[i].card, "%s/%u", now->facility,
		             now->instance);
	}
	/* The repaired card comes back as the standby; nothing reverts. */
	become(&in, &out, store);
	in.slots[2].state = PLACE_STANDBY;
	place_compute(&in, &out);
	cr_expect_eq(out.role[2], PLACE_STANDBY);
	cr_expect_eq(out.role[10], PLACE_CARD_ACTIVE);
	place_output_free(&out);
}

Test(place, demux_card_is_replaced_by_the_standby)
{
	static struct place_task store[PLACE_TASKS_MAX];
	struct place_input in;
	struct place_output out;

	all_up(&in);
	place_compute(&in, &out);
	become(&in, &out, store);
	in.slots[1].state = PLACE_DOWN;
	place_compute(&in, &out);
	cr_expect_eq(out.demux, 10);
	cr_expect_eq(find(&out, "vpnmgr", 1)->card, 10);
	cr_expect_eq(find(&out, "ipsecmgr", 1)->card, 2, "managers are not moved by it");
	place_output_free(&out);
}

Test(place, one_card_chassis_runs_everything)
{
	struct profile si;
	struct place_input in = {0};
	struct place_output out;
	char err[200];

	cr_assert_eq(profile_read("chassis/profiles/vpc-si.profile", &si, err, sizeof(err)), 0);
	in.profile = &si;
	in.slots[1].state = PLACE_STANDBY;
	in.contexts[0] = 1;
	in.n_contexts = 1;
	place_compute(&in, &out);
	cr_expect_eq(out.demux, 1);
	cr_expect_not_null(find(&out, "ipsecmgr", 1));
	cr_expect_not_null(find(&out, "vpnmgr", 1));
	cr_expect_str_empty(out.problem);
	place_output_free(&out);
}

/* --- properties --------------------------------------------------------------------------------------------
 */

static uint32_t seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* Cards on which managers may run. */
static unsigned session_cards(const struct place_output *out)
{
	unsigned n = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		n += out->role[s] == PLACE_CARD_ACTIVE && s != out->demux;
	return n ? n : 1;
}

static const struct profile *chassis; /* of this round */

static const struct card_type *type_in(unsigned slot)
{
	return chassis->card[slot];
}

static unsigned active_cards(const struct place_output *out)
{
	unsigned n = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		n += out->role[s] == PLACE_CARD_ACTIVE;
	return n;
}

/* Every task once, on a card that lives and may run it. */
static void check_tasks(const struct place_input *in, const struct place_output *out)
{
	for (size_t i = 0; i < out->n; i++) {
		const struct place_task *a = &out->tasks[i];
		bool mio = !type_in(a->card)->processing;

		cr_assert(mio || in->slots[a->card].state >= PLACE_STANDBY,
		          "seed %u: a task on a dead card %u", seed, a->card);
		cr_assert(!mio || (!strcmp(a->facility, "vpnmgr") && in->require.demux_mio),
		          "seed %u: %s on a management card", seed, a->facility);
		cr_assert(a->cpu < type_in(a->card)->cpus);
		cr_assert(a->standby || mio || out->role[a->card] == PLACE_CARD_ACTIVE,
		          "an active task on a standby card");
		cr_assert(!a->standby || in->require.recovery, "seed %u: a standby nobody required", seed);
		for (size_t k = i + 1; k < out->n; k++)
			cr_assert(strcmp(a->facility, out->tasks[k].facility) ||
			                  a->instance != out->tasks[k].instance,
			          "seed %u: two owners of %s/%u", seed, a->facility, a->instance);
	}
}

static void check_complete(const struct place_input *in, const struct place_output *out)
{
	if (!active_cards(out))
		return;
	for (uint32_t i = 1; i <= place_instances(in, "ipsecmgr"); i++)
		cr_assert_not_null(find(out, "ipsecmgr", i), "seed %u: ipsecmgr/%u is nowhere", seed, i);
	for (uint32_t i = 1; i <= place_instances(in, "sessmgr"); i++) {
		cr_assert_not_null(find(out, "sessmgr", i));
		cr_assert_not_null(find(out, "aaamgr", i));
		cr_assert(find(out, "aaamgr", i)->card != find(out, "sessmgr", i)->card ||
		                  session_cards(out) == 1,
		          "seed %u: sessmgr %u and its aaamgr share card %u", seed, i,
		          find(out, "sessmgr", i)->card);
	}
	for (size_t i = 0; i < in->n_managers; i++)
		cr_assert_not_null(find(out, "ipsecmgr", in->managers[i].instance), "seed %u", seed);
	for (size_t i = 0; i < in->n_contexts; i++)
		cr_assert_not_null(find(out, "vpnmgr", in->contexts[i]));
}

/* What was not there before and is not for the demux card goes to another card, if there is one; what is for
 * it goes there on a DPC2 only, one per CPU and IKE version. */
static void check_demux_card(const struct place_input *in, const struct place_output *out)
{
	unsigned cpus[3][8] = {{0}};

	for (size_t i = 0; i < in->n_managers; i++) {
		const struct place_manager *g = &in->managers[i];
		const struct place_task *t = find(out, "ipsecmgr", g->instance), *was = NULL;

		for (size_t k = 0; k < in->n_current; k++)
			if (!strcmp(in->current[k].facility, "ipsecmgr") &&
			    in->current[k].instance == g->instance && !in->current[k].standby)
				was = &in->current[k];
		if (!t || t->card != out->demux || active_cards(out) == 1 || (was && was->card == t->card))
			continue;
		cr_assert(g->demux, "seed %u: ipsecmgr/%u on the demux card", seed, g->instance);
		cr_assert(type_in(t->card)->ipsec_on_demux, "seed %u: ipsec-on-demux on a %s", seed,
		          type_in(t->card)->name);
		cr_assert_eq(cpus[g->ike][t->cpu]++, 0, "seed %u: two on one CPU", seed);
	}
}

/* A standby card can take over the fullest active one at once. */
static void check_cover(const struct place_input *in, const struct place_output *out)
{
	unsigned full = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		unsigned n = 0;

		for (size_t i = 0; i < out->n; i++)
			n += out->tasks[i].card == s && !out->tasks[i].standby &&
			     !strcmp(out->tasks[i].facility, "ipsecmgr");
		if (n > full)
			full = n;
	}
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX && in->require.recovery; s++) {
		unsigned n = 0, most = type_in(s) ? 9 * type_in(s)->cpus : 0;

		if (out->role[s] != PLACE_STANDBY)
			continue;
		for (size_t i = 0; i < out->n; i++)
			n += out->tasks[i].card == s && !strcmp(out->tasks[i].facility, "ipsecmgr");
		cr_assert_geq(n, full < most ? full : most, "seed %u: %u spares for %u", seed, n, full);
	}
}

static void check(const struct place_input *in, const struct place_output *out)
{
	check_tasks(in, out);
	check_complete(in, out);
	check_demux_card(in, out);
	check_cover(in, out);
	cr_assert(!in->require.demux_mio || out->demux == in->active_mio, "seed %u", seed);
}

/* What ran on a living card that is still active runs there now. */
static void check_least_movement(const struct place_input *in, const struct place_output *out)
{
	for (size_t i = 0; i < in->n_current; i++) {
		const struct place_task *was = &in->current[i], *now;

		/* an aaamgr makes room for its sessmgr */
		if (was->standby || !strcmp(was->facility, "vpnmgr") || !strcmp(was->facility, "aaamgr") ||
		    !type_in(was->card)->processing || in->slots[was->card].state < PLACE_STANDBY ||
		    out->role[was->card] != PLACE_CARD_ACTIVE)
			continue;
		now = find(out, was->facility, was->instance);
		cr_assert(!now || (now->card == was->card && now->cpu == was->cpu),
		          "seed %u: %s/%u moved from a healthy card", seed, was->facility, was->instance);
	}
}

/* Two to eight processing cards of any type, both management cards. */
static void random_chassis(struct profile *p)
{
	static const char *const types[] = {"DPC", "DPC2", "UDPC", "UDPC2"};
	bool one_type = rnd(2), any = false;
	const char *same = types[rnd(4)];

	*p = lab;
	for (unsigned s = 1; s <= 10; s++) {
		if (s == 5 || s == 6)
			continue;
		p->card[s] =
		        rnd(4) || (s == 10 && !any) ? card_type_find(one_type ? same : types[rnd(4)]) : NULL;
		any |= p->card[s] != NULL;
	}
	p->ipsecmgr_per_card = 1 + rnd(4);
	p->sessmgr_per_cpu = 1 + rnd(3);
}

static void random_configuration(struct place_input *in, struct place_manager *managers)
{
	memset(in, 0, sizeof(*in));
	in->profile = chassis;
	in->active_mio = 5 + rnd(2);
	in->require = (struct place_require){
	        .demux_mio = rnd(4) == 0, .recovery = rnd(4) != 0, .ipsec_large = rnd(2)};
	for (unsigned s = 1; s <= 10; s++) {
		in->slots[s].state = type_in(s) && type_in(s)->processing ? PLACE_STANDBY : PLACE_ABSENT;
		in->slots[s].want_active = in->slots[s].state && rnd(4) != 0;
	}
	in->n_contexts = 1 + rnd(6);
	for (unsigned i = 0; i < in->n_contexts; i++)
		in->contexts[i] = i + 1;
	in->managers = managers;
	in->n_managers = rnd(40);
	for (unsigned i = 0; i < in->n_managers; i++)
		managers[i] = (struct place_manager){.instance = PLACE_MAP_FIRST + i,
		                                     .ike = (uint8_t)(1 + i % 2),
		                                     .demux = i < 6 && rnd(2)};
}

/* A card dies or comes, the management card switches over, a manager is added. */
static void random_event(struct place_input *in, struct place_manager *managers)
{
	unsigned s = 1 + rnd(10);

	if (rnd(6) == 0)
		in->active_mio = 11 - in->active_mio;
	if (rnd(4) == 0 && in->n_managers < PLACE_MAP_MANAGERS) {
		unsigned i = (unsigned)in->n_managers++;

		managers[i] = (struct place_manager){PLACE_MAP_FIRST + i, (uint8_t)(1 + rnd(2)), false};
	}
	if (in->slots[s].state)
		in->slots[s].state = in->slots[s].state == PLACE_DOWN ? PLACE_STANDBY : PLACE_DOWN;
}

Test(place, random_failures_keep_every_task_once)
{
	static struct place_task store[PLACE_TASKS_MAX];
	static struct place_manager managers[PLACE_MAP_MANAGERS];
	static struct profile p;

	for (unsigned round = 0; round < 300; round++) {
		struct place_input in;
		struct place_output out;

		seed = round * 7919 + 1;
		chassis = &p;
		random_chassis(&p);
		random_configuration(&in, managers);
		for (unsigned step = 0; step < 12; step++) {
			random_event(&in, managers);
			cr_assert_eq(place_compute(&in, &out), 0);
			check(&in, &out);
			check_least_movement(&in, &out);
			become(&in, &out, store);
			/* What ran on the dead card is gone with it. */
			for (size_t i = 0; i < in.n_current;)
				if (in.slots[store[i].card].state == PLACE_DOWN ||
				    (!type_in(store[i].card)->processing && store[i].card != in.active_mio))
					store[i] = store[--in.n_current];
				else
					i++;
		}
	}
}

Test(place, demux_on_the_management_card_leaves_every_card_to_managers)
{
	struct place_input in;
	struct place_output out;

	all_up(&in);
	in.active_mio = 5;
	in.require.demux_mio = true;
	place_compute(&in, &out);
	cr_expect_eq(out.demux, 5);
	cr_expect_eq(find(&out, "vpnmgr", 2)->card, 5);
	cr_expect_eq(place_instances(&in, "ipsecmgr"), 3);
	cr_expect_eq(place_instances(&in, "sessmgr"), 9);
	place_output_free(&out);
}

Test(place, ipsec_large_runs_more_where_there_are_three_cpus)
{
	struct place_input in;
	struct profile p = lab;

	all_up(&in);
	in.profile = &p;
	in.require.ipsec_large = true;
	cr_expect_eq(place_instances(&in, "ipsecmgr"), 4);
	p.card[3] = card_type_find("DPC");
	cr_expect_eq(place_instances(&in, "ipsecmgr"), 3);
}

Test(place, managers_on_the_demux_card_follow_it)
{
	static struct place_task store[PLACE_TASKS_MAX];
	struct place_manager g[] = {
	        {80, 1, true}, {81, 1, true}, {82, 1, true}, {83, 2, true}, {84, 1, false}};
	struct place_input in;
	struct place_output out;

	all_up(&in);
	in.managers = g;
	in.n_managers = 5;
	place_compute(&in, &out);
	for (uint32_t i = 80; i < 83; i++) {
		cr_expect_eq(find(&out, "ipsecmgr", i)->card, 1);
		cr_expect_eq(find(&out, "ipsecmgr", i)->cpu, i - 80, "one per CPU");
	}
	cr_expect_eq(find(&out, "ipsecmgr", 83)->card, 1, "IKEv2 counts by itself");
	cr_expect_neq(find(&out, "ipsecmgr", 84)->card, 1);
	become(&in, &out, store);
	in.slots[1].state = PLACE_DOWN;
	place_compute(&in, &out);
	cr_expect_eq(out.demux, 10);
	for (uint32_t i = 80; i < 84; i++)
		cr_expect_eq(find(&out, "ipsecmgr", i)->card, 10);
	place_output_free(&out);
}

/* The demux card is lost while no card stands by: a card with managers becomes it, and keeps their spares. */
Test(place, a_demux_card_with_managers_has_spares)
{
	static struct place_task store[PLACE_TASKS_MAX];
	struct place_input in;
	struct place_output out;
	unsigned active = 0, standby = 0;

	all_up(&in);
	place_compute(&in, &out);
	become(&in, &out, store);
	in.slots[1].state = in.slots[10].state = PLACE_DOWN;
	place_compute(&in, &out);
	cr_assert(out.demux == 2 || out.demux == 3);
	become(&in, &out, store);
	in.slots[1].state = in.slots[10].state = PLACE_STANDBY;
	place_compute(&in, &out);
	for (size_t i = 0; i < out.n; i++)
		if (out.tasks[i].card == out.demux && !strcmp(out.tasks[i].facility, "sessmgr"))
			*(out.tasks[i].standby ? &standby : &active) += 1;
	cr_expect_geq(active, 1);
	cr_expect_geq(standby, 3, "one on each CPU");
	place_output_free(&out);
}

Test(place, without_session_recovery_no_standbys)
{
	struct place_input in;
	struct place_output out;

	all_up(&in);
	in.require.recovery = false;
	place_compute(&in, &out);
	for (size_t i = 0; i < out.n; i++)
		cr_expect_not(out.tasks[i].standby);
	place_output_free(&out);
}

/* mode standby of an active card: its managers go to the others, none of them ends. */
Test(place, fewer_active_cards_end_no_manager)
{
	struct place_input in;
	struct place_output out;

	all_up(&in);
	in.slots[3].want_active = false;
	cr_expect_eq(place_instances(&in, "ipsecmgr"), 1);
	in.keep_ipsecmgr = 2;
	in.keep_sessmgr = 6;
	cr_expect_eq(place_instances(&in, "ipsecmgr"), 2);
	cr_expect_eq(place_instances(&in, "sessmgr"), 6);
	cr_expect_eq(place_instances(&in, "aaamgr"), 6);
	cr_assert_eq(place_compute(&in, &out), 0);
	cr_expect(find(&out, "ipsecmgr", 2) && find(&out, "sessmgr", 6));
	place_output_free(&out);
}

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

static void check(const struct place_input *in, const struct place_output *out)
{
	unsigned alive = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		alive += lab.card[s] && lab.card[s]->processing && in->slots[s].state >= PLACE_STANDBY;
	for (size_t i = 0; i < out->n; i++) {
		const struct place_task *a = &out->tasks[i];

		cr_assert(in->slots[a->card].state >= PLACE_STANDBY, "seed %u: a task on a dead card %u",
		          seed, a->card);
		cr_assert(a->cpu < lab.card[a->card]->cpus);
		cr_assert(a->standby || out->role[a->card] == PLACE_CARD_ACTIVE,
		          "an active task on a standby card");
		for (size_t k = i + 1; k < out->n; k++)
			cr_assert(strcmp(a->facility, out->tasks[k].facility) ||
			                  a->instance != out->tasks[k].instance,
			          "seed %u: two owners of %s/%u", seed, a->facility, a->instance);
	}
	if (!alive)
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
	for (size_t i = 0; i < in->n_contexts; i++)
		cr_assert_not_null(find(out, "vpnmgr", in->contexts[i]));
}

/* What ran on a living card that is still active runs there now. */
static void check_least_movement(const struct place_input *in, const struct place_output *out)
{
	for (size_t i = 0; i < in->n_current; i++) {
		const struct place_task *was = &in->current[i], *now;

		/* an aaamgr makes room for its sessmgr */
		if (was->standby || !strcmp(was->facility, "vpnmgr") || !strcmp(was->facility, "aaamgr") ||
		    in->slots[was->card].state < PLACE_STANDBY || out->role[was->card] != PLACE_CARD_ACTIVE)
			continue;
		now = find(out, was->facility, was->instance);
		cr_assert(!now || now->card == was->card, "seed %u: %s/%u moved from a healthy card", seed,
		          was->facility, was->instance);
	}
}

Test(place, random_failures_keep_every_task_once)
{
	static struct place_task store[PLACE_TASKS_MAX];
	static const unsigned dpcs[] = {1, 2, 3, 10};

	for (unsigned round = 0; round < 300; round++) {
		struct place_input in;
		struct place_output out;

		seed = round * 7919 + 1;
		all_up(&in);
		for (unsigned i = 0; i < 4; i++)
			in.slots[dpcs[i]].want_active = rnd(4) != 0;
		in.n_contexts = 1 + rnd(6);
		for (unsigned i = 0; i < in.n_contexts; i++)
			in.contexts[i] = i + 1;
		for (unsigned step = 0; step < 12; step++) {
			unsigned s = dpcs[rnd(4)];

			in.slots[s].state = in.slots[s].state == PLACE_DOWN ? PLACE_STANDBY : PLACE_DOWN;
			cr_assert_eq(place_compute(&in, &out), 0);
			check(&in, &out);
			check_least_movement(&in, &out);
			become(&in, &out, store);
			/* What ran on the dead card is gone with it. */
			for (size_t i = 0; i < in.n_current;)
				if (in.slots[store[i].card].state == PLACE_DOWN)
					store[i] = store[--in.n_current];
				else
					i++;
		}
	}
}

/* SPDX-License-Identifier: MIT */
/* Crypto maps to ipsecmgrs: the rules of chapters 21, 23 and 24 by example, then over random
 * configurations. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "place/place_cfg.h"
#include "place/place_maps.h"

static struct place_maps m;

static void setup(void)
{
	memset(&m, 0, sizeof(m));
	m.require = (struct place_require){.demux_proc = true, .recovery = true};
	m.demux_card = true;
}

static void teardown(void)
{
	place_maps_free(&m);
}

TestSuite(place_maps, .init = setup, .fini = teardown);

static void context(const char *name)
{
	snprintf(m.contexts[m.n_contexts++].name, sizeof(m.contexts[0].name), "%s", name);
}

static struct place_map *map(const char *ctx, const char *name, int ike, bool demux)
{
	struct place_map x = {.ike = (uint8_t)ike, .demux = demux};

	snprintf(x.ctx, sizeof(x.ctx), "%s", ctx);
	snprintf(x.name, sizeof(x.name), "%s", name);
	cr_assert_eq(place_maps_add(&m, &x), 0);
	return &m.maps[m.n - 1];
}

static void many(const char *ctx, unsigned n, int ike, bool demux)
{
	char name[32];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s-%zu", ctx, m.n);
		map(ctx, name, ike, demux);
	}
}

static unsigned managers(bool demux, int ike)
{
	unsigned n = 0;

	for (size_t i = 0; i < m.n_managers; i++)
		n += m.managers[i].demux == demux && m.managers[i].ike == ike;
	return n;
}

static bool on_demux(size_t i)
{
	return place_maps_manager(&m, m.maps[i].manager)->demux;
}

Test(place_maps, twenty_four_on_the_demux_card_then_one_of_150_elsewhere)
{
	context("a");
	many("a", 24, 1, true);
	cr_assert_eq(place_maps_compute(&m), 0);
	cr_expect_eq(managers(true, 1), 3);
	cr_expect_eq(managers(false, 1), 0);
	for (size_t i = 0; i < m.n_managers; i++)
		cr_expect_eq(m.managers[i].maps, 8);
	many("a", 151, 1, true);
	cr_assert_eq(place_maps_compute(&m), 0);
	cr_expect_eq(managers(true, 1), 3);
	cr_expect_eq(managers(false, 1), 2, "150 in the fourth, one in the fifth");
	cr_expect(on_demux(23) && !on_demux(24));
}

Test(place_maps, ike_versions_have_three_each)
{
	context("a");
	many("a", 24, 1, true);
	many("a", 24, 2, true);
	cr_assert_eq(place_maps_compute(&m), 0);
	cr_expect_eq(managers(true, 1), 3);
	cr_expect_eq(managers(true, 2), 3);
	cr_expect_eq(managers(false, 1) + managers(false, 2), 0);
}

Test(place_maps, without_the_command_never_on_the_demux_card)
{
	context("a");
	many("a", 2, 1, true);
	many("a", 2, 1, false);
	place_maps_compute(&m);
	cr_expect(on_demux(0) && on_demux(1) && !on_demux(2) && !on_demux(3));
	cr_expect_eq(m.n_managers, 2);
}

Test(place_maps, needs_demux_on_a_dpc2_and_session_recovery)
{
	context("a");
	many("a", 1, 1, true);
	for (int what = 0; what < 4; what++) {
		struct place_require was = m.require;

		m.n_managers = 0;
		m.maps[0].manager = 0;
		m.require.demux_mio = what == 0;
		m.require.demux_proc = what != 1;
		m.require.recovery = what != 2;
		m.demux_card = what != 3;
		cr_expect_not(place_maps_demux_works(&m));
		cr_expect_eq(place_maps_compute(&m), 0);
		cr_expect_not(on_demux(0), "case %d", what);
		m.require = was;
	}
}

Test(place_maps, each_context_has_its_own_managers)
{
	context("a"), context("b"), context("c"), context("d");
	many("a", 1, 1, true), many("b", 1, 1, true), many("c", 9, 1, true), many("d", 1, 1, true);
	place_maps_compute(&m);
	cr_expect_eq(managers(true, 1), 3, "one for each of the first three contexts");
	cr_expect(on_demux(0) && on_demux(1) && on_demux(2) && on_demux(9));
	cr_expect_not(on_demux(10), "the ninth of a context finds no room");
	cr_expect_not(on_demux(11), "neither does a fourth context");
	cr_expect_neq(m.maps[10].manager, m.maps[11].manager);
}

Test(place_maps, a_changed_command_acts_after_remove_and_add)
{
	struct place_map saved;
	uint32_t was;

	context("a");
	many("a", 2, 1, true);
	place_maps_compute(&m);
	was = m.maps[0].manager;
	cr_expect_eq(place_maps_waits(&m, 0), 0);
	m.maps[0].demux = false; /* no ipsec-on-demux */
	place_maps_compute(&m);
	cr_expect_eq(place_maps_waits(&m, 0), 1);
	cr_expect_eq(place_maps_waits(&m, 1), 0);
	cr_expect_eq(m.maps[0].manager, was, "until it is removed it stays");
	saved = m.maps[0];
	m.maps[0] = m.maps[--m.n];
	place_maps_compute(&m);
	saved.manager = 0;
	place_maps_add(&m, &saved);
	place_maps_compute(&m);
	cr_expect_not(on_demux(1));
	cr_expect_eq(place_maps_waits(&m, 1), 0);
	m.maps[1].demux = true;
	cr_expect_eq(place_maps_waits(&m, 1), 1);
	m.maps[1].manager = 0; /* removed and added again, now with it */
	place_maps_compute(&m);
	cr_expect(on_demux(1));
}

Test(place_maps, a_removed_map_makes_room_and_a_removed_context_frees_managers)
{
	context("a"), context("b");
	many("a", 24, 1, true);
	place_maps_compute(&m);
	m.n--;
	many("b", 1, 1, true);
	place_maps_compute(&m);
	cr_expect_not(on_demux(23), "the managers are of context a");
	m.maps[23].manager = 0;
	m.n--;
	many("a", 1, 1, true);
	place_maps_compute(&m);
	cr_expect(on_demux(23), "its own context finds the room");
	m.n = 0;
	place_maps_compute(&m);
	cr_expect_eq(managers(true, 1), 3, "managers live as long as their context");
	m.contexts[0] = m.contexts[1];
	m.n_contexts = 1;
	many("b", 24, 1, true);
	cr_assert_eq(place_maps_compute(&m), 0);
	cr_expect(on_demux(0) && on_demux(23));
}

Test(place_maps, a_crypto_group_needs_two_managers_and_eight_fit)
{
	context("a");
	for (int g = 0; g < 9; g++)
		for (int k = 0; k < 2; k++) {
			char name[32];
			struct place_map *x;

			snprintf(name, sizeof(name), "g%d-%d", g, k);
			x = map("a", name, 1, true);
			snprintf(x->group, sizeof(x->group), "g%d", g);
		}
	cr_assert_eq(place_maps_compute(&m), 0);
	for (size_t i = 0; i < m.n; i += 2)
		cr_expect_neq(m.maps[i].manager, m.maps[i + 1].manager, "group %zu", i / 2);
	for (size_t i = 0; i < 16; i++)
		cr_expect(on_demux(i));
	cr_expect_not(on_demux(16));
	cr_expect_not(on_demux(17));
}

Test(place_maps, maps_of_the_same_addresses_share_a_manager_of_eight)
{
	context("a");
	many("a", 9, 1, true);
	for (size_t i = 0; i < m.n; i++)
		snprintf(m.maps[i].ends, sizeof(m.maps[i].ends), "192.0.2.1 192.0.2.2");
	cr_expect_eq(place_maps_compute(&m), 1);
	for (size_t i = 1; i < 8; i++)
		cr_expect_eq(m.maps[i].manager, m.maps[0].manager);
	cr_expect_eq(m.maps[8].manager, 0);
	cr_expect_not_null(m.maps[8].why);
}

Test(place_maps, software_takes_a_manager_per_map_until_the_limit_then_reuses)
{
	m.require.software[0] = true;
	context("a"), context("b");
	m.contexts[0].limit_ikev1 = 4;
	many("a", 4, 1, false);
	cr_assert_eq(place_maps_compute(&m), 0);
	cr_expect_eq(managers(false, 1), 4);
	many("a", 4, 1, false);
	cr_assert_eq(place_maps_compute(&m), 0);
	cr_expect_eq(managers(false, 1), 4, "the limit of the context");
	for (size_t i = 0; i < m.n_managers; i++)
		cr_expect_eq(m.managers[i].maps, 2, "the least loaded is used again");
	many("b", 200, 1, false);
	cr_assert_eq(place_maps_compute(&m), 0);
	cr_expect_eq(m.n_managers, 176);
	many("b", 1, 2, false); /* no manager is left for a new one */
	cr_expect_eq(place_maps_compute(&m), 1);
	cr_expect_not_null(m.maps[m.n - 1].why);
}

Test(place_maps, the_limit_counts_with_software_only)
{
	context("a");
	m.contexts[0].limit_ikev1 = 1;
	many("a", 151, 1, false);
	cr_assert_eq(place_maps_compute(&m), 0);
	cr_expect_eq(managers(false, 1), 2);
}

Test(place_maps, the_limit_of_the_chassis_is_for_all_contexts_and_ends_nobody)
{
	m.require.software[0] = true;
	m.limit[0] = 3;
	context("a"), context("b");
	many("a", 4, 1, false);
	cr_assert_eq(place_maps_compute(&m), 0, "the fourth shares");
	cr_expect_eq(managers(false, 1), 3);
	many("b", 1, 1, false);
	cr_expect_eq(place_maps_compute(&m), 1);
	cr_expect(strstr(m.maps[4].why, "task facility ipsecmgr"), "%s", m.maps[4].why);
	many("b", 1, 2, false); /* the other version has its own */
	cr_expect_eq(place_maps_compute(&m), 1);
	cr_expect_neq(m.maps[5].manager, 0);
	m.limit[0] = 1;
	place_maps_compute(&m);
	cr_expect_eq(managers(false, 1), 3, "tunnels are not ended by a limit");
	m.limit[0] = 4;
	cr_expect_eq(place_maps_compute(&m), 0);
}

/* --- properties --------------------------------------------------------------------------------------------
 */

static uint32_t seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static void check_limits(void)
{
	unsigned served[256] = {0}, groups = 0, of[2] = {0};

	for (size_t i = 0; i < m.n_managers; i++)
		of[m.managers[i].ike == 2]++;
	for (unsigned v = 0; v < 2; v++)
		cr_assert(!m.limit[v] || of[v] <= m.limit[v], "seed %u: %u managers", seed, of[v]);

	for (size_t i = 0; i < m.n; i++) {
		const struct place_map *x = &m.maps[i];
		const struct place_maps_manager *g = place_maps_manager(&m, x->manager);
		bool first = x->group[0] && g && g->demux;

		cr_assert(g || (!x->manager && x->why), "seed %u: nobody, and no reason", seed);
		for (size_t k = 0; k < i; k++) {
			const struct place_map *y = &m.maps[k];
			bool pair = x->group[0] && !strcmp(x->group, y->group) && !strcmp(x->ctx, y->ctx);

			first &= !(pair && y->manager && place_maps_manager(&m, y->manager)->demux);
			if (pair && g && g->demux)
				cr_assert_neq(x->manager, y->manager, "seed %u: a group in one manager",
				              seed);
		}
		groups += first;
		if (!g)
			continue;
		served[g->instance]++;
		cr_assert(g->ike == x->ike && !strcmp(g->ctx, x->ctx), "seed %u: a stranger's manager", seed);
	}
	cr_assert_leq(groups, PLACE_GROUPS_ON_DEMUX, "seed %u", seed);
	cr_assert_leq(m.n_managers, PLACE_MAP_MANAGERS);
	cr_assert(managers(true, 1) <= 3 && managers(true, 2) <= 3, "seed %u", seed);
	for (size_t i = 0; i < m.n_managers; i++) {
		const struct place_maps_manager *g = &m.managers[i];

		cr_assert(place_serves_maps(g->instance));
		cr_assert_eq(served[g->instance], g->maps, "seed %u", seed);
		cr_assert_leq(g->maps, g->demux ? 8u : 150u, "seed %u: manager %u", seed, g->instance);
		cr_assert(!g->demux || place_maps_demux_works(&m), "seed %u", seed);
		for (size_t k = 0; k < i; k++)
			cr_assert_neq(g->instance, m.managers[k].instance, "seed %u: two of a number", seed);
	}
}

static void random_change(void)
{
	static unsigned serial;
	char name[32], ctx[16];
	struct place_map *x;

	if (m.n && rnd(3) == 0) { /* the order of the others stays */
		size_t at = rnd((unsigned)m.n);

		memmove(&m.maps[at], &m.maps[at + 1], (--m.n - at) * sizeof(m.maps[0]));
		return;
	}
	if (m.n && rnd(6) == 0) {
		m.maps[rnd((unsigned)m.n)].demux ^= 1;
		return;
	}
	snprintf(ctx, sizeof(ctx), "c%u", rnd(3));
	snprintf(name, sizeof(name), "m%u", serial++);
	x = map(ctx, name, 1 + (int)rnd(2), rnd(2));
	if (rnd(4) == 0)
		snprintf(x->group, sizeof(x->group), "g%u", serial / 2);
	if (rnd(4) == 0)
		snprintf(x->ends, sizeof(x->ends), "a b%u", rnd(5));
}

Test(place_maps, random_configurations_break_no_limit_and_move_nothing)
{
	for (unsigned round = 0; round < 60; round++) {
		place_maps_free(&m);
		setup();
		seed = round * 7919 + 1;
		m.require.software[0] = rnd(3) == 0;
		m.require.software[1] = rnd(3) == 0;
		m.demux_card = rnd(4) != 0;
		context("c0"), context("c1"), context("c2");
		m.contexts[0].limit_ikev1 = rnd(2) * (1 + rnd(6));
		m.limit[0] = rnd(2) * (1 + rnd(12));
		m.limit[1] = rnd(2) * (1 + rnd(12));
		for (unsigned step = 0; step < 150; step++) {
			char key[400][32];
			uint32_t was[400];
			size_t n;

			random_change();
			n = m.n;
			for (size_t i = 0; i < n; i++) {
				snprintf(key[i], sizeof(key[i]), "%.31s", m.maps[i].name);
				was[i] = m.maps[i].manager;
			}
			place_maps_compute(&m);
			check_limits();
			for (size_t i = 0; i < n; i++)
				cr_assert(!was[i] || m.maps[i].manager == was[i], "seed %u: %s moved", seed,
				          key[i]);
		}
	}
}

Test(place_maps, the_limit_of_a_context_holds_under_random_changes)
{
	m.require.software[0] = true;
	context("c0"), context("c1"), context("c2");
	seed = 77;
	m.contexts[1].limit_ikev1 = 3;
	for (unsigned step = 0; step < 300; step++) {
		unsigned n = 0;

		random_change();
		place_maps_compute(&m);
		for (size_t i = 0; i < m.n_managers; i++)
			n += m.managers[i].ike == 1 && !m.managers[i].demux &&
			     !strcmp(m.managers[i].ctx, "c1");
		cr_assert_leq(n, 3, "step %u", step);
	}
}

static char told[400];

static void tell(void *arg, const char *line, bool set)
{
	size_t n = strlen(told);

	snprintf(told + n, sizeof(told) - n, "%s%s\n", set ? "" : "no ", line);
}

Test(place_maps, what_waits_for_the_next_boot)
{
	struct place_require now = {.recovery = true, .demux_proc = true, .software = {false, true}},
	                     then = now;
	char text[40];

	cr_expect_eq(place_require_waiting(&now, &then, tell, NULL), 0);
	then = (struct place_require){.demux_mio = true, .ipsec_large = true, .software = {true, true}};
	cr_expect_eq(place_require_waiting(&now, &then, tell, NULL), 5);
	cr_expect_str_eq(told,
	                 "no require session recovery\nrequire ipsec-large\nrequire demux management-card\n"
	                 "no require demux processing-card\nrequire crypto ikev1-acl software\n");
	/* what is kept of a boot is what it was */
	place_require_print(&now, text, sizeof(text));
	cr_expect(place_require_parse(text, &then));
	cr_expect_eq(place_require_waiting(&now, &then, tell, NULL), 0);
	cr_expect_not(place_require_parse("1 0 1", &then));
}

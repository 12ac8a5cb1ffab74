/* SPDX-License-Identifier: MIT */
/*
 * ESP packets that belong nowhere (lib/ike/ike_stray.c): INVALID_SELECTORS with the packet's start,
 * INVALID_SPI inside and outside of an IKE SA, how often they are told, and what they do to whom they are
 * told.
 */
#include <criterion/criterion.h>
#include "tests/exchange/ike_world.h"

static struct world *w;

static void setup(void)
{
	w = w_new();
}

static void teardown(void)
{
	w_free(w);
}

TestSuite(ike_stray, .init = setup, .fini = teardown, .timeout = 60);

static uint8_t packet[300] = {0x45, 0, 1, 0x2c, 0, 0, 0, 0, 64, 17, 0, 0, 10, 1, 1, 1, 10, 2, 2, 2};

static int wrong(uint64_t after)
{
	w_run(w, after);
	return ike_engine_wrong_selectors(w->n[0].e, w->now, w_first_child(&w->n[0]), packet, sizeof(packet));
}

static struct ike_path peer_path(void)
{
	struct ike_path p = w_path(500), back = p;

	back.local = p.remote;
	back.remote = p.local;
	return back;
}

static int unknown(uint64_t after, uint32_t spi)
{
	struct ike_path p = peer_path();

	w_run(w, after);
	return ike_engine_unknown_esp(w->n[0].e, w->now, &p, spi);
}

Test(ike_stray, wrong_selectors_are_told)
{
	const struct ike_event *ev = &w->n[1].last[IKE_EV_STRAY];

	w_up(w);
	cr_assert_eq(wrong(0), 0);
	w_run(w, W_US / 10);
	cr_assert_eq(w->n[1].cnt.notifrecv_invsel, 1);
	cr_assert_eq(w->n[0].cnt.notifpaysent_invsel, 1);
	cr_assert_eq(ev->notify, IKE_N_INVALID_SELECTORS);
	cr_assert_eq(ev->spi_in, w_first_child(&w->n[1]), "the SPI is that of the packet");
	cr_assert_eq(ev->excerpt_len, IKE_EXCERPT_MAX);
	cr_assert_arr_eq(ev->excerpt, packet, IKE_EXCERPT_MAX);
	cr_assert_eq(w->n[0].events[IKE_EV_DOWN] + w->n[1].events[IKE_EV_DOWN], 0);
	cr_assert_eq(w_matched(w), 1);
	cr_assert_eq(ike_engine_wrong_selectors(w->n[0].e, w->now, 1, packet, 20), -ENOENT);
}

Test(ike_stray, once_a_second_and_never_before_anything_else)
{
	w_up(w);
	cr_assert_eq(wrong(0), 0);
	cr_assert_eq(wrong(W_US / 2), -EAGAIN);
	cr_assert_eq(wrong(W_US), 0);
	w_run(w, 2 * W_US);
	ike_engine_rekey_child(w->n[0].e, w->now, w_first_child(&w->n[0]));
	cr_assert_eq(wrong(0), -EAGAIN);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].cnt.notifrecv_invsel, 2);
	cr_assert_eq(w_matched(w), 1);
}

/* Told of an SA that the peer of the IKE SA has never had: nothing happens. */
Test(ike_stray, an_unknown_spi_is_told_inside)
{
	w_up(w);
	cr_assert_eq(unknown(0, w_first_child(&w->n[0])), -EEXIST, "the data path is late");
	cr_assert_eq(unknown(0, 0x01aabbcc), 0);
	cr_assert_eq(unknown(W_US / 2, 0x01aabbcc), -EAGAIN);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].cnt.notifrecv_invspi, 1);
	cr_assert_eq(w->n[0].cnt.notifpaysent_invspi, 1);
	cr_assert_eq(w->n[1].last[IKE_EV_STRAY].spi_in, 0);
	cr_assert_eq(w_matched(w), 1);
	ike_engine_rekey_child(w->n[0].e, w->now, w_first_child(&w->n[0]));
	cr_assert_eq(unknown(0, 0x01aabbcc), -EAGAIN, "it may be the one that is being made");
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 1);
}

/* The peer has lost a child of an IKE SA that lives: what we send is for nobody, so it ends here too. */
Test(ike_stray, a_lost_child_ends)
{
	struct ike_child *c;
	uint32_t spi;

	w->n[0].policy.allow_empty = w->n[1].policy.allow_empty = true;
	w_up(w);
	spi = w_first_child(&w->n[0]);
	c = ike_sa_child_in(w->n[0].e, spi);
	ike_map_del(&w->n[0].e->by_child, &c->by_spi); /* the look-up misses it, as if it were gone */
	cr_assert_eq(unknown(0, spi), 0);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].cnt.notifrecv_invspi, 1);
	cr_assert_eq(w->n[1].events[IKE_EV_CHILD_DOWN], 1);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_DOWN].reason, IKE_R_CHILD_NOT_FOUND);
	cr_assert_eq(w->n[1].last[IKE_EV_STRAY].notify, IKE_N_INVALID_SPI);
	cr_assert_eq(w_established(&w->n[1]), 1);
	cr_assert_eq(w_children(&w->n[1]), 0);
}

/* Without an IKE SA it is told outside: a hint that changes nothing and is not answered. */
Test(ike_stray, an_unknown_spi_is_told_outside)
{
	unsigned sent, told;

	w_up(w);
	ike_engine_drop_all(w->n[0].e, w->now, NULL, false);
	w_run(w, W_US);
	sent = w->sent[1];
	told = w->sent[0];
	cr_assert_eq(unknown(0, 0x01aabbcc), 0);
	cr_assert_eq(w->sent[0], told + 1);
	w_run(w, W_US / 10);
	cr_assert_eq(w->sent[1], sent, "no answer");
	cr_assert_eq(w_established(&w->n[1]), 1);
	cr_assert_eq(w_children(&w->n[1]), 1);
	cr_assert_eq(w->n[0].cnt.notifpaysent_invspi, 1);
	cr_assert_eq(w->n[1].events[IKE_EV_STRAY], 0);
}

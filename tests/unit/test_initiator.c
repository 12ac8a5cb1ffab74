/* SPDX-License-Identifier: MIT */
/*
 * The machine of a peer that the gateway may call (chapter 27, lib/initiator): every state with every event,
 * the sequence of modes under a virtual clock, collisions, and modes that go on over a loss as if nothing had
 * been.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "initiator/initiator.h"

#define S     1000000ULL
#define START (1700000000ULL * S)

static struct initiator_set set;
static struct initiator_peer peer;
static uint64_t now;
static unsigned calls, given_up, collisions, ended, kept, changes;
static uint64_t first_call, last_call, kept_us;
static int call_result;

static int on_call(void *arg, struct initiator_peer *p)
{
	(void)arg, (void)p;
	last_call = now;
	if (!calls++)
		first_call = now;
	return call_result;
}
static void on_give_up(void *arg, struct initiator_peer *p, bool collision)
{
	(void)arg, (void)p;
	given_up++;
	collisions += collision;
}
static void on_end_own(void *arg, struct initiator_peer *p)
{
	(void)arg, (void)p;
	ended++;
}
static void on_keep(void *arg, struct initiator_peer *p)
{
	(void)arg;
	kept++;
	kept_us = p->since_us;
}
static void on_change(void *arg, struct initiator_peer *p, int from, int to)
{
	(void)arg, (void)p;
	cr_assert_neq(from, to);
	changes++;
}

static const struct initiator_ops ops = {on_call, on_give_up, on_end_own, on_keep, on_change};

static void begin(uint32_t responder_s, uint32_t initiator_s)
{
	struct net_addr a;

	net_addr_parse(&a, "192.0.2.50");
	now = START;
	calls = given_up = collisions = ended = kept = changes = 0;
	call_result = 0;
	initiator_init(&set, &ops, NULL, responder_s, initiator_s, now);
	initiator_peer_init(&set, &peer, &a);
}

static void setup(void)
{
	begin(10, 10);
}

TestSuite(initiator, .init = setup, .timeout = 60);

/* Let time pass, timer by timer. */
static void run(uint64_t us)
{
	uint64_t until = now + us, next;

	while ((next = initiator_next_us(&set)) <= until) {
		now = next > now ? next : now;
		initiator_tick(&set, now);
		if (initiator_next_us(&set) <= now)
			now++;
	}
	now = until;
	initiator_tick(&set, now);
}

static enum initiator_state state(void)
{
	return (enum initiator_state)peer.fsm.state;
}

/* --- the table --- */

Test(initiator, the_table_is_sound)
{
	char err[200] = "";

	cr_assert_eq(fsm_check(&initiator_table, INITIATOR_IDLE, err, sizeof(err)), 0, "%s", err);
}

/* Written down a second time: I idle, R responder, C calling, U connected, - refused. */
static const char letters[] = "IRCU";
static const struct {
	const char *event, *to;
} expected[INITIATOR_EVENTS] = {
        [INITIATOR_EV_START] = {"start", "RRCU"},
        [INITIATOR_EV_STOP] = {"stop", "IIII"},
        [INITIATOR_EV_MODE_OVER] = {"mode over", "-CR-"},
        [INITIATOR_EV_CALL_NOW] = {"call now", "--C-"},
        [INITIATOR_EV_PEER_BEGAN] = {"peer began", "IRRU"},
        [INITIATOR_EV_PEER_UP] = {"peer up", "IUUU"},
        [INITIATOR_EV_OWN_UP] = {"own up", "IUUU"},
        [INITIATOR_EV_OWN_FAILED] = {"own failed", "IRCU"},
        [INITIATOR_EV_DOWN] = {"down", "IRCR"},
};

Test(initiator, every_state_and_event)
{
	for (int s = 0; s < INITIATOR_STATES; s++)
		for (int e = 0; e < INITIATOR_EVENTS; e++) {
			char want = expected[e].to[s];
			int rc;

			setup();
			fsm_restore(&peer.fsm, s);
			rc = fsm_event(&peer.fsm, e, &now);
			cr_assert_str_eq(fsm_event_name(&initiator_table, e), expected[e].event);
			cr_assert_eq(rc, want == '-' ? -EPROTO : 0, "%s in %s", expected[e].event,
			             initiator_state_name(s));
			cr_assert_eq(letters[peer.fsm.state], want == '-' ? letters[s] : want, "%s in %s",
			             expected[e].event, initiator_state_name(s));
			initiator_peer_drop(&peer);
			cr_assert_eq(set.wheel.pending, 0);
		}
}

/* --- the sequence --- */

Test(initiator, modes_alternate)
{
	for (uint32_t r = INITIATOR_DURATION_LO; r <= INITIATOR_DURATION_HI; r += 35)
		for (uint32_t i = INITIATOR_DURATION_LO; i <= INITIATOR_DURATION_HI; i += 49) {
			begin(r, i);
			initiator_start(&peer, now, 0);
			cr_assert_eq(state(), INITIATOR_RESPONDER);
			for (unsigned round = 0; round < 3; round++) {
				cr_assert_eq(initiator_mode_ends(&peer), now + r * S);
				calls = 0;
				run(r * S - 2000);
				cr_assert_eq(state(), INITIATOR_RESPONDER);
				cr_assert_eq(calls, 0, "the peer has its time");
				run(4000);
				cr_assert_eq(state(), INITIATOR_CALLING);
				cr_assert_eq(initiator_mode_ends(&peer), now - 2000 + i * S);
				run(i * S - 4000);
				cr_assert_eq(calls, 1, "what is under way is not begun again");
				cr_assert_lt(first_call - START - (uint64_t)round * (r + i) * S - r * S,
				             INITIATOR_SPREAD_US + 2000);
				cr_assert_eq(given_up, round);
				run(2000);
				cr_assert_eq(state(), INITIATOR_RESPONDER);
				cr_assert_eq(given_up, round + 1);
			}
			cr_assert_eq(kept, 0, "what follows from the clock is not kept");
			cr_assert_eq(changes, 7);
		}
}

Test(initiator, retries_within_the_mode)
{
	initiator_start(&peer, now, 0);
	run(12 * S);
	cr_assert_eq(calls, 1);
	for (unsigned i = 2; i <= 8; i++) {
		initiator_failed(&peer, now);
		run(INITIATOR_RETRY_US / 2);
		cr_assert_eq(calls, i - 1);
		run(INITIATOR_RETRY_US / 2 + 1000);
		cr_assert_eq(calls, i);
	}
	cr_assert_eq(peer.calls, 8);
	initiator_failed(&peer, now);
	run(S);
	cr_assert_eq(state(), INITIATOR_RESPONDER);
	run(9 * S);
	cr_assert_eq(calls, 8, "no retry beyond the mode");
}

Test(initiator, a_call_that_can_not_begin_is_tried_again)
{
	call_result = -EBUSY;
	initiator_start(&peer, now, 0);
	run(15 * S);
	cr_assert_geq(calls, 4);
	call_result = 0;
	run(2 * S);
	initiator_up(&peer, now, true);
	cr_assert_eq(state(), INITIATOR_CONNECTED);
}

Test(initiator, a_call_that_is_up_ends_it_until_it_is_down)
{
	initiator_start(&peer, now, 0);
	run(11 * S);
	initiator_up(&peer, now, true);
	cr_assert_eq(state(), INITIATOR_CONNECTED);
	cr_assert_eq(initiator_mode_ends(&peer), 0);
	cr_assert_eq(initiator_next_us(&set), UINT64_MAX);
	run(86400 * S);
	cr_assert_eq(calls, 1);
	initiator_down(&peer, now, true);
	cr_assert_eq(state(), INITIATOR_RESPONDER);
	cr_assert_eq(kept, 1);
	cr_assert_eq(kept_us, now);
	run(10 * S + 2000);
	cr_assert_eq(state(), INITIATOR_CALLING);
	run(INITIATOR_SPREAD_US);
	cr_assert_eq(calls, 2);
}

Test(initiator, a_peer_that_calls_is_not_called)
{
	initiator_start(&peer, now, 0);
	run(9 * S);
	initiator_peer_began(&peer, now);
	run(S / 2);
	initiator_up(&peer, now, false);
	cr_assert_eq(state(), INITIATOR_CONNECTED);
	run(3600 * S);
	cr_assert_eq(calls, 0);
	initiator_up(&peer, now, false); /* a second one, say of another identity */
	initiator_down(&peer, now, false);
	cr_assert_eq(state(), INITIATOR_CONNECTED);
	initiator_down(&peer, now, false);
	cr_assert_eq(state(), INITIATOR_RESPONDER);
	initiator_down(&peer, now, false);
	cr_assert_eq(peer.n_theirs, 0);
}

Test(initiator, a_peer_that_only_begins_gains_one_turn)
{
	initiator_start(&peer, now, 0);
	for (unsigned i = 0; i < 19; i++) {
		run(S);
		cr_assert_eq(state(), i < 10 ? INITIATOR_RESPONDER : state());
		if (state() == INITIATOR_RESPONDER)
			initiator_peer_began(&peer, now);
	}
	cr_assert_eq(state(), INITIATOR_CALLING);
	run(INITIATOR_SPREAD_US + 2000);
	cr_assert_eq(calls, 1);
}

/* --- collisions --- */

Test(initiator, the_peers_call_counts)
{
	initiator_start(&peer, now, 0);
	run(12 * S);
	cr_assert_eq(calls, 1);
	initiator_peer_began(&peer, now);
	cr_assert_eq(state(), INITIATOR_RESPONDER);
	cr_assert_eq(given_up, 1);
	cr_assert_eq(collisions, 1);
	cr_assert_eq(kept_us, now);
	initiator_failed(&peer, now); /* ours has ended */
	run(S);
	initiator_up(&peer, now, false);
	run(100 * S);
	cr_assert_eq(calls, 1);
}

Test(initiator, of_two_that_are_up_ours_ends)
{
	initiator_start(&peer, now, 0);
	run(12 * S);
	initiator_up(&peer, now, true);
	initiator_peer_began(&peer, now);
	cr_assert_eq(given_up, 0);
	cr_assert_eq(state(), INITIATOR_CONNECTED);
	initiator_up(&peer, now, false);
	cr_assert_eq(ended, 1);
	initiator_down(&peer, now, true);
	cr_assert_eq(state(), INITIATOR_CONNECTED);
}

Test(initiator, ours_was_slower)
{
	initiator_start(&peer, now, 0);
	run(12 * S);
	initiator_up(&peer, now, false);
	cr_assert_eq(given_up, 1);
	cr_assert_eq(state(), INITIATOR_CONNECTED);
	initiator_up(&peer, now, true); /* it came through nevertheless */
	cr_assert_eq(ended, 1);
}

Test(initiator, two_gateways_do_not_call_at_the_same_moment)
{
	struct net_addr other;
	unsigned same = 0, rounds = 200;
	uint64_t a, b;

	net_addr_parse(&other, "192.0.2.1");
	for (unsigned i = 0; i < rounds; i++) {
		begin(10, 10);
		initiator_start(&peer, now, now - (uint64_t)i * 20 * S - 9 * S);
		run(3 * S);
		a = first_call;
		begin(10, 10);
		peer.addr = other;
		initiator_start(&peer, now, now - (uint64_t)i * 20 * S - 9 * S);
		run(3 * S);
		b = first_call;
		same += (a > b ? a - b : b - a) < 20000;
	}
	cr_assert_lt(same, rounds / 8, "%u of %u rounds within 20 ms", same, rounds);
}

/* --- owners and losses --- */

Test(initiator, what_is_not_ours_is_only_counted)
{
	initiator_up(&peer, now, false);
	initiator_peer_began(&peer, now);
	run(100 * S);
	cr_assert_eq(state(), INITIATOR_IDLE);
	cr_assert_eq(calls + given_up, 0);
	initiator_start(&peer, now, 0);
	cr_assert_eq(state(), INITIATOR_CONNECTED, "it has a call");
	initiator_stop(&peer, now);
	initiator_down(&peer, now, false);
	cr_assert_eq(state(), INITIATOR_IDLE);
	cr_assert_eq(kept, 0);
	initiator_start(&peer, now, 0);
	cr_assert_eq(state(), INITIATOR_RESPONDER);
}

Test(initiator, given_up_when_it_becomes_anothers)
{
	initiator_start(&peer, now, 0);
	run(12 * S);
	initiator_stop(&peer, now);
	cr_assert_eq(given_up, 1);
	run(100 * S);
	cr_assert_eq(calls, 1);
}

/* Cut off at any moment and started again with what was kept: the same mode, the same end of it. */
Test(initiator, modes_survive)
{
	struct initiator_peer twin;
	struct initiator_set other;
	uint64_t since = START;

	begin(7, 13);
	initiator_start(&peer, now, 0);
	for (unsigned i = 0; i < 400; i++) {
		run(377 * 1000);
		initiator_init(&other, &ops, NULL, 7, 13, now);
		initiator_peer_init(&other, &twin, &peer.addr);
		initiator_start(&twin, now, since);
		cr_assert_eq(twin.fsm.state, peer.fsm.state, "after %u", i);
		cr_assert_eq(initiator_mode_ends(&twin), initiator_mode_ends(&peer));
		initiator_peer_drop(&twin);
	}
}

Test(initiator, a_time_to_come_is_now)
{
	initiator_start(&peer, now, now + 5 * S);
	cr_assert_eq(initiator_mode_ends(&peer), now + 10 * S);
}

Test(initiator, a_long_stop_is_not_made_up_for)
{
	initiator_start(&peer, now, 0);
	run(11 * S);
	now += 1000 * S;
	initiator_tick(&set, now);
	cr_assert_eq(state(), INITIATOR_RESPONDER);
	cr_assert_eq(initiator_mode_ends(&peer), now + 10 * S);
	cr_assert_leq(calls, 1);
}

Test(initiator, a_thousand_peers)
{
	static struct initiator_peer many[INITIATOR_PEERS_MAX];
	struct net_addr a;
	unsigned at_once = 0;

	net_addr_parse(&a, "10.0.0.0");
	for (unsigned i = 0; i < INITIATOR_PEERS_MAX; i++) {
		net_addr_add(&a, 1);
		initiator_peer_init(&set, &many[i], &a);
		initiator_start(&many[i], now, 0);
	}
	run(10 * S + 100000);
	at_once = calls;
	cr_assert(at_once > 30 && at_once < 300, "%u in the first tenth of a second", at_once);
	run(S);
	cr_assert_eq(calls, INITIATOR_PEERS_MAX);
	run(9 * S);
	cr_assert_eq(given_up, INITIATOR_PEERS_MAX);
}

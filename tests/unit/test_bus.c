/* SPDX-License-Identifier: MIT */
/* The bus over real ZeroMQ sockets in a private directory: two cards, several processes, one loop. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bus/bus.h"

#define DEADLINE_US (5 * US_PER_SEC)

static uv_loop_t *loop;
static char dir[] = "/tmp/orrery-bus-XXXXXX";

struct end {
	struct bus_client *c;
	struct bus_switch *sw; /* its card */
	const char *name;
	unsigned n;
	char last_src[BUS_ADDR_MAX], last_ret[BUS_ADDR_MAX];
	int last_case, last_kind, last_code, routes;
	uint64_t last_id, ids[16];
	bool in_order;
};

struct card {
	struct bus_switch *sw;
	unsigned hellos, own;
};

static void client_rx(void *arg, const struct bus_rx *rx)
{
	struct end *e = arg;
	Envelope *env = envelope__unpack(NULL, rx->len, rx->data);

	cr_assert_not_null(env);
	if (env->body_case == ENVELOPE__BODY_ROUTE) {
		e->routes++;
	} else {
		e->ids[e->n++ % 16] = env->id;
		e->last_case = (int)env->body_case;
		e->last_kind = (int)env->kind;
		e->in_order = e->n == 1 ? env->id == 1 : e->in_order && env->id == e->last_id + 1;
		e->last_id = env->id;
		e->last_code = env->body_case == ENVELOPE__BODY_STATUS ? env->status->code : 0;
		snprintf(e->last_src, sizeof(e->last_src), "%s", rx->src);
		snprintf(e->last_ret, sizeof(e->last_ret), "%s", rx->ret);
	}
	envelope__free_unpacked(env, NULL);
}

/* The card registers whoever says hello under the name it gives. */
static void card_rx(void *arg, const struct bus_rx *rx)
{
	struct card *c = arg;
	Envelope *env = envelope__unpack(NULL, rx->len, rx->data);
	char name[BUS_ADDR_MAX];

	if (env && !rx->src[0] && env->body_case == ENVELOPE__BODY_HELLO) {
		snprintf(name, sizeof(name), "%s/%u", env->hello->facility, env->hello->instance);
		bus_switch_register(c->sw, rx->ret, name);
		if (env->hello->active)
			bus_switch_ready(c->sw, rx->ret, name);
		c->hellos++;
	} else {
		c->own++;
	}
	if (env)
		envelope__free_unpacked(env, NULL);
}

static void wake(uv_timer_t *t)
{
	(void)t;
}

/* Run the loop until the condition holds. */
#define WAIT(cond)                                                                                           \
	do {                                                                                                 \
		uint64_t end_ = clock_now_us() + DEADLINE_US;                                                \
		uv_timer_t tick_;                                                                            \
		uv_timer_init(loop, &tick_);                                                                 \
		uv_timer_start(&tick_, wake, 5, 5);                                                          \
		while (!(cond) && clock_now_us() < end_)                                                     \
			uv_run(loop, UV_RUN_ONCE);                                                           \
		uv_timer_stop(&tick_);                                                                       \
		uv_close((uv_handle_t *)&tick_, NULL);                                                       \
		uv_run(loop, UV_RUN_NOWAIT);                                                                 \
		cr_assert(cond, "never true: " #cond);                                                       \
	} while (0)

static void setup(void)
{
	loop = uv_default_loop();
	cr_assert_not_null(mkdtemp(dir));
}

static void card_open(struct card *c, unsigned slot)
{
	memset(c, 0, sizeof(*c));
	c->sw = bus_switch_new(loop, dir, slot, card_rx, c);
	cr_assert_not_null(c->sw);
}

static void join(struct end *e, struct card *card, unsigned slot, const char *facility, unsigned instance,
                 bool active)
{
	Envelope env = ENVELOPE__INIT;
	BusHello h = BUS_HELLO__INIT;
	char path[200], identity[40];
	unsigned before = card->hellos;

	memset(e, 0, sizeof(*e));
	e->name = facility;
	e->sw = card->sw;
	snprintf(path, sizeof(path), "%s/card-%u.ipc", dir, slot);
	snprintf(identity, sizeof(identity), "t-%s-%u-%u", facility, instance, slot);
	e->c = bus_client_new(loop, path, identity, client_rx, e);
	cr_assert_not_null(e->c);
	h.facility = (char *)facility;
	h.instance = instance;
	h.active = active;
	env.body_case = ENVELOPE__BODY_HELLO;
	env.hello = &h;
	cr_assert_eq(bus_client_send(e->c, "", &env), 0);
	WAIT(card->hellos > before);
}

static void send_show(struct end *e, const char *dst, Envelope__Kind kind, uint64_t id)
{
	Envelope env = ENVELOPE__INIT;
	Show s = SHOW__INIT;

	env.kind = kind;
	env.id = id;
	env.topic = (char *)"t";
	env.body_case = ENVELOPE__BODY_SHOW;
	env.show = &s;
	cr_assert_eq(bus_client_send(e->c, dst, &env), 0);
}

TestSuite(bus, .init = setup, .timeout = 30);

Test(bus, routes_within_and_between_cards)
{
	struct card a, b;
	struct end one, two, three;

	card_open(&a, 1);
	card_open(&b, 2);
	bus_switch_peer_up(a.sw, 2);
	bus_switch_peer_up(b.sw, 1);
	join(&one, &a, 1, "sessmgr", 1, true);
	join(&two, &a, 1, "ipsecmgr", 1, true);
	join(&three, &b, 2, "srdb", 0, true);
	WAIT(bus_switch_where(a.sw, "srdb/0") == 2 && bus_switch_where(b.sw, "sessmgr/1") == 1);
	send_show(&one, "ipsecmgr/1", ENVELOPE__KIND__ONEWAY, 0);
	WAIT(two.n == 1);
	cr_expect_str_eq(two.last_src, "sessmgr/1");
	send_show(&one, "srdb/0", ENVELOPE__KIND__REQUEST, 77);
	WAIT(three.n == 1);
	cr_expect_str_eq(three.last_src, "sessmgr/1");
	cr_expect_eq(three.last_id, 77);
	/* The return address reaches exactly the process that asked. */
	send_show(&three, three.last_ret, ENVELOPE__KIND__RESPONSE, 77);
	WAIT(one.n == 1);
	cr_expect_eq(one.last_kind, ENVELOPE__KIND__RESPONSE);
}

Test(bus, a_request_to_nobody_is_answered_unreachable)
{
	struct card a, b;
	struct end one, two;

	card_open(&a, 1);
	card_open(&b, 2);
	bus_switch_peer_up(a.sw, 2);
	bus_switch_peer_up(b.sw, 1);
	join(&one, &a, 1, "cli", 1, true);
	send_show(&one, "nobody/0", ENVELOPE__KIND__REQUEST, 5);
	WAIT(one.n == 1);
	cr_expect_eq(one.last_code, -EHOSTUNREACH);
	cr_expect_eq(one.last_id, 5);
	/* A card that goes takes its routes along. */
	join(&two, &b, 2, "srdb", 0, true);
	WAIT(bus_switch_where(a.sw, "srdb/0") == 2);
	bus_switch_peer_down(a.sw, 2);
	cr_expect_eq(bus_switch_where(a.sw, "srdb/0"), 0);
	send_show(&one, "srdb/0", ENVELOPE__KIND__REQUEST, 6);
	WAIT(one.n == 2);
	cr_expect_eq(one.last_code, -EHOSTUNREACH);
	/* A one-way message to nobody is counted, not answered. */
	send_show(&one, "srdb/0", ENVELOPE__KIND__ONEWAY, 0);
	WAIT(bus_switch_counters(a.sw)->unroutable == 3);
	cr_expect_eq(one.n, 2);
}

/* The table of the other card comes before this one is told of it, or ours before the other is told of us. */
Test(bus, cards_learn_of_each_other_in_any_order)
{
	struct card a, b;
	struct end one, two;

	card_open(&a, 1);
	card_open(&b, 2);
	join(&one, &a, 1, "hatsystem", 0, true);
	join(&two, &b, 2, "iftask", 20, true);
	bus_switch_peer_up(a.sw, 2);
	/* b has seen the table when it has seen what was sent after it, and knows nothing of it. */
	send_show(&one, "card/2", ENVELOPE__KIND__ONEWAY, 0);
	WAIT(b.own == 1);
	cr_assert_eq(bus_switch_where(b.sw, "hatsystem/0"), 0);
	bus_switch_peer_up(b.sw, 1);
	WAIT(bus_switch_where(b.sw, "hatsystem/0") == 1);
	WAIT(bus_switch_where(a.sw, "iftask/20") == 2);
}

/* A card must see that a task is another process now, although its end and its coming again are one line of
 * news. */
Test(bus, who_comes_again_at_once_is_noticed)
{
	struct card a, b;
	struct end one;
	uint64_t before;

	card_open(&a, 1);
	card_open(&b, 2);
	bus_switch_peer_up(a.sw, 2);
	bus_switch_peer_up(b.sw, 1);
	cr_assert_eq(bus_switch_came(b.sw, "hatsystem/0"), 0);
	join(&one, &a, 1, "hatsystem", 0, true);
	WAIT(bus_switch_where(b.sw, "hatsystem/0") == 1);
	before = bus_switch_came(b.sw, "hatsystem/0");
	cr_assert_neq(before, 0);
	bus_switch_withdraw(a.sw, "hatsystem/0");
	cr_assert_eq(bus_switch_ready(a.sw, "t-hatsystem-0-1", "hatsystem/0"), 0);
	WAIT(bus_switch_came(b.sw, "hatsystem/0") != before);
	cr_assert_eq(bus_switch_where(b.sw, "hatsystem/0"), 1);
}

static void cut(struct card *a, struct card *b, bool on)
{
	bus_switch_cut(a->sw, 2, on);
	bus_switch_cut(b->sw, 1, on);
}

/* Two cards that know each other, a task on each. */
static void two_cards(struct card *a, struct card *b, struct end *one, struct end *two)
{
	card_open(a, 1);
	card_open(b, 2);
	bus_switch_peer_up(a->sw, 2);
	bus_switch_peer_up(b->sw, 1);
	join(one, a, 1, "ipsecmgr", 1, true);
	join(two, b, 2, "srdb", 0, true);
	WAIT(bus_switch_where(a->sw, "srdb/0") == 2 && bus_switch_where(b->sw, "ipsecmgr/1") == 1);
}

/* A round trip on card 2 and one on card 1: what was not held back has arrived. */
static void all_arrived(struct card *a, struct card *b, struct end *one, struct end *two)
{
	unsigned at_a = a->own, at_b = b->own;

	send_show(one, "card/1", ENVELOPE__KIND__ONEWAY, 0);
	send_show(two, "card/2", ENVELOPE__KIND__ONEWAY, 0);
	WAIT(a->own == at_a + 1 && b->own == at_b + 1);
}

/* A task moved to the other card and back while the fabric was cut: what is heard of it at last is old. */
Test(bus, old_news_does_not_take_an_address_from_who_is_here)
{
	struct card a, b;
	struct end one, two, there, here, mark;
	int heard;

	two_cards(&a, &b, &one, &two);
	cut(&a, &b, true);
	heard = two.routes;
	join(&there, &b, 2, "ipsecmgr", 7, true);
	WAIT(two.routes > heard);
	heard = two.routes;
	bus_switch_withdraw(b.sw, "ipsecmgr/7");
	WAIT(two.routes > heard);
	join(&here, &a, 1, "ipsecmgr", 7, true);
	cr_assert_eq(bus_switch_where(a.sw, "ipsecmgr/7"), 1);
	heard = one.routes;
	WAIT(one.routes > heard);
	heard = one.routes;
	cut(&a, &b, false);
	join(&mark, &b, 2, "sessmgr", 9, true);
	WAIT(bus_switch_where(a.sw, "sessmgr/9") == 2);
	cr_assert_eq(bus_switch_where(a.sw, "ipsecmgr/7"), 1);
	send_show(&one, "ipsecmgr/7", ENVELOPE__KIND__ONEWAY, 5);
	WAIT(here.n == 1);
}

Test(bus, a_cut_delays_and_loses_nothing)
{
	struct card a, b;
	struct end one, two;
	Envelope ping = ENVELOPE__INIT;
	BusPing p = BUS_PING__INIT;
	unsigned own;

	two_cards(&a, &b, &one, &two);
	bus_switch_subscribe(b.sw, "t-srdb-0-2", "config");
	cut(&a, &b, true);
	send_show(&one, "srdb/0", ENVELOPE__KIND__REQUEST, 1);
	send_show(&one, "#config", ENVELOPE__KIND__PUBLISH, 2);
	send_show(&one, "srdb/0", ENVELOPE__KIND__ONEWAY, 3);
	ping.body_case = ENVELOPE__BODY_PING;
	ping.ping = &p;
	cr_assert_eq(bus_switch_send(a.sw, "card/2", &ping), 0);
	all_arrived(&a, &b, &one, &two);
	cr_assert_eq(two.n, 0, "something went through a cut");
	own = b.own;
	cut(&a, &b, false);
	WAIT(two.n == 3);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(two.ids[i], i + 1, "out of order");
	send_show(&two, two.last_ret, ENVELOPE__KIND__RESPONSE, 1);
	WAIT(one.n == 1);
	all_arrived(&a, &b, &one, &two);
	cr_assert_eq(two.n, 3, "something came twice");
	cr_assert_eq(b.own, own + 1, "a heartbeat of before was heard after the cut");
}

/* Loss is an answer, and what was answered so does not arrive later. An answer or a publication waits on. */
Test(bus, a_request_does_not_wait_for_ever_at_a_cut)
{
	struct card a, b;
	struct end one, two;

	two_cards(&a, &b, &one, &two);
	bus_switch_hold(a.sw, 100);
	cut(&a, &b, true);
	send_show(&one, "srdb/0", ENVELOPE__KIND__ONEWAY, 1);
	send_show(&one, "srdb/0", ENVELOPE__KIND__REQUEST, 2);
	WAIT(one.n == 1);
	cr_assert_eq(one.last_code, -EHOSTUNREACH);
	cr_assert_eq(one.last_id, 2);
	cut(&a, &b, false);
	WAIT(two.n == 1);
	all_arrived(&a, &b, &one, &two);
	cr_assert_eq(two.n, 1);
	cr_assert_eq(two.last_id, 1);
}

/* The other card dies behind the cut. */
Test(bus, a_request_at_a_cut_ends_with_the_card)
{
	struct card a, b;
	struct end one, two;

	two_cards(&a, &b, &one, &two);
	cut(&a, &b, true);
	send_show(&one, "srdb/0", ENVELOPE__KIND__REQUEST, 1);
	all_arrived(&a, &b, &one, &two);
	bus_switch_peer_down(a.sw, 2);
	WAIT(one.n == 1);
	cr_assert_eq(one.last_code, -EHOSTUNREACH);
	bus_switch_peer_up(a.sw, 2);
	send_show(&one, "card/2", ENVELOPE__KIND__REQUEST, 2);
	all_arrived(&a, &b, &one, &two);
	cr_assert_eq(two.n, 0);
	cut(&a, &b, false);
	WAIT(bus_switch_where(a.sw, "srdb/0") == 2);
	cr_assert_eq(two.n, 0);
}

Test(bus, standby_is_registered_but_not_reachable)
{
	struct card a, b;
	struct end act, sby, one;

	card_open(&a, 5);
	card_open(&b, 6);
	bus_switch_peer_up(a.sw, 6);
	bus_switch_peer_up(b.sw, 5);
	join(&act, &a, 5, "sct", 0, true);
	join(&sby, &b, 6, "sct", 0, false);
	join(&one, &b, 6, "cli", 1, true);
	WAIT(bus_switch_where(b.sw, "sct/0") == 5);
	send_show(&one, "sct/0", ENVELOPE__KIND__ONEWAY, 0);
	WAIT(act.n == 1);
	cr_expect_eq(sby.n, 0);
	/* The active card dies, the standby takes the name. */
	bus_switch_peer_down(b.sw, 5);
	cr_assert_eq(bus_switch_ready(b.sw, "t-sct-0-6", "sct/0"), 0);
	cr_expect_eq(bus_switch_where(b.sw, "sct/0"), 6);
	send_show(&one, "sct/0", ENVELOPE__KIND__ONEWAY, 0);
	WAIT(sby.n == 1);
}

Test(bus, topics_reach_subscribers_on_every_card)
{
	struct card a, b;
	struct end pub, here, there, none;

	card_open(&a, 1);
	card_open(&b, 2);
	bus_switch_peer_up(a.sw, 2);
	bus_switch_peer_up(b.sw, 1);
	join(&pub, &a, 1, "sct", 0, true);
	join(&here, &a, 1, "ipsecmgr", 1, true);
	join(&there, &b, 2, "ipsecmgr", 2, true);
	join(&none, &b, 2, "sessmgr", 2, true);
	bus_switch_subscribe(a.sw, "t-ipsecmgr-1-1", "config");
	bus_switch_subscribe(b.sw, "t-ipsecmgr-2-2", "config");
	send_show(&pub, "#config", ENVELOPE__KIND__PUBLISH, 0);
	WAIT(here.n == 1 && there.n == 1);
	cr_expect_eq(none.n, 0);
}

Test(bus, unregistered_and_malformed_are_refused)
{
	struct card a;
	struct end one, stranger;
	char path[200];
	Envelope env = ENVELOPE__INIT;
	Show s = SHOW__INIT;

	card_open(&a, 1);
	join(&one, &a, 1, "srdb", 0, true);
	memset(&stranger, 0, sizeof(stranger));
	snprintf(path, sizeof(path), "%s/card-1.ipc", dir);
	stranger.c = bus_client_new(loop, path, "stranger", client_rx, &stranger);
	env.body_case = ENVELOPE__BODY_SHOW;
	env.show = &s;
	cr_assert_eq(bus_client_send(stranger.c, "srdb/0", &env), 0);
	WAIT(a.own == 1); /* handed to the card, which does not know it; never to srdb */
	cr_expect_eq(one.n, 0);
	/* An address longer than any is dropped. */
	cr_assert_eq(bus_client_send(one.c, "an-address-that-is-longer-than-any-address-can-be/1", &env), 0);
	WAIT(bus_switch_counters(a.sw)->refused == 1);
}

Test(bus, what_is_held_goes_out_in_order)
{
	struct card a;
	struct end one, two;

	card_open(&a, 1);
	join(&one, &a, 1, "ipsecmgr", 1, true);
	join(&two, &a, 1, "sessmgr", 1, true);
	WAIT(bus_switch_where(a.sw, "sessmgr/1") == 1);
	bus_client_cork(one.c);
	bus_client_cork(one.c);
	for (uint64_t id = 1; id <= 1000; id++)
		send_show(&one, "sessmgr/1", ENVELOPE__KIND__ONEWAY, id);
	bus_client_uncork(one.c);
	send_show(&two, "ipsecmgr/1", ENVELOPE__KIND__ONEWAY, 1);
	WAIT(one.n == 1);
	cr_expect_eq(two.n, 0, "nothing goes out before the last cork is out");
	bus_client_uncork(one.c);
	WAIT(two.n == 1000);
	cr_expect_eq(two.last_id, 1000);
	cr_expect(two.in_order);
}

/* The card finds out that a process is gone only when it sends what it held for it. */
Test(bus, a_request_to_a_dead_process_is_answered_unreachable)
{
	struct card a;
	struct end one, two;

	card_open(&a, 1);
	join(&one, &a, 1, "cli", 1, true);
	join(&two, &a, 1, "sessmgr", 1, true);
	WAIT(bus_switch_where(a.sw, "sessmgr/1") == 1);
	bus_client_free(two.c);
	for (uint64_t id = 1; !one.n; id++) { /* ZeroMQ learns of the end in a moment */
		uint64_t until = clock_now_us() + DEADLINE_US;

		cr_assert(id < 10000, "never answered");
		send_show(&one, "sessmgr/1", ENVELOPE__KIND__REQUEST, id);
		while (bus_switch_counters(a.sw)->local + bus_switch_counters(a.sw)->dropped < id &&
		       clock_now_us() < until)
			uv_run(loop, UV_RUN_NOWAIT);
		uv_run(loop, UV_RUN_NOWAIT);
	}
	cr_expect_eq(one.last_code, -EHOSTUNREACH);
	cr_expect_gt(bus_switch_counters(a.sw)->dropped, 0);
}

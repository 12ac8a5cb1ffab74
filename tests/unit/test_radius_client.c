/* SPDX-License-Identifier: MIT */
/*
 * Which server is asked, how often, and when one is dead: the client with a virtual clock and servers that
 * answer, keep silent, lie, or leave the configuration.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "radius/radius.h"
#include "tests/radius_make.h"

#define S 1000000ULL

static struct radius_client *c;
static struct radius_server server[3];
static struct radius_group group;
static uint64_t now;
static unsigned sent[3], total, done, ups, downs, gone;
static enum radius_outcome outcome;
static struct radius_answer answer;
static void *whose;
static uint16_t from;
static uint8_t last[RADIUS_PACKET_MAX];
static size_t last_len;
static struct radius_peer *last_peer;
static uint64_t rnd;

static int on_send(void *arg, struct radius_peer *p, const uint8_t *pkt, size_t len)
{
	(void)arg;
	sent[radius_peer_server(p)->port - 1]++;
	total++;
	memcpy(last, pkt, len);
	last_len = len;
	last_peer = p;
	return 0;
}

static void on_done(void *arg, void *user, enum radius_outcome what, const struct radius_answer *a,
                    const struct radius_peer *p)
{
	(void)arg;
	done++;
	outcome = what;
	whose = user;
	from = p ? radius_peer_server(p)->port : 0;
	if (a)
		answer = *a;
}

static void on_random(void *arg, void *buf, size_t len)
{
	(void)arg;
	memset(buf, (int)++rnd, len);
}

static void on_alive(void *arg, const struct radius_peer *p, bool up)
{
	(void)arg, (void)p;
	*(up ? &ups : &downs) += 1;
}

static void on_gone(void *arg, struct radius_peer *p)
{
	(void)arg, (void)p;
	gone++;
}

static void apply(void)
{
	cr_assert_eq(radius_client_config(c, now, &group, group.n ? 1 : 0), 0);
}

static void setup(void)
{
	static const struct radius_callbacks cb = {on_send, on_done, on_random, on_alive, on_gone};

	now = 1000 * S;
	total = done = ups = downs = gone = 0;
	memset(sent, 0, sizeof(sent));
	c = radius_client_new(&cb, NULL, now);
	group = (struct radius_group){.ctx = 2,
	                              .name = "g",
	                              .timeout_s = 3,
	                              .max_retries = 2,
	                              .deadtime_min = 10,
	                              .dead_failures = 3,
	                              .n = 3,
	                              .server = server};
	for (unsigned i = 0; i < 3; i++) {
		server[i] = (struct radius_server){
		        .port = (uint16_t)(i + 1), .priority = 1000 - i, .secret = "s"};
		net_addr_parse(&server[i].addr, "192.0.2.1");
	}
	server[1].priority = 1; /* order: 2, then 3, then 1 */
	apply();
}

static void teardown(void)
{
	radius_client_free(c);
}

TestSuite(radius_client, .init = setup, .fini = teardown, .timeout = 30);

static int ask(uint16_t only, void *user)
{
	struct radius_request r = {
	        .user = (const uint8_t *)"u", .user_len = 1, .eap = (const uint8_t *)"eap", .eap_len = 3};
	struct net_endpoint e = {.port = only};

	if (only)
		e.addr = server[0].addr;
	return radius_client_ask(c, now, 2, "g", &e, &r, user);
}

static void run(uint64_t us)
{
	uint64_t until = now + us;

	while (radius_client_next_us(c) <= until) {
		now = radius_client_next_us(c) > now ? radius_client_next_us(c) : now + 1000;
		radius_client_tick(c, now);
	}
	now = until;
	radius_client_tick(c, now);
}

static void reply(uint8_t code)
{
	struct rm r;

	rm_begin(&r, code, last);
	rm_attr(&r, 24, "st", 2);
	rm_mark(&r);
	rm_end(&r, last, "s");
	radius_client_input(c, now, last_peer, r.p, r.len);
}

Test(radius_client, answered)
{
	int me;

	cr_assert_eq(ask(0, &me), 0);
	cr_assert_eq(sent[1], 1);
	reply(RADIUS_ACCESS_CHALLENGE);
	cr_assert_eq(done, 1);
	cr_expect_eq(outcome, RADIUS_ANSWERED);
	cr_expect_eq(whose, &me);
	cr_expect_eq(from, 2);
	cr_expect_eq(answer.state_len, 2);
	reply(RADIUS_ACCESS_CHALLENGE);
	cr_expect_eq(done, 1, "once");
	cr_expect_eq(radius_peer_stats(last_peer)->dropped, 1);
	cr_expect_eq(radius_peer_stats(last_peer)->challenges, 1);
	cr_expect_eq(radius_client_next_us(c), UINT64_MAX);
}

/* Each repetition is the same packet; then the server is dead, the next one is asked. */
Test(radius_client, silent_server_is_repeated_then_left)
{
	uint8_t first[RADIUS_PACKET_MAX];

	ask(0, NULL);
	memcpy(first, last, last_len);
	run(7 * S);
	cr_assert_eq(sent[1], 3);
	cr_expect_eq(memcmp(first, last, last_len), 0);
	cr_expect_eq(downs, 0);
	run(3 * S);
	cr_expect_eq(downs, 1);
	cr_expect_eq(sent[2], 1);
	reply(RADIUS_ACCESS_ACCEPT);
	cr_expect_eq(outcome, RADIUS_ANSWERED);
	cr_expect_eq(from, 3);
	ask(0, NULL);
	cr_expect_eq(sent[2], 2, "the dead one is not asked");
	reply(RADIUS_ACCESS_ACCEPT);
	run(11 * 60 * S);
	ask(0, NULL);
	cr_expect_eq(sent[1], 4, "its deadtime is over");
}

Test(radius_client, nobody_answers)
{
	ask(0, NULL);
	run(60 * S);
	cr_assert_eq(done, 1);
	cr_expect_eq(outcome, RADIUS_TIMED_OUT);
	cr_expect_eq(sent[0] + sent[1] + sent[2], 9);
	cr_expect_eq(downs, 3);
	ask(0, NULL); /* where all are dead, each gets one chance */
	run(60 * S);
	cr_expect_eq(done, 2);
	cr_expect_eq(total, 12);
	ask(0, NULL);
	reply(RADIUS_ACCESS_REJECT);
	cr_expect_eq(ups, 1);
	cr_expect_eq(done, 3);
}

Test(radius_client, a_conversation_stays_at_its_server)
{
	ask(1, NULL);
	run(60 * S);
	cr_expect_eq(sent[0], 3);
	cr_expect_eq(total, 3);
	cr_expect_eq(outcome, RADIUS_TIMED_OUT);
	cr_expect_eq(ask(9, NULL), -ENOENT);
}

Test(radius_client, limit_of_transmissions)
{
	group.max_transmissions = 4;
	apply();
	ask(0, NULL);
	run(60 * S);
	cr_expect_eq(total, 4);
	cr_expect_eq(done, 1);
}

Test(radius_client, round_robin)
{
	group.round_robin = true;
	apply();
	for (int i = 0; i < 6; i++)
		ask(0, NULL);
	cr_expect_eq(sent[0], 2);
	cr_expect_eq(sent[1], 2);
	cr_expect_eq(sent[2], 2);
}

/* No more than so many at one server, and its 256 identifiers are never used twice at a time. */
Test(radius_client, outstanding)
{
	server[1].max_outstanding = 2;
	server[2].max_outstanding = 1000;
	server[0].max_outstanding = 1;
	apply();
	for (int i = 0; i < 2 + 256 + 1; i++)
		cr_assert_eq(ask(0, NULL), 0, "%d", i);
	cr_expect_eq(sent[1], 2);
	cr_expect_eq(sent[2], 256);
	cr_expect_eq(ask(0, NULL), -EAGAIN);
	run(10 * 60 * S);
	cr_expect_eq(done, 259);
}

Test(radius_client, lies_are_counted_and_ignored)
{
	struct rm r;

	ask(0, NULL);
	rm_begin(&r, RADIUS_ACCESS_ACCEPT, last);
	rm_mark(&r);
	rm_end(&r, last, "wrong");
	radius_client_input(c, now, last_peer, r.p, r.len);
	radius_client_input(c, now, last_peer, r.p, 1);
	cr_expect_eq(done, 0);
	cr_expect_eq(radius_peer_stats(last_peer)->bad_authenticator, 1);
	cr_expect_eq(radius_peer_stats(last_peer)->dropped, 2);
	reply(RADIUS_ACCESS_ACCEPT);
	cr_expect_eq(done, 1);
}

Test(radius_client, servers_leave_the_configuration)
{
	ask(0, NULL);
	ask(2, NULL);
	cr_assert_eq(sent[1], 2);
	server[1] = server[2];
	group.n = 2; /* 1 and 3 */
	apply();
	cr_expect_eq(gone, 1);
	cr_expect_eq(done, 1, "the bound one has no server");
	cr_expect_eq(outcome, RADIUS_NO_SERVER);
	cr_expect_eq(sent[2], 1, "the other one goes on");
	reply(RADIUS_ACCESS_ACCEPT);
	cr_expect_eq(done, 2);
	ask(0, NULL);
	group.n = 0;
	apply();
	cr_expect_eq(done, 3);
	cr_expect_eq(gone, 3);
	cr_expect_eq(ask(0, NULL), -ENOENT);
	cr_expect_eq(radius_peer_next(c, NULL), NULL);
}

/* By seconds instead of failures. */
Test(radius_client, dead_by_silence)
{
	group.dead_failures = 0;
	group.dead_silence_s = 5;
	group.max_retries = 10;
	apply();
	ask(0, NULL);
	run(4 * S);
	cr_expect_eq(downs, 0);
	run(3 * S);
	cr_expect_eq(downs, 1);
	cr_expect_eq(sent[1], 2);
	cr_expect_eq(sent[2], 1);
}

Test(radius_client, no_deadtime)
{
	group.deadtime_min = 0;
	apply();
	ask(0, NULL);
	run(60 * S);
	cr_expect_eq(downs, 0);
	cr_expect_eq(total, 9);
}

/* SPDX-License-Identifier: MIT */
/*
 * Call lines (lib/session): ids, limits, indexes, every state with every event, and the checkpoint row.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "session/session.h"

static int gauge[SESSION_STATES];

static void changed(struct session_call *c, int from, int to, void *arg)
{
	cr_assert_eq(arg, gauge);
	if (from >= 0)
		gauge[from]--;
	gauge[to]++;
}

Test(session_call, table_is_sound)
{
	char err[256] = "";

	cr_assert_eq(fsm_check(&session_fsm, SESSION_IDLE, err, sizeof(err)), 0, "%s", err);
}

Test(session_call, ids_carry_the_instance_and_skip_those_in_use)
{
	struct session_table *t = session_table_new(0x123, 0xffffd, changed, gauge);
	struct session_call *a = session_new(t, "k1"), *b = session_new(t, "k2"), *c = session_new(t, "k3");
	char text[SESSION_CALLID_STRLEN];
	uint32_t id;

	cr_assert_eq(session_callid_instance(a->callid), 0x123);
	cr_assert_str_eq(session_callid_format(a->callid, text), "123ffffe");
	cr_assert_str_eq(session_callid_format(c->callid, text), "12300000", "wraps");
	cr_assert_eq(session_find(t, b->callid), b);
	cr_assert_eq(session_find_ike(t, "k2"), b);
	cr_assert_eq(session_set_ike_key(b, "new"), 0);
	cr_assert_null(session_find_ike(t, "k2"));
	cr_assert_eq(session_find_ike(t, "new"), b);
	cr_assert_null(session_find_ike(t, ""));
	cr_assert_eq(session_callid_parse("123ffffe", &id), 0);
	cr_assert_eq(id, a->callid);
	id = 0;
	cr_assert_eq(session_callid_parse("0x123ffffe", &id), 0);
	cr_assert_eq(id, 0x123ffffe);
	cr_assert_eq(session_callid_parse("0x", &id), -EINVAL);
	cr_assert_eq(session_callid_parse("", &id), -EINVAL);
	cr_assert_eq(session_callid_parse("123456789", &id), -EINVAL);
	cr_assert_eq(session_callid_parse("12x", &id), -EINVAL);
	session_free(b);
	cr_assert_eq(session_next(t, a), c);
	session_table_free(t);
}

Test(session_call, limit_is_kept)
{
	struct session_table *t = session_table_new(1, 0, NULL, NULL);
	char key[32];
	struct session_call row = {.callid = 0x00900000};

	for (unsigned i = 0; i < SESSION_LIMIT; i++) {
		snprintf(key, sizeof(key), "%016x", i);
		cr_assert_not_null(session_new(t, key));
	}
	errno = 0;
	cr_assert_null(session_new(t, "more"));
	cr_assert_eq(errno, ENOSPC);
	cr_assert_null(session_adopt(t, &row));
	cr_assert_eq(session_count(t), SESSION_LIMIT);
	while (session_next(t, NULL))
		session_free(session_next(t, NULL));
	cr_assert_eq(session_count(t), 0);
	cr_assert_eq(session_in_state(t, SESSION_IDLE), 0);
	session_table_free(t);
}

Test(session_call, a_life)
{
	static const enum session_ev life[] = {SESSION_EV_NEWCALL, SESSION_EV_ADDR_SUCCESS,
	                                       SESSION_EV_UP,      SESSION_EV_UP,
	                                       SESSION_EV_DOWN,    SESSION_EV_ROW_GONE};
	static const enum session_state then[] = {SESSION_ARRIVED,   SESSION_ANSWERED,      SESSION_CONNECTED,
	                                          SESSION_CONNECTED, SESSION_DISCONNECTING, SESSION_IDLE};
	struct session_table *t = session_table_new(1, 0, changed, gauge);
	struct session_call *c = session_new(t, "k");

	memset(gauge, 0, sizeof(gauge));
	gauge[SESSION_IDLE] = 1;
	for (unsigned i = 0; i < 6; i++) {
		cr_assert_eq(session_event(c, life[i]), 0);
		cr_assert_eq(session_state(c), then[i]);
		cr_assert_eq(session_in_state(t, then[i]), 1);
		cr_assert_eq(gauge[then[i]], 1);
	}
	cr_assert_eq(c->ntrace, 6);
	cr_assert_str_eq(session_state_name(c->trace[1].state), "SMGR_STATE_NEWCALL_ARRIVED");
	cr_assert_str_eq(session_event_name(c->trace[1].event), "SMGR_EVT_IPADDR_ALLOC_SUCCESS");
	session_table_free(t);
}

/* Every state with every event: it is in the table, or it is refused and nothing changes. */
Test(session_call, every_state_and_event)
{
	log_set_level(LOG_LEVEL_critical); /* refusals are meant here */
	for (int s = 0; s < SESSION_STATES; s++)
		for (int e = 0; e < SESSION_EVS; e++) {
			struct session_table *t = session_table_new(1, 0, NULL, NULL);
			struct session_call *c = session_new(t, "k");
			int next = -1, err;

			fsm_restore(&c->fsm, s);
			for (size_t i = 0; i < session_fsm.nrows; i++)
				if (session_fsm.rows[i].state == s && session_fsm.rows[i].event == e)
					next = session_fsm.rows[i].next == FSM_SAME
					               ? s
					               : session_fsm.rows[i].next;
			err = session_event(c, e);
			cr_assert_eq(err, next < 0 ? -EPROTO : 0, "%s %s", session_state_name(s),
			             session_event_name(e));
			cr_assert_eq((int)session_state(c), next < 0 ? s : next);
			fsm_restore(&c->fsm, SESSION_IDLE);
			session_table_free(t);
		}
}

static void fill(struct session_call *c)
{
	memset(c, 0, sizeof(*c));
	c->callid = 0x00312345;
	c->ctx = 4;
	c->ipsecmgr = 2;
	strcpy(c->service, "wsg-svc1");
	strcpy(c->pool, "wsg-pool1");
	strcpy(c->peer_id, "enb17@operator.example");
	strcpy(c->ike_key, "0200112233445566");
	net_addr_parse(&c->peer, "2001:db8::17");
	net_addr_parse(&c->addr, "10.20.0.17");
	strcpy(c->imei, "352099001761481");
	strcpy(c->pool6, "wsg-pool6");
	net_addr_parse(&c->addr6, "2001:db8:20::17");
	c->start_us = 1700000000000000ULL;
	c->connect_us = 1700000000100000ULL;
}

Test(session_call, row_survives_and_rejects_rubbish)
{
	struct session_table *t = session_table_new(3, 0, NULL, NULL);
	struct session_call c, back, *line;
	uint8_t buf[SESSION_ROW_MAX], again[SESSION_ROW_MAX];
	size_t len;
	unsigned seed = 5;

	fill(&c);
	len = session_row_encode(&c, buf, sizeof(buf));
	cr_assert_gt(len, 0);
	cr_assert_eq(session_row_decode(&back, buf, len), 0);
	line = session_adopt(t, &back);
	cr_assert_not_null(line);
	cr_assert_null(session_adopt(t, &back), "known");
	cr_assert_eq(session_event(line, SESSION_EV_RECOVERED), 0);
	cr_assert_eq(session_find_ike(t, "0200112233445566"), line);
	cr_assert_eq(session_row_encode(line, again, sizeof(again)), len);
	cr_assert_eq(memcmp(buf, again, len), 0);
	for (size_t n = 0; n < len; n++)
		cr_assert_eq(session_row_decode(&back, buf, n), -EBADMSG, "cut at %zu", n);
	for (unsigned i = 0; i < 50000; i++) {
		memcpy(again, buf, len);
		again[rand_r(&seed) % len] = (uint8_t)rand_r(&seed);
		again[rand_r(&seed) % len] = (uint8_t)rand_r(&seed);
		session_row_decode(&back, again, len); /* ASan watches */
	}
	buf[0] = 4;
	cr_assert_eq(session_row_decode(&back, buf, len), -EPROTONOSUPPORT);
	memset(c.peer_id, 'x', sizeof(c.peer_id) - 1);
	memset(c.service, 'x', sizeof(c.service) - 1);
	memset(c.pool, 'x', sizeof(c.pool) - 1);
	memset(c.pool6, 'x', sizeof(c.pool6) - 1);
	memset(c.ike_key, 'x', sizeof(c.ike_key) - 1);
	net_addr_parse(&c.addr, "2001:db8::1");
	cr_assert_gt(session_row_encode(&c, buf, sizeof(buf)), 0, "the largest fits");
	session_table_free(t);
}

/* A row of a chassis that knew one address per call, of either family. */
Test(session_call, row_of_version_one)
{
	struct session_call c, back;
	uint8_t buf[SESSION_ROW_MAX];
	size_t len;

	fill(&c);
	c.pool6[0] = c.imei[0] = 0;
	c.addr6 = (struct net_addr){0};
	len = session_row_encode(&c, buf, sizeof(buf)) - 6; /* empty: a name, an address, a device */
	buf[0] = 1;
	cr_assert_eq(session_row_decode(&back, buf, len), 0);
	cr_assert(net_addr_equal(&back.addr, &c.addr));
	cr_assert(!net_addr_is_set(&back.addr6));
	net_addr_parse(&c.addr, "2001:db8:20::17");
	len = session_row_encode(&c, buf, sizeof(buf)) - 6;
	cr_assert_eq(session_row_decode(&back, buf, len + 6), -EBADMSG, "no address of IPv4");
	buf[0] = 1;
	cr_assert_eq(session_row_decode(&back, buf, len), 0);
	cr_assert(net_addr_equal(&back.addr6, &c.addr));
	cr_assert(!net_addr_is_set(&back.addr));
	cr_assert_str_eq(back.pool6, "wsg-pool1");
	cr_assert_str_eq(back.pool, "");
}

/* … and of one that knew no devices. */
Test(session_call, row_of_version_two)
{
	struct session_call c, back;
	uint8_t buf[SESSION_ROW_MAX];
	size_t len;

	fill(&c);
	len = session_row_encode(&c, buf, sizeof(buf));
	cr_assert_eq(session_row_decode(&back, buf, len), 0);
	cr_assert_str_eq(back.imei, "352099001761481");
	buf[0] = 2;
	cr_assert_eq(session_row_decode(&back, buf, len), -EBADMSG, "it has no room for one");
	cr_assert_eq(session_row_decode(&back, buf, len - 2 - strlen(c.imei)), 0);
	cr_assert_str_eq(back.imei, "");
	cr_assert(net_addr_equal(&back.addr6, &c.addr6));
}

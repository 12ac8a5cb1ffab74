/* SPDX-License-Identifier: MIT */
/* lib/session/session_match.c: every filter of subscribers takes the call it means and no other; what is no
 * filter is refused. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "session/session_match.h"

#define NOW (1000 * US_PER_SEC)

static struct session_table *table;
static struct session_call *call;

static void changed(struct session_call *c, int from, int to, void *arg)
{
}

static void setup(void)
{
	table = session_table_new(3, 7, changed, NULL);
	call = session_new(table, "0100000000000001");
	strcpy(call->peer_id, "262011234567890@nai.example");
	strcpy(call->service, "segw");
	strcpy(call->pool, "ue");
	strcpy(call->pool6, "ue6");
	net_addr_parse(&call->addr, "10.45.0.7");
	net_addr_parse(&call->addr6, "2001:db8:45::7");
	session_event(call, SESSION_EV_NEWCALL);
	session_event(call, SESSION_EV_ADDR_SUCCESS);
	session_event(call, SESSION_EV_UP);
	call->connect_us = NOW - 60 * US_PER_SEC;
}

static void teardown(void)
{
	session_table_free(table);
}

TestSuite(session_match, .init = setup, .fini = teardown);

static bool takes(const char *text)
{
	struct session_match m;

	cr_assert_eq(session_match_parse(&m, text), 0, "%s", text);
	return session_match_call(&m, call, NOW);
}

Test(session_match, each_filter_alone)
{
	char id[32];

	cr_expect(takes(""));
	snprintf(id, sizeof(id), "callid=%08x", call->callid);
	cr_expect(takes(id));
	snprintf(id, sizeof(id), "callid=%08x", call->callid + 1);
	cr_expect(!takes(id));
	cr_expect(takes("username=262011234567890@nai.example"));
	cr_expect(!takes("username=262011234567890"));
	cr_expect(takes("msid=262011234567890"));
	cr_expect(!takes("msid=26201123456789"));
	cr_expect(takes("ip-pool=ue") && takes("ip-pool=ue6") && !takes("ip-pool=u"));
	cr_expect(takes("wsg-service=segw") && !takes("wsg-service=segw2"));
	cr_expect(takes("ip-address=10.45.0.7") && takes("ip-address=2001:db8:45::7"));
	cr_expect(!takes("ip-address=10.45.0.8"));
	cr_expect(takes("ipv6-prefix=2001:db8:45::/48") && !takes("ipv6-prefix=2001:db8:46::/48"));
	cr_expect(takes("longer=59") && !takes("longer=60"));
	cr_expect(takes("shorter=61") && !takes("shorter=60"));
	cr_expect(takes("connected=1"));
}

Test(session_match, wildcards)
{
	cr_expect(takes("username=*") && takes("username=2620*@nai.example") && takes("username=*9*example"));
	cr_expect(!takes("username=*x") && !takes("username=2620*@nai.exampl"));
	cr_expect(takes("msid=26201$234567890") && takes("msid=*890") && !takes("msid=*@*"));
}

Test(session_match, all_must_hold)
{
	cr_expect(takes("username=262*\nip-pool=ue\nlonger=1\nshorter=100\nwsg-service=segw\n"));
	cr_expect(!takes("username=262*\nip-pool=other"));
	cr_expect(!takes("longer=1\nshorter=2"));
}

Test(session_match, what_a_call_does_not_have)
{
	strcpy(call->peer_id, "gw.example");
	cr_expect(!takes("msid=*"));
	strcpy(call->peer_id, "12ab@x");
	cr_expect(!takes("msid=12*"), "digits and letters are no MSID");
	call->addr6 = (struct net_addr){0};
	cr_expect(!takes("ipv6-prefix=::/0"));
	call->connect_us = 0;
	cr_expect(!takes("longer=0") && !takes("shorter=5"), "never connected");
	session_event(call, SESSION_EV_DOWN);
	cr_expect(!takes("connected=1"));
}

Test(session_match, refused)
{
	static const char *const bad[] = {"username",      "username=",  "=x",
	                                  "colour=red",    "callid=xyz", "ip-address=10.0.0",
	                                  "ipv6-prefix=x", "longer=-1",  "shorter=1x",
	                                  "a=b\n",         "\n",         "longer=99999999999999999999999"};
	struct session_match m;
	char long_name[400] = "username=";

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect_eq(session_match_parse(&m, bad[i]), -EINVAL, "\"%s\"", bad[i]);
	memset(long_name + 9, 'x', SESSION_PEER_MAX);
	cr_expect_eq(session_match_parse(&m, long_name), -EINVAL);
}

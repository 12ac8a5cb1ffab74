/* SPDX-License-Identifier: MIT */
/*
 * Sessions in numbers: show subscribers summary, session progress, session duration, session
 * disconnect-reasons. Columns of layouts/. Of the subscribers summary, lines of access types and features
 * that this chassis does not offer are 0 because nobody can use them; lines of drop counters that nobody
 * takes are left out.
 */
#include "base/clock.h"
#include "render/render.h"

#include <stdio.h>
#include <string.h>

/* Two cells of a line; right NULL: none. Keys NULL: 0, the chassis has no such thing. */
static const struct {
	const char *left, *left_key, *right, *right_key;
} lines[] = {
        {"Total Subscribers:", "total", NULL, NULL},
        {"Active:", "active", "Dormant:", "dormant"},
        {"LAPI Devices:", NULL, NULL, NULL},
        {"DCNR Devices:", NULL, NULL, NULL},
        {"ha-mobile-ip:", NULL, "ggsn-pdp-type-ppp:", NULL},
        {"ggsn-pdp-type-ipv4:", NULL, "lns-l2tp:", NULL},
        {"pdif-simple-ipv4:", NULL, NULL, NULL},
        {"pdif-simple-ipv6:", NULL, "pdif-mobile-ip:", NULL},
        {"wsg-simple-ipv4:", "wsg_simple_ipv4", "wsg-simple-ipv6:", "wsg_simple_ipv6"},
        {"pdg-simple-ipv4:", NULL, "ttg-ipv4:", NULL},
        {"pdg-simple-ipv6:", NULL, "ttg-ipv6:", NULL},
        {"femto-ip:", NULL, "", NULL},
        {"epdg-pmip-ipv6:", NULL, "epdg-pmip-ipv4:", NULL},
        {"epdg-pmip-ipv4-ipv6:", NULL, NULL, NULL},
        {"epdg-gtp-ipv6:", NULL, "epdg-gtp-ipv4:", NULL},
        {"epdg-gtp-ipv4-ipv6:", NULL, NULL, NULL},
        {"sgsn-pdp-type-ipv4-ipv6:", NULL, "type not determined:", "wsg_no_address"},
        {"in packet dropped:", "in_packet_dropped", "out packet dropped:", "out_packet_dropped"},
        {"in packet dropped zero mbr:", NULL, "out packet dropped zero mbr:", NULL},
        {"in bytes dropped ovrchrgPtn:", NULL, "out bytes dropped ovrchrgPtn:", NULL},
        {"in packet dropped ovrchrgPtn:", NULL, "out packet dropped ovrchrgPtn:", NULL},
        {"ipv4 in-css-down dropped:", NULL, "ipv4 out-css-down dropped:", NULL},
        {"ipv4 out xoff pkt dropped:", NULL, "ipv6 out xoff pkt dropped:", NULL},
        {"ipv4 xoff bytes dropped:", NULL, "ipv6 xoff bytes dropped:", NULL},
        {"ipv4 out no-flow dropped:", "out_no_flow_dropped", NULL, NULL},
        {"ipv6 input ehrpd-access drop:", NULL, "ipv6 output ehrpd-access drop:", NULL},
        {"dormancy count:", NULL, "handoff count:", NULL},
        {"pdsn fwd dynamic flows:", NULL, "pdsn rev dynamic flows:", NULL},
        {"fwd static access-flows:", NULL, "rev static access-flows:", NULL},
        {"pdsn fwd packet filters:", NULL, "pdsn rev packet filters:", NULL},
        {"traffic flow templates:", NULL, NULL, NULL},
};

static bool known(const json_t *j, const char *key)
{
	return !key || json_is_integer(json_object_get(j, key));
}

void render_subscribers_summary(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!known(j, lines[i].left_key) || !known(j, lines[i].right_key))
			continue;
		cli_out_printf(out, "%-31s%-10lld", lines[i].left,
		               lines[i].left_key ? render_num(j, lines[i].left_key) : 0LL);
		if (lines[i].right && !*lines[i].right)
			cli_out_put(out, "    "); /* as seen */
		else if (lines[i].right)
			cli_out_printf(out, "    %-31s%-10lld", lines[i].right,
			               lines[i].right_key ? render_num(j, lines[i].right_key) : 0LL);
		cli_out_put(out, "\n");
	}
	if (render_num(j, "managers_missing"))
		cli_out_printf(out, "%lld session manager(s) did not answer; the numbers lack theirs.\n",
		               render_num(j, "managers_missing"));
}

/* StarOS's fixed list. A count is of a sessmgr's state, or a member of the summary, or 0: there are no such
 * calls on this chassis. */
static const struct {
	const char *text, *state, *member;
} progress[] = {
        {"In-progress calls", NULL, "total"},
        {"In-progress active calls", NULL, "active"},
        {"In-progress dormant calls", NULL, "dormant"},
        {"In-progress always-on calls", NULL, NULL},
        {"In-progress calls @ ARRIVED state", "SMGR_STATE_NEWCALL_ARRIVED", NULL},
        {"In-progress calls @ CSCF-CALL-ARRIVED state ", NULL, NULL},
        {"In-progress calls @ CSCF-REGISTERING state ", NULL, NULL},
        {"In-progress calls @ CSCF-REGISTERED state ", NULL, NULL},
        {"In-progress calls @ LCP-NEG state", NULL, NULL},
        {"In-progress calls @ LCP-UP state", NULL, NULL},
        {"In-progress calls @ AUTHENTICATING state", NULL, NULL},
        {"In-progress calls @ BCMCS SERVICE AUTHENTICATING state", NULL, NULL},
        {"In-progress calls @ AUTHENTICATED state", "SMGR_STATE_NEWCALL_ANSWERED", NULL},
        {"In-progress calls @ PDG AUTHORIZING state", NULL, NULL},
        {"In-progress calls @ PDG AUTHORIZED state", NULL, NULL},
        {"In-progress calls @ IMS AUTHORIZING state", NULL, NULL},
        {"In-progress calls @ IMS AUTHORIZED state", NULL, NULL},
        {"In-progress calls @ MBMS UE AUTHORIZING state", NULL, NULL},
        {"In-progress calls @ MBMS BEARER AUTHORIZING state", NULL, NULL},
        {"In-progress calls @ DHCP PENDING state", NULL, NULL},
        {"In-progress calls @ L2TP-LAC CONNECTING state", NULL, NULL},
        {"In-progress calls @ MBMS BEARER CONNECTING state", NULL, NULL},
        {"In-progress calls @ CSCF-CALL-CONNECTING state", NULL, NULL},
        {"In-progress calls @ IPCP-UP state", NULL, NULL},
        {"In-progress calls @ NON-ANCHOR CONNECTED state", NULL, NULL},
        {"In-progress calls @ AUTH-ONLY CONNECTED state", NULL, NULL},
        {"In-progress calls @ SIMPLE-IPv4 CONNECTED state", NULL, "wsg_simple_ipv4"},
        {"In-progress calls @ SIMPLE-IPv6 CONNECTED state", NULL, "wsg_simple_ipv6"},
        {"In-progress calls @ SIMPLE-IPv4+IPv6 CONNECTED state", NULL, NULL},
        {"In-progress calls @ MOBILE-IPv4 CONNECTED state", NULL, NULL},
        {"In-progress calls @ MOBILE-IPv6 CONNECTED state", NULL, NULL},
        {"In-progress calls @ GTP CONNECTING state", NULL, NULL},
        {"In-progress calls @ GTP CONNECTED state", NULL, NULL},
        {"In-progress calls @ PROXY-MOBILE-IP CONNECTING state", NULL, NULL},
        {"In-progress calls @ PROXY-MOBILE-IP CONNECTED state", NULL, NULL},
        {"In-progress calls @ EPDG RE-AUTHORIZING state", NULL, NULL},
        {"In-progress calls @ HA-IPSEC CONNECTED state", NULL, NULL},
        {"In-progress calls @ L2TP-LAC CONNECTED state", NULL, NULL},
        {"In-progress calls @ HNBGW CONNECTED state", NULL, NULL},
        {"In-progress calls @ PDP-TYPE-PPP CONNECTED state", NULL, NULL},
        {"In-progress calls @ IPSG CONNECTED state", NULL, NULL},
        {"In-progress calls @ BCMCS CONNECTED state", NULL, NULL},
        {"In-progress calls @ PCC CONNECTED state", NULL, NULL},
        {"In-progress calls @ MBMS UE CONNECTED state", NULL, NULL},
        {"In-progress calls @ MBMS BEARER CONNECTED state", NULL, NULL},
        {"In-progress calls @ PAGING CONNECTED state", NULL, NULL},
        {"In-progress calls @ PDN-TYPE-IPv4 CONNECTED state", NULL, NULL},
        {"In-progress calls @ PDN-TYPE-IPv6 CONNECTED state", NULL, NULL},
        {"In-progress calls @ PDN-TYPE-IPv4+IPv6 CONNECTED state", NULL, NULL},
        {"In-progress calls @ PDN-TYPE-Non-IP CONNECTED state", NULL, NULL},
        {"In-progress calls @ CSCF-CALL-CONNECTED  state", NULL, NULL},
        {"In-progress calls @ MME ATTACHED state", NULL, NULL},
        {"In-progress calls @ HENBGW CONNECTED state", NULL, NULL},
        {"In-progress calls @ CSCF-CALL-DISCONNECTING state", NULL, NULL},
        {"In-progress calls @ DISCONNECTING state", "SMGR_STATE_DISCONNECTING", NULL},
};

/* A call that has its address but whose tunnel is not up counts as AUTHENTICATED; that choice is ours. */
void render_session_progress(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *states = json_object_get(j, "states");

	for (size_t i = 0; i < sizeof(progress) / sizeof(progress[0]); i++)
		cli_out_printf(out, "%8lld %s\n",
		               progress[i].state    ? render_num(states, progress[i].state)
		               : progress[i].member ? render_num(j, progress[i].member)
		                                    : 0LL,
		               progress[i].text);
}

void render_session_duration(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	static const char *const bands[][2] = {{"<1min", "1min"},   {"<2min", "2min"}, {"<5min", "5min"},
	                                       {"<15min", "15min"}, {"<1hr", "1hr"},   {"<4hr", "4hr"},
	                                       {"<12hr", "12hr"},   {"<24hr", "24hr"}, {">24hr", "more"}};
	const json_t *d = json_object_get(j, "duration");

	cli_out_put(out, "In-Progress Call Duration Statistics\n");
	for (size_t i = 0; i < sizeof(bands) / sizeof(bands[0]); i++)
		cli_out_printf(out, "     %-10s %9lld\n", bands[i][0], render_num(d, bands[i][1]));
}

void render_disconnect_reasons(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	/* StarOS's order is that of its internal numbers; reasons that it does not have come last. */
	static const char *const order[] = {"Admin-disconnect",      "Remote-disconnect",
	                                    "Local-disconnect",      "Idle-Inactivity-timeout",
	                                    "Session-setup-timeout", "internal-error",
	                                    "path-failure",          "static-ip-validation-failed",
	                                    "Long-duration-timeout", "call-internal-reject",
	                                    "Auth-failed",           "No-response"};
	const size_t n = sizeof(order) / sizeof(order[0]);
	json_t *all = json_object_get((json_t *)(uintptr_t)j, "disconnect_reasons");
	const char *name;
	const json_t *v;
	long long total = 0;

	json_object_foreach(all, name, v) total += (long long)json_integer_value(v);
	cli_out_printf(out, "Session Disconnect Statistics\n\nTotal Disconnects: %lld\n\n", total);
	cli_out_put(out, "Disconnect Reason                                        Num Disc  Percentage\n"
	                 "-----------------------------------------------------  ----------  ----------\n");
	for (size_t i = 0; i < n; i++)
		if (render_num(all, order[i]))
			cli_out_printf(out, "%-53s  %10lld  %10.5f\n", order[i], render_num(all, order[i]),
			               100.0 * (double)render_num(all, order[i]) / (double)total);
	json_object_foreach(all, name, v)
	{
		size_t i = 0;

		while (i < n && strcmp(order[i], name) != 0)
			i++;
		if (i == n && json_integer_value(v))
			cli_out_printf(out, "%-53s  %10lld  %10.5f\n", name, (long long)json_integer_value(v),
			               100.0 * (double)json_integer_value(v) / (double)total);
	}
}

/* Layout of show_session_counters_historical_all; handoffs and renewals do not happen to these sessions. */
void render_session_historical(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *v;
	size_t i;

	cli_out_put(out, "                          ------------------- Number of Calls ------------------   "
	                 "                "
	                 "          (A+R+D+F+H+R)\n"
	                 "Intv  Timestamp              Arrived   Rejected  Connected    Disconn     Failed   "
	                 "   Handoffs     "
	                 " Renewals       CallOps \n"
	                 "----  ------------------- ---------- ---------- ---------- ---------- ---------- "
	                 "------------- "
	                 "------------- -------------\n");
	json_array_foreach(render_list(j, "intervals"), i, v)
	{
		long long arrived = render_num(v, "arrived"), rejected = render_num(v, "rejected"),
		          gone = render_num(v, "disconnected"), failed = render_num(v, "failed");

		cli_out_printf(out, "%4zu  %-19s %10lld %10lld %10lld %10lld %10lld %13d %13d %13lld\n",
		               i + 1, render_str(v, "end"), arrived, rejected, render_num(v, "connected"),
		               gone, failed, 0, 0, arrived + rejected + gone + failed);
	}
}

/* No public sample is known; the columns of a recovery are those of its trap. */
void render_session_audit(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	char date[CLOCK_TEXT_MAX];
	const json_t *m, *r;
	size_t i;

	cli_out_put(
	        out,
	        "               ----------Last Recovery----------  --------------Audits--------------\n"
	        "sessmgr  Card  Fetched   Prior  Passed  Time(ms)   Number Released  Last\n"
	        "-------  ----  ------- ------- ------- ---------  ------- --------  ------------------\n");
	json_array_foreach(render_list(j, "sessmgrs"), i, m)
	{
		r = json_object_get(m, "recovery");
		cli_out_printf(out, "%7lld  %4lld  ", render_num(m, "instance"), render_num(m, "card"));
		if (json_is_object(r))
			cli_out_printf(out, "%7lld %7lld %7lld %9lld", render_num(r, "fetched"),
			               render_num(r, "prior"), render_num(r, "passed"), render_num(r, "ms"));
		else
			cli_out_printf(out, "%7s %7s %7s %9s", "-", "-", "-", "-");
		cli_out_printf(
		        out, "  %7lld %8lld  %s\n", render_num(m, "audits"), render_num(m, "released"),
		        render_date(render_num(json_object_get(m, "last"), "wall_us"), date, sizeof(date)));
	}
	if (render_num(j, "managers_missing"))
		cli_out_printf(out, "%lld session manager(s) did not answer.\n",
		               render_num(j, "managers_missing"));
}

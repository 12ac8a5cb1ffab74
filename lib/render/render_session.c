/* SPDX-License-Identifier: MIT */
/*
 * Sessions in numbers: show subscribers summary, session duration, session disconnect-reasons. Columns of
 * layouts/. Of the subscribers summary, lines of access types and features that this chassis does not offer
 * are 0 because nobody can use them; lines of drop counters that nobody takes are left out.
 */
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

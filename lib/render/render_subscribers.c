/* SPDX-License-Identifier: MIT */
/*
 * show subscribers: the table with its legend, and `full`, a block for each session. Both layouts are
 * recalled, no public sample is known; of StarOS's long legend only the letters that occur on this chassis
 * are printed.
 */
#include <string.h>
#include "render/render.h"

/* "00h05m12s", as everywhere in this command; hours grow as they have to. */
static const char *span(long long s, char *buf, size_t size)
{
	snprintf(buf, size, "%02lldh%02lldm%02llds", s / 3600, s / 60 % 60, s % 60);
	return buf;
}

/* Time since the last packet; n/a when the data path has no SA of the session. */
static const char *idle(const json_t *c, char *buf, size_t size)
{
	return json_object_get(c, "idle_s") ? span(render_num(c, "idle_s"), buf, size) : "n/a";
}

/* Digits before a realm, or nothing else at all, are an IMSI. */
static const char *msid(const json_t *c, char *buf, size_t size)
{
	const char *user = render_str(c, "username");
	size_t n = strspn(user, "0123456789");

	snprintf(buf, size, "%.*s", n && (!user[n] || user[n] == '@') ? (int)n : 3,
	         n && (!user[n] || user[n] == '@') ? user : "n/a");
	return buf;
}

/* The address assigned, else that of the second family, else none. */
static const char *address(const json_t *c)
{
	const char *a = render_str(c, "address"), *b = render_str(c, "address6");

	return *a && *a != '-' ? a : *b && *b != '-' ? b : "n/a";
}

static char state_letter(const char *state)
{
	if (!strcmp(state, "SMGR_STATE_CONNECTED"))
		return 'C';
	if (!strcmp(state, "SMGR_STATE_DISCONNECTING"))
		return 'D';
	return strncmp(state, "SMGR_STATE_NEWCALL", 18) ? 'u' : 'c';
}

static void legend(struct cli_out *out)
{
	cli_out_put(out,
	            "+-----Access       (q) - wsg-simple-ip\n"
	            "|     Type:\n"
	            "|\n"
	            "|+----Access       (Q) - WSG\n"
	            "||    Tech:\n"
	            "||\n"
	            "||+---Call         (C) - Connected                   (c) - Connecting\n"
	            "|||   State:       (D) - Disconnecting               (u) - Unknown\n"
	            "|||\n"
	            "|||+--Access       (.) - Not Applicable\n"
	            "||||  CSCF\n"
	            "||||  Status:\n"
	            "||||\n"
	            "||||+-Link         (A) - Online/Active\n"
	            "|||||  Status:\n"
	            "|||||\n"
	            "|||||+Network      (S) - IPSEC\n"
	            "||||||Type:\n"
	            "||||||\n"
	            "||||||\n"
	            "vvvvvv CALLID   MSID            USERNAME               IP                            "
	            "TIME-IDLE\n"
	            "------ -------- --------------- ---------------------- ----------------------------- "
	            "---------\n");
}

static void row(const json_t *c, struct cli_out *out)
{
	char id[24], time[32];

	cli_out_printf(out, "qQ%c.AS %-8s %-15s %-22s %-29s %s\n", state_letter(render_str(c, "state")),
	               render_str(c, "callid"), msid(c, id, sizeof(id)), render_str(c, "username"),
	               address(c), idle(c, time, sizeof(time)));
}

/* Two fields of a line, the second from column 54 on. */
static void pair(struct cli_out *out, const char *l, const char *lv, const char *r, const char *rv)
{
	char left[400];

	snprintf(left, sizeof(left), "%s: %s", l, lv);
	if (r)
		cli_out_printf(out, "  %-50s  %s: %s\n", left, r, rv);
	else
		cli_out_printf(out, "  %s\n", left);
}

static void numbers(struct cli_out *out, const json_t *c, const char *l, const char *lk, const char *r,
                    const char *rk)
{
	char a[24], b[24];

	snprintf(a, sizeof(a), "%lld", render_num(c, lk));
	snprintf(b, sizeof(b), "%lld", render_num(c, rk));
	pair(out, l, a, r, b);
}

static const char *type_name(const json_t *c)
{
	const char *a = render_str(c, "address"), *b = render_str(c, "address6");
	bool v4 = *a && *a != '-', v6 = *b && *b != '-';

	return v4 && v6 ? "wsg-simple-ipv4v6" : v6 ? "wsg-simple-ipv6" : "wsg-simple-ipv4";
}

static const char *or_na(const char *text)
{
	return *text && *text != '-' ? text : "n/a";
}

static const char *state_word(const char *state)
{
	switch (state_letter(state)) {
	case 'C':
		return "Connected";
	case 'D':
		return "Disconnecting";
	case 'c':
		return "Connecting";
	}
	return "Unknown";
}

static void full(const json_t *c, struct cli_out *out)
{
	char a[80], b[80];

	cli_out_printf(out, "Username: %-42s  Status: Online/Active\n", render_str(c, "username"));
	pair(out, "Access Type", type_name(c), "Network Type", "IPSEC");
	pair(out, "Access Tech", "WSG", "Peer IP Address", render_str(c, "peer"));
	pair(out, "callid", render_str(c, "callid"), "msid", msid(c, a, sizeof(a)));
	snprintf(a, sizeof(a), "%lld/%lld", render_num(c, "card"), render_num(c, "cpu"));
	snprintf(b, sizeof(b), "%lld", render_num(c, "sessmgr"));
	pair(out, "Card/Cpu", a, "Sessmgr Instance", b);
	snprintf(b, sizeof(b), "%lld", render_num(c, "ipsecmgr"));
	pair(out, "state", state_word(render_str(c, "state")), "Ipsecmgr Instance", b);
	pair(out, "connect time", render_date(render_num(c, "connect_wall_us"), a, sizeof(a)),
	     "call duration", span(render_num(c, "connected_s"), b, sizeof(b)));
	pair(out, "idle time", idle(c, a, sizeof(a)), "idle time left", "n/a");
	pair(out, "session time left", "n/a", "Redundancy Status",
	     render_flag(c, "recovered") ? "Recovered Session" : "Original Session");
	pair(out, "wsg-service name", render_str(c, "service"), "source context", render_str(c, "context"));
	pair(out, "ip address", or_na(render_str(c, "address")), "ip pool name",
	     or_na(render_str(c, "pool")));
	pair(out, "ipv6 address", or_na(render_str(c, "address6")), "ipv6 pool name",
	     or_na(render_str(c, "pool6")));
	numbers(out, c, "input pkts", "in_packets", "output pkts", "out_packets");
	numbers(out, c, "input bytes", "in_bytes", "output bytes", "out_bytes");
	numbers(out, c, "input pkts dropped", "in_dropped", "output pkts dropped", "out_dropped");
}

void render_subscribers(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	bool in_full = render_has(cmd, "full");
	const json_t *c;
	size_t i;

	if (!render_num(j, "total")) {
		cli_out_put(out, "No subscribers match the specified criteria\n");
	} else {
		if (!in_full)
			legend(out);
		json_array_foreach(render_list(j, "calls"), i, c)
		{
			if (in_full && i)
				cli_out_put(out, "\n");
			(in_full ? full : row)(c, out);
		}
		cli_out_printf(out, "\nTotal subscribers matching specified criteria: %lld\n",
		               render_num(j, "total"));
	}
	if (render_num(j, "managers_missing"))
		cli_out_printf(out,
		               "%lld session manager(s) did not answer; their sessions are not listed.\n",
		               render_num(j, "managers_missing"));
}

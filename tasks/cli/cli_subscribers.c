/* SPDX-License-Identifier: MIT */
/*
 * show subscribers and clear subscribers: calls of the sessmgrs that the filters mean, with what their ESP
 * SAs carried. A call's SAs are known to its ipsecmgr, their packets to the iftask of that card. Numbers are
 * of the SAs of now: a rekey begins new ones.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli_show.h"
#include "session/session.h"

#define FEW      64  /* calls up to which their SAs are asked for one by one */
#define AT_ONCE  500 /* calls that one order ends */
#define CLEAR_MS 10000

/* --- which calls
 * -------------------------------------------------------------------------------------------- */

static void add_line(char *buf, size_t size, const char *name, const char *value)
{
	size_t n = strlen(buf);

	if (value && n < size)
		snprintf(buf + n, size - n, "%s=%s\n", name, value);
}

/* The filters as sessmgrs read them (lib/session/session_match.h). */
static void filters(const struct cli_cmd *cmd, char *buf, size_t size)
{
	const char *time = cli_cmd_str(cmd, "time");

	*buf = 0;
	add_line(buf, size, "callid", cli_cmd_str(cmd, "callid"));
	add_line(buf, size, "username", cli_cmd_str(cmd, "username"));
	add_line(buf, size, "msid", cli_cmd_str(cmd, "msid"));
	add_line(buf, size, "msid", cli_cmd_str(cmd, "imsi"));
	add_line(buf, size, "ip-address", cli_cmd_str(cmd, "address"));
	add_line(buf, size, "ipv6-prefix", cli_cmd_str(cmd, "prefix"));
	add_line(buf, size, "ip-pool", cli_cmd_str(cmd, "pool"));
	add_line(buf, size, "wsg-service", cli_cmd_str(cmd, "service"));
	if (time)
		add_line(buf, size, *time == 'g' ? "longer" : "shorter", cli_cmd_str(cmd, "seconds"));
	if (cli_cmd_has(cmd, "connected"))
		add_line(buf, size, "connected", "1");
}

/* Nothing here is an ePDG's, and nobody has told an MSISDN. */
static bool nobody(const struct cli_cmd *cmd)
{
	return cli_cmd_has(cmd, "epdg-only") || cli_cmd_has(cmd, "epdg-service") ||
	       cli_cmd_has(cmd, "msisdn");
}

static bool manager_wanted(const json_t *m, const struct cli_cmd *cmd)
{
	int64_t instance = cli_cmd_int(cmd, "smgr", 0), slot = cli_cmd_int(cmd, "slot", 0);
	uint32_t callid;

	if (cli_cmd_has(cmd, "callid") && !session_callid_parse(cli_cmd_str(cmd, "callid"), &callid) &&
	    session_callid_instance(callid) != render_num(m, "instance"))
		return false;
	return (!instance || instance == render_num(m, "instance")) &&
	       (!slot || slot == render_num(m, "card")) && strcmp(render_str(m, "state"), "Down") != 0;
}

static json_t *ask_sessmgrs(struct sh *sh, const struct cli_cmd *cmd, json_int_t *missing, char *err,
                            size_t size)
{
	json_t *list = sh_show(sh, "sessctrl/0", "sessmgrs", "", err, size), *all, *m, *j;
	char args[1024], dst[40], why[256];
	size_t i;

	if (!list)
		return NULL;
	filters(cmd, args, sizeof(args));
	all = json_array();
	json_array_foreach(json_object_get(list, "sessmgrs"), i, m)
	{
		if (nobody(cmd) || !manager_wanted(m, cmd))
			continue;
		snprintf(dst, sizeof(dst), "sessmgr/%lld", render_num(m, "instance"));
		j = sh_show(sh, dst, "calls", args, why, sizeof(why));
		*missing += j == NULL;
		if (j)
			json_array_extend(all, json_object_get(j, "calls"));
		json_decref(j);
	}
	json_decref(list);
	return all;
}

/* --- what they carried
 * -------------------------------------------------------------------------------------- */

/* {"1": "003f8a77 003f8a78 "}: call ids by the ipsecmgr that has their tunnels. */
static json_t *by_manager(const json_t *calls)
{
	json_t *o = json_object(), *c;
	char key[24], text[8 * FEW * 2];
	size_t i;

	json_array_foreach(calls, i, c)
	{
		snprintf(key, sizeof(key), "%lld", render_num(c, "ipsecmgr"));
		*text = 0;
		if (json_array_size(calls) <= FEW)
			snprintf(text, sizeof(text), "%s%s ", render_str(o, key), render_str(c, "callid"));
		json_object_set_new(o, key, json_string(text));
	}
	return o;
}

/* Rows of an ipsecmgr's SAs into of_call {callid: [spi]}, and the SPIs into cards {card: "spi spi "}. */
static void take_sas(const json_t *reply, json_t *of_call, json_t *cards, bool few)
{
	char card[24], text[12 * FEW * 16];
	json_t *sa, *list;
	size_t i;

	snprintf(card, sizeof(card), "%lld", render_num(reply, "card"));
	json_array_foreach(json_object_get(reply, "sas"), i, sa)
	{
		list = json_object_get(of_call, render_str(sa, "callid"));
		if (!list) {
			list = json_array();
			json_object_set_new(of_call, render_str(sa, "callid"), list);
		}
		json_array_append(list, json_object_get(sa, "spi"));
		*text = 0;
		if (few && strlen(render_str(cards, card)) + 12 < sizeof(text))
			snprintf(text, sizeof(text), "%s%s ", render_str(cards, card), render_str(sa, "spi"));
		json_object_set_new(cards, card, json_string(text));
	}
}

/* {spi: row} of the iftasks of these cards. */
static json_t *traffic(struct sh *sh, json_t *cards)
{
	json_t *by_spi = json_object(), *reply, *sa, *v;
	const char *card;
	char dst[40], why[256];
	size_t i;

	json_object_foreach(cards, card, v)
	{
		snprintf(dst, sizeof(dst), "iftask/%d", atoi(card) * 10);
		reply = sh_show(sh, dst, "iftask traffic", json_string_value(v), why, sizeof(why));
		json_array_foreach(json_object_get(reply, "sas"), i, sa)
		        json_object_set(by_spi, render_str(sa, "spi"), sa);
		json_decref(reply);
	}
	return by_spi;
}

/* Sums over the call's SAs; idle is that of the one used last. */
static void set_traffic(json_t *call, const json_t *spis, const json_t *by_spi)
{
	static const char *const sums[] = {"in_packets", "in_bytes",   "out_packets",
	                                   "out_bytes",  "in_dropped", "out_dropped"};
	json_int_t idle = -1;
	const json_t *spi, *row;
	size_t i, k;

	json_array_foreach(spis, i, spi)
	{
		row = json_object_get(by_spi, json_string_value(spi));
		if (!row)
			continue;
		if (idle < 0 || render_num(row, "idle_s") < idle)
			idle = render_num(row, "idle_s");
		for (k = 0; k < sizeof(sums) / sizeof(sums[0]); k++)
			json_object_set_new(
			        call, sums[k],
			        json_integer(render_num(call, sums[k]) + render_num(row, sums[k])));
	}
	if (idle >= 0)
		json_object_set_new(call, "idle_s", json_integer(idle));
}

static void add_traffic(struct sh *sh, json_t *calls)
{
	json_t *managers = by_manager(calls), *of_call = json_object(), *cards = json_object(), *reply, *v,
	       *c, *by_spi;
	char dst[40], why[256];
	const char *n;
	size_t i;

	json_object_foreach(managers, n, v)
	{
		snprintf(dst, sizeof(dst), "ipsecmgr/%s", n);
		reply = sh_show(sh, dst, "call-sa", json_string_value(v), why, sizeof(why));
		take_sas(reply, of_call, cards, *json_string_value(v));
		json_decref(reply);
	}
	by_spi = traffic(sh, cards);
	json_array_foreach(calls, i, c)
	        set_traffic(c, json_object_get(of_call, render_str(c, "callid")), by_spi);
	json_decref(by_spi);
	json_decref(cards);
	json_decref(of_call);
	json_decref(managers);
}

static json_t *only_idle(json_t *calls, const struct cli_cmd *cmd)
{
	const char *op = cli_cmd_str(cmd, "idle-is");
	int64_t limit = cli_cmd_int(cmd, "idle", 0);
	json_t *keep = json_array(), *c;
	size_t i;

	json_array_foreach(calls, i, c)
	{
		if (json_object_get(c, "idle_s") &&
		    (*op == 'g' ? render_num(c, "idle_s") > limit : render_num(c, "idle_s") < limit))
			json_array_append(keep, c);
	}
	json_decref(calls);
	return keep;
}

/* The calls meant; with_traffic: with what they carried. */
static json_t *calls_wanted(struct sh *sh, const struct cli_cmd *cmd, bool with_traffic, json_int_t *missing,
                            char *err, size_t size)
{
	json_t *calls = ask_sessmgrs(sh, cmd, missing, err, size);
	bool idle = cli_cmd_has(cmd, "idle-is");

	if (calls && (with_traffic || idle))
		add_traffic(sh, calls);
	return calls && idle ? only_idle(calls, cmd) : calls;
}

/* --- show subscribers
 * --------------------------------------------------------------------------------------- */

static json_t *subscribers_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_int_t missing = 0;
	json_t *calls = calls_wanted(sh, cmd, true, &missing, err, size);

	return calls ? json_pack("{s:I, s:I, s:o}", "total", (json_int_t)json_array_size(calls),
	                         "managers_missing", missing, "calls", calls)
	             : NULL;
}

/* The numbers of `show subscribers summary` for the calls that filters mean. */
json_t *sh_subscribers_summary(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_int_t missing = 0, active = 0, v4 = 0, v6 = 0, in = 0, out = 0;
	json_t *calls = calls_wanted(sh, cmd, true, &missing, err, size), *c, *j;
	size_t i;

	if (!calls)
		return NULL;
	json_array_foreach(calls, i, c)
	{
		in += render_num(c, "in_dropped");
		out += render_num(c, "out_dropped");
		if (strcmp(render_str(c, "state"), session_state_name(SESSION_CONNECTED)) != 0)
			continue;
		active++;
		v4 += *render_str(c, "address") != '-';
		v6 += *render_str(c, "address") == '-' && *render_str(c, "address6") != '-';
	}
	j = json_pack("{s:I, s:I, s:i, s:I, s:I, s:I, s:I, s:I}", "total", (json_int_t)json_array_size(calls),
	              "active", active, "dormant", 0, "wsg_simple_ipv4", v4, "wsg_simple_ipv6", v6,
	              "in_packet_dropped", in, "out_packet_dropped", out, "managers_missing", missing);
	json_decref(calls);
	return j;
}

/* --- clear subscribers
 * -------------------------------------------------------------------------------------- */

/* One order to an ipsecmgr; its answer is how many tunnels end. -1 after a failure was told. */
static long order_end(struct sh *sh, const char *manager, const char *ids)
{
	Envelope env = ENVELOPE__INIT, *r;
	Control c = CONTROL__INIT;
	char dst[40];
	int status;
	long n = -1;

	snprintf(dst, sizeof(dst), "ipsecmgr/%s", manager);
	c.what = (char *)"clear subscribers";
	c.args = (char *)ids;
	env.body_case = ENVELOPE__BODY_CONTROL;
	env.control = &c;
	r = sh_call(sh, dst, &env, CLEAR_MS, &status);
	if (status == 0 && r && r->body_case == ENVELOPE__BODY_STATUS)
		n = atol(r->status->text);
	else
		sh_fail(sh, "%s of IPSec manager %s are not cleared: %s", "Subscribers", manager,
		        r && r->body_case == ENVELOPE__BODY_STATUS && *r->status->text ? r->status->text
		        : status == -EHOSTUNREACH ? "it is not running at the moment"
		                                  : "no answer in time");
	if (r)
		envelope__free_unpacked(r, NULL);
	return n;
}

/* All calls of one manager, some at a time. How many end; *failed is set when an order was not taken. */
static long end_calls(struct sh *sh, const json_t *calls, const char *manager, bool *failed)
{
	char ids[AT_ONCE * SESSION_CALLID_STRLEN + 1] = "";
	size_t n = 0, i, count = json_array_size(calls);
	const json_t *c;
	long done = 0, k;

	json_array_foreach(calls, i, c)
	{
		if (render_num(c, "ipsecmgr") == atoll(manager)) {
			n += (size_t)snprintf(ids + n, sizeof(ids) - n, "%s ", render_str(c, "callid"));
		}
		if (n && (n + SESSION_CALLID_STRLEN >= sizeof(ids) || i + 1 == count)) {
			k = order_end(sh, manager, ids);
			*failed |= k < 0;
			done += k > 0 ? k : 0;
			n = 0;
		}
	}
	return done;
}

static int clear_subscribers(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	char err[256];
	json_int_t missing = 0;
	json_t *calls = calls_wanted(sh, cmd, false, &missing, err, sizeof(err)), *managers, *v;
	bool failed = false;
	const char *manager;
	long done = 0;

	if (!calls)
		return sh_fail(sh, "%s", err);
	managers = by_manager(calls);
	json_object_foreach(managers, manager, v) done += end_calls(sh, calls, manager, &failed);
	json_decref(managers);
	json_decref(calls);
	if (missing)
		return sh_fail(sh, "%lld session manager(s) did not answer; %ld subscribers are cleared",
		               (long long)missing, done);
	if (done)
		cli_out_printf(out, "Number of subscribers to be cleared: %ld\n", done);
	else if (!failed)
		cli_out_put(out, "No subscribers match the specified criteria\n");
	return failed ? -1 : 0;
}

const struct sh_command sh_subscriber_commands[] = {
        {"show_subscribers", NULL, subscribers_collect, render_subscribers},
        {"clear_subscribers", clear_subscribers, NULL, NULL},
        {NULL, NULL, NULL, NULL},
};

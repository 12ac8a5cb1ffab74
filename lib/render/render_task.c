/* SPDX-License-Identifier: MIT */
/* One crash with what its core says, and the inner state of sessions (layouts/show_subscribers_debug-info).
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "render/render.h"

/* Field names as StarOS prints them; the frame is ours, no public sample is known. */
void render_crash(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *similar = json_object_get(j, "similar");
	char time[CLOCK_TEXT_MAX];

	cli_out_printf(out, "********************* CRASH #%02lld ***********************\n",
	               render_num(j, "number"));
	cli_out_printf(out, "SW Version          : %s\n", render_str(j, "version"));
	cli_out_printf(out, "Similar Crash Count : %lld\n", render_num(similar, "count"));
	cli_out_printf(out, "Time of First Crash : %.20s\n",
	               clock_format_staros_log(time, sizeof(time),
	                                       (uint64_t)render_num(similar, "first_wall_us"), CLOCK_UTC));
	cli_out_printf(out, "Process             : %s %lld  card %lld cpu %lld pid %lld\n",
	               render_str(j, "facility"), render_num(j, "instance"), render_num(j, "card"),
	               render_num(j, "cpu"), render_num(j, "pid"));
	cli_out_printf(
	        out, "Crash Time          : %.20s\n",
	        clock_format_staros_log(time, sizeof(time), (uint64_t)render_num(j, "wall_us"), CLOCK_UTC));
	cli_out_printf(out, "Reason              : %s\n", render_str(j, "reason"));
	cli_out_printf(out, "Core File           : %s%s\n", *render_str(j, "core") ? "/flash/crash/" : "none",
	               render_str(j, "core"));
	if (*render_str(j, "core"))
		cli_out_printf(out, "\n%s",
		               *render_str(j, "text") ? render_str(j, "text")
		                                      : "The core is not on the disk any more.\n");
}

static const char *age(const json_t *k, const char *key, char *buf, size_t size)
{
	long long ms = render_num(k, key);

	snprintf(buf, size, "%lldms", ms);
	return ms < 0 ? "-" : buf;
}

static void checkpoints(const json_t *c, const char *key, const char *label, struct cli_out *out)
{
	const json_t *k = json_object_get(c, key);
	char a[24], b[24];

	cli_out_printf(out, "     %-6s%14lld%11lld%16s%16s\n", label, render_num(k, "attempts"),
	               render_num(k, "success"), age(k, "last_attempt_ms", a, sizeof(a)),
	               age(k, "last_success_ms", b, sizeof(b)));
}

static void one_call(const json_t *c, struct cli_out *out)
{
	const char *user = render_str(c, "username");
	size_t i, digits = strspn(user, "0123456789");
	const json_t *e;

	cli_out_printf(out, "username: %-12scallid: %s         msid: %.*s\n", user, render_str(c, "callid"),
	               digits ? (int)digits : 3, digits ? user : "n/a");
	cli_out_printf(out, "  Card/Cpu: %lld/%lld\n", render_num(c, "card"), render_num(c, "cpu"));
	cli_out_printf(out, "  Sessmgr Instance: %lld\n", render_num(c, "sessmgr"));
	if (render_str(c, "imei")[0])
		cli_out_printf(out, "  IMEI(SV): %s\n", render_str(c, "imei"));
	cli_out_put(out, "  Primary callline:\n");
	cli_out_printf(out, "  Redundancy Status: %s Session\n",
	               render_flag(c, "recovered") ? "Recovered" : "Original");
	cli_out_put(out, "  Checkpoints    Attempts    Success    Last-Attempt    Last-Success\n");
	checkpoints(c, "full", "Full:", out);
	checkpoints(c, "micro", "Micro:", out);
	cli_out_printf(out, "   Current state: %s\n", render_str(c, "state"));
	cli_out_put(out, "   FSM Event trace:\n         State                            Event\n");
	json_array_foreach(render_list(c, "trace"), i, e)
	        cli_out_printf(out, "         %-33s%s\n", render_str(e, "state"), render_str(e, "event"));
}

void render_subscribers_debug(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;

	json_array_foreach(render_list(j, "calls"), i, c)
	{
		if (i)
			cli_out_put(out, "\n");
		one_call(c, out);
	}
}

/* SPDX-License-Identifier: MIT */
/* What happened: event log, traps, alarms, recovery actions, crashes. Columns of layouts/ (show_snmp_*,
 * show_alarm_*, show_rct_stats*, show_crash_list). */
#include "render/render.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"

void render_logs(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *e;
	size_t i;

	json_array_foreach(render_list(j, "events"), i, e) cli_out_printf(out, "%s\n", render_str(e, "line"));
}

/* --- traps
 * -------------------------------------------------------------------------------------------------------------
 */

void render_trap_history(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *t;
	size_t i;

	cli_out_printf(out, "There are %zu historical trap records (%lld maximum)\n\n",
	               json_array_size(render_list(j, "traps")), render_num(j, "maximum"));
	cli_out_put(out, "Timestamp                Trap Information\n"
	                 "------------------------ ------------------------------------------------------\n");
	json_array_foreach(render_list(j, "traps"), i, t)
	        cli_out_printf(out, "%s Internal trap notification %lld (%s) %s\n", render_str(t, "time"),
	                       render_num(t, "number"), render_str(t, "name"), render_str(t, "text"));
}

/* A date line of the head: "Last …  : date", or the sentence that stands for never. */
static void when(const json_t *j, const char *key, const char *label, const char *never, struct cli_out *out)
{
	const char *date = render_str(j, key);

	if (*date)
		cli_out_printf(out, "  %-32s: %s\n", label, date);
	else
		cli_out_printf(out, "  %s\n", never);
}

static void notifies_head(const json_t *j, struct cli_out *out)
{
	cli_out_put(out, "SNMP Notification Statistics:\n");
	cli_out_printf(out, "  %-32s: %lld\n", "Total number of notifications", render_num(j, "total"));
	when(j, "last_sent", "Last notification sent", "Notifications have never been sent", out);
	cli_out_printf(out, "  %-32s: %s\n", "Notification sending is", render_str(j, "sending"));
	when(j, "last_disabled", "Notifications last disabled", "Notifications have never been disabled",
	     out);
	when(j, "last_cleared", "Notifications last cleared", "Notifications have never been cleared", out);
	cli_out_printf(out, "  %-32s: %lld\n", "Notifications in current period",
	               render_num(j, "current_period"));
	cli_out_printf(out, "  %-32s: %lld\n", "Notifications in previous period",
	               render_num(j, "previous_period"));
	cli_out_printf(out, "  %-32s: %lld seconds\n\n", "Notification monitor period",
	               render_num(j, "monitor_period"));
}

void render_notifies(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *t;
	size_t i;

	notifies_head(j, out);
	cli_out_put(out, "Trap Name                            #Gen #Disc  Disable Last Generated      \n"
	                 "----------------------------------- ----- -----  ------- --------------------\n");
	json_array_foreach(render_list(j, "traps"), i, t) cli_out_printf(
	        out, "%-35s %5lld %5lld %7lld  %-20s\n", render_str(t, "name"), render_num(t, "generated"),
	        render_num(t, "discarded"), render_num(t, "disabled"), render_str(t, "last"));
	cli_out_printf(out, "\nTotal number of notifications Disabled  : %lld\n",
	               render_num(j, "total_disabled"));
}

void render_communities(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;

	cli_out_put(out, "Community Name                   Access Level\n"
	                 "-------------------------------- ------------\n");
	json_array_foreach(render_list(j, "communities"), i, c)
	        cli_out_printf(out, "%-32s %s\n", render_str(c, "community"), render_str(c, "access"));
}

/* No public sample is known; the layout is Orrery's own. */
void render_transports(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *t;
	size_t i;

	cli_out_put(
	        out,
	        "Target Name                      IP Address                              Port  Ver   Sent "
	        "Failed Waiting\n"
	        "-------------------------------- --------------------------------------- ----- --- ------ "
	        "------ -------\n");
	json_array_foreach(render_list(j, "targets"), i, t)
	        cli_out_printf(out, "%-32s %-39s %5lld %-3s %6lld %6lld %7lld\n", render_str(t, "name"),
	                       render_str(t, "address"), render_num(t, "port"), render_str(t, "version"),
	                       render_num(t, "sent"), render_num(t, "failed"), render_num(t, "behind"));
}

/* --- the event log's filters
 * ----------------------------------------------------------------------------------
 */

/* active: the filters alone; verbose: with the number of records. The layout is Orrery's own. */
void render_logging(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	static const char *const counts[][2] = {{"Records received", "received"},
	                                        {"Records stored", "stored"},
	                                        {"Records waiting", "waiting"},
	                                        {"Records dropped", "dropped"}};
	const json_t *f;
	size_t i;

	if (!render_has(cmd, "active"))
		cli_out_printf(out, "  %-27s: %s\n", "Events on this terminal",
		               render_enabled(render_flag(j, "active")));
	for (i = 0; render_has(cmd, "verbose") && i < sizeof(counts) / sizeof(counts[0]); i++)
		cli_out_printf(out, "  %-27s: %lld\n", counts[i][0], render_num(j, counts[i][1]));
	if (!render_has(cmd, "active"))
		cli_out_put(out, "\n");
	cli_out_put(out,
	            "Facility             Level     Set by\n-------------------- --------- -------------\n");
	json_array_foreach(render_list(j, "filters"), i, f)
	        cli_out_printf(out, "%-20s %-9s %s\n", render_str(f, "facility"), render_str(f, "level"),
	                       render_str(f, "source"));
}

/* --- alarms
 * ---------------------------------------------------------------------------------------------------------------
 */

static const char *severity(const json_t *a)
{
	static const char *const words[] = {"CR", "MJ", "MN"};
	long long s = render_num(a, "severity");

	return words[s < 0 || s > 2 ? 2 : s];
}

/* verbose: a second line with id and date; its form is ours. */
void render_alarm_outstanding(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *a;
	size_t i;
	char date[CLOCK_TEXT_MAX];

	cli_out_put(out, "Sev Object          Event\n"
	                 "--- ----------      "
	                 "-----------------------------------------------------------------------------------"
	                 "---------\n");
	json_array_foreach(render_list(j, "alarms"), i, a)
	{
		cli_out_printf(out, "%-3s %-15s %s\n", severity(a), render_str(a, "object"),
		               render_str(a, "text"));
		if (render_has(cmd, "verbose"))
			cli_out_printf(out, "    Alarm Id %lld, %s\n", render_num(a, "id"),
			               render_date(render_num(a, "raised_us"), date, sizeof(date)));
	}
}

static void alarm_counts(const json_t *j, const char *key, const char *label, struct cli_out *out)
{
	const json_t *c = json_object_get(j, key);

	cli_out_printf(out, "  %s\n", label);
	cli_out_printf(out, "    Total:    %lld\n",
	               render_num(c, "critical") + render_num(c, "major") + render_num(c, "minor"));
	cli_out_printf(out, "    Critical: %lld\n", render_num(c, "critical"));
	cli_out_printf(out, "    Major:    %lld\n", render_num(c, "major"));
	cli_out_printf(out, "    Minor:    %lld\n", render_num(c, "minor"));
}

/* "Never" before the first alarm is ours. */
void render_alarm_statistics(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	char date[CLOCK_TEXT_MAX];

	cli_out_put(out, "Alarm Statistics:\n");
	alarm_counts(j, "current", "Current Outstanding Alarms", out);
	alarm_counts(j, "cumulative", "Cumulative Totals", out);
	cli_out_printf(out, "  Last Alarm Received: %s\n",
	               render_date(render_num(j, "last_wall_us"), date, sizeof(date)));
}

void render_alarm_all(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	cli_out_put(out, "Facility Alarm Information:\n\n"
	                 "Audible Alarm OFF\n"
	                 "Note: Audible Alarm is Disabled\n"
	                 "All Central Office (CO) alarms are off\n\n");
	render_alarm_statistics(j, NULL, out);
	cli_out_put(out, "\nOutstanding Alarms:\n\n");
	render_alarm_outstanding(j, NULL, out);
}

/* --- recovery actions
 * ----------------------------------------------------------------------------------------------------------
 */

struct rct_sum {
	long long n;
	double us;
};

static double rct_average(const struct rct_sum *s)
{
	return s->n ? s->us / (double)s->n / 1e6 : 0;
}

static void rct_add(struct rct_sum *s, const json_t *a)
{
	s->n++;
	s->us += (double)render_num(a, "duration_us");
}

static void rct_summary(const json_t *j, struct cli_out *out)
{
	struct rct_sum management = {0}, packet = {0}, switchover = {0};
	const json_t *a;
	size_t i;

	json_array_foreach(render_list(j, "actions"), i, a)
	{
		if (!strcmp(render_str(a, "action"), "Switchover"))
			rct_add(&switchover, a);
		else if (!strcmp(render_str(a, "action"), "Migration"))
			rct_add(render_flag(a, "management") ? &management : &packet, a);
	}
	cli_out_put(out, "\nRCT stats summary\n-----------------\n");
	cli_out_printf(out, "Migrations = %lld\n", management.n + packet.n);
	cli_out_printf(out, "  Management Card: %lld, Average time: %.3f sec\n", management.n,
	               rct_average(&management));
	cli_out_printf(out, "  Packet Card: %lld, Average time: %.3f sec\n", packet.n, rct_average(&packet));
	cli_out_printf(out, "Switchovers = %lld, Average time: %.3f sec\n", switchover.n,
	               rct_average(&switchover));
}

static void rct_row(const json_t *a, size_t n, bool verbose, struct cli_out *out)
{
	char start[CLOCK_TEXT_MAX];

	cli_out_printf(out, "%-3zu %-10s  ", n, render_str(a, "action"));
	if (verbose)
		cli_out_printf(out, "%-10s  ", render_str(a, "type"));
	cli_out_printf(
	        out, "%4lld  %2lld  %-24s  %6.3f sec  %s\n", render_num(a, "from"), render_num(a, "to"),
	        clock_format_staros_log(start, sizeof(start), (uint64_t)render_num(a, "start"), CLOCK_UTC),
	        (double)render_num(a, "duration_us") / 1e6, render_str(a, "status"));
	if (verbose && !strcmp(render_str(a, "action"), "Migration"))
		cli_out_put(out, "      Graceful: Enabled\n");
	if (verbose && render_num(a, "n_recovered"))
		cli_out_printf(out, "      Recovered[%lld]: %s\n", render_num(a, "n_recovered"),
		               render_str(a, "recovered"));
}

void render_rct_stats(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *a, *list = render_list(j, "actions");
	bool verbose = render_has(cmd, "verbose");
	size_t i;

	cli_out_printf(out, "\nRCT stats details (Last %zu Actions)\n\n", json_array_size(list));
	cli_out_printf(out, "#   Action      %sFrom  To  Start Time                Duration    Status\n",
	               verbose ? "Type        " : "");
	cli_out_printf(out, "--- ----------  %s----  --  ------------------------  ----------  -------\n",
	               verbose ? "----------  " : "");
	json_array_foreach(list, i, a) rct_row(a, i + 1, verbose, out);
	rct_summary(j, out);
}

/* --- crashes
 * ------------------------------------------------------------------------------------------------------------------------
 */

void render_crash_list(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;
	char time[CLOCK_TEXT_MAX];

	cli_out_put(
	        out,
	        "=== ==================== ======== ========== =============== =======================\n"
	        "#           Time         Process  Card/CPU/        SW          HW_SER_NUM\n"
	        "                                     PID         VERSION       MIO / Crash Card\n"
	        "=== ==================== ======== ========== =============== =======================\n\n");
	json_array_foreach(render_list(j, "crashes"), i, c)
	{
		clock_format_staros_log(time, sizeof(time), (uint64_t)render_num(c, "wall_us"), CLOCK_UTC);
		cli_out_printf(out, "%-3zu %-20.20s %-8.8s %02lld/%lld/%05lld %-15s %-23s\n", i + 1, time,
		               render_str(c, "facility"), render_num(c, "card"), render_num(c, "cpu"),
		               render_num(c, "pid"), render_str(c, "version"),
		               *render_str(c, "serial") ? render_str(c, "serial") : "NA");
	}
	cli_out_printf(out, "\nTotal Crashes : %lld\n", render_num(j, "total"));
}

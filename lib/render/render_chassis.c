/* SPDX-License-Identifier: MIT */
/*
 * The machine: version, cards, CPUs, ports, tasks, session recovery. Columns of layouts/ (show_version,
 * show_card_table, show_card_info, show_task_resources, show_session_recovery_status_verbose, show_cpu_table,
 * show_port_table, show_system_uptime).
 */
#include "render/render.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "place/place.h"

void render_version(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	cli_out_put(out, "Active Software:\n");
	cli_out_printf(out, "  %-31s %s\n", "Image Version:", render_str(j, "image_version"));
	cli_out_printf(out, "  %-31s %s\n", "Image Build Number:", render_str(j, "build_number"));
	cli_out_printf(out, "  %-31s %s\n", "Image Description:", render_str(j, "description"));
	cli_out_printf(out, "  %-31s %s\n", "Image Date:", render_str(j, "date"));
	cli_out_printf(out, "  %-31s %s\n", "Boot Image:", render_str(j, "boot_image"));
	cli_out_printf(out, "  %-31s %s\n", "Source Commit ID:", render_str(j, "commit"));
}

void render_uptime(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	char text[CLOCK_TEXT_MAX];

	cli_out_printf(out, "System uptime: %s\n\n",
	               clock_format_uptime(text, sizeof(text), (uint64_t)render_num(j, "uptime_us")));
}

/* --- cards
 * ----------------------------------------------------------------------------------------------------------
 */

/* Of a card that serves; what is standby, offline or booting has none. */
static const char *spof_word(const json_t *c)
{
	static const char *const serving[] = {"active", "migratefrom", "migrateto"};

	for (size_t i = 0; render_flag(c, "installed") && i < sizeof(serving) / sizeof(serving[0]); i++)
		if (!strcmp(render_str(c, "state"), serving[i]))
			return render_yes(render_flag(c, "spof"));
	return "-";
}

/* The last column, Attach, is empty in every row, and rows are padded to 80 columns. */
void render_card_table(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;
	char state[32];

	cli_out_put(out,
	            "Slot         Card Type                               Oper State     SPOF  Attach\n"
	            "-----------  --------------------------------------  -------------  ----  ------\n");
	json_array_foreach(render_list(j, "cards"), i, c)
	{
		bool in = render_flag(c, "installed");

		cli_out_printf(out, "%2lld: %-7s  %-38s  %-13s  %-4s  %-6s\n", render_num(c, "slot"),
		               render_str(c, "slot_type"), in ? render_str(c, "description") : "None",
		               !in ? "-"
		               : render_flag(c, "busied")
		                       ? "Active-Busied"
		                       : render_title(render_str(c, "state"), state, sizeof(state)),
		               spof_word(c), "");
	}
}

static void card_sensors(const json_t *c, struct cli_out *out)
{
	const json_t *s = json_object_get(c, "sensors");

	if (!s || !strcmp(render_str(c, "state"), "offline"))
		return;
	cli_out_printf(out, "  %-23s : %lld C (limit %lld C)\n", "Temperature", render_num(s, "temperature"),
	               render_num(s, "limit"));
	cli_out_printf(out, "  %-23s : %s\n", "Voltages",
	               !strcmp(render_str(s, "supply"), "Normal") ? "Good" : render_str(s, "supply"));
}

/* What a CPU does follows from its card. */
static const char *cpu_word(const json_t *c)
{
	const char *state = render_str(c, "state");

	if (!strcmp(state, "offline"))
		return "Down";
	return !strcmp(state, "booting") ? "Diags/Kernel Running, Tasks Starting"
	                                 : "Diags/Kernel Running, Tasks Running";
}

static void card_block(const json_t *c, struct cli_out *out)
{
	char state[32], date[CLOCK_TEXT_MAX];

	cli_out_printf(out, "Card %lld:\n", render_num(c, "slot"));
	cli_out_printf(out, "  %-23s : %s\n", "Slot Type", render_str(c, "slot_type"));
	cli_out_printf(out, "  %-23s : %s\n", "Card Type", render_str(c, "description"));
	cli_out_printf(out, "  %-23s : %s\n", "Operational State",
	               render_title(render_str(c, "state"), state, sizeof(state)));
	cli_out_printf(out, "  %-23s : %s\n", "Last State Change",
	               render_date(render_num(c, "changed"), date, sizeof(date)));
	cli_out_printf(out, "  %-23s : %s\n", "Desired Mode", render_str(c, "desired"));
	cli_out_printf(out, "  %-23s : %s\n", "Administrative State",
	               render_enabled(!render_flag(c, "shutdown")));
	/* The levers may be opened once the card is halted. */
	cli_out_printf(out, "  %-23s : %s\n", "Card Lock",
	               !strcmp(render_str(c, "state"), "offline") ? "Unlocked" : "Locked");
	cli_out_printf(out, "  %-23s : %s\n", "Halt Issued", render_yes(render_flag(c, "halted")));
	cli_out_printf(out, "  %-23s : %s\n", "Busied Out", render_yes(render_flag(c, "busied")));
	cli_out_printf(out, "  %-23s : %s\n", "Reboot Pending", render_yes(render_flag(c, "reboot_pending")));
	cli_out_printf(out, "  %-23s : %s\n", "Upgrade In Progress", render_yes(render_flag(c, "upgrading")));
	cli_out_printf(out, "  %-23s : %s\n", "Card Usable", render_yes(render_flag(c, "usable")));
	cli_out_printf(out, "  %-23s : %s\n", "Single Point of Failure",
	               strcmp(spof_word(c), "-") ? spof_word(c) : "No");
	card_sensors(c, out);
	cli_out_printf(out, "  %-23s : ", "Card LEDs");
	render_led_words(c, out);
	cli_out_put(out, "\n");
	for (long long i = 0; i < render_num(c, "cpus"); i++)
		cli_out_printf(out, "  CPU %-19lld : %s\n", i, cpu_word(c));
}

void render_card_info(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;

	json_array_foreach(render_list(j, "cards"), i, c)
	{
		if (i)
			cli_out_put(out, "\n");
		card_block(c, out);
	}
}

/* --- tasks
 * -------------------------------------------------------------------------------------------------------------
 */

/* CPU as StarOS writes it: 0.17%, 5.00%, 15%. */
static const char *percent(double v, char *buf, size_t size)
{
	snprintf(buf, size, v < 9.995 ? "%.2f%%" : "%.0f%%", v);
	return buf;
}

static double limit_bytes(const json_t *t)
{
	return (double)render_num(t, "memory_alloc_tenth_mb") * 104857.6;
}

static bool starting(const json_t *t)
{
	return !strcmp(render_str(t, "state"), "starting") || !strcmp(render_str(t, "state"), "activating");
}

static const char *task_status(const json_t *t)
{
	if (starting(t))
		return "start";
	if (!strcmp(render_str(t, "state"), "hung") || !strcmp(render_str(t, "state"), "backoff"))
		return "failed";
	if (*render_str(t, "usage")) /* with the card's hysteresis */
		return render_str(t, "usage");
	if (limit_bytes(t) > 0 && (double)render_num(t, "rss") > limit_bytes(t))
		return "over";
	return "good";
}

/* Only sessmgrs have numbers in the sessions columns; a standby one has -- there. */
static void task_row(const json_t *t, struct cli_out *out)
{
	char used[16], alloc[16], mem[16], limit[16], sess[12] = "--", sess_alloc[12] = "--", s = '-';
	bool spare = render_num(t, "instance") > PLACE_STANDBY_BASE;

	percent((double)render_num(t, "cpu_alloc_permille") / 10, alloc, sizeof(alloc));
	render_memory(limit_bytes(t), limit, sizeof(limit));
	cli_out_printf(out, "%2lld/%lld %-11s%7lld ", render_num(t, "card"), render_num(t, "cpu"),
	               render_str(t, "facility"), render_num(t, "instance"));
	if (starting(t)) { /* as seen: nothing is known yet, and its two cputime cells are one column narrower
		            */
		cli_out_printf(out, "%4s %4s %6s %6s %4s %4lld %5s %5s %c %6s\n", "--", alloc, "--", limit,
		               "--", render_num(t, "files_alloc"), "--", "--", '-', task_status(t));
		return;
	}
	if (!strcmp(render_str(t, "facility"), "sessmgr")) {
		s = spare ? 'S' : 'I';
		if (!spare) {
			snprintf(sess, sizeof(sess), "%lld", render_num(t, "sessions"));
			snprintf(sess_alloc, sizeof(sess_alloc), "%lld", render_num(t, "sessions_alloc"));
		}
	}
	cli_out_printf(out, "%5s %5s %6s %6s %4lld %4lld %5s %5s %c %6s\n",
	               percent(json_real_value(json_object_get(t, "cpu_percent")), used, sizeof(used)), alloc,
	               render_memory((double)render_num(t, "rss"), mem, sizeof(mem)), limit,
	               render_num(t, "files"), render_num(t, "files_alloc"), sess, sess_alloc, s,
	               task_status(t));
}

void render_task_resources(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *t;
	size_t i, n = 0;
	double cpu = 0, rss = 0;
	long long files = 0, sessions = 0;
	char mem[16], used[24];

	cli_out_put(out,
	            "                   task   cputime        memory     files      sessions\n"
	            " cpu facility      inst  used  allc   used  alloc used allc  used  allc S status\n"
	            "----------------------- ----------- ------------- --------- ------------- ------\n");
	json_array_foreach(render_list(j, "tasks"), i, t)
	{
		task_row(t, out);
		n++;
		cpu += json_real_value(json_object_get(t, "cpu_percent"));
		rss += (double)render_num(t, "rss");
		files += render_num(t, "files");
		sessions += !strcmp(render_str(t, "facility"), "sessmgr") ? render_num(t, "sessions") : 0;
	}
	snprintf(used, sizeof(used), "%.2f%%", cpu);
	cli_out_printf(out, "Total %17zu %7s %9s %14lld %11lld\n", n, used,
	               render_memory(rss, mem, sizeof(mem)), files, sessions);
}

/* Our layout but for the column names: no public sample is known. The parent of every task is its card. */
void render_task_table(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *t;
	size_t i;
	char date[CLOCK_TEXT_MAX];

	cli_out_put(out, "                   task                 parent\n"
	                 " cpu facility      inst    pid pri  facility     inst    pid  state       started\n"
	                 "----------------------- ------ --- ------------------------- ----------- "
	                 "------------------------\n");
	json_array_foreach(render_list(j, "tasks"), i, t) cli_out_printf(
	        out, "%2lld/%lld %-11s%7lld %6lld   0  %-10s %6lld %6s  %-10s  %s\n", render_num(t, "card"),
	        render_num(t, "cpu"), render_str(t, "facility"), render_num(t, "instance"),
	        render_num(t, "pid"), "card", render_num(t, "card"), "-", render_str(t, "state"),
	        clock_format_trap(date, sizeof(date), (uint64_t)render_num(t, "started"), CLOCK_UTC));
}

/* --- session recovery
 * --------------------------------------------------------------------------------------------------- */

void render_session_recovery(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;

	cli_out_put(out, "Session Recovery Status:\n");
	cli_out_printf(out, "  Overall Status         : %s\n",
	               render_flag(j, "ready") ? "Ready For Recovery" : "SESSMGR Not Ready For Recovery");
	cli_out_printf(out, "  Last Status Update     : %lld seconds ago\n", render_num(j, "age_s"));
	if (!render_has(cmd, "verbose"))
		return;
	cli_out_put(out, "\n              ----sessmgr---  ----aaamgr----  demux\n"
	                 " cpu state    active standby  active standby  active  status\n"
	                 "---- -------  ------ -------  ------ -------  ------  -------------------------\n");
	json_array_foreach(render_list(j, "cpus"), i, c)
	{
		const char *status = !render_flag(c, "good")
		                             ? "Not Ready"
		                             : (render_num(c, "demux") ? "Good (Demux)" : "Good");

		cli_out_printf(out, "%2lld/%lld %-7s  %-6lld %-7lld  %-6lld %-7lld  %-6lld  %-25s\n",
		               render_num(c, "card"), render_num(c, "cpu"), render_str(c, "state"),
		               render_num(c, "sess_active"), render_num(c, "sess_standby"),
		               render_num(c, "aaa_active"), render_num(c, "aaa_standby"),
		               render_num(c, "demux"), status);
	}
}

/* --- CPUs and ports
 * ---------------------------------------------------------------------------------------------------------
 */

/* Memory as show cpu table has it: whole M below 10000M, then G with one decimal. */
static const char *cpu_memory(const json_t *c, const char *key, char *buf, size_t size)
{
	double mb = (double)render_num(c, key) / (1024 * 1024);

	if (!json_is_integer(json_object_get(c, key)))
		snprintf(buf, size, "-");
	else
		snprintf(buf, size, mb < 10000 ? "%.0fM" : "%.1fG", mb < 10000 ? mb : mb / 1024);
	return buf;
}

static const char *cpu_real(const json_t *c, const char *key, const char *fmt, char *buf, size_t size)
{
	const json_t *v = json_object_get(c, key);

	if (!json_is_number(v))
		return "-";
	snprintf(buf, size, "%.*f%s", fmt[0] == '%' ? 1 : 2, json_number_value(v), fmt[0] == '%' ? "%" : "");
	return buf;
}

/* What nobody measures (load, averages, installed memory) reads "-". */
void render_cpu_table(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;

	cli_out_put(out,
	            "             --------Load--------  ------CPU-Usage-----  ---------Memory--------\n"
	            " cpu  state     now   5min  15min     now   5min  15min    now  5min 15min total\n"
	            "----  -----  ------ ------ ------  ------ ------ ------  ----- ----- ----- -----\n");
	json_array_foreach(render_list(j, "cpus"), i, c)
	{
		char l[3][16], u[3][16], m[4][16];

		cli_out_printf(
		        out, "%2lld/%lld  %-5s  %6s %6s %6s  %6s %6s %6s  %5s %5s %5s %5s\n",
		        render_num(c, "card"), render_num(c, "cpu"),
		        !strcmp(render_str(c, "state"), "active") ? "Actve" : "Stnby",
		        cpu_real(c, "load_now", "", l[0], 16), cpu_real(c, "load_5min", "", l[1], 16),
		        cpu_real(c, "load_15min", "", l[2], 16), cpu_real(c, "usage_now", "%", u[0], 16),
		        cpu_real(c, "usage_5min", "%", u[1], 16), cpu_real(c, "usage_15min", "%", u[2], 16),
		        cpu_memory(c, "memory_now", m[0], 16), cpu_memory(c, "memory_5min", m[1], 16),
		        cpu_memory(c, "memory_15min", m[2], 16), cpu_memory(c, "memory_total", m[3], 16));
	}
}

static void slotport(const json_t *p, const char *key, char *buf, size_t size)
{
	const char *text = render_str(p, key), *slash = strchr(text, '/');

	if (slash)
		snprintf(buf, size, "%2.*s%s", (int)(slash - text), text, slash);
	else
		snprintf(buf, size, "-");
}

void render_port_table(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *p;
	size_t i;
	char port[16], pair[16];

	cli_out_put(out,
	            "Port  Role Type                      Admin    Oper Link State    Pair  Redundant\n"
	            "----- ---- ------------------------  -------- ---- ---- -------  ----- ---------\n");
	json_array_foreach(render_list(j, "ports"), i, p)
	{
		slotport(p, "port", port, sizeof(port));
		slotport(p, "pair", pair, sizeof(pair));
		cli_out_printf(out, "%-5s %-4s %-24s  %-8s %-4s %-4s %-7s  %-5s %-9s\n", port,
		               render_str(p, "role"), render_str(p, "type"),
		               render_enabled(render_flag(p, "enabled")),
		               render_flag(p, "oper") ? "Up" : "Down", render_flag(p, "link") ? "Up" : "Down",
		               render_str(p, "state"), pair, render_str(p, "redundant"));
	}
}

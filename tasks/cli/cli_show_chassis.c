/* SPDX-License-Identifier: MIT */
/*
 * Shows of the machine: version, cards, tasks, session recovery. Trees come from hatsystem and from the cards themselves; the columns are
 * StarOS's (tests/system checks them against the layouts).
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/version.h"
#include "chassis/profile.h"
#include "cli_task.h"
#include "place/place.h"

static const char *str(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static long long num(const json_t *j, const char *key)
{
	return (long long)json_integer_value(json_object_get(j, key));
}

static bool flag(const json_t *j, const char *key)
{
	return json_is_true(json_object_get(j, key));
}

/* "active" -> "Active" */
static const char *title(const char *word, char *buf, size_t size)
{
	snprintf(buf, size, "%s", word);
	if (buf[0] >= 'a' && buf[0] <= 'z')
		buf[0] = (char)(buf[0] - 'a' + 'A');
	return buf;
}

/* --- version, uptime ------------------------------------------------------------------------------------------- */

static json_t *version_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	char build[16], image[80];

	(void)sh;
	(void)cmd;
	(void)err;
	(void)size;

	snprintf(build, sizeof(build), "%.5s", version_commit());
	snprintf(build, sizeof(build), "%lu", strtoul(build, NULL, 16) % 100000);
	snprintf(image, sizeof(image), "/flash/orrery-%s.bin.SPA", version_number());
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "image_version", version_number(), "build_number", build, "description",
			 "Deployment_Build", "date", version_build_date(), "boot_image", image, "commit", version_commit());
}

static void version_render(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)cmd;
	cli_out_put(out, "Active Software:\n");
	cli_out_printf(out, "  %-31s %s\n", "Image Version:", str(j, "image_version"));
	cli_out_printf(out, "  %-31s %s\n", "Image Build Number:", str(j, "build_number"));
	cli_out_printf(out, "  %-31s %s\n", "Image Description:", str(j, "description"));
	cli_out_printf(out, "  %-31s %s\n", "Image Date:", str(j, "date"));
	cli_out_printf(out, "  %-31s %s\n", "Boot Image:", str(j, "boot_image"));
	cli_out_printf(out, "  %-31s %s\n", "Source Commit ID:", str(j, "commit"));
}

/* --- cards --------------------------------------------------------------------------------------------------------- */

static json_t *cards_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	(void)cmd;
	return sh_show(sh, "hatsystem/0", "cards", "", err, size);
}

static const char *spof_word(const json_t *c)
{
	if (!flag(c, "installed") || strcmp(str(c, "state"), "active"))
		return "-";
	return flag(c, "spof") ? "Yes" : "No";
}

static void card_table_render(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;
	char state[32];

	(void)cmd;
	cli_out_put(out, "Slot         Card Type                               Oper State     SPOF  Attach\n"
			 "-----------  --------------------------------------  -------------  ----  ------\n");
	json_array_foreach(json_object_get(j, "cards"), i, c) {
		bool in = flag(c, "installed");

		cli_out_printf(out, "%2lld: %-7s  %-38s  %-13s  %-4s  %-6s\n", num(c, "slot"), str(c, "slot_type"),
			       in ? str(c, "description") : "None", in ? title(str(c, "state"), state, sizeof(state)) : "-",
			       spof_word(c), "");
	}
}

static const char *when(long long us, char *buf, size_t size)
{
	return us ? clock_format_exec(buf, size, (uint64_t)us, CLOCK_UTC) : "Never";
}

static void card_block(const json_t *c, struct cli_out *out)
{
	char state[32], date[CLOCK_TEXT_MAX];
	bool active = !strcmp(str(c, "state"), "active"), present = flag(c, "present");

	cli_out_printf(out, "Card %lld:\n", num(c, "slot"));
	cli_out_printf(out, "  %-23s : %s\n", "Slot Type", str(c, "slot_type"));
	cli_out_printf(out, "  %-23s : %s\n", "Card Type", str(c, "description"));
	cli_out_printf(out, "  %-23s : %s\n", "Operational State", title(str(c, "state"), state, sizeof(state)));
	cli_out_printf(out, "  %-23s : %s\n", "Last State Change", when(num(c, "changed"), date, sizeof(date)));
	cli_out_printf(out, "  %-23s : %s\n", "Desired Mode", flag(c, "want_active") || active ? "Active" : "Standby");
	cli_out_printf(out, "  %-23s : %s\n", "Administrative State", "Enabled");
	cli_out_printf(out, "  %-23s : %s\n", "Card Lock", "Locked");
	cli_out_printf(out, "  %-23s : %s\n", "Halt Issued", flag(c, "halted") ? "Yes" : "No");
	cli_out_printf(out, "  %-23s : %s\n", "Reboot Pending", flag(c, "leaving") ? "Yes" : "No");
	cli_out_printf(out, "  %-23s : %s\n", "Upgrade In Progress", "No");
	cli_out_printf(out, "  %-23s : %s\n", "Card Usable", present ? "Yes" : "No");
	cli_out_printf(out, "  %-23s : %s\n", "Single Point of Failure", strcmp(spof_word(c), "-") ? spof_word(c) : "No");
	cli_out_printf(out, "  %-23s : Run/Fail: %s  | Active: %s  | Redundant: %s\n", "Card LEDs", present ? "Green" : "Red",
		       active ? "Green" : "Off", flag(c, "spof") ? "Amber" : "Green");
	for (long long i = 0; i < num(c, "cpus"); i++)
		cli_out_printf(out, "  CPU %-19lld : %s\n", i,
			       present ? "Diags/Kernel Running, Tasks Running" : "Down");
}

static json_t *card_info_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *j = cards_collect(sh, cmd, err, size), *keep, *c;
	int64_t slot = cli_cmd_int(cmd, "slot", 0);
	size_t i;

	if (!j)
		return NULL;
	keep = json_array();
	json_array_foreach(json_object_get(j, "cards"), i, c)
		if (flag(c, "installed") && (!slot || num(c, "slot") == slot))
			json_array_append(keep, c);
	if (slot && !json_array_size(keep)) {
		snprintf(err, size, "Failure: There is no card in slot %lld", (long long)slot);
		json_decref(keep);
		json_decref(j);
		return NULL;
	}
	json_object_set_new(j, "cards", keep);
	return j;
}

static void card_info_render(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;

	(void)cmd;
	json_array_foreach(json_object_get(j, "cards"), i, c) {
		if (i)
			cli_out_put(out, "\n");
		card_block(c, out);
	}
}

/* --- tasks ------------------------------------------------------------------------------------------------------------ */

static bool task_wanted(const json_t *task, const struct cli_cmd *cmd)
{
	const char *facility = cli_cmd_str(cmd, "facility");

	if (facility && strcmp(facility, str(task, "facility")))
		return false;
	return !cli_cmd_has(cmd, "instance") || cli_cmd_int(cmd, "instance", -1) == num(task, "instance");
}

static int by_cpu(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	long long dx = num(x, "card") * 16 + num(x, "cpu"), dy = num(y, "card") * 16 + num(y, "cpu");

	if (dx == dy)
		dx = num(x, "order"), dy = num(y, "order");
	return dx < dy ? -1 : dx > dy;
}

static json_t *sorted(json_t *tasks)
{
	size_t n = json_array_size(tasks);
	json_t **v = calloc(n + 1, sizeof(*v)), *out = json_array();

	for (size_t i = 0; v && i < n; i++) {
		v[i] = json_array_get(tasks, i);
		json_object_set_new(v[i], "order", json_integer((json_int_t)i));
	}
	if (v)
		qsort(v, n, sizeof(*v), by_cpu);
	for (size_t i = 0; v && i < n; i++)
		json_array_append(out, v[i]);
	free(v);
	return out;
}

/* Every living card is asked; one that does not answer is told about and left out. */
static json_t *tasks_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *cards = sh_show(sh, "hatsystem/0", "cards", "", err, size), *all, *c, *task, *out;
	int64_t only = cli_cmd_int(cmd, "slot", 0);
	size_t i, k;

	if (!cards)
		return NULL;
	all = json_array();
	json_array_foreach(json_object_get(cards, "cards"), i, c) {
		char dst[40], why[256];
		json_t *card;

		if (!flag(c, "present") || !num(c, "cpus") || (only && num(c, "slot") != only))
			continue;
		snprintf(dst, sizeof(dst), "card/%lld", num(c, "slot"));
		card = sh_show(sh, dst, "card", "", why, sizeof(why));
		json_array_foreach(json_object_get(card, "tasks"), k, task)
			if (task_wanted(task, cmd))
				json_array_append(all, task);
		json_decref(card);
	}
	json_decref(cards);
	out = json_pack("{s:o}", "tasks", sorted(all));
	json_decref(all);
	return out;
}

/* CPU as StarOS writes it: 0.17%, 5.00%, 15%. */
static const char *percent(double v, char *buf, size_t size)
{
	if (v < 9.995)
		snprintf(buf, size, "%.2f%%", v);
	else
		snprintf(buf, size, "%.0f%%", v);
	return buf;
}

/* Memory with four significant digits: 52K, 2.11M, 27.91M, 127.3M, 1.32G. */
static const char *memory(double bytes, char *buf, size_t size)
{
	double mb = bytes / (1024 * 1024);

	if (mb < 1)
		snprintf(buf, size, "%.0fK", bytes / 1024);
	else if (mb < 100)
		snprintf(buf, size, "%.2fM", mb);
	else if (mb < 1000)
		snprintf(buf, size, "%.1fM", mb);
	else
		snprintf(buf, size, "%.2fG", mb / 1024);
	return buf;
}

static const char *task_status(const json_t *t)
{
	if (!strcmp(str(t, "state"), "starting") || !strcmp(str(t, "state"), "activating"))
		return "start";
	if (!strcmp(str(t, "state"), "hung") || !strcmp(str(t, "state"), "backoff"))
		return "failed";
	if (num(t, "memory_alloc_tenth_mb") && (double)num(t, "rss") > (double)num(t, "memory_alloc_tenth_mb") * 104857.6)
		return "over";
	return "good";
}

static void task_row(const json_t *t, struct cli_out *out)
{
	char used[16], alloc[16], mem[16], malloc_[16], sess[8] = "--", sess_alloc[8] = "--", s = '-';
	bool spare = num(t, "instance") > PLACE_STANDBY_BASE && strcmp(str(t, "facility"), "cli");

	if (num(t, "sessions_alloc")) {
		s = spare ? 'S' : 'I';
		if (!spare) {
			snprintf(sess, sizeof(sess), "%lld", num(t, "sessions"));
			snprintf(sess_alloc, sizeof(sess_alloc), "%lld", num(t, "sessions_alloc"));
		}
	}
	cli_out_printf(out, "%2lld/%lld %-11s %7lld %5s %5s %6s %6s %4lld %4lld %5s %5s %c %6s\n", num(t, "card"), num(t, "cpu"),
		       str(t, "facility"), num(t, "instance"),
		       percent(json_real_value(json_object_get(t, "cpu_percent")), used, sizeof(used)),
		       percent((double)num(t, "cpu_alloc_permille") / 10, alloc, sizeof(alloc)),
		       memory((double)num(t, "rss"), mem, sizeof(mem)),
		       memory((double)num(t, "memory_alloc_tenth_mb") * 104857.6, malloc_, sizeof(malloc_)), num(t, "files"),
		       num(t, "files_alloc"), sess, sess_alloc, s, task_status(t));
}

static void task_resources_render(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *t;
	size_t i, n = 0;
	double cpu = 0, rss = 0;
	long long files = 0, sessions = 0;
	char mem[16];

	(void)cmd;
	cli_out_put(out, "                   task   cputime        memory     files      sessions\n"
			 " cpu facility      inst  used  allc   used  alloc used allc  used  allc S status\n"
			 "----------------------- ----------- ------------- --------- ------------- ------\n");
	json_array_foreach(json_object_get(j, "tasks"), i, t) {
		task_row(t, out);
		n++;
		cpu += json_real_value(json_object_get(t, "cpu_percent"));
		rss += (double)num(t, "rss");
		files += num(t, "files");
		sessions += !strcmp(str(t, "facility"), "sessmgr") ? num(t, "sessions") : 0;
	}
	cli_out_printf(out, "Total %17zu %6.2f%%     %9s %14lld %11lld\n", n, cpu, memory(rss, mem, sizeof(mem)), files, sessions);
}

static void task_table_render(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *t;
	size_t i;
	char date[CLOCK_TEXT_MAX];

	(void)cmd;
	cli_out_put(out, "                   task                 parent\n"
			 " cpu facility      inst    pid pri  facility     inst    pid  state       started\n"
			 "----------------------- ------ --- ------------------------- ----------- ------------------------\n");
	json_array_foreach(json_object_get(j, "tasks"), i, t)
		cli_out_printf(out, "%2lld/%lld %-11s %7lld %6lld   0  %-10s %6lld %6s  %-10s  %s\n", num(t, "card"), num(t, "cpu"),
			       str(t, "facility"), num(t, "instance"), num(t, "pid"), "card", num(t, "card"), "-", str(t, "state"),
			       clock_format_trap(date, sizeof(date), (uint64_t)num(t, "started"), CLOCK_UTC));
}

/* --- session recovery ------------------------------------------------------------------------------------------------- */

static json_t *recovery_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	(void)cmd;
	return sh_show(sh, "hatsystem/0", "recovery", "", err, size);
}

static void recovery_render(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;

	cli_out_put(out, "Session Recovery Status:\n");
	cli_out_printf(out, "  Overall Status         : %s\n",
		       flag(j, "ready") ? "Ready For Recovery" : "SESSMGR Not Ready For Recovery");
	cli_out_put(out, "  Last Status Update     : 0 seconds ago\n");
	if (!cli_cmd_has(cmd, "verbose"))
		return;
	cli_out_put(out, "\n              ----sessmgr---  ----aaamgr----  demux\n"
			 " cpu state    active standby  active standby  active  status\n"
			 "---- -------  ------ -------  ------ -------  ------  -------------------------\n");
	json_array_foreach(json_object_get(j, "cpus"), i, c) {
		const char *status = !flag(c, "good") ? "Not Ready" : (num(c, "demux") ? "Good (Demux)" : "Good");

		cli_out_printf(out, "%2lld/%lld %-7s  %-6lld %-7lld  %-6lld %-7lld  %-6lld  %-25s\n", num(c, "card"), num(c, "cpu"),
			       str(c, "state"), num(c, "sess_active"), num(c, "sess_standby"), num(c, "aaa_active"),
			       num(c, "aaa_standby"), num(c, "demux"), status);
	}
}

const struct sh_command sh_chassis_commands[] = {
	{"show_version", NULL, version_collect, version_render},
	{"show_card_table", NULL, cards_collect, card_table_render},
	{"show_card_info", NULL, card_info_collect, card_info_render},
	{"show_task_resources", NULL, tasks_collect, task_resources_render},
	{"show_task_table", NULL, tasks_collect, task_table_render},
	{"show_session_recovery_status", NULL, recovery_collect, recovery_render},
	{NULL, NULL, NULL, NULL},
};

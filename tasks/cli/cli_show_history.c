/* SPDX-License-Identifier: MIT */
/*
 * Past intervals of sessions, from the samples in the store (which keeps six hours of them), and the audits
 * of the session managers.
 */
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "cli_show.h"
#include "srdb/srdb_quarters.h"
#include "store/store.h"

/* --- show session counters historical all
 * -------------------------------------------------------------------- */

static const char *const names[] = {"wsg-total-setup-attempts", "wsg-total-attempts-failed",
                                    "wsg-total-setup-successes", "wsg-total-disconnected",
                                    "wsg-total-disconnected-remotely-before-connect"};
static const char *const members[] = {"arrived", "rejected", "connected", "disconnected", "failed"};
#define NAMES (sizeof(names) / sizeof(names[0]))

static int one_sample(const struct store_sample *row, void *arg)
{
	json_t *values = json_loads(row->values, 0, NULL);

	quarters_add(arg, row->key, row->wall_us, values);
	json_decref(values);
	return 0;
}

static json_t *interval(uint64_t end_us, const uint64_t *grown)
{
	time_t s = (time_t)(end_us / US_PER_SEC);
	char when[32] = "";
	json_t *o;
	struct tm tm;

	if (gmtime_r(&s, &tm))
		strftime(when, sizeof(when), "%Y:%m:%d:%H:%M:%S", &tm);
	o = json_pack("{s:s, s:I}", "end", when, "end_wall_us", (json_int_t)end_us);
	for (size_t i = 0; i < NAMES; i++)
		json_object_set_new(o, members[i], json_integer((json_int_t)grown[i]));
	return o;
}

static json_t *historical_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	uint64_t now = clock_wall_us(), boot = 0, end, grown[NAMES];
	json_t *list = json_array();
	struct quarters *q;
	struct stat st;

	if (!stat(task_run_path(sh->t, "backplane.sock"), &st)) /* as old as the boot */
		boot = (uint64_t)st.st_ctim.tv_sec * US_PER_SEC;
	q = quarters_new(names, NAMES, boot);
	if (!q || store_sample_list(sh_state(sh), "wsg", boot, now, one_sample, q) < 0) {
		snprintf(err, size, "Failure: the samples cannot be read");
		quarters_free(q);
		json_decref(list);
		return NULL;
	}
	for (unsigned i = 0; quarters_get(q, now, i, &end, grown) == 0; i++)
		json_array_append_new(list, interval(end, grown));
	quarters_free(q);
	return json_pack("{s:o}", "intervals", list);
}

/* --- show session recovery audit
 * ------------------------------------------------------------------------------ */

static json_t *audit_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *list = sh_show(sh, "sessctrl/0", "sessmgrs", "", err, size), *all, *m, *j;
	json_int_t missing = 0;
	char dst[40], why[256];
	size_t i;

	if (!list)
		return NULL;
	all = json_array();
	json_array_foreach(json_object_get(list, "sessmgrs"), i, m)
	{
		if (!strcmp(render_str(m, "state"), "Down"))
			continue;
		snprintf(dst, sizeof(dst), "sessmgr/%lld", render_num(m, "instance"));
		j = sh_show(sh, dst, "audit", "", why, sizeof(why));
		missing += j == NULL;
		if (j)
			json_array_append_new(all, j);
	}
	json_decref(list);
	return json_pack("{s:I, s:o}", "managers_missing", missing, "sessmgrs", all);
}

const struct sh_command sh_history_commands[] = {
        {"show_session_counters_historical", NULL, historical_collect, render_session_historical},
        {"show_session_recovery_audit", NULL, audit_collect, render_session_audit},
        {NULL, NULL, NULL, NULL},
};

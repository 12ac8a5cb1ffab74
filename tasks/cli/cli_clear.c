/* SPDX-License-Identifier: MIT */
/*
 * What operators clear: counters, traps, alarms, events, crashes. srdb keeps from where on each of them
 * counts (lib/srdb/srdb_cleared.h), and the shows begin there; a crash's core goes from the disk as well.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/counters.h"
#include "cli_show.h"
#include "disk/disk.h"
#include "srdb/srdb_cleared.h"
#include "store/store.h"
#include "task/crash.h"

json_t *sh_cleared(struct sh *sh)
{
	char *text = malloc(SRDB_CLEARED_MAX);
	bool have = text && store_meta_get(sh_state(sh), SRDB_CLEARED_META, text, SRDB_CLEARED_MAX) == 0;
	json_t *j = srdb_cleared_parse(have ? text : NULL, sh->t->boot_id);

	free(text);
	return j;
}

/* --- counters
 * ------------------------------------------------------------------------------------------------- */

static int clear_ikev2(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	char err[256], args[COUNTERS_SCHEMA_MAX + COUNTERS_KEY_MAX];
	json_t *keys, *key;
	int rc = 0;
	size_t i;

	if (!cli_cmd_has(cmd, "service") && !cli_cmd_has(cmd, "tag"))
		return sh_control(sh, "srdb/0", "clear counters", "ikev2");
	keys = sh_ike_statistics_keys(sh, cmd, err, sizeof(err));
	if (!keys)
		return sh_fail(sh, "%s", err);
	json_array_foreach(keys, i, key)
	{
		snprintf(args, sizeof(args), "ikev2 %.*s", COUNTERS_KEY_MAX - 1, json_string_value(key));
		if (sh_control(sh, "srdb/0", "clear counters", args) < 0)
			rc = -1;
	}
	json_decref(keys);
	return rc;
}

/* A service may stand in several contexts. */
static int clear_wsg(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	const char *name = cli_cmd_str(cmd, "service");
	const struct cfg_node *ctx;
	char args[COUNTERS_SCHEMA_MAX + COUNTERS_KEY_MAX];
	unsigned n = 0;

	if (!name)
		return sh_control(sh, "srdb/0", "clear counters", "wsg");
	cfg_foreach(ctx, sh_tree(sh)->root, "context")
	{
		if (!cfg_child_named(sh_tree(sh), ctx, "wsg-service", name))
			continue;
		n++;
		snprintf(args, sizeof(args), "wsg %s/%s", cfg_key(ctx, 0), name);
		if (sh_control(sh, "srdb/0", "clear counters", args) < 0)
			return -1;
	}
	return n ? 0 : sh_fail(sh, "wsg-service %s does not exist", name);
}

/* --- traps, alarms, events
 * ------------------------------------------------------------------------------------ */

static int clear_traps(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	if (!strcmp(cli_cmd_str(cmd, "what"), "statistics"))
		return sh_control(sh, "snmp/0", "clear snmp notifies", "");
	return sh_control(sh, "srdb/0", "clear traps", "");
}

static int clear_alarm(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	return sh_control(sh, "srdb/0", "clear alarms", cli_cmd_str(cmd, "what"));
}

static int clear_log(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	return sh_control(sh, "srdb/0", "clear events", "");
}

/* --- crashes
 * -------------------------------------------------------------------------------------------------- */

/* Of the list as it is shown, crash number n (from 1); a borrowed row of *list, NULL after a failure. */
static const json_t *crash_number(struct sh *sh, const struct cli_cmd *cmd, json_t **list)
{
	size_t n = (size_t)cli_cmd_int(cmd, "number", 1);
	const json_t *row;
	char err[256];

	*list = sh_crash_collect(sh, cmd, err, sizeof(err));
	row = json_array_get(json_object_get(*list, "crashes"), n - 1);
	if (!*list)
		sh_fail(sh, "%s", err);
	else if (!row)
		sh_fail(sh, "there is no crash %zu: the list has %zu", n,
		        json_array_size(json_object_get(*list, "crashes")));
	return row;
}

static void remove_core(struct sh *sh, const json_t *crash)
{
	char file[DISK_URL_MAX];

	if (*render_str(crash, "core") &&
	    snprintf(file, sizeof(file), "/" CRASH_DIR "/%s", render_str(crash, "core")) < (int)sizeof(file))
		disk_unlink(sh->t->state_dir, file);
}

static int clear_crash(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	json_t *list = NULL;
	const json_t *row;
	char err[256], seq[24];
	int rc = -1;
	size_t i;

	if (cli_cmd_has(cmd, "list")) {
		list = sh_crash_collect(sh, cmd, err, sizeof(err));
		rc = list ? sh_control(sh, "srdb/0", "clear crashes", "all") : sh_fail(sh, "%s", err);
		if (rc == 0)
			json_array_foreach(json_object_get(list, "crashes"), i, row) remove_core(sh, row);
	} else if ((row = crash_number(sh, cmd, &list))) {
		snprintf(seq, sizeof(seq), "%lld", render_num(row, "seq"));
		rc = sh_control(sh, "srdb/0", "clear crashes", seq);
		if (rc == 0)
			remove_core(sh, row);
	}
	json_decref(list);
	return rc;
}

static int crash_copy(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	const char *to = cli_cmd_str(cmd, "url");
	json_t *list;
	const json_t *row = crash_number(sh, cmd, &list);
	char *text = row ? crash_read(sh->t->state_dir, render_str(row, "core")) : NULL;
	int rc = -1;

	if (text)
		rc = sh_write_url(sh, to, text, strlen(text), out);
	else if (row)
		sh_fail(sh, "crash %lld has no core file on the disk",
		        (long long)cli_cmd_int(cmd, "number", 1));
	free(text);
	json_decref(list);
	return rc;
}

const struct sh_command sh_clear_commands[] = {
        {"clear_crypto_statistics_ikev2", clear_ikev2, NULL, NULL},
        {"clear_wsg_statistics", clear_wsg, NULL, NULL},
        {"clear_snmp_trap", clear_traps, NULL, NULL},
        {"clear_alarm", clear_alarm, NULL, NULL},
        {"clear_log", clear_log, NULL, NULL},
        {"clear_crash", clear_crash, NULL, NULL},
        {"crash_copy", crash_copy, NULL, NULL},
        {NULL, NULL, NULL, NULL},
};

/* SPDX-License-Identifier: MIT */
/*
 * Shows of the system: contexts and their networks (asked of vpnctrl and the context's vpnmgr), redundancy,
 * sessions, bulk statistics, SNMP; what comes from the store is in cli_show_event.c. The table names both
 * halves of each.
 */
#include <stdlib.h>
#include <string.h>

#include "cli_show.h"

/* --- shows that are one request
 * ------------------------------------------------------------------------------------------- */

static json_t *context_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show(sh, "vpnctrl/0", "context", cli_cmd_has(cmd, "all") ? "" : sh->s.context, err, size);
}

static json_t *srp_info_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show(sh, "srp/0", "srp info", "", err, size);
}

static json_t *srp_checkpoints_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show(sh, "srp/0", "srp checkpoint statistics", "", err, size);
}

static json_t *srp_statistics_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show(sh, "srp/0", "srp statistics", "", err, size);
}

static json_t *notifies_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show(sh, "snmp/0", "notifies", "", err, size);
}

/* verbose: also traps that were never generated. */
static json_t *trap_statistics_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show(sh, "snmp/0", "notifies", cli_cmd_has(cmd, "verbose") ? "all" : "", err, size);
}

static json_t *bulkstats_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show(sh, "bulkstat/0", "bulkstats", "", err, size);
}

static json_t *bulk_variables_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show(sh, "bulkstat/0", "bulkstats variables", cli_cmd_str(cmd, "schema"), err, size);
}

static json_t *bulk_schemas_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show(sh, "bulkstat/0", "bulkstats schemas", "", err, size);
}

static json_t *bulk_data_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show(sh, "bulkstat/0", "bulkstats data", "", err, size);
}

static json_t *ip_route_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show_context(sh, "ip route", "", err, size);
}

static json_t *ip_pool_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show_context(sh, "ipv4 pool", cli_cmd_str(cmd, "name"), err, size);
}

static json_t *ipv6_pool_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show_context(sh, "ipv6 pool", cli_cmd_str(cmd, "pool"), err, size);
}

static json_t *ip_interface_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show_context(sh, "ip interface", cli_cmd_str(cmd, "name"), err, size);
}

/* --- sorted, added up
 * -------------------------------------------------------------------------------------------------------- */

static int by_name(const void *p, const void *q)
{
	return strcmp(render_str(*(json_t *const *)p, "community"),
	              render_str(*(json_t *const *)q, "community"));
}

static json_t *communities_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *j = sh_show(sh, "snmp/0", "communities", "", err, size),
	       *list = json_object_get(j, "communities"), *sorted;
	size_t n = json_array_size(list);
	json_t **v = calloc(n + 1, sizeof(json_t *));

	if (j && v) {
		for (size_t i = 0; i < n; i++)
			v[i] = json_array_get(list, i);
		qsort(v, n, sizeof(json_t *), by_name);
		sorted = json_array();
		for (size_t i = 0; i < n; i++)
			json_array_append(sorted, v[i]);
		json_object_set_new(j, "communities", sorted);
	}
	free(v);
	return j;
}

/* Drops of the data path: the ESP counters of all cards, from the peers and towards them. */
static void add_drops(struct sh *sh, json_t *j)
{
	static const char *const in[] = {"esp-in-no-sa",  "esp-in-malformed",   "esp-in-auth-fail",
	                                 "esp-in-replay", "esp-in-ts-mismatch", "esp-in-fragments",
	                                 "esp-in-clear"};
	static const char *const out[] = {"esp-out-no-sa", "esp-out-no-seq", "esp-out-seq-overflow",
	                                  "esp-out-too-big", "esp-out-send-fail"};
	char why[256];
	json_t *all = sh_counters(sh, "esp", why, sizeof(why)), *c;
	const char *key;
	long long n_in = 0, n_out = 0, no_flow = 0;

	json_object_foreach(all, key, c)
	{
		for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
			n_in += render_num(c, in[i]);
		for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
			n_out += render_num(c, out[i]);
		no_flow += render_num(c, "esp-out-no-sa");
	}
	if (all) {
		json_object_set_new(j, "in_packet_dropped", json_integer(n_in));
		json_object_set_new(j, "out_packet_dropped", json_integer(n_out));
		json_object_set_new(j, "out_no_flow_dropped", json_integer(no_flow));
	}
	json_decref(all);
}

static json_t *sessions_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show(sh, "sessctrl/0", "subscribers summary", "", err, size);
}

static json_t *subscribers_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *j;

	if (cmd->args->n)
		return sh_subscribers_summary(sh, cmd, err, size);
	j = sessions_collect(sh, cmd, err, size);
	if (j)
		add_drops(sh, j);
	return j;
}

const struct sh_command sh_system_commands[] = {
        {"show_context", NULL, context_collect, render_context_all},
        {"show_service_all", NULL, sh_service_all_collect, render_service_all},
        {"show_ip_pool", NULL, ip_pool_collect, render_ip_pool},
        {"show_ipv6_pool", NULL, ipv6_pool_collect, render_ip_pool},
        {"show_ip_interface", NULL, ip_interface_collect, render_ip_interface},
        {"show_ip_route", NULL, ip_route_collect, render_ip_route},
        {"show_srp_info", NULL, srp_info_collect, render_srp_info},
        {"show_srp_checkpoint_statistics", NULL, srp_checkpoints_collect, render_srp_checkpoints},
        {"show_srp_statistics", NULL, srp_statistics_collect, render_srp_statistics},
        {"show_subscribers_summary", NULL, subscribers_collect, render_subscribers_summary},
        {"show_session_progress", NULL, sessions_collect, render_session_progress},
        {"show_session_duration", NULL, sessions_collect, render_session_duration},
        {"show_session_disconnect_reasons", NULL, sessions_collect, render_disconnect_reasons},
        {"show_logs", NULL, sh_logs_collect, render_logs},
        {"show_snmp_trap_history", NULL, sh_traps_collect, render_trap_history},
        {"show_snmp_notifies", NULL, notifies_collect, render_notifies},
        {"show_snmp_trap_statistics", NULL, trap_statistics_collect, render_notifies},
        {"show_snmp_transports", NULL, sh_transports_collect, render_transports},
        {"show_snmp_communities", NULL, communities_collect, render_communities},
        {"show_alarm_outstanding", NULL, sh_alarms_collect, render_alarm_outstanding},
        {"show_alarm_statistics", NULL, sh_alarms_collect, render_alarm_statistics},
        {"show_alarm_all", NULL, sh_alarms_collect, render_alarm_all},
        {"show_bulkstats", NULL, bulkstats_collect, render_bulkstats},
        {"show_bulkstats_variables", NULL, bulk_variables_collect, render_bulkstats_variables},
        {"show_bulkstats_schemas", NULL, bulk_schemas_collect, render_bulkstats_schemas},
        {"show_bulkstats_data", NULL, bulk_data_collect, render_bulkstats_data},
        {"show_rct_stats", NULL, sh_rct_collect, render_rct_stats},
        {"show_crash_list", NULL, sh_crash_collect, render_crash_list},
        {NULL, NULL, NULL, NULL},
};

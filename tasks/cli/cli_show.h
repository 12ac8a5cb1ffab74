/* SPDX-License-Identifier: MIT */
/* The collecting halves of show commands, by file; the rendering halves are lib/render. Private to tasks/cli.
 */
#ifndef ORRERY_CLI_SHOW_H
#define ORRERY_CLI_SHOW_H

#include "base/log.h"
#include "cli_task.h"
#include "render/render.h"

/* --- cli_show_util.c
 * ------------------------------------------------------------------------------------------ */
/* The context block that the session is in; NULL with a failure text. */
const struct cfg_node *sh_context_node(struct sh *sh, char *err, size_t size);
/* The vpnmgr of the session's context asked; what and args as sh_show(). */
json_t *sh_show_context(struct sh *sh, const char *what, const char *args, char *err, size_t size);
/*
 * Totals of a counter schema up to this moment, over restarts, since they were cleared: {"key": {"variable":
 * n}}. key NULL: all; scope "service" objects are summed over tasks, "task" ones are not. NULL with a failure
 * text.
 */
json_t *sh_counters(struct sh *sh, const char *schema, char *err, size_t size);

/* --- cli_show_chassis.c
 * ------------------------------------------------------------------------------------------------ */
/* hatsystem's cards. */
json_t *sh_cards_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
/* Every configured port and its pair: {"ports": […]}. */
json_t *sh_ports_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);

/* --- cli_show_template.c: from the configuration
 * ----------------------------------------------------------------- */
json_t *sh_template_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
json_t *sh_ipsec_sets_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
json_t *sh_ikev2_sets_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
/* One template, or a crypto map of IKE version 2, of context ctx. */
json_t *sh_template_json(struct sh *sh, const struct cfg_node *tmpl, const struct cfg_node *ctx);
int64_t sh_key_size(struct sh *sh, const char *key); /* characters of a secret, sealed or not; NULL: 0 */

/* --- cli_show_map.c: from the configuration
 * ----------------------------------------------------------------------- */
json_t *sh_map_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
json_t *sh_isakmp_policy_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
json_t *sh_group_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
json_t *sh_vendor_policy_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
/* Transform sets of IKE version 1; name NULL: all. */
json_t *sh_ikev1_sets_json(struct sh *sh, const struct cfg_node *ctx, const char *name);

/* --- cli_show_wsg.c
 * ------------------------------------------------------------------------------------------------ */
json_t *sh_wsg_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
json_t *sh_wsg_statistics_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
json_t *sh_service_all_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
/* Keys of the IKEv2 counters that are meant by the name of a service (its template's), template or map: of
 * the session's context, where there is one of that name; else of every context that has one. NULL with a
 * failure text: there is none. */
json_t *sh_ike_statistics_keys(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
json_t *sh_ike_statistics_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);

/* --- cli_clear.c
 * ------------------------------------------------------------------------------------------------ */
/* What operators have cleared (lib/srdb/srdb_cleared.h), a new reference. */
json_t *sh_cleared(struct sh *sh);

/* --- cli_subscribers.c
 * ------------------------------------------------------------------------------------------------ */
json_t *sh_subscribers_summary(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);

/* --- cli_show_event.c: from the store
 * -------------------------------------------------------------------------------- */
/* An event of the store as a record for log_format_line(); the texts stay the event's. */
struct store_event;
struct log_record sh_event_record(const struct store_event *e);
json_t *sh_logs_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
json_t *sh_traps_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
json_t *sh_transports_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
json_t *sh_alarms_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
json_t *sh_rct_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
json_t *sh_crash_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);

#endif

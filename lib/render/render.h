/* SPDX-License-Identifier: MIT */
/*
 * The text of show commands: a JSON tree in, StarOS's columns out. Nothing here does I/O or asks for the
 * time; what a row needs is in the tree. Where the layout is Orrery's own (no public sample is known) the
 * function's comment says so. Missing members print as empty, 0 or
 * "-", never as a guess. Callers: the command tables of tasks/cli; tests/unit/test_cli_render.c.
 */
#ifndef RENDER_RENDER_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "cli/engine/cli.h"

/*
 * Every renderer: j is the tree that `| json` would print, cmd the command line (only its keywords count,
 * e.g. verbose; NULL: none), out where the text goes.
 */
/* --- render_util.c: members of a tree; absent or of another type: "", 0, false
 * ------------------------------------ */
const char *render_str(const json_t *j, const char *key);
long long render_num(const json_t *j, const char *key);
bool render_flag(const json_t *j, const char *key);
/* The member's array; NULL is an empty one for json_array_foreach(). */
const json_t *render_list(const json_t *j, const char *key);
/* Was the keyword given? */
bool render_has(const struct cli_cmd *cmd, const char *keyword);
/* "active" -> "Active"; returns buf. */
const char *render_title(const char *word, char *buf, size_t size);
/* "Enabled" or "Disabled"; "Yes" or "No" */
const char *render_enabled(bool v);
const char *render_yes(bool v);
/* Memory with four significant digits: 52K, 2.11M, 27.91M, 127.3M, 1.32G. */
const char *render_memory(double bytes, char *buf, size_t size);
/* The date of a wall time in microseconds as Exec prints it; "Never" for 0. */
const char *render_date(long long wall_us, char *buf, size_t size);

/* --- render_chassis.c
 * ------------------------------------------------------------------------------------------------ */
void render_version(const json_t *j, const struct cli_cmd *cmd,
                    struct cli_out *out); /* image_version build_number description date boot_image commit */
void render_card_table(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);     /* cards[] */
void render_card_info(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);      /* cards[] */
void render_task_resources(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* tasks[] */
void render_task_table(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);     /* tasks[] */
void render_session_recovery(const json_t *j, const struct cli_cmd *cmd,
                             struct cli_out *out); /* ready cpus[]; verbose */
void render_cpu_table(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);  /* cpus[] */
void render_port_table(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* ports[] */
void render_uptime(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);     /* uptime_us */

/* --- render_settings.c
 * ------------------------------------------------------------------------------------------------ */
void render_settings(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* kind blocks[] */
void render_access_lists(const json_t *j, const struct cli_cmd *cmd,
                         struct cli_out *out);                                           /* family lists[] */
void render_wsg_lookup(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* priorities[] */
void render_congestion(const json_t *j, const struct cli_cmd *cmd,
                       struct cli_out *out); /* enabled settings[] */
void render_threshold(const json_t *j, const struct cli_cmd *cmd,
                      struct cli_out *out); /* model thresholds[] polls[] groups[] */

/* --- render_shell.c
 * ------------------------------------------------------------------------------------------------------------
 */
void render_administrators(const json_t *j, const struct cli_cmd *cmd,
                           struct cli_out *out); /* sessions[]; session */
void render_history(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);   /* lines[] */
void render_terminal(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);  /* length width … */
void render_directory(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* entries[] */
void render_boot(const json_t *j, const struct cli_cmd *cmd,
                 struct cli_out *out); /* entries[] booted; initial-config */
void render_checksum(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* checksum */
/* --- render_hw.c: cards[] with leds, sensors, hardware; fans[] feeds[] raid
 * ------------------------------------------------------------------------------------------------ */
void render_led_words(const json_t *card, struct cli_out *out); /* Run/Fail: … | Active: … | Redundant: … */
void render_leds(const json_t *j, const struct cli_cmd *cmd,
                 struct cli_out *out); /* cards[] trouble service */
void render_temperature(const json_t *j, const struct cli_cmd *cmd,
                        struct cli_out *out); /* cards[] fans[]; verbose */
void render_fans(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);          /* fans[] */
void render_power_chassis(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* feeds[] */
void render_card_hardware(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* cards[] */
void render_card_diag(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);     /* cards[] */
void render_hd_raid(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* raid; verbose */
void render_fabric(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);  /* fabric */

/* --- render_sa.c: layouts of our own
 * ------------------------------------------------------------------------------------ */
void render_ike_sa(const json_t *j, const struct cli_cmd *cmd,
                   struct cli_out *out); /* sas[] or totals; summary */
void render_ipsec_sa(const json_t *j, const struct cli_cmd *cmd,
                     struct cli_out *out); /* sas[] or totals; summary */
void render_crypto_managers(const json_t *j, const struct cli_cmd *cmd,
                            struct cli_out *out); /* managers[]; summary */

/* --- render_template.c
 * ---------------------------------------------------------------------------------------------------- */
void render_crypto_template(const json_t *j, const struct cli_cmd *cmd,
                            struct cli_out *out); /* templates[] */
void render_ipsec_transform_set(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* sets[] */
void render_ikev2_transform_set(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* sets[] */

void render_template_one(const json_t *t, const char *type, struct cli_out *out); /* one of templates[] */
void render_ikev1_set(const json_t *set, struct cli_out *out);                    /* one of ikev1_sets[] */

/* --- render_map.c: samples of the IPSec Reference (chapters 5, 6, 20); groups are our own
 * ------------------------------------- */
void render_crypto_map(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);    /* maps[] */
void render_isakmp_policy(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* policies[] */
void render_crypto_group(const json_t *j, const struct cli_cmd *cmd,
                         struct cli_out *out); /* groups[]; summary */
void render_radius_servers(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);  /* servers[] */
void render_radius_counters(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* servers[] */
void render_access_list(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);   /* identities[] */
void render_vendor_policy(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* policies[] */

/* --- render_ikestat.c, render_wsg.c: counters by bulk statistics variable
 * -------------------------------------------------- */
void render_crypto_statistics(const json_t *j, const struct cli_cmd *cmd,
                              struct cli_out *out); /* objects[] {name, counters{}} */
void render_peer_list(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);
void render_wsg_service(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* services[] */
void render_wsg_statistics(const json_t *j, const struct cli_cmd *cmd,
                           struct cli_out *out); /* services[] {name, context, counters{}} */
void render_service_all(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* services[] */

/* --- render_vpn.c
 * ------------------------------------------------------------------------------------------------------------
 */
void render_context_all(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* contexts[] */
void render_ip_pool(const json_t *j, const struct cli_cmd *cmd,
                    struct cli_out *out); /* context pools[] count */
void render_ip_interface(const json_t *j, const struct cli_cmd *cmd,
                         struct cli_out *out); /* context interfaces[]; summary */
/* The routes of a tree with these widths of the first two columns and the last (0: as long as it is). */
void render_routes(const json_t *j, int destination, int next_hop, int interface, struct cli_out *out);
void render_ip_route(const json_t *j, const struct cli_cmd *cmd,
                     struct cli_out *out); /* routes[] total unique connected framed static */

/* --- render_srp.c
 * --------------------------------------------------------------------------------------------------------------
 */
void render_srp_info(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);
void render_srp_checkpoints(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);
void render_srp_statistics(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);

/* --- render_event.c
 * ----------------------------------------------------------------------------------------------------------------
 */
void render_logs(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* events[] */
void render_trap_history(const json_t *j, const struct cli_cmd *cmd,
                         struct cli_out *out); /* count maximum traps[] */
void render_notifies(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);    /* totals traps[] */
void render_communities(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* communities[] */
void render_transports(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);  /* targets[] */
void render_logging(const json_t *j, const struct cli_cmd *cmd,
                    struct cli_out *out); /* active filters[] received …; active, verbose */
void render_alarm_outstanding(const json_t *j, const struct cli_cmd *cmd,
                              struct cli_out *out); /* alarms[]; verbose */
void render_alarm_statistics(const json_t *j, const struct cli_cmd *cmd,
                             struct cli_out *out); /* current{} cumulative{} last_wall_us */
void render_alarm_all(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* both */
void render_rct_stats(const json_t *j, const struct cli_cmd *cmd,
                      struct cli_out *out); /* actions[]; verbose */
void render_crash_list(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* crashes[] */

/* --- render_session.c
 * ----------------------------------------------------------------------------------------------------------------
 */
void render_subscribers_summary(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);
void render_session_progress(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* states{} */
void render_session_duration(const json_t *j, const struct cli_cmd *cmd,
                             struct cli_out *out); /* duration{} */
void render_disconnect_reasons(const json_t *j, const struct cli_cmd *cmd,
                               struct cli_out *out); /* disconnect_reasons{} */

void render_session_historical(const json_t *j, const struct cli_cmd *cmd,
                               struct cli_out *out);                                        /* intervals[] */
void render_session_audit(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* sessmgrs[] */

/* --- render_bulk.c
 * ----------------------------------------------------------------------------------------------------------------------
 */
void render_bulkstats(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* server{} files[] */
void render_bulkstats_variables(const json_t *j, const struct cli_cmd *cmd,
                                struct cli_out *out); /* schemas[] */
void render_bulkstats_schemas(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* files[] */
void render_bulkstats_data(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);    /* files[] */

/* --- render_subscribers.c
 * ------------------------------------------------------------------------------------------------ */
void render_subscribers(const json_t *j, const struct cli_cmd *cmd,
                        struct cli_out *out); /* total calls[] managers_missing; full */

/* --- render_port.c: ports[] with device {}
 * ------------------------------------------------------------------------------------------------ */
void render_port_info(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);
void render_port_utilization(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);
void render_port_datalink(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);
void render_port_npu(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);
void render_ip_arp(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* neighbours[] */
void render_ipv6_interface(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* as IPv4's */
void render_ipv6_route(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);

/* --- render_cpu.c: cpus[]
 * ------------------------------------------------------------------------------------------------ */
void render_cpu_info(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* crypto-cores */
void render_npu_utilization(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);

/* --- render_pki.c: a layout of our own
 * ------------------------------------------------------------------------------------------------ */
void render_certificates(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out); /* kind list[] */
void render_crls(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);         /* kind list[] */

/* render_task.c */
/* A row of sh_crash_collect() with number, similar {count, first_wall_us}, and text when its core is there.
 */
void render_crash(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);
/* {"calls": […]}: sessmgr's show "call". */
void render_subscribers_debug(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);

#endif

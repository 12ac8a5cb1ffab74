/* SPDX-License-Identifier: MIT */
/* Chassis redundancy: show srp info, srp checkpoint statistics (layouts/), srp statistics (layout of our
 * own). */
#include "render/render.h"

#include <stdio.h>

static const char not_configured[] = "Service redundancy protocol is not configured\n";

/* Labels are the tree's keys in words; scripts look for `Chassis State: …`. */
static const struct {
	const char *label, *key;
	bool number;
} info[] = {
        {"Context", "context", false},
        {"Local Address", "local_address", false},
        {"Chassis State", "chassis_state", false},
        {"Chassis Mode", "chassis_mode", false},
        {"Chassis Priority", "chassis_priority", true},
        {"Local Tiebreaker", "local_tiebreaker", false},
        {"Route-Modifier", "route_modifier", true},
        {"Peer Remote Address", "peer_remote_address", false},
        {"Peer State", "peer_state", false},
        {"Peer Mode", "peer_mode", false},
        {"Peer Priority", "peer_priority", true},
        {"Peer Tiebreaker", "peer_tiebreaker", false},
        {"Peer Route-Modifier", "peer_route_modifier", true},
        {"Last Hello Message received", "last_hello_message_received", false},
        {"Peer Configuration Validation", "peer_configuration_validation", false},
        {"Last Peer Configuration Error", "last_peer_configuration_error", false},
        {"Last Peer Configuration Event", "last_peer_configuration_event", false},
        {"Last Validate Switchover Status", "last_validate_switchover_status", false},
        {"Connection State", "connection_state", false},
};

void render_srp_info(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	if (!render_flag(j, "configured")) {
		cli_out_put(out, not_configured);
		return;
	}
	cli_out_put(out, "Service Redundancy Protocol:\n"
	                 "-------------------------------------------------------------------------------\n");
	for (size_t i = 0; i < sizeof(info) / sizeof(info[0]); i++) {
		if (info[i].number)
			cli_out_printf(out, "%s: %lld\n", info[i].label, render_num(j, info[i].key));
		else
			cli_out_printf(out, "%s: %s\n", info[i].label, render_str(j, info[i].key));
	}
}

static void count(const json_t *j, const char *label, const char *key, struct cli_out *out)
{
	cli_out_printf(out, "%-48s %lld\n", label, render_num(j, key));
}

void render_srp_checkpoints(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	if (!render_flag(j, "configured")) {
		cli_out_put(out, not_configured);
		return;
	}
	count(j, "Number of Sessmgrs:", "number_of_sessmgrs", out);
	count(j, "Sessmgrs in Active-Connected state:", "sessmgrs_in_active_connected_state", out);
	count(j, "Sessmgrs in Standby-Connected state:", "sessmgrs_in_standby_connected_state", out);
	count(j, "Sessmgrs in Pending-Connected state:", "sessmgrs_in_pending_connected_state", out);
	cli_out_put(out, "\n");
	count(j, "Current pre-allocated calls:", "current_pre_allocated_calls", out);
	count(j, "Number of call recovery records (CRR):", "number_of_call_recovery_records", out);
	count(j, "Number of pre-installed CRRs:", "number_of_pre_installed_crrs", out);
	if (!render_has(cmd, "verbose"))
		return;
	/* Ours: StarOS has a table per sessmgr here, but our rows go through one link. */
	cli_out_put(out, "\n");
	count(j, "Version of the newest row:", "committed_version", out);
	count(j, "Version sent:", "sent_version", out);
	count(j, "Version acknowledged:", "acked_version", out);
	count(j, "Rows sent:", "rows_sent", out);
	count(j, "Rows acknowledged:", "rows_acknowledged", out);
	count(j, "Rows received:", "rows_received", out);
	count(j, "Rows refused:", "rows_refused", out);
	count(j, "Full synchronisations:", "full_synchronisations", out);
	cli_out_printf(out, "%-48s %s\n", "In sync:", render_yes(render_flag(j, "in_sync")));
}

void render_srp_statistics(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	if (!json_object_size(j)) {
		cli_out_put(out, not_configured);
		return;
	}
	count(j, "Hello Messages Sent:", "hello_sent", out);
	count(j, "Hello Messages Received:", "hello_received", out);
	count(j, "Dead Intervals:", "dead_intervals", out);
	count(j, "Connects:", "connects", out);
	count(j, "Switchovers:", "switchovers", out);
}

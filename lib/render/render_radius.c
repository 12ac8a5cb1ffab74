/* SPDX-License-Identifier: MIT */
/*
 * show radius authentication servers, show radius counters: as StarOS names these fields, of those that there
 * are here. Trees of tasks/cli/cli_radius.c.
 */
#include "render/render.h"

#include <string.h>

void render_radius_servers(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *s;
	size_t i;

	(void)cmd;
	cli_out_put(out,
	            "+-----Type:           (A) - Authentication\n"
	            "|+----State:          (A) - Active   (D) - Down\n"
	            "||+---Admin Status:   (E) - Enabled  (D) - Disabled\n"
	            "|||\n"
	            "vvv IP                                      PORT  PRIORITY GROUP\n"
	            "--- --------------------------------------- ----- -------- ------------------------\n");
	json_array_foreach(render_list(j, "servers"), i, s) cli_out_printf(
	        out, "A%c%c %-39s %5lld %8lld %s\n", !strcmp(render_str(s, "state"), "Down") ? 'D' : 'A',
	        render_flag(s, "enabled") ? 'E' : 'D', render_str(s, "address"), render_num(s, "port"),
	        render_num(s, "priority"), render_str(s, "group"));
}

static const struct {
	const char *label, *key;
} lines[] = {
        {"Access-Request Sent", "sent"},
        {"Access-Request Pending", "outstanding"},
        {"Access-Request Retried", "retried"},
        {"Access-Challenge Received", "challenges"},
        {"Access-Accept Received", "accepts"},
        {"Access-Reject Received", "rejects"},
        {"Access-Request Timeouts", "timeouts"},
        {"Access-Request Response Bad Authenticator Received", "bad_authenticator"},
        {"Access-Request Response Malformed Received", "malformed"},
        {"Access-Request Response Unknown Type Received", "unknown_type"},
        {"Access-Request Response Dropped", "dropped"},
};
#define LINES (sizeof(lines) / sizeof(lines[0]))

void render_radius_counters(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	bool summary = cli_cmd_has(cmd, "summary");
	long long sum[LINES] = {0};
	const json_t *s;
	size_t i, k;

	if (!summary)
		cli_out_put(
		        out,
		        "Server-specific Authentication Counters\n---------------------------------------\n");
	json_array_foreach(render_list(j, "servers"), i, s)
	{
		if (!summary)
			cli_out_printf(out, "Authentication server address %s, port %lld, group %s\n",
			               render_str(s, "address"), render_num(s, "port"),
			               render_str(s, "group"));
		for (k = 0; k < LINES; k++) {
			sum[k] += render_num(s, lines[k].key);
			if (!summary)
				cli_out_printf(out, "    %-50s: %lld\n", lines[k].label,
				               render_num(s, lines[k].key));
		}
	}
	if (!summary)
		return;
	cli_out_put(out, "Authentication Counters of all servers\n");
	for (k = 0; k < LINES; k++)
		cli_out_printf(out, "    %-50s: %lld\n", lines[k].label, sum[k]);
}

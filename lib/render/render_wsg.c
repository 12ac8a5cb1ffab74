/* SPDX-License-Identifier: MIT */
/*
 * WSG services: show wsg-service, its statistics, show service all. The last has StarOS's exact columns; of
 * show wsg-service the IPSec Reference shows only some lines (Service name, Context, peer list, durations,
 * Duplicate-session-detection), the rest is Orrery's own.
 */
#include "render/render.h"

#include <stdio.h>
#include <string.h>

static const char *or_none(const json_t *j, const char *key)
{
	const char *s = render_str(j, key);

	return *s ? s : "Not Set";
}

static void line(struct cli_out *out, const char *label, const char *value)
{
	cli_out_printf(out, "%-30s: %s\n", label, value);
}

static void block(const json_t *s, struct cli_out *out)
{
	char text[80];

	cli_out_printf(out, "Service name: %s\n", render_str(s, "name"));
	cli_out_printf(out, "Context: %s\n", render_str(s, "context"));
	line(out, "Service Id", (snprintf(text, sizeof(text), "%lld", render_num(s, "id")), text));
	line(out, "Status", render_str(s, "state"));
	line(out, "Bind address", or_none(s, "address"));
	line(out, "Crypto-template", or_none(s, "template"));
	line(out, "Max Sessions",
	     (snprintf(text, sizeof(text), "%lld", render_num(s, "max_sessions")), text));
	if (json_is_integer(json_object_get(s, "sessions")))
		line(out, "Current Sessions",
		     (snprintf(text, sizeof(text), "%lld", render_num(s, "sessions")), text));
	line(out, "Deployment-mode", or_none(s, "deployment_mode"));
	line(out, "IP address allocation method", render_str(s, "alloc_method"));
	line(out, "IP address pool", or_none(s, "pool"));
	line(out, "IPv6 prefix pool", or_none(s, "pool_ipv6"));
	line(out, "IP access-group", or_none(s, "acl"));
	line(out, "Subscriber map", or_none(s, "subscriber_map"));
	line(out, "Duplicate-session-detection",
	     render_enabled(render_flag(s, "duplicate_session_detection")));
	line(out, "peer list", or_none(s, "peer_list"));
	line(out, "Initiator mode duration",
	     (snprintf(text, sizeof(text), "%lld seconds", render_num(s, "initiator_s")), text));
	line(out, "Responder mode duration",
	     (snprintf(text, sizeof(text), "%lld seconds", render_num(s, "responder_s")), text));
	line(out, "Pre-fragment mtu",
	     (snprintf(text, sizeof(text), "%lld", render_num(s, "pre_fragment_mtu")), text));
}

void render_wsg_service(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *s;
	size_t i;

	json_array_foreach(render_list(j, "services"), i, s)
	{
		block(s, out);
		cli_out_put(out, "\n");
	}
	cli_out_printf(out, "Total wsg-services: %zu\n", json_array_size(render_list(j, "services")));
}

/* Orrery's own: StarOS tells nothing of single peers. */
void render_peer_list(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *list = render_list(j, "peers"), *p;
	char service[160], left[24];
	size_t i, connected = 0;

	(void)cmd;
	cli_out_printf(out, "%-24s %-39s %-9s %5s %5s %5s %5s %7s\n", "Service", "Peer", "Mode", "Left",
	               "Tries", "Own", "Peer", "IPSecMgr");
	json_array_foreach(list, i, p)
	{
		snprintf(service, sizeof(service), "%s/%s", render_str(p, "context"),
		         render_str(p, "service"));
		snprintf(left, sizeof(left), "%lld", render_num(p, "left_s"));
		connected += !strcmp(render_str(p, "mode"), "Connected");
		cli_out_printf(out, "%-24s %-39s %-9s %5s %5lld %5lld %5lld %7lld\n", service,
		               render_str(p, "peer"), render_str(p, "mode"),
		               strcmp(render_str(p, "mode"), "Connected") ? left : "-",
		               render_num(p, "tries"), render_num(p, "own_calls"),
		               render_num(p, "peer_calls"), render_num(p, "instance"));
	}
	cli_out_printf(out, "Total peers: %zu, connected: %zu\n", json_array_size(list), connected);
}

void render_service_all(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *s;
	size_t i;

	cli_out_put(out,
	            "ContextID   ServiceID   ContextName   ServiceName   State         Sessions   Type\n"
	            "---------   ---------   -----------   -----------   ----------    -----------   ----\n");
	json_array_foreach(render_list(j, "services"), i, s) cli_out_printf(
	        out, "%-11lld %-11lld %-13s %-13s %-13s %-13lld %s\n", render_num(s, "context_id"),
	        render_num(s, "id"), render_str(s, "context"), render_str(s, "name"), render_str(s, "state"),
	        render_num(s, "max_sessions"), render_str(s, "type"));
}

/* --- statistics: layout of our own
 * ------------------------------------------------------------------------------------------ */

static const struct {
	const char *label, *variable; /* variable NULL: a heading */
} rows[] = {
        {"Session Statistics", NULL},
        {"Current Sessions", "wsg-current-sessions-total"},
        {"Current Active Sessions", "wsg-current-active-sessions"},
        {"Current Active IPv4 Sessions", "wsg-current-active-ipv4-sessions"},
        {"Current Active IPv6 Sessions", "wsg-current-active-ipv6-sessions"},
        {"Setup Attempts", "wsg-total-setup-attempts"},
        {"Setup Successes", "wsg-total-setup-successes"},
        {"Setup Failures", "wsg-total-attempts-failed"},
        {"Disconnects", NULL},
        {"Total", "wsg-total-disconnected"},
        {"Locally", "wsg-total-disconnected-locally"},
        {"Remotely", "wsg-total-disconnected-remotely"},
        {"Remotely Before Connect", "wsg-total-disconnected-remotely-before-connect"},
        {"Admin Disconnect", "wsg-total-disconnected-admin-disconnect"},
        {"Idle Timeout", "wsg-total-disconnected-idle-timeout"},
        {"Absolute Timeout", "wsg-total-disconnected-absolute-timeout"},
        {"Session Setup Timeout", "wsg-total-disconnected-session-setup-timeout"},
        {"No Resource", "wsg-total-disconnected-no-resource"},
        {"Authentication Failure", "wsg-total-disconnected-auth-failure"},
        {"Address Assignment Failure", "wsg-total-disconnected-addr-assign-failure"},
        {"Duplicate Request", "wsg-total-disconnected-duplicate-request"},
        {"Other Reasons", "wsg-total-disconnected-misc-reasons"},
};

void render_wsg_statistics(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *s;
	size_t i;
	char label[48];

	json_array_foreach(render_list(j, "services"), i, s)
	{
		const json_t *c = json_object_get(s, "counters");

		cli_out_printf(out, "Service name: %s\nContext: %s\n", render_str(s, "name"),
		               render_str(s, "context"));
		for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
			snprintf(label, sizeof(label), "%s:", rows[k].label);
			if (rows[k].variable)
				cli_out_printf(out, "    %-34s %10lld\n", label,
				               render_num(c, rows[k].variable));
			else
				cli_out_printf(out, "  %s\n", label);
		}
		cli_out_put(out, "\n");
	}
	cli_out_printf(out, "Total wsg-services: %zu\n", json_array_size(render_list(j, "services")));
}

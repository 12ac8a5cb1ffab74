/* SPDX-License-Identifier: MIT */
/*
 * What children of a crypto template may be, from the configuration tree to the engine's policy: payloads
 * with selectors and lifetimes, how many of them, what a rekey may change, how errors are told (chapters 8,
 * 11, 12 and 15). Algorithms are read by ipsecmgr_cfg.c, which calls this.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <stdio.h>
#include <string.h>

#include "cfg/cfg.h"

static const struct cfg_node *row(const struct cfg_tree *t, const struct cfg_node *block, const char *id)
{
	const struct cfg_node *n = cfg_child(t, block, id, NULL);

	return n && !n->negated ? n : NULL;
}

/* Ranges were checked when they were configured: family and order agree. */
static void read_tsr(const struct cfg_node *payload, struct ike_payload *y)
{
	const struct cfg_node *n;

	cfg_foreach(n, payload, "tsr")
	{
		struct ike_ts *ts = &y->ts_local[y->n_ts_local];
		const char *lo = cfg_arg(n, "start"), *hi = cfg_arg(n, "end");

		if (y->n_ts_local == IKE_MAX_TSR)
			break;
		*ts = (struct ike_ts){.port_hi = 65535};
		if (lo && hi && !net_addr_parse(&ts->lo, lo) && !net_addr_parse(&ts->hi, hi) &&
		    ts->lo.family == ts->hi.family && net_addr_compare(&ts->lo, &ts->hi) <= 0)
			y->n_ts_local++;
	}
}

static uint16_t family_of(const char *match)
{
	if (match && !strcmp(match, "ipv4"))
		return AF_INET;
	return match && !strcmp(match, "ipv6") ? AF_INET6 : AF_UNSPEC;
}

enum ike_tsi ipsecmgr_payload_tsi(const struct cfg_node *tsi)
{
	const char *what = tsi ? cfg_arg(tsi, "address") : NULL;

	if (!what)
		return IKE_TSI_DEFAULT;
	return !strcmp(what, "any") ? IKE_TSI_ANY : IKE_TSI_ENDPOINT;
}

static void take_number(const struct cfg_node *n, const char *var, uint16_t *to)
{
	if (cfg_arg(n, var))
		*to = (uint16_t)cfg_arg_int(n, var, 0);
}

void ipsecmgr_payload_attributes(const struct cfg_tree *t, const struct cfg_node *tmpl,
                                 struct ike_policy *pol)
{
	const struct cfg_node *n = cfg_child(t, tmpl, "configuration-payload-private-attribute-type", NULL);

	if (!n)
		return;
	take_number(n, "imei", &pol->imei_attribute);
	take_number(n, "p-cscf-v4", &pol->pcscf4_attribute);
	take_number(n, "p-cscf-v6", &pol->pcscf6_attribute);
}

void ipsecmgr_payload_read(const struct cfg_tree *t, const struct cfg_node *payload, struct ike_payload *y)
{
	const struct cfg_node *rekey = row(t, payload, "rekey");
	const char *kind = cfg_get(t, payload, "ip-address-allocation", "kind");

	snprintf(y->name, sizeof(y->name), "%s", cfg_key(payload, 0));
	y->family = family_of(cfg_arg(payload, "match"));
	read_tsr(payload, y);
	y->tsi = ipsecmgr_payload_tsi(row(t, payload, "tsi"));
	y->assign_address = kind && !strcmp(kind, "dynamic");
	y->lifetime_s = (uint32_t)cfg_get_int(t, payload, "lifetime", "seconds", 86400);
	y->lifetime_kb = (uint32_t)cfg_get_int(t, payload, "lifetime", "kilobytes", 0);
	y->rekey = rekey != NULL;
	y->rekey_idle = rekey && cfg_arg(rekey, "keepalive");
	y->same_params = rekey && cfg_arg(rekey, "disallow-param-change");
	y->ignore_rekey = cfg_on(t, payload, "ignore-rekeying-requests");
	y->max_children = (uint32_t)cfg_get_int(t, payload, "maximum-child-sa", "count", 1);
}

/* Without words all three are told; without the line versions and syntax, as RFC 7296 has it. */
void ipsecmgr_payload_errors(const struct cfg_node *n, struct ike_policy *pol)
{
	bool version = n && cfg_arg(n, "invalid-major-version"), syntax = n && cfg_arg(n, "invalid-syntax"),
	     msgid = n && cfg_arg(n, "invalid-message-id"), any = version || syntax || msgid;

	pol->silent_version = any && !version;
	pol->silent_syntax = any && !syntax;
	pol->tell_msgid = n && (!any || msgid);
}

void ipsecmgr_payload_template(const struct cfg_tree *t, const struct cfg_node *ctx,
                               const struct cfg_node *tmpl, struct ike_policy *pol)
{
	const struct cfg_node *rekey = row(t, tmpl, "ikev2-ikesa-rekey"),
	                      *again = row(t, tmpl, "ikev2-ikesa-retransmission-timeout"),
	                      *replay = cfg_child(t, ctx, "ipsec-replay", NULL);
	const char *overload = cfg_get(t, tmpl, "max-childsa", "overload-action");

	pol->max_childsa = (uint32_t)cfg_get_int(t, tmpl, "max-childsa", "count", 2);
	pol->childsa_terminate = overload && !strcmp(overload, "terminate");
	pol->ike_rekey = rekey != NULL;
	pol->ike_same_params = rekey && cfg_arg(rekey, "disallow-param-change");
	pol->rfc4306_notifies = !row(t, tmpl, "ikev2-ikesa-policy-use-rfc5996-notification");
	pol->lax_protocol_id = row(t, tmpl, "ikev2-ikesa-ignore-notify-protocol-id") != NULL;
	pol->dpd_by_traffic = row(t, tmpl, "ikev2-ikesa-keepalive-user-activity") != NULL;
	ipsecmgr_payload_errors(row(t, tmpl, "ikev2-ikesa-policy-error-notification"), pol);
	pol->retrans_ms =
	        (uint32_t)cfg_get_int(t, tmpl, "ikev2-ikesa-retransmission-timeout", "milliseconds", 500);
	pol->retrans_constant = !again || !cfg_arg(again, "exponential");
	pol->no_replay = replay && replay->negated;
	pol->replay_window =
	        replay && !replay->negated ? (uint32_t)cfg_arg_int(replay, "window-size", 64) : 64;
}

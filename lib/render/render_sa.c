/* SPDX-License-Identifier: MIT */
/*
 * Security associations and the managers that hold them. The layouts are Orrery's own: no public sample of
 * these three tables is known. They keep the field names that the IPSec Reference gives (IKEv2 SA: n, DSCP …)
 * and StarOS's habit of one labelled block per object.
 */
#include "render/render.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"

static void field(struct cli_out *out, const char *label, const char *value)
{
	cli_out_printf(out, "    %-24s: %s\n", label, value);
}

static void fieldf(struct cli_out *out, const char *label, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
static void fieldf(struct cli_out *out, const char *label, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	field(out, label, text);
}

static void ends(const json_t *sa, struct cli_out *out)
{
	fieldf(out, "Local Gateway", "%s port %lld", render_str(sa, "local"), render_num(sa, "local_port"));
	fieldf(out, "Remote Gateway", "%s port %lld", render_str(sa, "remote"),
	       render_num(sa, "remote_port"));
}

/* Lifetimes of a child SA in kilobytes and sequence numbers (chapter 12). */
static void by_traffic(const json_t *sa, struct cli_out *out)
{
	if (render_num(sa, "lifetime_kb"))
		fieldf(out, "Lifetime Volume", "%lld kilobytes", render_num(sa, "lifetime_kb"));
	if (render_num(sa, "rekey_kb"))
		fieldf(out, "Rekey At Volume", "%lld kilobytes", render_num(sa, "rekey_kb"));
	if (render_num(sa, "lifetime_seq"))
		fieldf(out, "Lifetime Sequence", "%lld", render_num(sa, "lifetime_seq"));
	if (render_num(sa, "rekey_seq"))
		fieldf(out, "Rekey At Sequence", "%lld", render_num(sa, "rekey_seq"));
}

static void lifetime(const json_t *sa, struct cli_out *out)
{
	char date[CLOCK_TEXT_MAX];

	field(out, "Created", render_date(render_num(sa, "created_wall_us"), date, sizeof(date)));
	fieldf(out, "Lifetime", "%lld seconds, %lld remaining", render_num(sa, "lifetime_s"),
	       render_num(sa, "remaining_s"));
	if (render_num(sa, "rekey_in_s"))
		fieldf(out, "Rekey In", "%lld seconds", render_num(sa, "rekey_in_s"));
	by_traffic(sa, out);
	fieldf(out, "Rekeys", "%lld", render_num(sa, "rekeys"));
}

static void owner(const json_t *sa, struct cli_out *out)
{
	field(out, "Map Name", render_str(sa, "template"));
	fieldf(out, "Service", "%s (context %s)", render_str(sa, "service"), render_str(sa, "context"));
	fieldf(out, "IPSec Manager", "%lld", render_num(sa, "instance"));
}

static const char *nat_word(const json_t *sa)
{
	if (render_flag(sa, "nat_remote"))
		return render_flag(sa, "nat_local") ? "Both sides behind NAT" : "Peer behind NAT";
	return render_flag(sa, "nat_local") ? "Gateway behind NAT" : "None detected";
}

static void ike_block(const json_t *sa, size_t n, struct cli_out *out)
{
	char state[32];

	cli_out_printf(out, "IKEv2 SA: %zu\n", n);
	owner(sa, out);
	field(out, "State", render_title(render_str(sa, "state"), state, sizeof(state)));
	field(out, "Role", render_str(sa, "role"));
	ends(sa, out);
	field(out, "Local Identity", render_str(sa, "local_id"));
	field(out, "Remote Identity", render_str(sa, "peer_id"));
	if (render_str(sa, "eap_method")[0])
		fieldf(out, "EAP Method", "%s", render_str(sa, "eap_method"));
	if (render_str(sa, "device")[0])
		fieldf(out, "Device Identity", "%s %s", render_str(sa, "device_type"),
		       render_str(sa, "device"));
	fieldf(out, "Local SPI", "0x%s", render_str(sa, "spi"));
	fieldf(out, "Remote SPI", "0x%s", render_str(sa, "peer_spi"));
	field(out, "Encryption Cipher", render_str(sa, "encryption"));
	field(out, "HMAC", render_str(sa, "hmac"));
	field(out, "Pseudo Random Function", render_str(sa, "prf"));
	fieldf(out, "Diffie-Hellman Group", "%lld", render_num(sa, "group"));
	field(out, "NAT", nat_word(sa));
	fieldf(out, "DSCP", "0x%02llx", render_num(sa, "dscp"));
	field(out, "Mobike Supported", render_enabled(render_flag(sa, "mobike")));
	field(out, "Fragmentation Supported", render_flag(sa, "fragmentation") ? "Yes" : "No");
	fieldf(out, "Assigned Address", "%s", render_str(sa, "inner")[0] ? render_str(sa, "inner") : "None");
	fieldf(out, "Call Id", "%s", render_str(sa, "callid"));
	lifetime(sa, out);
	fieldf(out, "Up / Idle", "%lld / %lld seconds", render_num(sa, "up_s"), render_num(sa, "idle_s"));
	fieldf(out, "Next Message Id", "%lld sent, %lld received", render_num(sa, "send_msgid"),
	       render_num(sa, "recv_msgid"));
	fieldf(out, "Child SAs", "%lld", render_num(sa, "children"));
	cli_out_put(out, "\n");
}

static void missing(const json_t *j, struct cli_out *out)
{
	if (render_num(j, "managers_missing"))
		cli_out_printf(out, "%lld IPSec manager(s) did not answer; the numbers lack theirs.\n",
		               render_num(j, "managers_missing"));
}

static void ike_totals(const json_t *j, struct cli_out *out)
{
	const char *state;
	const json_t *n;

	cli_out_printf(out, "Total IKEv2 SAs:           %lld\n",
	               render_num(j, "established") + render_num(j, "half_open"));
	cli_out_printf(out, "  Established:             %lld\n", render_num(j, "established"));
	cli_out_printf(out, "  Half Open:               %lld\n", render_num(j, "half_open"));
	cli_out_printf(out, "  Behind NAT (UDP 4500):   %lld\n", render_num(j, "natt"));
	if (render_num(j, "waiting"))
		cli_out_printf(out, "  Not Restored:            %lld (their configuration can not be used)\n",
		               render_num(j, "waiting"));
	cli_out_printf(out, "Total Child SAs:           %lld\n", render_num(j, "children"));
	cli_out_printf(out, "IPSec Managers:            %lld\n", render_num(j, "managers"));
	json_object_foreach(json_object_get((json_t *)(uintptr_t)j, "states"), state,
	                    n) if (strcmp(state, "ESTABLISHED") != 0 && strcmp(state, "HALF_OPEN") != 0)
	        cli_out_printf(out, "  State %-19s: %lld\n", state, (long long)json_integer_value(n));
	missing(j, out);
}

/* Chapter 19, in its words; sums over every template. */
static void detailed(const json_t *d, struct cli_out *out)
{
	static const struct {
		const char *variable, *label;
	} lines[] = {
	        {"ikev2-xchg-drop-msg-queuesize-exceeded", "Request Dropped - Message Queue Size Exceeded"},
	        {"ikev2-ikesa-rekey-rate-temp-failure",
	         "Total IKEv2 IKESA Rekey Requests Temporary Failure Rekey Rate"},
	        {"ikev2-childsa-rekey-rate-temp-failure",
	         "Total IKEv2 ChildSA Rekey Requests Temporary Failure Rekey Rate"},
	        {"ikev2-decryptfail-count-exceeded", "Decryption Fail Count Exceeded"},
	};

	if (!d)
		return;
	cli_out_put(out, "\nDetailed IKEv2 stats\n");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cli_out_printf(out, "  %lld %s\n", render_num(d, lines[i].variable), lines[i].label);
}

void render_ike_sa(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *sa;
	size_t i;

	if (render_has(cmd, "summary")) {
		ike_totals(j, out);
		return;
	}
	json_array_foreach(render_list(j, "sas"), i, sa) ike_block(sa, i + 1, out);
	cli_out_printf(out, "Total IKEv2 SAs: %zu\n", json_array_size(render_list(j, "sas")));
	detailed(json_object_get(j, "detailed"), out);
	missing(j, out);
}

/* --- child SAs
 * ------------------------------------------------------------------------------------------------------------
 */

static void selector_lines(const json_t *sa, const char *key, const char *label, struct cli_out *out)
{
	const json_t *ts;
	size_t i;

	json_array_foreach(render_list(sa, key), i, ts) fieldf(
	        out, i ? "" : label, "Protocol %lld Port %lld-%lld Address Range %s-%s",
	        render_num(ts, "protocol") ? render_num(ts, "protocol") : 255LL, render_num(ts, "port_first"),
	        render_num(ts, "port_last"), render_str(ts, "first"), render_str(ts, "last"));
}

/* Packets are known only where the data path answered. */
static void traffic(const json_t *sa, struct cli_out *out)
{
	static const char *const way[2][2] = {{"in", "Inbound"}, {"out", "Outbound"}};
	const json_t *d = json_object_get(sa, "data"), *drops = json_object_get(d, "drops"), *n;
	const char *reason;

	if (!d) {
		field(out, "Data Path", "No answer from the card");
		return;
	}
	for (int k = 0; k < 2; k++) {
		const json_t *half = json_object_get(d, way[k][0]);

		fieldf(out, way[k][1], "%lld packets, %lld bytes", render_num(half, "packets"),
		       render_num(half, "bytes"));
	}
	fieldf(out, "Sequence Number", "out %lld, highest in %lld",
	       render_num(json_object_get(d, "out"), "sequence"),
	       render_num(json_object_get(d, "in"), "highest"));
	fieldf(out, "ESN", "%s", render_enabled(render_flag(d, "extended_sequence")));
	json_object_foreach((json_t *)(uintptr_t)drops, reason, n)
	        fieldf(out, "Dropped", "%lld (%s)", (long long)json_integer_value(n), reason);
}

static void child_block(const json_t *sa, size_t n, struct cli_out *out)
{
	cli_out_printf(out, "IPSec SA: %zu\n", n);
	owner(sa, out);
	field(out, "Payload", render_str(sa, "payload"));
	ends(sa, out);
	field(out, "Remote Identity", render_str(sa, "peer_id"));
	fieldf(out, "Inbound SPI", "0x%s", render_str(sa, "spi_in"));
	fieldf(out, "Outbound SPI", "0x%s", render_str(sa, "spi_out"));
	fieldf(out, "IKEv2 SA SPI", "0x%s", render_str(sa, "ike_spi"));
	field(out, "Protocol", render_flag(sa, "encap_udp") ? "esp in UDP" : "esp");
	field(out, "Encaps Mode", strcmp(render_str(sa, "mode"), "transport") ? "TUNNEL" : "TRANSPORT");
	field(out, "Encryption Cipher", render_str(sa, "encryption"));
	field(out, "HMAC", render_str(sa, "hmac"));
	if (render_num(sa, "group"))
		fieldf(out, "Diffie-Hellman Group", "%lld", render_num(sa, "group"));
	else
		field(out, "Diffie-Hellman Group", "none");
	selector_lines(sa, "ts_local", "Payload Local", out);
	selector_lines(sa, "ts_remote", "Payload Remote", out);
	lifetime(sa, out);
	traffic(sa, out);
	if (render_flag(sa, "deleting"))
		field(out, "Deletion", "In progress");
	cli_out_put(out, "\n");
}

void render_ipsec_sa(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *sa;
	size_t i;

	if (render_has(cmd, "summary")) {
		cli_out_printf(out, "Total IPSec SAs:           %lld\n", render_num(j, "children"));
		cli_out_printf(out, "  In UDP:                  %lld\n", render_num(j, "natt"));
		cli_out_printf(out, "IPSec Managers:            %lld\n", render_num(j, "managers"));
		missing(j, out);
		return;
	}
	json_array_foreach(render_list(j, "sas"), i, sa) child_block(sa, i + 1, out);
	cli_out_printf(out, "Total IPSec SAs: %zu\n", json_array_size(render_list(j, "sas")));
	missing(j, out);
}

/* --- managers
 * ---------------------------------------------------------------------------------------------------------------
 */

/* What it serves: the services' templates, or crypto maps of one context and IKE version. */
static void manager_maps(const json_t *m, struct cli_out *out)
{
	const json_t *maps = json_object_get(m, "maps"), *x;
	size_t i;

	if (!maps) {
		field(out, "Serves", "Crypto templates");
		return;
	}
	field(out, "Serves", "Crypto maps");
	field(out, "Context", render_str(m, "ctx"));
	fieldf(out, "IKE Version", "IKEv%lld", render_num(m, "ike"));
	fieldf(out, "Crypto Maps", "%zu of %lld", json_array_size(maps), render_num(m, "maps_max"));
	json_array_foreach(maps, i, x)
	        fieldf(out, "  Crypto Map", "%s%s%s", render_str(x, "name"),
	               *render_str(x, "group") ? ", crypto group " : "", render_str(x, "group"));
}

static void manager_detail(const json_t *m, struct cli_out *out)
{
	const json_t *s = json_object_get(m, "statistics");

	if (!s)
		return;
	field(out, "Demux Card", render_yes(render_flag(m, "demux")));
	manager_maps(m, out);
	fieldf(out, "IKEv2 SAs", "%lld (%lld established, %lld half open)", render_num(s, "ike_sas"),
	       render_num(s, "established"), render_num(s, "half_open"));
	fieldf(out, "Child SAs", "%lld", render_num(s, "child_sas"));
	fieldf(out, "Cookie Challenge", "%s", render_flag(s, "cookies") ? "Active" : "Inactive");
	fieldf(out, "Sockets", "%s", render_flag(s, "sockets_open") ? "Open" : "Closed");
	fieldf(out, "IKE Packets", "%lld in, %lld out", render_num(s, "packets_in"),
	       render_num(s, "packets_out"));
	fieldf(out, "Transactions", "%lld, %lld open", render_num(s, "transactions"),
	       render_num(s, "transactions_open"));
	fieldf(out, "Checkpoints", "%lld pending, %lld refused", render_num(s, "checkpoints_pending"),
	       render_num(s, "checkpoints_refused"));
	fieldf(out, "Recovered", "%lld IKEv2 SAs, %lld failed, %lld wait for their configuration",
	       render_num(s, "recovered"), render_num(s, "recover_failed"), render_num(s, "recover_waiting"));
}

void render_crypto_managers(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *m;
	size_t i;

	cli_out_put(out, "IPSec Manager  Card  State     Tunnels    Limit  Demux Card  Maps\n"
	                 "-------------  ----  --------  -------  -------  ----------  ----\n");
	json_array_foreach(render_list(j, "managers"), i, m)
	{
		char maps[24] = "-";

		if (json_object_get(m, "maps"))
			snprintf(maps, sizeof(maps), "%zu", json_array_size(json_object_get(m, "maps")));
		cli_out_printf(out, "%13lld  %4lld  %-8s  %7lld  %7lld  %-10s  %4s\n",
		               render_num(m, "instance"), render_num(m, "card"), render_str(m, "state"),
		               render_num(m, "sessions"), render_num(m, "limit"),
		               render_yes(render_flag(m, "demux")), maps);
		manager_detail(m, out);
	}
	cli_out_printf(out, "Total IPSec Managers: %lld, Tunnels: %lld\n", render_num(j, "ready"),
	               render_num(j, "sessions"));
	json_array_foreach(render_list(j, "maps_without"), i, m)
	        cli_out_printf(out, "Crypto map %s in context %s is not served: %s\n", render_str(m, "name"),
	                       render_str(m, "ctx"), render_str(m, "why"));
}

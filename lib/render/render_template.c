/* SPDX-License-Identifier: MIT */
/*
 * Crypto templates and transform sets. show crypto template follows the sample of the IPSec Reference
 * (Verifying a Crypto Template Configuration) line by line, with its misspelt labels put right and the lines
 * that later chapters add (fragmentation, MTU, DSCP, MOBIKE, DDoS parameters, ESN); transform sets follow its
 * samples of the same name.
 */
#include "render/render.h"

#include <stdio.h>
#include <string.h>

/* The value, or what StarOS writes for none. */
static const char *set(const json_t *j, const char *key, const char *none)
{
	const char *s = render_str(j, key);

	return *s ? s : none;
}

static void ike_transforms(const json_t *t, struct cli_out *out)
{
	const json_t *s;
	size_t i, n = json_array_size(render_list(t, "ikesa_transforms"));

	json_array_foreach(render_list(t, "ikesa_transforms"), i, s)
	{
		cli_out_printf(out, "IKE SA Transform %zu/%zu\n", i + 1, n);
		cli_out_printf(out, "  Transform Set: %s\n", render_str(s, "name"));
		cli_out_printf(out, "    Encryption Cipher: %s\n", render_str(s, "encryption"));
		cli_out_printf(out, "    Pseudo Random Function: %s\n", render_str(s, "prf"));
		cli_out_printf(out, "    Hashed Message Authentication Code: %s\n", render_str(s, "hmac"));
		cli_out_printf(out, "    Diffie-Hellman Group: %s\n", render_str(s, "group"));
	}
}

static void authentication(const json_t *t, const char *key, const char *label, struct cli_out *out)
{
	const json_t *a;
	size_t i;

	cli_out_printf(out, "%s\n", label);
	json_array_foreach(render_list(t, key), i, a)
	{
		if (!strcmp(render_str(a, "method"), "pre-shared-key"))
			cli_out_printf(out, "  Phase %zu - Pre-Shared Key (Size = %lld)\n", i + 1,
			               render_num(a, "size"));
		else if (!strcmp(render_str(a, "method"), "eap-profile"))
			cli_out_printf(out, "  Phase %zu - EAP Profile %s\n", i + 1,
			               render_str(a, "profile"));
		else
			cli_out_printf(out, "  Phase %zu - Certificate\n", i + 1);
	}
	if (!json_array_size(render_list(t, key)))
		cli_out_put(out, "  <not configured>\n");
}

static void selectors(const json_t *p, const char *key, const char *label, struct cli_out *out)
{
	const json_t *s;
	size_t i;

	cli_out_printf(out, "  %s\n", label);
	json_array_foreach(render_list(p, key), i, s) cli_out_printf(
	        out, "    Protocol 255 Port 0-0 Address Range %s%s%s\n", render_str(s, "start"),
	        *render_str(s, "end") ? "-" : "", render_str(s, "end"));
}

static void payload(const json_t *p, size_t i, size_t n, struct cli_out *out)
{
	const json_t *s, *list = render_list(p, "transforms");
	size_t k;

	cli_out_printf(out, "IPSec SA Payload %zu/%zu (%s)\n", i, n, set(p, "kind", "Generic"));
	cli_out_printf(out, "  Name : %s\n", render_str(p, "name"));
	selectors(p, "local", "Payload Local", out);
	selectors(p, "remote", "Payload Remote", out);
	json_array_foreach(list, k, s)
	{
		cli_out_printf(out, "  IPSec SA Transform %zu/%zu\n", k + 1, json_array_size(list));
		cli_out_printf(out, "    Transform Set: %s\n", render_str(s, "name"));
		cli_out_put(out, "      Protocol: esp\n");
		cli_out_printf(out, "      Encryption Cipher: %s\n", render_str(s, "encryption"));
		cli_out_printf(out, "      Hashed Message Authentication Code: %s\n", render_str(s, "hmac"));
		cli_out_printf(out, "      Diffie-Hellman Group: %s\n", render_str(s, "group"));
		cli_out_printf(out, "      ESN : %s\n", render_enabled(render_flag(s, "esn")));
	}
	cli_out_printf(out, "  IPSec SA Rekey: %s\n", render_enabled(render_flag(p, "rekey")));
	cli_out_printf(out, "  IPSec SA Lifetime: %lld seconds\n", render_num(p, "lifetime_s"));
	cli_out_printf(out, "  IP Address Allocation: %s\n", render_str(p, "allocation"));
	cli_out_printf(out, "  Maximum Child SA: %lld\n", render_num(p, "maximum_child_sa"));
}

/* A DDoS value, with [Default] behind it when nobody set it. */
static void ddos(const json_t *d, const char *key, const char *label, struct cli_out *out)
{
	const json_t *v = json_object_get(d, key);

	if (render_flag(v, "off"))
		cli_out_printf(out, "  %s: Disabled\n", label);
	else
		cli_out_printf(out, "  %s: %lld%s\n", label, render_num(v, "value"),
		               render_flag(v, "default") ? " [Default]" : "");
}

static void template_head(const json_t *t, struct cli_out *out)
{
	const json_t *d = json_object_get(t, "ddos");

	ike_transforms(t, out);
	cli_out_printf(out, "  IKE SA Rekey: %s\n", render_enabled(render_flag(t, "ikesa_rekey")));
	cli_out_printf(out, "  IKE SA DSCP: %s\n", render_str(t, "dscp"));
	cli_out_printf(out, "  IKEv2 Mobike: %s\n", render_enabled(render_flag(t, "mobike")));
	cli_out_printf(out, "  IKEv2 Fragmentation: %s\n", render_enabled(render_flag(t, "fragmentation")));
	cli_out_printf(out, "  IKEv2 MTU Size IPv4/IPv6: %lld/%lld\n", render_num(t, "mtu_ipv4"),
	               render_num(t, "mtu_ipv6"));
	cli_out_printf(out, "  Blacklist/Whitelist : %s\n\n", set(t, "access_list", "None"));
	cli_out_put(out, "IKEv2 IKESA DDOS Mitigation Params:\n");
	ddos(d, "half_open_timer", "IKE SA Half Open Timer", out);
	ddos(d, "decrypt_fail_count", "IKE SA Decrypt Fail Count", out);
	ddos(d, "message_queue_size", "IKE SA Message Queue Size", out);
	ddos(d, "rekey_rate", "IKE SA Rekey Rate", out);
	ddos(d, "max_cert_size", "IKE SA Max Certificate Size", out);
	cli_out_printf(out, "\nOCSP Status          : %s\n", render_enabled(render_flag(t, "ocsp")));
	cli_out_printf(out, "OCSP Nonce Status    : %s\n\n", render_enabled(render_flag(t, "ocsp_nonce")));
	cli_out_printf(out, "NAI: %s\n\n", set(t, "nai", "<not configured>"));
	cli_out_printf(out, "Remote-secret-list: %s\n\n", set(t, "remote_secret_list", "<not configured>"));
	authentication(t, "authentication_local", "Authentication Local:", out);
	authentication(t, "authentication_remote", "Authentication Remote:", out);
	cli_out_printf(out, "\nSelf-certificate Validation: %s\n\n",
	               render_enabled(render_flag(t, "self_certificate_validation")));
}

static void template_tail(const json_t *t, struct cli_out *out)
{
	const json_t *id = json_object_get(t, "device_identity");

	cli_out_printf(out, "Dead Peer Detection: %s\n", set(t, "dead_peer_detection", "Disabled"));
	cli_out_printf(out, "Maximum CHILD_SA: %lld Overload Action: %s\n", render_num(t, "max_childsa"),
	               set(t, "overload_action", "Ignore"));
	cli_out_printf(out, "DOS Cookie Challenge: %s\n", set(t, "cookie_challenge", "Disabled"));
	cli_out_printf(out, "Dont Fragment: %s\n", set(t, "dont_fragment", "Copy bit from inner header"));
	if (*render_str(t, "vendor_policy"))
		cli_out_printf(out, "Attached vendor policy: %s\n", render_str(t, "vendor_policy"));
	if (id)
		cli_out_printf(out, "IKEv2 Notify Payload:\n  Device Identity: %s%s\n",
		               render_enabled(render_flag(id, "on")),
		               render_flag(id, "default") ? " [Default]" : "");
	cli_out_printf(out, "Local Gateway: %s\n", set(t, "local_gateway", "Not Set"));
	cli_out_printf(out, "Remote Gateway: %s\n", set(t, "remote_gateway", "Not Set"));
}

/* Of a crypto map: its manager says so. */
static void unusable(const json_t *t, struct cli_out *out)
{
	if (!*render_str(t, "unusable"))
		return;
	cli_out_printf(out, "Map Usable: No (%s); what its access lists permit is dropped",
	               render_str(t, "unusable"));
	if (json_object_get(t, "dropped"))
		cli_out_printf(out, ": %lld seen", render_num(t, "dropped"));
	cli_out_put(out, "\n");
}

void render_template_one(const json_t *t, const char *type, struct cli_out *out)
{
	const json_t *p, *list = render_list(t, "payloads");
	size_t k;

	cli_out_printf(out, "Map Name: %s\n=====================================\n", render_str(t, "name"));
	cli_out_printf(out, "Map Status: %s\n", render_flag(t, "complete") ? "Complete" : "Incomplete");
	unusable(t, out);
	cli_out_printf(out, "Crypto Map Type: %s\n", type);
	template_head(t, out);
	json_array_foreach(list, k, p) payload(p, k + 1, json_array_size(list), out);
	template_tail(t, out);
}

void render_crypto_template(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *t;
	size_t i;

	json_array_foreach(render_list(j, "templates"), i, t)
	{
		bool vendor = !strcmp(render_str(t, "type"), "ikev2-vendor");

		if (i)
			cli_out_put(out, "\n");
		render_template_one(t, vendor ? "IPSEC IKEv2 Vendor Template" : "IPSEC IKEv2 Template", out);
	}
	cli_out_printf(out, "\n%zu Crypto template(s) configured\n",
	               json_array_size(render_list(j, "templates")));
}

void render_ikev1_set(const json_t *set, struct cli_out *out)
{
	bool tunnel = strcmp(render_str(set, "mode"), "transport") != 0;

	cli_out_printf(out, "AH : %s\n", render_str(set, "ah"));
	if (*render_str(set, "esp"))
		cli_out_printf(out, "ESP : hmac %s, %s\n", render_str(set, "esp"), render_str(set, "cipher"));
	else
		cli_out_put(out, "ESP : none\n");
	cli_out_printf(out, "Encaps Mode : %s\n", tunnel ? "TUNNEL" : "TRANSPORT");
}

void render_ipsec_transform_set(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *s;
	size_t i;
	bool tunnel;

	json_array_foreach(render_list(j, "ikev1_sets"), i, s)
	{
		cli_out_printf(out, "%sTransform-Set %s :\n", i ? "\n" : "", render_str(s, "name"));
		render_ikev1_set(s, out);
	}
	if (i && json_array_size(render_list(j, "sets")))
		cli_out_put(out, "\n");
	json_array_foreach(render_list(j, "sets"), i, s)
	{
		tunnel = strcmp(render_str(s, "mode"), "transport") != 0;
		cli_out_printf(out, "%sIKEv2 IPsec Transform-Set %s :\n", i ? "\n" : "",
		               render_str(s, "name"));
		cli_out_printf(out, "Cipher      : %s\n", render_str(s, "encryption"));
		cli_out_printf(out, "HMAC        : %s\n", render_str(s, "hmac"));
		cli_out_printf(out, "DH Group    : %s\n", render_str(s, "group"));
		cli_out_printf(out, "Encaps Mode : %s\n", tunnel ? "TUNNEL" : "TRANSPORT");
		cli_out_printf(out, "ESN         : %s\n", render_enabled(render_flag(s, "esn")));
	}
}

/* After the pattern of the IPsec sets; PRF and Lifetime are ours. */
void render_ikev2_transform_set(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *s;
	size_t i;

	json_array_foreach(render_list(j, "sets"), i, s)
	{
		cli_out_printf(out, "%sIKEv2 IKESA Transform-Set %s :\n", i ? "\n" : "",
		               render_str(s, "name"));
		cli_out_printf(out, "Cipher      : %s\n", render_str(s, "encryption"));
		cli_out_printf(out, "HMAC        : %s\n", render_str(s, "hmac"));
		cli_out_printf(out, "PRF         : %s\n", render_str(s, "prf"));
		cli_out_printf(out, "DH Group    : %s\n", render_str(s, "group"));
		cli_out_printf(out, "Lifetime    : %lld seconds\n", render_num(s, "lifetime_s"));
	}
}

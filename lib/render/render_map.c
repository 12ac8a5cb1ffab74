/* SPDX-License-Identifier: MIT */
/*
 * Crypto maps, ISAKMP policies, crypto groups and vendor policies. Maps follow the samples of the IPSec
 * Reference (chapter 6), policies those of chapters 5 and 20; of keys the size stands where the reference
 * prints the key. Maps of IKE version 2 look like templates (render_template.c).
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "render/render.h"

static const char *upper(const char *s, char *buf, size_t size)
{
	size_t i;

	for (i = 0; s[i] && i + 1 < size; i++)
		buf[i] = (char)toupper((unsigned char)s[i]);
	buf[i] = 0;
	return buf;
}

static const char *or_not_set(const json_t *j, const char *key)
{
	return *render_str(j, key) ? render_str(j, key) : "Not Set";
}

/* --- maps
 * ----------------------------------------------------------------------------------------------------------
 */

static void access_lists(const json_t *j, struct cli_out *out)
{
	const json_t *a, *rule;
	size_t i, k;

	json_array_foreach(render_list(j, "access_lists"), i, a)
	{
		if (!i)
			cli_out_put(out, "Payload :\n");
		json_array_foreach(render_list(a, "rules"), k, rule)
		        cli_out_printf(out, "  %s: %s\n", render_str(a, "name"), json_string_value(rule));
		if (!json_array_size(render_list(a, "rules")))
			cli_out_printf(out, "  %s: <not configured>\n", render_str(a, "name"));
	}
}

/* "md5-96" stands as "md5" in the samples of maps. */
static int name_length(const char *hmac)
{
	return (int)strcspn(hmac, "-");
}

static void transforms(const json_t *m, bool number, struct cli_out *out)
{
	const json_t *s, *list = render_list(m, "transforms");
	const char *esp;
	char mode[16];
	size_t i;

	if (number)
		cli_out_printf(out, "Number of Transforms: %zu\n", json_array_size(list));
	json_array_foreach(list, i, s)
	{
		esp = render_str(s, "esp");
		cli_out_printf(out, "Transform : %s\n    AH : %s\n", render_str(s, "name"),
		               render_str(s, "ah"));
		if (*esp)
			cli_out_printf(out, "    ESP: %.*s %s\n", name_length(esp), esp,
			               render_str(s, "cipher"));
		else
			cli_out_put(out, "    ESP: none\n");
		cli_out_printf(out, "    Encaps mode: %s\n",
		               upper(render_str(s, "mode"), mode, sizeof(mode)));
	}
}

static void ikev1_map(const json_t *m, struct cli_out *out)
{
	const char *pfs = render_str(m, "pfs");
	bool dynamic = !strcmp(render_str(m, "type"), "ipsec-dynamic");
	char mode[16];

	cli_out_printf(out, "Crypto map Type : ISAKMP%s\n", dynamic ? " (Dynamic)" : "");
	cli_out_printf(out, "IKE Mode : %s\n", upper(render_str(m, "mode"), mode, sizeof(mode)));
	if (render_num(m, "key_size"))
		cli_out_printf(out, "IKE pre-shared key : (Size = %lld)\n", render_num(m, "key_size"));
	else
		cli_out_put(out, "IKE pre-shared key :\n");
	cli_out_printf(out, "Perfect Forward Secrecy : %s%s\n", *pfs ? "Group" : "None",
	               *pfs ? pfs + strcspn(pfs, "0123456789") : "");
	cli_out_printf(out, "Hard Lifetime :\n    %lld seconds\n    %lld kilobytes\n",
	               render_num(m, "lifetime_s"), render_num(m, "lifetime_kb"));
	transforms(m, !dynamic, out);
}

static void flow(const json_t *m, const char *direction, const char *title, struct cli_out *out)
{
	const json_t *f, *s = json_array_get(render_list(m, "transforms"), 0);
	const char *hmac;
	char proto[8];
	size_t i;

	json_array_foreach(render_list(m, "flows"), i, f)
	{
		bool esp = !strcmp(render_str(f, "protocol"), "esp");

		if (strcmp(render_str(f, "direction"), direction) != 0)
			continue;
		hmac = render_str(s, esp ? "esp" : "ah");
		cli_out_printf(out, "%s\n  Protocol : %s\n  SPI : 0x%llx (%lld)\n", title,
		               upper(render_str(f, "protocol"), proto, sizeof(proto)), render_num(f, "spi"),
		               render_num(f, "spi"));
		cli_out_printf(out, "  Hmac : %.*s, key: (Size = %lld)\n", name_length(hmac), hmac,
		               render_num(f, "hmac_size"));
		if (esp)
			cli_out_printf(out, "  Cipher : %s, key: (Size = %lld)\n", render_str(s, "cipher"),
			               render_num(f, "cipher_size"));
	}
}

static void manual_map(const json_t *m, struct cli_out *out)
{
	const json_t *s;
	char mode[16];
	size_t i;

	cli_out_put(out, "Crypto map Type : manual(static)\n");
	json_array_foreach(render_list(m, "transforms"), i, s)
	        cli_out_printf(out, "Transform : %s\n  Encaps mode: %s\n", render_str(s, "name"),
	                       upper(render_str(s, "mode"), mode, sizeof(mode)));
	flow(m, "outbound", "Transmit Flow", out);
	flow(m, "inbound", "Receive Flow", out);
}

void render_crypto_map(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *m;
	const char *type;
	size_t i;

	json_array_foreach(render_list(j, "maps"), i, m)
	{
		type = render_str(m, "type");
		if (i)
			cli_out_put(out, "\n");
		if (!strncmp(type, "ikev2-", 6)) {
			render_template_one(m,
			                    strcmp(type, "ikev2-ipv4") ? "IPSEC IKEv2 over IPv6"
			                                               : "IPSEC IKEv2 over IPv4",
			                    out);
			access_lists(m, out);
			continue;
		}
		cli_out_printf(out, "Map Name : %s\n=====================================\n",
		               render_str(m, "name"));
		access_lists(m, out);
		if (!strcmp(type, "ipsec-manual"))
			manual_map(m, out);
		else
			ikev1_map(m, out);
		cli_out_printf(out, "Local Gateway: %s\nRemote Gateway: %s\n", or_not_set(m, "local_gateway"),
		               or_not_set(m, "remote_gateway"));
	}
	cli_out_printf(out, "%s%zu Crypto map(s) configured\n", i ? "\n" : "",
	               json_array_size(render_list(j, "maps")));
}

/* --- policies, groups
 * ---------------------------------------------------------------------------------------------- */

void render_isakmp_policy(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *p, *list = render_list(j, "policies");
	size_t i;

	cli_out_printf(out, "%zu ISAKMP Policies are configured\n", json_array_size(list));
	json_array_foreach(list, i, p)
	{
		cli_out_printf(out, "%s  Priority : %lld\n", i ? "\n" : "", render_num(p, "priority"));
		cli_out_printf(out, "  Authentication Method : %s\n", render_str(p, "authentication"));
		cli_out_printf(out, "  Lifetime : %lld seconds\n", render_num(p, "lifetime_s"));
		cli_out_printf(out, "  IKE group : %s\n", render_str(p, "group"));
		cli_out_printf(out, "  hash : %s\n", render_str(p, "hash"));
		cli_out_printf(out, "  encryption : %s\n", render_str(p, "encryption"));
	}
}

static void one_group(const json_t *g, struct cli_out *out)
{
	const json_t *v, *dpd = json_object_get(g, "dpd");
	size_t i;

	access_lists(g, out);
	json_array_foreach(render_list(g, "pools"), i, v)
	        cli_out_printf(out, "IP Pool : %s\n", json_string_value(v));
	if (dpd)
		cli_out_printf(out, "DPD : interval %lld, timeout %lld, retries %lld\n",
		               render_num(dpd, "interval"), render_num(dpd, "timeout"),
		               render_num(dpd, "retries"));
	else
		cli_out_put(out, "DPD : Disabled\n");
}

void render_crypto_group(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *g, *list = render_list(j, "groups");
	size_t i;

	json_array_foreach(list, i, g)
	{
		cli_out_printf(out, "%sCrypto Group : %s\n", i ? "\n" : "", render_str(g, "name"));
		cli_out_printf(out, "Primary Map : %s\nSecondary Map : %s\n", or_not_set(g, "primary"),
		               or_not_set(g, "secondary"));
		cli_out_printf(out, "Switchover : auto%s\n",
		               render_flag(g, "revert") ? "" : ", do-not-revert");
		if (!render_has(cmd, "summary"))
			one_group(g, out);
	}
	cli_out_printf(out, "%s%zu Crypto group(s) configured\n", i ? "\n" : "", json_array_size(list));
}

void render_vendor_policy(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *p, *v, *list = render_list(j, "policies");
	size_t i, k;

	json_array_foreach(list, i, p)
	{
		cli_out_printf(out, "Crypto Vendor Policy Name %s\n", render_str(p, "name"));
		json_array_foreach(render_list(p, "vendors"), k, v) cli_out_printf(
		        out, "  VID %s vendor template %s precedence %lld\n", render_str(v, "vendor_id"),
		        render_str(v, "template"), render_num(v, "precedence"));
	}
	cli_out_printf(out, "%zu Crypto vendor policy are configured\n", json_array_size(list));
}

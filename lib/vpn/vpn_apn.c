/* SPDX-License-Identifier: MIT */
/* Access point names (vpn_apn.h). An operator's part is "mnc001.mcc262.gprs" behind the network's part, or,
 * of the name as a domain, "apn.epc.mnc001.mcc262.3gppnetwork.org". */
#include "vpn/vpn_apn.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* '#' in a pattern is a digit. */
static bool matches(const char *text, const char *pattern)
{
	for (; *pattern; text++, pattern++)
		if (*pattern == '#' ? !isdigit((unsigned char)*text)
		                    : tolower((unsigned char)*text) != *pattern)
			return false;
	return !*text;
}

size_t vpn_apn_network_len(const char *name)
{
	/* a mobile network code of two digits has a zero before it, but not everybody writes it */
	static const char *const operators[] = {".mnc###.mcc###.gprs", ".mnc##.mcc###.gprs",
	                                        ".apn.epc.mnc###.mcc###.3gppnetwork.org",
	                                        ".apn.epc.mnc##.mcc###.3gppnetwork.org"};
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		size_t n = strlen(operators[i]);

		if (len > n && matches(name + len - n, operators[i]))
			return len - n;
	}
	return len;
}

static const struct cfg_node *find(const struct cfg_node *ctx, const char *name, size_t len)
{
	const struct cfg_node *n;

	cfg_foreach(n, ctx, "apn")
	{
		const char *key = cfg_key(n, 0);

		if (key && strlen(key) == len && !strncasecmp(key, name, len))
			return n;
	}
	return NULL;
}

const struct cfg_node *vpn_apn_find(const struct cfg_node *ctx, const char *name)
{
	size_t len = strlen(name), network = vpn_apn_network_len(name);
	const struct cfg_node *n = find(ctx, name, len);

	return n || network == len ? n : find(ctx, name, network);
}

unsigned vpn_apn_pcscf(const struct cfg_tree *tree, const struct cfg_node *ctx, const char *name,
                       struct net_addr out[VPN_APN_PCSCF])
{
	static const char *const kinds[] = {"ip", "ipv6"};
	const struct cfg_node *apn = vpn_apn_find(ctx, name), *n;
	unsigned k = 0;

	for (unsigned i = 0; apn && i < VPN_APN_PCSCF; i++) {
		char priority[12];
		const char *text;

		snprintf(priority, sizeof(priority), "%u", 1 + i / 2);
		n = cfg_child(tree, apn, "p-cscf-priority", priority);
		text = n ? cfg_arg(n, kinds[i % 2]) : NULL;
		if (text && !net_addr_parse(&out[k], text))
			k++;
	}
	return k;
}

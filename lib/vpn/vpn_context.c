/* SPDX-License-Identifier: MIT */
/* Numbers of contexts, from their order in the configuration. See vpn_context.h. */
#include "vpn/vpn_context.h"

#include <string.h>

static bool is_local(const struct cfg_node *n)
{
	return !strcmp(cfg_key(n, 0), "local");
}

uint32_t vpn_context_id(const struct cfg_tree *tree, const char *name)
{
	const struct cfg_node *n;
	uint32_t id = VPN_LOCAL;

	if (!strcmp(name, "local"))
		return VPN_LOCAL;
	if (!tree)
		return 0;
	cfg_foreach(n, tree->root, "context")
	{
		if (is_local(n))
			continue;
		id++;
		if (!strcmp(cfg_key(n, 0), name))
			return id;
	}
	return 0;
}

const struct cfg_node *vpn_context_node(const struct cfg_tree *tree, uint32_t id)
{
	const struct cfg_node *n;
	uint32_t at = VPN_LOCAL;

	if (!tree || !id)
		return NULL;
	cfg_foreach(n, tree->root, "context")
	{
		if (is_local(n) ? id == VPN_LOCAL : ++at == id)
			return n;
	}
	return NULL;
}

const char *vpn_context_name(const struct cfg_tree *tree, uint32_t id)
{
	const struct cfg_node *n = vpn_context_node(tree, id);

	return n ? cfg_key(n, 0) : id == VPN_LOCAL ? "local" : NULL;
}

uint32_t vpn_context_count(const struct cfg_tree *tree)
{
	const struct cfg_node *n;
	uint32_t count = VPN_LOCAL;

	if (tree)
		cfg_foreach(n, tree->root, "context") count += !is_local(n);
	return count;
}

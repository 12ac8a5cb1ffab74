/* SPDX-License-Identifier: MIT */
/* Context ids from the tree: rank of the context's sequence number among the contexts, `local` apart. */
#include "cfg/cfg_context.h"

#include <string.h>

static const char *name_of(const struct cfg_node *n)
{
	return cfg_key(n, 0);
}

static uint32_t rank(const struct cfg_tree *t, const struct cfg_node *node)
{
	uint32_t id = 2;
	struct cfg_node *c;

	cfg_foreach(c, t->root, "context")
		id += c->seq < node->seq && strcmp(c->key, CFG_CONTEXT_LOCAL_NAME);
	return id;
}

uint32_t cfg_context_id(const struct cfg_tree *t, const char *name)
{
	struct cfg_node *c;

	if (!strcmp(name, CFG_CONTEXT_LOCAL_NAME))
		return CFG_CONTEXT_LOCAL;
	cfg_foreach(c, t->root, "context")
		if (name_of(c) && !strcmp(name_of(c), name))
			return rank(t, c);
	return 0;
}

const struct cfg_node *cfg_context_node(const struct cfg_tree *t, uint32_t id)
{
	struct cfg_node *c;

	cfg_foreach(c, t->root, "context") {
		bool local = !strcmp(c->key, CFG_CONTEXT_LOCAL_NAME);

		if (id == CFG_CONTEXT_LOCAL ? local : !local && rank(t, c) == id)
			return c;
	}
	return NULL;
}

const char *cfg_context_name(const struct cfg_tree *t, uint32_t id)
{
	const struct cfg_node *c = cfg_context_node(t, id);

	if (id == CFG_CONTEXT_LOCAL)
		return CFG_CONTEXT_LOCAL_NAME;
	return c ? name_of(c) : NULL;
}

uint32_t cfg_context_last(const struct cfg_tree *t)
{
	uint32_t last = CFG_CONTEXT_LOCAL;
	struct cfg_node *c;

	cfg_foreach(c, t->root, "context")
		if (strcmp(c->key, CFG_CONTEXT_LOCAL_NAME))
			last++;
	return last;
}

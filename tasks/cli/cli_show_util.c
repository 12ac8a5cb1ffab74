/* SPDX-License-Identifier: MIT */
/* What several shows need: the session's context, and counters as totals that do not fall when a task
 * restarts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli_show.h"
#include "srdb/srdb_cleared.h"
#include "srdb/srdb_sampler.h"
#include "store/store.h"
#include "vpn/vpn_context.h"

#define SAMPLER_MAX STORE_BLOB_MAX

const struct cfg_node *sh_context_node(struct sh *sh, char *err, size_t size)
{
	const struct cfg_node *n = cfg_child_named(sh_tree(sh), sh_tree(sh)->root, "context", sh->s.context);

	if (!n && !strcmp(sh->s.context, "local"))
		return sh_tree(sh)
		        ->root; /* it exists without a line; the root has none of what a context holds */
	if (!n)
		snprintf(err, size, "Failure: context %s is not configured", sh->s.context);
	return n;
}

json_t *sh_show_context(struct sh *sh, const char *what, const char *args, char *err, size_t size)
{
	uint32_t ctx = vpn_context_id(sh_tree(sh), sh->s.context);
	char dst[40];

	snprintf(dst, sizeof(dst), "vpnmgr/%u", ctx ? ctx : VPN_LOCAL);
	return sh_show(sh, dst, what, args, err, size);
}

struct want {
	const char *schema;
	json_t *out, *cleared;
};

static int add_total(const struct counter_schema *schema, const char *key, const char *json, void *arg)
{
	struct want *w = arg;
	json_t *o;

	if (strcmp(schema->name, w->schema) != 0)
		return 0;
	o = json_loads(json, 0, NULL);
	srdb_cleared_subtract(w->cleared, w->schema, key, o);
	if (o)
		json_object_set_new(w->out, key, o);
	return 0;
}

/* Goes on from where srdb's last sample was, reading the segments as they are now. */
json_t *sh_counters(struct sh *sh, const char *schema, char *err, size_t size)
{
	struct want w = {.schema = schema, .out = json_object()};
	struct srdb_sampler *s = srdb_sampler_new(sh->t->run_dir);
	char *state = malloc(SAMPLER_MAX);

	w.cleared = sh_cleared(sh);
	if (!s || !state) {
		snprintf(err, size, "Failure: out of memory");
		json_decref(w.out);
		w.out = NULL;
	} else {
		if (store_meta_get(sh_state(sh), "sampler", state, SAMPLER_MAX) == 0)
			srdb_sampler_load(s, state, sh->t->boot_id); /* of another boot: start from zero */
		srdb_sampler_scan(s);
		srdb_sampler_totals(s, add_total, &w);
	}
	free(state);
	json_decref(w.cleared);
	srdb_sampler_free(s);
	return w.out;
}

/* SPDX-License-Identifier: MIT */
/* The configuration of a task on the bus of task_rig.h, as sct stores it. */
#ifndef ORRERY_TESTS_TASK_CONFIG_H
#define ORRERY_TESTS_TASK_CONFIG_H

#include <stdlib.h>

#include "cfg/cfg.h"
#include "cli/engine/cli.h"
#include "store/store.h"
#include "tests/exchange/task_rig.h"

static inline int rig_store_node(void *arg, const struct cfg_node *n)
{
	char path[CFG_PATH_MAX], *value = cfg_value(n);
	struct store_config row = {.path = path, .value = value};
	int rc = cfg_path(n, path, sizeof(path));

	if (!rc && n->row)
		rc = store_batch_config(arg, &row);
	free(value);
	return rc;
}

/* What sct would store of these configuration lines, instead of what is there. */
static inline void rig_configure(const char *lines)
{
	char dir[400], err[400];
	struct cli_grammar *g =
	        cli_grammar_load(cli_grammar_dir("/proc/self/exe", dir, sizeof(dir)), err, sizeof(err));
	struct cfg_tree *t = cfg_new(g);
	struct store_writer *w;
	struct store_batch *b;
	int rc;

	cr_assert(g, "%s", err);
	cr_assert_eq(cli_load_text(t, NULL, lines, NULL, NULL), 0);
	w = store_open_writer(rig.dir, STORE_CONFIG, NULL, &rc);
	b = store_batch_new(w);
	store_batch_config_clear(b);
	cr_assert_eq(cfg_walk(t, rig_store_node, b), 0);
	store_submit(w, b, 0, NULL, NULL);
	store_close_writer(w);
	cfg_free(t);
	cli_grammar_free(g);
}

#endif

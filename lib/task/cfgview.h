/* SPDX-License-Identifier: MIT */
/*
 * A reader's copy of the configuration: grammar, tree, and the version up to which config.db was read. Not
 * bound to a task's loop, so that cli's session thread has one of its own. Used by watch.c and tasks/cli.
 */
#ifndef ORRERY_CFGVIEW_H
#define ORRERY_CFGVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include "cfg/cfg.h"

struct cfgview;

/* Open on a chassis' disk; the grammar is found beside the executable. NULL with the reason in err. */
struct cfgview *cfgview_open(const char *state_dir, char *err, size_t size);
void cfgview_close(struct cfgview *v);
/* Read what changed. 1 the tree changed, 0 not, -errno (-ENOENT: no configuration stored yet). */
int cfgview_refresh(struct cfgview *v);
/* Forget everything read, so that the next refresh starts anew. */
void cfgview_reset(struct cfgview *v);
struct cfg_tree *cfgview_tree(const struct cfgview *v);
const struct cli_grammar *cfgview_grammar(const struct cfgview *v);

/* A name of config.db's own notes ("boot_config"); "" when there is none. */
void cfgview_meta(const struct cfgview *v, const char *name, char *out, size_t size);

#endif

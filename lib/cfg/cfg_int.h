/* SPDX-License-Identifier: MIT */
/*
 * Inside lib/cfg only: where a path leads.
 */
#ifndef LIB_CFG_CFG_INT_H
#define LIB_CFG_CFG_INT_H

#include "cfg/cfg.h"

struct cfg_place {
	const struct cli_mode *mode; /* the block's mode */
	const struct cli_row *row;   /* what the path names there */
	struct cfg_node *parent;     /* the block; NULL: not configured */
	size_t parent_len;           /* length of the block's path */
	char key[CFG_PATH_MAX];
};

/* 0, or -EINVAL when no row of the grammar has that path. */
int cfg_path_split(const struct cfg_tree *t, const char *path, struct cfg_place *out);
/* Takes one "id=key" off *path. */
int cfg_path_next(const char **path, char *id, size_t idlen, char *key, size_t keylen);
/* The canonical key of these arguments: escaped values joined by ','. */
int cfg_key_of(const struct cli_row *row, const struct cfg_args *args, char *buf, size_t len);
/*
 * What a merging row has after a line: old with what new names replaced; new alone where both together make
 * no line (another branch of the pattern was taken). A copy, NULL: no memory.
 */
struct cfg_args *cfg_args_merged(const struct cli_row *row, const struct cfg_args *old,
                                 const struct cfg_args *new);
/* Names in one line that do not exist: cfg_check_refs() of one node. */
int cfg_node_refs(const struct cfg_tree *t, const struct cfg_node *n,
                  void (*each)(void *arg, const struct cfg_node *n, const char *text), void *arg);

#endif

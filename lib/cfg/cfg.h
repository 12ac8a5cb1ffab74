/* SPDX-License-Identifier: MIT */
/*
 * The configuration as a tree of blocks and settings. A node is one configured line: which grammar row, its
 *key (which of several), and its named arguments in order; a row that opens a mode has child nodes. sct owns
 *the tree that counts and is its only writer; cli and the tasks hold copies fed by edits. Nothing here does
 *I/O. Paths and values have one canonical text form, which is what sct stores and the bus carries: path
 *context=ingress/crypto-template=tmpl/payload=p1/lifetime	(% escapes; several key parts: a,b) value
 *seconds=3600&kilo-bytes=5000		(a flag: "srp-activate="; stored `no`: "!"; lists repeat)
 */
#ifndef LIB_CFG_CFG_H
#define LIB_CFG_CFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/engine/cli.h"

#define CFG_PATH_MAX  4096
#define CFG_VALUE_MAX 73728 /* a line of CLI_LINE_MAX characters, every one of them escaped */

/* --- named arguments
 * ------------------------------------------------------------------------------------------ */

struct cfg_arg {
	char *name, *value;
};

struct cfg_args {
	struct cfg_arg *v;
	unsigned n, size;
};

struct cfg_args *cfg_args_new(void);    /* NULL: no memory */
void cfg_args_free(struct cfg_args *a); /* wipes the values: they may be secrets */
struct cfg_args *cfg_args_dup(const struct cfg_args *a);
int cfg_args_add(struct cfg_args *a, const char *name,
                 const char *value); /* append, also a second value of a list */
int cfg_args_set(struct cfg_args *a, const char *name, const char *value); /* replace all of that name */
void cfg_args_del(struct cfg_args *a, const char *name);
const char *cfg_args_get(const struct cfg_args *a,
                         const char *name); /* first value or NULL; NULL a is empty */
const char *cfg_args_nth(const struct cfg_args *a, const char *name,
                         unsigned i); /* i-th value of a list or NULL */
bool cfg_args_equal(const struct cfg_args *a,
                    const struct cfg_args *b); /* same names and values in the same order */
bool cfg_args_same(const struct cfg_args *a,
                   const struct cfg_args *b); /* the same, whatever the order of the names */
/* old with what new names replaced: a copy, NULL: no memory */
struct cfg_args *cfg_args_merge(const struct cfg_args *old, const struct cfg_args *new);

/* --- tree
 * ------------------------------------------------------------------------------------------------------- */

struct cfg_node {
	struct cfg_node *parent, *child, *last, *next, *prev; /* children in order of insertion */
	struct cfg_node *hnext;                               /* private: hash chain */
	const struct cli_row *row;                            /* NULL: the root */
	char *key; /* canonical key, parts joined by ','; "" for a single setting */
	struct cfg_args *args;
	bool negated; /* a stored `no X` */
	uint64_t seq; /* grows with insertion: load in this order */
};

struct cfg_tree {
	const struct cli_grammar *g; /* borrowed */
	struct cfg_node *root;
	uint64_t version; /* +1 with every edit that changed something */
	uint64_t next_seq;
	size_t count;           /* nodes without the root */
	struct cfg_node **hash; /* private */
	size_t nhash;
};

struct cfg_tree *cfg_new(const struct cli_grammar *g); /* NULL: no memory, or g has no mode "config" */
void cfg_free(struct cfg_tree *t);
struct cfg_tree *cfg_dup(const struct cfg_tree *t); /* keeps order, sequence numbers and version */
bool cfg_equal(const struct cfg_tree *a,
               const struct cfg_tree *b); /* same settings; order counts within `ordered` rows */
/* The mode of a block's lines (root: "config"); NULL if the node is not a block. */
const struct cli_mode *cfg_mode(const struct cfg_tree *t, const struct cfg_node *n);

/* A child by row id and key as a node has it, escaped (NULL or "": a single setting). NULL: not configured.
 */
struct cfg_node *cfg_child(const struct cfg_tree *t, const struct cfg_node *n, const char *row,
                           const char *key);
/* A child by row id and the value of its one key part, as an operator wrote it (keys are kept escaped). NULL:
 * not configured. */
struct cfg_node *cfg_child_named(const struct cfg_tree *t, const struct cfg_node *n, const char *row,
                                 const char *name);
/* First child of that row (row NULL: of any), and the next one after c of the same row (or any). */
struct cfg_node *cfg_first(const struct cfg_node *n, const char *row);
struct cfg_node *cfg_next(const struct cfg_node *c, const char *row);
#define cfg_foreach(c, n, row) for ((c) = cfg_first((n), (row)); (c); (c) = cfg_next((c), (row)))
/* The k-th part (from 0) of a node's key, unescaped, e.g. cfg_key(n,0) of a context; it is the value of
 * row->key[k]. */
const char *cfg_key(const struct cfg_node *n, unsigned k);

/* A value of a node: as set, else the variable's default, else NULL. A negated node has no values. */
const char *cfg_arg(const struct cfg_node *n, const char *var);
const char *cfg_arg_nth(const struct cfg_node *n, const char *var, unsigned i); /* lists */
int64_t cfg_arg_int(const struct cfg_node *n, const char *var, int64_t fallback);
bool cfg_has(const struct cfg_node *n, const char *flag_or_var); /* present on the line? */
/* A value of a single setting of block n, or, when it is not configured, the row's default. NULL: none, or
 * negated. */
const char *cfg_get(const struct cfg_tree *t, const struct cfg_node *n, const char *row, const char *var);
int64_t cfg_get_int(const struct cfg_tree *t, const struct cfg_node *n, const char *row, const char *var,
                    int64_t fallback);
/* Is a single setting in force? Configured and not negated; not configured: true for rows declared `no
 * stored`. */
bool cfg_on(const struct cfg_tree *t, const struct cfg_node *n, const char *row);

/* --- edits
 * ---------------------------------------------------------------------------------------------------------
 */

/*
 * CFG_REPLACE is CFG_SET that never merges: exactly these arguments. The CLI sends the first three,
 * cfg_diff() CFG_NO and CFG_REPLACE. The numbers travel on the bus.
 */
enum cfg_op { CFG_SET, CFG_NO, CFG_DEFAULT, CFG_REPLACE };
const char *cfg_op_name(enum cfg_op op); /* "set", "no", "default", "replace" */

/* One change. path names the node itself; value is its arguments (set, replace) or NULL. Strings as carried
 * by the bus. */
struct cfg_edit {
	enum cfg_op op;
	char *path, *value;
};

struct cfg_edit *cfg_edit_new(enum cfg_op op, const char *path,
                              const char *value); /* copies; NULL: no memory */
void cfg_edit_free(struct cfg_edit *e);
/*
 * Applies one edit. Setting a node of a merging row keeps arguments the edit does not mention. Removing a
 * node drops its children. Returns 1 changed, 0 nothing to change (version stays), -ENOENT the block does not
 * exist, -EINVAL path or value not understood. Values are not checked against ranges: that is cfg_check().
 */
int cfg_apply(struct cfg_tree *t, const struct cfg_edit *e);
/* Direct forms of the same, for callers that hold the parent. args is copied. */
int cfg_set(struct cfg_tree *t, struct cfg_node *parent, const struct cli_row *row,
            const struct cfg_args *args, bool negated, struct cfg_node **out);
int cfg_del(struct cfg_tree *t, struct cfg_node *n);

/*
 * Would this edit be legal? Path and values against the grammar (type, range, key), limits per block and
 * chassis, names that must exist, and the rules across settings. 0, or -EINVAL/-ENOENT/-ENOSPC with "Failure:
 * …" in err.
 */
int cfg_check(const struct cfg_tree *t, const struct cfg_edit *e, char *err, size_t errlen);
/* All dangling references of the whole tree (also those allowed for a while): for show configuration errors.
 * Returns their number. */
int cfg_check_refs(const struct cfg_tree *t,
                   void (*each)(void *arg, const struct cfg_node *n, const char *text), void *arg);
/*
 * What rules across settings (cfg_rules.c) find wrong in the whole tree, for show configuration errors; a
 * warning is about what is legal and does not do what it says. text is "path: reason". Returns their number.
 * each may be NULL.
 */
int cfg_check_rules(const struct cfg_tree *t,
                    void (*each)(void *arg, const struct cfg_node *n, bool warning, const char *text),
                    void *arg);
/* The same for one block that has just been left: what only shows when all of its lines are there, and names
 * in its lines that do not exist. */
int cfg_check_block(const struct cfg_tree *t, const struct cfg_node *n,
                    void (*each)(void *arg, const struct cfg_node *n, bool warning, const char *text),
                    void *arg);
/* All configured settings that are stored only (rows declared `later`), or have words that are (`unread`);
 * text is "path: line", and " (only WORDS)". Returns their number. each may be NULL. */
int cfg_check_later(const struct cfg_tree *t,
                    void (*each)(void *arg, const struct cfg_node *n, const char *text), void *arg);
/*
 * Edits that turn a into b: removals, then settings parents first. Stops when each() returns non-zero, and
 * returns that. each() must not change a or b: keep the edits, or compare with a copy (cfg_dup()) of what is
 * edited.
 */
int cfg_diff(const struct cfg_tree *a, const struct cfg_tree *b,
             int (*each)(void *arg, const struct cfg_edit *e), void *arg);

/* --- text forms
 * ------------------------------------------------------------------------------------------------------- */

int cfg_path(const struct cfg_node *n, char *buf, size_t len); /* 0 or -ENOSPC; root: "" */
/* The node at a path; NULL: not configured or not understood. */
struct cfg_node *cfg_find(const struct cfg_tree *t, const char *path);
/* The row a path names, whether or not it is configured. parent (may be NULL) gets the length of the block's
 * path. */
const struct cli_row *cfg_path_row(const struct cfg_tree *t, const char *path, size_t *parent);
/* Appends "row=key" to a block's path: malloc'ed; args give the key. NULL: no memory or a key part is
 * missing. */
char *cfg_path_join(const char *block, const struct cli_row *row, const struct cfg_args *args);
char *cfg_value(const struct cfg_node *n);                                     /* malloc'ed */
char *cfg_value_args(const struct cfg_args *a, bool negated);                  /* malloc'ed */
int cfg_value_parse(const char *value, struct cfg_args **args, bool *negated); /* 0, -EINVAL, -ENOMEM */

/* An item of a stored configuration. Strings are borrowed until the next call of the iterator. */
struct cfg_item {
	const char *path, *value;
	uint64_t seq;
};
/*
 * Fills an empty tree from an iterator that returns 1 (item filled), 0 (end) or -errno, in order of seq.
 * Items that no grammar row takes are counted in *skipped (may be NULL). Returns 0 or -errno.
 */
int cfg_load(struct cfg_tree *t, int (*next)(void *arg, struct cfg_item *item), void *arg, unsigned *skipped);
/* Calls each() for every node, parents first, in an order cfg_load() takes. Stops when it returns non-zero.
 */
int cfg_walk(const struct cfg_tree *t, int (*each)(void *arg, const struct cfg_node *n), void *arg);

struct cfg_show_opts {
	bool verbose;        /* also what is not configured but has a default */
	bool brief;          /* only lines that open a block */
	const char *context; /* only this context's block */
	const char *path;    /* only this block or setting */
};
/* show configuration: the text that cli_load_text() turns back into the same tree. opts may be NULL. */
int cfg_show(const struct cfg_tree *t, const struct cfg_show_opts *opts, struct cli_out *out);
/* A checksum over the text of cfg_show() (FNV-1a, 64 bit): equal configurations, equal checksums. */
uint64_t cfg_checksum(const struct cfg_tree *t);

#endif

/* SPDX-License-Identifier: MIT */
/* sct's state: the tree that counts, its file, and who waits for a commit. Private to tasks/sct. */
#ifndef ORRERY_SCT_H
#define ORRERY_SCT_H

#include "cfg/cfg.h"
#include "store/store.h"
#include "task/task.h"

struct sct {
	struct task *t;
	struct cli_grammar *grammar;
	struct cli_hooks hooks;
	struct cfg_tree *tree;
	struct store_writer *store;
	struct task_timer *flush, *retry;
	uint64_t published; /* tree version last told */
};

/* sct_edit.c: edits -> tree -> rows -> commit -> answer and topic. */
void sct_config_edits(struct task *t, const struct bus_msg *m);
/* Write the rows that make `after` of the stored tree `before`, and replace the tree; used at boot. 0 or
 * -errno. */
int sct_store_all(struct sct *s, bool clear);
void sct_flush_soon(struct sct *s);

/* sct_boot.c: what the tree is when the task becomes active. */
int sct_boot(struct sct *s);

/* sct_file.c: configuration files of the chassis' disk. */
int sct_load_file(struct sct *s, const char *path, unsigned *failed);
void sct_config_load(struct task *t, const struct bus_msg *m);
void sct_config_save(struct task *t, const struct bus_msg *m);

#endif

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
	struct task_timer *flush, *reopen;
	int trouble; /* why the last commit failed */
};

/* sct_edit.c: edits -> tree -> rows -> commit -> answer and topic. */
void sct_config_edits(struct task *t, const struct bus_msg *m);
/* Store the tree instead of everything that is stored; used at boot. 0 or -errno. */
int sct_store_all(struct sct *s);
void sct_flush_soon(struct sct *s);
/* `after` (adopted) is the configuration now: stores the difference, answers m. failed: lines refused. */
void sct_commit_tree(struct sct *s, const struct bus_msg *m, struct cfg_tree *after, unsigned failed);
/* Tell everybody of the stored version; reload: what was read before counts no more. */
void sct_publish(struct sct *s, uint64_t version, bool reload);

/* sct_boot.c: what the tree is when the task becomes active. */
int sct_boot(struct sct *s);
/* A commit failed: drop what is not stored (whoever waits for it is told) and continue with what is. */
void sct_roll_back(struct sct *s);

/* sct_file.c: configuration files of the chassis' disk. */
/* Read the lines of a file into a tree. 0 or -errno. */
int sct_load_file(struct sct *s, struct cfg_tree *tree, const char *path, unsigned *failed);
void sct_config_load(struct task *t, const struct bus_msg *m);
void sct_config_save(struct task *t, const struct bus_msg *m);

#endif

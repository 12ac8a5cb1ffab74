/* SPDX-License-Identifier: MIT */
/* sct's state: the tree that counts, its file, and who waits for a commit. Private to tasks/sct. */
#ifndef ORRERY_SCT_H
#define ORRERY_SCT_H

#include "cfg/cfg.h"
#include "store/store.h"
#include "task/task.h"

#define SCT_USED_MAX 2064 /* "PRIORITY URL" of the boot configuration */

struct sct {
	struct task *t;
	struct cli_grammar *grammar;
	struct cli_hooks hooks;
	struct cfg_tree *tree;
	struct store_writer *store;
	struct task_timer *flush, *reopen, *settle;
	struct sct_certs *certs; /* sct_certs.c */
	int trouble;             /* why the last commit failed */
	char *boot_sys;          /* what /flash/boot.sys holds, as far as we know */
};

/* The first lines of a file that were refused, for the operator; the event log has some more. */
#define SCT_REFUSED_TOLD 20
struct sct_refused {
	const char *file;
	unsigned n; /* all of them */
	struct {
		unsigned line;
		char *text;
	} v[SCT_REFUSED_TOLD];
};
void sct_refused_clear(struct sct_refused *r);

/* sct_edit.c: edits -> tree -> rows -> commit -> answer and topic. */
void sct_config_edits(struct task *t, const struct bus_msg *m);
/* Store the tree, and where it is from, instead of everything that is stored; used at boot. 0 or -errno. */
int sct_store_all(struct sct *s, const char *boot_config);
void sct_flush_soon(struct sct *s);
/* `after` (adopted) is the configuration now: stores the difference, answers m with the lines refused. */
void sct_commit_tree(struct sct *s, const struct bus_msg *m, struct cfg_tree *after,
                     const struct sct_refused *refused);
/* Tell everybody of the stored version; reload: what was read before counts no more. */
void sct_publish(struct sct *s, uint64_t version, bool reload);

/* sct_boot.c: what the tree is when the task becomes active. */
int sct_boot(struct sct *s);
/* A commit failed: drop what is not stored (whoever waits for it is told) and continue with what is. */
void sct_roll_back(struct sct *s);

/* sct_file.c: configuration files of the chassis' disk. */
/* Read the lines of a file into a tree. 0 or -errno; refused: which were not understood (clear it after). */
int sct_load_file(struct sct *s, struct cfg_tree *tree, const char *url, bool stop,
                  struct sct_refused *refused);
void sct_config_load(struct task *t, const struct bus_msg *m);
void sct_config_save(struct task *t, const struct bus_msg *m);

/* sct_bootsys.c: boot priorities, which must be known before any configuration is. */
/* Writes /flash/boot.sys when the tree's `boot system` lines are others than it holds. */
void sct_bootsys_follow(struct sct *s);
/*
 * Fills the tree from the first configuration of the boot priorities that can be read, then with the
 * priorities themselves. used: "PRIORITY URL" of what was loaded, "" when nothing was.
 */
void sct_bootsys_load(struct sct *s, char *used, size_t size);

/*
 * sct_certs.c: certificates by URL. To be called after every change of the tree: reads what lines of files
 * name by a URL, again and again until it is there, and removes files that no line names any more.
 */
void sct_certs_follow(struct sct *s);
/* A line was refused for which a session may have kept a file already: it goes. */
void sct_certs_refused(struct sct *s);
/* One edit of our own: stored and published. */
int sct_commit_own(struct sct *s, const struct cfg_edit *e);

/* sct_key.c: the chassis key. */
void sct_control(struct task *t, const struct bus_msg *m);
/* Complete a change that a crash has interrupted. */
void sct_key_boot(struct sct *s);
void sct_key_settle_later(struct sct *s);

#endif

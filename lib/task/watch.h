/* SPDX-License-Identifier: MIT */
/*
 * Two things nearly every task follows: the configuration (config.db, written by sct) and the chassis'
 * redundancy state (published by srp). Start them from activate().
 */
#ifndef ORRERY_TASK_WATCH_H
#define ORRERY_TASK_WATCH_H

#include "task/task.h"

struct cfg_tree;

/*
 * Load the configuration and call `changed` now (from the loop, not from inside) and after every change;
 * changes that come in a burst are folded. The tree is owned by the watch and stays valid until the next
 * call. 0 or -errno.
 */
typedef void (*config_changed_cb)(struct task *t, const struct cfg_tree *tree, void *arg);
int config_watch_start(struct task *t, config_changed_cb changed, void *arg);
/* The present tree (NULL before the first load). */
const struct cfg_tree *config_tree(struct task *t);

/*
 * Does this chassis serve (hold service addresses, answer peers)? Called once as soon as it is known and at
 * each change. A chassis without service-redundancy-protocol always serves. epoch grows with every take-over.
 */
typedef void (*srp_changed_cb)(struct task *t, bool serving, uint64_t epoch, void *arg);
int srp_watch_start(struct task *t, srp_changed_cb changed, void *arg);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * evlogd: what its files share. main.c routes and queue towards srdb; evlogd_filter.c levels per facility
 * from the configuration; evlogd_file.c the text files under <state>/log with rotation.
 */
#ifndef TASKS_EVLOGD_H
#define TASKS_EVLOGD_H

#include <jansson.h>
#include "base/log.h"
#include "task/task.h"

struct cfg_tree;

/* evlogd_filter.c: which records are kept. */
void evlogd_filter_changed(struct task *t, const struct cfg_tree *tree, void *arg);
bool evlogd_filter_pass(const char *facility, uint32_t level);
/* "FACILITY LEVEL", from Exec mode. 0, -EINVAL, -ENOSPC. */
int evlogd_filter_set(const char *args);
/* [{facility, level, source}], in the order in which they count. */
json_t *evlogd_filter_json(void);

/* evlogd_file.c: <state>/log/evlogd.log, evlogd.log.1 (newest) … */
int evlogd_file_open(const char *dir);
void evlogd_file_write(const LogRecord *r);
/* Lines reach the disk's cache; once per batch. */
void evlogd_file_flush(void);
void evlogd_file_close(void);

/* evlogd_queue.c: records on their way to srdb. */
int evlogd_queue_start(struct task *t);
void evlogd_queue_add(struct task *t, const LogRecord *r);
/* Records the senders or we had to drop. */
void evlogd_queue_lost(uint32_t n);
void evlogd_queue_flush(struct task *t);
char *evlogd_queue_json(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A task's checkpoints: rows go to srdb in order, pipelined, and the callback comes when they would survive.
 * Rows not acknowledged are sent again, in order, when srdb comes back (restart, MIO switchover), so a caller
 * never sees a failure other than a refusal. DESIGN rule 3. Used by ipsecmgr, sessmgr, iftask, vpnmgr,
 * hatsystem.
 */
#ifndef ORRERY_TASK_CKPT_H
#define ORRERY_TASK_CKPT_H

#include "task/task.h"

struct ckpt;

/* One row to write (blob borrowed until ckpt_write returns) or, with blob NULL, to delete. */
struct ckpt_row {
	const char *kind;
	const char *key;
	const char *owner; /* NULL: this task's address */
	const void *blob;
	size_t len;
};

/* status 0: durable. -errno: srdb refused it (disk full …), text says why. Called once, in submission order.
 */
typedef void (*ckpt_cb)(struct task *t, void *arg, int status, const char *text);

struct ckpt *ckpt_new(struct task *t);
void ckpt_free(struct ckpt *c);
/* Submit rows as one atomic unit. 0 or -ENOMEM. cb may be NULL. Never calls back from inside. */
int ckpt_write(struct ckpt *c, const struct ckpt_row *rows, size_t n, ckpt_cb cb, void *arg);
/* The same; what is refused is not written later either. (Rows of ckpt_write() that were refused stay in the
 * store's queue and may become durable when the disk has space again, so nobody has to ask twice.) */
int ckpt_write_once(struct ckpt *c, const struct ckpt_row *rows, size_t n, ckpt_cb cb, void *arg);
/*
 * Before a task reads what one of its number has stored before it: cb when every row that one had sent is in
 * the store or will never be (its card drops what comes from a dead process, and srdb takes messages in
 * order). Also when srdb is not there, or does not answer for two seconds: what it had not stored is lost
 * with it. -errno: cb will not be called, and there is nothing to wait for.
 */
int ckpt_settle(struct task *t, void (*cb)(struct task *t, void *arg), void *arg);
/* Units not acknowledged yet. */
size_t ckpt_pending(const struct ckpt *c);

#endif

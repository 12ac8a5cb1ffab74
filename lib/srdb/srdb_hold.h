/* SPDX-License-Identifier: MIT */
/*
 * Semi-synchronous acknowledgement: while the standby chassis is in sync, the answer to a checkpoint write
 * waits until that chassis has the rows too; when it is not, the local commit suffices. Pure logic, no I/O.
 * Called by tasks/srdb and its tests.
 */
#ifndef SRDB_SRDB_HOLD_H
#define SRDB_SRDB_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The write `arg`, whose highest row version is `version`, may be acknowledged now. Called in the order of
 * srdb_hold_add(). */
typedef void (*srdb_release_fn)(void *arg, int64_t version, void *ctx);

struct srdb_hold;

struct srdb_hold *srdb_hold_new(srdb_release_fn release, void *ctx); /* NULL without memory */
/* Frees without releasing. */
void srdb_hold_free(struct srdb_hold *h);
/* A write was committed locally, in version order. Released at once unless it has to wait. Out of memory
 * releases everything. */
void srdb_hold_add(struct srdb_hold *h, int64_t version, void *arg);
/* The peer has every row up to `version`; smaller ones than before are ignored while in sync. */
void srdb_hold_acked(struct srdb_hold *h, int64_t version);
/* In sync from now on, or not any more (releases all). A new synchronisation starts with nothing acknowledged
 * but what was told last. */
void srdb_hold_sync(struct srdb_hold *h, bool in_sync);
bool srdb_hold_in_sync(const struct srdb_hold *h);
int64_t srdb_hold_acked_version(const struct srdb_hold *h);
size_t srdb_hold_waiting(const struct srdb_hold *h);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Call recovery records (CRR): copies of the call lines of one sessmgr, kept by the aaamgr of its number on
 * another card. A table by call id with paging, and rounds: a full feed marks what it brings, and what it did
 * not bring goes at its end. No I/O. Used by tasks/aaamgr.
 */
#ifndef SESSION_CRR_H
#define SESSION_CRR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "session/session.h"

struct crr {
	uint32_t callid;
	uint32_t len;
	uint8_t *row; /* session_row_encode() */
	uint32_t round, next;
};

struct crr_table;

struct crr_table *crr_table_new(void); /* NULL: no memory */
void crr_table_free(struct crr_table *t);
void crr_table_clear(struct crr_table *t);
/* New, or instead of the one there. 0, -EINVAL (call id 0, length 0 or above SESSION_ROW_MAX), -ENOSPC
 * (SESSION_LIMIT), -ENOMEM. */
int crr_put(struct crr_table *t, uint32_t callid, const void *row, size_t len);
bool crr_del(struct crr_table *t, uint32_t callid);
const struct crr *crr_find(const struct crr_table *t, uint32_t callid);
uint32_t crr_count(const struct crr_table *t);
/* The record at position *pos, which moves on; NULL at the end. Positions hold while nothing is deleted. */
const struct crr *crr_next(const struct crr_table *t, uint32_t *pos);
/* A full feed begins; it is over: records that it did not bring are deleted. Returns how many. */
void crr_round_begin(struct crr_table *t);
uint32_t crr_round_end(struct crr_table *t);

#endif

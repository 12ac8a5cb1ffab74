/* SPDX-License-Identifier: MIT */
/*
 * The table behind session.h, shared by session.c (look-up, life) and session_fsm.c (states).
 */
#ifndef SESSION_INT_H
#define SESSION_INT_H

#include "session/session.h"

#define SESSION_HASH 8192 /* power of two; SESSION_LIMIT calls make chains of 1.5 */

struct session_table {
	uint32_t instance, serial, count;
	uint64_t hash_seed;
	uint32_t states[SESSION_STATES];
	session_changed_fn changed;
	void *arg;
	struct session_call *first, *last;
	struct session_call *by_id[SESSION_HASH], *by_key[SESSION_HASH];
};

#endif

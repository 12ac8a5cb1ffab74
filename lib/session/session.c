/* SPDX-License-Identifier: MIT */
/*
 * The table of call lines: by call id (hash), by IKE SA (hash), in order of arrival (list). Call ids are
 * unique on the chassis: the sessmgr's instance number stands in the top 12 bits. Limits: SESSION_LIMIT
 * calls. Called by tasks/sessmgr.
 */
#include "session/session.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "session/session_int.h"

#define SERIAL_BITS 20
#define SERIAL_MASK ((1u << SERIAL_BITS) - 1)

static size_t id_slot(uint32_t callid)
{
	return callid * 2654435761u >> 19 & (SESSION_HASH - 1);
}

static size_t key_slot(const struct session_table *t, const char *key)
{
	uint64_t h = 14695981039346656037ULL ^ t->hash_seed;

	for (; *key; key++)
		h = (h ^ (uint8_t)*key) * 1099511628211ULL;
	return (h ^ h >> 32) & (SESSION_HASH - 1);
}

struct session_table *session_table_new(uint32_t instance, uint32_t seed, session_changed_fn changed,
                                        void *arg)
{
	struct session_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->changed = changed;
	t->arg = arg;
	t->hash_seed = seed * 0x9e3779b97f4a7c15ULL;
	session_table_rename(t, instance, seed);
	return t;
}

void session_table_rename(struct session_table *t, uint32_t instance, uint32_t seed)
{
	assert(!t->count && instance <= SESSION_INSTANCE_MAX + 1u);
	t->instance = instance & SESSION_INSTANCE_MAX;
	t->serial = seed & SERIAL_MASK;
}

void session_table_free(struct session_table *t)
{
	if (!t)
		return;
	while (t->first)
		session_free(t->first);
	free(t);
}

uint32_t session_count(const struct session_table *t)
{
	return t->count;
}

uint32_t session_in_state(const struct session_table *t, enum session_state state)
{
	return (unsigned)state < SESSION_STATES ? t->states[state] : 0;
}

/* --- look-up
 * -------------------------------------------------------------------------------------------------- */

struct session_call *session_find(const struct session_table *t, uint32_t callid)
{
	struct session_call *c = t->by_id[id_slot(callid)];

	while (c && c->callid != callid)
		c = c->next_id;
	return c;
}

struct session_call *session_find_ike(const struct session_table *t, const char *ike_key)
{
	struct session_call *c = t->by_key[key_slot(t, ike_key)];

	if (!ike_key[0])
		return NULL;
	while (c && strcmp(c->ike_key, ike_key) != 0)
		c = c->next_key;
	return c;
}

struct session_call *session_next(const struct session_table *t, const struct session_call *prev)
{
	return prev ? prev->next : t->first;
}

/* --- life
 * ----------------------------------------------------------------------------------------------------- */

static void link_key(struct session_call *c)
{
	struct session_call **at = &c->table->by_key[key_slot(c->table, c->ike_key)];

	c->next_key = *at;
	*at = c;
}

static void unlink_key(struct session_call *c)
{
	struct session_call **at = &c->table->by_key[key_slot(c->table, c->ike_key)];

	while (*at != c)
		at = &(*at)->next_key;
	*at = c->next_key;
}

static struct session_call *insert(struct session_table *t, struct session_call *c)
{
	struct session_call **at = &t->by_id[id_slot(c->callid)];

	c->table = t;
	c->next_id = *at;
	*at = c;
	link_key(c);
	c->prev = t->last;
	c->next = NULL;
	if (t->last)
		t->last->next = c;
	else
		t->first = c;
	t->last = c;
	t->count++;
	fsm_init(&c->fsm, &session_fsm, c, SESSION_IDLE);
	return c;
}

static uint32_t fresh_id(struct session_table *t)
{
	uint32_t id;

	do { /* ends: there are far more serials than calls */
		t->serial = (t->serial + 1) & SERIAL_MASK;
		id = t->instance << SERIAL_BITS | t->serial;
	} while (!id || session_find(t, id));
	return id;
}

struct session_call *session_new(struct session_table *t, const char *ike_key)
{
	struct session_call *c;

	if (strlen(ike_key) >= SESSION_IKE_KEY_MAX) {
		errno = EINVAL;
		return NULL;
	}
	if (t->count >= SESSION_LIMIT) {
		errno = ENOSPC;
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->callid = fresh_id(t);
	strcpy(c->ike_key, ike_key);
	return insert(t, c);
}

struct session_call *session_adopt(struct session_table *t, const struct session_call *row)
{
	struct session_call *c;

	if (session_find(t, row->callid) || t->count >= SESSION_LIMIT) {
		errno = t->count >= SESSION_LIMIT ? ENOSPC : EEXIST;
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->callid = row->callid;
	c->ctx = row->ctx;
	c->ipsecmgr = row->ipsecmgr;
	memcpy(c->service, row->service, sizeof(c->service));
	memcpy(c->pool, row->pool, sizeof(c->pool));
	memcpy(c->pool6, row->pool6, sizeof(c->pool6));
	memcpy(c->peer_id, row->peer_id, sizeof(c->peer_id));
	memcpy(c->imei, row->imei, sizeof(c->imei));
	memcpy(c->ike_key, row->ike_key, sizeof(c->ike_key));
	c->peer = row->peer;
	c->addr = row->addr;
	c->addr6 = row->addr6;
	c->start_us = row->start_us;
	c->connect_us = row->connect_us;
	c->has_row = true;
	return insert(t, c);
}

int session_set_ike_key(struct session_call *c, const char *ike_key)
{
	if (strlen(ike_key) >= sizeof(c->ike_key))
		return -EINVAL;
	unlink_key(c);
	strcpy(c->ike_key, ike_key);
	link_key(c);
	return 0;
}

void session_free(struct session_call *c)
{
	struct session_table *t = c->table;
	struct session_call **at = &t->by_id[id_slot(c->callid)];

	while (*at != c)
		at = &(*at)->next_id;
	*at = c->next_id;
	unlink_key(c);
	if (c->prev)
		c->prev->next = c->next;
	else
		t->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		t->last = c->prev;
	t->count--;
	t->states[session_state(c)]--;
	free(c);
}

/* --- call ids
 * ------------------------------------------------------------------------------------------------- */

const char *session_callid_format(uint32_t callid, char buf[SESSION_CALLID_STRLEN])
{
	snprintf(buf, SESSION_CALLID_STRLEN, "%08x", callid);
	return buf;
}

int session_callid_parse(const char *text, uint32_t *callid)
{
	uint32_t v = 0;
	size_t n;

	if (text[0] == '0' && (text[1] | 0x20) == 'x') /* as the CLI gives hexadecimal numbers on */
		text += 2;
	n = strspn(text, "0123456789abcdefABCDEF");
	if (!n || n > 8 || text[n])
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		v = v << 4 | (uint32_t)(text[i] <= '9' ? text[i] - '0' : (text[i] | 0x20) - 'a' + 10);
	*callid = v;
	return 0;
}

uint32_t session_callid_instance(uint32_t callid)
{
	return callid >> SERIAL_BITS;
}

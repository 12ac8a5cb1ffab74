/* SPDX-License-Identifier: MIT */
/*
 * What survives of peers that services call: rows of kind "peer". `s MANAGER SERVICE`: how the service is
 * bound, since when, with which durations and list; `p MANAGER SERVICE ADDRESS`: when responder mode began of
 * a peer, where that does not follow from the other row. They are written behind what they tell of: a row
 * that is lost costs no more than a mode that begins anew. Called by ipsecmgr_callee.c.
 */
#include "tasks/ipsecmgr/ipsecmgr_callee.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/store.h"

#define ROW_KIND "peer"
#define KEY_MAX  (16 + IKE_NAME_MAX + NET_ADDR_STRLEN)

static void list_key(const struct ipsecmgr *m, const char *policy, char key[KEY_MAX])
{
	snprintf(key, KEY_MAX, "s %u %.205s", m->t->instance, policy);
}

static void peer_key(const struct callee *c, char key[KEY_MAX])
{
	char addr[NET_ADDR_STRLEN];

	snprintf(key, KEY_MAX, "p %u %.205s %s", c->in->m->t->instance, c->in->policy,
	         net_addr_format(&c->p.addr, addr, sizeof(addr)));
}

/* text NULL: delete. */
static void write_row(struct ipsecmgr *m, const char *key, const char *text)
{
	struct ckpt_row row = {.kind = ROW_KIND, .key = key, .blob = text, .len = text ? strlen(text) : 0};

	if (m->ckpt && ckpt_write(m->ckpt, &row, 1, NULL, NULL))
		LOG(EV_NO_MEMORY, "a row of a peer list");
}

void ipsecmgr_callee_row_list(const struct ipsecmgr_callee_list *l)
{
	char key[KEY_MAX], text[160];

	list_key(l->m, l->policy, key);
	snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " %u %u %s", l->conf->bind, l->bound_us,
	         l->conf->responder_s, l->conf->initiator_s, l->conf->list);
	write_row(l->m, key, text);
}

void ipsecmgr_callee_row_forget(struct ipsecmgr_callee_list *l)
{
	char key[KEY_MAX];

	list_key(l->m, l->policy, key);
	write_row(l->m, key, NULL);
	for (size_t i = 0; i < l->n; i++) {
		if (!l->peer[i].row)
			continue;
		peer_key(&l->peer[i], key);
		write_row(l->m, key, NULL);
	}
}

static int read_list(const struct store_ckpt *row, void *arg)
{
	struct kept_list *k = arg;
	char text[160];

	if (row->deleted || row->len >= sizeof(text))
		return 0;
	memcpy(text, row->blob, row->len);
	text[row->len] = '\0';
	if (sscanf(text, "%" SCNu64 " %" SCNu64 " %u %u %32s", &k->bind, &k->bound_us, &k->responder_s,
	           &k->initiator_s, k->list) != 5 ||
	    k->responder_s < INITIATOR_DURATION_LO || k->responder_s > INITIATOR_DURATION_HI ||
	    k->initiator_s < INITIATOR_DURATION_LO || k->initiator_s > INITIATOR_DURATION_HI)
		*k = (struct kept_list){0};
	return 0;
}

static int read_peer(const struct store_ckpt *row, void *arg)
{
	struct ipsecmgr *m = arg;
	char policy[IKE_NAME_MAX], addr[NET_ADDR_STRLEN], text[160];
	struct callee *c = NULL;
	struct net_addr a;
	unsigned instance;

	if (row->deleted || row->len >= sizeof(text))
		return 0;
	if (sscanf(row->key, "p %u %211s %45s", &instance, policy, addr) == 3 && !net_addr_parse(&a, addr))
		c = ipsecmgr_callee_find(ipsecmgr_callee_of(m, policy), &a);
	else if (sscanf(row->key, "s %u %211s", &instance, policy) == 2 && ipsecmgr_callee_of(m, policy))
		return 0;
	memcpy(text, row->blob, row->len);
	text[row->len] = '\0';
	if (c && c->in->kept) {
		c->row = true;
		c->kept_us = strtoull(text, NULL, 10);
	} else {
		write_row(m, row->key, NULL);
	}
	return 0;
}

void ipsecmgr_callee_row_peer(struct callee *c)
{
	char key[KEY_MAX], text[32];

	peer_key(c, key);
	snprintf(text, sizeof(text), "%" PRIu64, c->p.since_us);
	write_row(c->in->m, key, text);
	c->row = true;
}

void ipsecmgr_callee_row_read(const struct ipsecmgr *m, const char *policy, struct store_reader *reader,
                              struct kept_list *k)
{
	char key[KEY_MAX];

	*k = (struct kept_list){0};
	list_key(m, policy, key);
	if (reader)
		store_ckpt_get(reader, ROW_KIND, key, read_list, k);
}

void ipsecmgr_callee_row_all(struct ipsecmgr *m, struct store_reader *reader)
{
	if (reader)
		store_ckpt_list(reader, ROW_KIND, m->t->addr, read_peer, m);
}

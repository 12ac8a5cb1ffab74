/* SPDX-License-Identifier: MIT */
/*
 * What hatsystem must not forget: how each card was, and the move under way. Checkpoints of kind "hat" (they
 * stay on this chassis), one per slot, one "move", one "require", one "keep" and one "told" (alarms of
 * hardware), each
 * beginning with the boot they belong to. A hatsystem that finds none is that of a fresh chassis; else it
 * goes on: what it knew is not news, and a card that is missing died while nobody looked.
 */
#include "hat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/store.h"

#define ROW_MAX 200

/* cb: when it is durable, or can't be. Without memory it is not called: -errno. */
static int save_then(struct hat *h, const char *key, const char *text, ckpt_cb cb, void *arg)
{
	char row[ROW_MAX];
	struct ckpt_row r = {.kind = "hat", .key = key, .blob = row};

	r.len = (size_t)snprintf(row, sizeof(row), "%s %s", h->t->boot_id, text);
	return h->ckpt && r.len < sizeof(row) ? ckpt_write(h->ckpt, &r, 1, cb, arg) : -EINVAL;
}

static void save(struct hat *h, const char *key, const char *text)
{
	save_then(h, key, text, NULL, NULL);
}

static int save_slot(struct hat *h, unsigned slot, ckpt_cb cb, void *arg)
{
	const struct hat_slot *s = &h->slots[slot];
	char key[16], text[64];

	snprintf(key, sizeof(key), "%u", slot);
	snprintf(text, sizeof(text), "%s %d %d %d", card_state_name(hat_life(h, slot)), s->halted, s->busied,
	         s->too_hot);
	return save_then(h, key, text, cb, arg);
}

void hat_state_save_slot(struct hat *h, unsigned slot)
{
	save_slot(h, slot, NULL, NULL);
}

/* A full disk is no reason to keep the operator waiting: what was ordered is under way. */
static void answer(struct task *t, void *arg, int status, const char *text)
{
	(void)status;
	(void)text;
	task_reply_status_to(t, arg, 0, "%s", "");
	free(arg);
}

void hat_state_answer(struct hat *h, unsigned slot, const struct bus_msg *m)
{
	struct bus_from *from = malloc(sizeof(*from));

	if (from)
		*from = task_from(m);
	if (from && save_slot(h, slot, answer, from) == 0)
		return;
	free(from);
	task_reply_status(h->t, m, 0, "%s", "");
}

void hat_state_save_move(struct hat *h)
{
	const struct hat_move *m = &h->move;
	char text[120];

	snprintf(text, sizeof(text), "%d %d %u %u %d %llu", m->on, m->planned, m->from, m->to, (int)m->then,
	         (unsigned long long)m->started_wall);
	save(h, "move", text);
}

/* One letter per slot (what was told of it), one digit per tray and feed, and the disks and fabric cards
 * missing. */
void hat_state_save_told(struct hat *h)
{
	char text[80];
	size_t n = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		text[n++] = (char)('a' + (h->slots[s].spof_told | h->slots[s].hot_told << 1 |
		                          h->slots[s].supply_told << 2));
	for (unsigned f = 1; f <= HW_FANS; f++)
		text[n++] = (char)('0' + h->fan_told[f]);
	for (unsigned f = 1; f <= HW_FEEDS; f++)
		text[n++] = (char)('0' + h->feed_told[f]);
	snprintf(text + n, sizeof(text) - n, " %u %u %u %d", h->raid_told, h->raid_events, h->fabric_told,
	         h->lack_told);
	save(h, "told", text);
}

static void load_told(struct hat *h, const char *text)
{
	size_t n = 0;
	int lack = 0;

	if (strlen(text) < PROFILE_SLOTS_MAX + HW_FANS + HW_FEEDS)
		return;
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++, n++) {
		unsigned told = (unsigned)(text[n] - 'a') & 7;

		h->slots[s].spof_told = told & 1;
		h->slots[s].hot_told = told >> 1 & 1;
		h->slots[s].supply_told = told >> 2 & 1;
	}
	for (unsigned f = 1; f <= HW_FANS; f++, n++)
		h->fan_told[f] = text[n] >= '0' && text[n] <= '2' ? (enum hw_part)(text[n] - '0') : HW_OK;
	for (unsigned f = 1; f <= HW_FEEDS; f++, n++)
		h->feed_told[f] = text[n] >= '0' && text[n] <= '2' ? (enum hw_part)(text[n] - '0') : HW_OK;
	sscanf(text + n, "%u %u %u %d", &h->raid_told, &h->raid_events, &h->fabric_told, &lack);
	h->lack_told = lack;
}

static void load_slot(struct hat *h, unsigned slot, const char *text)
{
	struct hat_slot *s = &h->slots[slot];
	char state[24];
	int halted, busied, too_hot;

	if (sscanf(text, "%23s %d %d %d", state, &halted, &busied, &too_hot) != 4 ||
	    card_state_find(state) == CARD_STATES)
		return;
	h->resumed = true;
	s->halted = halted;
	s->busied = busied;
	s->too_hot = too_hot;
	hat_life_restore(h, slot, card_state_find(state));
	s->expected = card_state_alive(hat_life(h, slot));
}

static void load_move(struct hat *h, const char *text)
{
	int on, planned, then;
	unsigned from, to;
	unsigned long long wall;

	if (sscanf(text, "%d %d %u %u %d %llu", &on, &planned, &from, &to, &then, &wall) != 6 || !on ||
	    from < 1 || from > PROFILE_SLOTS_MAX || to > PROFILE_SLOTS_MAX || then < AFTER_NOTHING ||
	    then > AFTER_RESTART)
		return;
	h->move = (struct hat_move){.on = true,
	                            .planned = planned,
	                            .from = from,
	                            .to = to,
	                            .started_us = h->activated_us,
	                            .started_wall = wall};
	h->move.then = then;
	h->slots[from].leaving = planned;
}

void hat_state_save_require(struct hat *h)
{
	const struct place_require *q = &h->require;
	char text[64];

	snprintf(text, sizeof(text), "%d %d %d %d", q->demux_mio, q->demux_proc, q->recovery, q->ipsec_large);
	save(h, "require", text);
}

static void load_require(struct hat *h, const char *text)
{
	int mio, proc, recovery, large;

	if (sscanf(text, "%d %d %d %d", &mio, &proc, &recovery, &large) != 4)
		return;
	h->require = (struct place_require){
	        .demux_mio = mio, .demux_proc = proc, .recovery = recovery, .ipsec_large = large};
	h->require_known = true;
}

void hat_state_save_keep(struct hat *h)
{
	char text[32];

	snprintf(text, sizeof(text), "%u %u", h->keep_ipsecmgr, h->keep_sessmgr);
	save(h, "keep", text);
}

static int load_row(const struct store_ckpt *row, void *arg)
{
	struct hat *h = arg;
	char text[ROW_MAX];
	size_t n = strlen(h->t->boot_id);
	unsigned slot;

	if (row->len >= sizeof(text))
		return 0;
	memcpy(text, row->blob, row->len);
	text[row->len] = 0;
	if (strncmp(text, h->t->boot_id, n) || text[n] != ' ')
		return 0;
	if (!strcmp(row->key, "move"))
		load_move(h, text + n + 1);
	else if (!strcmp(row->key, "require"))
		load_require(h, text + n + 1);
	else if (!strcmp(row->key, "told"))
		load_told(h, text + n + 1);
	else if (!strcmp(row->key, "keep"))
		sscanf(text + n + 1, "%u %u", &h->keep_ipsecmgr, &h->keep_sessmgr);
	else if (sscanf(row->key, "%u", &slot) == 1 && slot >= 1 && slot <= PROFILE_SLOTS_MAX)
		load_slot(h, slot, text + n + 1);
	return 0;
}

void hat_state_load(struct hat *h)
{
	struct store_reader *r = store_open_reader(h->t->state_dir, STORE_STATE);

	h->ckpt = ckpt_new(h->t);
	if (r)
		store_ckpt_list(r, "hat", NULL, load_row, h);
	store_close_reader(r);
	/* The destination was chosen by an order: no other standby card may take its place. */
	for (unsigned s = 1; h->move.on && h->move.planned && h->move.to && s <= PROFILE_SLOTS_MAX; s++)
		h->slots[s].spare_only = s != h->move.to && h->slots[s].type &&
		                         h->slots[s].type->processing && hat_life_is(h, s, CARD_STANDBY);
}

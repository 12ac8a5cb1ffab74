/* SPDX-License-Identifier: MIT */
/*
 * Two SRP engines face to face on a virtual clock, each with a store that commits, holds acknowledgements as
 * srdb does, and dies with its chassis: start, take-over, switchover, healed links, MIO switchovers, and a
 * random walk with the invariants of lib/srp/README.md.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "srp/srp.h"

#define MS    1000ull
#define SEC   1000000ull
#define KEYS  64
#define LOGN  100000
#define INQ   20000
#define HELLO (1 * SEC)
#define DEAD  (3 * SEC)

struct row {
	uint64_t version; /* 0: none */
	uint32_t value;
	bool deleted;
};

struct msg {
	uint64_t at;
	uint8_t *buf;
	size_t len;
};

struct todo {
	uint64_t at, token;
	SrpRows *rows; /* to install; NULL: the saved state */
};

struct chassis {
	struct srp *s;
	struct chassis *peer;
	struct srp_config cfg;
	bool up, srp_up;
	/* store */
	struct row rows[KEYS];
	uint64_t version;
	bool holding;
	uint64_t acked, released;
	struct srp_saved saved;
	bool has_saved;
	bool in_full[KEYS];
	/* events */
	struct msg in[INQ];
	unsigned in_head, in_n;
	struct todo todo[4096];
	unsigned todo_head, todo_n;
	uint64_t tick_due;
	enum srp_state state;
	unsigned actives, conn_downs;
	int ordered_code;
	bool ordered;
	char ordered_text[256];
	bool jam; /* the store answers nothing */
	bool refuse_install;
};

struct world {
	struct chassis c[2];
	uint64_t now;
	bool cable;
	uint64_t delay;
	uint32_t next_value;
};

static struct world *W;
static uint64_t wall(void)
{
	return 1000 + W->now / SEC;
}

/* --- ops
 * ---------------------------------------------------------------------------------------------------- */

static int op_send(void *arg, const SrpFrame *f)
{
	struct chassis *c = arg;
	struct msg *m;
	size_t len;
	uint8_t *buf;

	if (!W->cable || !c->peer->up)
		return 0; /* lost on the wire */
	buf = srp_frame_pack(f, &len);
	cr_assert_not_null(buf);
	cr_assert_eq(srp_frame_need(buf, len), (int64_t)len);
	cr_assert_lt(c->peer->in_n, INQ);
	m = &c->peer->in[(c->peer->in_head + c->peer->in_n++) % INQ];
	*m = (struct msg){W->now + W->delay, buf, len};
	return 0;
}

static void op_drop(void *arg, const char *why)
{
}

static void op_state(void *arg, enum srp_state from, enum srp_state to, enum srp_reason why)
{
	struct chassis *c = arg;

	c->state = to;
	if (to == SRP_ACTIVE && from != SRP_ACTIVE)
		c->actives++;
}

static void defer(struct chassis *c, uint64_t token, SrpRows *rows)
{
	cr_assert_lt(c->todo_n, 4096);
	c->todo[(c->todo_head + c->todo_n++) % 4096] = (struct todo){W->now + 3 * MS, token, rows};
}

static void op_persist(void *arg, const struct srp_saved *saved, uint64_t token)
{
	struct chassis *c = arg;
	uint8_t blob[SRP_SAVED_MAX];
	size_t len = srp_frame_save(saved, blob);

	cr_assert_eq(srp_frame_load(&c->saved, blob, len), 0);
	c->has_saved = true;
	c->version++; /* a row of kind "srp" */
	defer(c, token, NULL);
}

static void release(struct chassis *c)
{
	uint64_t upto = c->holding ? c->acked : c->version;

	if (upto > c->released)
		c->released = upto;
}

static void op_hold(void *arg, bool hold, const char *why)
{
	struct chassis *c = arg;

	c->holding = hold;
	release(c);
}

static void op_acked(void *arg, uint64_t version)
{
	struct chassis *c = arg;

	c->acked = version;
	release(c);
}

static SrpRows *op_fetch(void *arg, uint64_t above, size_t max_rows, size_t max_bytes)
{
	struct chassis *c = arg;
	SrpRows *out = calloc(1, sizeof(*out));
	size_t max = max_rows > 5 ? 5 : max_rows; /* many small units */

	srp_rows__init(out);
	out->rows = calloc(max, sizeof(*out->rows));
	out->upto = above;
	for (;;) {
		const struct row *best = NULL;
		CkptRow *r;

		for (int k = 0; k < KEYS; k++)
			if (c->rows[k].version > out->upto && (!best || c->rows[k].version < best->version))
				best = &c->rows[k];
		if (!best) {
			out->upto = c->version;
			return out;
		}
		if (out->n_rows == max)
			return out;
		r = calloc(1, sizeof(*r));
		ckpt_row__init(r);
		r->kind = strdup("t");
		r->key = malloc(24);
		snprintf(r->key, 24, "%ld", (long)(best - c->rows));
		r->owner = strdup("x/1");
		r->deleted = best->deleted;
		if (!best->deleted) {
			r->blob.data = malloc(4);
			r->blob.len = 4;
			memcpy(r->blob.data, &best->value, 4);
		}
		out->rows[out->n_rows++] = r;
		out->upto = best->version;
	}
}

static SrpRows *copy_rows(const SrpRows *rows)
{
	size_t len = srp_rows__get_packed_size(rows);
	uint8_t *buf = malloc(len + 1);
	SrpRows *copy;

	srp_rows__pack(rows, buf);
	copy = srp_rows__unpack(NULL, len, buf);
	free(buf);
	return copy;
}

/* As srdb does: what a full synchronisation does not name is gone at its end. */
static void install(struct chassis *c, const SrpRows *rows)
{
	if (rows->full_start)
		memset(c->in_full, 0, sizeof(c->in_full));
	for (size_t i = 0; i < rows->n_rows; i++) {
		int k = atoi(rows->rows[i]->key);

		c->rows[k].version = ++c->version;
		c->rows[k].deleted = rows->rows[i]->deleted;
		c->in_full[k] = true;
		if (!c->rows[k].deleted)
			memcpy(&c->rows[k].value, rows->rows[i]->blob.data, 4);
	}
	for (int k = 0; k < KEYS && rows->full_end; k++)
		if (!c->in_full[k] && c->rows[k].version) {
			c->rows[k].version = ++c->version;
			c->rows[k].deleted = true;
		}
}

static void op_install(void *arg, const SrpRows *rows, uint64_t token)
{
	defer(arg, token, copy_rows(rows));
}

static void op_ordered(void *arg, int code, const char *text)
{
	struct chassis *c = arg;

	c->ordered = true;
	c->ordered_code = code;
	snprintf(c->ordered_text, sizeof(c->ordered_text), "%s", text);
}

static void op_conn(void *arg, bool up)
{
	struct chassis *c = arg;

	c->conn_downs += !up;
}

static const struct srp_ops OPS = {op_send,  op_drop,  op_state,   op_persist, op_hold,
                                   op_acked, op_fetch, op_install, op_ordered, op_conn};

/* --- the world
 * --------------------------------------------------------------------------------------------------- */

static void link_both_up(void)
{
	if (!W->cable || !W->c[0].srp_up || !W->c[1].srp_up)
		return;
	srp_link_up(W->c[0].s, W->now);
	srp_link_up(W->c[1].s, W->now);
	W->c[0].tick_due = W->c[1].tick_due = W->now;
}

static void flush_in(struct chassis *c)
{
	for (; c->in_n; c->in_n--, c->in_head = (c->in_head + 1) % INQ)
		free(c->in[c->in_head].buf);
}

static void start_srp(struct chassis *c)
{
	c->s = srp_new(&c->cfg, &OPS, c, c->has_saved ? &c->saved : NULL, W->now, wall());
	c->srp_up = true;
	c->tick_due = W->now;
	srp_committed(c->s, c->version, W->now);
}

static void stop_srp(struct chassis *c)
{
	if (!c->srp_up)
		return;
	srp_free(c->s);
	c->s = NULL;
	c->srp_up = false;
	flush_in(c);
	for (; c->todo_n; c->todo_n--, c->todo_head = (c->todo_head + 1) % 4096)
		if (c->todo[c->todo_head].rows)
			srp_rows__free_unpacked(c->todo[c->todo_head].rows, NULL);
	/* the connection breaks */
	flush_in(c->peer);
	if (c->peer->srp_up && W->cable)
		srp_link_down(c->peer->s, W->now);
}

static void power_on(struct chassis *c)
{
	memset(c->rows, 0, sizeof(c->rows));
	c->version = c->acked = c->released = 0;
	c->holding = c->has_saved = false;
	c->up = true;
	start_srp(c);
}

static void power_off(struct chassis *c)
{
	stop_srp(c);
	c->up = false;
	c->state = SRP_INIT;
}

static void cut(void)
{
	W->cable = false;
	flush_in(&W->c[0]);
	flush_in(&W->c[1]);
}

static void heal(void)
{
	W->cable = true;
	for (int i = 0; i < 2; i++)
		if (W->c[i].srp_up)
			srp_link_down(W->c[i].s, W->now);
	link_both_up();
}

static void write_key(struct chassis *c, int key)
{
	c->rows[key].version = ++c->version;
	c->rows[key].deleted = W->next_value % 7 == 0;
	c->rows[key].value = W->next_value++;
	release(c);
	if (c->srp_up)
		srp_committed(c->s, c->version, W->now);
	if (c->srp_up)
		c->tick_due = W->now;
}

static void deliver(struct chassis *c)
{
	while (c->srp_up && c->in_n && c->in[c->in_head].at <= W->now) {
		struct msg m = c->in[c->in_head];
		SrpFrame *f = srp_frame_parse(m.buf + SRP_FRAME_HEAD, m.len - SRP_FRAME_HEAD);

		cr_assert_not_null(f);
		c->in_head = (c->in_head + 1) % INQ;
		c->in_n--;
		cr_assert_eq(srp_frame(c->s, f, W->now, wall()), 0);
		srp_frame__free_unpacked(f, NULL);
		free(m.buf);
		c->tick_due = W->now;
	}
	while (c->srp_up && !c->jam && c->todo_n && c->todo[c->todo_head].at <= W->now) {
		struct todo t = c->todo[c->todo_head];

		c->todo_head = (c->todo_head + 1) % 4096;
		c->todo_n--;
		if (!t.rows) {
			release(c);
			srp_persisted(c->s, t.token, W->now);
			srp_committed(c->s, c->version, W->now);
		} else {
			if (!c->refuse_install)
				install(c, t.rows);
			srp_rows__free_unpacked(t.rows, NULL);
			srp_installed(c->s, t.token, c->refuse_install ? -EIO : 0, W->now);
		}
		c->tick_due = W->now;
	}
	if (c->srp_up && W->now >= c->tick_due) {
		c->tick_due = srp_tick(c->s, W->now, wall());
		cr_assert_gt(c->tick_due, W->now);
		cr_assert_leq(c->tick_due, W->now + HELLO);
	}
}

static void run(uint64_t us)
{
	uint64_t end = W->now + us;

	for (; W->now < end; W->now += MS) {
		deliver(&W->c[0]);
		deliver(&W->c[1]);
	}
}

static void config(struct chassis *c, int i)
{
	snprintf(c->cfg.chassis, sizeof(c->cfg.chassis), "chassis-%c", 'a' + i);
	c->cfg.rank.mode = i ? SRP_BACKUP : SRP_PRIMARY;
	c->cfg.rank.priority = 10;
	c->cfg.rank.route_modifier = 3;
	snprintf(c->cfg.rank.tiebreaker, SRP_MAC_LEN, "02-00-00-00-00-%02X", 16 - i);
	c->cfg.rank.addr[3] = (uint8_t)(1 + i);
	c->cfg.peer_addr[3] = (uint8_t)(2 - i);
	c->cfg.hello_us = HELLO;
	c->cfg.dead_us = DEAD;
}

static void world_new(void)
{
	log_set_level(LOG_LEVEL_critical);
	W = calloc(1, sizeof(*W));
	W->now = 5 * SEC;
	W->delay = 2 * MS;
	W->cable = true;
	for (int i = 0; i < 2; i++) {
		W->c[i].peer = &W->c[1 - i];
		config(&W->c[i], i);
	}
}

static void world_free(void)
{
	for (int i = 0; i < 2; i++) {
		W->cable = false;
		stop_srp(&W->c[i]);
		flush_in(&W->c[i]);
	}
	free(W);
}

static void both_on(void)
{
	power_on(&W->c[0]);
	power_on(&W->c[1]);
	link_both_up();
	run(4 * SEC);
}

static bool same_rows(const struct chassis *a, const struct chassis *b)
{
	for (int k = 0; k < KEYS; k++) {
		bool in_a = a->rows[k].version && !a->rows[k].deleted,
		     in_b = b->rows[k].version && !b->rows[k].deleted;

		if (in_a != in_b || (in_a && a->rows[k].value != b->rows[k].value))
			return false;
	}
	return true;
}

#define A               (&W->c[0])
#define B               (&W->c[1])
#define cr_state(c, st) cr_assert_eq((c)->state, st, "%s is %s", (c)->cfg.chassis, srp_state_name((c)->state))

TestSuite(srp_pair, .init = world_new, .fini = world_free);

Test(srp_pair, primary_starts_active_and_synchronises)
{
	power_on(A);
	for (int i = 0; i < 40; i++)
		write_key(A, i);
	power_on(B);
	link_both_up();
	run(2 * SEC);
	cr_state(A, SRP_ACTIVE);
	cr_state(B, SRP_STANDBY);
	cr_assert(A->s->ship.in_sync);
	cr_assert(same_rows(A, B));
	cr_assert_eq(A->s->stats.full_syncs, 1);
	/* from now on an acknowledgement means the peer has it */
	write_key(A, 50);
	cr_assert_lt(A->released, A->version);
	run(20 * MS);
	cr_assert_eq(A->released, A->version);
	cr_assert(same_rows(A, B));
}

Test(srp_pair, rules_of_the_first_start)
{
	B->cfg.rank.mode = SRP_PRIMARY;
	B->cfg.rank.priority = 1;
	both_on();
	cr_state(A, SRP_STANDBY);
	cr_state(B, SRP_ACTIVE);
	power_off(A);
	power_off(B);
	B->cfg.rank.priority = 10;
	B->cfg.rank.route_modifier = 4;
	both_on();
	cr_state(A, SRP_ACTIVE);
	power_off(A);
	power_off(B);
	B->cfg.rank.route_modifier = 3; /* all equal: the higher MAC, which is A's */
	both_on();
	cr_state(A, SRP_ACTIVE);
	cr_state(B, SRP_STANDBY);
}

Test(srp_pair, alone_serves_after_the_dead_interval)
{
	power_on(B);
	run(DEAD - 100 * MS);
	cr_state(B, SRP_INIT);
	run(200 * MS);
	cr_state(B, SRP_ACTIVE);
	/* the primary comes later and does not take it back */
	power_on(A);
	link_both_up();
	run(5 * SEC);
	cr_state(A, SRP_STANDBY);
	cr_state(B, SRP_ACTIVE);
}

Test(srp_pair, dead_chassis_is_replaced_without_loss)
{
	uint64_t epoch;

	both_on();
	epoch = A->s->saved.epoch;
	for (int i = 0; i < 30; i++) {
		write_key(A, i);
		run(MS);
	}
	run(50 * MS);
	cr_assert_eq(A->released, A->version);
	struct chassis dead = *A;
	power_off(A);
	run(DEAD - SEC);
	cr_state(B, SRP_STANDBY);
	run(SEC + 200 * MS);
	cr_state(B, SRP_ACTIVE);
	cr_assert(same_rows(&dead, B));
	cr_assert_gt(B->s->saved.epoch, epoch);
	cr_assert_eq(epoch & 1, 0, "the lower address");
	cr_assert_eq(B->s->saved.epoch & 1, 1);
	/* back again: standby, loaded in full */
	power_on(A);
	link_both_up();
	run(3 * SEC);
	cr_state(A, SRP_STANDBY);
	cr_state(B, SRP_ACTIVE);
	cr_assert(B->s->ship.in_sync);
	cr_assert(same_rows(A, B));
}

Test(srp_pair, fast_reboot_of_the_active_chassis)
{
	both_on();
	write_key(A, 1);
	run(100 * MS);
	power_off(A);
	run(200 * MS);
	power_on(A); /* before the dead-interval, with nothing in memory */
	link_both_up();
	run(4 * SEC);
	cr_state(B, SRP_ACTIVE);
	cr_state(A, SRP_STANDBY);
	cr_assert(same_rows(A, B));
	cr_assert_eq(B->rows[1].version != 0, true);
}

Test(srp_pair, silence_releases_acknowledgements_before_the_dead_interval)
{
	uint64_t t;

	both_on();
	cr_assert(A->s->ship.in_sync);
	B->jam = true;
	write_key(A, 3);
	t = W->now;
	while (A->released < A->version && W->now < t + 10 * SEC)
		run(10 * MS);
	cr_assert_leq(W->now - t, 2 * HELLO + 20 * MS);
	cr_assert_not(A->s->ship.in_sync);
	B->jam = false;
	run(2 * SEC);
	cr_assert(A->s->ship.in_sync, "in sync again");
	cr_assert(same_rows(A, B));
	/* the cable: nothing says so, only silence */
	cut();
	write_key(A, 4);
	t = W->now;
	while (A->released < A->version && W->now < t + 10 * SEC)
		run(10 * MS);
	cr_assert_leq(W->now - t, 2 * HELLO + 20 * MS);
	cr_state(B, SRP_STANDBY);
}

Test(srp_pair, healed_link_leaves_one_active)
{
	both_on();
	write_key(A, 1);
	run(SEC);
	cut();
	run(5 * SEC);
	cr_state(A, SRP_ACTIVE);
	cr_state(B, SRP_ACTIVE);
	write_key(A, 2);
	write_key(B, 3);
	uint64_t loser = B->s->saved.epoch;
	heal();
	run(4 * SEC);
	cr_state(A, SRP_ACTIVE); /* higher MAC */
	cr_state(B, SRP_STANDBY);
	cr_assert(A->s->ship.in_sync);
	cr_assert(same_rows(A, B));
	cr_assert(!B->rows[3].version || B->rows[3].deleted, "what only the loser had is gone");
	cr_assert_gt(A->s->saved.epoch, loser, "its rows are newer than the loser's");
	cr_assert_eq(A->actives, 2, "it took over anew");
}

Test(srp_pair, healed_link_follows_the_route_modifier)
{
	B->cfg.rank.route_modifier = 1;
	both_on();
	cr_state(A, SRP_ACTIVE); /* primary, at first start */
	cut();
	run(5 * SEC);
	heal();
	run(4 * SEC);
	cr_state(A, SRP_STANDBY);
	cr_state(B, SRP_ACTIVE);
	cr_assert(same_rows(A, B));
}

Test(srp_pair, ordered_switchover)
{
	char text[256];

	both_on();
	for (int i = 0; i < 20; i++)
		write_key(A, i);
	run(100 * MS);
	cr_assert_eq(srp_order(B->s, false, W->now, wall(), text, sizeof(text)), -EPERM);
	cr_assert_eq(srp_order(A->s, false, W->now, wall(), text, sizeof(text)), 0, "%s", text);
	cr_state(A, SRP_PENDING_STANDBY);
	write_key(A, 40); /* the last word of a task that is stopping */
	A->tick_due = W->now;
	run(SEC);
	cr_assert(A->ordered);
	cr_assert_eq(A->ordered_code, 0);
	cr_state(A, SRP_STANDBY);
	cr_state(B, SRP_ACTIVE);
	cr_assert(B->rows[40].version != 0);
	cr_assert(B->s->ship.in_sync, "within a second: not at the next hello only");
	run(3 * SEC);
	cr_assert(same_rows(A, B));
	/* and back */
	cr_assert_eq(srp_order(B->s, false, W->now, wall(), text, sizeof(text)), 0);
	run(SEC);
	cr_state(A, SRP_ACTIVE);
	cr_state(B, SRP_STANDBY);
}

Test(srp_pair, switchover_is_refused_or_taken_back)
{
	char text[256];

	both_on();
	B->jam = true;
	write_key(A, 1);
	run(3 * SEC);
	cr_assert_eq(srp_order(A->s, false, W->now, wall(), text, sizeof(text)), -EAGAIN);
	cr_assert(strstr(text, "not synchronised"));
	B->jam = false;
	run(2 * SEC);
	/* the peer stops acknowledging in the middle: serve again */
	cr_assert_eq(srp_order(A->s, false, W->now, wall(), text, sizeof(text)), 0);
	B->jam = true;
	write_key(A, 2);
	run(SEC);
	cr_state(A, SRP_PENDING_STANDBY);
	run(2 * SEC);
	cr_state(A, SRP_ACTIVE);
	cr_assert(A->ordered && A->ordered_code < 0);
	B->jam = false;
	run(5 * SEC);
	cr_state(A, SRP_ACTIVE);
	cr_state(B, SRP_STANDBY);
	cr_assert(same_rows(A, B));
	power_off(B);
	run(4 * SEC);
	cr_assert_eq(srp_order(A->s, true, W->now, wall(), text, sizeof(text)), -ENOTCONN);
}

Test(srp_pair, peer_dies_during_the_switchover)
{
	char text[256];

	both_on();
	cr_assert_eq(srp_order(A->s, false, W->now, wall(), text, sizeof(text)), 0);
	A->tick_due = W->now;
	run(260 * MS);
	cr_assert(A->ordered || A->s->order_told);
	power_off(B);
	run(8 * SEC);
	cr_state(A, SRP_ACTIVE);
}

Test(srp_pair, mio_switchover_keeps_the_state)
{
	uint64_t serve;
	unsigned actives;

	both_on();
	for (int i = 0; i < 10; i++)
		write_key(A, i);
	run(SEC);
	serve = A->s->saved.serve_epoch;
	actives = A->actives;
	stop_srp(A);
	write_key(A, 33); /* committed while srp is away */
	run(SEC);
	start_srp(A);
	cr_state(A, SRP_ACTIVE);
	link_both_up();
	run(SEC);
	cr_state(A, SRP_ACTIVE);
	cr_state(B, SRP_STANDBY);
	cr_assert_eq(A->s->saved.serve_epoch, serve);
	cr_assert_eq(A->actives, actives, "no take-over");
	cr_assert_eq(A->s->stats.full_syncs, 0, "goes on where it was");
	cr_assert(A->s->ship.in_sync);
	cr_assert(same_rows(A, B));
	/* the standby's srp */
	stop_srp(B);
	run(SEC);
	start_srp(B);
	cr_state(B, SRP_STANDBY);
	link_both_up();
	run(2 * SEC);
	cr_assert(A->s->ship.in_sync);
	cr_assert(same_rows(A, B));
}

Test(srp_pair, failed_installation_leads_to_a_new_full_synchronisation)
{
	both_on();
	B->refuse_install = true;
	write_key(A, 5);
	run(100 * MS);
	cr_assert_not(A->s->ship.in_sync);
	cr_assert_eq(A->released, A->version, "nobody waits");
	cr_assert_geq(A->s->stats.nacks_received, 1);
	B->refuse_install = false;
	run(4 * SEC);
	cr_assert(A->s->ship.in_sync);
	cr_assert(same_rows(A, B));
}

Test(srp_pair, rows_of_an_older_epoch_are_refused)
{
	SrpRows rows = SRP_ROWS__INIT;
	SrpFrame f = SRP_FRAME__INIT;

	both_on();
	f.body_case = SRP_FRAME__BODY_ROWS;
	f.rows = &rows;
	rows.epoch = B->s->saved.seen_epoch - 1;
	rows.upto = 1000;
	rows.full_start = true;
	cr_assert_eq(srp_frame(B->s, &f, W->now, wall()), 0);
	cr_assert_neq(B->s->recv.upto, 1000);
	/* and an active chassis takes none */
	rows.epoch = A->s->saved.epoch + 5;
	cr_assert_eq(srp_frame(A->s, &f, W->now, wall()), 0);
	cr_assert_eq(A->s->recv.n, 0);
}

Test(srp_pair, window_bounds_what_is_under_way)
{
	both_on();
	B->jam = true;
	for (int i = 0; i < KEYS; i++) {
		write_key(A, i);
		run(2 * MS);
	}
	for (int i = 0; i < KEYS; i++)
		write_key(A, i);
	cr_assert_leq(A->s->ship.n, SRP_SHIP_WINDOW);
	run(50 * MS);
	cr_assert_leq(B->s->recv.n, SRP_SHIP_WINDOW);
	B->jam = false;
	run(3 * SEC);
	cr_assert(A->s->ship.in_sync);
	cr_assert(same_rows(A, B));
}

/* --- random walk
 * ------------------------------------------------------------------------------------------------- */

static uint32_t seed;
static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static void power_off_checked(struct chassis *c)
{
	struct chassis *o = c->peer;
	bool promised = c->state == SRP_ACTIVE && c->srp_up && c->s->ship.in_sync &&
	                o->state == SRP_STANDBY && W->cable;

	if (promised)
		for (int k = 0; k < KEYS; k++) {
			const struct row *r = &c->rows[k];
			if (r->version && r->version <= c->released && !r->deleted)
				cr_assert(o->rows[k].version &&
				                  (o->rows[k].value >= r->value || o->rows[k].deleted),
				          "seed %u: row %d was acknowledged and is lost", seed, k);
		}
	power_off(c);
}

static void random_act(void)
{
	struct chassis *c = &W->c[rnd(2)];
	char text[256];

	switch (rnd(12)) {
	case 0:
		for (uint32_t i = rnd(8); i && c->up && c->state == SRP_ACTIVE; i--) {
			write_key(c, (int)rnd(KEYS));
			run(rnd(8) * MS);
		}
		if (c->up)
			power_off_checked(c);
		break;
	case 1:
	case 2:
		if (!c->up) {
			power_on(c);
			link_both_up();
		}
		break;
	case 3:
		if (W->cable)
			cut();
		break;
	case 4:
	case 5:
		if (!W->cable)
			heal();
		break;
	case 6:
		if (c->srp_up)
			srp_order(c->s, rnd(3) == 0, W->now, wall(), text, sizeof(text)),
			        c->tick_due = W->now;
		break;
	case 7:
		if (c->srp_up) {
			stop_srp(c);
			start_srp(c);
			link_both_up();
		}
		break;
	case 8:
		c->jam = !c->jam;
		break;
	default:
		for (uint32_t i = rnd(30); i; i--)
			if (c->up && c->state == SRP_ACTIVE)
				write_key(c, (int)rnd(KEYS));
	}
}

Test(srp_pair, random_walk)
{
	for (uint32_t round = 1; round <= 60; round++) {
		seed = round * 7919;
		A->jam = B->jam = false;
		both_on();
		for (int i = 0; i < 60; i++) {
			random_act();
			run(rnd(4) ? rnd(300) * MS : rnd(5000) * MS);
		}
		A->jam = B->jam = false;
		for (int i = 0; i < 2; i++)
			if (!W->c[i].up)
				power_on(&W->c[i]);
		heal();
		run(15 * SEC);
		cr_assert((A->state == SRP_ACTIVE) != (B->state == SRP_ACTIVE), "round %u: %s and %s", round,
		          srp_state_name(A->state), srp_state_name(B->state));
		cr_assert((A->state == SRP_STANDBY) != (B->state == SRP_STANDBY), "round %u", round);
		cr_assert((A->state == SRP_ACTIVE ? A : B)->s->ship.in_sync, "round %u: not in sync", round);
		cr_assert(same_rows(A, B), "round %u: rows differ", round);
		power_off(A);
		power_off(B);
	}
}

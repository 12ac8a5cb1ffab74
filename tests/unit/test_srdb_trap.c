/* SPDX-License-Identifier: MIT */
/*
 * When a raiser hears that its trap is stored (tasks/srdb/srdb_trap.c, compiled in here): after the commit,
 * however often it asks, and also while the disk is full. The store is real, the bus is not.
 */
#include <criterion/criterion.h>

#include "store/store_priv.h"
#include "tasks/srdb/srdb_trap.c"

struct srdb srdb;
static char dir[64];
static unsigned yes, no, told;

struct store_batch *srdb_open_batch(void)
{
	return store_batch_new(srdb.store);
}

int srdb_open_submit(struct store_batch *b, store_done_fn done, void *arg)
{
	return store_submit(srdb.store, b, 0, done, arg);
}

void task_reply_status(struct task *t, const struct bus_msg *m, int code, const char *fmt, ...)
{
	*(code ? &no : &yes) += 1;
}

void task_reply_status_to(struct task *t, const struct bus_from *from, int code, const char *fmt, ...)
{
	*(code ? &no : &yes) += 1;
}

struct bus_from task_from(const struct bus_msg *m)
{
	return (struct bus_from){.id = m->id};
}

int task_publish(struct task *t, const char *topic, Envelope *env)
{
	told++;
	return 0;
}

static void quiet(const struct log_record *rec, void *arg)
{
}

static void open_it(void)
{
	int err;

	srdb.store = store_open_writer(dir, STORE_STATE, NULL, &err);
	cr_assert(srdb.store, "open: %d", err);
	srdb_trap_start();
}

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/orrery-trap-XXXXXX");
	cr_assert(mkdtemp(dir));
	log_set_sink(quiet, NULL);
	open_it();
}

static void teardown(void)
{
	char cmd[100];

	store_close_writer(srdb.store);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	cr_assert_eq(system(cmd), 0);
}

TestSuite(srdb_trap, .init = setup, .fini = teardown);

static void raise_trap(uint64_t at)
{
	TrapRaise tr = TRAP_RAISE__INIT;
	TrapVar slot = TRAP_VAR__INIT, *vars = &slot;
	Envelope env = ENVELOPE__INIT;
	struct bus_msg m = {.src = "hatsystem/0", .ret = "@5:t1", .id = at, .env = &env};

	slot.name = (char *)"starSlotNum";
	slot.value_case = TRAP_VAR__VALUE_NUM;
	slot.num = 3;
	tr.name = (char *)"CardDown";
	tr.vars = &vars;
	tr.n_vars = 1;
	tr.at_wall_us = at;
	env.kind = ENVELOPE__KIND__REQUEST;
	env.body_case = ENVELOPE__BODY_TRAP_RAISE;
	env.trap_raise = &tr;
	srdb_trap_raise(srdb.t, &m);
}

static int count_row(const struct store_trap *row, void *arg)
{
	++*(unsigned *)arg;
	return 0;
}

static unsigned rows(void)
{
	unsigned n = 0;

	store_trap_list(store_writer_reader(srdb.store), 0, false, 0, count_row, &n);
	return n;
}

static void room(int pages)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%d", pages);
	cr_assert_eq(sqlite3_exec(store_writer_reader(srdb.store)->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* Something too large for the room there is, before the trap in the queue. */
static void fill_disk(void)
{
	static char big[300001];
	struct store_batch *b = srdb_open_batch();
	struct store_ckpt row = {.kind = "k", .key = "1", .owner = "o", .blob = big, .len = sizeof(big)};

	room(40);
	cr_assert_eq(store_batch_ckpt(b, &row), 0);
	cr_assert_eq(srdb_open_submit(b, NULL, NULL), 0);
}

Test(srdb_trap, is_answered_once_it_is_stored_and_stored_once)
{
	raise_trap(1000);
	cr_expect_eq(yes + no, 0);
	cr_assert_eq(store_flush(srdb.store, 0), 0);
	cr_expect_eq(yes, 1);
	cr_expect_eq(told, 1);
	raise_trap(1000); /* the answer was lost */
	cr_expect_eq(yes, 2);
	cr_assert_eq(store_flush(srdb.store, 0), 0);
	cr_expect_eq(rows(), 1);
	cr_expect_eq(no, 0);
	store_close_writer(srdb.store); /* another srdb knows it as well */
	srdb = (struct srdb){.t = NULL};
	open_it();
	raise_trap(1000);
	cr_expect_eq(yes, 3);
	cr_expect_eq(rows(), 1);
}

Test(srdb_trap, a_repetition_is_no_yes_while_the_disk_is_full)
{
	fill_disk();
	raise_trap(1000);
	cr_assert_eq(store_flush(srdb.store, 0), -ENOSPC);
	cr_expect_eq(yes + no, 0);
	raise_trap(1000); /* the way between the two was cut, say, and is back */
	cr_expect_eq(yes, 0, "it says that a trap is stored which is not");
	room(100000);
	cr_assert_eq(store_flush(srdb.store, store_next_us(srdb.store)), 0);
	cr_expect_eq(yes, 1, "one question, one answer");
	cr_expect_eq(rows(), 1);
	cr_expect_eq(told, 1);
}

Test(srdb_trap, one_that_is_refused_for_good_may_be_raised_again)
{
	fill_disk();
	raise_trap(1000);
	cr_assert_eq(store_flush(srdb.store, 0), -ENOSPC);
	store_close_writer(srdb.store); /* what could not be stored until now is not stored */
	cr_expect_eq(no, 1);
	for (size_t i = 0; i < SEEN; i++)
		cr_assert_eq(srdb.traps_seen[i], 0, "it is taken for one that was stored");
	open_it();
	raise_trap(1000);
	cr_assert_eq(store_flush(srdb.store, 0), 0);
	cr_expect_eq(yes, 1);
	cr_expect_eq(rows(), 1);
}

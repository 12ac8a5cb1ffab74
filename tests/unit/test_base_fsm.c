/* SPDX-License-Identifier: MIT */
/* State machines: rows, guards, refusal with counting, re-entrance, objects that go away in their action,
 * checks and DOT. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fsm.h"

enum { S_DOWN, S_STARTING, S_UP, NSTATES };
enum { E_START, E_READY, E_FAIL, E_KILL, NEVENTS };
static const char *const states[] = {"DOWN", "STARTING", "UP"};
static const char *const events[] = {"START", "READY", "FAIL", "KILL"};

struct thing {
	struct fsm_inst fsm;
	int starts, changes, refused;
	const char *refused_file;
	bool guard;
	int nested;
};

static int do_start(void *obj, void *arg)
{
	struct thing *t = obj;

	t->starts++;
	if (arg)
		return -EIO;
	t->nested = fsm_event(&t->fsm, E_READY, NULL);
	return 0;
}

static int guarded(void *obj, void *arg)
{
	return ((struct thing *)obj)->guard ? 0 : FSM_SKIP;
}

static int die(void *obj, void *arg)
{
	free(obj);
	return FSM_GONE;
}

static void changed(struct fsm_inst *i, int from, int to)
{
	((struct thing *)i->obj)->changes++;
}

static void refused(const struct fsm_inst *i, int event, const char *file, int line)
{
	((struct thing *)i->obj)->refused++;
	((struct thing *)i->obj)->refused_file = file;
}

static const struct fsm_row rows[] = {
        {S_DOWN, E_START, do_start, S_STARTING, "begin"},
        {S_STARTING, E_READY, guarded, S_UP, "ready when the \"guard\" allows"},
        {S_STARTING, E_READY, NULL, S_DOWN, "otherwise give up"},
        {S_UP, E_FAIL, guarded, FSM_SAME, "cope"},
        {FSM_ANY, E_FAIL, NULL, S_DOWN, "failed"},
        {FSM_ANY, E_KILL, die, S_DOWN, "gone"},
};
static const struct fsm_table table = {
        .name = "thing",
        .rows = rows,
        .nrows = sizeof(rows) / sizeof(rows[0]),
        .state_names = states,
        .nstates = NSTATES,
        .event_names = events,
        .nevents = NEVENTS,
        .changed = changed,
        .refused = refused,
};

static struct thing *make(int state)
{
	struct thing *t = calloc(1, sizeof(*t));

	fsm_init(&t->fsm, &table, t, state);
	return t;
}

Test(base_fsm, walks_rows_and_guards)
{
	struct thing *t = make(S_DOWN);

	cr_assert_eq(fsm_event(&t->fsm, E_START, NULL), 0);
	cr_assert_eq(t->fsm.state, S_STARTING);
	cr_assert_eq(t->nested, -EBUSY, "an event from the action of the same object is refused");
	cr_assert_eq(t->refused, 1);
	cr_assert_eq(fsm_event(&t->fsm, E_READY, NULL), 0);
	cr_assert_eq(t->fsm.state, S_DOWN);
	fsm_event(&t->fsm, E_START, NULL);
	t->guard = true;
	fsm_event(&t->fsm, E_READY, NULL);
	cr_assert_eq(t->fsm.state, S_UP);
	cr_assert_eq(fsm_event(&t->fsm, E_FAIL, NULL), 0);
	cr_assert_eq(t->fsm.state, S_UP);
	t->guard = false;
	cr_assert_eq(fsm_event(&t->fsm, E_FAIL, NULL), 0);
	cr_assert_eq(t->fsm.state, S_DOWN, "a row of FSM_ANY follows the state's own rows");
	cr_assert_eq(t->changes, 6);
	cr_assert_eq(fsm_event(&t->fsm, E_KILL, NULL), 0);
}

Test(base_fsm, refuses_illegal_events_and_failed_actions_stay)
{
	struct thing *t = make(S_UP);
	uint64_t before = fsm_refusals();
	int x;

	cr_assert_not(fsm_accepts(&t->fsm, E_START));
	cr_assert(fsm_accepts(&t->fsm, E_FAIL));
	cr_assert_eq(fsm_event(&t->fsm, E_START, NULL), -EPROTO);
	cr_assert_eq(t->fsm.state, S_UP);
	cr_assert_eq(t->fsm.refusals, 1);
	cr_assert_eq(fsm_refusals(), before + 1);
	cr_assert_str_eq(t->refused_file, __FILE__);
	fsm_restore(&t->fsm, S_DOWN);
	cr_assert_eq(fsm_event(&t->fsm, E_START, &x), -EIO);
	cr_assert_eq(t->fsm.state, S_DOWN);
	cr_assert_eq(t->starts, 1);
	fsm_event(&t->fsm, E_KILL, NULL);
}

Test(base_fsm, every_state_and_event_is_handled_or_refused)
{
	for (int s = 0; s < NSTATES; s++)
		for (int e = 0; e < E_KILL; e++) {
			struct thing *t = make(s);
			int rc = fsm_event(&t->fsm, e, NULL);

			cr_assert(rc == 0 || (rc == -EPROTO && t->fsm.state == s));
			fsm_event(&t->fsm, E_KILL, NULL);
		}
}

Test(base_fsm, check_and_dot)
{
	struct fsm_row broken[] = {{S_DOWN, E_START, NULL, S_UP, "a"},
	                           {S_DOWN, E_START, NULL, S_STARTING, "b"}};
	struct fsm_table bad = table;
	char err[200], *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	cr_assert_eq(fsm_check(&table, S_DOWN, err, sizeof(err)), 0, "%s", err);
	bad.rows = broken;
	bad.nrows = 2;
	cr_assert_eq(fsm_check(&bad, S_DOWN, err, sizeof(err)), -EINVAL);
	bad.nrows = 1;
	cr_assert_eq(fsm_check(&bad, S_DOWN, err, sizeof(err)), -EINVAL, "STARTING is not reached");
	broken[0].next = 17;
	cr_assert_eq(fsm_check(&bad, S_DOWN, err, sizeof(err)), -EINVAL);
	fsm_dot(&table, f);
	fclose(f);
	cr_assert(strstr(text, "\"DOWN\" -> \"STARTING\" [label=\"START\""));
	cr_assert(strstr(text, "\\\"guard\\\""));
	cr_assert_str_eq(fsm_state_name(&table, 99), "?");
	cr_assert_str_eq(fsm_event_name(&table, -1), "?");
	free(text);
}

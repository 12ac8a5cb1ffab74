/* SPDX-License-Identifier: MIT */
/*
 * Table-driven state machines, see fsm.h. The only writer of fsm_inst.state. Rows are searched in order: own
 * state first, then FSM_ANY rows; tables are short, so a linear search costs less than an index would.
 */
#include <errno.h>
#include <string.h>

#include "base/fsm.h"
#include "base/log.h"

static uint64_t refusals;

static void set_state(struct fsm_inst *inst, int to)
{
	/* `state` is const for everyone else; the object itself is writable. */
	*(int *)(uintptr_t)&inst->state = to;
}

void fsm_init(struct fsm_inst *inst, const struct fsm_table *table, void *obj, int state)
{
	memset((void *)inst, 0, sizeof(*inst));
	inst->table = table;
	inst->obj = obj;
	set_state(inst, state);
	if (table->changed)
		table->changed(inst, -1, state);
}

void fsm_restore(struct fsm_inst *inst, int state)
{
	int from = inst->state;

	set_state(inst, state);
	if (inst->table->changed && from != state)
		inst->table->changed(inst, from, state);
}

const char *fsm_state_name(const struct fsm_table *table, int state)
{
	return state >= 0 && state < table->nstates && table->state_names[state] ? table->state_names[state]
	                                                                         : "?";
}

const char *fsm_event_name(const struct fsm_table *table, int event)
{
	return event >= 0 && event < table->nevents && table->event_names[event] ? table->event_names[event]
	                                                                         : "?";
}

uint64_t fsm_refusals(void)
{
	return __atomic_load_n(&refusals, __ATOMIC_RELAXED);
}

static void refuse(struct fsm_inst *inst, int event, const char *file, int line)
{
	const struct fsm_table *t = inst->table;

	inst->refusals++;
	__atomic_fetch_add(&refusals, 1, __ATOMIC_RELAXED);
	if (t->refused)
		t->refused(inst, event, file, line);
	else
		LOG(EV_FSM_REFUSED, "%s: event %s refused in state %s (from %s:%d)", t->name,
		    fsm_event_name(t, event), fsm_state_name(t, inst->state), file, line);
}

/* The next row at or after *at for (state, event): first those of the state itself, then FSM_ANY. *any: which
 * of the two passes. */
static const struct fsm_row *next_row(const struct fsm_table *t, int state, int event, size_t *at, bool *any)
{
	for (;; *any = true, *at = 0) {
		for (; *at < t->nrows; (*at)++) {
			const struct fsm_row *row = &t->rows[*at];

			if (row->event == event && row->state == (*any ? FSM_ANY : state)) {
				(*at)++;
				return row;
			}
		}
		if (*any)
			return NULL;
	}
}

bool fsm_accepts(const struct fsm_inst *inst, int event)
{
	size_t at = 0;
	bool any = false;

	return next_row(inst->table, inst->state, event, &at, &any) != NULL;
}

int fsm_dispatch(struct fsm_inst *inst, int event, void *arg, const char *file, int line)
{
	const struct fsm_table *t = inst->table;
	int from = inst->state;
	const struct fsm_row *row;
	bool any = false;
	size_t at = 0;

	if (inst->busy) {
		refuse(inst, event, file, line);
		return -EBUSY;
	}
	while ((row = next_row(t, from, event, &at, &any))) {
		int rc = 0;

		inst->busy = true;
		if (row->action)
			rc = row->action(inst->obj, arg);
		if (rc == FSM_GONE)
			return 0;
		inst->busy = false;
		if (rc == FSM_SKIP)
			continue;
		if (rc < 0)
			return rc;
		if (row->next != FSM_SAME && row->next != from) {
			set_state(inst, row->next);
			if (t->changed)
				t->changed(inst, from, row->next);
		}
		return 0;
	}
	refuse(inst, event, file, line);
	return -EPROTO;
}

static int check_row(const struct fsm_table *t, size_t i, char *err, size_t size)
{
	const struct fsm_row *row = &t->rows[i];

	if ((row->state != FSM_ANY && (row->state < 0 || row->state >= t->nstates)) || row->event < 0 ||
	    row->event >= t->nevents ||
	    (row->next != FSM_SAME && (row->next < 0 || row->next >= t->nstates))) {
		snprintf(err, size, "%s: row %zu: state, event or next out of range", t->name, i);
		return -EINVAL;
	}
	if (!row->story || !*row->story) {
		snprintf(err, size, "%s: row %zu has no story", t->name, i);
		return -EINVAL;
	}
	for (size_t j = 0; j < i; j++)
		if (t->rows[j].state == row->state && t->rows[j].event == row->event && !t->rows[j].action) {
			snprintf(err, size, "%s: row %zu is never reached: row %zu always matches first",
			         t->name, i, j);
			return -EINVAL;
		}
	return 0;
}

/* Every state but the initial one (and those only entered by fsm_restore(), of which there are none) has a
 * row that leads to it. */
static int check_reached(const struct fsm_table *t, int initial, char *err, size_t size)
{
	for (int s = 0; s < t->nstates; s++) {
		bool reached = s == initial;

		for (size_t i = 0; i < t->nrows && !reached; i++)
			reached = t->rows[i].next == s;
		if (!reached) {
			snprintf(err, size, "%s: no row leads to state %s", t->name, fsm_state_name(t, s));
			return -EINVAL;
		}
	}
	return 0;
}

int fsm_check(const struct fsm_table *table, int initial, char *err, size_t size)
{
	for (int s = 0; s < table->nstates; s++)
		if (!table->state_names[s]) {
			snprintf(err, size, "%s: state %d has no name", table->name, s);
			return -EINVAL;
		}
	for (int e = 0; e < table->nevents; e++)
		if (!table->event_names[e]) {
			snprintf(err, size, "%s: event %d has no name", table->name, e);
			return -EINVAL;
		}
	for (size_t i = 0; i < table->nrows; i++)
		if (check_row(table, i, err, size) < 0)
			return -EINVAL;
	return check_reached(table, initial, err, size);
}

static void dot_string(FILE *out, const char *s)
{
	for (; s && *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', out);
		fputc(*s, out);
	}
}

void fsm_dot(const struct fsm_table *table, FILE *out)
{
	fprintf(out, "digraph \"%s\" {\n\trankdir=LR;\n\tnode [shape=box, style=rounded];\n", table->name);
	for (size_t i = 0; i < table->nrows; i++) {
		const struct fsm_row *row = &table->rows[i];
		const char *from = row->state == FSM_ANY ? "any" : fsm_state_name(table, row->state);
		const char *to = row->next == FSM_SAME ? from : fsm_state_name(table, row->next);

		fprintf(out, "\t\"%s\" -> \"%s\" [label=\"%s\", tooltip=\"", from, to,
		        fsm_event_name(table, row->event));
		dot_string(out, row->story);
		fprintf(out, "\"];\n");
	}
	fprintf(out, "}\n");
}

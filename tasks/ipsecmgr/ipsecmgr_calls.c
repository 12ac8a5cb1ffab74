/* SPDX-License-Identifier: MIT */
/*
 * IKE SAs by the calls they belong to: what `show subscribers` needs to find a call's ESP SAs ("call-sa"),
 * and a sessmgr to see whether a call's IKE SA is there ("call-ike"), and the end of calls for `clear
 * subscribers` (a Control, args: call ids with blanks between; the answer says how many tunnels end). A call
 * id outlives rekeys, so nothing is missed between a list and its order. Called through ipsecmgr_show.c and
 * ipsecmgr_ctl.c.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/show.h"

#define CALLS_MAX 1000 /* of one request */

struct calls {
	struct ipsecmgr *m;
	uint32_t id[CALLS_MAX];
	size_t n;
	struct show_page *page;
	json_t *rows;
	uint64_t spi[CALLS_MAX]; /* of IKE SAs to end */
	size_t n_spi;
};

static int by_id(const void *p, const void *q)
{
	uint32_t a = *(const uint32_t *)p, b = *(const uint32_t *)q;

	return a < b ? -1 : a > b;
}

/* Hex call ids with blanks between. 0 or -EINVAL. */
static int parse(struct calls *c, const char *args)
{
	char *end;

	while (*args) {
		unsigned long id = strtoul(args, &end, 16);

		if (end == args || id > UINT32_MAX || (*end && *end != ' ') || c->n == CALLS_MAX)
			return -EINVAL;
		c->id[c->n++] = (uint32_t)id;
		args = end + strspn(end, " ");
	}
	qsort(c->id, c->n, sizeof(*c->id), by_id);
	return 0;
}

static bool wanted(const struct calls *c, const struct ike_sa_view *v)
{
	return v->state != IKE_ST_DEAD && v->callid &&
	       (!c->n || bsearch(&v->callid, c->id, c->n, sizeof(*c->id), by_id));
}

static int add_rows(void *arg, const struct ike_sa_view *v)
{
	struct calls *c = arg;
	struct ike_child_view child;

	for (unsigned i = 0; wanted(c, v) && i < v->n_children; i++)
		if (!ike_engine_child_view(c->m->e, v->spi, i, &child) && show_wanted(c->page))
			json_array_append_new(c->rows, json_pack("{s:o, s:o}", "callid",
			                                         show_format("%08x", v->callid), "spi",
			                                         show_format("%08x", child.sa.spi_in)));
	return 0;
}

static int add_ike_row(void *arg, const struct ike_sa_view *v)
{
	struct calls *c = arg;

	if (wanted(c, v) && show_wanted(c->page))
		json_array_append_new(c->rows,
		                      json_pack("{s:o, s:o}", "callid", show_format("%08x", v->callid), "spi",
		                                show_format("%016llx", (unsigned long long)v->spi)));
	return 0;
}

static json_t *list(struct task *t, struct show_page *page, char *err, size_t size,
                    int (*row)(void *arg, const struct ike_sa_view *v))
{
	struct calls *c = calloc(1, sizeof(*c));
	json_t *o = NULL;

	if (!c || parse(c, page->args)) {
		snprintf(err, size, "Failure: ipsecmgr takes call ids, at most %d", CALLS_MAX);
		free(c);
		return NULL;
	}
	c->m = &ipsecmgr;
	c->page = page;
	c->rows = json_array();
	if (c->m->e)
		ike_engine_foreach_sa(c->m->e, row, c);
	o = json_pack("{s:i, s:i, s:o}", "instance", (int)t->instance, "card", (int)t->card, "sas", c->rows);
	free(c);
	return o;
}

json_t *ipsecmgr_calls_show(struct task *t, struct show_page *page, char *err, size_t size)
{
	return list(t, page, err, size, add_rows);
}

json_t *ipsecmgr_calls_ike(struct task *t, struct show_page *page, char *err, size_t size)
{
	if (!ipsecmgr.e) { /* it has none yet, or none any more: that says nothing of any call */
		snprintf(err, size, "Failure: %s does not serve", t->addr);
		return NULL;
	}
	return list(t, page, err, size, add_ike_row);
}

/* Collected first: an order changes the engine. */
static int collect(void *arg, const struct ike_sa_view *v)
{
	struct calls *c = arg;

	if (v->state == IKE_ST_ESTABLISHED && wanted(c, v))
		c->spi[c->n_spi++] = v->spi;
	return c->n_spi == CALLS_MAX;
}

void ipsecmgr_calls_end(struct task *t, const struct bus_msg *msg)
{
	struct calls *c = calloc(1, sizeof(*c));
	size_t done = 0;
	uint64_t now;

	if (!c || parse(c, msg->env->control->args) || !c->n) {
		task_reply_status(t, msg, -EINVAL, "Failure: ipsecmgr takes 1 to %d call ids", CALLS_MAX);
		free(c);
		return;
	}
	c->m = &ipsecmgr;
	if (c->m->e) {
		now = ipsecmgr_engine_now(c->m);
		ike_engine_foreach_sa(c->m->e, collect, c);
		for (size_t i = 0; i < c->n_spi; i++)
			done += ike_engine_delete_ike(c->m->e, now, c->spi[i]) == 0;
		ipsecmgr_engine_rearm(c->m);
	}
	task_reply_status(t, msg, 0, "%zu", done);
	free(c);
}

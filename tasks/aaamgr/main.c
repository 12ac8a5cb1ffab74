/* SPDX-License-Identifier: MIT */
/*
 * aaamgr: what the sessmgr of its number, which runs on another card, wants kept and wants asked: call
 * recovery records, and authentication servers. See README.md.
 */
#include "aaamgr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "show/show.h"

struct aaamgr aaamgr;

bool aaamgr_is_pair(struct task *t, const struct bus_msg *m)
{
	const char *slash = strchr(m->src, '/');

	if (slash && strtoul(slash + 1, NULL, 10) == t->instance)
		return true;
	aaamgr.refused++;
	task_reply_status(t, m, -EPERM, "%s works for sessmgr %u only", t->addr, t->instance);
	return false;
}

static json_t *show_summary(struct task *t, struct show_page *page, char *err, size_t size)
{
	const struct aaamgr *a = &aaamgr;

	return json_pack("{s:i, s:i, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:i}", "instance", t->instance,
	                 "crrs", (int)crr_count(a->crrs), "complete", a->complete, "feeding", a->feeding,
	                 "fed_wall_us", (json_int_t)a->fed_us, "full", (json_int_t)a->full, "micro",
	                 (json_int_t)a->micro, "removed", (json_int_t)a->removed, "fetched",
	                 (json_int_t)a->fetched, "refused", (json_int_t)a->refused, "card", t->card);
}

static json_t *server_json(const struct radius_peer *p)
{
	const struct radius_server *s = radius_peer_server(p);
	const struct radius_group *g = radius_peer_group(p);
	const struct radius_stats *n = radius_peer_stats(p);
	char addr[NET_ADDR_STRLEN];
	json_t *o = json_pack("{s:i, s:s, s:s, s:i, s:i, s:s, s:i}", "ctx", (int)g->ctx, "group", g->name,
	                      "address", net_addr_format(&s->addr, addr, sizeof(addr)), "port", s->port,
	                      "priority", (int)s->priority, "state",
	                      radius_peer_dead(p, clock_now_us()) ? "Down" : "Active", "outstanding",
	                      (int)radius_peer_outstanding(p));

#define COUNT(field) json_object_set_new(o, #field, json_integer((json_int_t)n->field))
	COUNT(sent);
	COUNT(retried);
	COUNT(timeouts);
	COUNT(challenges);
	COUNT(accepts);
	COUNT(rejects);
	COUNT(malformed);
	COUNT(bad_authenticator);
	COUNT(unknown_type);
	COUNT(dropped);
#undef COUNT
	return o;
}

static json_t *show_radius(struct task *t, struct show_page *page, char *err, size_t size)
{
	const struct aaamgr *a = &aaamgr;
	json_t *list = json_array(), *o = json_object();

	for (struct radius_peer *p = a->radius ? radius_peer_next(a->radius, NULL) : NULL; p;
	     p = radius_peer_next(a->radius, p))
		if (show_wanted(page))
			json_array_append_new(list, server_json(p));
	json_object_set_new(o, "servers", list);
	json_object_set_new(o, "asked", json_integer((json_int_t)a->asked));
	json_object_set_new(o, "accepted", json_integer((json_int_t)a->accepted));
	json_object_set_new(o, "rejected", json_integer((json_int_t)a->rejected));
	json_object_set_new(o, "unanswered", json_integer((json_int_t)a->unanswered));
	return o;
}

static void show(struct task *t, const struct bus_msg *m)
{
	static const struct show_row rows[] = {
	        {"summary", "records held, fed and fetched", show_summary},
	        {"radius", "authentication servers, and what was asked of them", show_radius},
	};

	show_dispatch(t, m, rows, sizeof(rows) / sizeof(rows[0]));
}

static int init(struct task *t)
{
	aaamgr.t = t;
	aaamgr.crrs = crr_table_new();
	return aaamgr.crrs ? 0 : -ENOMEM;
}

static const struct task_route routes[] = {
        {ENVELOPE__BODY_CRR_UPDATE, "sessmgr", "call recovery records: all (full) or changed ones (micro)",
         aaamgr_crr_update},
        {ENVELOPE__BODY_CRR_FETCH, "sessmgr", "a restarted sessmgr wants its records back, page by page",
         aaamgr_crr_fetch},
        {ENVELOPE__BODY_EAP_ASK, "sessmgr", "what a peer says in EAP, for an authentication server",
         aaamgr_radius_ask},
        {ENVELOPE__BODY_SHOW, "*", "summary, radius", show},
};

int main(int argc, char **argv)
{
	struct task_ops ops = {.facility = "aaamgr",
	                       .routes = routes,
	                       .n_routes = sizeof(routes) / sizeof(*routes),
	                       .init = init};

	return task_main(argc, argv, &ops);
}

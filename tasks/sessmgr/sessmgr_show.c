/* SPDX-License-Identifier: MIT */
/*
 * Shows of a sessmgr: "calls" (paged; args: filters of lib/session/session_match.h), "call" (args: call id),
 * "summary", "services", "chunks". JSON trees; sessctrl adds summaries of all instances up. Entry point:
 * sessmgr_show().
 */
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "session/session_match.h"
#include "sessmgr.h"
#include "show/show.h"

static json_t *addr_json(const struct net_addr *a)
{
	char text[NET_ADDR_STRLEN];

	return json_string(net_addr_format(a, text, sizeof(text)));
}

static void add_int(json_t *o, const char *name, uint64_t v)
{
	json_object_set_new(o, name, json_integer((json_int_t)v));
}

static json_t *call_json(const struct sessmgr *s, const struct session_call *c)
{
	uint64_t now = clock_steady_us();
	json_t *o = json_object();

	json_object_set_new(o, "callid", show_format("%08x", c->callid));
	json_object_set_new(o, "username", show_text(c->peer_id));
	json_object_set_new(o, "imei", show_text(c->imei));
	json_object_set_new(o, "context", show_text(sessmgr_cfg_context(s, c->ctx)));
	json_object_set_new(o, "service", show_text(c->service));
	json_object_set_new(o, "pool", show_text(c->pool));
	json_object_set_new(o, "address", addr_json(&c->addr));
	json_object_set_new(o, "pool6", show_text(c->pool6));
	json_object_set_new(o, "address6", addr_json(&c->addr6));
	json_object_set_new(o, "peer", addr_json(&c->peer));
	add_int(o, "ipsecmgr", c->ipsecmgr);
	add_int(o, "sessmgr", s->t->instance);
	add_int(o, "card", s->t->card);
	add_int(o, "cpu", s->t->cpu);
	json_object_set_new(o, "ike_key", show_text(c->ike_key));
	json_object_set_new(o, "state", json_string(session_state_name((int)session_state(c))));
	json_object_set_new(o, "recovered", json_boolean(c->recovered));
	add_int(o, "connect_wall_us",
	        c->connect_us ? clock_wall_us() - clock_steady_us() + c->connect_us : 0);
	add_int(o, "connected_s",
	        c->connect_us && now > c->connect_us ? (now - c->connect_us) / US_PER_SEC : 0);
	return o;
}

static json_t *show_calls(struct task *t, struct show_page *page, char *err, size_t size)
{
	const struct sessmgr *s = &sessmgr;
	uint64_t now = clock_steady_us();
	struct session_match match;
	json_t *o, *a;

	if (session_match_parse(&match, page->args)) {
		snprintf(err, size, "Failure: sessmgr does not know this filter of subscribers");
		return NULL;
	}
	o = json_object();
	a = json_array();
	for (const struct session_call *c = session_next(s->table, NULL); c; c = session_next(s->table, c))
		if (session_match_call(&match, c, now) && show_wanted(page))
			json_array_append_new(a, call_json(s, c));
	json_object_set_new(o, "calls", a);
	add_int(o, "total", session_count(s->table));
	return o;
}

static json_t *trace_json(const struct session_call *c)
{
	json_t *a = json_array();

	for (uint32_t i = c->ntrace > SESSION_TRACE ? c->ntrace - SESSION_TRACE : 0; i < c->ntrace; i++)
		json_array_append_new(a, json_pack("{s:s,s:s}", "state",
		                                   session_state_name(c->trace[i % SESSION_TRACE].state),
		                                   "event",
		                                   session_event_name(c->trace[i % SESSION_TRACE].event)));
	return a;
}

/* Ages in milliseconds; -1: never. */
static json_t *ckpt_json(const struct sessmgr_ckpt *k)
{
	uint64_t now = clock_now_us();

	return json_pack("{s:I,s:I,s:I,s:I}", "attempts", (json_int_t)k->attempts, "success",
	                 (json_int_t)k->success, "last_attempt_ms",
	                 k->last_attempt ? (json_int_t)((now - k->last_attempt) / US_PER_MS) : (json_int_t)-1,
	                 "last_success_ms",
	                 k->last_success ? (json_int_t)((now - k->last_success) / US_PER_MS)
	                                 : (json_int_t)-1);
}

static json_t *show_call(struct task *t, struct show_page *page, char *err, size_t size)
{
	const struct sessmgr *s = &sessmgr;
	const struct session_call *c = NULL;
	uint32_t id;
	json_t *o;

	if (session_callid_parse(page->args, &id))
		snprintf(err, size, "Failure: \"%.40s\" is no call id: 1 to 8 hex digits", page->args);
	else if (!(c = session_find(s->table, id)))
		snprintf(err, size, "Failure: no call %08x on sessmgr %u", id, t->instance);
	if (!c)
		return NULL;
	o = call_json(s, c);
	add_int(o, "aaamgr_card", s->aaamgr_card);
	json_object_set_new(o, "full", ckpt_json(&((struct sessmgr_call *)c->data)->ckpt[SESSMGR_FULL]));
	json_object_set_new(o, "micro", ckpt_json(&((struct sessmgr_call *)c->data)->ckpt[SESSMGR_MICRO]));
	json_object_set_new(o, "trace", trace_json(c));
	return o;
}

/* Numbers only: sessctrl adds them up. */
static json_t *show_summary(struct task *t, struct show_page *page, char *err, size_t size)
{
	static const uint32_t bands[] = {60, 120, 300, 900, 3600, 14400, 43200, 86400};
	static const char *const names[] = {"1min", "2min", "5min", "15min", "1hr",
	                                    "4hr",  "12hr", "24hr", "more"};
	const struct sessmgr *s = &sessmgr;
	json_t *o = json_object(), *states = json_object(), *duration = json_object(),
	       *reasons = json_object();
	uint64_t n4 = 0, n6 = 0, none = 0, active = 0, recovered = 0, now = clock_steady_us(), count[9] = {0};

	for (const struct session_call *c = session_next(s->table, NULL); c; c = session_next(s->table, c)) {
		unsigned b = 0;

		if (session_state(c) != SESSION_CONNECTED)
			continue;
		active++;
		n4 += net_addr_is_set(&c->addr);
		n6 += net_addr_is_set(&c->addr6);
		none += !net_addr_is_set(&c->addr) && !net_addr_is_set(&c->addr6);
		recovered += c->recovered;
		while (b < 8 && now >= c->connect_us + bands[b] * US_PER_SEC)
			b++;
		count[b]++;
	}
	add_int(o, "total", session_count(s->table));
	add_int(o, "active", active);
	add_int(o, "dormant", 0);
	add_int(o, "wsg_simple_ipv4", n4);
	add_int(o, "wsg_simple_ipv6", n6);
	add_int(o, "wsg_no_address", none);
	add_int(o, "recovered", recovered);
	add_int(o, "limit", SESSION_LIMIT);
	add_int(o, "set_up", s->set_up);
	add_int(o, "refused", s->refused);
	add_int(o, "ended", s->ended);
	for (int i = SESSION_ARRIVED; i < SESSION_STATES; i++)
		add_int(states, session_state_name(i), session_in_state(s->table, (enum session_state)i));
	for (unsigned i = 0; i < 9; i++)
		add_int(duration, names[i], count[i]);
	for (unsigned i = 0; i < s->n_reasons; i++)
		add_int(reasons, s->reasons[i].text, s->reasons[i].n);
	json_object_set_new(o, "states", states);
	json_object_set_new(o, "duration", duration);
	json_object_set_new(o, "disconnect_reasons", reasons);
	return o;
}

static void count(json_t *o, const char *name)
{
	add_int(o, name, (uint64_t)json_integer_value(json_object_get(o, name)) + 1);
}

/* {"services": {"context/service": {"sessions": n, …}}}; adds up the same way. */
static json_t *show_services(struct task *t, struct show_page *page, char *err, size_t size)
{
	const struct sessmgr *s = &sessmgr;
	json_t *o = json_object(), *all = json_object();
	char key[160];

	for (const struct session_call *c = session_next(s->table, NULL); c; c = session_next(s->table, c)) {
		bool four = net_addr_is_set(&c->addr), six = net_addr_is_set(&c->addr6);
		json_t *x;

		if (session_state(c) != SESSION_CONNECTED)
			continue;
		snprintf(key, sizeof(key), "%s/%s", sessmgr_cfg_context(s, c->ctx), c->service);
		x = json_object_get(all, key);
		if (!x) {
			x = json_object();
			if (json_object_set_new(all, key, x)) /* a name that is no UTF-8 */
				continue;
		}
		count(x, "sessions");
		if (four)
			count(x, "ipv4");
		if (six)
			count(x, "ipv6");
		if (!four && !six)
			count(x, "no_address");
	}
	json_object_set_new(o, "services", all);
	return o;
}

static json_t *show_chunks(struct task *t, struct show_page *page, char *err, size_t size)
{
	const struct lease_set *l = sessmgr.leases;
	json_t *o = json_object(), *a = json_array();

	for (size_t i = 0; i < l->n; i++) {
		const struct lease_chunk *c = &l->chunks[i];

		if (!show_wanted(page))
			continue;
		json_array_append_new(a, json_pack("{s:o,s:o,s:o,s:i,s:i,s:i,s:b}", "context",
		                                   show_text(sessmgr_cfg_context(&sessmgr, c->ctx)), "pool",
		                                   show_text(c->pool), "first", addr_json(&c->first), "count",
		                                   (int)c->count, "used", (int)c->used, "ipsecmgr",
		                                   (int)c->ipsecmgr, "settled", c->settled));
	}
	json_object_set_new(o, "chunks", a);
	add_int(o, "addresses", l->total);
	add_int(o, "used", l->used);
	return o;
}

static json_t *audited_json(const struct sessmgr_audited *a)
{
	if (!a->wall_us)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "wall_us", (json_int_t)a->wall_us, "fetched",
	                 (json_int_t)a->fetched, "prior", (json_int_t)a->prior, "released",
	                 (json_int_t)a->lost, "passed",
	                 (json_int_t)(a->prior > a->lost ? a->prior - a->lost : 0), "call_lines",
	                 (json_int_t)a->left, "ms", (json_int_t)a->ms);
}

static json_t *show_audit(struct task *t, struct show_page *page, char *err, size_t size)
{
	const struct sessmgr *s = &sessmgr;

	return json_pack("{s:i, s:i, s:I, s:I, s:o, s:o}", "instance", (int)t->instance, "card", (int)t->card,
	                 "audits", (json_int_t)s->audits, "released", (json_int_t)s->audits_released, "last",
	                 audited_json(&s->last_audit), "recovery", audited_json(&s->last_recovery));
}

static const struct show_row rows[] = {
        {"calls", "calls of this instance, in order of arrival; args: filters", show_calls},
        {"call", "one call with its event trace; args: its id", show_call},
        {"summary", "numbers by kind, state, duration, disconnect reason", show_summary},
        {"services", "calls by wsg service", show_services},
        {"chunks", "chunks of pool addresses", show_chunks},
        {"audit", "comparisons of calls with IKE SAs", show_audit},
};

void sessmgr_show(struct task *t, const struct bus_msg *m)
{
	show_dispatch(t, m, rows, sizeof(rows) / sizeof(rows[0]));
}

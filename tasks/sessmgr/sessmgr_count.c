/* SPDX-License-Identifier: MIT */
/*
 * Counters of the schema "wsg", one set per "context/service". Gauges move only here, with a call's state;
 * the table says which counters an ended call moves, by the reason that ipsecmgr gave (names of lib/ike).
 * Called by sessmgr_call.c.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "sessmgr.h"

#define FIELD(name) offsetof(struct counters_wsg, name)
#define NO_FIELD    SIZE_MAX

/* Why a call ended: who did it, and the counter of the reason. First row that fits; the last fits always. */
static const struct {
	const char *reason;
	bool remote;
	size_t field;
	const char *shown; /* StarOS's word in show session disconnect-reasons */
} table[] = {
        {"deleted by the peer", true, FIELD(total_disconnected_remote_disc_ipsec), "Remote-disconnect"},
        {"duplicate session", false, FIELD(total_disconnected_duplicate_request), "Local-disconnect"},
        {"deleted locally", false, FIELD(total_disconnected_admin_disconnect), "Admin-disconnect"},
        {"dead peer", false, FIELD(total_disconnected_misc_reasons), "No-response"},
        {"no answer", false, FIELD(total_disconnected_misc_reasons), "No-response"},
        {"lifetime ended", false, FIELD(total_disconnected_absolute_timeout), "Absolute-timeout"},
        {"set-up timed out", false, FIELD(total_disconnected_session_setup_timeout), "Session-setup-timeout"},
        {"authentication failed", false, FIELD(total_disconnected_auth_failure), "Auth-failed"},
        {"no address", false, FIELD(total_disconnected_addr_assign_failure), "No-resource"},
        {"no-resource", false, FIELD(total_disconnected_no_resource), "No-resource"},
        {"max-sessions", false, FIELD(total_disconnected_no_resource), "No-resource"},
        {"addr-assign-failure", false, FIELD(total_disconnected_addr_assign_failure), "No-resource"},
        {"invalid-dest-context", false, FIELD(total_disconnected_invalid_dest_context),
         "Invalid-dest-context"},
        {"audit", false, FIELD(total_disconnected_misc_reasons), "internal-error"},
        {NULL, false, FIELD(total_disconnected_misc_reasons), "Local-disconnect"},
};

static size_t row_of(const char *reason)
{
	size_t i = 0;

	while (table[i].reason && strcmp(table[i].reason, reason) != 0)
		i++;
	return i;
}

static struct counters_wsg *wsg_of(const struct session_call *c)
{
	const struct sessmgr_call *x = c->data;

	return x ? x->wsg : NULL;
}

void sessmgr_count_attach(struct sessmgr *s, struct session_call *c)
{
	struct sessmgr_call *x = c->data;
	char key[COUNTERS_KEY_MAX];
	int n = snprintf(key, sizeof(key), "%s/%s", sessmgr_cfg_context(s, c->ctx), c->service);

	if (s->counters && n > 0 && (size_t)n < sizeof(key))
		x->wsg = counters_add(s->counters, &counters_schema_wsg, key);
}

/* Gauges of a connected call, up or down. */
static void gauges(const struct session_call *c, struct counters_wsg *w, bool up)
{
	uint64_t *g[6] = {&w->current_sessions_total, &w->current_active_sessions};
	unsigned n = 2;

	if (net_addr_is_set(&c->addr)) {
		g[n++] = &w->current_active_ipv4_sessions;
		g[n++] = &w->current_simple_ipv4_total;
	}
	if (net_addr_is_set(&c->addr6)) {
		g[n++] = &w->current_active_ipv6_sessions;
		g[n++] = &w->current_simple_ipv6_total;
	}
	for (unsigned i = 0; i < n; i++) {
		if (up)
			counter_inc(g[i]);
		else
			counter_dec(g[i]);
	}
}

void sessmgr_count_changed(struct session_call *c, int from, int to, void *arg)
{
	struct counters_wsg *w = wsg_of(c);

	sessmgr_cfg_load_soon(arg);
	if (!w)
		return;
	if (from == SESSION_IDLE && to != SESSION_IDLE)
		counter_inc(&w->sessions_admitted);
	if (from > SESSION_IDLE && to == SESSION_IDLE)
		counter_dec(&w->sessions_admitted);
	if (to == SESSION_CONNECTED)
		gauges(c, w, true);
	if (from == SESSION_CONNECTED)
		gauges(c, w, false);
	if (from == SESSION_IDLE && to == SESSION_ARRIVED) {
		counter_inc(&w->total_setup_attempts);
		counter_inc(&w->total_simple_ip_attempts);
	}
	if (from == SESSION_ANSWERED && to == SESSION_CONNECTED) {
		counter_inc(&w->total_setup_successes);
		counter_inc(&w->total_simple_ip_successes);
		if (net_addr_is_set(&c->addr))
			counter_inc(&w->total_simple_ip_ipv4_sessions);
	}
}

void sessmgr_count_forget(struct session_call *c)
{
	struct counters_wsg *w = wsg_of(c);

	if (w && session_state(c) == SESSION_CONNECTED)
		gauges(c, w, false);
	if (w && session_state(c) != SESSION_IDLE)
		counter_dec(&w->sessions_admitted);
}

static void failed(struct counters_wsg *w)
{
	counter_inc(&w->total_attempts_failed);
	counter_inc(&w->total_simple_ip_failures);
}

static void count_row(struct counters_wsg *w, size_t row)
{
	counter_inc(&w->total_disconnected);
	counter_inc(table[row].remote ? &w->total_disconnected_remotely : &w->total_disconnected_locally);
	counter_inc((uint64_t *)((char *)w + table[row].field));
}

void sessmgr_count_refused(struct session_call *c, const char *reason)
{
	struct counters_wsg *w = wsg_of(c);

	if (!w)
		return;
	failed(w);
	if (reason)
		count_row(w, row_of(reason));
}

void sessmgr_count_ended(struct sessmgr *s, struct session_call *c, bool was_up, const char *reason)
{
	struct counters_wsg *w = wsg_of(c);
	size_t row = row_of(reason);
	unsigned i = 0;

	s->ended++;
	while (i < s->n_reasons && strcmp(s->reasons[i].text, table[row].shown) != 0)
		i++;
	if (i < SESSMGR_REASONS) {
		if (i == s->n_reasons)
			snprintf(s->reasons[s->n_reasons++].text, SESSION_REASON_MAX, "%s", table[row].shown);
		s->reasons[i].n++;
	}
	if (!w)
		return;
	if (!was_up) {
		failed(w);
		if (table[row].remote)
			counter_inc(&w->total_disconnected_remotely_before_connect);
	}
	count_row(w, row);
}

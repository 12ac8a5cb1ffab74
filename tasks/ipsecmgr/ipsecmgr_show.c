/* SPDX-License-Identifier: MIT */
/*
 * Answers to Show requests, as JSON: "ike-sa", "ipsec-sa" (args: [summary] [of CONTEXT/NAME | peer ADDR | spi
 * HEX]), "statistics", "policies", "peers". Long lists are paged by SA. Times are seconds, SPIs hexadecimal
 * strings. Called through main.c; the cli task makes StarOS's text of it. Entry point: ipsecmgr_show().
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "punt/punt.h"
#include "show/show.h"
#include "tasks/ipsecmgr/ipsecmgr_map_state.h"

struct list {
	struct ipsecmgr *m;
	struct show_page *page;
	json_t *rows;
	uint64_t now;
	bool ipsec;
	/* what is wanted */
	bool summary;
	char word[8];
	char arg[256];
	struct net_addr peer;
	uint64_t spi;
	/* summary */
	unsigned by_state[IKE_STATES], children, natt;
};

/* The engine's time as a date by the wall clock of now. */
static uint64_t wall_of(uint64_t us)
{
	return us ? clock_wall_us() - clock_steady_us() + us : 0;
}

static int parse_args(struct list *l, const char *args)
{
	const char *at = args ? args : "";

	if (!strncmp(at, "summary", 7) && (!at[7] || at[7] == ' ')) {
		l->summary = true;
		at += 7 + (at[7] == ' ');
	}
	if (*at) {
		size_t n = strcspn(at, " ");

		snprintf(l->word, sizeof(l->word), "%.*s", (int)n, at);
		snprintf(l->arg, sizeof(l->arg), "%s", at[n] ? at + n + 1 : ""); /* names may have spaces */
		if (strcmp(l->word, "of") && strcmp(l->word, "peer") && strcmp(l->word, "spi"))
			return -1;
	}
	if (!strcmp(l->word, "peer"))
		return net_addr_parse(&l->peer, l->arg);
	if (!strcmp(l->word, "spi"))
		l->spi = strtoull(l->arg, NULL, 16);
	return 0;
}

static bool wanted(const struct list *l, const struct ike_sa_view *v, const struct ipsecmgr_policy *p)
{
	if (!strcmp(l->word, "peer"))
		return net_addr_equal(&v->path.remote.addr, &l->peer);
	if (!strcmp(l->word, "of"))
		return ipsecmgr_ctl_is_of(p, l->arg);
	if (!strcmp(l->word, "spi") && !l->ipsec)
		return v->spi == l->spi || v->peer_spi == l->spi;
	return true;
}

static void set_str(json_t *o, const char *name, const char *text)
{
	json_object_set_new(o, name, show_text(text));
}

static void set_int(json_t *o, const char *name, uint64_t v)
{
	json_object_set_new(o, name, json_integer((json_int_t)v));
}

static void set_hex(json_t *o, const char *name, uint64_t v, int digits)
{
	json_object_set_new(o, name, show_format("%0*llx", digits, (unsigned long long)v));
}

static void set_bool(json_t *o, const char *name, bool v)
{
	json_object_set_new(o, name, json_boolean(v));
}

static uint64_t left_s(uint64_t now, uint64_t at)
{
	return at > now ? (at - now) / US_PER_SEC : 0;
}

static void set_path(json_t *o, const struct ike_path *p)
{
	char text[NET_ADDR_STRLEN];

	set_str(o, "local", net_addr_format(&p->local.addr, text, sizeof(text)));
	set_int(o, "local_port", p->local.port);
	set_str(o, "remote", net_addr_format(&p->remote.addr, text, sizeof(text)));
	set_int(o, "remote_port", p->remote.port);
	set_int(o, "ctx", p->ctx_id);
}

static void set_suite(json_t *o, const struct ike_suite *s, bool child)
{
	set_str(o, "encryption", ike_alg_encr_name(s->encr, s->encr_bits));
	set_str(o, "hmac", ike_alg_integ_name(s->integ));
	if (!child)
		set_str(o, "prf", ike_alg_prf_name(s->prf));
	set_int(o, "group", s->dh);
}

static void set_policy(json_t *o, const char *name, const struct ipsecmgr_policy *p)
{
	set_str(o, "policy", name);
	set_str(o, "context", p ? p->context : "");
	set_str(o, "service", p ? p->service : "");
	set_str(o, "template", p ? p->template : "");
}

static json_t *ike_row(const struct list *l, const struct ike_sa_view *v, const struct ipsecmgr_policy *p)
{
	json_t *o = json_object();
	char text[IKE_ID_MAX * 4 + 1];

	set_int(o, "instance", l->m->t->instance);
	set_hex(o, "spi", v->spi, 16);
	set_hex(o, "peer_spi", v->peer_spi, 16);
	set_str(o, "role", v->initiator ? "Initiator" : "Responder");
	set_str(o, "state", ike_state_name(v->state));
	set_path(o, &v->path);
	set_str(o, "local_id", ike_id_format(&v->local_id, text, sizeof(text)));
	set_str(o, "peer_id", ike_id_format(&v->peer_id, text, sizeof(text)));
	set_bool(o, "nat_local", v->nat_local);
	set_bool(o, "nat_remote", v->nat_remote);
	set_bool(o, "natt", v->path.natt);
	set_int(o, "dscp", v->dscp);
	set_bool(o, "fragmentation", v->fragmentation);
	set_bool(o, "mobike", v->mobike);
	set_str(o, "eap_method", ike_eap_method_name(v->eap_method));
	set_str(o, "device_type", ike_device_type_name(v->device.type));
	set_str(o, "device", v->device.digits);
	set_policy(o, v->policy, p);
	set_suite(o, &v->suite, false);
	set_hex(o, "callid", v->callid, 8);
	set_str(o, "inner", net_addr_format(&v->inner, text, sizeof(text)));
	set_str(o, "inner6", net_addr_format(&v->inner6, text, sizeof(text)));
	set_int(o, "created_wall_us", wall_of(v->created_us));
	set_int(o, "up_s", v->up_us && l->now > v->up_us ? (l->now - v->up_us) / US_PER_SEC : 0);
	set_int(o, "lifetime_s", v->hard_us > v->created_us ? (v->hard_us - v->created_us) / US_PER_SEC : 0);
	set_int(o, "remaining_s", left_s(l->now, v->hard_us));
	set_int(o, "rekey_in_s", left_s(l->now, v->soft_us));
	set_int(o, "idle_s", l->now > v->last_seen_us ? (l->now - v->last_seen_us) / US_PER_SEC : 0);
	set_int(o, "rekeys", v->rekeys);
	set_int(o, "send_msgid", v->send_msgid);
	set_int(o, "recv_msgid", v->recv_msgid);
	set_int(o, "children", v->n_children);
	return o;
}

static json_t *selectors(const struct ike_ts *ts, unsigned n)
{
	json_t *a = json_array();
	char lo[NET_ADDR_STRLEN], hi[NET_ADDR_STRLEN];
	unsigned i;

	for (i = 0; i < n; i++) {
		json_t *o = json_object();

		set_str(o, "first", net_addr_format(&ts[i].lo, lo, sizeof(lo)));
		set_str(o, "last", net_addr_format(&ts[i].hi, hi, sizeof(hi)));
		set_int(o, "protocol", ts[i].proto);
		set_int(o, "port_first", ts[i].port_lo);
		set_int(o, "port_last", ts[i].port_hi);
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *child_row(const struct list *l, const struct ike_sa_view *v, const struct ike_child_view *c,
                         const struct ipsecmgr_policy *p)
{
	json_t *o = json_object();
	char text[IKE_ID_MAX * 4 + 1];

	set_int(o, "instance", l->m->t->instance);
	set_hex(o, "spi_in", c->sa.spi_in, 8);
	set_hex(o, "spi_out", c->sa.spi_out, 8);
	set_hex(o, "ike_spi", v->spi, 16);
	set_path(o, &c->sa.path);
	set_str(o, "peer_id", ike_id_format(&v->peer_id, text, sizeof(text)));
	set_policy(o, v->policy, p);
	set_str(o, "payload", c->sa.child_name ? c->sa.child_name : "");
	set_suite(o, &c->sa.suite, true);
	set_str(o, "mode", c->sa.transport ? "transport" : "tunnel");
	set_bool(o, "encap_udp", c->sa.encap_udp);
	set_bool(o, "deleting", c->deleting);
	set_hex(o, "callid", v->callid, 8);
	set_str(o, "inner", net_addr_format(&c->sa.inner, text, sizeof(text)));
	set_str(o, "inner6", net_addr_format(&c->sa.inner6, text, sizeof(text)));
	set_int(o, "created_wall_us", wall_of(c->created_us));
	set_int(o, "lifetime_s", c->hard_us > c->created_us ? (c->hard_us - c->created_us) / US_PER_SEC : 0);
	set_int(o, "remaining_s", left_s(l->now, c->hard_us));
	set_int(o, "rekey_in_s", left_s(l->now, c->soft_us));
	set_int(o, "lifetime_kb", c->sa.hard_bytes / 1024);
	set_int(o, "rekey_kb", c->sa.soft_bytes / 1024);
	set_int(o, "lifetime_seq", c->sa.hard_seq);
	set_int(o, "rekey_seq", c->sa.soft_seq);
	set_int(o, "replay_window", c->sa.replay_window);
	set_int(o, "rekeys", c->rekeys);
	json_object_set_new(o, "ts_local", selectors(c->sa.ts_local, c->sa.n_local));
	json_object_set_new(o, "ts_remote", selectors(c->sa.ts_remote, c->sa.n_remote));
	return o;
}

static void add_children(struct list *l, const struct ike_sa_view *v, const struct ipsecmgr_policy *p)
{
	struct ike_child_view c;
	unsigned i;

	for (i = 0; i < v->n_children; i++) {
		if (ike_engine_child_view(l->m->e, v->spi, i, &c))
			continue;
		if (!strcmp(l->word, "spi") && c.sa.spi_in != l->spi && c.sa.spi_out != l->spi)
			continue;
		l->children++;
		l->natt += c.sa.encap_udp;
		if (!l->summary && show_wanted(l->page))
			json_array_append_new(l->rows, child_row(l, v, &c, p));
	}
}

static int each_sa(void *arg, const struct ike_sa_view *v)
{
	struct list *l = arg;
	const struct ipsecmgr_policy *p = ipsecmgr_cfg_find(l->m, v->policy);

	if (v->state == IKE_ST_DEAD || !wanted(l, v, p))
		return 0;
	l->by_state[v->state]++;
	if (l->ipsec) {
		add_children(l, v, p);
		return 0;
	}
	l->children += v->n_children;
	l->natt += v->path.natt;
	if (!l->summary && show_wanted(l->page))
		json_array_append_new(l->rows, ike_row(l, v, p));
	return 0;
}

static json_t *fill_list(struct show_page *page, bool ipsec, char *err, size_t size)
{
	struct list l = {.m = &ipsecmgr, .page = page, .ipsec = ipsec, .now = ipsecmgr_engine_now(&ipsecmgr)};
	json_t *o, *states;
	unsigned i;

	if (parse_args(&l, page->args)) {
		snprintf(err, size,
		         "Failure: %.100s: legal is [summary] [of CONTEXT/NAME | peer ADDRESS | spi HEX]",
		         page->args);
		return NULL;
	}
	o = json_object();
	l.rows = json_array();
	if (l.m->e)
		ike_engine_foreach_sa(l.m->e, each_sa, &l);
	set_int(o, "instance", l.m->t->instance);
	set_int(o, "card", l.m->t->card);
	set_bool(o, "serving", l.m->e != NULL);
	if (!ipsec) {
		states = json_object();
		for (i = 0; i < IKE_STATES; i++)
			if (l.by_state[i])
				set_int(states, ike_state_name((enum ike_state)i), l.by_state[i]);
		json_object_set_new(o, "states", states);
		set_int(o, "established", l.by_state[IKE_ST_ESTABLISHED]);
		set_int(o, "half_open",
		        l.by_state[IKE_ST_HALF_OPEN] + l.by_state[IKE_ST_AUTH_WAIT] +
		                l.by_state[IKE_ST_EAP_WAIT]);
		set_int(o, "waiting", l.m->n_waiting);
	}
	set_int(o, "children", l.children);
	set_int(o, "natt", l.natt);
	if (l.summary)
		json_decref(l.rows);
	else
		json_object_set_new(o, "sas", l.rows);
	return o;
}

static json_t *fill_ike(struct task *t, struct show_page *page, char *err, size_t size)
{
	return fill_list(page, false, err, size);
}

static json_t *fill_ipsec(struct task *t, struct show_page *page, char *err, size_t size)
{
	return fill_list(page, true, err, size);
}

static json_t *fill_statistics(struct task *t, struct show_page *page, char *err, size_t size)
{
	const struct ipsecmgr *m = &ipsecmgr;
	struct ike_engine_stats st = {0};
	json_t *o = json_object();

	if (m->e)
		ike_engine_stats_get(m->e, &st);
	set_int(o, "instance", t->instance);
	set_int(o, "card", t->card);
	set_int(o, "cpu", t->cpu);
	set_bool(o, "serving", m->e != NULL);
	set_int(o, "ike_sas", st.sas);
	set_int(o, "half_open", st.half_open);
	set_int(o, "established", st.established);
	set_int(o, "child_sas", st.children);
	set_int(o, "limit", IPSECMGR_MAX_SA);
	set_int(o, "policies", st.policies);
	set_bool(o, "cookies", st.cookies);
	set_int(o, "events_refused", st.refused);
	set_int(o, "transactions", m->stat.txns);
	set_int(o, "transactions_open", st.txns_in_flight);
	set_int(o, "checkpoints_pending", ckpt_pending(m->ckpt));
	set_int(o, "checkpoints_refused", m->stat.commits_failed);
	set_int(o, "data_path_refused", m->stat.data_failed);
	set_int(o, "data_path_pushes", m->stat.pushes);
	set_bool(o, "sockets_open", m->data.bound);
	set_int(o, "packets_in", m->stat.packets_in);
	set_int(o, "packets_out", m->stat.packets_out);
	if (m->punt) {
		set_int(o, "packets_lost_no_data_path", punt_server_stats(m->punt)->lost_absent);
		set_int(o, "packets_lost_full", punt_server_stats(m->punt)->lost_full);
	}
	set_int(o, "sessions_asked", m->stat.sessions_asked);
	set_int(o, "sessions_refused", m->stat.sessions_refused);
	set_int(o, "recovered", m->recovered);
	set_int(o, "recover_failed", m->recover_failed);
	set_int(o, "recover_waiting", m->n_waiting);
	return o;
}

static json_t *fill_policies(struct task *t, struct show_page *page, char *err, size_t size)
{
	const struct ipsecmgr_policy *p;
	json_t *o = json_object(), *rows = json_array();
	char text[NET_ADDR_STRLEN];

	for (p = ipsecmgr.policies; p; p = p->next) {
		json_t *r;

		if (p->pol.derived || !show_wanted(page))
			continue;
		r = json_object();
		set_policy(r, p->pol.name, p);
		set_int(r, "ctx", p->ctx);
		set_str(r, "address", net_addr_format(&p->pol.local, text, sizeof(text)));
		set_str(r, "pool", p->pool);
		set_str(r, "pool6", p->pool6);
		set_str(r, "payload", p->pol.payload[0].name);
		set_int(r, "ike_lifetime_s", p->pol.ike_lifetime_s);
		set_int(r, "child_lifetime_s", p->pol.payload[0].lifetime_s);
		set_int(r, "dpd_interval_s", p->pol.dpd_interval_s);
		set_bool(r, "assign_address", p->pol.payload[0].assign_address);
		json_array_append_new(rows, r);
	}
	json_object_set_new(o, "policies", rows);
	return o;
}

static json_t *fill_closed(struct task *t, struct show_page *page, char *err, size_t size)
{
	json_t *rows = json_array(), *r;

	for (const struct ipsecmgr_policy *p = ipsecmgr.maps_closed; p; p = p->next) {
		if (!show_wanted(page))
			continue;
		r = json_object();
		set_str(r, "context", p->context);
		set_str(r, "map", p->template);
		set_str(r, "why", p->map->why);
		set_int(r, "dropped", p->map->dropped);
		json_array_append_new(rows, r);
	}
	return json_pack("{s:o}", "maps", rows);
}

struct peer_list {
	struct show_page *page;
	json_t *rows;
};

static void peer_row(void *arg, const struct ipsecmgr_callee_view *v)
{
	struct peer_list *l = arg;
	char text[NET_ADDR_STRLEN];
	json_t *r;

	if (!show_wanted(l->page))
		return;
	r = json_object();
	set_int(r, "instance", ipsecmgr.t->instance);
	set_str(r, "context", v->context);
	set_str(r, "service", v->service);
	set_str(r, "list", v->list);
	set_str(r, "peer", net_addr_format(&v->addr, text, sizeof(text)));
	set_str(r, "mode", v->mode);
	set_int(r, "left_s", v->mode_left_s);
	set_int(r, "tries", v->tries);
	set_int(r, "own_calls", v->own);
	set_int(r, "peer_calls", v->theirs);
	json_array_append_new(l->rows, r);
}

static json_t *fill_peers(struct task *t, struct show_page *page, char *err, size_t size)
{
	struct peer_list l = {page, json_array()};

	ipsecmgr_callee_foreach(&ipsecmgr, peer_row, &l);
	return json_pack("{s:o}", "peers", l.rows);
}

static const struct show_row rows[] = {
        {"ike-sa", "IKE SAs of this instance", fill_ike},
        {"ipsec-sa", "child SAs of this instance", fill_ipsec},
        {"statistics", "what this instance did", fill_statistics},
        {"policies", "services with their crypto templates", fill_policies},
        {"call-ike", "IKE SAs of calls, a short row each; args: call ids", ipsecmgr_calls_ike},
        {"call-sa", "child SAs of calls, a short row each; args: call ids", ipsecmgr_calls_show},
        {"closed-maps", "crypto maps that can't be used: what their lists permit is dropped", fill_closed},
        {"peers", "peers of services' lists that this instance calls", fill_peers},
};

void ipsecmgr_show(struct task *t, const struct bus_msg *msg)
{
	show_dispatch(t, msg, rows, sizeof(rows) / sizeof(rows[0]));
}

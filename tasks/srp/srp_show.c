/* SPDX-License-Identifier: MIT */
/*
 * Shows of SRP as JSON: "state" {state, epoch, context} for every task; "srp info" and "srp checkpoint
 * statistics" for the CLI, whose keys are the labels of StarOS's text in snake_case; "srp statistics" and
 * "icsr" (the bulk statistics that are true today). Called by main.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "srp_task.h"

static void set_str(json_t *o, const char *key, const char *value)
{
	json_object_set_new(o, key, json_string(value));
}

static void set_int(json_t *o, const char *key, uint64_t value)
{
	json_object_set_new(o, key, json_integer((json_int_t)value));
}

static void set_addr(json_t *o, const char *key, const struct net_addr *a)
{
	char buf[NET_ADDR_STRLEN];

	set_str(o, key, net_addr_format(a, buf, sizeof(buf)));
}

/* "Tue Mar  3 17:13:12 2026 (2 seconds ago)", "None" for never. */
static void set_when(json_t *o, const char *key, uint64_t wall)
{
	char when[CLOCK_TEXT_MAX], text[CLOCK_TEXT_MAX + 40];
	uint64_t now = clock_wall_us();

	if (!wall) {
		set_str(o, key, "None");
		return;
	}
	clock_format_trap(when, sizeof(when), wall, CLOCK_UTC);
	snprintf(text, sizeof(text), "%s (%" PRIu64 " seconds ago)", when,
	         now > wall ? (uint64_t)((now - wall) / US_PER_SEC) : 0);
	set_str(o, key, text);
}

static json_t *show_state(struct srp_task *st)
{
	return json_pack("{s:s, s:I, s:s}", "state", srp_ctl_state(st), "epoch",
	                 (json_int_t)(st->s ? st->s->saved.serve_epoch : 0), "context", st->set.context);
}

static void add_peer(struct srp_task *st, json_t *o)
{
	const struct srp_peer *p = &st->s->peer;

	set_addr(o, "peer_remote_address", &st->set.peer);
	set_str(o, "peer_state", st->s->conn ? srp_state_name(p->state) : "None");
	set_str(o, "peer_mode", p->known ? srp_mode_name(p->rank.mode) : "None");
	set_int(o, "peer_priority", p->rank.priority);
	set_str(o, "peer_tiebreaker", p->known ? p->rank.tiebreaker : "00-00-00-00-00-00");
	set_int(o, "peer_route_modifier", p->rank.route_modifier);
	set_str(o, "peer_chassis", p->chassis);
	set_when(o, "last_hello_message_received", st->hello_wall);
	set_str(o, "peer_configuration_validation",
	        !st->s->conn             ? "None"
	        : st->out_of_sync_config ? "Mismatch"
	                                 : "Complete");
	set_str(o, "last_peer_configuration_error", st->last_error);
	set_when(o, "last_peer_configuration_event", st->config_event_wall);
	set_str(o, "last_validate_switchover_status", st->validate_status);
	set_str(o, "connection_state", st->s->conn ? "Connected" : "None");
}

static json_t *show_info(struct srp_task *st)
{
	json_t *o = json_object();
	const struct srp *s = st->s;

	json_object_set_new(o, "configured", json_boolean(s != NULL));
	if (!s)
		return o;
	set_str(o, "context", st->set.context);
	set_addr(o, "local_address", &st->set.local);
	set_str(o, "chassis_state", srp_ctl_state(st));
	set_str(o, "chassis_mode", srp_mode_name(st->set.cfg.rank.mode));
	set_int(o, "chassis_priority", st->set.cfg.rank.priority);
	set_str(o, "local_tiebreaker", st->set.cfg.rank.tiebreaker);
	set_int(o, "route_modifier", st->set.cfg.rank.route_modifier);
	add_peer(st, o);
	set_int(o, "epoch", s->saved.epoch);
	set_int(o, "hello_interval", st->set.cfg.hello_us / US_PER_SEC);
	set_int(o, "dead_interval", st->set.cfg.dead_us / US_PER_SEC);
	json_object_set_new(
	        o, "in_sync",
	        json_boolean(srp_state(s) == SRP_ACTIVE ? s->ship.in_sync : s->conn && s->peer.in_sync));
	json_object_set_new(
	        o, "complete",
	        json_boolean(srp_state(s) == SRP_STANDBY ? s->saved.data_epoch != 0 : s->ship.in_sync));
	return o;
}

static unsigned sessmgrs(struct srp_task *st)
{
	return (unsigned)task_foreach_peer(st->t, "sessmgr", NULL, NULL);
}

static json_t *show_checkpoints(struct srp_task *st)
{
	json_t *o = json_object();
	const struct srp *s = st->s;
	bool active = s && srp_state(s) == SRP_ACTIVE, standby = s && srp_state(s) == SRP_STANDBY;
	bool ready = active ? s->ship.in_sync : standby && s->saved.data_epoch && s->conn;
	unsigned n = sessmgrs(st);
	int64_t calls = store_ckpt_count(st->store, "call", NULL);

	json_object_set_new(o, "configured", json_boolean(s != NULL));
	set_int(o, "number_of_sessmgrs", n);
	set_int(o, "sessmgrs_in_active_connected_state", active && ready ? n : 0);
	set_int(o, "sessmgrs_in_standby_connected_state", standby && ready ? n : 0);
	set_int(o, "sessmgrs_in_pending_connected_state", s && s->conn && !ready ? n : 0);
	set_int(o, "current_pre_allocated_calls", standby && calls > 0 ? (uint64_t)calls : 0);
	set_int(o, "number_of_call_recovery_records", calls > 0 ? (uint64_t)calls : 0);
	set_int(o, "number_of_pre_installed_crrs", standby && calls > 0 ? (uint64_t)calls : 0);
	if (!s)
		return o;
	set_int(o, "committed_version", s->ship.committed);
	set_int(o, "sent_version", standby ? s->recv.upto : s->ship.sent);
	set_int(o, "acked_version", standby ? s->recv.installed : s->ship.acked);
	set_int(o, "rows_sent", s->stats.rows_sent);
	set_int(o, "rows_acknowledged", s->stats.rows_acked);
	set_int(o, "rows_received", s->stats.rows_received);
	set_int(o, "rows_refused", s->stats.rows_nacked);
	set_int(o, "full_synchronisations", s->stats.full_syncs);
	json_object_set_new(o, "in_sync", json_boolean(s->ship.in_sync));
	return o;
}

static json_t *show_statistics(struct srp_task *st)
{
	json_t *o = json_object();

	if (!st->s)
		return o;
	set_int(o, "hello_sent", st->s->stats.hello_sent);
	set_int(o, "hello_received", st->s->stats.hello_received);
	set_int(o, "dead_intervals", st->s->stats.hello_lost);
	set_int(o, "connects", st->s->stats.connects);
	set_int(o, "switchovers", st->s->saved.switchovers);
	return o;
}

/* Variables of the bulk statistics schema icsr by name. */
static json_t *show_icsr(struct srp_task *st)
{
	json_t *o = show_checkpoints(st), *v = json_object();
	const struct srp *s = st->s;
	char when[CLOCK_TEXT_MAX] = "";

	if (st->switch_wall)
		clock_format_trap(when, sizeof(when), st->switch_wall, CLOCK_UTC);
	set_int(v, "switchover-number", s ? s->saved.switchovers : 0);
	set_str(v, "switchover-time", when);
	set_str(v, "switchover-reason", st->switch_wall ? srp_reason_name(st->switch_reason) : "");
	set_int(v, "switchover-duration", st->switch_us / US_PER_MS);
	json_object_set(v, "total_sessmgr", json_object_get(o, "number_of_sessmgrs"));
	json_object_set(v, "total_sessmgr_active_connected",
	                json_object_get(o, "sessmgrs_in_active_connected_state"));
	json_object_set(v, "total_sessmgr_standby_connected",
	                json_object_get(o, "sessmgrs_in_standby_connected_state"));
	json_object_set(v, "total_sessmgr_pending_connected",
	                json_object_get(o, "sessmgrs_in_pending_connected_state"));
	json_object_set(v, "total_sess_crr_count", json_object_get(o, "number_of_call_recovery_records"));
	json_object_set(v, "total_sess_crr_pre_installed",
	                json_object_get(o, "number_of_pre_installed_crrs"));
	set_int(v, "total-fc-nack-sent", s ? s->stats.rows_nacked : 0);
	set_int(v, "total-fc-nack-rcvd", s ? s->stats.nacks_received : 0);
	json_decref(o);
	return v;
}

static const struct {
	const char *what;
	json_t *(*fill)(struct srp_task *st);
} shows[] = {
        {"state", show_state},
        {"srp info", show_info},
        {"srp checkpoint statistics", show_checkpoints},
        {"srp statistics", show_statistics},
        {"icsr", show_icsr},
};

void srp_show_handle(struct task *t, const struct bus_msg *m)
{
	for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++)
		if (!strcmp(m->env->show->what, shows[i].what)) {
			json_t *o = shows[i].fill(t->data);
			char *text = json_dumps(o, JSON_COMPACT);

			task_reply_json(t, m, text ? text : "{}");
			free(text);
			json_decref(o);
			return;
		}
	task_reply_status(t, m, -ENOENT, "srp has no show \"%s\"", m->env->show->what);
}

/* SPDX-License-Identifier: MIT */
/*
 * One instance of SRP: link, hellos, timers, orders; it feeds the state machine (srp_fsm.c), the sender
 * (srp_ship.c) and the receiver (srp_recv.c). Entry points are those of srp.h. Called by tasks/srp.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "srp/srp_int.h"

struct srp *srp_new(const struct srp_config *cfg, const struct srp_ops *ops, void *arg,
                    const struct srp_saved *saved, uint64_t now, uint64_t wall_s)
{
	struct srp *s = calloc(1, sizeof(*s));
	enum srp_state state = SRP_INIT;

	if (!s)
		return NULL;
	s->cfg = *cfg;
	s->ops = ops;
	s->arg = arg;
	s->now = s->heard_us = now;
	s->hello_due = now + cfg->hello_us;
	s->wall_s = wall_s;
	if (saved) {
		s->saved = *saved;
		s->restored = saved->state != SRP_INIT;
		/* A switchover that was under way: the peer's hello or its silence decides. */
		state = saved->state == SRP_PENDING_STANDBY ? SRP_STANDBY : saved->state;
		if (state == SRP_PENDING_ACTIVE)
			state = SRP_ACTIVE;
		if (saved->state == SRP_PENDING_STANDBY)
			s->saved.data_epoch = saved->epoch;
	}
	srp_fsm_start(s, state);
	s->ops->state(s->arg, state, state, SRP_WHY_NOT_DEFINED);
	return s;
}

void srp_free(struct srp *s)
{
	free(s);
}

void srp_configure(struct srp *s, const struct srp_config *cfg, uint64_t now)
{
	s->cfg = *cfg;
	s->now = now;
	s->hello_due = now;
}

/* --- epochs and saved state
 * ------------------------------------------------------------------------------------ */

void srp_saw_epoch(struct srp *s, uint64_t epoch)
{
	if (epoch > s->saved.seen_epoch)
		s->saved.seen_epoch = epoch;
}

/*
 * Seconds since 1970 unless somebody is ahead: unique for every life of a chassis, and later is larger. The
 * last bit is the chassis: even where the SRP address is the lower one, odd at the other.
 */
void srp_new_epoch(struct srp *s)
{
	bool odd = memcmp(s->cfg.rank.addr, s->cfg.peer_addr, sizeof(s->cfg.peer_addr)) > 0;

	srp_saw_epoch(s, s->saved.epoch);
	srp_saw_epoch(s, s->saved.data_epoch);
	s->saved.epoch = s->saved.seen_epoch + 1 > s->wall_s ? s->saved.seen_epoch + 1 : s->wall_s;
	if ((s->saved.epoch & 1) != odd)
		s->saved.epoch++;
	s->saved.seen_epoch = s->saved.epoch;
}

void srp_persist(struct srp *s)
{
	struct srp_saved out = s->saved;

	/* Pending Active is saved as Active: when that is durable, it becomes true. */
	out.state = srp_state(s) == SRP_PENDING_ACTIVE ? SRP_ACTIVE : srp_state(s);
	s->ops->persist(s->arg, &out, ++s->persist_token);
}

/* Rows flow while this chassis is Active and the peer Standby, whoever of the two became it last. */
static void ship_or_not(struct srp *s)
{
	bool wanted = srp_state(s) == SRP_ACTIVE && s->conn && s->peer.state == SRP_STANDBY;

	if (wanted && s->ship.phase == SRP_SHIP_OFF)
		srp_ship_start(s);
	else if (srp_state(s) == SRP_ACTIVE && !wanted && s->ship.phase != SRP_SHIP_OFF)
		srp_ship_stop(s, "the peer is not Standby");
}

void srp_persisted(struct srp *s, uint64_t token, uint64_t now)
{
	s->now = now;
	if (token != s->persist_token)
		return;
	srp_fsm_raise(s, SRP_EV_PERSISTED, NULL);
	ship_or_not(s);
}

/* --- sending
 * ---------------------------------------------------------------------------------------------------- */

void srp_send_hello(struct srp *s)
{
	struct srp_rank rank = srp_fsm_rank(s);
	enum srp_state state = srp_state(s);
	SrpHello h = SRP_HELLO__INIT;
	SrpFrame f = SRP_FRAME__INIT;

	s->hello_due = s->now + s->cfg.hello_us;
	if (!s->link)
		return;
	h.version = SRP_VERSION;
	h.chassis = s->cfg.chassis;
	h.state = (char *)srp_state_name(state);
	h.mode = (char *)srp_mode_name(rank.mode);
	h.priority = rank.priority;
	h.tiebreaker = rank.tiebreaker;
	h.route_modifier = rank.route_modifier;
	h.config_checksum = s->cfg.checksum;
	h.epoch = rank.epoch;
	if (state == SRP_ACTIVE || state == SRP_PENDING_STANDBY) {
		h.sent_version = s->ship.sent;
		h.acked_version = s->ship.acked;
		h.in_sync = s->ship.in_sync;
	} else if (s->saved.data_epoch && s->recv.epoch == s->saved.data_epoch && s->recv.accept) {
		h.acked_version = s->recv.installed;
	}
	f.body_case = SRP_FRAME__BODY_HELLO;
	f.hello = &h;
	s->stats.hello_sent++;
	s->ops->send(s->arg, &f);
}

void srp_send_switchover(struct srp *s)
{
	SrpSwitchover so = SRP_SWITCHOVER__INIT;
	SrpFrame f = SRP_FRAME__INIT;

	so.reason = (char *)srp_reason_name(s->order_force ? SRP_WHY_FORCE : SRP_WHY_MANUAL);
	so.force = s->order_force;
	f.body_case = SRP_FRAME__BODY_SWITCHOVER;
	f.switchover = &so;
	s->ops->send(s->arg, &f);
}

void srp_send_switchover_reply(struct srp *s, bool accepted, const char *reason)
{
	SrpSwitchoverReply r = SRP_SWITCHOVER_REPLY__INIT;
	SrpFrame f = SRP_FRAME__INIT;

	r.accepted = accepted;
	r.reason = (char *)reason;
	f.body_case = SRP_FRAME__BODY_SWITCHOVER_REPLY;
	f.switchover_reply = &r;
	s->ops->send(s->arg, &f);
}

/* --- the link
 * ----------------------------------------------------------------------------------------------------- */

void srp_link_up(struct srp *s, uint64_t now)
{
	s->now = now;
	srp_ship_stop(s, "new connection");
	srp_recv_link(s);
	s->link = true;
	s->stats.connects++;
	s->peer.acked_version = 0;
	srp_send_hello(s);
}

static void lose_conn(struct srp *s, const char *why)
{
	if (!s->conn)
		return;
	s->conn = false;
	LOG(EV_SRP_PEER_LOST, "%s", why);
	s->ops->conn(s->arg, false);
}

void srp_link_down(struct srp *s, uint64_t now)
{
	s->now = now;
	if (!s->link)
		return;
	s->link = false;
	srp_ship_stop(s, "the link is down");
	lose_conn(s, "the connection to the peer chassis is closed");
	if (srp_state(s) == SRP_PENDING_STANDBY && !s->order_told)
		srp_fsm_raise(s, SRP_EV_REFUSED,
		              "The connection to the peer chassis was lost; this chassis serves again");
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

static int hello_received(struct srp *s, const SrpHello *h)
{
	struct srp_peer *p = &s->peer;
	int state = srp_state_parse(h->state), mode = srp_mode_parse(h->mode);

	if (h->version != SRP_VERSION || state < 0 || mode < 0)
		return -EPROTO;
	s->stats.hello_received++;
	p->known = true;
	p->state = (enum srp_state)state;
	p->rank.mode = (enum srp_mode)mode;
	p->rank.priority = h->priority;
	p->rank.route_modifier = h->route_modifier;
	p->rank.epoch = h->epoch;
	copy(p->rank.tiebreaker, sizeof(p->rank.tiebreaker), h->tiebreaker);
	memcpy(p->rank.addr, s->cfg.peer_addr, sizeof(p->rank.addr));
	copy(p->chassis, sizeof(p->chassis), h->chassis);
	copy(p->checksum, sizeof(p->checksum), h->config_checksum);
	p->sent_version = h->sent_version;
	p->acked_version = h->acked_version;
	p->in_sync = h->in_sync;
	p->hello_us = s->now;
	srp_saw_epoch(s, h->epoch);
	if (!s->conn) {
		s->conn = true;
		LOG(EV_SRP_PEER_FOUND, "chassis %s is %s", p->chassis, srp_state_name(p->state));
		s->ops->conn(s->arg, true);
	}
	srp_fsm_raise(s, (enum srp_event)(SRP_EV_PEER + state), NULL);
	ship_or_not(s);
	return 0;
}

static int switchover_asked(struct srp *s, const SrpSwitchover *so)
{
	/* Refusals were answered by the state machine. */
	srp_fsm_raise(s, SRP_EV_TAKE, so);
	return 0;
}

static int switchover_reply(struct srp *s, const SrpSwitchoverReply *r)
{
	char text[400];

	if (srp_state(s) != SRP_PENDING_STANDBY || !s->order_told)
		return 0;
	snprintf(text, sizeof(text),
	         "The peer chassis refused the switchover (%s); this chassis serves again", r->reason);
	srp_fsm_raise(s, r->accepted ? SRP_EV_ACCEPTED : SRP_EV_REFUSED, text);
	return 0;
}

int srp_frame(struct srp *s, const SrpFrame *f, uint64_t now, uint64_t wall_s)
{
	int rc = -EPROTO;

	s->now = now;
	s->wall_s = wall_s;
	if (!s->link)
		return -EPROTO;
	s->heard_us = now;
	if (f->body_case == SRP_FRAME__BODY_HELLO)
		rc = hello_received(s, f->hello);
	else if (!s->conn)
		rc = -EPROTO; /* a hello comes first */
	else if (f->body_case == SRP_FRAME__BODY_ROWS)
		rc = srp_recv_rows(s, f->rows);
	else if (f->body_case == SRP_FRAME__BODY_ACK)
		rc = srp_ship_ack(s, f->ack);
	else if (f->body_case == SRP_FRAME__BODY_SWITCHOVER)
		rc = switchover_asked(s, f->switchover);
	else if (f->body_case == SRP_FRAME__BODY_SWITCHOVER_REPLY)
		rc = switchover_reply(s, f->switchover_reply);
	if (rc)
		srp_link_down(s, now);
	return rc;
}

void srp_writable(struct srp *s, uint64_t now)
{
	s->now = now;
	s->ship.retry_us = s->ship.phase == SRP_SHIP_OFF ? s->ship.retry_us : 0;
	srp_ship_pump(s);
}

void srp_committed(struct srp *s, uint64_t version, uint64_t now)
{
	s->now = now;
	if (version <= s->ship.committed)
		return;
	s->ship.committed = version;
	s->order_quiet_us = now;
	srp_ship_pump(s);
}

void srp_installed(struct srp *s, uint64_t token, int status, uint64_t now)
{
	s->now = now;
	srp_recv_done(s, token, status);
}

uint64_t srp_backlog(const struct srp *s)
{
	return s->ship.phase == SRP_SHIP_OFF ? 0 : s->ship.committed - s->ship.acked;
}

/* --- orders
 * ------------------------------------------------------------------------------------------------------ */

int srp_validate(const struct srp *s, bool force, char *text, size_t size)
{
	if (srp_state(s) != SRP_ACTIVE) {
		snprintf(text, size, "A switchover is initiated on the active chassis; this one is %s",
		         srp_state_name(srp_state(s)));
		return -EPERM;
	}
	if (!s->conn) {
		snprintf(text, size, "The peer chassis is not connected");
		return -ENOTCONN; /* EHOSTUNREACH would mean to the asker that srp is not there */
	}
	if (s->peer.state != SRP_STANDBY) {
		snprintf(text, size, "The peer chassis is %s, not Standby", srp_state_name(s->peer.state));
		return -EAGAIN;
	}
	if (!s->ship.in_sync && !force) {
		snprintf(text, size,
		         "The peer chassis is not synchronised (%llu checkpoint versions behind); `force` "
		         "switches anyway",
		         (unsigned long long)(s->ship.phase == SRP_SHIP_OFF ? s->ship.committed
		                                                            : srp_backlog(s)));
		return -EAGAIN;
	}
	snprintf(text, size, "Switchover is possible");
	return 0;
}

int srp_order(struct srp *s, bool force, uint64_t now, uint64_t wall_s, char *text, size_t size)
{
	uint64_t patience = 2 * s->cfg.hello_us > 2000000 ? 2 * s->cfg.hello_us : 2000000;
	int rc = srp_validate(s, force, text, size);

	s->now = now;
	s->wall_s = wall_s;
	if (rc)
		return rc;
	s->order = true;
	s->order_force = force;
	s->order_told = false;
	s->order_due = now + patience;
	s->order_quiet_us = now;
	return srp_fsm_raise(s, SRP_EV_ORDER, NULL);
}

void srp_order_end(struct srp *s, int code, const char *text)
{
	if (!s->order)
		return;
	s->order = s->order_told = false;
	s->ops->ordered(s->arg, code, text);
}

/* Progress of a switchover; returns when to look again. */
static uint64_t order_tick(struct srp *s)
{
	bool late = s->now >= s->order_due;

	if (srp_state(s) != SRP_PENDING_STANDBY)
		return SRP_NEVER;
	if (s->order_told) {
		if (late && s->peer.state == SRP_STANDBY)
			srp_fsm_raise(s, SRP_EV_REFUSED,
			              "The peer chassis did not answer; this chassis serves again");
		else if (late)
			s->order_due = s->now + s->cfg.dead_us;
		return s->order_due;
	}
	if (s->now >= s->order_quiet_us + SRP_SETTLE_US &&
	    (srp_ship_drained(s) || (s->order_force && (late || !s->ship.in_sync)))) {
		srp_fsm_raise(s, SRP_EV_DRAINED, NULL);
		return s->order_due;
	}
	if (late)
		srp_fsm_raise(s, SRP_EV_REFUSED,
		              "The peer chassis did not acknowledge every checkpoint in time; this chassis "
		              "serves again");
	return s->now + SRP_SETTLE_US / 4;
}

uint64_t srp_tick(struct srp *s, uint64_t now, uint64_t wall_s)
{
	uint64_t next, t;

	s->now = now;
	s->wall_s = wall_s;
	if (now >= s->heard_us + s->cfg.dead_us) {
		s->heard_us = now;
		s->stats.hello_lost++;
		if (s->link)
			s->ops->drop(s->arg, "nothing heard for the dead-interval");
		s->link = false;
		srp_ship_stop(s, "the peer is lost");
		lose_conn(s, "nothing heard from the peer chassis for the dead-interval");
		srp_fsm_raise(s, SRP_EV_LOST, NULL);
	}
	if (now >= s->hello_due)
		srp_send_hello(s);
	next = s->hello_due;
	t = s->heard_us + s->cfg.dead_us;
	next = t < next ? t : next;
	t = srp_ship_tick(s);
	next = t < next ? t : next;
	t = order_tick(s);
	return t < next ? t : next;
}

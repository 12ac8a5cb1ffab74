/* SPDX-License-Identifier: MIT */
/*
 * The states of a chassis as one table: what a hello of the peer, its silence, an operator's order and the
 * store's word do in each state. The stories are the documentation (README.md, `--doc fsm`). Serving is the
 * state Active and nothing else; it is entered only from Pending Active, when the new epoch would survive.
 * Called by srp.c.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "srp/srp_int.h"

static const char *const event_names[SRP_EVENTS] = {
        "peer Init",
        "peer Active",
        "peer Standby",
        "peer Pending Active",
        "peer Pending Standby",
        "dead-interval",
        "persisted",
        "order",
        "drained",
        "take over",
        "accepted",
        "refused",
};

struct srp_rank srp_fsm_rank(const struct srp *s)
{
	struct srp_rank r = s->cfg.rank;
	enum srp_state st = srp_state(s);

	r.epoch = st == SRP_ACTIVE || st == SRP_PENDING_STANDBY ? s->saved.epoch : s->saved.data_epoch;
	return r;
}

/* --- actions: 0 go on, FSM_SKIP the row's condition does not hold ------------------------------------------
 */

/* Nobody is active and we come first. */
static int win_start(void *obj, void *arg)
{
	struct srp *s = obj;
	struct srp_rank me = srp_fsm_rank(s);

	return srp_elect_starts(&me, &s->peer.rank) ? 0 : FSM_SKIP;
}

/* The same as a standby: not before a hello-interval has shown that the peer does not come back to Active by
 * itself. */
static int win_orphan(void *obj, void *arg)
{
	struct srp *s = obj;

	if (!s->orphan++)
		s->orphan_us = s->now;
	if (s->orphan < 2 || s->now - s->orphan_us < s->cfg.hello_us / 2)
		return FSM_SKIP;
	if (win_start(obj, arg))
		return FSM_SKIP;
	s->why = SRP_WHY_DUAL_STANDBY;
	return 0;
}

static int win_claim(void *obj, void *arg)
{
	struct srp *s = obj;
	struct srp_rank me = srp_fsm_rank(s);

	return srp_elect_starts(&me, &s->peer.rank) ? 0 : FSM_SKIP;
}

static int win_active(void *obj, void *arg)
{
	struct srp *s = obj;

	if (!srp_elect_stays(&s->cfg.rank, &s->peer.rank))
		return FSM_SKIP;
	LOG(EV_SRP_DUAL_ACTIVE, "chassis %s is active too; this one stays", s->peer.chassis);
	s->why = SRP_WHY_DUAL_ACTIVE;
	s->claim = true;
	return 0;
}

/* … and in the short time until we serve again, its hellos may still say Active. */
static int claim_stands(void *obj, void *arg)
{
	struct srp *s = obj;

	return s->claim && srp_elect_stays(&s->cfg.rank, &s->peer.rank) ? 0 : FSM_SKIP;
}

static int lose_active(void *obj, void *arg)
{
	struct srp *s = obj;

	LOG(EV_SRP_DUAL_ACTIVE, "chassis %s is active too; this one steps down", s->peer.chassis);
	s->why = SRP_WHY_DUAL_ACTIVE;
	return 0;
}

static int dead_peer(void *obj, void *arg)
{
	struct srp *s = obj;

	s->why = SRP_WHY_DEAD_TIMER;
	return 0;
}

static int not_orphan(void *obj, void *arg)
{
	((struct srp *)obj)->orphan = 0;
	return 0;
}

/* An order was checked by srp_order(). */
static int begin_order(void *obj, void *arg)
{
	struct srp *s = obj;

	s->why = s->order_force ? SRP_WHY_FORCE : SRP_WHY_MANUAL;
	return 0;
}

static int tell_peer(void *obj, void *arg)
{
	struct srp *s = obj;

	s->order_told = true;
	s->order_due = s->now + s->cfg.dead_us;
	srp_send_switchover(s);
	return 0;
}

static int done_order(void *obj, void *arg)
{
	srp_order_end(obj, 0, "");
	return 0;
}

static int failed_order(void *obj, void *arg)
{
	srp_order_end(obj, -EAGAIN,
	              arg ? arg : "The peer chassis refused the switchover; this chassis serves again");
	return 0;
}

static int dead_order(void *obj, void *arg)
{
	struct srp *s = obj;

	s->why = SRP_WHY_DEAD_TIMER;
	srp_order_end(obj, -ETIMEDOUT, "The peer chassis is not heard any more; this chassis serves again");
	return 0;
}

static int take_over(void *obj, void *arg)
{
	struct srp *s = obj;
	const SrpSwitchover *so = arg;

	if (!so->force && (!s->saved.data_epoch || s->saved.data_epoch != s->peer.rank.epoch)) {
		srp_send_switchover_reply(s, false, "the standby chassis is not synchronised");
		return -EAGAIN;
	}
	s->why = so->force ? SRP_WHY_FORCE : SRP_WHY_MANUAL;
	srp_send_switchover_reply(s, true, "");
	return 0;
}

static int took_over(void *obj, void *arg)
{
	srp_send_switchover_reply(obj, true, "");
	return 0;
}

static int refuse_take(void *obj, void *arg)
{
	srp_send_switchover_reply(obj, false, "this chassis is not Standby");
	return 0;
}

/* --- the table
 * ------------------------------------------------------------------------------------------------- */

#define PEER(state) (SRP_EV_PEER + SRP_##state)

static const struct fsm_row rows[] = {
        {SRP_INIT, PEER(ACTIVE), NULL, SRP_STANDBY, "the peer serves: whoever comes back becomes standby"},
        {SRP_INIT, PEER(INIT), win_start, SRP_PENDING_ACTIVE, "both start and we come first"},
        {SRP_INIT, PEER(INIT), NULL, SRP_STANDBY, "both start and the peer comes first"},
        {SRP_INIT, PEER(STANDBY), win_start, SRP_PENDING_ACTIVE, "nobody serves and we come first"},
        {SRP_INIT, PEER(STANDBY), NULL, SRP_STANDBY, "nobody serves and the peer comes first: it has rows"},
        {SRP_INIT, PEER(PENDING_ACTIVE), NULL, SRP_STANDBY, "the peer is about to serve"},
        {SRP_INIT, PEER(PENDING_STANDBY), NULL, FSM_SAME, "the peer is deciding"},
        {SRP_INIT, SRP_EV_LOST, dead_peer, SRP_PENDING_ACTIVE, "no peer: serve alone"},
        {SRP_INIT, SRP_EV_TAKE, refuse_take, FSM_SAME, "we hold no rows yet"},

        {SRP_ACTIVE, PEER(ACTIVE), win_active, SRP_PENDING_ACTIVE,
         "a healed link; we stay, but as after a take-over: new epoch, addresses announced, sequence numbers "
         "leap"},
        {SRP_ACTIVE, PEER(ACTIVE), lose_active, SRP_STANDBY,
         "a healed link; the peer stays, we stop serving and synchronise in full"},
        {SRP_ACTIVE, PEER(INIT), NULL, FSM_SAME, "the peer comes back; it will become standby"},
        {SRP_ACTIVE, PEER(STANDBY), NULL, FSM_SAME, "the peer is ready for rows"},
        {SRP_ACTIVE, PEER(PENDING_ACTIVE), NULL, FSM_SAME, "the peer sees that we serve and yields"},
        {SRP_ACTIVE, PEER(PENDING_STANDBY), NULL, FSM_SAME, "the peer is stepping down"},
        {SRP_ACTIVE, SRP_EV_LOST, NULL, FSM_SAME, "the peer is gone: serve alone"},
        {SRP_ACTIVE, SRP_EV_PERSISTED, NULL, FSM_SAME, "a new epoch is durable"},
        {SRP_ACTIVE, SRP_EV_ORDER, begin_order, SRP_PENDING_STANDBY,
         "switchover: stop serving first, so that nothing changes any more"},
        {SRP_ACTIVE, SRP_EV_TAKE, took_over, FSM_SAME, "asked twice: we serve already"},

        {SRP_STANDBY, PEER(ACTIVE), not_orphan, FSM_SAME, "as it should be"},
        {SRP_STANDBY, PEER(INIT), win_orphan, SRP_PENDING_ACTIVE,
         "the active chassis lost its memory; we hold the rows"},
        {SRP_STANDBY, PEER(INIT), NULL, FSM_SAME, "wait for the peer to decide"},
        {SRP_STANDBY, PEER(STANDBY), win_orphan, SRP_PENDING_ACTIVE, "two standbys and we come first"},
        {SRP_STANDBY, PEER(STANDBY), NULL, FSM_SAME, "two standbys and the peer comes first"},
        {SRP_STANDBY, PEER(PENDING_ACTIVE), not_orphan, FSM_SAME, "the peer takes over"},
        {SRP_STANDBY, PEER(PENDING_STANDBY), not_orphan, FSM_SAME, "a switchover to us is being prepared"},
        {SRP_STANDBY, SRP_EV_LOST, dead_peer, SRP_PENDING_ACTIVE, "the active chassis is dead: take over"},
        {SRP_STANDBY, SRP_EV_TAKE, take_over, SRP_PENDING_ACTIVE,
         "the active chassis hands the service over"},

        {SRP_PENDING_ACTIVE, SRP_EV_PERSISTED, NULL, SRP_ACTIVE, "the new epoch would survive: serve"},
        {SRP_PENDING_ACTIVE, PEER(ACTIVE), claim_stands, FSM_SAME,
         "two active ones met and we stay; the peer is about to step down"},
        {SRP_PENDING_ACTIVE, PEER(ACTIVE), NULL, SRP_STANDBY, "the peer serves: yield"},
        {SRP_PENDING_ACTIVE, PEER(PENDING_ACTIVE), win_claim, FSM_SAME, "both claim and we come first"},
        {SRP_PENDING_ACTIVE, PEER(PENDING_ACTIVE), NULL, SRP_STANDBY, "both claim and the peer comes first"},
        {SRP_PENDING_ACTIVE, PEER(INIT), NULL, FSM_SAME, "going on"},
        {SRP_PENDING_ACTIVE, PEER(STANDBY), NULL, FSM_SAME, "going on"},
        {SRP_PENDING_ACTIVE, PEER(PENDING_STANDBY), NULL, FSM_SAME, "going on"},
        {SRP_PENDING_ACTIVE, SRP_EV_LOST, NULL, FSM_SAME, "going on; the store is slow"},
        {SRP_PENDING_ACTIVE, SRP_EV_TAKE, took_over, FSM_SAME, "going on"},

        {SRP_PENDING_STANDBY, SRP_EV_DRAINED, tell_peer, FSM_SAME, "the peer has everything: hand over"},
        {SRP_PENDING_STANDBY, SRP_EV_ACCEPTED, done_order, SRP_STANDBY, "the peer takes over"},
        {SRP_PENDING_STANDBY, PEER(ACTIVE), done_order, SRP_STANDBY, "the peer serves"},
        {SRP_PENDING_STANDBY, SRP_EV_REFUSED, failed_order, SRP_PENDING_ACTIVE,
         "the peer will not or was not asked: serve again"},
        {SRP_PENDING_STANDBY, PEER(INIT), failed_order, SRP_PENDING_ACTIVE,
         "the peer lost its memory: serve again"},
        {SRP_PENDING_STANDBY, PEER(STANDBY), NULL, FSM_SAME, "waiting"},
        {SRP_PENDING_STANDBY, PEER(PENDING_ACTIVE), NULL, FSM_SAME, "the peer is taking over"},
        {SRP_PENDING_STANDBY, PEER(PENDING_STANDBY), NULL, FSM_SAME, "waiting"},
        {SRP_PENDING_STANDBY, SRP_EV_LOST, dead_order, SRP_PENDING_ACTIVE,
         "the peer died meanwhile: serve again"},
        {SRP_PENDING_STANDBY, SRP_EV_TAKE, refuse_take, FSM_SAME, "both want to step down"},

        {FSM_ANY, SRP_EV_PERSISTED, NULL, FSM_SAME, "nobody waits for it"},
        {FSM_ANY, SRP_EV_DRAINED, NULL, FSM_SAME, "nobody waits for it"},
        {FSM_ANY, SRP_EV_ACCEPTED, NULL, FSM_SAME, "a late answer"},
        {FSM_ANY, SRP_EV_REFUSED, NULL, FSM_SAME, "a late answer"},
};

/* --- what a change of state means
 * ----------------------------------------------------------------------------- */

static void enter_standby(struct srp *s, enum srp_state from)
{
	if (from == SRP_ACTIVE || from == SRP_PENDING_STANDBY)
		s->saved.data_epoch = s->saved.epoch; /* what we hold is what we had; a new active chassis
		                                         sends everything anew */
	s->orphan = 0;
	s->heard_us = s->now;
	srp_ship_stop(s, "this chassis is Standby");
	srp_recv_reset(s);
}

static void changed(struct fsm_inst *inst, int from, int to)
{
	struct srp *s = inst->obj;

	if (from < 0)
		return;
	LOG(EV_SRP_STATE, "%s -> %s (%s)", srp_state_name((enum srp_state)from),
	    srp_state_name((enum srp_state)to), srp_reason_name(s->why));
	s->restored = false;
	if (to == SRP_PENDING_ACTIVE) {
		srp_new_epoch(s);
		s->saved.serve_epoch = s->saved.epoch;
		srp_recv_reset(s);
		srp_ship_stop(s, "take-over");
	} else if (to == SRP_STANDBY) {
		enter_standby(s, (enum srp_state)from);
	} else if (to == SRP_ACTIVE) {
		s->saved.switchovers++;
	}
	s->ops->state(s->arg, (enum srp_state)from, (enum srp_state)to, s->why);
	if (to != SRP_ACTIVE) /* Active was made durable before it was entered */
		srp_persist(s);
	srp_send_hello(s);
	if (to == SRP_ACTIVE || to == SRP_STANDBY) {
		s->why = SRP_WHY_NOT_DEFINED;
		s->claim = false;
	}
}

static void refused(const struct fsm_inst *inst, int event, const char *file, int line)
{
	LOG(EV_SRP_REFUSED, "event \"%s\" means nothing in state %s", fsm_event_name(inst->table, event),
	    fsm_state_name(inst->table, inst->state));
}

const struct fsm_table srp_fsm_table = {
        .name = "srp",
        .rows = rows,
        .nrows = sizeof(rows) / sizeof(rows[0]),
        .state_names =
                (const char *const[]){"Init", "Active", "Standby", "Pending Active", "Pending Standby"},
        .nstates = SRP_STATES,
        .event_names = event_names,
        .nevents = SRP_EVENTS,
        .changed = changed,
        .refused = refused,
};

void srp_fsm_start(struct srp *s, enum srp_state state)
{
	fsm_init(&s->fsm, &srp_fsm_table, s, state);
}

int srp_fsm_raise(struct srp *s, enum srp_event ev, const void *arg)
{
	return fsm_event(&s->fsm, (int)ev, (void *)(uintptr_t)arg);
}

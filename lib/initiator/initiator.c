/* SPDX-License-Identifier: MIT */
/*
 * The machine of a peer (see initiator.h): its table, what its rows do, and its two timers, of the mode and
 * of the next call. Modes end at multiples of both durations behind since_us. IPSec Reference, chapter 27,
 * "Responder-Initiator Sequence"; a row's story names the step.
 */
#include "initiator/initiator.h"

#include <string.h>

static const char *const states[INITIATOR_STATES] = {
        [INITIATOR_IDLE] = "Idle",
        [INITIATOR_RESPONDER] = "Responder",
        [INITIATOR_CALLING] = "Initiator",
        [INITIATOR_CONNECTED] = "Connected",
};

static const char *const events[INITIATOR_EVENTS] = {
        [INITIATOR_EV_START] = "start",
        [INITIATOR_EV_STOP] = "stop",
        [INITIATOR_EV_MODE_OVER] = "mode over",
        [INITIATOR_EV_CALL_NOW] = "call now",
        [INITIATOR_EV_PEER_BEGAN] = "peer began",
        [INITIATOR_EV_PEER_UP] = "peer up",
        [INITIATOR_EV_OWN_UP] = "own up",
        [INITIATOR_EV_OWN_FAILED] = "own failed",
        [INITIATOR_EV_DOWN] = "down",
};

/* --- timers ----------------------------------------------------------------------------------------------
 */

static uint64_t period(const struct initiator_set *s)
{
	return s->responder_us + s->initiator_us;
}

static void timers_off(struct initiator_peer *p)
{
	wheel_cancel(&p->set->wheel, &p->mode);
	wheel_cancel(&p->set->wheel, &p->call);
}

static void mode_over(struct wheel_timer *t, uint64_t now, void *arg)
{
	struct initiator_peer *p = arg;

	(void)t;
	p->set->now = now;
	fsm_event(&p->fsm, INITIATOR_EV_MODE_OVER, NULL);
}

static void call_now(struct wheel_timer *t, uint64_t now, void *arg)
{
	struct initiator_peer *p = arg;

	(void)t;
	p->set->now = now;
	fsm_event(&p->fsm, INITIATOR_EV_CALL_NOW, NULL);
}

/* --- what rows do ----------------------------------------------------------------------------------------
 */

static int has_call(void *obj, void *arg)
{
	struct initiator_peer *p = obj;

	(void)arg;
	p->since_us = p->set->now;
	return p->n_own || p->n_theirs ? 0 : FSM_SKIP;
}

/* The peer's time begins at since_us. */
static void wait_for_peer(struct initiator_peer *p, uint64_t since)
{
	timers_off(p);
	p->since_us = since;
	p->calls = 0;
	p->extended = false;
	wheel_add(&p->set->wheel, &p->mode, since + p->set->responder_us);
}

static int anew(void *obj, void *arg)
{
	struct initiator_peer *p = obj;

	(void)arg;
	wait_for_peer(p, p->set->now);
	return 0;
}

/* Once: what comes of a call that keeps beginning has had its time. */
static int extend(void *obj, void *arg)
{
	struct initiator_peer *p = obj;

	if (!p->extended)
		anew(p, arg);
	p->extended = true;
	return 0;
}

static int anew_kept(void *obj, void *arg)
{
	struct initiator_peer *p = obj;

	anew(p, arg);
	p->set->ops->keep(p->set->arg, p);
	return 0;
}

/* Is the time since responder mode began that of responder mode again? arg: when that was. */
static int resume_waiting(void *obj, void *arg)
{
	struct initiator_peer *p = obj;
	uint64_t since = *(uint64_t *)arg, now = p->set->now, round;

	round = (now - since) / period(p->set) * period(p->set);
	if (now - since - round >= p->set->responder_us)
		return FSM_SKIP;
	wait_for_peer(p, since + round);
	return 0;
}

/* Calls of many peers don't begin at once, nor do those of two gateways that call each other. */
static uint64_t spread(const struct initiator_peer *p)
{
	uint64_t most = p->set->initiator_us / 5;

	if (most > INITIATOR_SPREAD_US)
		most = INITIATOR_SPREAD_US;
	return net_addr_hash(&p->addr, p->since_us) % most;
}

static int begin_calling(void *obj, void *arg)
{
	struct initiator_peer *p = obj;
	uint64_t begins = p->since_us + p->set->responder_us;

	(void)arg;
	timers_off(p);
	wheel_add(&p->set->wheel, &p->mode, begins + p->set->initiator_us);
	wheel_add(&p->set->wheel, &p->call, begins + spread(p));
	return 0;
}

static int resume_calling(void *obj, void *arg)
{
	struct initiator_peer *p = obj;
	uint64_t since = *(uint64_t *)arg;

	p->since_us = since + (p->set->now - since) / period(p->set) * period(p->set);
	p->calls = 0;
	return begin_calling(p, NULL);
}

static int call(void *obj, void *arg)
{
	struct initiator_peer *p = obj;

	(void)arg;
	p->calls++;
	if (p->set->ops->call(p->set->arg, p))
		wheel_add(&p->set->wheel, &p->call, p->set->now + INITIATOR_RETRY_US);
	return 0;
}

static int call_later(void *obj, void *arg)
{
	struct initiator_peer *p = obj;

	(void)arg;
	wheel_add(&p->set->wheel, &p->call, p->set->now + INITIATOR_RETRY_US);
	return 0;
}

static int time_is_over(void *obj, void *arg)
{
	struct initiator_peer *p = obj;
	uint64_t next = p->since_us + period(p->set);

	(void)arg;
	p->set->ops->give_up(p->set->arg, p, false);
	if (p->set->now >= next + p->set->responder_us) /* we were away for long */
		next = p->set->now;
	wait_for_peer(p, next);
	return 0;
}

static int give_way(void *obj, void *arg)
{
	struct initiator_peer *p = obj;

	p->set->ops->give_up(p->set->arg, p, true);
	return anew_kept(p, arg);
}

static int connected(void *obj, void *arg)
{
	struct initiator_peer *p = obj;

	(void)arg;
	timers_off(p);
	p->since_us = p->set->now;
	return 0;
}

static int connected_by_peer(void *obj, void *arg)
{
	struct initiator_peer *p = obj;

	p->set->ops->give_up(p->set->arg, p, true);
	return connected(p, arg);
}

static int settle(void *obj, void *arg)
{
	struct initiator_peer *p = obj;

	(void)arg;
	if (p->n_own && p->n_theirs)
		p->set->ops->end_own(p->set->arg, p);
	return 0;
}

static int stop(void *obj, void *arg)
{
	struct initiator_peer *p = obj;

	(void)arg;
	timers_off(p);
	p->set->ops->give_up(p->set->arg, p, false);
	return 0;
}

static const struct fsm_row rows[] = {
        {INITIATOR_IDLE, INITIATOR_EV_START, has_call, INITIATOR_CONNECTED,
         "it has a call already: nothing is to be begun (step 5)"},
        {INITIATOR_IDLE, INITIATOR_EV_START, resume_waiting, INITIATOR_RESPONDER,
         "the service is bound, or was all the time: the peer may call (step 1)"},
        {INITIATOR_IDLE, INITIATOR_EV_START, resume_calling, INITIATOR_CALLING,
         "its time was over while nobody was there to see it"},
        {INITIATOR_IDLE, INITIATOR_EV_STOP, NULL, FSM_SAME, "said again"},
        {INITIATOR_IDLE, INITIATOR_EV_PEER_BEGAN, NULL, FSM_SAME, "another manager's peer"},
        {INITIATOR_IDLE, INITIATOR_EV_PEER_UP, NULL, FSM_SAME, "another manager's peer: only counted"},
        {INITIATOR_IDLE, INITIATOR_EV_OWN_UP, NULL, FSM_SAME,
         "recovered, or begun when it was ours: only counted"},
        {INITIATOR_IDLE, INITIATOR_EV_OWN_FAILED, NULL, FSM_SAME, "given up when it ceased to be ours"},
        {INITIATOR_IDLE, INITIATOR_EV_DOWN, NULL, FSM_SAME, "another manager's peer"},

        {INITIATOR_RESPONDER, INITIATOR_EV_START, NULL, FSM_SAME, "said again"},
        {INITIATOR_RESPONDER, INITIATOR_EV_STOP, stop, INITIATOR_IDLE,
         "unbound, or another manager's from now on"},
        {INITIATOR_RESPONDER, INITIATOR_EV_MODE_OVER, begin_calling, INITIATOR_CALLING,
         "the peer did not call: we do (step 2)"},
        {INITIATOR_RESPONDER, INITIATOR_EV_PEER_BEGAN, extend, FSM_SAME,
         "it calls: once, it gets its time anew"},
        {INITIATOR_RESPONDER, INITIATOR_EV_PEER_UP, connected, INITIATOR_CONNECTED,
         "the peer called (step 1)"},
        {INITIATOR_RESPONDER, INITIATOR_EV_OWN_UP, connected, INITIATOR_CONNECTED,
         "our call was through when it was to be given up"},
        {INITIATOR_RESPONDER, INITIATOR_EV_OWN_FAILED, NULL, FSM_SAME, "what was given up has ended"},
        {INITIATOR_RESPONDER, INITIATOR_EV_DOWN, NULL, FSM_SAME, "there was none any more"},

        {INITIATOR_CALLING, INITIATOR_EV_START, NULL, FSM_SAME, "said again"},
        {INITIATOR_CALLING, INITIATOR_EV_STOP, stop, INITIATOR_IDLE,
         "unbound, or another manager's from now on"},
        {INITIATOR_CALLING, INITIATOR_EV_CALL_NOW, call, FSM_SAME, "the peer is called (steps 2 and 3)"},
        {INITIATOR_CALLING, INITIATOR_EV_OWN_FAILED, call_later, FSM_SAME,
         "no answer, or a refusal: again, while this mode lasts (step 3)"},
        {INITIATOR_CALLING, INITIATOR_EV_MODE_OVER, time_is_over, INITIATOR_RESPONDER,
         "no call came to be: it's the peer's turn (step 4)"},
        {INITIATOR_CALLING, INITIATOR_EV_PEER_BEGAN, give_way, INITIATOR_RESPONDER,
         "a collision: the peer's call counts, and ours is given up (step 6)"},
        {INITIATOR_CALLING, INITIATOR_EV_PEER_UP, connected_by_peer, INITIATOR_CONNECTED,
         "the peer's call was faster (step 6)"},
        {INITIATOR_CALLING, INITIATOR_EV_OWN_UP, connected, INITIATOR_CONNECTED,
         "our call is through (step 5)"},
        {INITIATOR_CALLING, INITIATOR_EV_DOWN, NULL, FSM_SAME, "there was none any more"},

        {INITIATOR_CONNECTED, INITIATOR_EV_START, NULL, FSM_SAME, "said again"},
        {INITIATOR_CONNECTED, INITIATOR_EV_STOP, stop, INITIATOR_IDLE,
         "unbound, or another manager's from now on"},
        {INITIATOR_CONNECTED, INITIATOR_EV_PEER_BEGAN, NULL, FSM_SAME,
         "it may: if it comes through, that call counts"},
        {INITIATOR_CONNECTED, INITIATOR_EV_PEER_UP, settle, FSM_SAME,
         "of two calls the peer's stays (step 6)"},
        {INITIATOR_CONNECTED, INITIATOR_EV_OWN_UP, settle, FSM_SAME,
         "of two calls the peer's stays (step 6)"},
        {INITIATOR_CONNECTED, INITIATOR_EV_OWN_FAILED, NULL, FSM_SAME, "what was given up has ended"},
        {INITIATOR_CONNECTED, INITIATOR_EV_DOWN, anew_kept, INITIATOR_RESPONDER,
         "dead peer detection, a delete, an operator: the peer's turn again (step 1)"},
};

static void changed(struct fsm_inst *inst, int from, int to)
{
	struct initiator_peer *p = inst->obj;

	if (from >= 0 && from != to && p->set->ops->changed)
		p->set->ops->changed(p->set->arg, p, from, to);
}

const struct fsm_table initiator_table = {
        .name = "initiator",
        .rows = rows,
        .nrows = sizeof(rows) / sizeof(rows[0]),
        .state_names = states,
        .nstates = INITIATOR_STATES,
        .event_names = events,
        .nevents = INITIATOR_EVENTS,
        .changed = changed,
};

/* --- interface -------------------------------------------------------------------------------------------
 */

void initiator_init(struct initiator_set *s, const struct initiator_ops *ops, void *arg, uint32_t responder_s,
                    uint32_t initiator_s, uint64_t now)
{
	*s = (struct initiator_set){.ops = ops,
	                            .arg = arg,
	                            .responder_us = responder_s * 1000000ULL,
	                            .initiator_us = initiator_s * 1000000ULL,
	                            .now = now};
	wheel_init(&s->wheel, 1000, now);
}

void initiator_peer_init(struct initiator_set *s, struct initiator_peer *p, const struct net_addr *addr)
{
	memset(p, 0, sizeof(*p));
	p->set = s;
	p->addr = *addr;
	wheel_timer_init(&p->mode, mode_over, p);
	wheel_timer_init(&p->call, call_now, p);
	fsm_init(&p->fsm, &initiator_table, p, INITIATOR_IDLE);
}

void initiator_peer_drop(struct initiator_peer *p)
{
	timers_off(p);
}

void initiator_start(struct initiator_peer *p, uint64_t now, uint64_t since_us)
{
	if (!since_us || since_us > now)
		since_us = now;
	p->set->now = now;
	fsm_event(&p->fsm, INITIATOR_EV_START, &since_us);
}

static void event(struct initiator_peer *p, uint64_t now, enum initiator_event ev)
{
	p->set->now = now;
	fsm_event(&p->fsm, (int)ev, NULL);
}

void initiator_stop(struct initiator_peer *p, uint64_t now)
{
	event(p, now, INITIATOR_EV_STOP);
}

void initiator_peer_began(struct initiator_peer *p, uint64_t now)
{
	event(p, now, INITIATOR_EV_PEER_BEGAN);
}

void initiator_up(struct initiator_peer *p, uint64_t now, bool own)
{
	*(own ? &p->n_own : &p->n_theirs) += 1;
	event(p, now, own ? INITIATOR_EV_OWN_UP : INITIATOR_EV_PEER_UP);
}

void initiator_down(struct initiator_peer *p, uint64_t now, bool own)
{
	unsigned *n = own ? &p->n_own : &p->n_theirs;

	if (*n)
		*n -= 1;
	if (!p->n_own && !p->n_theirs)
		event(p, now, INITIATOR_EV_DOWN);
}

void initiator_failed(struct initiator_peer *p, uint64_t now)
{
	event(p, now, INITIATOR_EV_OWN_FAILED);
}

void initiator_tick(struct initiator_set *s, uint64_t now)
{
	s->now = now;
	wheel_advance(&s->wheel, now);
}

uint64_t initiator_next_us(const struct initiator_set *s)
{
	return wheel_next_us(&s->wheel);
}

uint64_t initiator_mode_ends(const struct initiator_peer *p)
{
	if (p->fsm.state == INITIATOR_RESPONDER)
		return p->since_us + p->set->responder_us;
	return p->fsm.state == INITIATOR_CALLING ? p->since_us + period(p->set) : 0;
}

const char *initiator_state_name(int state)
{
	return fsm_state_name(&initiator_table, state);
}

void initiator_doc(FILE *out)
{
	fprintf(out, "\n## A peer that the gateway may call\n\nOne machine for each address of a "
	             "wsg-service's peer "
	             "list, at the manager that owns it. What is not in the table is refused and logged.\n\n"
	             "| state | event | then | story |\n|---|---|---|---|\n");
	for (size_t i = 0; i < initiator_table.nrows; i++) {
		const struct fsm_row *r = &rows[i];

		fprintf(out, "| %s | %s | %s | %s |\n", states[r->state], events[r->event],
		        states[r->next == FSM_SAME ? r->state : r->next], r->story);
	}
	fprintf(out, "\n```dot\n");
	fsm_dot(&initiator_table, out);
	fprintf(out, "```\n");
}

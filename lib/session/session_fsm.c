/* SPDX-License-Identifier: MIT */
/*
 * The state machine of a call line, with StarOS's names (show subscribers debug-info). The table only says
 * what is legal and keeps the trace; what an event means for counters is told to the owner by `changed`. A
 * call that is IDLE again is over.
 */
#include <string.h>
#include "session/session_int.h"

static const char *const states[SESSION_STATES] = {
        [SESSION_IDLE] = "SMGR_STATE_OPEN",
        [SESSION_ARRIVED] = "SMGR_STATE_NEWCALL_ARRIVED",
        [SESSION_ANSWERED] = "SMGR_STATE_NEWCALL_ANSWERED",
        [SESSION_CONNECTED] = "SMGR_STATE_CONNECTED",
        [SESSION_DISCONNECTING] = "SMGR_STATE_DISCONNECTING",
};

static const char *const events[SESSION_EVS] = {
        [SESSION_EV_NEWCALL] = "SMGR_EVT_NEWCALL",
        [SESSION_EV_ADDR_SUCCESS] = "SMGR_EVT_IPADDR_ALLOC_SUCCESS",
        [SESSION_EV_ADDR_FAIL] = "SMGR_EVT_IPADDR_ALLOC_FAILURE",
        [SESSION_EV_UP] = "SMGR_EVT_LOWER_LAYER_UP",
        [SESSION_EV_RECOVERED] = "SMGR_EVT_RECOVERED",
        [SESSION_EV_DOWN] = "SMGR_EVT_LOWER_LAYER_DOWN",
        [SESSION_EV_SETUP_TIMEOUT] = "SMGR_EVT_SETUP_TIMEOUT",
        [SESSION_EV_AUDIT_FAIL] = "SMGR_EVT_AUDIT_FAILURE",
        [SESSION_EV_ROW_GONE] = "SMGR_EVT_CALL_FREED",
};

static const struct fsm_row rows[] = {
        {SESSION_IDLE, SESSION_EV_NEWCALL, NULL, SESSION_ARRIVED,
         "ipsecmgr asks for a session; look for an address"},
        {SESSION_IDLE, SESSION_EV_RECOVERED, NULL, SESSION_CONNECTED,
         "rebuilt from its row after a restart or take-over"},

        {SESSION_ARRIVED, SESSION_EV_ADDR_SUCCESS, NULL, SESSION_ANSWERED,
         "answer ipsecmgr; it writes the row with the IKE SA's"},
        {SESSION_ARRIVED, SESSION_EV_ADDR_FAIL, NULL, SESSION_IDLE, "no address: refused, nothing to undo"},
        {SESSION_ARRIVED, SESSION_EV_DOWN, NULL, SESSION_DISCONNECTING, "the peer left before the answer"},
        {SESSION_ARRIVED, SESSION_EV_SETUP_TIMEOUT, NULL, SESSION_DISCONNECTING, "no chunk came in time"},

        {SESSION_ANSWERED, SESSION_EV_UP, NULL, SESSION_CONNECTED, "the tunnel is durable and up"},
        {SESSION_ANSWERED, SESSION_EV_DOWN, NULL, SESSION_DISCONNECTING, "the tunnel was not completed"},
        {SESSION_ANSWERED, SESSION_EV_SETUP_TIMEOUT, NULL, SESSION_DISCONNECTING,
         "never confirmed and without a row: release"},
        {SESSION_ANSWERED, SESSION_EV_AUDIT_FAIL, NULL, SESSION_DISCONNECTING, "its IKE SA does not exist"},

        {SESSION_CONNECTED, SESSION_EV_UP, NULL, FSM_SAME, "repeated, or with the key of a rekeyed IKE SA"},
        {SESSION_CONNECTED, SESSION_EV_DOWN, NULL, SESSION_DISCONNECTING,
         "the tunnel is gone: delete the row"},
        {SESSION_CONNECTED, SESSION_EV_AUDIT_FAIL, NULL, SESSION_DISCONNECTING,
         "its IKE SA does not exist any more"},

        {SESSION_DISCONNECTING, SESSION_EV_DOWN, NULL, FSM_SAME, "repeated"},
        {SESSION_DISCONNECTING, SESSION_EV_AUDIT_FAIL, NULL, FSM_SAME, "already ending"},
        {SESSION_DISCONNECTING, SESSION_EV_ROW_GONE, NULL, SESSION_IDLE,
         "durable: the address is free, the line is over"},
};

static void changed(struct fsm_inst *inst, int from, int to)
{
	struct session_call *c = inst->obj;
	struct session_table *t = c->table;

	if (from >= 0)
		t->states[from]--;
	t->states[to]++;
	if (t->changed)
		t->changed(c, from, to, t->arg);
}

const struct fsm_table session_fsm = {
        .name = "session",
        .rows = rows,
        .nrows = sizeof(rows) / sizeof(rows[0]),
        .state_names = states,
        .nstates = SESSION_STATES,
        .event_names = events,
        .nevents = SESSION_EVS,
        .changed = changed,
};

int session_dispatch(struct session_call *c, enum session_ev ev, const char *file, int line)
{
	if (fsm_accepts(&c->fsm, (int)ev)) {
		c->trace[c->ntrace % SESSION_TRACE].state = (uint8_t)c->fsm.state;
		c->trace[c->ntrace % SESSION_TRACE].event = (uint8_t)ev;
		c->ntrace++;
	}
	return fsm_dispatch(&c->fsm, (int)ev, NULL, file, line);
}

enum session_state session_state(const struct session_call *c)
{
	return (enum session_state)c->fsm.state;
}

const char *session_state_name(int state)
{
	return fsm_state_name(&session_fsm, state);
}

const char *session_event_name(int event)
{
	return fsm_event_name(&session_fsm, event);
}

/* SPDX-License-Identifier: MIT */
/* The table of a card's life and its lights, see card_life.h. Redundancy is decided elsewhere (lib/place, the
 * backplane's arbitration): here is only what the outcome means for the card. */
#include "chassis/card_life.h"

#include <string.h>

static const char *const state_names[CARD_STATES] = {
        "empty", "offline", "booting", "ready", "standby", "active", "migratefrom", "migrateto",
};

static const char *const event_names[CARD_EVENTS] = {
        "insert",       "pull",       "power",    "report",    "standby", "active",
        "migrate from", "migrate to", "migrated", "abandoned", "down",
};

static int if_active(void *obj, void *arg)
{
	(void)arg;
	return ((struct card_life *)obj)->role_active ? 0 : FSM_SKIP;
}

static const struct fsm_row rows[] = {
        {CARD_EMPTY, CARD_EV_INSERT, NULL, CARD_OFFLINE,
         "a card is in the slot now; the backplane gives it power"},

        {CARD_OFFLINE, CARD_EV_PULL, NULL, CARD_EMPTY, "the card is taken out; it carried nothing"},
        {CARD_OFFLINE, CARD_EV_POWER, NULL, CARD_BOOTING, "power: self tests, software is loaded"},
        {CARD_OFFLINE, CARD_EV_DOWN, NULL, FSM_SAME,
         "said twice: by the backplane and by its other management card"},

        {CARD_BOOTING, CARD_EV_REPORT, NULL, CARD_READY,
         "its software runs and has told what it is; it has no role yet"},
        {CARD_BOOTING, CARD_EV_DOWN, NULL, CARD_OFFLINE, "it did not come up"},

        {CARD_READY, CARD_EV_STANDBY, NULL, CARD_STANDBY,
         "all packet cards begin as standby; so does the second of a pair"},
        {CARD_READY, CARD_EV_ACTIVE, NULL, CARD_ACTIVE,
         "configured active, arbitrated, or of a kind of which all are active"},
        {CARD_READY, CARD_EV_MIGRATE_TO, NULL, CARD_MIGRATETO,
         "needed at once: what another card lost comes here"},
        {CARD_READY, CARD_EV_DOWN, NULL, CARD_OFFLINE, "it failed before it had a role"},

        {CARD_STANDBY, CARD_EV_STANDBY, NULL, FSM_SAME, "said again, to a new hatsystem"},
        {CARD_STANDBY, CARD_EV_ACTIVE, NULL, CARD_ACTIVE,
         "configured active, or the other management card is gone"},
        {CARD_STANDBY, CARD_EV_MIGRATE_TO, NULL, CARD_MIGRATETO, "it takes the place of an active card"},
        {CARD_STANDBY, CARD_EV_DOWN, NULL, CARD_OFFLINE,
         "the spare is gone; others may be single points of failure now"},

        {CARD_ACTIVE, CARD_EV_ACTIVE, NULL, FSM_SAME, "said again, to a new hatsystem"},
        {CARD_ACTIVE, CARD_EV_STANDBY, NULL, CARD_STANDBY,
         "fewer cards are configured active, and it was emptied"},
        {CARD_ACTIVE, CARD_EV_MIGRATE_FROM, NULL, CARD_MIGRATEFROM,
         "ordered: migrate, halt, reboot, shutdown, mode standby; its tasks leave one by one"},
        {CARD_ACTIVE, CARD_EV_MIGRATE_TO, NULL, FSM_SAME,
         "no standby is left: the active ones share what was lost"},
        {CARD_ACTIVE, CARD_EV_MIGRATED, NULL, FSM_SAME, "what was shared has arrived"},
        {CARD_ACTIVE, CARD_EV_ABANDONED, NULL, FSM_SAME, "what was to be shared is placed anew"},
        {CARD_ACTIVE, CARD_EV_DOWN, NULL, CARD_OFFLINE, "it failed: its tasks recover on the standby card"},

        {CARD_MIGRATEFROM, CARD_EV_ACTIVE, NULL, FSM_SAME, "it is active until it is empty"},
        {CARD_MIGRATEFROM, CARD_EV_MIGRATED, NULL, FSM_SAME, "it is empty: off, or told to be standby"},
        {CARD_MIGRATEFROM, CARD_EV_STANDBY, NULL, CARD_STANDBY,
         "emptied, it is the spare now; nothing reverts by itself"},
        {CARD_MIGRATEFROM, CARD_EV_ABANDONED, if_active, CARD_ACTIVE,
         "the destination is gone: what is left here stays"},
        {CARD_MIGRATEFROM, CARD_EV_ABANDONED, NULL, CARD_STANDBY, "given up when it was empty already"},
        {CARD_MIGRATEFROM, CARD_EV_MIGRATE_FROM, NULL, FSM_SAME, "forced to another destination"},
        {CARD_MIGRATEFROM, CARD_EV_DOWN, NULL, CARD_OFFLINE, "halted, rebooted, or dead before it was empty"},

        {CARD_MIGRATETO, CARD_EV_STANDBY, NULL, FSM_SAME, "not told yet that it is active"},
        {CARD_MIGRATETO, CARD_EV_ACTIVE, NULL, FSM_SAME, "it serves what has arrived; the rest is under way"},
        {CARD_MIGRATETO, CARD_EV_MIGRATE_TO, NULL, FSM_SAME, "said again, by a new hatsystem"},
        {CARD_MIGRATETO, CARD_EV_MIGRATED, NULL, CARD_ACTIVE, "everything placed here runs"},
        {CARD_MIGRATETO, CARD_EV_ABANDONED, if_active, CARD_ACTIVE, "what has arrived stays"},
        {CARD_MIGRATETO, CARD_EV_ABANDONED, NULL, CARD_STANDBY, "nothing had arrived"},
        {CARD_MIGRATETO, CARD_EV_DOWN, NULL, CARD_OFFLINE, "the destination fails: the next one is chosen"},

        {CARD_READY, CARD_EV_REPORT, NULL, FSM_SAME, "the tasks on it changed"},
        {CARD_STANDBY, CARD_EV_REPORT, NULL, FSM_SAME, "the tasks on it changed"},
        {CARD_ACTIVE, CARD_EV_REPORT, NULL, FSM_SAME, "the tasks on it changed"},
        {CARD_MIGRATEFROM, CARD_EV_REPORT, NULL, FSM_SAME, "the tasks on it changed"},
        {CARD_MIGRATETO, CARD_EV_REPORT, NULL, FSM_SAME, "the tasks on it changed"},
};

static void changed(struct fsm_inst *inst, int from, int to)
{
	struct card_life *c = inst->obj;

	if (from >= 0 && c->changed)
		c->changed(c, (enum card_state)from, (enum card_state)to);
}

const struct fsm_table card_life_table = {
        .name = "card",
        .rows = rows,
        .nrows = sizeof(rows) / sizeof(rows[0]),
        .state_names = state_names,
        .nstates = CARD_STATES,
        .event_names = event_names,
        .nevents = CARD_EVENTS,
        .changed = changed,
};

void card_life_doc(FILE *out)
{
	fprintf(out, "\n## The life of a card\n\nStates are those of starCardOperState. What is not in the "
	             "table is refused and logged.\n\n"
	             "| state | event | then | story |\n|---|---|---|---|\n");
	for (size_t i = 0; i < card_life_table.nrows; i++) {
		const struct fsm_row *r = &rows[i];

		fprintf(out, "| %s | %s | %s | %s |\n", state_names[r->state], event_names[r->event],
		        r->next == FSM_SAME ? state_names[r->state] : state_names[r->next], r->story);
	}
	fprintf(out, "\n```dot\n");
	fsm_dot(&card_life_table, out);
	fprintf(out, "```\n");
}

void card_life_init(struct card_life *c, unsigned slot, enum card_state state,
                    void (*cb)(struct card_life *, enum card_state, enum card_state), void *arg)
{
	c->slot = slot;
	c->role_active = false;
	c->changed = cb;
	c->arg = arg;
	fsm_init(&c->fsm, &card_life_table, c, state);
}

enum card_state card_life_state(const struct card_life *c)
{
	return (enum card_state)c->fsm.state;
}

const char *card_state_name(enum card_state s)
{
	return fsm_state_name(&card_life_table, (int)s);
}

enum card_state card_state_find(const char *word)
{
	for (int s = 0; s < CARD_STATES; s++)
		if (!strcmp(word, state_names[s]))
			return (enum card_state)s;
	return CARD_STATES;
}

unsigned card_state_mib(enum card_state s)
{
	static const unsigned numbers[CARD_STATES] = {2, 3, 4, 5, 6, 7, 8, 9};

	return s < CARD_STATES ? numbers[s] : 1;
}

bool card_state_alive(enum card_state s)
{
	return s >= CARD_BOOTING && s < CARD_STATES;
}

bool card_state_serves(enum card_state s)
{
	return s >= CARD_ACTIVE && s < CARD_STATES;
}

struct card_leds card_leds(enum card_state s, bool failed, bool backed_up)
{
	struct card_leds l = {"Off", "Off", "Off"};

	switch (s) {
	case CARD_EMPTY:
	case CARD_STATES:
		break;
	case CARD_OFFLINE: /* halted: dark, and ready to be taken out */
		l.run_fail = failed ? "Red" : "Off";
		break;
	case CARD_BOOTING:
	case CARD_READY:
		l.run_fail = failed ? "Red" : "Blinking Green";
		break;
	case CARD_STANDBY:
		l.run_fail = failed ? "Red" : "Green";
		l.redundant = backed_up ? "Green" : "Amber";
		break;
	case CARD_ACTIVE:
		l.run_fail = failed ? "Red" : "Green";
		l.active = "Green";
		l.redundant = backed_up ? "Green" : "Amber";
		break;
	case CARD_MIGRATEFROM:
	case CARD_MIGRATETO:
		l.run_fail = failed ? "Red" : "Green";
		l.active = "Blinking Green";
		l.redundant = "Blinking Amber";
		break;
	}
	return l;
}

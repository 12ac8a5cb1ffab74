/* SPDX-License-Identifier: MIT */
/* A card's life: every state with every event does what the table says or is refused; the lights say what the
 * state is. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "chassis/card_life.h"

static int changes;
static enum card_state last_from, last_to;

static void changed(struct card_life *c, enum card_state from, enum card_state to)
{
	(void)c;
	changes++;
	last_from = from;
	last_to = to;
}

static struct card_life *at(enum card_state s, bool role_active)
{
	static struct card_life c;

	changes = 0;
	card_life_init(&c, 3, s, changed, NULL);
	c.role_active = role_active;
	return &c;
}

/*
 * What every event makes of every state, written down a second time: E empty, O offline, B booting, R ready,
 * S standby, A active, F migratefrom, T migrateto, - refused. The column of "abandoned" is that of a card
 * that is active.
 */
static const char letters[] = "EOBRSAFT";
static const struct {
	const char *event, *to; /* one letter per state, in their order */
} expected[CARD_EVENTS] = {
        [CARD_EV_INSERT] = {"insert", "O-------"},
        [CARD_EV_PULL] = {"pull", "-E------"},
        [CARD_EV_POWER] = {"power", "-B------"},
        [CARD_EV_REPORT] = {"report", "--RRSAFT"},
        [CARD_EV_STANDBY] = {"standby", "---SSSST"},
        [CARD_EV_ACTIVE] = {"active", "---AAAFT"},
        [CARD_EV_MIGRATE_FROM] = {"migrate from", "-----FF-"},
        [CARD_EV_MIGRATE_TO] = {"migrate to", "---TTA-T"},
        [CARD_EV_MIGRATED] = {"migrated", "-----AFA"},
        [CARD_EV_ABANDONED] = {"abandoned", "-----AAA"},
        [CARD_EV_DOWN] = {"down", "-OOOOOOO"},
};

Test(card_life, every_state_and_event)
{
	for (int s = 0; s < CARD_STATES; s++)
		for (int e = 0; e < CARD_EVENTS; e++) {
			struct card_life *c = at((enum card_state)s, true);
			char want = expected[e].to[s];
			int rc = card_life_event(c, e);

			cr_expect_str_eq(fsm_event_name(&card_life_table, e), expected[e].event);
			cr_expect_eq(rc, want == '-' ? -EPROTO : 0, "%s in %s: %d", expected[e].event,
			             card_state_name((enum card_state)s), rc);
			cr_expect_eq(letters[card_life_state(c)], want == '-' ? letters[s] : want,
			             "%s in %s gives %s", expected[e].event,
			             card_state_name((enum card_state)s),
			             card_state_name(card_life_state(c)));
			cr_expect_eq(changes, card_life_state(c) != (enum card_state)s);
			if (changes)
				cr_expect(last_from == (enum card_state)s && last_to == card_life_state(c));
		}
}

Test(card_life, an_abandoned_migration_leaves_what_the_card_says_it_is)
{
	struct card_life *c = at(CARD_MIGRATETO, false);

	card_life_event(c, CARD_EV_ABANDONED);
	cr_expect_eq(card_life_state(c), CARD_STANDBY);
	c = at(CARD_MIGRATEFROM, false);
	card_life_event(c, CARD_EV_ABANDONED);
	cr_expect_eq(card_life_state(c), CARD_STANDBY);
}

Test(card_life, table_is_sound_and_words_are_the_mibs)
{
	static const char *const words[CARD_STATES] = {"empty",   "offline", "booting",     "ready",
	                                               "standby", "active",  "migratefrom", "migrateto"};
	char err[200];

	cr_expect_eq(fsm_check(&card_life_table, CARD_EMPTY, err, sizeof(err)), 0, "%s", err);
	for (int s = 0; s < CARD_STATES; s++) {
		cr_expect_str_eq(card_state_name((enum card_state)s), words[s]);
		cr_expect_eq(card_state_find(words[s]), (enum card_state)s);
		cr_expect_eq(card_state_mib((enum card_state)s), (unsigned)s + 2);
	}
	cr_expect_eq(card_state_find("molten"), CARD_STATES);
}

static bool leds_are(enum card_state s, bool failed, bool backed, const char *run, const char *active,
                     const char *red)
{
	struct card_leds l = card_leds(s, failed, backed);

	return !strcmp(l.run_fail, run) && !strcmp(l.active, active) && !strcmp(l.redundant, red);
}

Test(card_life, lights)
{
	cr_expect(leds_are(CARD_ACTIVE, false, true, "Green", "Green", "Green"));
	cr_expect(leds_are(CARD_ACTIVE, false, false, "Green", "Green", "Amber"));
	cr_expect(leds_are(CARD_ACTIVE, true, true, "Red", "Green", "Green"));
	cr_expect(leds_are(CARD_STANDBY, false, true, "Green", "Off", "Green"));
	cr_expect(leds_are(CARD_MIGRATEFROM, false, true, "Green", "Blinking Green", "Blinking Amber"));
	cr_expect(leds_are(CARD_MIGRATETO, false, true, "Green", "Blinking Green", "Blinking Amber"));
	cr_expect(leds_are(CARD_BOOTING, false, false, "Blinking Green", "Off", "Off"));
	cr_expect(leds_are(CARD_OFFLINE, false, false, "Off", "Off", "Off"), "halted: dark");
	cr_expect(leds_are(CARD_OFFLINE, true, false, "Red", "Off", "Off"));
	cr_expect(leds_are(CARD_EMPTY, true, true, "Off", "Off", "Off"));
}

/* SPDX-License-Identifier: MIT */
/*
 * The hatsystem process itself on a bus (task_rig.h), with the real rmctrl beside it, and cards, backplane
 * and srdb (a real store) played by the test: what is told while a chassis boots, orders that replace each
 * other, what a new hatsystem makes of what the last one left behind.
 */
#include <errno.h>

#include "base/clock.h"
#include "cfg/cfg.h"
#include "chassis/hardware.h"
#include "store/store.h"
#include "tests/exchange/task_config.h"
#include "tests/exchange/task_rig.h"

#define BOOT      "boot1"
#define PROFILE   "chassis/profiles/asr5500-lab.profile"
#define TASKS_MAX 64
#define TOLD_MAX  400

struct card {
	unsigned slot;
	struct bus_switch *sw;
	bool up, deaf; /* deaf: it does not do what it is told */
	char role[24];
	struct {
		char facility[24], state[16];
		uint32_t instance, cpu;
	} tasks[TASKS_MAX];
	size_t n;
};

static struct card cards[PROFILE_SLOTS_MAX + 1];
static struct profile profile;
static struct hardware hw;
static struct peer srdb, sct, cli;
static struct store_writer *store;
static char told[TOLD_MAX][48]; /* traps, "CardUp 2", and power lines, "power off 2 halt", in their order */
static unsigned n_told;

static const char config[] = "require session recovery\n"
                             "card 1\n  mode active\n#exit\n"
                             "card 2\n  mode active\n#exit\n"
                             "card 3\n  mode active\n#exit\n";

static void note(const char *what)
{
	cr_assert_lt(n_told, TOLD_MAX);
	snprintf(told[n_told++], sizeof(told[0]), "%s", what);
}

/* How often was this said from number `from` on? */
static unsigned said_since(unsigned from, const char *what)
{
	unsigned n = 0;

	for (unsigned i = from; i < n_told; i++)
		n += !strcmp(told[i], what);
	return n;
}

static unsigned said(const char *what)
{
	return said_since(0, what);
}

/* --- srdb
 * ----------------------------------------------------------------------------------------------------
 */

static void respond(Envelope *env, uint64_t id, const char *ret)
{
	env->kind = ENVELOPE__KIND__RESPONSE;
	env->id = id;
	cr_assert_eq(bus_client_send(srdb.client, ret, env), 0);
}

static void put(const CkptRow *r)
{
	struct store_batch *b = store_batch_new(store);
	struct store_ckpt row = {.kind = r->kind,
	                         .key = r->key,
	                         .owner = r->owner,
	                         .deleted = r->deleted,
	                         .blob = r->blob.data,
	                         .len = r->blob.len};

	cr_assert_eq(store_batch_ckpt(b, &row), 0);
	cr_assert_eq(store_submit(store, b, 0, NULL, NULL), 0);
	cr_assert_eq(store_flush(store, 0), 0);
}

static void note_trap(const TrapRaise *t)
{
	char text[48];
	const TrapVar *v = t->n_vars ? t->vars[0] : NULL;

	if (v && v->value_case == TRAP_VAR__VALUE_NUM)
		snprintf(text, sizeof(text), "%s %lld", t->name, (long long)v->num);
	else
		snprintf(text, sizeof(text), "%s %s", t->name, v ? v->str : "");
	note(text);
}

static void srdb_rx(struct peer *p, const Envelope *in, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	CkptAck ack = CKPT_ACK__INIT;
	Status st = STATUS__INIT;

	env.body_case = ENVELOPE__BODY_STATUS;
	env.status = &st;
	if (in->body_case == ENVELOPE__BODY_CKPT_WRITE) {
		for (size_t i = 0; i < in->ckpt_write->n_rows; i++)
			put(in->ckpt_write->rows[i]);
		env.body_case = ENVELOPE__BODY_CKPT_ACK;
		env.ckpt_ack = &ack;
	} else if (in->body_case == ENVELOPE__BODY_TRAP_RAISE) {
		note_trap(in->trap_raise);
	} else if (in->body_case != ENVELOPE__BODY_HISTORY_WRITE) {
		return;
	}
	respond(&env, in->id, ret);
}

static void alarm_of(unsigned slot, const char *name)
{
	struct store_batch *b = store_batch_new(store);
	char object[16];
	struct store_alarm a = {
	        .object = object, .name = name, .raised_us = clock_wall_us() - 10 * US_PER_SEC, .text = ""};

	snprintf(object, sizeof(object), "Card %u", slot);
	cr_assert_eq(store_batch_alarm(b, &a), 0);
	cr_assert_eq(store_submit(store, b, 0, NULL, NULL), 0);
	cr_assert_eq(store_flush(store, 0), 0);
}

/* What a hatsystem of before has stored of the slot. */
static void was(unsigned slot, const char *state)
{
	char key[16], text[64];
	CkptRow r = CKPT_ROW__INIT;

	snprintf(key, sizeof(key), "%u", slot);
	snprintf(text, sizeof(text), BOOT " %s 0 0 0", state);
	r.kind = "hat";
	r.key = key;
	r.owner = "hatsystem/0";
	r.blob.data = (uint8_t *)text;
	r.blob.len = strlen(text);
	put(&r);
}

/* --- cards and backplane
 * --------------------------------------------------------------------------------------- */

static void from_card(struct card *c, Envelope *env)
{
	env->kind = ENVELOPE__KIND__ONEWAY;
	bus_switch_send(c->sw, "hatsystem/0", env);
}

static void report(struct card *c)
{
	Envelope env = ENVELOPE__INIT;
	CardReport r = CARD_REPORT__INIT;
	TaskReport rows[TASKS_MAX], *ptrs[TASKS_MAX];

	if (!c->up)
		return;
	for (size_t i = 0; i < c->n; i++) {
		task_report__init(&rows[i]);
		rows[i].facility = c->tasks[i].facility;
		rows[i].instance = c->tasks[i].instance;
		rows[i].card = c->slot;
		rows[i].cpu = c->tasks[i].cpu;
		rows[i].pid = 1000;
		rows[i].state = c->tasks[i].state;
		ptrs[i] = &rows[i];
	}
	r.slot = c->slot;
	r.type = (char *)profile.card[c->slot]->name;
	r.state = c->role;
	r.tasks = ptrs;
	r.n_tasks = c->n;
	r.full = true;
	env.body_case = ENVELOPE__BODY_CARD_REPORT;
	env.card_report = &r;
	from_card(c, &env);
}

static void one_order(struct card *c, const TaskOrder *o)
{
	size_t i = 0;
	uint32_t known = o->what == TASK_ORDER__WHAT__ASSUME ? o->from_instance : o->instance;

	while (i < c->n && (c->tasks[i].instance != known || strcmp(c->tasks[i].facility, o->facility) != 0))
		i++;
	if (o->what == TASK_ORDER__WHAT__STOP && i < c->n) {
		c->tasks[i] = c->tasks[--c->n];
		return;
	}
	if (o->what == TASK_ORDER__WHAT__START && i == c->n) {
		cr_assert_lt(c->n, TASKS_MAX);
		snprintf(c->tasks[c->n].facility, sizeof(c->tasks[0].facility), "%s", o->facility);
		c->tasks[c->n++].cpu = o->cpu;
	}
	if (i < c->n) {
		c->tasks[i].instance = o->instance;
		snprintf(c->tasks[i].state, sizeof(c->tasks[i].state), "%s",
		         o->standby ? "standby" : "active");
	}
}

static void card_rx(void *arg, const struct bus_rx *rx)
{
	struct card *c = arg;
	Envelope *env = envelope__unpack(NULL, rx->len, rx->data);

	cr_assert(env);
	if (c->deaf) {
		envelope__free_unpacked(env, NULL);
		return;
	}
	if (env->body_case == ENVELOPE__BODY_CARD_SET_STATE)
		snprintf(c->role, sizeof(c->role), "%s", env->card_set_state->state);
	for (size_t i = 0; env->body_case == ENVELOPE__BODY_TASK_ORDERS && i < env->task_orders->n_orders;
	     i++)
		one_order(c, env->task_orders->orders[i]);
	if (env->body_case == ENVELOPE__BODY_CARD_SET_STATE || env->body_case == ENVELOPE__BODY_TASK_ORDERS)
		report(c);
	envelope__free_unpacked(env, NULL);
}

/* The active management card passes on what the backplane says. */
static void card_event(CardEvent__What what, unsigned slot, const char *reason)
{
	Envelope env = ENVELOPE__INIT;
	CardEvent e = CARD_EVENT__INIT;

	e.what = what;
	e.slot = slot;
	e.reason = (char *)reason;
	e.active_mio = 5;
	e.at_wall_us = clock_wall_us();
	env.body_case = ENVELOPE__BODY_CARD_EVENT;
	env.card_event = &e;
	from_card(&cards[5], &env);
}

static void tell_hardware(void)
{
	Envelope env = ENVELOPE__INIT;
	HardwareReport r = HARDWARE_REPORT__INIT;

	cr_assert_eq(hardware_pack(&hw, &r), 0);
	env.body_case = ENVELOPE__BODY_HARDWARE_REPORT;
	env.hardware_report = &r;
	from_card(&cards[5], &env);
	hardware_pack_free(&r);
}

static void down(unsigned slot, const char *reason)
{
	struct card *c = &cards[slot];

	c->up = hw.powered[slot] = false;
	c->n = 0;
	if (c->sw && slot != 5) {
		bus_switch_peer_down(rig.card, slot);
		bus_switch_free(c->sw);
		c->sw = NULL;
	}
	tell_hardware(); /* before the presence line: hatsystem relies on it */
	card_event(CARD_EVENT__WHAT__DOWN, slot, reason);
}

static void up(unsigned slot)
{
	struct card *c = &cards[slot];
	const struct card_type *type = profile.card[slot];

	c->slot = slot;
	c->up = hw.powered[slot] = true;
	snprintf(c->role, sizeof(c->role), "%s",
	         type->processing ? "booting"
	         : slot == 6      ? "standby"
	                          : "active");
	if (slot == 5) {
		c->sw = rig.card;
	} else if (!c->sw) {
		c->sw = bus_switch_new(&rig.loop, rig.dir, slot, card_rx, c);
		cr_assert(c->sw);
		bus_switch_peer_up(rig.card, slot);
		bus_switch_peer_up(c->sw, 5);
		RIG_WAIT(bus_switch_where(c->sw, "hatsystem/0") == 5);
	}
	tell_hardware();
	card_event(CARD_EVENT__WHAT__UP, slot, "");
	report(c);
}

/* Power lines are for card 5. */
static void mio_rx(const struct bus_rx *rx, const Envelope *env)
{
	char text[48];
	unsigned slot;

	if (env->body_case != ENVELOPE__BODY_CONTROL || strcmp(env->control->what, "power") != 0)
		return;
	snprintf(text, sizeof(text), "power %s", env->control->args);
	note(text);
	if (sscanf(env->control->args, "off %u", &slot) == 1 ||
	    sscanf(env->control->args, "cycle %u", &slot) == 1)
		down(slot, "power");
}

static void order(CardOrder__What what, unsigned slot, bool force)
{
	Envelope env = ENVELOPE__INIT;
	CardOrder o = CARD_ORDER__INIT;
	unsigned before = cli.acks;

	o.what = what;
	o.slot = slot;
	o.force = force;
	env.body_case = ENVELOPE__BODY_CARD_ORDER;
	env.card_order = &o;
	rig_request(&cli, &env);
	RIG_WAIT(cli.acks == before + 1);
}

/* --- the world
 * -------------------------------------------------------------------------------------------------- */

static void setup(void)
{
	char err[300];
	int rc;

	cr_assert_eq(profile_read(PROFILE, &profile, err, sizeof(err)), 0, "%s", err);
	hardware_init(&hw, &profile);
	rig.profile = PROFILE;
	rig.card_rx = mio_rx;
	rig_setup("hatsystem");
	store = store_open_writer(rig.dir, STORE_STATE, NULL, &rc);
	cr_assert(store);
	rig_configure(config);
	rig_peer(&srdb, "p-srdb", "srdb/0", NULL);
	rig_peer(&cli, "p-cli", "cli/1", NULL);
	srdb.rx = srdb_rx;
}

static void teardown(void)
{
	if (!store)
		return;
	rig_peer_close(&srdb);
	rig_peer_close(&cli);
	if (sct.client)
		rig_peer_close(&sct);
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		if (cards[s].sw && s != 5)
			bus_switch_free(cards[s].sw);
	store_close_writer(store);
	rig_teardown();
}

TestSuite(hatsystem_task, .init = setup, .fini = teardown, .timeout = 60);

static void running(void)
{
	RIG_WAIT(said("CardActive 1") && said("CardActive 2") && said("CardActive 3") &&
	         said("CardStandby 10"));
}

/* All cards of the profile but one (0: all), after the management card those of the lower slots first. */
static void boot(unsigned but)
{
	rig_start(BOOT);
	rig_help("rmctrl", BOOT);
	rig_peer(&sct, "p-sct", "sct/0", NULL);
	up(5);
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		if (profile.card[s] && s != but && s != 5)
			up(s);
}

static unsigned late; /* this card does not report to the next one */

/* Everything is told anew to the next one. */
static void next_hatsystem(void)
{
	rig_stop();
	rig_start(BOOT);
	tell_hardware();
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		if (cards[s].up) {
			card_event(CARD_EVENT__WHAT__UP, s, "");
			RIG_WAIT(bus_switch_where(cards[s].sw, "hatsystem/0") == 5);
			if (s != late)
				report(&cards[s]);
		}
}

Test(hatsystem_task, a_card_that_is_up_although_its_alarm_says_otherwise_is_told)
{
	/* It went down and came up while nobody looked: the last hatsystem hung, and knew it active. */
	was(2, "active");
	was(3, "offline");
	alarm_of(2, "CardRebootRequest");
	alarm_of(3, "CardDown");
	rig_start(BOOT);
	up(5);
	up(2);
	snprintf(cards[2].role, sizeof(cards[2].role), "active");
	report(&cards[2]);
	RIG_WAIT(said("CardUp 2"));
	cr_expect_eq(said("CardUp 3"), 0, "that one is not there");
}

Test(hatsystem_task, a_boot_tells_of_no_single_point_of_failure)
{
	cards[10].deaf = true; /* the spare is the last to have its role */
	boot(0);
	RIG_WAIT(said("CardActive 1") && said("CardActive 2") && said("CardActive 3") &&
	         said("CardActive 17"));
	cards[10].deaf = false;
	running();
	RIG_WAIT(said("CardStandby 6"));
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		char text[32];

		snprintf(text, sizeof(text), "CardSPOFAlarm %u", s);
		cr_expect_eq(said(text), 0, "%s", text);
	}
	/* from now on it is */
	down(10, "pulled");
	RIG_WAIT(said("CardSPOFAlarm 1") && said("CardSPOFAlarm 2") && said("CardSPOFAlarm 3"));
}

Test(hatsystem_task, a_card_that_never_comes_leaves_the_other_alone)
{
	boot(6);
	running();
	RIG_WAIT(said("CardSPOFAlarm 5"));
	cr_expect_eq(said("CardSPOFAlarm 1"), 0);
}

Test(hatsystem_task, a_halt_becomes_a_reboot)
{
	unsigned from;

	boot(0);
	running();
	cards[10].deaf = true; /* so that the move takes its time */
	from = n_told;
	order(CARD_ORDER__WHAT__HALT, 2, false);
	cr_assert_eq(cli.status, 0);
	RIG_WAIT(said("CardMigrateStart 2"));
	order(CARD_ORDER__WHAT__REBOOT, 2, false);
	cr_assert_neq(cli.status, 0, "a move is under way");
	order(CARD_ORDER__WHAT__REBOOT, 2, true);
	cr_assert_eq(cli.status, 0);
	cr_assert_eq(said_since(from, "power cycle 2 reboot"), 0, "it was not empty yet");
	cards[10].deaf = false;
	RIG_WAIT(said("power cycle 2 reboot"));
	cr_expect_eq(said("power off 2 halt"), 0);
	cr_expect_eq(said("CardMigrateFailed 2"), 0, "the move went on");
	up(2);
	RIG_WAIT(said_since(from, "CardStandby 2"));
}

Test(hatsystem_task, what_follows_a_move_is_done_by_the_next_hatsystem)
{
	boot(0);
	running();
	cards[10].deaf = true;
	order(CARD_ORDER__WHAT__HALT, 2, false);
	RIG_WAIT(said("CardMigrateStart 2"));
	order(CARD_ORDER__WHAT__REBOOT, 2, true); /* it said yes: from now on this is what will be done */
	next_hatsystem();
	order(CARD_ORDER__WHAT__REBOOT, 2, false);
	cr_expect_eq(cli.status, 0, "asked again, as the first answer may have been lost");
	order(CARD_ORDER__WHAT__HALT, 2, false);
	cr_expect_neq(cli.status, 0, "another one is an order during a move");
	cards[10].deaf = false;
	RIG_WAIT(said("power cycle 2 reboot"));
	cr_expect_eq(said("power off 2 halt"), 0);
}

/* A card that waits for a CPU, say, reports late: what runs on it is neither killed nor moved. */
Test(hatsystem_task, a_card_that_reports_late_is_waited_for)
{
	boot(0);
	running();
	late = 2;
	next_hatsystem();
	RIG_WAIT(rig.ticks >= 3500); /* seven seconds */
	cr_assert_eq(said("power cycle 2 it does not report"), 0);
	report(&cards[2]);
	late = 0;
	order(CARD_ORDER__WHAT__HALT, 2, false); /* it serves */
	RIG_WAIT(said("CardMigrateStart 2"));
	cr_expect_eq(said("CardDown 2"), 0);
}

/* … and one that hangs is the backplane's to tell. */
Test(hatsystem_task, a_card_that_hangs_is_not_waited_for)
{
	boot(0);
	running();
	late = 2;
	next_hatsystem();
	card_event(CARD_EVENT__WHAT__HUNG, 2, "no heartbeat");
	RIG_WAIT(said("power cycle 2 no heartbeat"));
	RIG_WAIT(said("CardMigrateComplete 2"));
}

Test(hatsystem_task, a_card_that_was_too_hot_stays_off_over_a_hatsystem)
{
	char err[200];

	boot(0);
	running();
	cr_assert_eq(hardware_force(&hw, 2, "temperature", 120, err, sizeof(err)), 0, "%s", err);
	tell_hardware();
	RIG_WAIT(said("power off 2 temperature limit") && said("CardMigrateComplete 2"));
	RIG_WAIT(said("CardTempOverheat 2"));
	rig_round_trip(&cli, "cards"); /* what it saved has left it */
	next_hatsystem();
	order(CARD_ORDER__WHAT__REBOOT, 2, false);
	cr_expect_neq(cli.status, 0, "too hot");
	cr_expect_eq(said("power on 2 reboot"), 0);
	cr_assert_eq(hardware_release(&hw, 2, "temperature", err, sizeof(err)), 0);
	tell_hardware();
	RIG_WAIT(said("power on 2 cooled down") && said("CardTempOK 2"));
	cr_expect_eq(said("CardTempOverheat 2"), 1, "told once");
	cr_expect_eq(said("CardTempOK 2"), 1);
	cr_expect_eq(said("power off 2 temperature limit"), 1);
}

/* The slot is empty and full again before the end of the card that was in it is told. */
Test(hatsystem_task, a_card_that_is_exchanged_quickly_was_removed)
{
	const struct card_type *type;
	unsigned from;

	boot(0);
	running();
	from = n_told;
	type = hw.card[10];
	hw.card[10] = NULL;
	hw.powered[10] = false;
	tell_hardware();
	hw.card[10] = type;
	tell_hardware();
	down(10, "removed");
	RIG_WAIT(said_since(from, "CardDown 10") && said_since(from, "CardInserted 10"));
	cr_expect_eq(said_since(from, "CardRemoved 10"), 1);
	up(10);
	RIG_WAIT(said_since(from, "CardStandby 10"));
	cr_expect_eq(said_since(from, "CardRemoved 10"), 1);
}

/* SPDX-License-Identifier: MIT */
/*
 * The cards and the other hardware: orders to cards, and shows of lights, temperatures, fans, power,
 * diagnostics, the disk array. hatsystem has it all; the text is lib/render/render_hw.c. Card table and card
 * info are in cli_show_chassis.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "cli_show.h"
#include "cli_task.h"

#define ORDER_MS 10000

/* --- orders
 * --------------------------------------------------------------------------------------------------- */

static int card_order(struct sh *sh, CardOrder__What what, const struct cli_cmd *cmd, const char *slot,
                      const char *to)
{
	Envelope env = ENVELOPE__INIT;
	CardOrder o = CARD_ORDER__INIT;

	o.what = what;
	o.slot = (uint32_t)cli_cmd_int(cmd, slot, 0);
	o.to_slot = to ? (uint32_t)cli_cmd_int(cmd, to, 0) : 0;
	o.force = cli_cmd_has(cmd, "-force");
	env.body_case = ENVELOPE__BODY_CARD_ORDER;
	env.card_order = &o;
	return sh_order(sh, "hatsystem/0", &env, ORDER_MS);
}

static int card_halt(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)out;
	return card_order(sh, CARD_ORDER__WHAT__HALT, cmd, "slot", NULL);
}

static int card_reboot(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)out;
	return card_order(sh, CARD_ORDER__WHAT__REBOOT, cmd, "slot", NULL);
}

static int card_restart(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)out;
	return card_order(sh, CARD_ORDER__WHAT__RESTART, cmd, "slot", NULL);
}

static int card_upgrade(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)out;
	return card_order(sh, CARD_ORDER__WHAT__UPGRADE, cmd, "slot", NULL);
}

static int card_migrate(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)out;
	return card_order(sh, CARD_ORDER__WHAT__MIGRATE, cmd, "from", "to");
}

static int card_switch(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)out;
	return card_order(sh, CARD_ORDER__WHAT__SWITCH, cmd, "from", "to");
}

static int card_busy_out(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)out;
	return card_order(sh, CARD_ORDER__WHAT__BUSY_OUT, cmd, "slot", NULL);
}

static int card_busy_in(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)out;
	return card_order(sh, CARD_ORDER__WHAT__BUSY_IN, cmd, "slot", NULL);
}

/* --- shows
 * ---------------------------------------------------------------------------------------------------- */

/* The installed cards of hatsystem's list; slot 0: all. */
static json_t *installed(json_t *list, int64_t slot)
{
	json_t *keep = json_array(), *c;
	size_t i;

	json_array_foreach(list, i,
	                   c) if (render_flag(c, "installed") && (!slot || render_num(c, "slot") == slot))
	        json_array_append(keep, c);
	return keep;
}

/* {cards[], fans[], feeds[], raid}: everything hatsystem knows of the hardware. */
static json_t *hw_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	int64_t slot = cli_cmd_int(cmd, "slot", 0);
	json_t *j = sh_show(sh, "hatsystem/0", "hardware", "", err, size), *cards, *keep;

	cards = j ? sh_show(sh, "hatsystem/0", "cards", "", err, size) : NULL;
	if (!cards) {
		json_decref(j);
		return NULL;
	}
	keep = installed(json_object_get(cards, "cards"), slot);
	json_decref(cards);
	json_object_set_new(j, "cards", keep);
	if (slot && !json_array_size(keep)) {
		snprintf(err, size, "Failure: There is no card in slot %lld", (long long)slot);
		json_decref(j);
		return NULL;
	}
	return j;
}

static bool any_not(const json_t *list, const char *key, const char *value)
{
	const json_t *x;
	size_t i;

	json_array_foreach(list, i, x) if (strcmp(render_str(x, key), value)) return true;
	return false;
}

/* trouble: the status light is red; service: somebody has to come with a part. */
static json_t *leds_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *all = sh_show(sh, "hatsystem/0", "cards", "", err, size),
	       *j = all ? hw_collect(sh, cmd, err, size) : NULL, *c;
	bool service = j && (any_not(render_list(j, "fans"), "state", "Normal") ||
	                     any_not(render_list(j, "feeds"), "state", "Normal"));
	bool trouble = service;
	size_t i;

	json_array_foreach(json_object_get(all, "cards"), i, c) trouble |= render_flag(c, "failed");
	json_decref(all);
	if (!j)
		return NULL;
	json_object_set_new(j, "service", json_boolean(service));
	json_object_set_new(j, "trouble", json_boolean(trouble));
	return j;
}

/* A virtual chassis has no such parts. */
static json_t *part_collect(struct sh *sh, const struct cli_cmd *cmd, const char *list, const char *what,
                            char *err, size_t size)
{
	json_t *j = hw_collect(sh, cmd, err, size);

	if (j && !json_array_size(json_object_get(j, list))) {
		snprintf(err, size, "Failure: This chassis has no %s", what);
		json_decref(j);
		return NULL;
	}
	return j;
}

static json_t *fans_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return part_collect(sh, cmd, "fans", "fan trays", err, size);
}

static json_t *temperature_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return part_collect(sh, cmd, "fans", "temperature sensors", err, size);
}

static json_t *power_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return part_collect(sh, cmd, "feeds", "power filter units", err, size);
}

static json_t *fabric_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *j = hw_collect(sh, cmd, err, size);

	if (j && !render_num(json_object_get(j, "fabric"), "installed")) {
		snprintf(err, size, "Failure: This chassis has no fabric cards");
		json_decref(j);
		return NULL;
	}
	return j;
}

static uint64_t wall(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * US_PER_SEC + (uint64_t)t->tv_nsec / 1000;
}

/* The array is the directory /hd-raid: made and last changed when that was; its id is that of the place. */
static json_t *raid_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *j = hw_collect(sh, cmd, err, size), *r = json_object_get(j, "raid");
	struct statx st = {0};
	char uuid[48];

	if (!j)
		return NULL;
	if (!render_num(r, "disks")) {
		snprintf(err, size, "Failure: This chassis has no HD RAID");
		json_decref(j);
		return NULL;
	}
	if (statx(AT_FDCWD, task_state_path(sh->t, "hd-raid"), 0, STATX_BASIC_STATS | STATX_BTIME, &st) ==
	    0) {
		struct timespec c = {.tv_sec = st.stx_btime.tv_sec, .tv_nsec = st.stx_btime.tv_nsec},
		                m = {.tv_sec = st.stx_mtime.tv_sec, .tv_nsec = st.stx_mtime.tv_nsec};

		json_object_set_new(r, "created", json_integer((json_int_t)wall(c.tv_sec ? &c : &m)));
		json_object_set_new(r, "updated", json_integer((json_int_t)wall(&m)));
	}
	snprintf(uuid, sizeof(uuid), "%08x:%08x:%08x:%08x",
	         (unsigned)st.stx_dev_major << 16 | st.stx_dev_minor, (unsigned)(st.stx_ino >> 32),
	         (unsigned)st.stx_ino, (unsigned)st.stx_btime.tv_sec);
	json_object_set_new(r, "uuid", json_string(uuid));
	return j;
}

const struct sh_command sh_hw_commands[] = {
        {"card_halt", card_halt, NULL, NULL},
        {"card_reboot", card_reboot, NULL, NULL},
        {"card_restart", card_restart, NULL, NULL},
        {"card_upgrade", card_upgrade, NULL, NULL},
        {"card_migrate", card_migrate, NULL, NULL},
        {"card_switch", card_switch, NULL, NULL},
        {"card_busy_out", card_busy_out, NULL, NULL},
        {"card_busy_in", card_busy_in, NULL, NULL},
        {"show_leds", NULL, leds_collect, render_leds},
        {"show_temperature", NULL, temperature_collect, render_temperature},
        {"show_fans", NULL, fans_collect, render_fans},
        {"show_power_chassis", NULL, power_collect, render_power_chassis},
        {"show_card_hardware", NULL, hw_collect, render_card_hardware},
        {"show_card_diag", NULL, hw_collect, render_card_diag},
        {"show_fabric", NULL, fabric_collect, render_fabric},
        {"show_hd_raid", NULL, raid_collect, render_hd_raid},
        {NULL, NULL, NULL, NULL},
};

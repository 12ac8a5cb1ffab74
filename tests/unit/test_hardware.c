/* SPDX-License-Identifier: MIT */
/* Sensors, fans and feeds: nominal values and their drift, what faults may set, limits, the message there and
 * back. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chassis/hardware.h"

static struct profile lab;
static struct hardware h;
static char err[300];

static void setup(void)
{
	cr_assert_eq(profile_read("chassis/profiles/asr5500-lab.profile", &lab, err, sizeof(err)), 0, "%s",
	             err);
	hardware_init(&h, &lab);
}

TestSuite(hardware, .init = setup);

Test(hardware, all_is_well_at_first_and_drifts_within_its_band)
{
	int low = 1000, high = 0;

	for (uint64_t t = 0; t < 3600; t += 30)
		for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
			if (!lab.card[s]) {
				cr_expect_eq(hardware_temperature(&h, s, t), 0);
				continue;
			}
			cr_expect_eq(hardware_heat(&h, s, t), HW_NORMAL);
			cr_expect_eq(hardware_supply(&h, s, t), HW_NORMAL);
			cr_expect_eq(hardware_temperature(&h, s, t), hardware_temperature(&h, s, t),
			             "the same second, the same value");
			if (s == 1 && hardware_temperature(&h, s, t) < low)
				low = hardware_temperature(&h, s, t);
			if (s == 1 && hardware_temperature(&h, s, t) > high)
				high = hardware_temperature(&h, s, t);
		}
	cr_expect_eq(low, 40);
	cr_expect_eq(high, 42);
	for (unsigned t = 1; t <= HW_FANS; t++)
		cr_expect_eq(hardware_fan(&h, t), HW_OK);
	cr_expect_eq(hardware_fan_percent(&h, 1, 0), 60);
	cr_expect_eq(hardware_fan_percent(&h, 3, 0), 75);
}

Test(hardware, every_limit_of_every_type)
{
	size_t n;
	const struct card_type *t = card_types(&n);

	for (size_t i = 0; i < n; i++) {
		const struct card_sensor *heat = &t[i].heat;

		if (!heat->nominal)
			continue;
		h.card[7] = &t[i];
		struct {
			int value;
			enum hw_level level;
		} row[] = {{heat->warn - 1, HW_NORMAL},   {heat->warn, HW_WARNING},
		           {heat->alarm - 1, HW_WARNING}, {heat->alarm, HW_ALARM},
		           {heat->off - 1, HW_ALARM},     {heat->off, HW_OFF}};

		for (size_t k = 0; k < sizeof(row) / sizeof(row[0]); k++) {
			cr_assert_eq(hardware_force(&h, 7, "temperature", row[k].value, err, sizeof(err)), 0,
			             "%s", err);
			cr_expect_eq(hardware_temperature(&h, 7, 99), row[k].value);
			cr_expect_eq(hardware_heat(&h, 7, 99), row[k].level, "%s at %d", t[i].name,
			             row[k].value);
		}
		cr_assert_eq(hardware_force(&h, 7, "voltage", t[i].supply.low, err, sizeof(err)), 0);
		cr_expect_eq(hardware_supply(&h, 7, 0), HW_NORMAL);
		cr_assert_eq(hardware_force(&h, 7, "voltage", t[i].supply.low - 1, err, sizeof(err)), 0);
		cr_expect_eq(hardware_supply(&h, 7, 0), HW_ALARM);
		cr_assert_eq(hardware_force(&h, 7, "voltage", t[i].supply.alarm, err, sizeof(err)), 0);
		cr_expect_eq(hardware_supply(&h, 7, 0), HW_ALARM);
		hardware_release_all(&h);
		cr_expect_eq(hardware_heat(&h, 7, 99), HW_NORMAL);
	}
}

Test(hardware, what_is_refused_and_why)
{
	cr_expect_eq(hardware_force(&h, 1, "humidity", 1, err, sizeof(err)), -ENOENT);
	cr_expect(strstr(err, "humidity") && strstr(err, "temperature, voltage"), "%s", err);
	cr_expect_eq(hardware_force(&h, 4, "temperature", 50, err, sizeof(err)), -ENOENT);
	cr_expect(strstr(err, "slot 4"), "%s", err);
	cr_expect_eq(hardware_force(&h, 21, "temperature", 50, err, sizeof(err)), -ENOENT);
	cr_expect_eq(hardware_force(&h, 1, "temperature", 126, err, sizeof(err)), -ERANGE);
	cr_expect(strstr(err, "126") && strstr(err, "-40 to 125"), "%s", err);
	cr_expect_eq(hardware_force(&h, 1, "fan-1", HW_FAILED, err, sizeof(err)), -ENOENT);
	cr_expect_eq(hardware_force(&h, 0, "fan-5", HW_FAILED, err, sizeof(err)), -ENOENT);
	cr_expect_eq(hardware_force(&h, 0, "power-2", 3, err, sizeof(err)), -ERANGE);
	cr_expect_eq(h.n_set, 0);
}

Test(hardware, a_tray_that_stands_still_warms_its_half)
{
	int front = hardware_temperature(&h, 11, 0), rear = hardware_temperature(&h, 1, 0);

	cr_assert_eq(hardware_force(&h, 0, "fan-2", HW_FAILED, err, sizeof(err)), 0, "%s", err);
	cr_expect_gt(hardware_temperature(&h, 11, 0), front);
	cr_expect_eq(hardware_temperature(&h, 1, 0), rear);
	cr_expect_eq(hardware_fan_percent(&h, 2, 0), 0);
	cr_expect_eq(hardware_fan_percent(&h, 1, 0), 100, "the others hurry");
	cr_assert_eq(hardware_release(&h, 0, "fan-2", err, sizeof(err)), 0);
	cr_expect_eq(hardware_temperature(&h, 11, 0), front);
	cr_assert_eq(hardware_force(&h, 1, "temperature", 70, err, sizeof(err)), 0);
	cr_expect_eq(hardware_fan_percent(&h, 3, 0), 100, "a warm card, too");
}

Test(hardware, the_message_carries_everything)
{
	HardwareReport r, *copy;
	struct hardware other;
	uint8_t *buf;
	size_t n;

	h.card[2] = NULL;
	h.powered[3] = true;
	hardware_force(&h, 3, "temperature", 77, err, sizeof(err));
	hardware_force(&h, 0, "power-1", HW_REMOVED, err, sizeof(err));
	cr_assert_eq(hardware_pack(&h, &r), 0);
	n = hardware_report__get_packed_size(&r);
	buf = malloc(n);
	hardware_report__pack(&r, buf);
	hardware_pack_free(&r);
	copy = hardware_report__unpack(NULL, n, buf);
	hardware_init(&other, &lab);
	hardware_read(&other, copy);
	hardware_report__free_unpacked(copy, NULL);
	free(buf);
	cr_expect_null(other.card[2]);
	cr_expect_eq(other.card[3], h.card[3]);
	cr_expect_str_eq(other.serial[3], "FLM21180003");
	cr_expect(other.powered[3] && !other.powered[1]);
	cr_expect_eq(hardware_temperature(&other, 3, 5), 77);
	cr_expect_eq(hardware_feed(&other, 1), HW_REMOVED);
	cr_expect_eq(hardware_feed(&other, 2), HW_OK);
}

Test(hardware, a_virtual_chassis_has_none)
{
	struct profile di;

	cr_assert_eq(profile_read("chassis/profiles/vpc-di.profile", &di, err, sizeof(err)), 0, "%s", err);
	hardware_init(&h, &di);
	cr_expect_eq(hardware_temperature(&h, 3, 0), 0);
	cr_expect_eq(hardware_heat(&h, 3, 0), HW_NORMAL);
	cr_expect_eq(hardware_force(&h, 3, "temperature", 50, err, sizeof(err)), -ENOENT);
	cr_expect_eq(hardware_force(&h, 0, "fan-1", HW_FAILED, err, sizeof(err)), -ENOENT);
}

/* SPDX-License-Identifier: MIT */
/* Profiles: the shipped ones load; what is wrong in one is told with file, line and range. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chassis/profile.h"

static int read_text(const char *text, struct profile *p, char *err, size_t size)
{
	char path[] = "/tmp/orrery-profile-XXXXXX";
	int fd = mkstemp(path), rc;

	cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	rc = profile_read(path, p, err, size);
	unlink(path);
	return rc;
}

Test(profile, shipped_ones_load)
{
	static const char *const names[] = {"asr5500-lab", "asr5500-full", "vpc-si", "vpc-di"};

	for (int i = 0; i < 4; i++) {
		struct profile p;
		char path[100], err[300] = "";

		snprintf(path, sizeof(path), "chassis/profiles/%s.profile", names[i]);
		cr_expect_eq(profile_read(path, &p, err, sizeof(err)), 0, "%s", err);
		cr_expect_str_eq(p.name, names[i]);
	}
}

Test(profile, slots_have_types_and_cards_serial_numbers)
{
	struct profile p;
	char err[300];

	cr_assert_eq(profile_read("chassis/profiles/asr5500-lab.profile", &p, err, sizeof(err)), 0, "%s",
	             err);
	cr_expect_str_eq(p.serial[2], "FLM21180002");
	cr_expect_str_eq(profile_slot_type(&p, 2), "DPC");
	cr_expect_str_eq(profile_slot_type(&p, 4), "DPC");
	cr_expect_null(p.card[4]);
	cr_expect_str_eq(profile_slot_type(&p, 19), "", "19 and 20 are reserved");
	cr_expect_str_eq(profile_slot_type(&p, 99), "");
	cr_expect_eq(p.fan_trays, 4);
	cr_assert_eq(profile_read("chassis/profiles/vpc-di.profile", &p, err, sizeof(err)), 0, "%s", err);
	cr_expect(p.card[1]->management && !p.card[1]->processing);
	cr_expect(!p.card[3]->management && p.card[3]->processing);
	cr_expect_eq(p.fan_trays, 0);
	cr_expect_eq(read_text("slot 1 DPC2 FLM1 more\n", &p, err, sizeof(err)), -EINVAL);
	cr_expect_eq(read_text("empty 21 DPC\n", &p, err, sizeof(err)), -EINVAL);
	cr_expect_eq(read_text("fan-trays 5\n", &p, err, sizeof(err)), -ERANGE);
}

Test(profile, errors_name_line_and_range)
{
	struct profile p;
	char err[400];

	cr_expect_eq(read_text("slots 20\nslot 21 DPC2\n", &p, err, sizeof(err)), -EINVAL);
	cr_expect(strstr(err, "line 2") && strstr(err, "1 to 20"), "%s", err);
	cr_expect_eq(read_text("slot 1 DPC9\n", &p, err, sizeof(err)), -EINVAL);
	cr_expect(strstr(err, "DPC9"), "%s", err);
	cr_expect_eq(read_text("task-heartbeat 10 2000\n", &p, err, sizeof(err)), -ERANGE);
	cr_expect(strstr(err, "50 to 60000"), "%s", err);
	cr_expect_eq(read_text("frobnicate 1\n", &p, err, sizeof(err)), -EINVAL);
	cr_expect_eq(read_text("slots 1\ntask-heartbeat 500 2000\ncard-heartbeat 250 2000\nslot 1 DPC2\n", &p,
	                       err, sizeof(err)),
	             -EINVAL);
	cr_expect(strstr(err, "management"), "%s", err);
	cr_expect_eq(profile_read("/nonexistent", &p, err, sizeof(err)), -ENOENT);
}

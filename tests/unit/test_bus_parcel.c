/* SPDX-License-Identifier: MIT */
/* Several messages in one of ZeroMQ: what is packed comes back, and nothing that is cut or made up is read
 * past. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus/bus_parcel.h"

static struct bus_parcel p;

static void teardown(void)
{
	free(p.data);
	p = (struct bus_parcel){0};
}

TestSuite(bus_parcel, .fini = teardown);

static void add(const char *first, const char *second)
{
	struct bus_frame f[2] = {{first, strlen(first)}, {second, strlen(second)}};

	cr_assert_eq(bus_parcel_add(&p, f, 2), 0);
}

Test(bus_parcel, messages_come_back_in_order)
{
	struct bus_frame f[BUS_FRAMES_MAX];
	size_t pos = 0;

	add("srdb/0", "one");
	add("", "two");
	cr_assert_eq(bus_parcel_next(p.data, p.len, &pos, f), 2);
	cr_assert_eq(f[0].len, 6);
	cr_assert_arr_eq(f[0].data, "srdb/0", 6);
	cr_assert_arr_eq(f[1].data, "one", 3);
	cr_assert_eq(bus_parcel_next(p.data, p.len, &pos, f), 2);
	cr_assert_eq(f[0].len, 0);
	cr_assert_eq(f[1].len, 3);
	cr_assert_eq(bus_parcel_next(p.data, p.len, &pos, f), 0);
}

Test(bus_parcel, grows_and_gives_a_large_buffer_back)
{
	static char large[100000];
	struct bus_frame f = {large, sizeof(large)}, got[BUS_FRAMES_MAX];
	size_t pos = 0;

	memset(large, 'x', sizeof(large));
	for (int i = 0; i < 10; i++)
		cr_assert_eq(bus_parcel_add(&p, &f, 1), 0);
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(bus_parcel_next(p.data, p.len, &pos, got), 1);
		cr_assert_eq(got[0].len, sizeof(large));
	}
	bus_parcel_reset(&p);
	cr_assert_null(p.data);
	add("a", "b");
	bus_parcel_reset(&p);
	cr_assert_eq(p.len, 0);
	cr_assert(p.data, "a small one is kept");
}

Test(bus_parcel, refuses_too_many_frames)
{
	struct bus_frame f[BUS_FRAMES_MAX + 1] = {{"x", 1}};

	cr_assert_eq(bus_parcel_add(&p, f, BUS_FRAMES_MAX + 1), -EMSGSIZE);
	cr_assert_eq(bus_parcel_add(&p, f, 0), -EMSGSIZE);
	cr_assert_eq(p.len, 0);
}

Test(bus_parcel, what_is_cut_is_no_message)
{
	struct bus_frame f[BUS_FRAMES_MAX];

	add("ipsecmgr/1", "an envelope");
	for (size_t len = 1; len < p.len; len++) {
		uint8_t *exact = malloc(len); /* so that ASan sees a byte too many */
		size_t pos = 0;

		memcpy(exact, p.data, len);
		cr_assert_eq(bus_parcel_next(exact, len, &pos, f), -EBADMSG, "%zu bytes", len);
		free(exact);
	}
}

Test(bus_parcel, what_is_made_up_is_no_message)
{
	static const uint8_t none[] = {0}, seven[] = {7, 0, 0, 0, 0},
	                     huge[] = {1, 0xff, 0xff, 0xff, 0xff, 'x'};
	struct bus_frame f[BUS_FRAMES_MAX];
	size_t pos = 0;

	cr_assert_eq(bus_parcel_next(none, sizeof(none), &pos, f), -EBADMSG);
	pos = 0;
	cr_assert_eq(bus_parcel_next(seven, sizeof(seven), &pos, f), -EBADMSG);
	pos = 0;
	cr_assert_eq(bus_parcel_next(huge, sizeof(huge), &pos, f), -EBADMSG);
	pos = 0;
	cr_assert_eq(bus_parcel_next(NULL, 0, &pos, f), 0);
}

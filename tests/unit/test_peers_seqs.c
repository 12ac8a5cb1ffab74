/* SPDX-License-Identifier: MIT */
/*
 * Tests of the exact set of received ESP sequence numbers (cmd/peers_seqs.c): a reused number is found
 * however old it is, a copy of a recent packet is told apart. The file is part of a program, so it is
 * compiled into the test.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include "cmd/peers_seqs.c"

Test(peers_seqs, new_numbers_are_new)
{
	struct peers_seqs s = {0};
	uint32_t i;

	for (i = 1; i < 20000; i++)
		cr_assert_eq(peers_seqs_seen(&s, i, i), 0);
	cr_assert_eq(peers_seqs_seen(&s, 65536, 1), 0);
	cr_assert_eq(peers_seqs_seen(&s, UINT32_MAX, 1), 0);
	peers_seqs_free(&s);
}

Test(peers_seqs, reuse_is_found_however_old)
{
	struct peers_seqs s = {0};
	uint32_t i;

	for (i = 1; i < 20000; i++)
		peers_seqs_seen(&s, i, i);
	cr_assert_eq(peers_seqs_seen(&s, 1, 77), -EEXIST);
	cr_assert_eq(peers_seqs_seen(&s, 4095, 77), -EEXIST);
	cr_assert_eq(peers_seqs_seen(&s, 4096, 77), -EEXIST);
	cr_assert_eq(peers_seqs_seen(&s, 19999, 77), -EEXIST);
	peers_seqs_free(&s);
}

Test(peers_seqs, copy_of_a_packet_is_not_reuse)
{
	struct peers_seqs s = {0};

	cr_assert_eq(peers_seqs_seen(&s, 5, 1234), 0);
	cr_assert_eq(peers_seqs_seen(&s, 6, 99), 0);
	cr_assert_eq(peers_seqs_seen(&s, 5, 1234), 1);
	cr_assert_eq(peers_seqs_seen(&s, 5, 1235), -EEXIST);
	peers_seqs_free(&s);
}

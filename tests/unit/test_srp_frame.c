/* SPDX-License-Identifier: MIT */
/* Frames, saved state, election rules and the state table of SRP, each by itself. Subjects: srp_frame.c,
 * srp_elect.c, srp_fsm.c. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "srp/srp_int.h"

static SrpHello hello(void)
{
	SrpHello h = SRP_HELLO__INIT;

	h.version = SRP_VERSION;
	h.chassis = "a";
	h.state = "Active";
	h.mode = "Primary";
	h.tiebreaker = "02-00-00-00-00-01";
	h.config_checksum = "x";
	return h;
}

static bool hello_passes(SrpHello *h)
{
	SrpFrame f = SRP_FRAME__INIT, *back;
	size_t len;
	uint8_t *buf;
	bool ok;

	f.body_case = SRP_FRAME__BODY_HELLO;
	f.hello = h;
	buf = srp_frame_pack(&f, &len);
	cr_assert_eq(srp_frame_need(buf, len), (int64_t)len);
	cr_assert_eq(srp_frame_need(buf, len - 1), 0);
	back = srp_frame_parse(buf + SRP_FRAME_HEAD, len - SRP_FRAME_HEAD);
	ok = back != NULL;
	if (back)
		srp_frame__free_unpacked(back, NULL);
	free(buf);
	return ok;
}

Test(srp_frame, hello_is_checked)
{
	SrpHello h = hello();

	cr_assert(hello_passes(&h));
	h.state = "Asleep";
	cr_assert_not(hello_passes(&h));
	h = hello();
	h.mode = "primary";
	cr_assert_not(hello_passes(&h));
	h = hello();
	h.version = 2;
	cr_assert_not(hello_passes(&h));
	h = hello();
	h.tiebreaker = "02-00-00-00-00-01-02";
	cr_assert_not(hello_passes(&h));
	h = hello();
	char name[SRP_NAME_LEN + 1];
	memset(name, 'n', SRP_NAME_LEN);
	name[SRP_NAME_LEN] = 0;
	h.chassis = name;
	cr_assert_not(hello_passes(&h));
}

Test(srp_frame, rows_are_checked)
{
	CkptRow row = CKPT_ROW__INIT, *rowp[SRP_SHIP_ROWS + 1];
	SrpRows rows = SRP_ROWS__INIT;
	SrpFrame f = SRP_FRAME__INIT, *back;
	uint8_t *buf;
	size_t len;

	static const struct {
		const char *kind;
		size_t n;
		bool ok;
	} cases[] = {{"ikesa", 1, true},
	             {"", 1, false},
	             {"srp", 1, false},
	             {"ikesa", SRP_SHIP_ROWS, true},
	             {"ikesa", SRP_SHIP_ROWS + 1, false}};

	for (size_t i = 0; i < SRP_SHIP_ROWS + 1; i++)
		rowp[i] = &row;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		row.kind = (char *)cases[i].kind;
		rows.rows = rowp;
		rows.n_rows = cases[i].n;
		f.body_case = SRP_FRAME__BODY_ROWS;
		f.rows = &rows;
		buf = srp_frame_pack(&f, &len);
		back = srp_frame_parse(buf + SRP_FRAME_HEAD, len - SRP_FRAME_HEAD);
		cr_expect_eq(back != NULL, cases[i].ok, "case %zu", i);
		if (back)
			srp_frame__free_unpacked(back, NULL);
		free(buf);
	}
}

Test(srp_frame, lengths)
{
	uint8_t b[8] = {0};

	cr_assert_eq(srp_frame_need(b, 3), 0);
	cr_assert_eq(srp_frame_need(b, 8), -EMSGSIZE, "zero length");
	b[3] = 4;
	cr_assert_eq(srp_frame_need(b, 8), 8);
	cr_assert_eq(srp_frame_need(b, 7), 0);
	b[0] = 1;
	cr_assert_eq(srp_frame_need(b, 8), -EMSGSIZE);
	cr_assert_null(srp_frame_parse(b, 0));
	cr_assert_null(srp_frame_parse((const uint8_t *)"\xff\xff\xff", 3));
}

Test(srp_frame, largest_row_fits)
{
	CkptRow row = CKPT_ROW__INIT, *rowp = &row;
	SrpRows rows = SRP_ROWS__INIT;
	SrpFrame f = SRP_FRAME__INIT;
	uint8_t *buf;
	size_t len;

	row.kind = "ikesa";
	row.blob.len = 1u << 20;
	row.blob.data = calloc(1, row.blob.len);
	rows.rows = &rowp;
	rows.n_rows = 1;
	f.body_case = SRP_FRAME__BODY_ROWS;
	f.rows = &rows;
	buf = srp_frame_pack(&f, &len);
	cr_assert_not_null(buf);
	free(buf);
	row.blob.len *= 2;
	row.blob.data = realloc(row.blob.data, row.blob.len);
	cr_assert_null(srp_frame_pack(&f, &len));
	free(row.blob.data);
}

Test(srp_frame, saved_state_round_trip)
{
	struct srp_saved s = {SRP_STANDBY, 1, 2, 3, 4, 5}, back;
	uint8_t blob[SRP_SAVED_MAX], again[SRP_SAVED_MAX];
	size_t len = srp_frame_save(&s, blob);

	cr_assert_eq(srp_frame_load(&back, blob, len), 0);
	cr_assert_eq(srp_frame_save(&back, again), len);
	cr_assert_eq(memcmp(blob, again, len), 0);
	cr_assert_eq(back.data_epoch, 4);
	for (size_t i = 0; i < len; i++)
		cr_assert_eq(srp_frame_load(&back, blob, i), -EINVAL);
	cr_assert_eq(srp_frame_load(&back, blob, len + 1), -EINVAL);
	blob[1] = SRP_STATES;
	cr_assert_eq(srp_frame_load(&back, blob, len), -EINVAL);
}

Test(srp_frame, names)
{
	for (int i = 0; i < SRP_STATES; i++)
		cr_assert_eq(srp_state_parse(srp_state_name((enum srp_state)i)), i);
	cr_assert_lt(srp_state_parse("active"), 0);
	cr_assert_str_eq(srp_mode_name(SRP_BACKUP), "Backup");
}

/* --- election
 * ----------------------------------------------------------------------------------------------------- */

Test(srp_elect, is_strict_and_antisymmetric)
{
	struct srp_rank r[2 * 2 * 2 * 2 * 2 * 2];
	unsigned n = 0;

	for (unsigned i = 0; i < 64; i++, n++) {
		memset(&r[n], 0, sizeof(r[n]));
		r[n].mode = i & 1 ? SRP_BACKUP : SRP_PRIMARY;
		r[n].route_modifier = i >> 1 & 1;
		r[n].priority = i >> 2 & 1;
		strcpy(r[n].tiebreaker, i >> 3 & 1 ? "02-00-00-00-00-0a" : "02-00-00-00-00-0B");
		r[n].epoch = i >> 4 & 1;
		r[n].addr[3] = (uint8_t)(i >> 5);
	}
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < n; j++) {
			bool same_order = !memcmp(r[i].addr, r[j].addr, 16) &&
			                  !strcasecmp(r[i].tiebreaker, r[j].tiebreaker) &&
			                  r[i].priority == r[j].priority &&
			                  r[i].route_modifier == r[j].route_modifier;
			if (!same_order)
				cr_expect_neq(srp_elect_stays(&r[i], &r[j]), srp_elect_stays(&r[j], &r[i]));
			if (!same_order || r[i].epoch != r[j].epoch)
				cr_expect_neq(srp_elect_starts(&r[i], &r[j]), srp_elect_starts(&r[j], &r[i]));
		}
}

Test(srp_elect, order_of_the_rules)
{
	struct srp_rank a = {.route_modifier = 1, .priority = 9, .tiebreaker = "02-00-00-00-00-01"};
	struct srp_rank b = {.route_modifier = 2, .priority = 1, .tiebreaker = "02-00-00-00-00-02"};

	cr_assert(srp_elect_stays(&a, &b));
	b.route_modifier = 1;
	cr_assert(srp_elect_stays(&b, &a));
	a.priority = 1;
	cr_assert(srp_elect_stays(&b, &a), "the higher MAC");
	b.mode = SRP_BACKUP;
	cr_assert(srp_elect_stays(&b, &a), "the mode means nothing between two active ones");
	cr_assert(srp_elect_starts(&a, &b), "but it does at first start");
	b.epoch = 1;
	cr_assert(srp_elect_starts(&b, &a), "rows are worth more");
}

/* --- the table
 * -------------------------------------------------------------------------------------------------------- */

static int no_send(void *arg, const SrpFrame *f)
{
	return 0;
}
static void no_drop(void *arg, const char *why)
{
}
static void no_state(void *arg, enum srp_state from, enum srp_state to, enum srp_reason why)
{
}
static void no_persist(void *arg, const struct srp_saved *saved, uint64_t token)
{
}
static void no_hold(void *arg, bool hold, const char *why)
{
}
static void no_acked(void *arg, uint64_t version)
{
}
static SrpRows *no_fetch(void *arg, uint64_t above, size_t max_rows, size_t max_bytes)
{
	return NULL;
}
static void no_install(void *arg, const SrpRows *rows, uint64_t token)
{
}
static void no_ordered(void *arg, int code, const char *text)
{
}
static void no_conn(void *arg, bool up)
{
}
static const struct srp_ops NONE = {no_send,  no_drop,  no_state,   no_persist, no_hold,
                                    no_acked, no_fetch, no_install, no_ordered, no_conn};

Test(srp_fsm, table_is_sound)
{
	char err[200] = "";

	cr_assert_eq(fsm_check(&srp_fsm_table, SRP_INIT, err, sizeof(err)), 0, "%s", err);
	for (int i = 0; i < SRP_STATES; i++)
		cr_assert_str_eq(fsm_state_name(&srp_fsm_table, i), srp_state_name((enum srp_state)i));
}

/* Serving starts only from Pending Active, and only by the word of the store; whatever the peer or the
 * operator says. */
Test(srp_fsm, every_state_and_event)
{
	struct srp_config cfg = {.hello_us = 1, .dead_us = 3};

	log_set_level(LOG_LEVEL_critical);
	for (int st = 0; st < SRP_STATES; st++)
		for (int ev = 0; ev < SRP_EVENTS; ev++) {
			SrpSwitchover so = SRP_SWITCHOVER__INIT;
			struct srp *s = srp_new(&cfg, &NONE, NULL, NULL, 1, 1);
			int rc;

			fsm_restore(&s->fsm, st);
			so.force = true;
			rc = srp_fsm_raise(s, (enum srp_event)ev, ev == SRP_EV_TAKE ? (void *)&so : NULL);
			if (rc == -EPROTO)
				cr_expect_eq(ev, SRP_EV_ORDER, "%s in %s", fsm_event_name(&srp_fsm_table, ev),
				             srp_state_name((enum srp_state)st));
			if (srp_state(s) == SRP_ACTIVE && st != SRP_ACTIVE)
				cr_expect(st == SRP_PENDING_ACTIVE && ev == SRP_EV_PERSISTED);
			if (st == SRP_ACTIVE && ev != SRP_EV_ORDER && ev != SRP_EV_PEER + SRP_ACTIVE)
				cr_expect_eq(srp_state(s), SRP_ACTIVE);
			srp_free(s);
		}
}

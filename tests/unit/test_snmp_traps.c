/* SPDX-License-Identifier: MIT */
/* The trap table: complete, consistent, and printed as StarOS prints it. Subject: snmp/traps.c. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snmp/traps.h"

#define VALUES(...)                                                                                          \
	(const struct trap_value[]){__VA_ARGS__},                                                            \
	        sizeof((const struct trap_value[]){__VA_ARGS__}) / sizeof(struct trap_value)

static const char *text_of(const char *name, const struct trap_value *v, size_t n)
{
	static char buf[TRAPS_TEXT_MAX];
	const struct trap_row *row = traps_find(name);

	cr_assert_not_null(row, "%s", name);
	return traps_text(row, v, n, buf, sizeof(buf));
}

Test(snmp_traps, table_is_consistent)
{
	uint32_t last = 0;

	cr_assert_eq(traps_count(), 921);
	for (size_t i = 0; i < traps_count(); i++) {
		const struct trap_row *row = traps_at(i);
		const struct trap_object *obj[TRAPS_OBJECTS_MAX];
		size_t n = traps_objects(row, obj), words = 0;

		cr_expect_gt(row->number, last, "%s", row->mib);
		last = row->number;
		for (const char *p = row->objects; *p; p++)
			words += *p == ' ' || !p[1];
		cr_expect_eq(n, words, "%s: an object is unknown", row->mib);
		cr_expect_eq(traps_by_number(row->number), row);
		cr_expect_eq(traps_find(row->mib), row);
		if (row->cleared_by) {
			cr_expect_not_null(traps_by_number(row->cleared_by), "%s", row->mib);
			cr_expect_neq(row->cleared_by, row->number);
			cr_expect(traps_is_clear(traps_by_number(row->cleared_by)));
		}
		for (const char *p = row->text; *p; p++)
			if (*p == '%')
				cr_expect_leq((size_t)(p[1] - '0'), n, "%s", row->mib);
	}
	cr_assert_null(traps_at(traps_count()));
	cr_assert_null(traps_by_number(0));
	cr_assert_null(traps_find("NoSuchTrap"));
}

Test(snmp_traps, names_of_the_cli_and_the_mib)
{
	cr_assert_eq(traps_find("MigrateStart")->number, 1256);
	cr_assert_eq(traps_find("CardMigrateStart")->number, 1256);
	cr_assert_eq(traps_find("starCardMigrateStart")->number, 1256);
	cr_assert_eq(traps_find("FTPPushFail")->number, 1046);
	cr_assert_eq(traps_find("SRPConnDown")->cleared_by, 1038);
	cr_assert_eq(traps_find("ManagerFailure")->cleared_by, 1099);
	cr_assert_eq(traps_find("CardDown")->severity, TRAP_SEVERITY_CRITICAL);
	cr_assert(traps_ends(traps_find("MigrateComplete"), traps_find("MigrateStart")));
	cr_assert(traps_ends(traps_find("CardMigrateFailed"), traps_find("MigrateStart")));
	cr_assert(traps_ends(traps_find("CardSwitchoverFailed"), traps_find("SwitchoverStart")));
	cr_assert_not(traps_ends(traps_find("CardMigrateFailed"), traps_find("SwitchoverStart")));
}

Test(snmp_traps, texts)
{
	cr_expect_str_eq(text_of("ManagerFailure",
	                         VALUES({"starTaskFacilityName", "sessmgr", 0}, {"starTaskInstance", NULL, 3},
	                                {"starTaskCard", NULL, 1}, {"starTaskCPU", NULL, 0})),
	                 "facility sessmgr instance 3 card 1 cpu 0");
	cr_expect_str_eq(text_of("TaskFailed",
	                         VALUES({"starTaskFacilityName", "sessmgr", 0}, {"starTaskInstance", NULL, 3},
	                                {"starTaskCard", NULL, 1}, {"starTaskCPU", NULL, 0})),
	                 "facility sessmgr instance 3 on card 1 cpu 0");
	cr_expect_str_eq(text_of("CardDown", VALUES({"starSlotNum", NULL, 2}, {"starCardType", NULL, 52},
	                                            {"starSlotSerialNumber", "FLM00000002", 0})),
	                 "card 2 type Data Processing Card 2 serial number FLM00000002");
	cr_expect_str_eq(
	        text_of("CardMigrateStart", VALUES({"starSlotNum", NULL, 2}, {"starSlotNum", NULL, 10})),
	        "from card 2 to card 10");
	cr_expect_str_eq(text_of("SRPConnDown", VALUES({"starContextName", "srp", 0},
	                                               {"starSRPIpAddress", "198.51.100.130", 0})),
	                 "vpn srp ipaddr 198.51.100.130");
	cr_expect_str_eq(text_of("SRPSwitchoverOccured",
	                         VALUES({"starContextName", "srp", 0}, {"starSRPIpAddress", "192.0.2.1", 0},
	                                {"starSRPSwitchReason", NULL, 9})),
	                 "vpn srp ipaddr 192.0.2.1 reason deadTimerExpiry");
	cr_expect_str_eq(text_of("CLISessionStart", VALUES({"starCLIUsername", "admin", 0},
	                                                   {"starCLIPrivs", "Security Administrator", 0},
	                                                   {"starCLITtyname", "", 0})),
	                 "user admin privilege level Security Administrator ttyname ");
	cr_expect_str_eq(
	        text_of("SessMgrRecoveryComplete",
	                VALUES({"a", NULL, 1}, {"a", NULL, 0}, {"a", NULL, 1450}, {"a", NULL, 1450},
	                       {"a", NULL, 1448}, {"a", NULL, 1448}, {"a", NULL, 1448}, {"a", NULL, 912})),
	        "Slot Number 1 Cpu Number 0 fetched from aaa mgr 1450 prior to audit 1450 passed audit 1448 "
	        "calls recovered 1448 "
	        "all call lines 1448 time elapsed ms 912");
	/* missing values, hostile bytes, a short buffer */
	cr_expect_str_eq(text_of("SRPActive", VALUES({"starContextName", "a\nb", 0})),
	                 "vpn a\\x0ab ipaddr -");
	char small[8];
	cr_expect_str_eq(traps_text(traps_find("SRPActive"), NULL, 0, small, sizeof(small)), "vpn - i");
}

Test(snmp_traps, stored_form_round_trip)
{
	char *json = traps_json(VALUES({"starSlotNum", NULL, -2}, {"starSlotSerialNumber", "a\"b", 0}));
	struct trap_vars *vars = traps_vars_new(json);

	cr_assert_not_null(vars);
	cr_assert_eq(vars->n, 2);
	cr_assert_eq(vars->v[0].num, -2);
	cr_assert_null(vars->v[0].str);
	cr_assert_str_eq(vars->v[1].str, "a\"b");
	traps_vars_free(vars);
	free(json);
	cr_assert_null(traps_vars_new("{"));
	cr_assert_null(traps_vars_new("{}"));
	cr_assert_null(traps_vars_new("[{\"name\":1,\"value\":2}]"));
	cr_assert_null(traps_vars_new("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"));
	vars = traps_vars_new("");
	cr_assert_eq(vars->n, 0);
	traps_vars_free(vars);
	traps_vars_free(NULL);
}

Test(snmp_traps, check_finds_the_difference)
{
	char err[160];
	const struct trap_row *row = traps_find("CardDown");

	cr_assert_eq(traps_check(row,
	                         VALUES({"starSlotNum", NULL, 2}, {"starCardType", NULL, 52},
	                                {"starSlotSerialNumber", "x", 0}),
	                         err, sizeof(err)),
	             0);
	cr_assert_neq(traps_check(row, VALUES({"starSlotNum", NULL, 2}), err, sizeof(err)), 0);
	cr_assert_neq(traps_check(row,
	                          VALUES({"starSlotNum", NULL, 2}, {"starSlotNum", NULL, 2}, {"x", "x", 0}),
	                          err, sizeof(err)),
	              0);
	cr_assert_neq(traps_check(row,
	                          VALUES({"starSlotNum", "2", 0}, {"starCardType", NULL, 52},
	                                 {"starSlotSerialNumber", "x", 0}),
	                          err, sizeof(err)),
	              0);
}

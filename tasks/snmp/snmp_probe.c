/* SPDX-License-Identifier: MIT */
/*
 * The sender without a chassis, for the interoperability test and for trying a trap receiver:
 *	snmp --send ADDRESS PORT VERSION COMMUNITY TRAP [VALUE…]
 * VALUEs are in MIB order; numbers and text as they are. Exit 0: sent. `snmp --send ADDRESS PORT VERSION
 *COMMUNITY --all` sends every trap of the table once, with made-up values. Called by main.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "snmp_task.h"

static int send_one(struct snmp_target *tg, const struct trap_row *row, char **values, size_t n)
{
	const struct trap_object *obj[TRAPS_OBJECTS_MAX];
	struct trap_value v[TRAPS_OBJECTS_MAX];
	size_t nobj = traps_objects(row, obj);
	char text[TRAPS_TEXT_MAX];
	int rc;

	for (size_t i = 0; i < nobj; i++) {
		v[i].name = obj[i]->name;
		v[i].str = i < n ? values[i] : obj[i]->type == TRAP_TYPE_STRING ? "x" : "1";
		v[i].num = 0;
	}
	rc = snmp_send_trap(tg, row, v, nobj, (uint32_t)(clock_now_us() / 10000));
	if (rc)
		fprintf(stderr, "trap %u: %s\n", row->number, strerror(-rc));
	else if (values)
		printf("%u (%s) %s\n", row->number, row->name, traps_text(row, v, nobj, text, sizeof(text)));
	return rc;
}

int snmp_probe_main(int argc, char **argv)
{
	struct snmp_target tg = {.used = true};
	const struct trap_row *row;
	int rc;

	if (argc < 7 || net_addr_parse(&tg.addr, argv[2])) {
		fprintf(stderr,
		        "usage: snmp --send ADDRESS PORT {1|2c} COMMUNITY {TRAP [VALUE...] | --all}\n");
		return 2;
	}
	tg.port = (uint16_t)atoi(argv[3]);
	tg.version = strcmp(argv[4], "1") ? SNMP_V2C : SNMP_V1;
	snprintf(tg.community, sizeof(tg.community), "%s", argv[5]);
	snmp_send_init();
	rc = snmp_send_open(&tg, -1);
	if (rc) {
		fprintf(stderr, "%s: %s\n", argv[2], strerror(-rc));
		return 1;
	}
	if (!strcmp(argv[6], "--all")) {
		for (size_t i = 0; !rc && i < traps_count(); i++) {
			rc = send_one(&tg, traps_at(i), NULL, 0);
			if (i % 32 == 31)
				clock_sleep_us(20000); /* a receiver's buffer is small */
		}
	} else if ((row = traps_find(argv[6]))) {
		rc = send_one(&tg, row, argv + 7, (size_t)argc - 7);
	} else {
		fprintf(stderr, "there is no trap %s\n", argv[6]);
		rc = -1;
	}
	snmp_send_close(&tg);
	return rc ? 1 : 0;
}

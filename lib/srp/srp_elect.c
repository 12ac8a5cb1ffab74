/* SPDX-License-Identifier: MIT */
/*
 * The rules that say which of two chassis is active: pure comparisons, strict and antisymmetric, so that both
 * sides come to the same answer from the same two hellos. StarOS: lower route-modifier, then priority, then
 * the MAC shown as tiebreaker. Sources differ on priority and MAC (release 10: the higher number of both);
 * here 1 is the best priority, as in later releases, and the higher MAC wins. Called by srp_fsm.c.
 */
#include <string.h>
#include <strings.h>

#include "srp/srp_int.h"

/* < 0: a is better. */
static int compare(const struct srp_rank *a, const struct srp_rank *b)
{
	int rc;

	if (a->route_modifier != b->route_modifier)
		return a->route_modifier < b->route_modifier ? -1 : 1;
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	rc = strcasecmp(b->tiebreaker, a->tiebreaker);
	return rc ? rc : memcmp(b->addr, a->addr, sizeof(a->addr));
}

bool srp_elect_stays(const struct srp_rank *a, const struct srp_rank *b)
{
	return compare(a, b) < 0;
}

bool srp_elect_starts(const struct srp_rank *a, const struct srp_rank *b)
{
	if (a->epoch != b->epoch)
		return a->epoch > b->epoch;
	if (!a->epoch && a->mode != b->mode)
		return a->mode == SRP_PRIMARY;
	return compare(a, b) < 0;
}

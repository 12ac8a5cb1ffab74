/* SPDX-License-Identifier: MIT */
/*
 * Users of the chassis: those of context local, as the configuration says now. What they may, until when, and
 * how long a session of theirs lasts. Callers: sshd, cli, and the rule that checks an expiry date.
 */
#ifndef LIB_CFG_CFG_USER_H
#define LIB_CFG_CFG_USER_H

#include "cfg/cfg.h"

struct cfg_user {
	enum cli_priv priv;
	const char *hash; /* NULL: no password; borrowed from the tree */
	bool ftp, nocli, noconsole;
	int64_t expires;   /* UNIX time from which on nobody logs in under this name; 0: never */
	uint64_t idle;     /* seconds without a line after which a session ends; 0: never */
	uint64_t absolute; /* seconds after which it ends in any case; 0: never */
};

/* false: there is no such user. */
bool cfg_user_find(const struct cfg_tree *t, const char *name, struct cfg_user *u);
/* YYYY:MM:DD:hh:mm[:ss], UTC. UNIX time, or -1: no date. */
int64_t cfg_user_date(const char *text);

#endif

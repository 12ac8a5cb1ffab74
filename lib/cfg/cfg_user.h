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
	int64_t expires;              /* UNIX time from which on nobody logs in under this name; 0: never */
	uint64_t idle;                /* seconds without a line after which a session ends; 0: never */
	uint64_t absolute;            /* seconds after which it ends in any case; 0: never */
	int64_t max_age, warn, grace; /* of the password, in days; max_age 0: it does not age */
};

enum cfg_password_age {
	CFG_PASSWORD_YOUNG,
	CFG_PASSWORD_OLD,     /* within exp-warn-interval of its end: *days are left */
	CFG_PASSWORD_EXPIRED, /* within exp-grace-interval behind it: *days are left to change it */
	CFG_PASSWORD_OVER     /* nobody logs in with it */
};
/* now: UNIX time. A password of which it is not known when it was set stays young. */
enum cfg_password_age cfg_user_password_age(const struct cfg_user *u, int64_t now, int64_t *days);

/* false: there is no such user. */
bool cfg_user_find(const struct cfg_tree *t, const char *name, struct cfg_user *u);
/* YYYY:MM:DD:hh:mm[:ss], UTC. UNIX time, or -1: no date. */
int64_t cfg_user_date(const char *text);

#endif

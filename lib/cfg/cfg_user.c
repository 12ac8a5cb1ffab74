/* SPDX-License-Identifier: MIT */
/* Users of the chassis out of the configuration; see cfg_user.h. */
#include "cfg/cfg_user.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "secret/passwd.h"

#define DAY 86400

static const struct {
	const char *row;
	enum cli_priv priv;
} kinds[] = {
        {"administrator", CLI_PRIV_SECURITY_ADMIN},
        {"config-administrator", CLI_PRIV_ADMIN},
        {"operator", CLI_PRIV_OPERATOR},
        {"inspector", CLI_PRIV_INSPECTOR},
};

int64_t cfg_user_date(const char *text)
{
	struct tm tm = {0}, was;
	int end = 0, fields = sscanf(text, "%4d:%2d:%2d:%2d:%2d%n:%2d%n", &tm.tm_year, &tm.tm_mon,
	                             &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &end, &tm.tm_sec, &end);
	time_t t;

	if (fields < 5 || text[end] || tm.tm_year < 1970)
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	was = tm;
	t = timegm(&tm);
	/* what is no date is made another one */
	if (was.tm_mon != tm.tm_mon || was.tm_mday != tm.tm_mday || was.tm_hour != tm.tm_hour ||
	    was.tm_min != tm.tm_min || was.tm_sec != tm.tm_sec)
		return -1;
	return t;
}

/* The form in minutes replaces the older one in seconds. */
static uint64_t timeout(const struct cfg_node *n, const char *minutes, const char *seconds)
{
	return cfg_has(n, minutes) ? 60 * (uint64_t)cfg_arg_int(n, minutes, 0)
	                           : (uint64_t)cfg_arg_int(n, seconds, 0);
}

bool cfg_user_find(const struct cfg_tree *t, const char *name, struct cfg_user *u)
{
	const struct cfg_node *local = cfg_child(t, t->root, "context", "local"), *n = NULL;
	const char *date;
	size_t i;

	memset(u, 0, sizeof(*u));
	for (i = 0; local && !n && i < sizeof(kinds) / sizeof(*kinds); i++)
		cfg_foreach(n, local, kinds[i].row) if (cfg_key(n, 0) && !strcmp(cfg_key(n, 0), name)) break;
	if (!n)
		return false;
	date = cfg_arg(n, "date");
	*u = (struct cfg_user){.priv = kinds[i - 1].priv,
	                       .hash = cfg_has(n, "nopassword") ? NULL : cfg_arg(n, "password"),
	                       .ftp = cfg_has(n, "ftp"),
	                       .nocli = cfg_has(n, "nocli"),
	                       .noconsole = cfg_has(n, "noconsole"),
	                       .expires = date ? cfg_user_date(date) : 0,
	                       .idle = timeout(n, "min-idle", "idle-time"),
	                       .absolute = timeout(n, "min-absolute", "absolute"),
	                       .max_age = cfg_arg_int(n, "age", 0),
	                       .warn = cfg_arg_int(n, "warn", 0),
	                       .grace = cfg_arg_int(n, "grace", 0)};
	return true;
}

enum cfg_password_age cfg_user_password_age(const struct cfg_user *u, int64_t now, int64_t *days)
{
	int64_t made = u->hash && u->max_age ? passwd_made(u->hash) : 0, end = made + u->max_age * DAY;

	*days = 0;
	if (!made || now < end - u->warn * DAY)
		return CFG_PASSWORD_YOUNG;
	if (now < end) {
		*days = (end - now + DAY - 1) / DAY;
		return CFG_PASSWORD_OLD;
	}
	end += u->grace * DAY;
	if (now >= end)
		return CFG_PASSWORD_OVER;
	*days = (end - now + DAY - 1) / DAY;
	return CFG_PASSWORD_EXPIRED;
}

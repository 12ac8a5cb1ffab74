/* SPDX-License-Identifier: MIT */
/*
 * Where things are on this machine: run and state directories of a chassis, and the programs and profiles
 * that belong to this executable (build tree or installed). Called by every subcommand.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"

bool paths_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len < 1 || len > 31 || name[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '_')
			return false;
	}
	return true;
}

static int put(char *buf, const char *fmt, const char *a, const char *b)
{
	int n = snprintf(buf, CMD_PATH_MAX, fmt, a, b);

	return n < 0 || n >= CMD_PATH_MAX ? -ENAMETOOLONG : 0;
}

int paths_mkdir(const char *path, mode_t mode)
{
	char part[CMD_PATH_MAX];
	int rc = put(part, "%s%s", path, "");

	if (rc)
		return rc;
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	if (mkdir(part, mode) && errno != EEXIST)
		return -errno;
	return 0;
}

int paths_run_root(char *buf)
{
	const char *env = getenv("ORRERY_RUN");
	char uid[24];

	if (env && env[0] == '/')
		return put(buf, "%s%s", env, "");
	if (geteuid() == 0)
		return put(buf, "%s%s", "/run/orrery", "");
	env = getenv("XDG_RUNTIME_DIR");
	if (env && env[0] == '/' && access(env, W_OK) == 0)
		return put(buf, "%s/orrery%s", env, "");
	snprintf(uid, sizeof(uid), "%u", (unsigned)geteuid());
	return put(buf, "/tmp/orrery-%s%s", uid, "");
}

/* A private directory of ours: made when asked, refused when it is somebody else's or a link. */
static int own_dir(const char *path, bool create)
{
	struct stat st;
	int rc;

	if (create) {
		rc = paths_mkdir(path, 0700);
		if (rc)
			return rc;
	}
	if (lstat(path, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (st.st_uid != geteuid())
		return -EPERM;
	if (create && (st.st_mode & 0077) && chmod(path, 0700))
		return -errno;
	return 0;
}

int paths_run_dir(const char *name, bool create, char *buf)
{
	char root[CMD_PATH_MAX];
	int rc = paths_run_root(root);

	if (!rc)
		rc = put(buf, "%s/%s", root, name);
	if (!rc)
		rc = own_dir(root, create);
	if (!rc)
		rc = own_dir(buf, create);
	return rc;
}

int paths_state_dir(const char *name, char *buf)
{
	const char *env = getenv("ORRERY_STATE");

	if (env && env[0] == '/')
		return put(buf, "%s/%s", env, name);
	if (geteuid() == 0)
		return put(buf, "/var/lib/orrery/%s%s", name, "");
	env = getenv("XDG_DATA_HOME");
	if (env && env[0] == '/')
		return put(buf, "%s/orrery/%s", env, name);
	env = getenv("HOME");
	if (!env || env[0] != '/')
		return -ENOENT;
	return put(buf, "%s/.local/share/orrery/%s", env, name);
}

static char self[CMD_PATH_MAX];

int paths_init(void)
{
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	return n < 0 ? -errno : 0;
}

int paths_self(char *buf)
{
	return self[0] ? put(buf, "%s%s", self, "") : -ENOENT;
}

/* <directory of this executable>/<rel>, when it can be read. */
static int beside(const char *rel, char *buf)
{
	char own[CMD_PATH_MAX], path[CMD_PATH_MAX], real[PATH_MAX];
	char *slash;
	int rc = paths_self(own);

	if (rc)
		return rc;
	slash = strrchr(own, '/');
	if (slash)
		*slash = '\0';
	rc = put(path, "%s/%s", own, rel);
	if (rc)
		return rc;
	if (!realpath(path, real))
		return -errno;
	return put(buf, "%s%s", real, "");
}

int paths_libexec(const char *name, char *buf)
{
	char rel[CMD_PATH_MAX];
	int rc = put(rel, "../libexec/orrery/%s%s", name, "");

	return rc ? rc : beside(rel, buf);
}

int paths_profile(const char *profile, char *buf)
{
	static const char *const places[] = {"../share/orrery/profiles", "../../chassis/profiles"};
	char rel[CMD_PATH_MAX], real[PATH_MAX];

	if (strchr(profile, '/')) {
		if (!realpath(profile, real))
			return -errno;
		return put(buf, "%s%s", real, "");
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		for (int suffix = 0; suffix < 2; suffix++) {
			char file[CMD_PATH_MAX];

			if (put(file, "%s%s", profile, suffix ? ".profile" : "") ||
			    put(rel, "%s/%s", places[i], file))
				return -ENAMETOOLONG;
			if (!beside(rel, buf))
				return 0;
		}
	}
	return -ENOENT;
}

/* SPDX-License-Identifier: MIT */
/*
 * The subcommands of `orrery` and what they share: exit statuses, error lines, names and places on this
 * machine. Each *_main() gets argv[0] = the subcommand's name and returns the exit status. Called by
 * cmd/orrery.c only; the helpers by every file of cmd/.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Exit statuses of the product's command. */
enum { CMD_OK = 0, CMD_NO = 1, CMD_USAGE = 2 };

#define CMD_NAME_DEFAULT "asr5500"
#define CMD_PATH_MAX     512

int up_main(int argc, char **argv);
int operate_down_main(int argc, char **argv);
int operate_ps_main(int argc, char **argv);
int operate_status_main(int argc, char **argv);
int operate_fault_main(int argc, char **argv);
int operate_port_main(int argc, char **argv);
int clirun_main(int argc, char **argv);
int dial_main(int argc, char **argv);
int drillrun_main(int argc, char **argv);
int labctl_main(int argc, char **argv);
int doctor_main(int argc, char **argv);
int doc_main(int argc, char **argv);
int peers_main(int argc, char **argv) __attribute__((weak));
int plan_main(int argc, char **argv) __attribute__((weak));

/* Print "orrery: …" on stderr and return CMD_NO. */
int cmd_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Print why and the usage line of subcommand `name` on stderr, return CMD_USAGE. */
int cmd_misused(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- paths.c: where things are. All write into buf (CMD_PATH_MAX) and return 0 or -errno.
 * ----------------------- */

/* A chassis' name: letters, digits, - and _, 1 to 31 of them. */
bool paths_name_ok(const char *name);
/* Directory of run directories: $ORRERY_RUN, /run/orrery (root), $XDG_RUNTIME_DIR/orrery or
 * /tmp/orrery-<uid>. */
int paths_run_root(char *buf);
/* <run root>/<name>; with create made 0700. Refused with -EPERM when it belongs to somebody else. */
int paths_run_dir(const char *name, bool create, char *buf);
/* <state root>/<name>: $ORRERY_STATE, /var/lib/orrery (root), ~/.local/share/orrery. */
int paths_state_dir(const char *name, char *buf);
/* The program `name` of libexec/orrery, found relative to this executable. */
int paths_libexec(const char *name, char *buf);
/* A profile: a path with a slash, or a name looked up in chassis/profiles and share/orrery/profiles. */
int paths_profile(const char *profile, char *buf);
/* Learn what this executable is, before anything else: in a mount namespace of its own a process may have no
 * path any more. 0 or -errno; then paths_self() says -ENOENT. */
int paths_init(void);
/* This executable. */
int paths_self(char *buf);
/* mkdir -p with this mode for the last part. 0 or -errno. */
int paths_mkdir(const char *path, mode_t mode);

/* --- userns.c
 * ----------------------------------------------------------------------------------------------------- */

/*
 * Make this process root of new user, mount and network namespaces (not root), or of new mount and, with
 * newnet, network namespaces (root). On failure -errno and in err what is missing and how to get it.
 */
int userns_enter(bool newnet, char *err, size_t errlen);
/* Can this user do that? Tried in a child. */
bool userns_works(char *err, size_t errlen);

/* --- up.c
 * -----------------------------------------------------------------------------------------------------------
 */

#define UP_PORTS_MAX 32

struct up_args {
	const char *name, *profile, *config, *state, *run; /* run, state NULL: the defaults */
	const char *ports[UP_PORTS_MAX];                   /* "5/10=DEV" */
	unsigned nports;
	bool child; /* a lab's chassis: dies with the calling process, in its namespaces */
};

/* Start orreryd; *pid is its process. 0 or -errno with a text in err. */
int up_start(const struct up_args *a, pid_t *pid, char *err, size_t errlen);
/*
 * Wait until every card is up. progress (may be NULL) gets each line the backplane tells. Returns 0, or
 * -errno with a text in err.
 */
int up_wait(const struct up_args *a, pid_t pid, void (*progress)(void *arg, const char *line), void *arg,
            char *err, size_t errlen);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A CLI session. The task's loop (bus, signals) runs in the main thread; the session, which waits for its
 * operator, in a thread of its own that talks to the loop through sh_call() only. Private to tasks/cli.
 */
#ifndef ORRERY_CLI_TASK_H
#define ORRERY_CLI_TASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include "cfg/cfg.h"
#include "cli/engine/cli.h"
#include "task/cfgview.h"
#include "task/task.h"

#define SH_COMMANDS_MAX 128
#define SH_BATCH_MAX    2048
#define SH_HISTORY_MAX  200

struct sh_calls;

struct sh {
	struct task *t;
	struct sh_calls *calls;
	struct cfgview *view;
	struct cli_session s;
	char user[64], tty[64], remote[64];    /* remote: address of an SSH client */
	const char *commands[SH_COMMANDS_MAX]; /* -c */
	unsigned n_commands;
	bool stop_on_error, interactive;
	unsigned line; /* of the script */
	unsigned failures;
	bool failed_now;  /* the present line failed */
	bool boot_edited; /* a setting that counts from the next boot on was touched */
	bool logout;
	struct cli_skip skip;
	struct cli_join join;                 /* a line that ended in a backslash */
	unsigned join_line;                   /* of the script: where it begins */
	struct cfg_edit *batch[SH_BATCH_MAX]; /* edits not sent yet (scripts only) */
	unsigned batch_line[SH_BATCH_MAX];
	unsigned n_batch;
	struct store_reader *state;
	char *history[SH_HISTORY_MAX]; /* as shown: secrets are blotted out */
	unsigned n_history, history_dropped;
	uint32_t window_length;     /* lines of the terminal's window when last seen */
	struct sh_monitor *monitor; /* cli_logging.c; NULL: no events on this terminal */
	struct cli_out sink;        /* stdout */
	uint64_t started_wall;
	uint64_t started, idle_max, absolute_max; /* the last two in seconds, 0: no end */
	volatile uint64_t last_line;              /* when the operator last entered one */
};

/* --- cli_bus.c
 * ---------------------------------------------------------------------------------------------- */
int sh_calls_init(struct sh *sh);
/*
 * Request from the session thread; waits for the answer. Returns the reply (free with
 * envelope__free_unpacked) or NULL. *status: 0, or -errno (a Status reply with a code is returned as well,
 * for its text).
 */
Envelope *sh_call(struct sh *sh, const char *dst, Envelope *env, unsigned deadline_ms, int *status);
/* Raise a trap from the session thread. */
void sh_trap(struct sh *sh, const char *trap);
/* Have this done by the loop's thread (timers are its), and wait for it. */
void sh_run(struct sh *sh, void (*run)(struct sh *sh));
/* The session is over; ends the task's loop. */
void sh_end(struct sh *sh, int status);

/* A Show request, pages joined. NULL with "Failure: …" in err. */
json_t *sh_show(struct sh *sh, const char *dst, const char *what, const char *args, char *err, size_t size);
/* Send a request that is answered by Status; prints its text when it failed. 0 or -errno. */
int sh_order(struct sh *sh, const char *dst, Envelope *env, unsigned deadline_ms);
/* The same for a Control message. */
int sh_control(struct sh *sh, const char *dst, const char *what, const char *args);
/* From the loop's thread: the session ends now, as `by` wishes; its terminal is told. */
void sh_kick(struct sh *sh, const char *by);
/* Ends the session when its user has been idle, or logged in, for as long as the configuration allows. */
void sh_watch_time(struct sh *sh);

/* --- cli_run.c
 * ---------------------------------------------------------------------------------------------- */
/* One line of input. false: the session ends. */
bool sh_line(struct sh *sh, const char *line);
/* Send the edits that wait; prints failures. */
int sh_flush(struct sh *sh);
/* Print "Failure: …" (the prefix is added when missing) and count it. Returns -1. */
int sh_fail(struct sh *sh, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Asks the question of commands that ask only sometimes. true: yes, or nobody wants to be asked. */
bool sh_sure(struct sh *sh, const struct cli_cmd *cmd);

/* --- cli_tty.c, cli_script.c
 * --------------------------------------------------------------------------------- */
void sh_interactive(struct sh *sh);
void sh_script(struct sh *sh);
/* Ask a question on the terminal; the answer line without newline. false: end of input. */
bool sh_ask(struct sh *sh, const char *question, char *answer, size_t size);
struct cli_tty *sh_pager(struct sh *sh);
/* Has the operator typed Ctrl-C since the line was entered? For commands that handle it: it is forgotten now.
 */
bool sh_take_interrupt(void);
/*
 * Waits until fd has something to read, or its end. false: the operator has typed Ctrl-C. A signal that comes
 * before poll() has left a byte in a pipe, so none is lost.
 */
bool sh_readable(int fd);
/*
 * Ctrl-C and the window's new size are for the thread of the operator alone (how: SIG_UNBLOCK); the thread of
 * the loop, and whoever it starts, does without them (SIG_BLOCK). Taken there, they would come late and for
 * the wrong line.
 */
void sh_signals(int how);

/* --- cli_fetch.c: files of other machines
 * --------------------------------------------------------------------------------- */
struct fetch_result;
#define SH_FETCH_FILE_S 3600 /* limit of a transfer to or from a file; of one in memory: FETCH_TOTAL_S */
/*
 * Fetch a URL of the network, at most max bytes, into fd, or into memory (fd -1; fetch_result_clear() then).
 * Told when it fails: 0 or -errno.
 */
int sh_fetch(struct sh *sh, const char *url, uint64_t max, int fd, struct fetch_result *r);
/* Send a file from its start, or data (fd -1), to a URL. */
int sh_put(struct sh *sh, const char *url, int fd, const char *data, size_t len, struct fetch_result *r);
/* What a certificate's line names by a URL of the network: fetched, and the line names what is kept of it. 0,
 * or -1 with the failure told: then nothing is to be changed. */
int sh_fetch_certs(struct sh *sh, struct cli_result *res);
/* data as the file or URL `to`, which it replaces; out is told how it went. 0, or -1 with the failure told.
 */
int sh_write_url(struct sh *sh, const char *to, const char *data, size_t len, struct cli_out *out);
/* A file without a name on the file system of the path `near` ("/flash/x"). A descriptor or -errno. */
int sh_temporary(struct sh *sh, const char *near);

/* --- cli_errors.c
 * ------------------------------------------------------------------------------------------- */
/* show configuration errors */
int cli_errors_show(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out);
json_t *cli_errors_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
/* Does this line leave blocks? Warns a person of what is missing in them. Call before cli_line_done(). */
void cli_errors_leave(struct sh *sh, const struct cli_result *res);

/* --- commands
 * ------------------------------------------------------------------------------------------------ */

/* A command that does something and prints through out. 0, or -1 after sh_fail(). */
typedef int (*sh_exec_fn)(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out);
/* A show: first the tree, then its text. collect returns NULL with the reason in err. */
typedef json_t *(*sh_collect_fn)(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size);
typedef void (*sh_render_fn)(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);

struct sh_command {
	const char *handler; /* as named in cli/grammar/10-exec.grm */
	sh_exec_fn exec;     /* beside collect: the text; the tree is for `| json` alone */
	sh_collect_fn collect;
	sh_render_fn render;
};

/* Tables of the command files, each ended by a row without handler. */
extern const struct sh_command sh_exec_commands[]; /* cli_exec.c */
extern const struct sh_command
        sh_hw_commands[]; /* cli_show_hw.c: lights, sensors, diagnostics, card orders */
extern const struct sh_command sh_chassis_commands[]; /* cli_show_chassis.c: cards, tasks, recovery */
extern const struct sh_command sh_radius_commands[];  /* cli_radius.c: authentication servers */
extern const struct sh_command sh_access_commands[];  /* cli_access.c: blacklist, whitelist */
extern const struct sh_command sh_crypto_commands[];  /* cli_show_crypto.c: SAs, templates, services */
extern const struct sh_command
        sh_system_commands[]; /* cli_show_system.c: logs, traps, statistics, redundancy, contexts */
extern const struct sh_command sh_config_commands[]; /* cli_config.c: the configuration as a whole */
extern const struct sh_command sh_file_commands[];   /* cli_file.c: files of the disk */
extern const struct sh_command sh_who_commands[];    /* cli_who.c: sessions, this and others */
extern const struct sh_command sh_task_commands[];   /* cli_task_cmd.c: cores, test commands, debug-info */
extern const struct sh_command sh_ssh_commands[];    /* cli_ssh.c: the SSH server */
extern const struct sh_command sh_pki_commands[];    /* cli_show_pki.c: certificates */
extern const struct sh_command sh_subscriber_commands[]; /* cli_subscribers.c */
extern const struct sh_command sh_clear_commands[];      /* cli_clear.c */
extern const struct sh_command sh_logging_commands[];    /* cli_logging.c: the event log */
extern const struct sh_command sh_network_commands[];    /* cli_show_network.c: ports, neighbours, IPv6 */
extern const struct sh_command sh_cpu_commands[];        /* cli_show_cpu.c */
extern const struct sh_command sh_history_commands[];    /* cli_show_history.c: past intervals, audits */
extern const struct sh_command sh_support_commands[];    /* cli_support.c */
/* NULL: the program has no such handler. */
const struct sh_command *sh_command_find(const char *handler);
/* cli_show_settings.c: what is configured */
extern const struct sh_command sh_settings_commands[];

/* cli_who.c: what other sessions ask this one. In the loop's thread. */
void sh_show_request(struct task *t, const struct bus_msg *m);
void sh_control_request(struct task *t, const struct bus_msg *m);
/* cli_who.c: what the configuration says of new sessions: timestamps, autoconfirm, hidden commands. */
void sh_settings(struct sh *sh);
/* The message of the day, for a session on a terminal. */
void sh_banner(struct sh *sh);
/* cli_values.c: words for ? and TAB. */
void sh_values(struct sh *sh);

/* The present configuration. */
struct cfg_tree *sh_tree(struct sh *sh);
/* Reader of state.db, opened at first use. */
struct store_reader *sh_state(struct sh *sh);

#endif

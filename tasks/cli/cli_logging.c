/* SPDX-License-Identifier: MIT */
/*
 * The event log from Exec mode: its filters, saving it, and events on this terminal as they come (`logging
 * active`): a timer of the loop's thread looks what is new in the store.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli_show.h"
#include "store/store.h"

#define LOOK_MS 300
#define AT_ONCE 200 /* events that a look shows; older ones of a burst are left to show logs */

enum verbosity { MIN, CONCISE, FULL };

struct sh_monitor {
	struct store_reader *store; /* of the loop's thread */
	struct task_timer *timer;
	enum verbosity verbosity;
	int64_t seen;
	bool started; /* seen is known: the first look shows nothing */
};

/* --- events on this terminal
 * ---------------------------------------------------------------------------------- */

/* min: when and what; concise: also who; full: the line of show logs. */
static void print_event(const struct sh_monitor *m, const struct store_event *e, const char *end)
{
	char line[LOG_LINE_MAX], when[CLOCK_TEXT_MAX];
	struct log_record r = sh_event_record(e);

	clock_format_staros_log(when, sizeof(when), e->wall_us, CLOCK_UTC);
	if (m->verbosity == FULL)
		log_format_line(&r, CLOCK_UTC, line, sizeof(line));
	else if (m->verbosity == CONCISE)
		snprintf(line, sizeof(line), "%s [%s %u %s] %s", when, e->facility, e->event_id,
		         log_level_name(r.level), e->text);
	else
		snprintf(line, sizeof(line), "%s %s", when, e->text);
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	dprintf(1, "%s%s", line, end);
}

struct look {
	struct sh *sh;
	int64_t last;
};

static int one_event(const struct store_event *e, void *arg)
{
	struct look *l = arg;
	struct sh_monitor *m = l->sh->monitor;

	if (m->started && e->seq > m->seen)
		print_event(m, e, l->sh->interactive ? "\r\n" : "\n");
	l->last = e->seq;
	return 0;
}

static void look_cb(struct task *t, void *arg)
{
	struct sh *sh = arg;
	struct sh_monitor *m = sh->monitor;
	struct look l = {.sh = sh, .last = m->seen};

	if (store_event_list(m->store, NULL, LOG_LEVEL_debug, m->started ? AT_ONCE : 1, one_event, &l) < 0)
		return; /* busy: the next look */
	m->seen = l.last;
	m->started = true;
}

static void start_looking(struct sh *sh)
{
	sh->monitor->timer = task_timer_start(sh->t, LOOK_MS, LOOK_MS, look_cb, sh);
	look_cb(sh->t, sh);
}

static void stop_looking(struct sh *sh)
{
	task_timer_stop(sh->monitor->timer);
	store_close_reader(sh->monitor->store);
	free(sh->monitor);
	sh->monitor = NULL;
}

static int no_logging_active(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	if (sh->monitor)
		sh_run(sh, stop_looking);
	return 0;
}

static int logging_active(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	const char *v = cli_cmd_str(cmd, "verbosity"), *pdu = cli_cmd_str(cmd, "pdu");
	struct sh_monitor *m;

	if (pdu && strcmp(pdu, "none") != 0)
		return sh_fail(sh, "events hold no messages: pdu-data can only be none");
	no_logging_active(sh, cmd, out);
	m = calloc(1, sizeof(*m));
	if (m)
		m->store = store_open_reader(sh->t->state_dir, STORE_STATE);
	if (!m || !m->store) {
		free(m);
		return sh_fail(sh, "out of memory");
	}
	m->verbosity = !v || *v == 'f' ? FULL : *v == 'c' ? CONCISE : MIN;
	sh->monitor = m;
	sh_run(sh, start_looking);
	return 0;
}

/* --- filters, the log as a whole
 * ------------------------------------------------------------------------------ */

static int logging_filter(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	char args[80];

	snprintf(args, sizeof(args), "%s %s", cli_cmd_str(cmd, "facility"), cli_cmd_str(cmd, "level"));
	return sh_control(sh, "evlogd/0", "logging filter", args);
}

static json_t *logging_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *j = sh_show(sh, "evlogd/0", "logging", "", err, size);

	if (!j)
		return NULL;
	json_object_set_new(j, "active", json_boolean(sh->monitor != NULL));
	return j;
}

static int save_logs(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	struct cli_out_buf buf;
	char err[256];
	json_t *j = sh_logs_collect(sh, cmd, err, sizeof(err));
	int rc;

	if (!j)
		return sh_fail(sh, "%s", err);
	cli_out_buf_init(&buf);
	render_logs(j, cmd, &buf.out);
	rc = sh_write_url(sh, cli_cmd_str(cmd, "url"), buf.text ? buf.text : "", buf.len, out);
	cli_out_buf_free(&buf);
	json_decref(j);
	return rc;
}

const struct sh_command sh_logging_commands[] = {
        {"logging_active", logging_active, NULL, NULL},
        {"no_logging_active", no_logging_active, NULL, NULL},
        {"logging_filter_active", logging_filter, NULL, NULL},
        {"logging_filter_runtime", logging_filter, NULL, NULL},
        {"save_logs", save_logs, NULL, NULL},
        {"show_logging", NULL, logging_collect, render_logging},
        {NULL, NULL, NULL, NULL},
};

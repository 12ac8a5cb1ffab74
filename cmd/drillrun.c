/* SPDX-License-Identifier: MIT */
/*
 * `orrery drill`: walks the steps of drill files, polls expectations until their deadline, prints the
 * timeline as it happens and at the end the table of stages and the verdict. Exit status 0 when every stage
 * passed.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/drillrun.h"
#include "cmd/fault.h"
#include "cmd/labctl.h"
#include "cmd/labhold.h"

#define COMMAND_MS   15000 /* a command without `within` must end in that time */
#define POLL_MS      100   /* between two looks */
#define LOOK_MS      3000  /* one look at something that is polled */
#define PRINT_LINES  60
#define CLI_COMMANDS 200

/* The first one ends the drill in good order. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
	interrupted = sig;
	signal(sig, SIG_DFL);
}

/* --- timeline
 * ----------------------------------------------------------------------------------------------------------
 */

static void __attribute__((format(printf, 3, 4)))
line(struct drillrun *r, const char *mark, const char *fmt, ...)
{
	va_list ap;

	if (r->tty)
		fputs("\r\033[K", stdout);
	printf("%8.2f  %-5s ", (double)(clock_now_us() - r->start_us) / US_PER_SEC, mark);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/* On a terminal: what is waited for, overwritten later. */
static void waiting(struct drillrun *r, const char *what, const char *why)
{
	if (!r->tty)
		return;
	printf("\r\033[K%8.2f  ...   %.50s: %.60s", (double)(clock_now_us() - r->start_us) / US_PER_SEC, what,
	       why);
	fflush(stdout);
}

static void print_output(const char *out)
{
	unsigned n = 0;

	for (const char *p = out ? out : ""; *p && n < PRINT_LINES; n++) {
		size_t len = strcspn(p, "\n");

		if (len)
			printf("                  %.*s\n", (int)(len > 200 ? 200 : len), p);
		p += len + (p[len] == '\n');
	}
	fflush(stdout);
}

static const char *first_line(const char *text, char *buf, size_t len)
{
	size_t n = strcspn(text, "\n");

	snprintf(buf, len, "%.*s%s", (int)n, text, text[n] ? " ..." : "");
	return buf;
}

/* --- stages
 * ----------------------------------------------------------------------------------------------------------------
 */

static struct drill_stage *stage(struct drillrun *r)
{
	if (!r->report.n) {
		drill_report_stage(&r->report, "Preparation", clock_now_us() - r->start_us);
		drillmeas_mark(r);
	}
	return &r->report.stages[r->report.n - 1];
}

static void stage_end(struct drillrun *r)
{
	struct drill_stage *s = r->report.n ? &r->report.stages[r->report.n - 1] : NULL;

	if (!s)
		return;
	drillmeas_read(r, &s->after);
	s->end_us = clock_now_us() - r->start_us;
}

static void stage_begin(struct drillrun *r, const char *title)
{
	struct drill_stage *s;

	stage_end(r);
	putchar('\n');
	line(r, "STAGE", "%s", title);
	s = drill_report_stage(&r->report, title, clock_now_us() - r->start_us);
	drillmeas_mark(r);
	drillmeas_read(r, &s->before);
}

/* --- one look at an expectation
 * --------------------------------------------------------------------------------------------- */

static int run_cli(struct drillrun *r, const struct drill_step *s, const char *text, unsigned ms, char **out)
{
	char *argv[CLI_COMMANDS * 2 + 8], *copy = strdup(text), *save, context[LAB_TEXT_MAX];
	unsigned n = 0;
	int rc;

	argv[n++] = "orrery";
	argv[n++] = "cli";
	argv[n++] = "--name";
	argv[n++] = s->who;
	if (strcmp(s->context, "local")) {
		snprintf(context, sizeof(context), "context %.200s", s->context);
		argv[n++] = "-c";
		argv[n++] = context;
	}
	for (char *c = strtok_r(copy, "\n", &save); c && n < CLI_COMMANDS * 2;
	     c = strtok_r(NULL, "\n", &save)) {
		argv[n++] = "-c";
		argv[n++] = c;
	}
	argv[n] = NULL;
	rc = drillexec_self(r, argv, ms, out);
	free(copy);
	return rc;
}

static int run_orrery(struct drillrun *r, const char *text, unsigned ms, char **out)
{
	char *argv[64], *copy = strdup(text), *save;
	unsigned n = 0;
	int rc;

	argv[n++] = "orrery";
	for (char *c = strtok_r(copy, " ", &save); c && n < 63; c = strtok_r(NULL, " ", &save))
		argv[n++] = c;
	argv[n] = NULL;
	rc = drillexec_self(r, argv, ms, out);
	free(copy);
	return rc;
}

static bool is_failure(const char *line)
{
	line += strspn(line, " \t*");
	return !strncmp(line, "Failure:", 8) || !strncmp(line, "Unknown command", 15);
}

/* The line of the output that says so, or NULL. */
static const char *find_failure(const char *out)
{
	for (; out && *out; out = strchr(out, '\n') ? strchr(out, '\n') + 1 : NULL) {
		if (is_failure(out))
			return out;
	}
	return NULL;
}

/* Does the transcript itself show a failure? Then the command may fail, else it must not. */
static bool failure_expected(const struct drill_step *s)
{
	for (unsigned i = 0; i < s->nexpect; i++) {
		if (is_failure(s->expect[i]))
			return true;
	}
	return false;
}

/* Run the step's command once; true when all it expects holds, else the reason is in r->err. */
static bool look_command(struct drillrun *r, const struct drill_step *s, unsigned ms, char **out)
{
	char *text = drill_expand(s->text, &r->vars, r->err, sizeof(r->err));
	int status;

	*out = NULL;
	if (!text)
		return false;
	if (s->op == DRILL_CLI)
		status = run_cli(r, s, text, ms, out);
	else if (s->op == DRILL_HOST)
		status = drillexec_host(r, s->who, text, ms, out);
	else
		status = run_orrery(r, text, ms, out);
	free(text);
	if (status < 0)
		return false;
	if (s->op == DRILL_CLI) {
		const char *said = find_failure(*out);

		if ((status || said) && !failure_expected(s)) {
			snprintf(r->err, sizeof(r->err), "exit status %d: %.200s", status,
			         said   ? said
			         : *out ? *out
			                : "");
			return false;
		}
	} else if ((status != 0) != s->fails) {
		snprintf(r->err, sizeof(r->err), "exit status %d: %.300s", status, *out ? *out : "");
		return false;
	}
	return !s->nexpect ||
	       drill_match(s->expect, s->nexpect, *out ? *out : "", &r->vars, r->err, sizeof(r->err));
}

static bool look(struct drillrun *r, const struct drill_step *s, unsigned ms, char **out)
{
	struct drill_figures now;

	if (s->op != DRILL_MEASURE)
		return look_command(r, s, ms, out);
	*out = NULL;
	drillmeas_read(r, &now);
	return drill_measure(s->text, &now, &stage(r)->before, r->err, sizeof(r->err)) == 1;
}

/* A step that expects: look until it holds or its time is over. */
static bool expect(struct drillrun *r, const struct drill_step *s)
{
	uint64_t deadline = clock_now_us() + s->within_ms * US_PER_MS;
	char what[120], *out = NULL;
	bool ok;

	if (s->who)
		snprintf(what, sizeof(what), "%.20s: ", s->who);
	else
		snprintf(what, sizeof(what), "%s: ", drill_op_name(s->op));
	first_line(s->text, what + strlen(what), sizeof(what) - strlen(what));
	for (;;) {
		int64_t left = (int64_t)(deadline - clock_now_us()) / (int64_t)US_PER_MS;
		unsigned ms = !s->within_ms    ? COMMAND_MS
		              : left > LOOK_MS ? LOOK_MS
		              : left > 1000    ? (unsigned)left
		                               : 1000;

		ok = look(r, s, ms, &out);
		if (ok || interrupted || clock_now_us() >= deadline)
			break;
		waiting(r, what, r->err);
		free(out);
		clock_sleep_us(POLL_MS * US_PER_MS);
	}
	r->err[strcspn(r->err, "\n")] = '\0';
	if (ok) {
		struct drill_stage *st = stage(r);

		line(r, "ok", "%s", what);
		st->checks++;
		if (s->within_ms && st->fault_us >= 0)
			st->recovered_us = (int64_t)(clock_now_us() - r->start_us);
	}
	if (s->print || (!ok && out && s->op != DRILL_MEASURE)) {
		if (!ok)
			line(r, "FAIL", "%s: %s", what, r->err);
		print_output(out);
	} else if (!ok) {
		line(r, "FAIL", "%s: %s", what, r->err);
	}
	free(out);
	return ok;
}

/* --- steps that do
 * -----------------------------------------------------------------------------------------------------------
 */

static bool do_lab(struct drillrun *r, const struct drill_step *s)
{
	char dir[PATH_MAX], *slash;

	if (r->lab) {
		snprintf(r->err, sizeof(r->err), "a drill has one lab");
		return false;
	}
	snprintf(dir, sizeof(dir), "%s", r->file);
	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	snprintf(r->labfile, sizeof(r->labfile), "%.300s%s%.200s",
	         s->text[0] == '/' ? ""
	         : slash           ? dir
	                           : ".",
	         s->text[0] == '/' ? "" : "/", s->text);
	r->lab = labctl_read(r->labfile);
	if (!r->lab || labhold_dir(r->lab->name, true, r->labdir)) {
		snprintf(r->err, sizeof(r->err), "%s cannot be used", r->labfile);
		return false;
	}
	if (r->lab->nchassis)
		snprintf(r->chassis, sizeof(r->chassis), "%s", r->lab->chassis[0].name);
	if (labctl_is_up(r->lab->name))
		return true;
	if (labctl_up(r->labfile)) {
		snprintf(r->err, sizeof(r->err), "lab %s does not come up", r->lab->name);
		return false;
	}
	r->started_lab = true;
	line(r, "lab", "%s: %u chassis, %u hosts, %u servers", r->lab->name, r->lab->nchassis, r->lab->nhosts,
	     r->lab->nservers);
	return true;
}

static int cut_or_heal(struct drillrun *r, bool cut, const char *link)
{
	char args[512], *out = NULL;
	int rc;

	snprintf(args, sizeof(args), "lab %s %.300s %.100s", cut ? "cut" : "heal", r->labfile, link);
	rc = run_orrery(r, args, COMMAND_MS, &out);
	if (rc)
		snprintf(r->err, sizeof(r->err), "%.300s", out && *out ? out : "it failed");
	free(out);
	for (unsigned i = 0; !rc && i < r->ncut; i++)
		if (!strcmp(r->cut[i], link)) {
			memmove(r->cut[i], r->cut[i + 1], (--r->ncut - i) * sizeof(r->cut[0]));
			break;
		}
	if (!rc && cut && r->ncut < DRILLRUN_LINKS)
		snprintf(r->cut[r->ncut++], sizeof(r->cut[0]), "%.60s", link);
	return rc;
}

static bool do_fault(struct drillrun *r, const struct drill_step *s)
{
	struct drill_stage *st = stage(r);
	char how[160] = "", *text = drill_expand(s->text, &r->vars, r->err, sizeof(r->err));
	int rc = text ? 0 : -1;

	if (!rc && (!strncmp(text, "cut link ", 9) || !strncmp(text, "heal link ", 10)))
		rc = cut_or_heal(r, text[0] == 'c', text + (text[0] == 'c' ? 9 : 10));
	else if (!rc)
		rc = fault_lease_do(r->faults, r->chassis, text, how, sizeof(how), r->err, sizeof(r->err));
	if (!rc && st->fault_us < 0)
		st->fault_us = (int64_t)(clock_now_us() - r->start_us);
	line(r, rc ? "FAIL" : "fault", "%s: %s%s%s%s", r->chassis, s->text, rc || *how ? ": " : "",
	     rc ? r->err : how, "");
	free(text);
	return rc == 0;
}

/* What stands is undone, also after a failure or an interruption; a chassis that was killed has forgotten it.
 */
static void undo_faults(struct drillrun *r)
{
	while (r->ncut && !cut_or_heal(r, false, r->cut[0]))
		;
	fault_lease_end(r->faults);
	r->faults = NULL;
}

static bool do_boot(struct drillrun *r, const struct drill_step *s)
{
	bool ok = r->lab && !labctl_boot(r->lab, s->who, r->err, sizeof(r->err));

	line(r, ok ? "boot" : "FAIL", "%s%s%s", s->who, ok ? " is up again" : ": ", ok ? "" : r->err);
	return ok;
}

static bool step(struct drillrun *r, const struct drill_step *s)
{
	switch (s->op) {
	case DRILL_LAB:
		return do_lab(r, s);
	case DRILL_STAGE:
		stage_begin(r, s->text);
		return true;
	case DRILL_CHASSIS:
		snprintf(r->chassis, sizeof(r->chassis), "%s", s->who);
		return true;
	case DRILL_SAY:
		line(r, "", "%s", s->text);
		return true;
	case DRILL_FAULT:
		return do_fault(r, s);
	case DRILL_BOOT:
		return do_boot(r, s);
	case DRILL_PROBE:
		return !drillmeas_probe(r, s->who, s->text);
	default:
		return expect(r, s);
	}
}

/* After a failure: the rest of the stage is skipped, and every later stage when it was the preparation. */
static void run_steps(struct drillrun *r)
{
	bool skip = false;

	for (unsigned i = 0; i < r->drill->nsteps; i++) {
		const struct drill_step *s = &r->drill->steps[i];

		if (skip && s->op == DRILL_STAGE && r->report.n > 1)
			skip = false;
		if (skip && !interrupted)
			continue;
		r->err[0] = '\0';
		if (interrupted)
			snprintf(r->err, sizeof(r->err), "interrupted");
		if (interrupted || !step(r, s)) {
			struct drill_stage *st = stage(r);

			skip = true;
			if (!st->failure && asprintf(&st->failure, "%s:%u: %s", r->file, s->line, r->err) < 0)
				st->failure = strdup("no memory");
		}
		if (interrupted)
			break;
	}
	stage_end(r);
}

static struct drill *read_drill(const char *file)
{
	char *text = malloc(DRILL_FILE_MAX + 1), err[512];
	FILE *f = fopen(file, "re");
	struct drill *d = NULL;

	if (!f || !text) {
		cmd_fail("%s: %s", file, strerror(errno));
	} else {
		size_t n = fread(text, 1, DRILL_FILE_MAX + 1, f);

		d = drill_parse(file, text, n, err, sizeof(err));
		if (!d)
			cmd_fail("%s", err);
	}
	if (f)
		fclose(f);
	free(text);
	return d;
}

static bool run_file(const char *file, struct drill *d, bool keep, struct drill_report *report)
{
	struct drillrun r = {.file = file,
	                     .drill = d,
	                     .keep = keep,
	                     .tty = isatty(STDOUT_FILENO),
	                     .chassis = CMD_NAME_DEFAULT};
	char *table;
	bool passed;

	r.start_us = clock_now_us();
	r.report.title = strdup(d->title);
	printf("Drill: %s\n", d->title);
	r.faults = fault_lease_new();
	if (r.faults)
		run_steps(&r);
	undo_faults(&r);
	drillmeas_end(&r);
	table = drill_report_table(&r.report);
	printf("\n%s", table ? table : "");
	fflush(stdout);
	free(table);
	if (r.started_lab && !keep)
		labctl_down(r.lab->name);
	passed = drill_report_passed(&r.report);
	drill_vars_clear(&r.vars);
	lab_free(r.lab);
	*report = r.report;
	return passed;
}

static bool write_report(const char *path, char *text)
{
	FILE *f = !strcmp(path, "-") ? stdout : fopen(path, "we");
	bool ok = f && text && fputs(text, f) >= 0 && fputc('\n', f) >= 0;

	if (f && f != stdout && fclose(f))
		ok = false;
	if (!ok)
		cmd_fail("%s: %s", path, strerror(errno));
	free(text);
	return ok;
}

int drillrun_main(int argc, char **argv)
{
	static const struct option longopts[] = {{"json", required_argument, NULL, 'j'},
	                                         {"junit", required_argument, NULL, 'u'},
	                                         {"keep", no_argument, NULL, 'k'},
	                                         {NULL, 0, NULL, 0}};
	const char *json = NULL, *junit = NULL;
	struct drill_report *reports;
	const struct drill_report **list;
	struct drill **drills;
	bool keep = false, passed = true;
	unsigned n, ran = 0;
	int c;

	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (c == 'j')
			json = optarg;
		else if (c == 'u')
			junit = optarg;
		else if (c == 'k')
			keep = true;
		else
			return cmd_misused("drill", "%s is not an option of it, or its value is missing",
			                   argv[optind - 1]);
	}
	if (optind == argc)
		return cmd_misused("drill", "which drill file?");
	signal(SIGINT, on_interrupt);
	signal(SIGTERM, on_interrupt);
	signal(SIGHUP, on_interrupt);
	signal(SIGPIPE, SIG_IGN);
	n = (unsigned)(argc - optind);
	reports = calloc(n, sizeof(*reports));
	list = calloc(n, sizeof(*list));
	drills = calloc(n, sizeof(*drills));
	for (unsigned i = 0; i < n; i++) { /* all are read before the first one breaks anything */
		drills[i] = read_drill(argv[optind + (int)i]);
		if (!drills[i])
			return CMD_NO;
	}
	for (unsigned i = 0; i < n && !interrupted; i++) {
		passed = run_file(argv[optind + (int)i], drills[i], keep, &reports[i]) && passed;
		list[ran++] = &reports[i];
	}
	if (json)
		passed = write_report(json, drill_report_json(list, ran)) && passed;
	if (junit)
		passed = write_report(junit, drill_report_junit(list, ran)) && passed;
	for (unsigned i = 0; i < n; i++) {
		drill_report_clear(&reports[i]);
		drill_free(drills[i]);
	}
	free(reports);
	free(list);
	free(drills);
	return passed ? CMD_OK : CMD_NO;
}

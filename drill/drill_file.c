/* SPDX-License-Identifier: MIT */
/*
 * Parser of drill files: a line is a comment, a directive, a prompt with a command, or expected output of the
 * command above it. Directives are rows of one table. No I/O. Called by cmd/drillrun.c and the tests.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/drill.h"

struct parser {
	const char *name;
	unsigned line;
	struct drill *d;
	unsigned within_ms; /* for the next step */
	bool print;
	char *err;
	size_t errlen;
};

static const char *const op_names[] = {
        [DRILL_LAB] = "lab",         [DRILL_STAGE] = "stage", [DRILL_CHASSIS] = "chassis",
        [DRILL_CLI] = "cli",         [DRILL_HOST] = "host",   [DRILL_ORRERY] = "orrery",
        [DRILL_FAULT] = "fault",     [DRILL_BOOT] = "boot",   [DRILL_PROBE] = "probe",
        [DRILL_MEASURE] = "measure", [DRILL_SAY] = "say",
};

const char *drill_op_name(enum drill_op op)
{
	return op_names[op];
}

static int __attribute__((format(printf, 2, 3))) wrong(struct parser *p, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(p->err, p->errlen, "%s:%u: ", p->name, p->line);

	va_start(ap, fmt);
	if (n > 0 && (size_t)n < p->errlen)
		vsnprintf(p->err + n, p->errlen - (size_t)n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* A new step with what `within` and `print` said before it. NULL: too many, or no memory. */
static struct drill_step *add(struct parser *p, enum drill_op op, const char *who, const char *text)
{
	struct drill *d = p->d;
	struct drill_step *s;

	if (d->nsteps == d->size) {
		unsigned size = d->size ? d->size * 2 : 32;
		struct drill_step *steps;

		if (size > DRILL_STEPS_MAX)
			return NULL;
		steps = realloc(d->steps, size * sizeof(*steps));
		if (!steps)
			return NULL;
		d->steps = steps;
		d->size = size;
	}
	s = &d->steps[d->nsteps++];
	*s = (struct drill_step){.op = op, .line = p->line, .within_ms = p->within_ms, .print = p->print};
	p->within_ms = 0;
	p->print = false;
	s->who = who ? strdup(who) : NULL;
	s->text = strdup(text);
	return s->text && (!who || s->who) ? s : NULL;
}

/* "text" -> text in place; without quotes unchanged. */
static char *unquote(char *s)
{
	size_t n = strlen(s);

	if (n >= 2 && s[0] == '"' && s[n - 1] == '"') {
		s[n - 1] = '\0';
		return s + 1;
	}
	return s;
}

static int do_drill(struct parser *p, char *arg)
{
	free(p->d->title);
	p->d->title = strdup(unquote(arg));
	return p->d->title ? 0 : -ENOMEM;
}

static int do_within(struct parser *p, char *arg)
{
	char *end;
	double v = strtod(arg, &end);
	double ms = !strcmp(end, "s")    ? v * 1000
	            : !strcmp(end, "ms") ? v
	            : !strcmp(end, "m")  ? v * 60000
	                                 : -1;

	if (end == arg || ms < 1 || ms > 3600000)
		return wrong(p, "within takes a time such as 5s or 500ms, not \"%s\"", arg);
	p->within_ms = (unsigned)ms;
	return 0;
}

static int do_print(struct parser *p, char *arg)
{
	if (*arg)
		return wrong(p, "print takes nothing; it shows the output of the next command");
	p->print = true;
	return 0;
}

static int do_stage(struct parser *p, char *arg)
{
	return add(p, DRILL_STAGE, NULL, unquote(arg)) ? 0 : -ENOMEM;
}

static int do_lab(struct parser *p, char *arg)
{
	return add(p, DRILL_LAB, NULL, unquote(arg)) ? 0 : -ENOMEM;
}

static int do_say(struct parser *p, char *arg)
{
	return add(p, DRILL_SAY, NULL, unquote(arg)) ? 0 : -ENOMEM;
}

static int do_chassis(struct parser *p, char *arg)
{
	return add(p, DRILL_CHASSIS, arg, "") ? 0 : -ENOMEM;
}

static int do_boot(struct parser *p, char *arg)
{
	return add(p, DRILL_BOOT, arg, "") ? 0 : -ENOMEM;
}

static int do_fault(struct parser *p, char *arg)
{
	return add(p, DRILL_FAULT, NULL, arg) ? 0 : -ENOMEM;
}

static int do_measure(struct parser *p, char *arg)
{
	char why[160];
	struct drill_figures none = {.tunnels = 0};

	if (drill_measure(arg, &none, &none, why, sizeof(why)) < 0)
		return wrong(p, "%s", why);
	return add(p, DRILL_MEASURE, NULL, arg) ? 0 : -ENOMEM;
}

static int do_probe(struct parser *p, char *arg)
{
	char *sp = strchr(arg, ' ');

	if (!sp)
		return wrong(p, "probe takes a host and an address");
	*sp++ = '\0';
	return add(p, DRILL_PROBE, arg, sp + strspn(sp, " ")) ? 0 : -ENOMEM;
}

/* "NAME[ fails]: COMMAND" for host, "[fails]: ARGS" for orrery. */
static int command_line(struct parser *p, enum drill_op op, char *arg)
{
	char *colon = strchr(arg, ':'), *fails;
	struct drill_step *s;

	if (!colon)
		return wrong(p, "a colon is missing between %s and the command",
		             op == DRILL_HOST ? "the host" : "orrery");
	*colon++ = '\0';
	fails = strstr(arg, "fails");
	if (fails && (fails == arg || fails[-1] == ' ') && !fails[5])
		*fails = '\0';
	else
		fails = NULL;
	for (size_t n = strlen(arg); n && arg[n - 1] == ' '; n--)
		arg[n - 1] = '\0';
	if ((op == DRILL_HOST) != (*arg != '\0') || strchr(arg, ' '))
		return wrong(p, "\"%s\" is not the name of a host", arg);
	s = add(p, op, *arg ? arg : NULL, colon + strspn(colon, " "));
	if (!s)
		return -ENOMEM;
	s->fails = fails != NULL;
	return 0;
}

static int do_host(struct parser *p, char *arg)
{
	return command_line(p, DRILL_HOST, arg);
}

static int do_orrery(struct parser *p, char *arg)
{
	return command_line(p, DRILL_ORRERY, arg);
}

static const struct {
	const char *word;
	int (*parse)(struct parser *p, char *arg);
	bool bare; /* may stand without an argument */
} directives[] = {
        {"drill", do_drill, false},     {"lab", do_lab, false},       {"stage", do_stage, false},
        {"chassis", do_chassis, false}, {"within", do_within, false}, {"print", do_print, true},
        {"fault", do_fault, false},     {"boot", do_boot, false},     {"measure", do_measure, false},
        {"say", do_say, false},         {"probe", do_probe, false},   {"host", do_host, false},
        {"orrery", do_orrery, false},   {"orrery:", NULL, true},
};

/* 1: it was a directive; 0: not; else -errno. */
static int directive(struct parser *p, char *line)
{
	size_t n = strcspn(line, " \t:");
	char *arg = line + n;

	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
		int rc;

		if (!directives[i].parse || strncmp(line, directives[i].word, n) || directives[i].word[n])
			continue;
		if (*arg == ':' && directives[i].parse != do_orrery)
			return 0;
		arg += strspn(arg, " \t");
		if (!*arg && !directives[i].bare)
			return wrong(p, "%s needs something behind it", directives[i].word);
		rc = directives[i].parse(p, arg);
		if (rc == -ENOMEM)
			wrong(p, "too many steps");
		return rc ? rc : 1;
	}
	return 0;
}

static int append(char **text, const char *more)
{
	size_t a = strlen(*text), b = strlen(more);
	char *t = realloc(*text, a + b + 2);

	if (!t)
		return -ENOMEM;
	t[a] = '\n';
	memcpy(t + a + 1, more, b + 1);
	*text = t;
	return 0;
}

/* "[ctx]HOST# command" or "[ctx]HOST(config-x)# command". 1: it was one; 0: not; else -errno. */
static int prompt(struct parser *p, char *line)
{
	char *end = line[0] == '[' ? strchr(line, ']') : NULL, *host, *at;
	struct drill_step *s, *last = p->d->nsteps ? &p->d->steps[p->d->nsteps - 1] : NULL;
	bool config = false;

	if (!end || end == line + 1)
		return 0;
	host = end + 1;
	for (at = host; isalnum((unsigned char)*at) || *at == '-' || *at == '_'; at++)
		;
	if (at == host)
		return 0;
	*end = '\0';
	if (*at == '(') {
		char *close = strchr(at, ')');

		if (!close)
			return 0;
		config = true;
		*at = '\0';
		at = close + 1;
	}
	if (*at != '#' && *at != '>')
		return 0;
	*at++ = '\0';
	at += strspn(at, " ");
	if (config) {
		if (!last || last->op != DRILL_CLI || strcmp(last->who, host))
			return wrong(
			        p, "a configuration prompt must follow the line that entered configuration");
		return append(&last->text, at) ? -ENOMEM : 1;
	}
	if (!*at)
		return 1; /* an empty prompt at the end of a transcript */
	s = add(p, DRILL_CLI, host, at);
	if (s)
		s->context = strdup(line + 1);
	return s && s->context ? 1 : wrong(p, "too many steps");
}

static int expected(struct parser *p, const char *line)
{
	struct drill_step *s = p->d->nsteps ? &p->d->steps[p->d->nsteps - 1] : NULL;

	if (!s || (s->op != DRILL_CLI && s->op != DRILL_HOST && s->op != DRILL_ORRERY))
		return wrong(p,
		             "\"%.60s\" is neither a directive nor a prompt, and no command stands above it",
		             line);
	if (s->nexpect == s->expect_size) {
		unsigned size = s->expect_size ? s->expect_size * 2 : 8;
		char **e = realloc(s->expect, size * sizeof(*e));

		if (!e)
			return -ENOMEM;
		s->expect = e;
		s->expect_size = size;
	}
	s->expect[s->nexpect] = strdup(line);
	if (!s->expect[s->nexpect])
		return -ENOMEM;
	s->nexpect++;
	return 0;
}

static int parse_line(struct parser *p, char *line)
{
	size_t n = strlen(line);
	int rc;

	while (n && isspace((unsigned char)line[n - 1]))
		line[--n] = '\0';
	if (!n || (line[0] == '#' && (n == 1 || line[1] == ' ')))
		return 0;
	rc = directive(p, line);
	if (!rc) {
		char copy[DRILL_LINE_MAX];

		memcpy(copy, line, n + 1);
		rc = prompt(p, copy);
	}
	if (rc)
		return rc < 0 ? rc : 0;
	return expected(p, line);
}

struct drill *drill_parse(const char *name, const char *text, size_t len, char *err, size_t errlen)
{
	struct drill *d = calloc(1, sizeof(*d));
	struct parser p = {.name = name, .d = d, .err = err, .errlen = errlen};
	const char *end = text + len;
	int rc = d ? 0 : -ENOMEM;

	err[0] = '\0';
	if (!rc && len > DRILL_FILE_MAX)
		rc = wrong(&p, "the file is larger than %u bytes", DRILL_FILE_MAX);
	while (!rc && text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = nl ? (size_t)(nl - text) : (size_t)(end - text);
		char line[DRILL_LINE_MAX];

		p.line++;
		if (n >= sizeof(line) || memchr(text, '\0', n)) {
			rc = wrong(&p,
			           n >= sizeof(line) ? "the line is too long" : "there is a NUL byte in it");
			break;
		}
		memcpy(line, text, n);
		line[n] = '\0';
		rc = parse_line(&p, line);
		text += n + 1;
	}
	if (!rc && (p.within_ms || p.print))
		rc = wrong(&p, "within or print without a step behind it");
	if (!rc && !d->title)
		rc = (d->title = strdup(name)) ? 0 : -ENOMEM;
	if (rc) {
		if (!err[0])
			snprintf(err, errlen, "%s: no memory", name);
		drill_free(d);
		return NULL;
	}
	return d;
}

void drill_free(struct drill *d)
{
	if (!d)
		return;
	for (unsigned i = 0; i < d->nsteps; i++) {
		struct drill_step *s = &d->steps[i];

		for (unsigned j = 0; j < s->nexpect; j++)
			free(s->expect[j]);
		free(s->expect);
		free(s->who);
		free(s->context);
		free(s->text);
	}
	free(d->steps);
	free(d->title);
	free(d);
}

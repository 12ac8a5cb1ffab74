/* SPDX-License-Identifier: MIT */
/*
 * Drills without I/O: a drill file is a transcript (prompt, command, expected output) with fault lines.
 * Parser of the file, matcher of output against its wildcards, and the report (timeline, per-stage figures,
 * verdict) with its text, JSON and JUnit writers. The runner that does things is cmd/drillrun.c; notation:
 * labs/README.md.
 */
#ifndef DRILL_DRILL_H
#define DRILL_DRILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DRILL_FILE_MAX  (1u << 20)
#define DRILL_LINE_MAX  4096
#define DRILL_STEPS_MAX 4096

/* --- the file (drill_file.c)
 * ---------------------------------------------------------------------------------------- */

enum drill_op {
	DRILL_LAB,     /* lab FILE            the lab it runs in; started when it is not up */
	DRILL_STAGE,   /* stage "TITLE"       a row of the final table */
	DRILL_CHASSIS, /* chassis A           whom later fault lines mean */
	DRILL_CLI, /* [ctx]A# COMMAND     and expected lines; configuration lines join the step they follow */
	DRILL_HOST, /* host H: COMMAND     in a lab host, with sh -c; `host H fails: …` wants a status other
	               than 0 */
	DRILL_ORRERY,  /* orrery: ARGS        this program; `orrery fails: …` */
	DRILL_FAULT,   /* fault WHAT …        as `orrery fault` */
	DRILL_BOOT,    /* boot A              power a chassis of the lab on again */
	DRILL_PROBE,   /* probe H ADDRESS     ping from a lab host from now on; loss and gaps count in every
	                  stage */
	DRILL_MEASURE, /* measure FIGURE OP VALUE      tunnels, spis, reused, lost, gap; VALUE may be `before`
	                */
	DRILL_SAY,     /* say "TEXT"          a line of the timeline */
};

struct drill_step {
	enum drill_op op;
	unsigned line; /* in the file */
	char *who;     /* chassis or host */
	char *context; /* CLI: Exec context of the prompt */
	char *text;    /* command(s, one a line), title, arguments */
	char **expect; /* expected output */
	unsigned nexpect, expect_size;
	unsigned within_ms; /* poll until it holds; 0: once */
	bool fails;         /* the command must fail */
	bool print;         /* show its output on the timeline */
};

struct drill {
	char *title; /* `drill "TITLE"`, else the file's name */
	struct drill_step *steps;
	unsigned nsteps, size;
};

/* Parse a drill file's text. NULL with "NAME:LINE: reason" in err. Free with drill_free(). */
struct drill *drill_parse(const char *name, const char *text, size_t len, char *err, size_t errlen);
void drill_free(struct drill *d);
const char *drill_op_name(enum drill_op op);

/* --- matching (drill_match.c)
 * ------------------------------------------------------------------------------------------ */

/* Captured values, `<type:name>`: the first match sets it, later ones must be the same. */
struct drill_vars {
	struct drill_var {
		char *name, *value;
	} * v;
	unsigned n, size;
};

void drill_vars_clear(struct drill_vars *vars);
const char *drill_vars_get(const struct drill_vars *vars, const char *name);

/*
 * Does the output match the expected lines? Blanks count as one, blank lines and the date line of Exec
 * commands not at all; "..." stands for any lines, * for any text, <int> <hex> <spi> <ip> <word> for such a
 * word, <int:3-5> for a number in that range, <not:NAME> for a word other than the captured one, \ takes the
 * next character as it is. Captures are stored only when everything matches. True, or false with the reason
 * in err.
 */
bool drill_match(char *const *expect, unsigned n, const char *output, struct drill_vars *vars, char *err,
                 size_t errlen);
/* Put captured values into a command: `<=name>`. Returns a malloc'ed string, or NULL with a reason for an
 * unknown name. */
char *drill_expand(const char *text, const struct drill_vars *vars, char *err, size_t errlen);

/* --- figures (drill_probe.c)
 * --------------------------------------------------------------------------------------------- */

struct drill_figures {
	int64_t tunnels; /* up now; -1: nobody counts them */
	int64_t reused;  /* ESP sequence numbers seen twice, since the start */
	uint64_t spis;   /* one number over all SPIs: changes when any of them does */
	int64_t sent, lost;
	int64_t gap_us; /* longest time without an answer; -1: nothing measured */
};

/*
 * Loss and longest gap of `ping -D -n -O` output between two wall times (µs): answers carry their time and
 * sequence number, and each echo without answer is told when the next one leaves. A ping that has not said
 * anything for longer did not get to run, which is no loss. interval_us: that of the ping, which is no gap.
 * Adds to *f.
 */
void drill_probe_figures(const char *text, size_t len, uint64_t from_us, uint64_t to_us, uint64_t interval_us,
                         struct drill_figures *f);
/*
 * `measure FIGURE OP VALUE` on these figures; before: those at the start of the stage. 1 holds, 0 does not,
 * -EINVAL with a reason in err. In both first cases err has "FIGURE is N, wanted OP VALUE".
 */
int drill_measure(const char *text, const struct drill_figures *now, const struct drill_figures *before,
                  char *err, size_t errlen);

/* --- report (drill_report.c)
 * ------------------------------------------------------------------------------------------------ */

struct drill_stage {
	char *title;
	uint64_t start_us, end_us; /* since the drill began */
	int64_t fault_us;          /* of the first fault, -1: none */
	int64_t recovered_us;      /* when the last `within` after the fault held, -1: none */
	struct drill_figures before, after;
	unsigned checks; /* steps with an expectation that held */
	char *failure;   /* NULL: passed */
};

struct drill_report {
	char *title;
	struct drill_stage *stages;
	unsigned n, size;
};

/* Begin a stage; borrow it until the next call. */
struct drill_stage *drill_report_stage(struct drill_report *r, const char *title, uint64_t now_us);
bool drill_report_passed(const struct drill_report *r);
void drill_report_clear(struct drill_report *r);
/* All three return a malloc'ed text. */
char *drill_report_table(const struct drill_report *r);
char *drill_report_json(const struct drill_report *const *reports, unsigned n);
char *drill_report_junit(const struct drill_report *const *reports, unsigned n);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The drill runner's parts: drillrun.c walks the steps and keeps the timeline, drillexec.c runs commands with
 * a deadline, drillmeas.c reads the figures of probes and simulated peers.
 */
#ifndef CMD_DRILLRUN_H
#define CMD_DRILLRUN_H

#include <stdbool.h>
#include <stdint.h>
#include "cmd/cmd.h"
#include "drill/drill.h"
#include "lab/lab.h"

#define DRILLRUN_OUTPUT_MAX (4u << 20)
#define DRILLRUN_PROBES     8
#define DRILLRUN_PING_MS    100
#define DRILLRUN_LINKS      16

struct fault_lease;

struct drillrun_probe {
	char host[LAB_NAME_MAX];
	char log[CMD_PATH_MAX];
	int conn; /* to the holder; the ping ends when it is closed */
};

struct drillrun {
	const char *file;
	struct drill *drill;
	struct drill_report report;
	struct drill_vars vars;
	struct lab *lab;
	char labfile[CMD_PATH_MAX], labdir[CMD_PATH_MAX];
	bool started_lab, keep, tty;
	char chassis[LAB_NAME_MAX]; /* whom fault lines mean */
	uint64_t start_us;          /* monotonic */
	uint64_t stage_wall_us;     /* when the stage began, wall clock */
	struct drillrun_probe probes[DRILLRUN_PROBES];
	unsigned nprobes;
	struct fault_lease *faults;   /* undone when the drill ends */
	char cut[DRILLRUN_LINKS][64]; /* links of the lab that this drill has cut */
	unsigned ncut;
	char err[1024];
};

/* --- drillexec.c: run and collect stdout and stderr (malloc'ed, may be NULL). Exit status, -1 with r->err
 * set. ---------- */
int drillexec_self(struct drillrun *r, char *const *argv, unsigned timeout_ms, char **out);
int drillexec_host(struct drillrun *r, const char *host, const char *command, unsigned timeout_ms,
                   char **out);

/* --- drillmeas.c
 * ------------------------------------------------------------------------------------------------------------
 */
/* Start a ping that lasts as long as the drill. 0, or -1 with r->err. */
int drillmeas_probe(struct drillrun *r, const char *host, const char *address);
void drillmeas_end(struct drillrun *r);
/* A stage begins: loss and gaps count from now. */
void drillmeas_mark(struct drillrun *r);
/* Figures now; loss and gaps since the mark. */
void drillmeas_read(struct drillrun *r, struct drill_figures *f);

#endif

/* SPDX-License-Identifier: MIT */
/* Faults that stand until they are undone. Private to chassis/; fault.c keeps the list, faultdo.c does the
 * deeds. */
#ifndef ORRERY_FAULT_H
#define ORRERY_FAULT_H

#include "chassis.h"

#define FAULTS_MAX 32
#define FAULT_PIDS 256

enum fault_kind {
	FAULT_NONE,
	FAULT_HANG,   /* noted by command.c */
	FAULT_SLOW,   /* slow task F I | card S: percent of a CPU */
	FAULT_MEMORY, /* memory task F I: MB more */
	FAULT_DISK,   /* disk full */
	FAULT_CUT,    /* cut cards A B */
	FAULT_LOSS,   /* loss port S/P: percent */
	FAULT_CLOCK,  /* clock: seconds */
	FAULT_KINDS
};

struct fault {
	struct chassis *c;
	enum fault_kind kind;
	unsigned id;
	char text[120]; /* as it was ordered */
	char how[120];  /* by what it acts */
	uint64_t since_wall;
	const struct conn *lease; /* undone when this connection ends; NULL: not */
	char facility[32], instance[16], port[16];
	unsigned a, b; /* slots */
	long value;
	pid_t pids[FAULT_PIDS]; /* processes it acts on */
	unsigned n_pids;
	int pidfd;         /* of hang, memory: that very process, whoever has its number by now; or -1 */
	uv_timer_t *timer; /* of slow */
	bool stopped;      /* slow: they are stopped just now */
	unsigned turns;
	char cgroup[300]; /* slow: the group they are in, or empty */
};

/*
 * Begin and end. 0, or -errno with a sentence in err. undo of what is gone already is no error. Called by
 * fault.c alone.
 */
int fault_do(struct fault *f, char *err, size_t size);
void fault_undo(struct fault *f);
/* Hold on to pids[0]. 0 or -errno. */
int fault_hold(struct fault *f);
/* Is there still something it acts on? */
bool fault_stands(struct fault *f);
/* Apply again what a card or port lost by a restart or move. */
void fault_again(struct fault *f);
/* Is another fault holding this process stopped? */
bool fault_hangs(pid_t pid);
/* All clock faults together. */
long fault_clock_sum(void);

#endif

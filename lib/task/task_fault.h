/* SPDX-License-Identifier: MIT */
/* The one fault a task must lend a hand to: taking memory. See task_fault.c. */
#ifndef ORRERY_TASK_FAULT_H
#define ORRERY_TASK_FAULT_H

#include <signal.h>

struct task;

/* sigqueue() with a number of megabytes: the task holds so much more memory; 0: none. */
#define TASK_FAULT_SIGNAL (SIGRTMIN + 3)

void task_fault_init(struct task *t);

#endif

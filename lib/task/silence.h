/* SPDX-License-Identifier: MIT */
/*
 * How long has a process been silent that could have said something? A machine with too much to do keeps a
 * process from running, or waiting for its disk, longer than the silence after which one counts as hung; to
 * kill it then makes more of what there is too much of. So time counts that its watcher saw go by, less what
 * the kernel says the process waited for a CPU or stood in an uninterruptible wait. That has a bound: what is
 * silent SILENCE_TIMES as long is hung, whatever it waited for. cards/ watches tasks by this, chassis/ cards.
 */
#ifndef ORRERY_TASK_SILENCE_H
#define ORRERY_TASK_SILENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SILENCE_TIMES 10

/* What the kernel says of a process' main thread, the one whose loop is to go round. */
struct silence_look {
	uint64_t ran_us, waited_us; /* since it began: on a CPU; ready to run, and another one ran */
	char state;                 /* R, S, D, T …: proc(5) */
};

struct silence {
	uint64_t seen_us;  /* when its watcher last came by */
	uint64_t whole_us; /* so much of the silence the watcher saw */
	uint64_t ours_us;  /* so much of that is the process' own */
	bool looked, told;
	struct silence_look last;
};

/* A sign of life. */
void silence_end(struct silence *s, uint64_t now_us);
/*
 * The watcher comes by, as it does every period_us, and there was none. look: of now, NULL where nothing is
 * known, as on a machine that keeps no such account. True: it hangs, by a limit of so much silence.
 */
bool silence_add(struct silence *s, const struct silence_look *look, uint64_t now_us, uint64_t period_us,
                 uint64_t limit_us);
/* The same, looking itself where the silence is long enough for that. */
bool silence_watch(struct silence *s, pid_t pid, uint64_t now_us, uint64_t period_us, uint64_t limit_us);
/* Did it just become longer than the limit, and is it excused? Once in each silence. */
bool silence_excused(struct silence *s, uint64_t limit_us);
/* From /proc. 0 or -errno. */
int silence_look(pid_t pid, struct silence_look *look);

#endif

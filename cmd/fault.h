/* SPDX-License-Identifier: MIT */
/* Standing faults from the command line, and those of a drill, which end with it. See fault.c. */
#ifndef CMD_FAULT_H
#define CMD_FAULT_H

#include <stdbool.h>
#include <stddef.h>

/* slow, memory, disk, cut, heal, loss, clock, undo, list? */
bool fault_known(const char *verb);
/* NULL, or what is wrong with these words: a typing mistake, exit 2. */
const char *fault_wrong_words(int n, char **a);
/* One order to a chassis, told on stdout what came of it. Exit status. */
int fault_order(const char *chassis, char **a, unsigned n, bool json);

/*
 * The faults of one process: each chassis is asked over one connection that stays, so that all that stands is
 * undone when this process ends, however it does.
 */
struct fault_lease;
struct fault_lease *fault_lease_new(void);
/* words: as `orrery fault` takes them. 0, or -1 with the reason in err. what, when not NULL, gets by what it
 * acts. */
int fault_lease_do(struct fault_lease *l, const char *chassis, const char *words, char *what,
                   size_t what_size, char *err, size_t errlen);
void fault_lease_end(struct fault_lease *l); /* undo all; NULL-safe */

#endif

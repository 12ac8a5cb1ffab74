/* SPDX-License-Identifier: MIT */
/*
 * Client side of a running lab, for `orrery lab` and the drill runner.
 */
#ifndef CMD_LABCTL_H
#define CMD_LABCTL_H

#include <stdbool.h>
#include <stddef.h>
#include "lab/lab.h"

/* Read and parse a lab file, with an error line on stderr. */
struct lab *labctl_read(const char *file);
/* Is the lab of this name up? */
bool labctl_is_up(const char *lab_name);
/* Start a lab and wait until it is ready; progress lines on stderr when it is a terminal. Exit status. */
int labctl_up(const char *file);
int labctl_down(const char *lab_name);
/*
 * Send a request (see labhold.c) with stdio descriptors (NULL: none). A connection or -errno; the answer
 * comes on it.
 */
int labctl_request(const char *lab_name, char *const *words, unsigned nwords, const int fds[3]);
/* The answer within timeout_ms (-1: for ever). Length, 0 when the holder went away, or -errno. */
int labctl_answer(int fd, int timeout_ms, char *buf, size_t size);
/* Boot a chassis of the lab and wait until it is up. 0, or -1 with the reason in err. */
int labctl_boot(const struct lab *lab, const char *chassis, char *err, size_t errlen);

#endif

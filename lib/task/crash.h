/* SPDX-License-Identifier: MIT */
/*
 * Minicores: a text of what a process was doing when it crashed, in the chassis' /flash/crash/, named as
 * StarOS names cores: crash-CC-CPU-PID-UNIXHEX-core. Signal, faulting address, program counter, call trace as
 * module and offset; no memory and no other registers, which may hold keys. The process itself writes it on a
 * crash signal; its card writes one for a process that is hung or over its limits before it kills it. Kernel
 * cores are off. Used by lib/task, cards/, tasks/hatsystem (bound), tasks/cli (show crash number).
 */
#ifndef TASK_CRASH_H
#define TASK_CRASH_H

#include <stddef.h>
#include <sys/types.h>

#define CRASH_DIR      "flash/crash"
#define CRASH_NAME_MAX 64
#define CRASH_KEEP     120   /* cores kept, newest first */
#define CRASH_SIZE_MAX 65536 /* of one */
#define CRASH_FRAMES   64

/* From now on crash signals of this process write a minicore. Also turns kernel cores off. */
void crash_init(const char *state_dir, const char *facility, unsigned instance, unsigned card, unsigned cpu);
/* The process has another number now. */
void crash_rename(unsigned instance);

/*
 * Write the minicore of another process, which must stand still (hung, stopped) for an exact one: state,
 * registers' PC and SP when the kernel tells them, and the code addresses on its stack. name gets the file's
 * name, "" if there is none. 0 or -errno.
 */
int crash_dump_other(const char *state_dir, const char *facility, unsigned instance, unsigned card,
                     unsigned cpu, pid_t pid, const char *why, char name[CRASH_NAME_MAX]);
/* The core a dead process left. 0, or -ENOENT (name ""). */
int crash_find(const char *state_dir, unsigned card, unsigned cpu, pid_t pid, char name[CRASH_NAME_MAX]);
/* Delete the oldest beyond CRASH_KEEP. Returns how many are kept. */
unsigned crash_prune(const char *state_dir);
/* Text of one, NUL-terminated, the caller's to free; NULL when there is none of that (checked) name. */
char *crash_read(const char *state_dir, const char *name);

#endif

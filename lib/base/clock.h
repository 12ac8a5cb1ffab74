/* SPDX-License-Identifier: MIT */
/*
 * Clock and randomness: the only place in Orrery that asks the kernel for time or random bytes.
 * Tasks take `now` here once per loop turn and hand it to the engines, which never ask themselves.
 * Also the three StarOS time notations. Entry points: clock_now_us(), clock_wall_us(), random_bytes(),
 * clock_format_*().
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define US_PER_MS  1000ULL
#define US_PER_SEC 1000000ULL
#define US_PER_MIN (60 * US_PER_SEC)

/* Longest text any clock_format_*() writes, with its NUL. */
#define CLOCK_TEXT_MAX 48

enum clock_zone { CLOCK_UTC, CLOCK_LOCAL };

/* Monotonic time in µs; for timers and deadlines. Comparable between processes of one boot of the machine. */
uint64_t clock_now_us(void);
/* Wall clock in µs since 1970 UTC; for logs, traps, samples. May jump. */
uint64_t clock_wall_us(void);
/*
 * The wall clock as it was when the chassis booted, plus the time since: never jumps, is the same in all
 * processes of a chassis, and near that of another chassis. For lifetimes and durations that must survive a
 * process. Outside a chassis it is the wall clock.
 */
uint64_t clock_steady_us(void);
/*
 * The chassis' clock is a small shared page in its run directory: the base of the steady time, and how far
 * the wall clock has been set off (orrery fault clock). orreryd creates it, cards and tasks follow it. 0 or
 * -errno; without a page both clocks are the machine's.
 */
int clock_page_create(const char *run_dir);
int clock_page_follow(const char *run_dir);
/* Set this chassis' wall clock off; for the process that created the page. */
void clock_page_jump(int64_t offset_us);
int64_t clock_page_offset(void);
/* CPU time used by this process in µs; for benchmarks and resource figures. */
uint64_t clock_cpu_us(void);
/* Block the calling thread. Only for command-line programs that wait for a process; never in a task's loop.
 */
void clock_sleep_us(uint64_t us);

/* Fill `len` bytes from the kernel's random generator (getrandom). Cannot fail short of a broken kernel. */
void random_bytes(void *buf, size_t len);
uint32_t random_u32(void);
uint64_t random_u64(void);

/*
 * Write the wall time `wall_us` into `buf` (at most `size` bytes with the NUL) in the zone asked for.
 * Return `buf`, so that the call can stand in a printf argument list.
 */
const char *clock_format_staros_log(char *buf, size_t size, uint64_t wall_us,
                                    enum clock_zone zone); /* 2021-Jun-20+10:11:12.150 */
const char *clock_format_exec(char *buf, size_t size, uint64_t wall_us,
                              enum clock_zone zone); /* Tuesday March 05 17:13:14 UTC 2024 */
const char *clock_format_trap(char *buf, size_t size, uint64_t wall_us,
                              enum clock_zone zone); /* Wed Aug 10 09:45:32 2022 */
const char *clock_format_date(char *buf, size_t size, uint64_t wall_us,
                              enum clock_zone zone); /* 20240305 (bulkstat %date%) */
const char *clock_format_time(char *buf, size_t size, uint64_t wall_us,
                              enum clock_zone zone); /* 171314 (bulkstat %time%) */
/* A span as StarOS prints uptimes: "0D 1H 2M", "3D 4H 5M". */
const char *clock_format_uptime(char *buf, size_t size, uint64_t span_us);

#endif

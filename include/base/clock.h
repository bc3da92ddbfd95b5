/* SPDX-License-Identifier: MIT */
/*
 * Time: a monotonic clock for deadlines and the wall clock for logs and certificates. Tests replace
 * both, so that no test waits for time to pass.
 */
#ifndef HIVEDOOR_BASE_CLOCK_H
#define HIVEDOOR_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds on the monotonic clock (CLOCK_MONOTONIC). */
uint64_t clock_ms(void);
/* Microseconds on the monotonic clock. */
uint64_t clock_us(void);
/* Microseconds of a processor that this process has used; never frozen. */
uint64_t clock_cpu_us(void);
/* Milliseconds since 1970 UTC. */
int64_t clock_wall_ms(void);

#define CLOCK_TEXT_MAX 32
/* "2026-11-23T21:41:00.123Z" (RFC 3339); returns `dst`. */
const char *clock_print(int64_t wall_ms, char dst[static CLOCK_TEXT_MAX]);
/* "Mon, 23 Nov 2026 21:41:00 GMT" (RFC 9110 section 5.6.7); returns `dst`. */
const char *clock_print_http(int64_t wall_ms, char dst[static CLOCK_TEXT_MAX]);

/* For tests: stops both clocks at these values, in ms; clock_resume makes them run again. */
void clock_freeze(uint64_t mono_ms, int64_t wall_ms);
void clock_advance(uint64_t ms);
void clock_resume(void);

#endif

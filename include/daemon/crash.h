/* SPDX-License-Identifier: MIT */
/*
 * When a process that ended unasked may be started again: 100 ms later, doubling to 5 s, from the
 * start again once it lived for 10 s. CRASH_MAX ends of one slot within CRASH_WINDOW_MS mean that
 * starting it again does not help. Pure; times are the monotonic clock's. Supervisor only.
 */
#ifndef HIVEDOOR_DAEMON_CRASH_H
#define HIVEDOOR_DAEMON_CRASH_H

#include <stdbool.h>
#include <stdint.h>

#define CRASH_FIRST_MS  100
#define CRASH_LAST_MS   5000
#define CRASH_ALIVE_MS  10000
#define CRASH_WINDOW_MS 60000
#define CRASH_MAX       10

struct crash_record {
    uint64_t ends_ms[CRASH_MAX]; /* ring, newest at (count - 1) % CRASH_MAX */
    uint64_t count;
    uint32_t delay_ms; /* of the last end; 0: none yet */
};

/* A process started at `started_ms` ended at `now_ms`. False: give up; else *out_delay_ms. */
bool crash_note(struct crash_record *r, uint64_t started_ms, uint64_t now_ms,
                uint32_t *out_delay_ms);

#endif

/* SPDX-License-Identifier: MIT */
#include "daemon/crash.h"

static uint32_t next_delay(uint32_t delay_ms)
{
    if (delay_ms == 0) {
        return CRASH_FIRST_MS;
    }
    return delay_ms * 2 > CRASH_LAST_MS ? CRASH_LAST_MS : delay_ms * 2;
}

bool crash_note(struct crash_record *r, uint64_t started_ms, uint64_t now_ms,
                uint32_t *out_delay_ms)
{
    r->delay_ms = now_ms - started_ms >= CRASH_ALIVE_MS ? CRASH_FIRST_MS : next_delay(r->delay_ms);
    r->ends_ms[r->count % CRASH_MAX] = now_ms;
    r->count++;
    /* The slot that the next end will take holds the oldest of the last CRASH_MAX. */
    if (r->count >= CRASH_MAX && now_ms - r->ends_ms[r->count % CRASH_MAX] < CRASH_WINDOW_MS) {
        return false;
    }
    *out_delay_ms = r->delay_ms;
    return true;
}

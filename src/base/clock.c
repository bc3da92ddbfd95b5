/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "base/str.h"

/* The one clock of the process: running, or stopped by a test. */
static struct {
    bool frozen;
    uint64_t mono_ms;
    int64_t wall_ms;
} clock_state;

uint64_t clock_us(void)
{
    struct timespec ts;

    if (clock_state.frozen) {
        return clock_state.mono_ms * 1000;
    }
    REQUIRE(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_cpu_us(void)
{
    struct timespec ts;

    REQUIRE(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) == 0);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_ms(void)
{
    return clock_us() / 1000;
}

int64_t clock_wall_ms(void)
{
    struct timespec ts;

    if (clock_state.frozen) {
        return clock_state.wall_ms;
    }
    REQUIRE(clock_gettime(CLOCK_REALTIME, &ts) == 0);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The calendar fields of a wall time and its milliseconds; the year is held to four digits. */
static unsigned split_wall(int64_t wall_ms, struct tm *out_tm)
{
    const int64_t last_ms = INT64_C(253402300799999); /* 9999-12-31T23:59:59.999Z */
    int64_t ms = wall_ms < 0 ? 0 : wall_ms > last_ms ? last_ms : wall_ms;
    time_t seconds = (time_t)(ms / 1000);

    REQUIRE(gmtime_r(&seconds, out_tm) != NULL);
    return (unsigned)(ms % 1000);
}

/* Decimal digits with leading zeros; returns the place behind them. */
static char *put_digits(char *at, unsigned value, unsigned digits)
{
    for (unsigned i = digits; i > 0; i--) {
        at[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + digits;
}

static char *put_time(char *at, const struct tm *tm)
{
    at = put_digits(at, (unsigned)tm->tm_hour, 2);
    *at++ = ':';
    at = put_digits(at, (unsigned)tm->tm_min, 2);
    *at++ = ':';
    return put_digits(at, (unsigned)tm->tm_sec, 2);
}

const char *clock_print(int64_t wall_ms, char dst[static CLOCK_TEXT_MAX])
{
    struct tm tm;
    unsigned ms = split_wall(wall_ms, &tm);

    char *at = put_digits(dst, (unsigned)tm.tm_year + 1900, 4);
    *at++ = '-';
    at = put_digits(at, (unsigned)tm.tm_mon + 1, 2);
    *at++ = '-';
    at = put_digits(at, (unsigned)tm.tm_mday, 2);
    *at++ = 'T';
    at = put_time(at, &tm);
    *at++ = '.';
    at = put_digits(at, ms, 3);
    *at++ = 'Z';
    *at = '\0';
    return dst;
}

const char *clock_print_http(int64_t wall_ms, char dst[static CLOCK_TEXT_MAX])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;

    (void)split_wall(wall_ms, &tm);
    char *at = mempcpy(dst, days + (ptrdiff_t)tm.tm_wday * 3, 3);
    *at++ = ',';
    *at++ = ' ';
    at = put_digits(at, (unsigned)tm.tm_mday, 2);
    *at++ = ' ';
    at = mempcpy(at, months + (ptrdiff_t)tm.tm_mon * 3, 3);
    *at++ = ' ';
    at = put_digits(at, (unsigned)tm.tm_year + 1900, 4);
    *at++ = ' ';
    at = put_time(at, &tm);
    at = mempcpy(at, " GMT", 4);
    *at = '\0';
    return dst;
}

void clock_freeze(uint64_t mono_ms, int64_t wall_ms)
{
    clock_state.frozen = true;
    clock_state.mono_ms = mono_ms;
    clock_state.wall_ms = wall_ms;
}

void clock_advance(uint64_t ms)
{
    REQUIRE(clock_state.frozen);
    clock_state.mono_ms += ms;
    clock_state.wall_ms += (int64_t)ms;
}

void clock_resume(void)
{
    clock_state.frozen = false;
}

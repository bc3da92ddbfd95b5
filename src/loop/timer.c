/* SPDX-License-Identifier: MIT */
#include "loop/timer.h"

#include <event2/event.h>

#include "base/err.h"

/* libevent cuts longer waits itself; this only keeps the arithmetic small. */
#define LONGEST_MS (UINT64_C(1000) * 3600 * 24 * 365)

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct timer *t = arg;

    (void)fd;
    (void)what;
    t->is_set = false;
    loop_moment(t->loop);
    t->fn(t->arg);
}

void timer_init(struct timer *t, struct loop *loop, void (*fn)(void *arg), void *arg)
{
    *t = (struct timer){.loop = loop, .fn = fn, .arg = arg};
    t->event = event_new(loop_base(loop), -1, 0, on_event, t);
    REQUIRE(t->event != NULL);
}

void timer_set(struct timer *t, uint64_t ms)
{
    uint64_t held = ms < LONGEST_MS ? ms : LONGEST_MS;
    struct timeval tv = {
        .tv_sec = (time_t)(held / 1000),
        .tv_usec = (suseconds_t)(held % 1000 * 1000),
    };

    REQUIRE(event_add(t->event, &tv) == 0);
    t->is_set = true;
}

void timer_clear(struct timer *t)
{
    REQUIRE(event_del(t->event) == 0);
    t->is_set = false;
}

bool timer_is_set(const struct timer *t)
{
    /* Asked whenever a deadline is set: event_pending took 0.7 k instructions a request. */
    return t->is_set;
}

void timer_fini(struct timer *t)
{
    if (t->event != NULL) {
        event_free(t->event);
        t->event = NULL;
    }
}

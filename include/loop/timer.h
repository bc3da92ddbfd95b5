/* SPDX-License-Identifier: MIT */
/* A single timer of any duration, for the few things that are not per connection. */
#ifndef HIVEDOOR_LOOP_TIMER_H
#define HIVEDOOR_LOOP_TIMER_H

#include "loop/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct event;

struct timer {
    struct loop *loop;
    struct event *event; /* owned */
    bool is_set;
    void (*fn)(void *arg);
    void *arg;
};

void timer_init(struct timer *t, struct loop *loop, void (*fn)(void *arg), void *arg);
/* Fires once, `ms` from now; setting again moves it. */
void timer_set(struct timer *t, uint64_t ms);
void timer_clear(struct timer *t);
bool timer_is_set(const struct timer *t);
/* Safe on a zeroed struct and twice. */
void timer_fini(struct timer *t);

#endif

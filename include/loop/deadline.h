/* SPDX-License-Identifier: MIT */
/*
 * Deadlines by class. A class is one duration (the handshake time-out, the idle time-out ...) with
 * one list in expiry order and one libevent timer, so that setting and clearing one is a list
 * operation, whatever the number of connections. Precision is about 50 ms, or the class's own
 * duration if that is less; never early by a whole millisecond, which is what the clock counts.
 * What has passed by base/clock is called at the end of a turn, so a test only moves the clock and
 * turns.
 */
#ifndef HIVEDOOR_LOOP_DEADLINE_H
#define HIVEDOOR_LOOP_DEADLINE_H

#include "base/list.h"
#include "loop/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct deadline_class;

struct deadline {
    struct list node;
    uint64_t at_ms;
    void (*fn)(void *arg);
    void *arg;
};

struct deadline_class *deadline_class_new(struct loop *loop, uint64_t duration_ms);
/* Every deadline of the class must be cleared; accepts NULL. */
void deadline_class_free(struct deadline_class *c);
uint64_t deadline_class_ms(const struct deadline_class *c);

void deadline_init(struct deadline *d, void (*fn)(void *arg), void *arg);
/* Sets or moves: expires duration_ms from now in class `c`. Fires once. */
void deadline_set(struct deadline *d, struct deadline_class *c);
void deadline_clear(struct deadline *d);
bool deadline_is_set(const struct deadline *d);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * All deadlines of a class are equally long, so the list is in expiry order by itself. The timer
 * only wakes the loop up: whether a deadline has passed is decided by base/clock, at the end of a
 * turn and before its deferred tasks, which is why a test that moves the clock needs no waiting.
 * The loop knows when the soonest of all classes is due, so a turn before that costs nothing here.
 */
#include "loop/deadline.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "loop/timer.h"

/* Wake-ups stand on this grid, so that neighbours share one; a shorter class has one of its own
 * length. */
#define GRID_MS 50

struct deadline_class {
    struct loop *loop; /* borrowed */
    uint64_t duration_ms;
    struct list list; /* of struct deadline, soonest first */
    struct loop_hook hook;
    struct timer timer;
};

/* Seldom: what is on the way of each request does not carry it along. */
__attribute__((noinline)) static void arm(struct deadline_class *c, uint64_t now_ms)
{
    const struct deadline *first = LIST_FIRST(&c->list, struct deadline, node);
    uint64_t grid_ms = c->duration_ms < GRID_MS ? c->duration_ms : GRID_MS;
    uint64_t wake_ms = (first->at_ms + grid_ms - 1) / grid_ms * grid_ms;

    timer_set(&c->timer, wake_ms > now_ms ? wake_ms - now_ms : 1);
}

/* Calls what has passed. `now` stands still meanwhile, so a callback that sets its deadline anew
 * cannot keep us here. */
static void on_turn_end(void *arg)
{
    struct deadline_class *c = arg;

    if (list_is_empty(&c->list)) {
        return;
    }
    uint64_t now_ms = loop_now_ms(c->loop);
    while (!list_is_empty(&c->list)) {
        struct deadline *d = LIST_FIRST(&c->list, struct deadline, node);
        if (d->at_ms > now_ms) {
            break;
        }
        list_remove(&d->node);
        d->fn(d->arg);
    }
    if (list_is_empty(&c->list)) {
        return;
    }
    loop_due(c->loop, LIST_FIRST(&c->list, struct deadline, node)->at_ms);
    if (!timer_is_set(&c->timer)) {
        arm(c, now_ms);
    }
}

/* The hook does the work at the end of this turn, and sets the timer again. */
static void on_timer(void *arg)
{
    struct deadline_class *c = arg;

    loop_due(c->loop, 0);
}

struct deadline_class *deadline_class_new(struct loop *loop, uint64_t duration_ms)
{
    struct deadline_class *c = NEW(struct deadline_class);

    c->loop = loop;
    c->duration_ms = duration_ms > 0 ? duration_ms : 1;
    list_init(&c->list);
    timer_init(&c->timer, loop, on_timer, c);
    loop_hook_add_timed(loop, &c->hook, on_turn_end, c);
    return c;
}

void deadline_class_free(struct deadline_class *c)
{
    if (c == NULL) {
        return;
    }
    REQUIRE(list_is_empty(&c->list));
    loop_hook_remove(&c->hook);
    timer_fini(&c->timer);
    /* One of the class's own callbacks may be what frees it. */
    loop_free_later(c->loop, c);
}

uint64_t deadline_class_ms(const struct deadline_class *c)
{
    return c->duration_ms;
}

void deadline_init(struct deadline *d, void (*fn)(void *arg), void *arg)
{
    list_init(&d->node);
    d->at_ms = 0;
    d->fn = fn;
    d->arg = arg;
}

void deadline_set(struct deadline *d, struct deadline_class *c)
{
    uint64_t now_ms = loop_now_ms(c->loop);

    list_remove(&d->node);
    d->at_ms = now_ms + c->duration_ms;
    if (list_is_empty(&c->list)) {
        loop_due(c->loop, d->at_ms);
    }
    list_push_back(&c->list, &d->node);
    if (!timer_is_set(&c->timer)) {
        arm(c, now_ms);
    }
}

void deadline_clear(struct deadline *d)
{
    list_remove(&d->node);
}

bool deadline_is_set(const struct deadline *d)
{
    return !list_is_empty(&d->node);
}

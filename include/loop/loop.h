/* SPDX-License-Identifier: MIT */
/*
 * The event loop: the only module (with loop/watch, loop/timer and loop/signals behind it) that
 * names libevent. One loop a process, one thread. A "turn" is one wait and the callbacks that it
 * gave; work put off with loop_defer runs at the end of the turn, which is where objects are freed
 * that a callback further up may still be using.
 */
#ifndef HIVEDOOR_LOOP_LOOP_H
#define HIVEDOOR_LOOP_LOOP_H

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct event_base;

/* Work for the end of this turn; embedded in its owner. Each runs once a loop_defer. */
struct loop_task {
    struct list node;
    void (*fn)(void *arg);
    void *arg;
};

/* A hook that runs at the end of every turn after the deferred tasks (flush output, logs). */
struct loop_hook {
    struct list node;
    void (*fn)(void *arg);
    void *arg;
};

/* Never NULL (aborts when the host has no epoll). */
struct loop *loop_new(void);
/* Runs what is deferred, then frees. Everything registered must be gone before. */
void loop_free(struct loop *loop);
/* Runs until loop_stop. */
void loop_run(struct loop *loop);
/* One turn; waits for an event only if `wait`. For tests. */
void loop_turn(struct loop *loop, bool wait);
/* The next turn does not wait: there is work for it, whatever happens. */
void loop_hurry(struct loop *loop);
/* Ends loop_run after this turn. */
void loop_stop(struct loop *loop);

void loop_task_init(struct loop_task *task, void (*fn)(void *arg), void *arg);
/* Runs the task once at the end of this turn; a task already waiting stays where it is. A task
 * deferred by a running task runs in the same end-of-turn, at most 64 rounds, then next turn. */
void loop_defer(struct loop *loop, struct loop_task *task);
void loop_task_cancel(struct loop_task *task);
/* Calls free(ptr) at the end of this turn. */
void loop_free_later(struct loop *loop, void *ptr);

void loop_hook_add(struct loop *loop, struct loop_hook *hook, void (*fn)(void *arg), void *arg);
/* As loop_hook_add, but before the deferred tasks: what begins then (handshakes) is finished and
 * sent in the same turn. */
void loop_hook_add_early(struct loop *loop, struct loop_hook *hook, void (*fn)(void *arg),
                         void *arg);
void loop_hook_remove(struct loop_hook *hook);

/* Monotonic time of this moment: a callback of an event or a deferred task that runs reads the
 * clock once, however often this is asked. Outside of turns it is read each time. */
uint64_t loop_now_us(const struct loop *loop);
uint64_t loop_now_ms(const struct loop *loop);

/* The number of this turn, from 1 on. */
uint64_t loop_turns(const struct loop *loop);
/* Whether the wait of this turn has told of all that was ready then. Where very much is, it tells
 * of a part, and of the rest in the next turns. */
bool loop_heard_all(const struct loop *loop);

/* ---- for loop/ only ---- */

struct event_base *loop_base(struct loop *loop);
/* A new moment begins: before each callback. */
void loop_moment(struct loop *loop);
/* The same before the callback of a descriptor that is ready. */
void loop_told(struct loop *loop, bool is_read);
/* As loop_hook_add, but before the deferred tasks, and only in turns that end when something is due
 * (deadlines). */
void loop_hook_add_timed(struct loop *loop, struct loop_hook *hook, void (*fn)(void *arg),
                         void *arg);
/* The timed hooks have something to do at that time; 0 is now. They say so anew whenever they run.
 */
void loop_due(struct loop *loop, uint64_t at_ms);

#endif

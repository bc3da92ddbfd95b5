/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define TASK_ROUNDS 64
/* So many descriptors libevent's epoll tells of at once, to begin with; twice as many after each
 * time that it was all of them. One may be its own, for signals. */
#define TOLD_FIRST 32
#define TOLD_LAST  4096

/* The time of this moment, taken when somebody asks first. Apart from the loop, so that asking is
 * possible through a pointer to a constant loop. */
struct moment {
    bool is_turn; /* else nothing says when it is over, and the clock is read each time */
    bool is_taken;
    uint64_t us;
    uint64_t ms;
};

struct loop {
    struct event_base *base; /* owned */
    struct moment *moment;   /* owned */
    uint64_t turns;
    size_t told;      /* events of this turn */
    size_t told_read; /* ... that are of as many descriptors */
    size_t told_most; /* it tells of so many at once, at least */
    struct list tasks;
    struct list timed_hooks;
    struct list early_hooks;
    uint64_t due_ms; /* before that no timed hook has anything to do */
    struct list hooks;
    void **garbage; /* owned array of owned pointers */
    size_t garbage_count;
    size_t garbage_cap;
    bool stopped;
    bool hurries;
};

struct loop *loop_new(void)
{
    struct loop *loop = NEW(struct loop);
    struct event_config *config = event_config_new();

    REQUIRE(config != NULL);
    /* One thread a process: no locks. The environment has no say in how we wait. */
    REQUIRE(event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0);
    REQUIRE(event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) == 0);
    REQUIRE(event_config_avoid_method(config, "select") == 0);
    REQUIRE(event_config_avoid_method(config, "poll") == 0);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    REQUIRE(loop->base != NULL);
    loop->moment = NEW(struct moment);
    list_init(&loop->tasks);
    list_init(&loop->timed_hooks);
    list_init(&loop->early_hooks);
    list_init(&loop->hooks);
    loop->told_most = TOLD_FIRST;
    return loop;
}

/* Moves everything from one list to another, empty one. */
static void splice(struct list *from, struct list *to)
{
    list_init(to);
    if (list_is_empty(from)) {
        return;
    }
    *to = *from;
    to->next->prev = to;
    to->prev->next = to;
    list_init(from);
}

/*
 * A round takes what is waiting when it begins. Each task leaves the list before it runs, so it may
 * cancel others, defer itself again or free its owner.
 */
static void run_tasks(struct loop *loop)
{
    struct list round;

    for (int i = 0; i < TASK_ROUNDS && !list_is_empty(&loop->tasks); i++) {
        splice(&loop->tasks, &round);
        while (!list_is_empty(&round)) {
            struct loop_task *task = LIST_FIRST(&round, struct loop_task, node);
            list_remove(&task->node);
            loop_moment(loop);
            task->fn(task->arg);
        }
    }
}

/* Each hook once, in order; a hook may remove itself and others. */
static void run_hooks(struct list *hooks)
{
    struct list left;

    splice(hooks, &left);
    while (!list_is_empty(&left)) {
        struct loop_hook *hook = LIST_FIRST(&left, struct loop_hook, node);
        list_remove(&hook->node);
        list_push_back(hooks, &hook->node);
        hook->fn(hook->arg);
    }
}

static void run_timed(struct loop *loop)
{
    if (loop_now_ms(loop) >= loop->due_ms) {
        loop->due_ms = UINT64_MAX; /* each says anew */
        run_hooks(&loop->timed_hooks);
    }
}

static void free_garbage(struct loop *loop)
{
    for (size_t i = 0; i < loop->garbage_count; i++) {
        free(loop->garbage[i]);
    }
    loop->garbage_count = 0;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL) {
        return;
    }
    run_tasks(loop);
    free_garbage(loop);
    (void)CHECK(list_is_empty(&loop->timed_hooks) && list_is_empty(&loop->early_hooks) &&
                list_is_empty(&loop->hooks));
    event_base_free(loop->base);
    free(loop->garbage);
    free(loop->moment);
    free(loop);
}

static void begin_turn(struct loop *loop)
{
    if (loop->told_read >= loop->told_most && loop->told_most < TOLD_LAST) {
        loop->told_most *= 2;
    }
    loop->turns++;
    loop->told = 0;
    loop->told_read = 0;
    loop->moment->is_turn = true;
    loop_moment(loop);
}

void loop_turn(struct loop *loop, bool wait)
{
    int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;

    /* What is deferred already is due at the end of this turn: an event may be long in coming. */
    if (!wait || loop->hurries || !list_is_empty(&loop->tasks) || loop->garbage_count > 0) {
        flags |= EVLOOP_NONBLOCK;
    }
    loop->hurries = false;
    begin_turn(loop);
    REQUIRE(event_base_loop(loop->base, flags) >= 0);
    loop_moment(loop);
    run_timed(loop);
    run_hooks(&loop->early_hooks);
    run_tasks(loop);
    run_hooks(&loop->hooks);
    free_garbage(loop);
    loop->moment->is_turn = false;
}

void loop_run(struct loop *loop)
{
    while (!loop->stopped) {
        loop_turn(loop, true);
    }
    loop->stopped = false;
}

void loop_hurry(struct loop *loop)
{
    loop->hurries = true;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}

void loop_task_init(struct loop_task *task, void (*fn)(void *arg), void *arg)
{
    list_init(&task->node);
    task->fn = fn;
    task->arg = arg;
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
    if (list_is_empty(&task->node)) {
        list_push_back(&loop->tasks, &task->node);
    }
}

void loop_task_cancel(struct loop_task *task)
{
    list_remove(&task->node);
}

void loop_free_later(struct loop *loop, void *ptr)
{
    if (ptr == NULL) {
        return;
    }
    if (loop->garbage_count == loop->garbage_cap) {
        loop->garbage_cap = loop->garbage_cap == 0 ? 64 : loop->garbage_cap * 2;
        loop->garbage = mem_grow(loop->garbage, loop->garbage_cap, sizeof(*loop->garbage));
    }
    loop->garbage[loop->garbage_count++] = ptr;
}

void loop_hook_add_early(struct loop *loop, struct loop_hook *hook, void (*fn)(void *arg),
                         void *arg)
{
    hook->fn = fn;
    hook->arg = arg;
    list_push_back(&loop->early_hooks, &hook->node);
}

void loop_hook_add(struct loop *loop, struct loop_hook *hook, void (*fn)(void *arg), void *arg)
{
    hook->fn = fn;
    hook->arg = arg;
    list_push_back(&loop->hooks, &hook->node);
}

void loop_hook_add_timed(struct loop *loop, struct loop_hook *hook, void (*fn)(void *arg),
                         void *arg)
{
    hook->fn = fn;
    hook->arg = arg;
    list_push_back(&loop->timed_hooks, &hook->node);
}

void loop_due(struct loop *loop, uint64_t at_ms)
{
    if (at_ms < loop->due_ms) {
        loop->due_ms = at_ms;
    }
}

void loop_hook_remove(struct loop_hook *hook)
{
    list_remove(&hook->node);
}

void loop_moment(struct loop *loop)
{
    loop->moment->is_taken = false;
}

void loop_told(struct loop *loop, bool is_read)
{
    loop_moment(loop);
    loop->told++;
    loop->told_read += is_read;
}

uint64_t loop_turns(const struct loop *loop)
{
    return loop->turns;
}

bool loop_heard_all(const struct loop *loop)
{
    return loop->told + 1 < loop->told_most;
}

static const struct moment *now(const struct loop *loop)
{
    struct moment *m = loop->moment;

    if (!m->is_taken || !m->is_turn) {
        m->us = clock_us();
        m->ms = m->us / 1000;
        m->is_taken = true;
    }
    return m;
}

uint64_t loop_now_us(const struct loop *loop)
{
    return now(loop)->us;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return now(loop)->ms;
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

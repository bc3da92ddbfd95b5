/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "loop/watch.h"

struct probe {
    struct loop *loop;
    struct loop_task task;
    struct loop_task other;
    struct loop_hook hook;
    struct loop_hook second;
    int runs;
    int hook_runs;
    int again; /* how often the task defers itself */
};

static void on_task(void *arg)
{
    struct probe *p = arg;

    p->runs++;
    if (p->again > 0) {
        p->again--;
        loop_defer(p->loop, &p->task);
    }
}

static void test_loop_task_runs_once(void **state)
{
    struct probe p = {.loop = loop_new()};

    (void)state;
    loop_task_init(&p.task, on_task, &p);
    loop_defer(p.loop, &p.task);
    loop_defer(p.loop, &p.task);
    loop_turn(p.loop, true); /* a waiting task: no blocking, though no event will come */
    assert_int_equal(p.runs, 1);
    loop_turn(p.loop, false);
    assert_int_equal(p.runs, 1);
    loop_defer(p.loop, &p.task);
    loop_task_cancel(&p.task);
    loop_turn(p.loop, false);
    assert_int_equal(p.runs, 1);
    loop_free(p.loop);
}

static void test_loop_rounds_are_bounded(void **state)
{
    struct probe p = {.loop = loop_new(), .again = 99};

    (void)state;
    loop_task_init(&p.task, on_task, &p);
    loop_defer(p.loop, &p.task);
    loop_turn(p.loop, true);
    assert_int_equal(p.runs, 64);
    loop_turn(p.loop, true);
    assert_int_equal(p.runs, 100);
    loop_free(p.loop);
}

static void cancel_other(void *arg)
{
    struct probe *p = arg;

    p->runs++;
    loop_task_cancel(&p->other);
}

static void test_loop_task_cancels_its_neighbour(void **state)
{
    struct probe p = {.loop = loop_new()};

    (void)state;
    loop_task_init(&p.task, cancel_other, &p);
    loop_task_init(&p.other, on_task, &p);
    loop_defer(p.loop, &p.task);
    loop_defer(p.loop, &p.other);
    loop_turn(p.loop, false);
    assert_int_equal(p.runs, 1);
    loop_free(p.loop);
}

static void free_owner(void *arg)
{
    struct probe *p = arg;

    loop_free_later(p->loop, p);
    p->runs++; /* still ours until the end of the turn */
}

static void test_loop_free_later(void **state)
{
    struct loop *loop = loop_new();
    struct probe *p = NEW(struct probe);

    (void)state;
    p->loop = loop;
    loop_task_init(&p->task, free_owner, p);
    loop_defer(loop, &p->task);
    loop_turn(loop, false);
    loop_free_later(loop, malloc(1));
    loop_turn(loop, true); /* garbage does not wait for an event either */
    for (int i = 0; i < 200; i++) {
        loop_free_later(loop, malloc(1));
    }
    loop_free_later(loop, NULL);
    loop_free(loop);
}

static void on_hook(void *arg)
{
    struct probe *p = arg;

    p->hook_runs++;
    /* The tasks came first. */
    assert_int_equal(p->runs, 1);
}

static void remove_second(void *arg)
{
    struct probe *p = arg;

    loop_hook_remove(&p->second);
    loop_hook_remove(&p->hook);
}

static void test_loop_hooks_run_after_tasks(void **state)
{
    struct probe p = {.loop = loop_new()};

    (void)state;
    loop_task_init(&p.task, on_task, &p);
    loop_hook_add(p.loop, &p.hook, on_hook, &p);
    loop_defer(p.loop, &p.task);
    loop_turn(p.loop, false);
    loop_turn(p.loop, false);
    assert_int_equal(p.hook_runs, 2);
    loop_hook_remove(&p.hook);
    loop_turn(p.loop, false);
    assert_int_equal(p.hook_runs, 2);
    /* A hook that removes itself and the next one. */
    loop_hook_add(p.loop, &p.hook, remove_second, &p);
    loop_hook_add(p.loop, &p.second, on_hook, &p);
    loop_turn(p.loop, false);
    assert_int_equal(p.hook_runs, 2);
    loop_free(p.loop);
}

static void stop(void *arg)
{
    struct probe *p = arg;

    p->runs++;
    loop_stop(p->loop);
}

static void test_loop_run_until_stop(void **state)
{
    struct probe p = {.loop = loop_new()};
    struct timer timer;

    (void)state;
    timer_init(&timer, p.loop, stop, &p);
    timer_set(&timer, 1);
    loop_run(p.loop);
    assert_int_equal(p.runs, 1);
    timer_fini(&timer);
    loop_free(p.loop);
}

struct asker {
    struct loop *loop;
    uint64_t before_ms;
    uint64_t after_ms;
};

static void ask_twice(void *arg)
{
    struct asker *a = arg;

    a->before_ms = loop_now_ms(a->loop);
    clock_advance(5);
    a->after_ms = loop_now_ms(a->loop);
}

static void test_loop_now_is_taken_once_a_callback(void **state)
{
    struct loop *loop = loop_new();
    struct asker one = {.loop = loop};
    struct asker two = {.loop = loop};
    struct loop_task first, second;

    (void)state;
    clock_freeze(1000, 0);
    loop_task_init(&first, ask_twice, &one);
    loop_task_init(&second, ask_twice, &two);
    loop_defer(loop, &first);
    loop_defer(loop, &second);
    loop_turn(loop, false);
    assert_int_equal(one.before_ms, 1000);
    assert_int_equal(one.after_ms, 1000);
    assert_int_equal(two.before_ms, 1005);
    assert_int_equal(two.after_ms, 1005);
    /* Between turns nothing says when a moment is over. */
    assert_int_equal(loop_now_ms(loop), 1010);
    clock_advance(7);
    assert_int_equal(loop_now_us(loop), 1017000);
    clock_resume();
    loop_free(loop);
}

static void on_ready(void *arg, unsigned ready)
{
    size_t *told = arg;

    assert_int_equal(ready, WATCH_READ);
    (*told)++;
}

/* As many descriptors as the kernel is asked for at once: then it is not sure, and asks for more.
 */
static void test_loop_heard_all_of_few(void **state)
{
    enum { MANY = 32 };
    struct loop *loop = loop_new();
    struct watch watches[MANY];
    int fds[MANY];
    size_t told = 0;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        fds[i] = eventfd(1, EFD_CLOEXEC); /* ready, and stays so */
        assert_true(fds[i] >= 0);
        watch_init(&watches[i], loop, fds[i], on_ready, &told);
        watch_set(&watches[i], i < MANY - 2 ? WATCH_READ : 0);
    }
    uint64_t turn = loop_turns(loop);
    loop_turn(loop, false);
    assert_int_equal(told, MANY - 2);
    assert_true(loop_heard_all(loop));
    watch_set(&watches[MANY - 2], WATCH_READ);
    loop_turn(loop, false);
    assert_false(loop_heard_all(loop));
    watch_set(&watches[MANY - 1], WATCH_READ);
    loop_turn(loop, false);
    assert_false(loop_heard_all(loop));
    loop_turn(loop, false);
    assert_true(loop_heard_all(loop));
    assert_int_equal(loop_turns(loop), turn + 4);
    for (int i = 0; i < MANY; i++) {
        watch_fini(&watches[i]);
        assert_int_equal(close(fds[i]), 0);
    }
    loop_turn(loop, false);
    assert_true(loop_heard_all(loop));
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop_task_runs_once),
        cmocka_unit_test(test_loop_rounds_are_bounded),
        cmocka_unit_test(test_loop_task_cancels_its_neighbour),
        cmocka_unit_test(test_loop_free_later),
        cmocka_unit_test(test_loop_hooks_run_after_tasks),
        cmocka_unit_test(test_loop_run_until_stop),
        cmocka_unit_test(test_loop_now_is_taken_once_a_callback),
        cmocka_unit_test(test_loop_heard_all_of_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "loop/deadline.h"
#include "loop/timer.h"

struct probe {
    struct deadline deadline;
    struct deadline_class *class;
    struct probe *victim; /* cleared by the callback */
    int fired;
    bool again;
};

static void on_deadline(void *arg)
{
    struct probe *p = arg;

    p->fired++;
    assert_false(deadline_is_set(&p->deadline));
    if (p->again) {
        deadline_set(&p->deadline, p->class);
    }
    if (p->victim != NULL) {
        deadline_clear(&p->victim->deadline);
    }
}

static void probe_init(struct probe *p, struct deadline_class *c)
{
    *p = (struct probe){.class = c};
    deadline_init(&p->deadline, on_deadline, p);
}

static void test_deadline_is_never_early(void **state)
{
    struct loop *loop = loop_new();
    struct deadline_class *c = deadline_class_new(loop, 1000);
    struct probe a;
    struct probe b;

    (void)state;
    clock_freeze(5000, 0);
    probe_init(&a, c);
    probe_init(&b, c);
    assert_int_equal(deadline_class_ms(c), 1000);
    deadline_set(&a.deadline, c);
    clock_advance(400);
    deadline_set(&b.deadline, c);
    clock_advance(599);
    loop_turn(loop, false);
    assert_int_equal(a.fired, 0);
    clock_advance(1);
    loop_turn(loop, false);
    assert_int_equal(a.fired, 1);
    assert_int_equal(b.fired, 0);
    assert_true(deadline_is_set(&b.deadline));
    clock_advance(400);
    loop_turn(loop, false);
    assert_int_equal(a.fired, 1);
    assert_int_equal(b.fired, 1);
    clock_resume();
    deadline_class_free(c);
    deadline_class_free(NULL);
    loop_free(loop);
}

static void test_deadline_moves_and_clears(void **state)
{
    struct loop *loop = loop_new();
    struct deadline_class *c = deadline_class_new(loop, 1000);
    struct probe a;

    (void)state;
    clock_freeze(5000, 0);
    probe_init(&a, c);
    deadline_set(&a.deadline, c);
    clock_advance(900);
    deadline_set(&a.deadline, c);
    clock_advance(900);
    loop_turn(loop, false);
    assert_int_equal(a.fired, 0);
    deadline_clear(&a.deadline);
    deadline_clear(&a.deadline);
    assert_false(deadline_is_set(&a.deadline));
    clock_advance(1000);
    loop_turn(loop, false);
    assert_int_equal(a.fired, 0);
    clock_resume();
    deadline_class_free(c);
    loop_free(loop);
}

/* Callbacks that set their own deadline anew and clear a neighbour's that has passed too. */
static void test_deadline_callback_changes_the_list(void **state)
{
    struct loop *loop = loop_new();
    struct deadline_class *c = deadline_class_new(loop, 0);
    struct probe a;
    struct probe b;

    (void)state;
    clock_freeze(5000, 0);
    probe_init(&a, c);
    probe_init(&b, c);
    a.again = true;
    a.victim = &b;
    deadline_set(&a.deadline, c);
    deadline_set(&b.deadline, c);
    clock_advance(10);
    loop_turn(loop, false);
    assert_int_equal(a.fired, 1);
    assert_int_equal(b.fired, 0);
    assert_true(deadline_is_set(&a.deadline));
    deadline_clear(&a.deadline);
    clock_resume();
    deadline_class_free(c);
    loop_free(loop);
}

static void on_guard(void *arg)
{
    (void)arg;
    fail_msg("the deadline did not wake the loop up");
}

/* With the real clock: the loop sleeps, and the class wakes it up in time. */
static void test_deadline_wakes_the_loop(void **state)
{
    struct loop *loop = loop_new();
    struct deadline_class *c = deadline_class_new(loop, 20);
    struct timer guard;
    struct probe a;

    (void)state;
    timer_init(&guard, loop, on_guard, NULL);
    timer_set(&guard, 30000);
    probe_init(&a, c);
    uint64_t start_ms = clock_ms();
    deadline_set(&a.deadline, c);
    while (a.fired == 0) {
        loop_turn(loop, true);
    }
    assert_true(clock_ms() - start_ms >= 20);
    timer_fini(&guard);
    deadline_class_free(c);
    loop_free(loop);
}

/* The class's timer was set for a deadline that is cleared; the one behind it comes all the same,
 * and so does that of a class whose own is later. */
static void test_deadline_behind_a_cleared_one(void **state)
{
    struct loop *loop = loop_new();
    struct deadline_class *soon = deadline_class_new(loop, 20);
    struct deadline_class *late = deadline_class_new(loop, 120);
    struct timer guard;
    struct probe a, b, c;

    (void)state;
    timer_init(&guard, loop, on_guard, NULL);
    timer_set(&guard, 30000);
    probe_init(&a, soon);
    probe_init(&b, soon);
    probe_init(&c, late);
    deadline_set(&a.deadline, soon);
    deadline_set(&b.deadline, soon);
    deadline_set(&c.deadline, late);
    deadline_clear(&a.deadline);
    while (b.fired == 0 || c.fired == 0) {
        loop_turn(loop, true);
        deadline_set(&a.deadline, soon); /* never the first of its class to expire */
        deadline_clear(&a.deadline);
    }
    assert_int_equal(a.fired, 0);
    timer_fini(&guard);
    deadline_class_free(soon);
    deadline_class_free(late);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deadline_is_never_early),
        cmocka_unit_test(test_deadline_moves_and_clears),
        cmocka_unit_test(test_deadline_callback_changes_the_list),
        cmocka_unit_test(test_deadline_wakes_the_loop),
        cmocka_unit_test(test_deadline_behind_a_cleared_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

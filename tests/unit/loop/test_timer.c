/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/timer.h"

static void on_timer(void *arg)
{
    int *fired = arg;
    (*fired)++;
}

static void test_timer_fires_once(void **state)
{
    struct loop *loop = loop_new();
    struct timer t;
    int fired = 0;

    (void)state;
    timer_init(&t, loop, on_timer, &fired);
    assert_false(timer_is_set(&t));
    timer_set(&t, UINT64_MAX); /* moved before it is due */
    assert_true(timer_is_set(&t));
    timer_set(&t, 0);
    while (fired == 0) {
        loop_turn(loop, true);
    }
    assert_false(timer_is_set(&t));
    loop_turn(loop, false);
    assert_int_equal(fired, 1);
    timer_set(&t, 0);
    timer_clear(&t);
    assert_false(timer_is_set(&t));
    loop_turn(loop, false);
    assert_int_equal(fired, 1);
    timer_fini(&t);
    timer_fini(&t);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timer_fires_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

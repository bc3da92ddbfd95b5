/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

static void test_clock_runs(void **state)
{
    (void)state;
    uint64_t a = clock_us();
    uint64_t b = clock_us();
    assert_true(b >= a);
    assert_true(clock_ms() >= a / 1000);
    assert_true(clock_wall_ms() > INT64_C(1600000000000));
}

static void test_clock_cpu_counts_work(void **state)
{
    volatile unsigned long sum = 0;
    (void)state;
    uint64_t begin = clock_cpu_us();
    while (clock_cpu_us() == begin) {
        sum = sum + 1;
    }
    assert_true(clock_cpu_us() > begin);
}

static void test_clock_freezes(void **state)
{
    (void)state;
    clock_freeze(1000, 5000);
    assert_int_equal(clock_ms(), 1000);
    assert_int_equal(clock_us(), 1000000);
    assert_int_equal(clock_wall_ms(), 5000);
    clock_advance(250);
    assert_int_equal(clock_ms(), 1250);
    assert_int_equal(clock_wall_ms(), 5250);
    clock_resume();
    assert_true(clock_wall_ms() > 5250);
}

static void test_clock_prints(void **state)
{
    char text[CLOCK_TEXT_MAX];
    const int64_t t = INT64_C(1795470060123); /* 2026-11-23 21:41:00.123 UTC */

    (void)state;
    assert_string_equal(clock_print(t, text), "2026-11-23T21:41:00.123Z");
    assert_string_equal(clock_print_http(t, text), "Mon, 23 Nov 2026 21:41:00 GMT");
    assert_string_equal(clock_print(0, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(clock_print_http(INT64_C(951782400000), text),
                        "Tue, 29 Feb 2000 00:00:00 GMT");
    assert_string_equal(clock_print(-1, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(clock_print(INT64_MAX, text), "9999-12-31T23:59:59.999Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_cpu_counts_work),
        cmocka_unit_test(test_clock_runs),
        cmocka_unit_test(test_clock_freezes),
        cmocka_unit_test(test_clock_prints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* How often requests may be sent again. */
#include "../../../src/upstream/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static unsigned take_all(struct retry_budget *b)
{
    unsigned count = 0;
    while (retry_budget_take(b)) {
        count++;
    }
    return count;
}

static void test_retry_ten_in_a_row(void **state)
{
    (void)state;
    struct retry_budget b;
    retry_budget_init(&b);
    assert_int_equal(take_all(&b), 10);
    assert_false(retry_budget_take(&b));
}

static void test_retry_one_in_five(void **state)
{
    (void)state;
    struct retry_budget b;
    retry_budget_init(&b);
    (void)take_all(&b);
    unsigned taken = 0;
    for (int i = 0; i < 1000; i++) {
        retry_budget_earn(&b);
        taken += retry_budget_take(&b);
    }
    assert_int_equal(taken, 200);
}

static void test_retry_quiet_times_save_no_more(void **state)
{
    (void)state;
    struct retry_budget b;
    retry_budget_init(&b);
    for (int i = 0; i < 1000; i++) {
        retry_budget_earn(&b);
    }
    assert_int_equal(take_all(&b), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_ten_in_a_row),
        cmocka_unit_test(test_retry_one_in_five),
        cmocka_unit_test(test_retry_quiet_times_save_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bucket.h"

static unsigned take_all(struct bucket *b, uint64_t now_ms)
{
    unsigned n = 0;

    while (bucket_take(b, now_ms)) {
        n++;
    }
    return n;
}

static void test_bucket_fills_by_time(void **state)
{
    struct bucket b;

    (void)state;
    bucket_init(&b, 10, 5, 1000);
    assert_int_equal(take_all(&b, 1000), 5);
    assert_int_equal(take_all(&b, 1099), 0);
    assert_int_equal(take_all(&b, 1100), 1); /* what was too little is not lost */
    assert_int_equal(take_all(&b, 1400), 3);
    assert_int_equal(take_all(&b, 100000), 5);
    assert_int_equal(take_all(&b, UINT64_MAX), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket_fills_by_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

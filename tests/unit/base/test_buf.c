/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

static void test_buf_append_and_consume(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 4096);
    buf_check(&b);
    assert_int_equal(buf_append(&b, "hello", 5), OK);
    assert_int_equal(buf_append_str(&b, STR(" world")), OK);
    assert_true(str_eq(buf_str(&b), STR("hello world")));
    buf_consume(&b, 6);
    assert_true(str_eq(buf_str(&b), STR("world")));
    buf_check(&b);
    buf_consume(&b, 5);
    assert_int_equal(b.head, 0);
    assert_int_equal(buf_len(&b), 0);
    buf_release(&b);
    assert_null(b.data);
    buf_check(&b);
    buf_fini(&b);
}

static void test_buf_limit_is_exact(void **state)
{
    struct buf b;
    char block[100] = {0};
    uint8_t *p;

    (void)state;
    buf_init(&b, 100);
    assert_int_equal(buf_append(&b, block, 60), OK);
    assert_int_equal(buf_append(&b, block, 41), ERR_LIMIT);
    assert_int_equal(buf_len(&b), 60);
    assert_int_equal(buf_reserve(&b, SIZE_MAX, &p), ERR_LIMIT);
    assert_int_equal(buf_append(&b, block, 40), OK);
    assert_int_equal(buf_printf(&b, "x"), ERR_LIMIT);
    buf_consume(&b, 30);
    assert_int_equal(buf_append(&b, block, 31), ERR_LIMIT);
    assert_int_equal(buf_append(&b, block, 30), OK);
    buf_check(&b);
    assert_int_equal(b.cap, 100);
    buf_fini(&b);
}

static void test_buf_printf(void **state)
{
    struct buf b;
    char expected[2001];

    (void)state;
    buf_init(&b, 2000);
    memset(expected, 'a', 2000);
    expected[2000] = '\0';
    assert_int_equal(buf_printf(&b, "%s", expected), OK); /* fits to the byte */
    assert_int_equal(buf_len(&b), 2000);
    buf_clear(&b);
    assert_int_equal(buf_printf(&b, "%sx", expected), ERR_LIMIT);
    assert_int_equal(buf_len(&b), 0);
    assert_int_equal(buf_printf(&b, "%d %s", 7, "x"), OK);
    assert_true(str_eq(buf_str(&b), STR("7 x")));
    buf_fini(&b);
}

/* A queue of counted bytes against the buffer, with all kinds of step widths. */
static void test_buf_keeps_order(void **state)
{
    struct buf b;
    uint8_t in = 0;
    uint8_t out = 0;

    (void)state;
    buf_init(&b, 5000);
    for (size_t step = 1; step < 3000; step += 7) {
        uint8_t *p;
        if (buf_reserve(&b, step, &p) == OK) {
            for (size_t i = 0; i < step; i++) {
                p[i] = in++;
            }
            buf_commit(&b, step);
        }
        buf_check(&b);
        size_t take = buf_len(&b) * 2 / 3;
        for (size_t i = 0; i < take; i++) {
            assert_int_equal((uint8_t)buf_ptr(&b)[i], out++);
        }
        buf_consume(&b, take);
        buf_check(&b);
    }
    buf_fini(&b);
}

static void test_buf_reserve_nothing_and_empty(void **state)
{
    struct buf b;
    uint8_t *p = NULL;

    (void)state;
    buf_init(&b, 10);
    assert_int_equal(buf_append(&b, NULL, 0), OK);
    assert_null(b.data);
    assert_int_equal(buf_reserve(&b, 0, &p), OK);
    buf_commit(&b, 0);
    buf_check(&b);
    assert_int_equal(buf_str(&b).len, 0);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_append_and_consume),
        cmocka_unit_test(test_buf_limit_is_exact),
        cmocka_unit_test(test_buf_printf),
        cmocka_unit_test(test_buf_keeps_order),
        cmocka_unit_test(test_buf_reserve_nothing_and_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void test_mem_new_is_zeroed(void **state)
{
    (void)state;
    unsigned char *p = mem_array(100, 3);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(p[i], 0);
    }
    p = mem_grow(p, 1000, 3);
    p[2999] = 1;
    assert_int_equal(p[0], 0);
    free(p);
    free(mem_new(0));
    int *one = NEW(int);
    assert_int_equal(*one, 0);
    free(one);
}

static void test_mem_dup_adds_a_nul(void **state)
{
    (void)state;
    char *p = mem_dup("abcdef", 3);
    assert_string_equal(p, "abc");
    free(p);
    p = mem_dup(NULL, 0);
    assert_string_equal(p, "");
    free(p);
}

static void test_mem_secret(void **state)
{
    (void)state;
    char *p = mem_secret_new(10000);
    assert_int_equal(p[9999], 0);
    memset(p, 'k', 10000);
    mem_wipe(p, 5000);
    assert_int_equal(p[4999], 0);
    assert_int_equal(p[5000], 'k');
    mem_secret_free(p, 10000);
    mem_secret_free(NULL, 10);
}

/* Small ones share memory, and nothing of one is left for the next. */
static void test_mem_secret_small_ones(void **state)
{
    enum { COUNT = 5000 };
    static char *held[COUNT];
    (void)state;

    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            size_t size = i % 3000;
            held[i] = mem_secret_new(size);
            for (size_t k = 0; k < size; k++) {
                assert_int_equal(held[i][k], 0);
            }
            memset(held[i], (int)(i % 250) + 1, size);
        }
        for (size_t i = 0; i < COUNT; i++) {
            size_t at = (i * 7919) % COUNT;
            size_t size = at % 3000;
            for (size_t k = 0; k < size; k++) {
                assert_int_equal((unsigned char)held[at][k], at % 250 + 1);
            }
            mem_secret_free(held[at], size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mem_new_is_zeroed),
        cmocka_unit_test(test_mem_dup_adds_a_nul),
        cmocka_unit_test(test_mem_secret),
        cmocka_unit_test(test_mem_secret_small_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

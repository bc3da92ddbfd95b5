/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

static void test_arena_alloc_is_aligned(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 256);
    for (size_t size = 0; size < 100; size++) {
        unsigned char *p = arena_alloc(&a, size);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, 0xff, size);
    }
    arena_fini(&a);
    assert_int_equal(a.used, 0);
}

static void test_arena_large_block_keeps_the_usual_one(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 256);
    char *first = arena_alloc(&a, 16);
    memset(arena_alloc(&a, 100000), 1, 100000);
    char *second = arena_alloc(&a, 16);
    assert_ptr_equal(second, first + 16);
    arena_reset(&a);
    assert_int_equal(a.used, 0);
    assert_non_null(arena_alloc(&a, 1));
    arena_fini(&a);
}

static void test_arena_dup_printf_zalloc(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 64);
    struct str s = arena_dup(&a, STR("abc"));
    assert_string_equal(s.ptr, "abc");
    assert_int_equal(arena_dup(&a, str_n(NULL, 0)).len, 0);
    s = arena_printf(&a, "%d-%s", 42,
                     "a rather long text that needs more than a usual block holds");
    assert_int_equal(s.len, strlen(s.ptr));
    assert_memory_equal(s.ptr, "42-a rather", 11);
    const char *zero = arena_zalloc(&a, 32);
    for (int i = 0; i < 32; i++) {
        assert_int_equal(zero[i], 0);
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_alloc_is_aligned),
        cmocka_unit_test(test_arena_large_block_keeps_the_usual_one),
        cmocka_unit_test(test_arena_dup_printf_zalloc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

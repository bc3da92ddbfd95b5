/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fold.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096, BYTES = 7 * PAGE };

/* A piece with whole pages of its own, and how much of it lies before the first. */
static unsigned char *piece_new(size_t *out_before)
{
    unsigned char *p = malloc(BYTES);

    assert_non_null(p);
    memset(p, 0, BYTES);
    *out_before = (size_t)(-(uintptr_t)p % PAGE);
    return p;
}

static void test_fold_undo_brings_back_what_is_kept(void **state)
{
    static const size_t keeps[] = {PAGE, 2 * PAGE, 3 * PAGE - 8, BYTES - 64};
    size_t before;
    unsigned char *p = piece_new(&before);
    unsigned char *was = malloc(BYTES);

    (void)state;
    for (size_t k = 0; k < sizeof(keeps) / sizeof(keeps[0]); k++) {
        for (size_t i = 0; i < keeps[k]; i += 1 + i % 131) {
            p[i] = (unsigned char)(i * 7 + k);
        }
        memset(p + before, (int)k, 1000); /* so many in a row, too */
        memcpy(was, p, BYTES);
        for (int again = 0; again < 3; again++) {
            struct fold *f = fold_new(p, keeps[k]);
            assert_true(f != NULL || keeps[k] <= before);
            fold_undo(f);
            assert_memory_equal(p, was, keeps[k]);
        }
        memset(p, 0, BYTES);
    }
    free(was);
    free(p);
    assert_int_equal(fold_bytes(), 0);
}

static void test_fold_of_zeros(void **state)
{
    static const unsigned char zeros[BYTES];
    size_t before;
    unsigned char *p = piece_new(&before);
    struct fold *f = fold_new(p, BYTES);

    (void)state;
    assert_non_null(f);
    fold_undo(f);
    assert_memory_equal(p, zeros, BYTES);
    free(p);
}

static void test_fold_saves_or_is_not_done(void **state)
{
    size_t before;
    unsigned char *p = piece_new(&before);

    (void)state;
    memset(p, 1, BYTES); /* nothing in it is zero */
    assert_null(fold_new(p, BYTES));
    assert_int_equal(p[BYTES - 1], 1);
    fold_undo(NULL);
    free(p);

    unsigned char *small = calloc(1, 64); /* has no page of its own */
    struct fold *f = fold_new(small, 8);
    fold_undo(f);
    assert_int_equal(small[0], 0);
    free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fold_undo_brings_back_what_is_kept),
        cmocka_unit_test(test_fold_of_zeros),
        cmocka_unit_test(test_fold_saves_or_is_not_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

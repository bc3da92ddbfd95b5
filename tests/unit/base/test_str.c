/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/str.h"

static void test_str_compare(void **state)
{
    (void)state;
    assert_true(str_eq(STR(""), str_n(NULL, 0)));
    assert_false(str_eq(STR("a"), STR("A")));
    assert_true(str_ieq(STR("Host"), STR("hOST")));
    assert_false(str_ieq(STR("[a"), STR("{a"))); /* differ by the case bit only */
    assert_false(str_ieq(STR("ab"), STR("a")));
    assert_true(str_starts(STR("abc"), STR("ab")));
    assert_true(str_starts(STR("abc"), STR("")));
    assert_false(str_starts(STR("a"), STR("ab")));
    assert_true(str_ends(STR("abc"), STR("bc")));
    assert_false(str_ends(STR("c"), STR("bc")));
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR("x"), STR("x")), 0);
}

static void test_str_parts(void **state)
{
    (void)state;
    assert_true(str_eq(str_from(STR("hello"), 2), STR("llo")));
    assert_int_equal(str_from(STR("hello"), 9).len, 0);
    assert_true(str_eq(str_sub(STR("hello"), 1, 3), STR("ell")));
    assert_true(str_eq(str_sub(STR("hello"), 3, SIZE_MAX), STR("lo")));
    assert_int_equal(str_find(STR("a:b:c"), ':'), 1);
    assert_int_equal(str_rfind(STR("a:b:c"), ':'), 3);
    assert_int_equal(str_find(STR(""), ':'), -1);
    assert_int_equal(str_rfind(STR("abc"), ':'), -1);
    assert_true(str_eq(str_trim(STR(" \t a b\t ")), STR("a b")));
    assert_int_equal(str_trim(STR("  ")).len, 0);
    assert_int_equal(chr_lower('Z'), 'z');
    assert_int_equal(chr_lower('['), '[');
}

static unsigned count_tokens(struct str s)
{
    struct str token;
    unsigned n = 0;

    while (str_next(&s, ',', &token)) {
        n++;
    }
    return n;
}

static void test_str_next(void **state)
{
    struct str rest = STR("a,,b,");
    struct str token;

    (void)state;
    assert_true(str_next(&rest, ',', &token) && str_eq(token, STR("a")));
    assert_true(str_next(&rest, ',', &token) && str_eq(token, STR("")));
    assert_true(str_next(&rest, ',', &token) && str_eq(token, STR("b")));
    assert_true(str_next(&rest, ',', &token) && str_eq(token, STR("")));
    assert_false(str_next(&rest, ',', &token));
    assert_int_equal(count_tokens(STR("")), 1);
    assert_int_equal(count_tokens(STR(",")), 2);
    assert_int_equal(count_tokens(STR("a")), 1);
}

static void test_str_to_u64(void **state)
{
    uint64_t v = 7;

    (void)state;
    assert_int_equal(str_to_u64(STR("0"), 10, &v), OK);
    assert_true(v == 0);
    assert_int_equal(str_to_u64(STR("18446744073709551615"), UINT64_MAX, &v), OK);
    assert_true(v == UINT64_MAX);
    assert_int_equal(str_to_u64(STR("18446744073709551616"), UINT64_MAX, &v), ERR_RANGE);
    assert_int_equal(str_to_u64(STR("99999999999999999999999"), UINT64_MAX, &v), ERR_RANGE);
    assert_int_equal(str_to_u64(STR("99999999999999999999999x"), UINT64_MAX, &v), ERR_SYNTAX);
    assert_int_equal(str_to_u64(STR("11"), 10, &v), ERR_RANGE);
    assert_int_equal(str_to_u64(STR(""), 10, &v), ERR_SYNTAX);
    assert_int_equal(str_to_u64(STR("-1"), 10, &v), ERR_SYNTAX);
    assert_int_equal(str_to_u64(STR(" 1"), 10, &v), ERR_SYNTAX);
    assert_int_equal(str_to_u64(STR("1\xb1"), 10, &v), ERR_SYNTAX);
    assert_true(v == UINT64_MAX); /* written only on success */
}

static void test_str_copies(void **state)
{
    char small[4];

    (void)state;
    char *copy = str_dup(str_n("abcd", 2));
    assert_string_equal(copy, "ab");
    free(copy);
    assert_int_equal(str_copy(small, sizeof(small), STR("abcdef")), 3);
    assert_string_equal(small, "abc");
    assert_int_equal(str_copy(small, sizeof(small), str_n(NULL, 0)), 0);
    assert_string_equal(small, "");
    assert_int_equal(str_of(NULL).len, 0);
}

static void test_str_puts_numbers(void **state)
{
    char text[STR_U64_DIGITS + 1] = {0};

    (void)state;
    assert_int_equal(str_put_u64(text, 0), 1);
    assert_string_equal(text, "0");
    assert_int_equal(str_put_u64(text, 255), 3);
    assert_string_equal(text, "255");
    assert_int_equal(str_put_u64(text, UINT64_MAX), STR_U64_DIGITS);
    assert_string_equal(text, "18446744073709551615");
    memset(text, 0, sizeof(text));
    str_put_hex(text, 16, UINT64_C(0x00f1e2d3c4b5a697));
    assert_string_equal(text, "00f1e2d3c4b5a697");
    memset(text, 0, sizeof(text));
    str_put_hex(text, 2, 0x1ab);
    assert_string_equal(text, "ab");
}

static void test_str_distance(void **state)
{
    char word[65];

    (void)state;
    assert_int_equal(str_distance(STR("listen"), STR("listen"), 2), 0);
    assert_int_equal(str_distance(STR("listn"), STR("listen"), 2), 1);
    assert_int_equal(str_distance(STR("kitten"), STR("sitting"), 9), 3);
    assert_int_equal(str_distance(STR("kitten"), STR("sitting"), 2), 3);
    assert_int_equal(str_distance(STR(""), STR("abc"), 9), 3);
    memset(word, 'a', sizeof(word));
    assert_int_equal(str_distance(str_n(word, 64), STR(""), 99), 64);
    assert_int_equal(str_distance(str_n(word, 65), STR(""), 2), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str_compare),      cmocka_unit_test(test_str_parts),
        cmocka_unit_test(test_str_next),         cmocka_unit_test(test_str_to_u64),
        cmocka_unit_test(test_str_puts_numbers), cmocka_unit_test(test_str_copies),
        cmocka_unit_test(test_str_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

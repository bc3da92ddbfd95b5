/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/diag.h"

static void test_diag_prints_places(void **state)
{
    struct diags d;
    struct buf out;
    (void)state;
    diags_init(&d);
    buf_init(&out, 4096);
    diags_add(&d, DIAG_ERROR, (struct diag_place){STR("a.yml"), 7, 5}, "found %s", "x");
    diags_add(&d, DIAG_WARNING, (struct diag_place){STR("b.pem"), 0, 0}, "found\x1b[31m\n");
    assert_int_equal(d.errors, 1);
    assert_int_equal(diags_print(&d, &out), OK);
    assert_int_equal(buf_append(&out, "", 1), OK);
    assert_string_equal(buf_ptr(&out), "a.yml:7:5: error: found x\nb.pem: warning: found?[31m?\n");
    buf_fini(&out);
    diags_fini(&d);
}

static void test_diag_counts_beyond_the_limit(void **state)
{
    struct diags d;
    struct buf out;
    (void)state;
    diags_init(&d);
    for (int i = 0; i < DIAG_MAX + 3; i++) {
        diags_add(&d, DIAG_ERROR, (struct diag_place){STR("f"), 1, 1}, "%d", i);
    }
    assert_int_equal(d.count, DIAG_MAX);
    assert_int_equal(d.errors, DIAG_MAX + 3);
    assert_int_equal(d.lost, 3);
    buf_init(&out, 1 << 20);
    assert_int_equal(diags_print(&d, &out), OK);
    assert_true(str_ends(buf_str(&out), STR("and 3 more\n")));
    buf_fini(&out);
    buf_init(&out, 10);
    assert_int_equal(diags_print(&d, &out), ERR_LIMIT);
    buf_fini(&out);
    diags_fini(&d);
}

static void test_diag_cut_keeps_characters_whole(void **state)
{
    char text[100];
    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text + 79, "\xc3\xbc", 2);
    assert_int_equal(diag_cut(str_n(text, 80)).len, 80);
    assert_int_equal(diag_cut(str_n(text, 100)).len, 79);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diag_prints_places),
        cmocka_unit_test(test_diag_counts_beyond_the_limit),
        cmocka_unit_test(test_diag_cut_keeps_characters_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

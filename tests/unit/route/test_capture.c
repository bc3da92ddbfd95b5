/* SPDX-License-Identifier: MIT */
/* What a request may make of a pattern, and what it may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "route/capture.h"

#define X63 "x23456789-123456789-123456789-123456789-123456789-123456789-123"

static void test_capture_label(void **state)
{
    static const char *const good[] = {"a", "pr1", "1", "a-b", "xn--bcher-kva", "a--b", X63};
    static const char *const bad[] = {"",    "-", "-a",  "a-",    "a_b",  "_a",    "a.b",
                                      ".",   "A", "a b", "a\tb",  "a/b",  "a%2eb", "a:1",
                                      "a@b", "*", "{1}", "\xc3x", X63 "4"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(capture_is_label(str_of(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(capture_is_label(str_of(bad[i])));
    }
    assert_false(capture_is_label(str_n("a\0b", 3)));
    assert_false(capture_is_label(str_n("a\0", 2)));
}

static void test_capture_task_is_no_address_and_no_domain(void **state)
{
    static const char *const good[] = {"pr1_web", "pr1-web",  "a1",      "1a",
                                       "127_web", "0x7f_web", "com_web", "xn--p1ai_web",
                                       "web-2",   "0x7g",     X63};
    static const char *const bad[] = {
        /* addresses, in the spellings of inet_aton */
        "1", "127", "0", "2130706433", "017700000001", "0x7f000001", "0x", "0xff",
        /* what may be a top-level domain, or means something by itself */
        "com", "localhost", "tasks", "web", "internal", "xn--p1ai", "xn--vermgensberatung-pwb",
        /* no label */
        "", "a.b", "tasks.a1", "a1.", "_a1", "a1_", "-a1", "a1-", "A1", "a1:80", "[::1]", "a1/x",
        "{1}", X63 "4"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(capture_is_task(str_of(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(capture_is_task(str_of(bad[i])));
    }
}

static void makes(const char *pattern, const char *label, const char *want)
{
    struct arena arena;
    struct str task = STR("untouched");

    arena_init(&arena, 1024);
    int err = capture_task(&arena, str_of(pattern), str_of(label), &task);
    assert_int_equal(err, want == NULL ? ERR_SYNTAX : OK);
    assert_true(str_eq(task, want == NULL ? STR("untouched") : str_of(want)));
    assert_int_equal(capture_makes(str_of(pattern), task), want != NULL);
    arena_fini(&arena);
}

static void test_capture_substitutes(void **state)
{
    (void)state;
    makes("{1}_web", "pr1", "pr1_web");
    makes("preview-{1}", "7", "preview-7");
    makes("{1}", "pr1", "pr1");
    makes("a{1}b", "1", "a1b");
    makes("{1}", "com", NULL);
    makes("{1}", "127", NULL);
    makes("0x{1}", "7f000001", NULL);
    makes("local{1}", "host", NULL);
    makes("{1}_web", "a_b", NULL);
    makes("{1}_web", "", NULL);
    makes("{1}_web", "a.b", NULL);
    makes("web", "pr1", NULL);
    makes("{1}_web", X63, NULL); /* the label fits, what comes out does not */
}

static void test_capture_makes_what_it_can_only(void **state)
{
    (void)state;
    assert_true(capture_makes(STR("{1}_web"), STR("pr1_web")));
    assert_false(capture_makes(STR("{1}_web"), STR("_web")));
    assert_false(capture_makes(STR("{1}_web"), STR("pr1_db")));
    assert_false(capture_makes(STR("{1}_web"), STR("a_b_web")));
    assert_false(capture_makes(STR("{1}_web"), STR("pr1-_web")));
    assert_false(capture_makes(STR("{1}_web"), STR("pr1_webx")));
    assert_false(capture_makes(STR("{1}_web"), STR("")));
    assert_false(capture_makes(STR("a{1}a"), STR("a1")));
    assert_false(capture_makes(STR("{1"), STR("pr1_web")));
    assert_false(capture_makes(STR(""), STR("pr1_web")));
}

static void test_capture_fills_a_text(void **state)
{
    struct arena arena;
    struct str text;

    (void)state;
    arena_init(&arena, 1024);
    assert_int_equal(capture_fill(&arena, STR("https://{1}.new.com"), STR("shop"), &text), OK);
    assert_true(str_eq(text, STR("https://shop.new.com")));
    assert_int_equal(capture_fill(&arena, STR("https://new.com/{1}"), STR("shop"), &text), OK);
    assert_true(str_eq(text, STR("https://new.com/shop")));
    assert_int_equal(capture_fill(&arena, STR("{1}-{1}"), STR("a"), &text), OK);
    assert_true(str_eq(text, STR("a-a")));
    assert_int_equal(capture_fill(&arena, STR("https://new.com"), STR("a_b"), &text), OK);
    assert_true(str_eq(text, STR("https://new.com")));
    assert_int_equal(capture_fill(&arena, STR("https://{1}.new.com"), STR("a_b"), &text),
                     ERR_SYNTAX);
    assert_int_equal(capture_fill(&arena, STR("https://{1}.new.com"), STR(""), &text), ERR_SYNTAX);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capture_label),
        cmocka_unit_test(test_capture_task_is_no_address_and_no_domain),
        cmocka_unit_test(test_capture_substitutes),
        cmocka_unit_test(test_capture_makes_what_it_can_only),
        cmocka_unit_test(test_capture_fills_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Prefixes on whole segments, and cutting them off raw paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "route/path.h"

static bool has(const char *path, const char *prefix)
{
    return path_has_prefix(str_of(path), str_of(prefix));
}

static void test_path_has_prefix_takes_whole_segments(void **state)
{
    (void)state;
    assert_true(has("/", "/"));
    assert_true(has("/x/y", "/"));
    assert_true(has("*", "/"));
    assert_true(has("/api", "/api"));
    assert_true(has("/api/", "/api"));
    assert_true(has("/api/x", "/api"));
    assert_false(has("/apix", "/api"));
    assert_false(has("/ap", "/api"));
    assert_false(has("/API", "/api"));
    assert_false(has("/", "/api"));
    assert_true(has("/a/b/c", "/a/b"));
    assert_false(has("/a/bc", "/a/b"));
}

static void strips_to(const char *raw, const char *prefix, const char *want)
{
    struct str out;

    assert_int_equal(path_strip(str_of(raw), str_of(prefix), &out), OK);
    if (!str_eq(out, str_of(want))) {
        fail_msg("%s without %s: got %.*s, want %s", raw, prefix, STR_FMT(out), want);
    }
}

static void refuses(const char *raw, const char *prefix)
{
    struct str out = STR("untouched");

    assert_int_equal(path_strip(str_of(raw), str_of(prefix), &out), ERR_MISMATCH);
    assert_true(str_eq(out, STR("untouched")));
}

static void test_path_strip_cuts_the_prefix(void **state)
{
    (void)state;
    strips_to("/api/x", "/api", "/x");
    strips_to("/api", "/api", "/");
    strips_to("/api/", "/api", "/");
    strips_to("/api/x/", "/api", "/x/");
    strips_to("/a/b/c", "/a/b", "/c");
    strips_to("/x", "/", "/x");
    strips_to("/", "/", "/");
}

static void test_path_strip_compares_decoded_and_keeps_the_rest(void **state)
{
    (void)state;
    strips_to("/%61pi/x", "/api", "/x");
    strips_to("//api/x", "/api", "/x");
    strips_to("/a//%62/c", "/a/b", "/c");
    strips_to("/api/%7Ex%2Fy//z;v=1", "/api", "/%7Ex%2Fy//z;v=1");
    strips_to("/caf%C3%A9/x", "/caf\xc3\xa9", "/x");
    strips_to("/api/a/../b", "/api", "/a/../b");
    strips_to("/api/./b", "/api", "/./b");
}

static void test_path_strip_never_gives_a_network_path(void **state)
{
    (void)state;
    strips_to("/api//evil.test/", "/api", "/evil.test/");
    strips_to("/api////x", "/api", "/x");
    strips_to("//x", "/", "/x");
}

static void test_path_strip_refuses_what_does_not_begin_with_it(void **state)
{
    (void)state;
    refuses("/apix", "/api");
    refuses("/ap", "/api");
    refuses("/", "/api");
    refuses("*", "/");
    refuses("", "/");
    refuses("api/x", "/api");
    /* These match after normalisation only, and the caller then uses that form. */
    refuses("/api%2Fx", "/api");
    refuses("/x/../api/y", "/api");
    refuses("/./api/y", "/api");
}

static void test_path_strip_refuses_climbing(void **state)
{
    (void)state;
    refuses("/api/../api/y", "/api");
    refuses("/api/x/../../y", "/api");
    refuses("/api/%2e%2E/y", "/api");
    refuses("/api/x%2f..%2f../y", "/api");
    refuses("/api/..", "/api");
    refuses("/api/..;x/y", "/api");
    refuses("/api/x/%2e.%3b/..;/y", "/api");
    refuses("/api/x%5c..%5C..%5cy", "/api");
    strips_to("/api/x/..;a/y", "/api", "/x/..;a/y");
    strips_to("/api/;../y", "/api", "/;../y");
    strips_to("/api/...", "/api", "/...");
    strips_to("/api/..x", "/api", "/..x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_has_prefix_takes_whole_segments),
        cmocka_unit_test(test_path_strip_cuts_the_prefix),
        cmocka_unit_test(test_path_strip_compares_decoded_and_keeps_the_rest),
        cmocka_unit_test(test_path_strip_never_gives_a_network_path),
        cmocka_unit_test(test_path_strip_refuses_what_does_not_begin_with_it),
        cmocka_unit_test(test_path_strip_refuses_climbing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

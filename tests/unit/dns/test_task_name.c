/* SPDX-License-Identifier: MIT */
/* What Docker's PTR says of tasks, containers, and what nobody should believe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dns/task_name.h"

#define ID "abcdefghij0123456789klmno"

static struct task_name parsed(const char *name)
{
    struct answer_name wire;
    struct task_name t;

    assert_int_equal(answer_name_of(str_of(name), &wire), OK);
    assert_true(task_name_parse(&wire, &t));
    return t;
}

static void test_task_name_of_a_task(void **state)
{
    (void)state;
    struct task_name t = parsed("Web2.1." ID ".net1");
    assert_true(t.is_task);
    assert_string_equal(t.service, "web2");
    assert_string_equal(t.text, "web2.1");
    t = parsed("st_api-x.120." ID ".st_front.example");
    assert_string_equal(t.service, "st_api-x");
    assert_string_equal(t.text, "st_api-x.120");
}

static void test_task_name_of_global_mode(void **state)
{
    (void)state;
    struct task_name t = parsed("agent.zzzzzzzzzz0123456789klmno." ID ".net1");
    assert_string_equal(t.service, "agent");
    assert_string_equal(t.text, "agent.zzzzzzzzzz0123456789klmno");
}

static void test_task_name_of_others(void **state)
{
    static const char *const others[] = {
        "db.net1",
        "project-web-1.project_default",
        "web.1." ID,         /* no network */
        "web.0." ID ".net1", /* slots begin with 1 */
        "web.01." ID ".net1",
        "web.1x." ID ".net1",
        "web.12345678901." ID ".net1",
        "web.1.tooshort.net1",
        "web.1.abcdefghij0123456789klmnop.net1",
        "web.1.abcdefghij0123456789-lmno.net1",
        "ec2-1-2-3-4.compute.example.com",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct task_name t = parsed(others[i]);
        assert_false(t.is_task);
        assert_string_equal(t.service, "");
        assert_string_equal(t.text, others[i]);
    }
}

static void test_task_name_of_strange_bytes(void **state)
{
    static const struct answer_name names[] = {
        {.bytes = "\0", .len = 1},
        {.bytes = "\x03"
                  "a\"b\0",
         .len = 5},
        {.bytes = "\x03"
                  "a.b\0",
         .len = 5},
        {.bytes = "\x03"
                  "a\nb\0",
         .len = 5},
        {.bytes = "\x09"
                  "ab\0",
         .len = 4},
    };
    struct task_name t = {.text = "kept"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_false(task_name_parse(&names[i], &t));
    }
    assert_string_equal(t.text, "kept");
}

static void test_task_name_is_cut(void **state)
{
    char long_name[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
                       "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    (void)state;
    struct task_name t = parsed(long_name);
    assert_int_equal(strlen(t.text), TASK_NAME_TEXT_MAX - 1);
    assert_memory_equal(t.text, long_name, TASK_NAME_TEXT_MAX - 1);
}

static void test_task_name_same_service(void **state)
{
    struct task_name one = parsed("web.1." ID ".net1"), two = parsed("WEB.2." ID ".net1");
    struct task_name api = parsed("api.1." ID ".net1"), box = parsed("web.net1");

    (void)state;
    assert_true(task_name_same_service(&one, &two));
    assert_false(task_name_same_service(&one, &api));
    assert_false(task_name_same_service(&one, &box));
    assert_true(task_name_same_service(&box, &box));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_task_name_of_a_task),
        cmocka_unit_test(test_task_name_of_global_mode),
        cmocka_unit_test(test_task_name_of_others),
        cmocka_unit_test(test_task_name_of_strange_bytes),
        cmocka_unit_test(test_task_name_is_cut),
        cmocka_unit_test(test_task_name_same_service),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

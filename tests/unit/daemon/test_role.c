/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/role.h"

static void test_role_arguments_come_back(void **state)
{
    struct role_args a = {.role = ROLE_WORKER,
                          .index = 3,
                          .slots = 6,
                          .form = LOG_TEXT,
                          .level = LOG_WARN,
                          .parent = 4711,
                          .config = "/etc/x y.yml",
                          .local_ca = NULL};
    struct role_args got;
    char text[ROLE_TEXT_MAX];
    const char *argv[ROLE_ARGC_MAX];
    int argc = 0;

    (void)state;
    role_argv(&a, text, argv);
    while (argv[argc] != NULL) {
        argc++;
    }
    assert_true(role_is_hidden(argc, (char *const *)(uintptr_t)argv));
    assert_int_equal(role_parse(argc, (char *const *)(uintptr_t)argv, &got), OK);
    assert_int_equal(got.role, ROLE_WORKER);
    assert_int_equal(got.index, 3);
    assert_int_equal(got.slots, 6);
    assert_int_equal(got.form, LOG_TEXT);
    assert_int_equal(got.level, LOG_WARN);
    assert_int_equal(got.parent, 4711);
    assert_string_equal(got.config, "/etc/x y.yml");
    assert_null(got.local_ca);
    assert_int_equal(role_slot(&got), ROLE_SLOT_WORKERS + 3);
    assert_string_equal(argv[0], "hivedoor: worker-3");
    assert_int_equal(role_parse(argc - 1, (char *const *)(uintptr_t)argv, &got), ERR_SYNTAX);
}

static void test_role_refuses_other_arguments(void **state)
{
    static const char *const wrong[][10] = {
        {"x", "@supervisor", "0", "3", "0", "1", "1", "", ""},
        {"x", "@worker", "64", "3", "0", "1", "1", "", ""},
        {"x", "@worker", "-1", "3", "0", "1", "1", "", ""},
        {"x", "@worker", "0", "3", "2", "1", "1", "", ""},
        {"x", "@nobody", "0", "3", "0", "1", "1", "", ""},
    };
    struct role_args got;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(role_parse(9, (char *const *)(uintptr_t)wrong[i], &got), ERR_SYNTAX);
    }
}

static void test_role_names_are_those_of_the_log(void **state)
{
    char name[ROLE_NAME_MAX];

    (void)state;
    assert_string_equal(role_name(ROLE_SUPERVISOR, 0, name), "supervisor");
    assert_string_equal(role_name(ROLE_LOADER, 0, name), "loader");
    assert_string_equal(role_name(ROLE_KEEPER, 0, name), "keeper");
    assert_string_equal(role_name(ROLE_WORKER, 12, name), "worker-12");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_role_arguments_come_back),
        cmocka_unit_test(test_role_refuses_other_arguments),
        cmocka_unit_test(test_role_names_are_those_of_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fd.h"
#include "daemon/report.h"

static void test_report_keeps_places(void **state)
{
    struct diags d;
    struct diags got;
    struct diag_place place = {STR("/etc/h.yml"), 7, 3};
    struct diag_place whole = {STR("/certs"), 0, 0};
    int fd;

    (void)state;
    diags_init(&d);
    diags_init(&got);
    diags_add(&d, DIAG_ERROR, place, "unknown key %s", "sitse");
    diags_add(&d, DIAG_WARNING, whole, "nothing here");
    assert_int_equal(report_write(&d, &fd), OK);
    assert_int_equal(report_read(fd, &got), OK);
    assert_int_equal(got.count, 2);
    assert_int_equal(got.errors, 1);
    assert_int_equal(got.items[0].line, 7);
    assert_int_equal(got.items[0].column, 3);
    assert_true(str_eq(got.items[0].file, STR("/etc/h.yml")));
    assert_true(str_eq(got.items[0].text, STR("unknown key sitse")));
    assert_int_equal(got.items[1].level, DIAG_WARNING);
    fd_close(&fd);
    diags_fini(&d);
    diags_fini(&got);
}

static void test_report_refuses_nonsense(void **state)
{
    static const char *const wrong[] = {"\xff\xff\xff\xff\0\0\0\0", "\1\0\0\0\0\0\0\0\1"};
    struct diags got;
    int fd;

    (void)state;
    diags_init(&got);
    assert_int_equal(fd_sealed("t", wrong[0], 8, &fd), OK);
    assert_int_equal(report_read(fd, &got), ERR_SYNTAX);
    fd_close(&fd);
    assert_int_equal(fd_sealed("t", wrong[1], 9, &fd), OK);
    assert_int_equal(report_read(fd, &got), ERR_SYNTAX);
    fd_close(&fd);
    assert_int_equal(fd_memory("t", &fd), OK); /* not sealed */
    assert_int_equal(report_read(fd, &got), ERR_DENIED);
    fd_close(&fd);
    assert_int_equal(got.count, 0);
    diags_fini(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report_keeps_places),
        cmocka_unit_test(test_report_refuses_nonsense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

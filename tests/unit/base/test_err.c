/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

static void test_err_every_code_has_a_text(void **state)
{
    (void)state;
    for (int err = OK; err >= ERR_PROTOCOL; err--) {
        assert_string_not_equal(err_text(err), "unknown error");
    }
    assert_string_equal(err_text(1), "unknown error");
    assert_string_equal(err_text(-1000), "unknown error");
}

static void test_err_from_errno(void **state)
{
    (void)state;
    assert_int_equal(err_from_errno(EAGAIN), ERR_AGAIN);
    assert_int_equal(err_from_errno(ECONNRESET), ERR_RESET);
    assert_int_equal(err_from_errno(EPIPE), ERR_RESET);
    assert_int_equal(err_from_errno(EADDRINUSE), ERR_EXISTS);
    assert_int_equal(err_from_errno(EACCES), ERR_DENIED);
    assert_int_equal(err_from_errno(EMFILE), ERR_NO_FD);
    assert_int_equal(err_from_errno(ECONNREFUSED), ERR_REFUSED);
    assert_int_equal(err_from_errno(EHOSTUNREACH), ERR_UNREACHABLE);
    assert_int_equal(err_from_errno(EUCLEAN), ERR_IO);
}

static void test_err_why_table_is_complete(void **state)
{
    (void)state;
    for (int i = 0; i < WHY_COUNT; i++) {
        enum why why = (enum why)i;
        assert_true(strlen(why_label(why)) > 0);
        assert_true(strlen(why_text(why)) > 0);
        assert_true(why_status(why) == 0 || (why_status(why) >= 400 && why_status(why) <= 599));
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(why_label(why), why_label((enum why)k));
        }
    }
    assert_int_equal(why_status(WHY_NO_ENDPOINT), 503);
    assert_string_equal(why_label(WHY_NO_ENDPOINT), "no_endpoint");
}

static void quiet(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)dup2(null, STDERR_FILENO);
    (void)dup2(null, STDOUT_FILENO);
}

static void test_err_require_aborts(void **state)
{
    int status;

    (void)state;
    REQUIRE(state != (void *)1);
    pid_t pid = fork();
    if (pid == 0) {
        quiet();
        REQUIRE(pid != 0);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* Survived in production and fatal under the sanitizers: both are right here. */
static void test_err_check_counts_or_aborts(void **state)
{
    int status;

    (void)state;
    assert_true(CHECK(state != (void *)1));
    assert_int_equal(err_checks_failed(), 0);
    pid_t pid = fork();
    if (pid == 0) {
        quiet();
        bool held = CHECK(pid != 0);
        _exit(!held && err_checks_failed() == 1 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true((WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) ||
                (WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err_every_code_has_a_text),
        cmocka_unit_test(test_err_from_errno),
        cmocka_unit_test(test_err_why_table_is_complete),
        cmocka_unit_test(test_err_require_aborts),
        cmocka_unit_test(test_err_check_counts_or_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

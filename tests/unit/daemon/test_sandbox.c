/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/sandbox.h"

/* Runs `body` in a process of its own that has entered a role; gives its wait status. */
static int in_role(enum role role, int (*body)(uint32_t missing))
{
    pid_t parent = getpid();
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        uint32_t missing = sandbox_begin(role, parent);
        missing |= sandbox_seal(role);
        _exit(body(missing));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int look_at_basics(uint32_t missing)
{
    struct rlimit limit;
    int signo = 0;

    if ((missing & ~(1U << SANDBOX_LANDLOCK | 1U << SANDBOX_SECCOMP)) != 0) {
        return 10;
    }
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE) != 0) {
        return 11;
    }
    if (prctl(PR_GET_PDEATHSIG, &signo) != 0 || signo != SIGKILL) {
        return 12;
    }
    if (getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_max != 0) {
        return 13;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur != limit.rlim_max) {
        return 14;
    }
    return 0;
}

static void test_sandbox_takes_the_basic_steps(void **state)
{
    (void)state;
    assert_int_equal(in_role(ROLE_WORKER, look_at_basics), 0);
    assert_int_equal(in_role(ROLE_KEEPER, look_at_basics), 0);
}

static bool has_filter(uint32_t missing)
{
    return (missing & 1U << SANDBOX_SECCOMP) == 0;
}

static int open_a_file(uint32_t missing)
{
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

    if (sandbox_is_loose() || !has_filter(missing)) {
        return 0; /* a sanitizer's report must be able to read its own binary */
    }
    return fd < 0 && errno == ENOENT ? 0 : 20;
}

static int write_a_file(uint32_t missing)
{
    int fd = open("/tmp/hivedoor-sandbox-test", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    if ((missing & 1U << SANDBOX_LANDLOCK) != 0) {
        (void)unlink("/tmp/hivedoor-sandbox-test");
        return 0;
    }
    return fd < 0 ? 0 : 21;
}

static int make_a_process(uint32_t missing)
{
    if (sandbox_is_loose() || !has_filter(missing)) {
        return 0;
    }
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    return pid < 0 && errno == EPERM ? 0 : 22;
}

static int open_a_socket(uint32_t missing)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (!has_filter(missing)) {
        return 0;
    }
    return fd < 0 && errno == EPERM ? 0 : 23;
}

static int connect_a_socket(uint32_t missing)
{
    (void)missing;
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 ? 0 : 24;
}

static int execute(uint32_t missing)
{
    char *const argv[] = {(char[]){"true"}, NULL};

    if (!has_filter(missing)) {
        (void)raise(SIGSYS);
    }
    (void)execv("/bin/true", argv);
    return 25;
}

static void test_sandbox_confines_workers(void **state)
{
    (void)state;
    assert_int_equal(in_role(ROLE_WORKER, open_a_file), 0);
    assert_int_equal(in_role(ROLE_WORKER, write_a_file), 0);
    assert_int_equal(in_role(ROLE_WORKER, make_a_process), 0);
    assert_int_equal(in_role(ROLE_WORKER, connect_a_socket), 0);
    int status = in_role(ROLE_WORKER, execute);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static int read_a_file(uint32_t missing)
{
    (void)missing;
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : 26;
}

static void test_sandbox_lets_the_loader_read_and_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(in_role(ROLE_LOADER, read_a_file), 0);
    assert_int_equal(in_role(ROLE_LOADER, write_a_file), 0);
    assert_int_equal(in_role(ROLE_LOADER, open_a_socket), 0);
}

static void test_sandbox_ends_an_orphan(void **state)
{
    pid_t pid = fork();
    int status;

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)!sandbox_begin(ROLE_WORKER, getpid()); /* not our parent */
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 1);
}

static void test_sandbox_names_every_step(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SANDBOX_COUNT; i++) {
        assert_true(sandbox_text((enum sandbox_step)i)[0] != 0);
        assert_true(sandbox_lack((enum sandbox_step)i)[0] != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sandbox_takes_the_basic_steps),
        cmocka_unit_test(test_sandbox_confines_workers),
        cmocka_unit_test(test_sandbox_lets_the_loader_read_and_nothing_else),
        cmocka_unit_test(test_sandbox_ends_an_orphan),
        cmocka_unit_test(test_sandbox_names_every_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

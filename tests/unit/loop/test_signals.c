/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <unistd.h>

#include "loop/signals.h"

static void on_signal(void *arg, int signo)
{
    int *seen = arg;
    *seen = signo;
}

static void test_signals_arrive_between_events(void **state)
{
    struct loop *loop = loop_new();
    struct signal_watch watch;
    int seen = 0;

    (void)state;
    signal_watch_init(&watch, loop, SIGUSR1, on_signal, &seen);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(seen, 0);
    loop_turn(loop, true);
    assert_int_equal(seen, SIGUSR1);
    signal_watch_fini(&watch);
    signal_watch_fini(&watch);
    loop_free(loop);
}

static void test_signals_reset(void **state)
{
    sigset_t mask;
    struct sigaction action;

    (void)state;
    assert_int_equal(sigemptyset(&mask), 0);
    assert_int_equal(sigaddset(&mask, SIGTERM), 0);
    assert_int_equal(sigprocmask(SIG_BLOCK, &mask, NULL), 0);
    signals_reset();
    assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
    assert_false(sigismember(&mask, SIGTERM));
    assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
    assert_true(action.sa_handler == SIG_IGN);
    assert_int_equal(sigaction(SIGHUP, NULL, &action), 0);
    assert_true(action.sa_handler == SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_arrive_between_events),
        cmocka_unit_test(test_signals_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

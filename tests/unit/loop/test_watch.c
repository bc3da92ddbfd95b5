/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "loop/watch.h"

struct probe {
    struct watch watch;
    unsigned ready;
    int calls;
    bool ends;
};

static void on_ready(void *arg, unsigned ready)
{
    struct probe *p = arg;

    p->ready |= ready;
    p->calls++;
    if (p->ends) {
        watch_fini(&p->watch);
    }
}

static void test_watch_interest(void **state)
{
    struct loop *loop = loop_new();
    struct probe p = {0};
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    watch_init(&p.watch, loop, fds[0], on_ready, &p);
    assert_int_equal(write(fds[1], "x", 1), 1);
    loop_turn(loop, false);
    assert_int_equal(p.calls, 0);
    watch_set(&p.watch, WATCH_READ);
    loop_turn(loop, true);
    assert_int_equal(p.ready, WATCH_READ);
    loop_turn(loop, true); /* level-triggered: told again */
    assert_int_equal(p.calls, 2);
    p.ready = 0;
    watch_set(&p.watch, WATCH_WRITE);
    loop_turn(loop, true);
    assert_int_equal(p.ready, WATCH_WRITE);
    watch_set(&p.watch, WATCH_READ | WATCH_WRITE);
    loop_turn(loop, true);
    assert_int_equal(p.ready, WATCH_READ | WATCH_WRITE);
    p.calls = 0;
    watch_set(&p.watch, 0);
    loop_turn(loop, false);
    assert_int_equal(p.calls, 0);
    watch_fini(&p.watch);
    watch_fini(&p.watch);
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    loop_free(loop);
}

/* Both are ready, and the first callback ends it: there is no second one. */
static void test_watch_ends_inside_its_callback(void **state)
{
    struct loop *loop = loop_new();
    struct probe p = {.ends = true};
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    watch_init(&p.watch, loop, fds[0], on_ready, &p);
    watch_set(&p.watch, WATCH_READ | WATCH_WRITE);
    fd_close(&fds[1]); /* a hang-up shows as whatever is wanted */
    loop_turn(loop, true);
    loop_turn(loop, false);
    assert_int_equal(p.calls, 1);
    fd_close(&fds[0]);
    loop_free(loop);
}

static void test_watch_fini_of_zeroed(void **state)
{
    struct watch w = {0};

    (void)state;
    watch_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch_interest),
        cmocka_unit_test(test_watch_ends_inside_its_callback),
        cmocka_unit_test(test_watch_fini_of_zeroed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

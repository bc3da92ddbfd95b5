/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "loop/timer.h"
#include "net/listener.h"

struct probe {
    struct loop *loop;
    struct listener *listener;
    int accepted;
    int no_fd;
    int free_at; /* free the listener at this connection */
    struct addr peer;
};

static void on_accept(void *arg, int fd, const struct addr *peer)
{
    struct probe *p = arg;

    p->accepted++;
    p->peer = *peer;
    fd_close(&fd);
    if (p->accepted == p->free_at) {
        listener_free(p->listener);
    }
}

static void on_no_fd(void *arg)
{
    struct probe *p = arg;
    p->no_fd++;
}

/* Binds to a free port of the loopback; the address it got goes to *out_at. */
static int bind_free(struct addr *out_at)
{
    int fd = -1;

    assert_int_equal(addr_parse(STR("127.0.0.1:0"), out_at), OK);
    assert_int_equal(listener_bind(out_at, true, &fd), OK);
    assert_int_equal(getsockname(fd, &out_at->sa, &out_at->len), 0);
    assert_int_not_equal(addr_port(out_at), 0);
    return fd;
}

static int connect_to(const struct addr *at)
{
    int fd = socket(at->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &at->sa, at->len), 0);
    return fd;
}

static void test_listener_accepts_in_batches(void **state)
{
    struct probe p = {.loop = loop_new()};
    int clients[LISTENER_BATCH + 4];
    const int count = (int)(sizeof(clients) / sizeof(clients[0]));
    struct addr at;
    int fd = bind_free(&at);

    (void)state;
    for (int i = 0; i < count; i++) {
        clients[i] = connect_to(&at);
    }
    p.listener = listener_new(p.loop, fd, on_accept, &p);
    loop_turn(p.loop, true);
    assert_int_equal(p.accepted, LISTENER_BATCH);
    while (p.accepted < count) {
        loop_turn(p.loop, true);
    }
    assert_int_equal(p.peer.sa.sa_family, AF_INET);
    for (int i = 0; i < count; i++) {
        fd_close(&clients[i]);
    }
    listener_free(p.listener);
    listener_free(NULL);
    loop_free(p.loop);
    fd_close(&fd);
}

static void test_listener_pauses(void **state)
{
    struct probe p = {.loop = loop_new()};
    struct addr at;
    int fd = bind_free(&at);

    (void)state;
    p.listener = listener_new(p.loop, fd, on_accept, &p);
    listener_pause(p.listener, true);
    int client = connect_to(&at);
    loop_turn(p.loop, false);
    assert_int_equal(p.accepted, 0);
    listener_pause(p.listener, false); /* the client waited in the queue */
    while (p.accepted == 0) {
        loop_turn(p.loop, true);
    }
    fd_close(&client);
    listener_free(p.listener);
    loop_free(p.loop);
    fd_close(&fd);
}

static void test_listener_refuses_and_keeps_its_queue(void **state)
{
    struct probe p = {.loop = loop_new()};
    struct addr at;
    int fd = bind_free(&at);

    (void)state;
    p.listener = listener_new(p.loop, fd, on_accept, &p);
    assert_false(listener_is_waiting(p.listener));
    int before = connect_to(&at);
    assert_true(listener_is_waiting(p.listener));
    listener_refuse(fd);
    int after = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(after, &at.sa, at.len), -1);
    assert_int_equal(errno, EINPROGRESS);
    while (p.accepted == 0) {
        loop_turn(p.loop, true);
    }
    assert_false(listener_is_waiting(p.listener));
    assert_int_equal(p.accepted, 1);
    struct pollfd look = {.fd = after, .events = POLLOUT};
    assert_int_equal(poll(&look, 1, 0), 0); /* neither taken nor refused */
    fd_close(&before);
    fd_close(&after);
    listener_free(p.listener);
    loop_free(p.loop);
    fd_close(&fd);
}

static void test_listener_is_freed_by_its_callback(void **state)
{
    struct probe p = {.loop = loop_new(), .free_at = 1};
    struct addr at;
    int fd = bind_free(&at);
    int one = connect_to(&at);
    int two = connect_to(&at);

    (void)state;
    p.listener = listener_new(p.loop, fd, on_accept, &p);
    loop_turn(p.loop, true);
    loop_turn(p.loop, false);
    assert_int_equal(p.accepted, 1);
    fd_close(&one);
    fd_close(&two);
    loop_free(p.loop);
    fd_close(&fd);
}

/* Without a descriptor left it rests, tells, and takes the waiting client afterwards. */
static void test_listener_rests_without_descriptors(void **state)
{
    struct probe p = {.loop = loop_new()};
    struct rlimit limit;
    struct rlimit low;
    struct addr at;
    int fd = bind_free(&at);
    int client = connect_to(&at);

    (void)state;
    p.listener = listener_new(p.loop, fd, on_accept, &p);
    listener_on_no_fd(p.listener, on_no_fd, &p);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = 3; /* every number above is taken or beyond the limit */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    loop_turn(p.loop, true);
    loop_turn(p.loop, false); /* no busy loop: nothing is asked while it rests */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(p.no_fd, 1);
    assert_int_equal(p.accepted, 0);
    while (p.accepted == 0) {
        loop_turn(p.loop, true);
    }
    fd_close(&client);
    listener_free(p.listener);
    loop_free(p.loop);
    fd_close(&fd);
}

static void test_listener_bind_errors_and_reuse(void **state)
{
    struct addr at;
    int fd = bind_free(&at);
    int second = -1;

    (void)state;
    assert_int_equal(listener_bind(&at, true, &second), OK); /* SO_REUSEPORT */
    fd_close(&second);
    assert_int_equal(listener_bind(&at, false, &second), ERR_EXISTS);
    assert_int_equal(second, -1);
    fd_close(&fd);
    assert_int_equal(addr_parse(STR("192.0.2.1:0"), &at), OK); /* no address of ours */
    assert_int_equal(listener_bind(&at, false, &second), ERR_UNREACHABLE);
}

static void test_listener_unix_socket_replaces_a_stale_one(void **state)
{
    char folder[] = "/tmp/hivedoor-test-XXXXXX";
    char text[64];
    struct addr at;
    int fd = -1;
    int second = -1;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(text, sizeof(text), "unix:%s/s", folder);
    assert_int_equal(addr_parse(str_of(text), &at), OK);
    assert_int_equal(listener_bind(&at, true, &fd), OK);
    assert_int_equal(listener_bind(&at, true, &second), ERR_EXISTS); /* alive */
    fd_close(&fd);
    assert_int_equal(listener_bind(&at, true, &fd), OK);
    fd_close(&fd);
    assert_int_equal(unlink(text + 5), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listener_accepts_in_batches),
        cmocka_unit_test(test_listener_pauses),
        cmocka_unit_test(test_listener_refuses_and_keeps_its_queue),
        cmocka_unit_test(test_listener_is_freed_by_its_callback),
        cmocka_unit_test(test_listener_rests_without_descriptors),
        cmocka_unit_test(test_listener_bind_errors_and_reuse),
        cmocka_unit_test(test_listener_unix_socket_replaces_a_stale_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

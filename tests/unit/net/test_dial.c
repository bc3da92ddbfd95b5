/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/dial.h"
#include "net/listener.h"

struct probe {
    int calls;
    int err;
    int fd;
};

static void on_dial(void *arg, int err, int fd)
{
    struct probe *p = arg;

    p->calls++;
    p->err = err;
    p->fd = fd;
}

static int bind_free(struct addr *out_at)
{
    int fd = -1;

    assert_int_equal(addr_parse(STR("127.0.0.1:0"), out_at), OK);
    assert_int_equal(listener_bind(out_at, false, &fd), OK);
    assert_int_equal(getsockname(fd, &out_at->sa, &out_at->len), 0);
    return fd;
}

/* Dials and turns the loop until the answer is there. */
static struct probe dial_and_wait(const struct addr *to)
{
    struct loop *loop = loop_new();
    struct probe p = {.fd = -1};
    struct dial *d;

    assert_int_equal(dial_start(loop, to, on_dial, &p, &d), OK);
    assert_int_equal(p.calls, 0); /* never from inside dial_start */
    while (p.calls == 0) {
        loop_turn(loop, true);
    }
    loop_turn(loop, false);
    assert_int_equal(p.calls, 1);
    loop_free(loop);
    return p;
}

static void test_dial_connects(void **state)
{
    struct addr at;
    int listening = bind_free(&at);
    int nodelay = 0;
    socklen_t len = sizeof(nodelay);

    (void)state;
    struct probe p = dial_and_wait(&at);
    assert_int_equal(p.err, OK);
    assert_true((fcntl(p.fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_int_equal(fcntl(p.fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(getsockopt(p.fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &len), 0);
    assert_int_not_equal(nodelay, 0);
    fd_close(&p.fd);
    fd_close(&listening);
}

static void test_dial_refused(void **state)
{
    struct addr at;
    int bound = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    /* Bound and not listening: nobody else can have the port meanwhile. */
    assert_int_equal(addr_parse(STR("127.0.0.1:0"), &at), OK);
    assert_int_equal(bind(bound, &at.sa, at.len), 0);
    assert_int_equal(getsockname(bound, &at.sa, &at.len), 0);
    struct probe p = dial_and_wait(&at);
    assert_int_equal(p.err, ERR_REFUSED);
    assert_int_equal(p.fd, -1);
    fd_close(&bound);
}

static void test_dial_unix(void **state)
{
    struct addr at;
    char folder[] = "/tmp/hivedoor-test-XXXXXX";
    char text[64];
    int listening = -1;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(text, sizeof(text), "unix:%s/s", folder);
    assert_int_equal(addr_parse(str_of(text), &at), OK);
    struct probe p = dial_and_wait(&at);
    assert_int_equal(p.err, ERR_REFUSED); /* no such socket */
    assert_int_equal(listener_bind(&at, false, &listening), OK);
    p = dial_and_wait(&at); /* connected at once, told at the end of the turn */
    assert_int_equal(p.err, OK);
    fd_close(&p.fd);
    fd_close(&listening);
    assert_int_equal(unlink(text + 5), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void test_dial_cancel(void **state)
{
    struct loop *loop = loop_new();
    struct probe p = {.fd = -1};
    struct dial *d;
    struct addr at;
    int listening = bind_free(&at);

    (void)state;
    assert_int_equal(dial_start(loop, &at, on_dial, &p, &d), OK);
    dial_cancel(d);
    dial_cancel(NULL);
    loop_turn(loop, false);
    loop_turn(loop, false);
    assert_int_equal(p.calls, 0);
    loop_free(loop);
    fd_close(&listening);
}

static void test_dial_without_descriptors(void **state)
{
    struct loop *loop = loop_new();
    struct probe p = {.fd = -1};
    struct rlimit limit;
    struct rlimit low;
    struct dial *d;
    struct addr at;

    (void)state;
    assert_int_equal(addr_parse(STR("127.0.0.1:1"), &at), OK);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    int rc = dial_start(loop, &at, on_dial, &p, &d);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(rc, ERR_NO_FD);
    loop_turn(loop, false);
    assert_int_equal(p.calls, 0);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dial_connects),
        cmocka_unit_test(test_dial_refused),
        cmocka_unit_test(test_dial_unix),
        cmocka_unit_test(test_dial_cancel),
        cmocka_unit_test(test_dial_without_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

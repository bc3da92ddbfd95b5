/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "net/gulp.h"
#include "net/stream_plain.h"

#define MUCH (1024 * 1024)

struct rig {
    struct loop *loop;
    struct deadline_class *wait;
    struct stream *stream;
    struct gulp *gulp;
    int peer;
    bool told;
};

static void on_stream(void *arg, unsigned ready)
{
    struct rig *r = arg;

    r->told = r->told || (ready & STREAM_READABLE) != 0;
}

/* Over TCP: other sockets do not wait for more. */
static void open_rig(struct rig *r)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    clock_freeze(5000, 0);
    *r = (struct rig){.loop = loop_new(), .peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(connect(r->peer, (struct sockaddr *)&at, len), 0);
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    fd_close(&listener);
    r->wait = deadline_class_new(r->loop, GULP_WAIT_MS);
    r->stream = stream_plain_new(r->loop, fd, on_stream, r);
    stream_want(r->stream, STREAM_READABLE);
}

static void close_rig(struct rig *r)
{
    gulp_end(&r->gulp);
    assert_null(r->gulp);
    stream_close(r->stream);
    fd_close(&r->peer);
    deadline_class_free(r->wait);
    loop_turn(r->loop, false);
    loop_free(r->loop);
    clock_resume();
}

static int mark(const struct rig *r)
{
    int bytes = 0;
    socklen_t len = sizeof(bytes);

    assert_int_equal(getsockopt(r->stream->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, &len), 0);
    return bytes;
}

static void took(struct rig *r, size_t n, uint64_t rest)
{
    gulp_took(&r->gulp, r->stream, r->wait, n, rest);
}

static void say(struct rig *r, size_t n)
{
    static const char bytes[GULP_MAX];

    assert_int_equal(write(r->peer, bytes, n), n);
}

static void until_told(struct rig *r)
{
    while (!r->told) {
        loop_turn(r->loop, true);
    }
}

static void test_gulp_grows_with_what_comes(void **state)
{
    struct rig r;

    (void)state;
    open_rig(&r);
    took(&r, GULP_PIECE_MIN - 1, MUCH);
    assert_null(r.gulp);
    took(&r, GULP_PIECE_MIN, MUCH);
    assert_int_equal(mark(&r), GULP_MIN);
    took(&r, GULP_MIN, MUCH);
    assert_int_equal(mark(&r), 2 * GULP_MIN);
    took(&r, MUCH, MUCH);
    assert_int_equal(mark(&r), GULP_MAX);
    took(&r, 1, MUCH);
    assert_int_equal(mark(&r), 1);
    close_rig(&r);
}

/* Never more than is sure to come, less a record of which TLS may hold all but the last byte. */
static void test_gulp_ends_with_the_body(void **state)
{
    struct rig r;

    (void)state;
    open_rig(&r);
    took(&r, MUCH, GULP_MAX);
    assert_true(mark(&r) > GULP_MIN && mark(&r) < GULP_MAX - 16384);
    took(&r, MUCH, 2 * GULP_MIN);
    assert_int_equal(mark(&r), 1);
    took(&r, MUCH, MUCH);
    took(&r, MUCH, 0);
    assert_int_equal(mark(&r), 1);
    took(&r, MUCH, MUCH);
    gulp_end(&r.gulp);
    assert_int_equal(mark(&r), 1);
    close_rig(&r);
}

static void test_gulp_is_told_when_full(void **state)
{
    struct rig r;

    (void)state;
    open_rig(&r);
    took(&r, GULP_PIECE_MIN, MUCH);
    say(&r, GULP_MIN - 1);
    loop_turn(r.loop, false);
    assert_false(r.told);
    say(&r, 1);
    until_told(&r);
    close_rig(&r);
}

static void test_gulp_waits_no_longer_than_its_deadline(void **state)
{
    struct rig r;

    (void)state;
    open_rig(&r);
    took(&r, GULP_PIECE_MIN, MUCH);
    say(&r, 1);
    loop_turn(r.loop, false);
    assert_false(r.told);
    clock_advance(GULP_WAIT_MS);
    until_told(&r);
    assert_int_equal(mark(&r), 1);
    took(&r, 1, MUCH); /* a slow one stays one */
    assert_int_equal(mark(&r), 1);
    took(&r, GULP_PIECE_MIN, MUCH);
    assert_int_equal(mark(&r), GULP_MIN);
    close_rig(&r);
}

static void test_gulp_lets_the_end_through(void **state)
{
    struct rig r;

    (void)state;
    open_rig(&r);
    took(&r, MUCH, MUCH);
    say(&r, 1);
    assert_int_equal(shutdown(r.peer, SHUT_WR), 0);
    until_told(&r);
    close_rig(&r);
}

static void test_gulp_lets_a_reset_through(void **state)
{
    struct rig r;
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    (void)state;
    open_rig(&r);
    took(&r, MUCH, MUCH);
    assert_int_equal(setsockopt(r.peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    fd_close(&r.peer);
    until_told(&r);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gulp_grows_with_what_comes),
        cmocka_unit_test(test_gulp_ends_with_the_body),
        cmocka_unit_test(test_gulp_is_told_when_full),
        cmocka_unit_test(test_gulp_waits_no_longer_than_its_deadline),
        cmocka_unit_test(test_gulp_lets_the_end_through),
        cmocka_unit_test(test_gulp_lets_a_reset_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

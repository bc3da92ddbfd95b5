/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/stream_plain.h"

struct probe {
    struct loop *loop;
    struct stream *stream;
    int peer;
    unsigned ready;
    bool closes;
};

static void on_stream(void *arg, unsigned ready)
{
    struct probe *p = arg;

    p->ready |= ready;
    if (p->closes) {
        stream_close(p->stream);
        p->stream = NULL;
    }
}

static void open_pair(struct probe *p)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    *p = (struct probe){.loop = loop_new(), .peer = fds[1]};
    p->stream = stream_plain_new(p->loop, fds[0], on_stream, p);
}

static void close_pair(struct probe *p)
{
    stream_close(p->stream);
    stream_close(NULL);
    fd_close(&p->peer);
    loop_free(p->loop);
}

static int write_text(struct stream *s, const char *a, const char *b, size_t *out_n)
{
    const struct iovec iov[2] = {
        {.iov_base = (void *)(uintptr_t)a, .iov_len = strlen(a)},
        {.iov_base = (void *)(uintptr_t)b, .iov_len = strlen(b)},
    };
    return stream_write(s, iov, 2, out_n);
}

static void test_stream_reads(void **state)
{
    struct probe p;
    char data[16];
    size_t n = 0;

    (void)state;
    open_pair(&p);
    assert_int_equal(stream_read(p.stream, data, sizeof(data), &n), ERR_AGAIN);
    assert_int_equal(write(p.peer, "hello", 5), 5);
    loop_turn(p.loop, false);
    assert_int_equal(p.ready, 0); /* nothing is wanted yet */
    stream_want(p.stream, STREAM_READABLE);
    loop_turn(p.loop, true);
    assert_int_equal(p.ready, STREAM_READABLE);
    assert_int_equal(stream_read(p.stream, data, 3, &n), OK);
    assert_int_equal(n, 3);
    assert_int_equal(stream_read(p.stream, data, sizeof(data), &n), OK);
    assert_int_equal(n, 2);
    assert_int_equal(p.stream->bytes_in, 5);
    assert_int_equal(shutdown(p.peer, SHUT_WR), 0);
    assert_int_equal(stream_read(p.stream, data, sizeof(data), &n), ERR_EOF);
    close_pair(&p);
}

static void test_stream_writes_until_full(void **state)
{
    struct probe p;
    char data[65536];
    size_t n = 0;
    size_t sent = 0;
    int rc;

    (void)state;
    open_pair(&p);
    assert_int_equal(write_text(p.stream, "ab", "cd", &n), OK);
    assert_int_equal(n, 4);
    assert_int_equal(stream_unsent(p.stream), 0);
    assert_int_equal(stream_flush(p.stream), OK);
    memset(data, 'x', sizeof(data));
    const struct iovec iov = {.iov_base = data, .iov_len = sizeof(data)};
    while ((rc = stream_write(p.stream, &iov, 1, &n)) == OK) {
        assert_true(n > 0);
        sent += n;
    }
    assert_int_equal(rc, ERR_AGAIN);
    assert_int_equal(p.stream->bytes_out, sent + 4);
    stream_want(p.stream, STREAM_WRITABLE);
    loop_turn(p.loop, false);
    assert_int_equal(p.ready, 0);
    while (read(p.peer, data, sizeof(data)) > 0) {
    }
    loop_turn(p.loop, true);
    assert_int_equal(p.ready, STREAM_WRITABLE);
    close_pair(&p);
}

static void test_stream_shutdown_and_reset(void **state)
{
    struct probe p;
    char data[4];
    size_t n = 0;

    (void)state;
    open_pair(&p);
    assert_int_equal(stream_shutdown(p.stream), OK);
    assert_int_equal(read(p.peer, data, sizeof(data)), 0);
    assert_int_equal(write_text(p.stream, "late", "", &n), ERR_RESET); /* and no SIGPIPE */
    fd_close(&p.peer);
    assert_int_equal(write_text(p.stream, "gone", "", &n), ERR_RESET);
    close_pair(&p);
}

/* A connected pair of TCP sockets, which know more states than those of a Unix socket pair. */
static void open_tcp_pair(struct probe *p)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
    *p = (struct probe){.loop = loop_new(), .peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(connect(p->peer, (struct sockaddr *)&addr, len), 0);
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    fd_close(&listener);
    p->stream = stream_plain_new(p->loop, fd, on_stream, p);
}

/* Both sides have ended: what came before the peer's end is still read, and the end of our side may
 * be said once more. */
static void test_stream_shutdown_after_the_peers_end(void **state)
{
    struct probe p;
    char data[8];
    size_t n = 0;

    (void)state;
    open_tcp_pair(&p);
    assert_int_equal(stream_shutdown(p.stream), OK);
    assert_int_equal(read(p.peer, data, sizeof(data)), 0);
    assert_int_equal(write(p.peer, "tail", 4), 4);
    fd_close(&p.peer);
    struct pollfd ended = {.fd = p.stream->fd, .events = POLLRDHUP};
    assert_int_equal(poll(&ended, 1, 10000), 1);
    assert_int_equal(stream_shutdown(p.stream), OK);
    assert_int_equal(stream_read(p.stream, data, sizeof(data), &n), OK);
    assert_int_equal(n, 4);
    assert_memory_equal(data, "tail", 4);
    assert_int_equal(stream_read(p.stream, data, sizeof(data), &n), ERR_EOF);
    close_pair(&p);
}

static void test_stream_closes_inside_its_callback(void **state)
{
    struct probe p;

    (void)state;
    open_pair(&p);
    p.closes = true;
    stream_want(p.stream, STREAM_READABLE | STREAM_WRITABLE);
    assert_int_equal(write(p.peer, "x", 1), 1);
    loop_turn(p.loop, true);
    assert_null(p.stream);
    loop_turn(p.loop, false);
    close_pair(&p);
}

static void on_new_owner(void *arg, unsigned ready)
{
    unsigned *seen = arg;
    *seen |= ready;
}

static void test_stream_changes_hands(void **state)
{
    struct probe p;
    unsigned seen = 0;

    (void)state;
    open_pair(&p);
    stream_set_owner(p.stream, on_new_owner, &seen);
    stream_want(p.stream, STREAM_WRITABLE);
    loop_turn(p.loop, true);
    assert_int_equal(seen, STREAM_WRITABLE);
    assert_int_equal(p.ready, 0);
    int fd = stream_plain_detach(p.stream);
    p.stream = NULL;
    assert_int_equal(write(fd, "x", 1), 1); /* still open, and ours */
    loop_turn(p.loop, false);
    fd_close(&fd);
    close_pair(&p);
}

/* Over TCP, since nothing else has a reset. */
static void test_abort_is_a_reset(void **state)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    struct probe p = {.loop = loop_new()};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char byte;

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&in, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &len), 0);
    p.peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(p.peer, (struct sockaddr *)&in, len), 0);
    p.stream = stream_plain_new(p.loop, accept(listener, NULL, NULL), on_stream, &p);
    stream_abort(p.stream);
    p.stream = NULL;
    assert_int_equal(read(p.peer, &byte, 1), -1);
    assert_int_equal(errno, ECONNRESET);
    fd_close(&listener);
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_reads),
        cmocka_unit_test(test_stream_writes_until_full),
        cmocka_unit_test(test_stream_shutdown_and_reset),
        cmocka_unit_test(test_stream_shutdown_after_the_peers_end),
        cmocka_unit_test(test_stream_closes_inside_its_callback),
        cmocka_unit_test(test_stream_changes_hands),
        cmocka_unit_test(test_abort_is_a_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

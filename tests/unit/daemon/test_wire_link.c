/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/wire_link.h"

struct seen {
    size_t messages;
    uint64_t last;
    int broken; /* OK: not */
    int fd;
};

static void on_message(void *arg, const struct wire_msg *m, int *fds, size_t nfds)
{
    struct seen *s = arg;

    s->messages++;
    s->last = m->number;
    if (nfds == 1) {
        s->fd = fds[0];
        fds[0] = -1;
    }
}

static void on_broken(void *arg, int err)
{
    struct seen *s = arg;

    s->broken = err;
}

static const struct wire_link_events events = {on_message, on_broken};

static void test_wire_link_sends_in_order_when_the_socket_is_full(void **state)
{
    struct loop *loop = loop_new();
    struct seen got = {.fd = -1};
    struct seen unused = {.fd = -1};
    int pair[2];
    const size_t count = 20000;

    (void)state;
    assert_int_equal(fd_pair(pair), OK);
    struct wire_link *a = wire_link_new(loop, pair[0], WIRE_WORKER, &events, &unused);
    struct wire_link *b = wire_link_new(loop, pair[1], WIRE_SUPERVISOR, &events, &got);
    for (size_t i = 1; i <= count; i++) {
        wire_link_send_number(a, WIRE_COMMIT, i);
    }
    assert_false(wire_link_is_flushed(a));
    while (got.messages < count) {
        uint64_t before = got.last;
        loop_turn(loop, true);
        assert_true(got.last >= before);
    }
    assert_true(got.last == count);
    assert_true(wire_link_is_flushed(a));
    wire_link_free(a);
    loop_turn(loop, true);
    assert_int_equal(got.broken, ERR_EOF);
    wire_link_free(b);
    loop_free(loop);
}

static void test_wire_link_passes_descriptors(void **state)
{
    struct loop *loop = loop_new();
    struct seen got = {.fd = -1};
    struct seen unused = {.fd = -1};
    struct wire_msg m = {.id = WIRE_PREPARE, .number = 9};
    int pair[2];
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(fd_pair(pair), OK);
    struct wire_link *a = wire_link_new(loop, pair[0], WIRE_WORKER, &events, &unused);
    struct wire_link *b = wire_link_new(loop, pair[1], WIRE_SUPERVISOR, &events, &got);
    wire_link_send(a, &m, &null, 1);
    loop_turn(loop, true);
    assert_true(got.last == 9);
    assert_true(got.fd >= 0 && got.fd != null);
    fd_close(&got.fd);
    fd_close(&null);
    wire_link_free(a);
    wire_link_free(b);
    loop_free(loop);
}

static void test_wire_link_ends_with_who_talks_nonsense(void **state)
{
    struct loop *loop = loop_new();
    struct seen got = {.fd = -1};
    int pair[2];

    (void)state;
    assert_int_equal(fd_pair(pair), OK);
    struct wire_link *a = wire_link_new(loop, pair[0], WIRE_WORKER, &events, &got);
    assert_int_equal(fd_send(pair[1], "\xff\xff", 2, NULL, 0), OK);
    assert_int_equal(fd_send(pair[1], "\x01\x00xxxxxxxx", 10, NULL, 0), OK);
    loop_turn(loop, true);
    assert_int_equal(got.broken, ERR_SYNTAX);
    assert_int_equal(got.messages, 0);
    wire_link_send_number(a, WIRE_COMMIT, 1); /* goes nowhere */
    wire_link_free(a);
    fd_close(&pair[1]);
    loop_free(loop);
}

static void test_wire_link_gives_up_a_peer_that_does_not_read(void **state)
{
    struct loop *loop = loop_new();
    struct seen got = {.fd = -1};
    static char text[4096];
    struct wire_msg m = {.id = WIRE_RELOAD_RESULT, .text = {text, sizeof(text)}};
    int pair[2];

    (void)state;
    assert_int_equal(fd_pair(pair), OK);
    struct wire_link *a = wire_link_new(loop, pair[0], WIRE_WORKER, &events, &got);
    for (size_t i = 0; i < WIRE_LINK_QUEUE_MAX / sizeof(text) + 1000; i++) {
        wire_link_send(a, &m, NULL, 0);
    }
    loop_turn(loop, false);
    assert_int_equal(got.broken, ERR_LIMIT);
    wire_link_free(a);
    fd_close(&pair[1]);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_link_sends_in_order_when_the_socket_is_full),
        cmocka_unit_test(test_wire_link_passes_descriptors),
        cmocka_unit_test(test_wire_link_ends_with_who_talks_nonsense),
        cmocka_unit_test(test_wire_link_gives_up_a_peer_that_does_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

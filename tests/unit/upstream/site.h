/* SPDX-License-Identifier: MIT */
/* A service for tests: a socket on 127.0.0.1 whose connections the test reads and answers by hand.
 */
#ifndef HIVEDOOR_TESTS_SITE_H
#define HIVEDOOR_TESTS_SITE_H

#include "base/addr.h"
#include "base/fd.h"

#include <netinet/tcp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define CONNS_MAX 280

/* A service: a socket that listens, or only holds its port so that a connect is refused. */
struct site {
    int listening;
    struct addr addr;
    int conns[CONNS_MAX]; /* in the order accepted */
    size_t count;
};

static inline void site_init(struct site *s, bool listens)
{
    *s = (struct site){.listening = -1};
    assert_int_equal(addr_parse(STR("127.0.0.1:0"), &s->addr), OK);
    s->listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(s->listening >= 0);
    assert_int_equal(bind(s->listening, &s->addr.sa, s->addr.len), 0);
    assert_int_equal(getsockname(s->listening, &s->addr.sa, &s->addr.len), 0);
    if (listens) {
        assert_int_equal(listen(s->listening, 2 * CONNS_MAX), 0);
    }
}

static inline void site_fini(struct site *s)
{
    for (size_t i = 0; i < s->count; i++) {
        fd_close(&s->conns[i]);
    }
    fd_close(&s->listening);
}

/* How many connections it has; takes new ones. */
static inline size_t site_conns(struct site *s)
{
    int fd;
    while (s->count < CONNS_MAX &&
           (fd = accept4(s->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        s->conns[s->count++] = fd;
    }
    return s->count;
}

/* What recv says of a connection: > 0 bytes, 0 the end, -1 nothing yet. */
static inline ssize_t site_read(struct site *s, size_t conn)
{
    char bytes[4096];
    return site_conns(s) > conn ? recv(s->conns[conn], bytes, sizeof(bytes), 0) : -1;
}

/* Whether the other end's kernel has all that was sent, the end too if it was. */
static inline bool site_was_heard(struct site *s, size_t conn, bool is_end)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    assert_int_equal(getsockopt(s->conns[conn], IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    return info.tcpi_unacked == 0 && (!is_end || info.tcpi_state == TCP_FIN_WAIT2);
}

/* Sends `bytes`, or ends its side when there are none; they have arrived when this returns. */
static inline void site_say(struct site *s, size_t conn, struct str bytes)
{
    if (bytes.len == 0) {
        assert_int_equal(shutdown(s->conns[conn], SHUT_WR), 0);
    } else {
        assert_int_equal(send(s->conns[conn], bytes.ptr, bytes.len, MSG_NOSIGNAL), bytes.len);
    }
    while (!site_was_heard(s, conn, bytes.len == 0)) {
        assert_int_equal(sched_yield(), 0);
    }
}

static inline void site_answer(struct site *s, size_t conn)
{
    static const char ok[] = "HTTP/1.1 204 No Content\r\n\r\n";
    assert_int_equal(send(s->conns[conn], ok, sizeof(ok) - 1, MSG_NOSIGNAL), sizeof(ok) - 1);
}

#endif

/* SPDX-License-Identifier: MIT */
/* A client of HTTP/1.1 on one end of a socket pair; the test plays the service on the other. What
 * the client tells is written down as text. */
#ifndef HIVEDOOR_TESTS_H1_CLIENT_RIG_H
#define HIVEDOOR_TESTS_H1_CLIENT_RIG_H

#include "http/h1_client.h"

#include "base/fd.h"
#include "base/mem.h"
#include "net/stream_plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#define OK_END        "<idle><end>" /* an exchange that ends and leaves the connection open */
#define SCRATCH_BYTES 4096
#define HEAD_MAX      2048

enum deed { DEED_NONE, DEED_CLOSE, DEED_RESET, DEED_PAUSE, DEED_END };

struct rig {
    struct loop *loop;
    struct h1_scratch scratch;
    struct h1_client *client;
    struct channel *channel;
    struct arena arena;
    int peer;
    struct buf trace; /* what came in, as text */
    unsigned events;  /* how many */
    unsigned deed_at; /* at this event ... */
    enum deed deed;   /* ... the owner does this */
    size_t received;
    bool in_op;
};

static inline void note(struct rig *r, const char *text)
{
    assert_false(r->in_op);
    assert_int_equal(buf_append_str(&r->trace, str_of(text)), OK);
}

static inline void act(struct rig *r)
{
    if (++r->events != r->deed_at) {
        return;
    }
    r->in_op = true;
    switch (r->deed) {
    case DEED_NONE: break;
    case DEED_CLOSE:
        h1_client_close(r->client);
        r->client = NULL;
        r->channel = NULL;
        break;
    case DEED_RESET:
        if (r->channel != NULL) {
            channel_reset(r->channel, WHY_CLIENT_ABORT);
            r->channel = NULL;
        }
        break;
    case DEED_PAUSE:
        if (r->channel != NULL) {
            channel_read(r->channel, false);
        }
        break;
    case DEED_END:
        if (r->channel != NULL) {
            channel_send_end(r->channel);
        }
        break;
    }
    r->in_op = false;
}

static inline void on_head(void *arg, struct message *m, struct body body)
{
    static const char *const kinds[] = {"none", "length", "chunked", "close", "tunnel"};
    struct rig *r = arg;
    char text[64];
    (void)snprintf(text, sizeof(text), "head %u %s;", m->status, kinds[body.kind]);
    note(r, text);
    act(r);
}

static inline void on_data(void *arg, struct str data)
{
    struct rig *r = arg;
    assert_false(r->in_op);
    assert_true(data.len > 0);
    r->received += data.len;
    if (r->received < 4096) {
        assert_int_equal(buf_append_str(&r->trace, data), OK);
    }
    act(r);
}

static inline void on_trailers(void *arg, struct message *m)
{
    struct rig *r = arg;
    for (size_t i = 0; i < m->field_count; i++) {
        assert_int_equal(buf_printf(&r->trace, "<%.*s: %.*s>", STR_FMT(m->fields[i].name),
                                    STR_FMT(m->fields[i].value)),
                         OK);
    }
    act(r);
}

static inline void on_end(void *arg)
{
    struct rig *r = arg;
    note(r, "<end>");
    act(r);
}

static inline void on_writable(void *arg)
{
    note(arg, "<writable>");
    act(arg);
}

static inline void note_why(struct rig *r, const char *what, enum why why)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "<%s %s>", what, why_label(why));
    note(r, text);
}

static inline void on_abort(void *arg, enum why why)
{
    struct rig *r = arg;
    note_why(r, "abort", why);
    r->channel = NULL;
    act(r);
}

static const struct channel_events channel_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_trailers = on_trailers,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_abort = on_abort,
};

static inline void on_idle(void *arg)
{
    struct rig *r = arg;
    note(r, "<idle>");
    act(r);
}

static inline void on_closed(void *arg, enum why why)
{
    struct rig *r = arg;
    note_why(r, "closed", why);
    r->client = NULL;
    r->channel = NULL;
}

static const struct client_events client_events = {.on_room = on_idle, .on_closed = on_closed};

static inline void rig_init(struct rig *r)
{
    static const struct h1_limits limits = {.head_bytes = HEAD_MAX, .fields = 16};
    *r = (struct rig){.peer = -1};
    r->loop = loop_new();
    r->scratch = (struct h1_scratch){.bytes = mem_new(SCRATCH_BYTES), .len = SCRATCH_BYTES};
    arena_init(&r->arena, 1024);
    buf_init(&r->trace, 65536);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    r->peer = fds[1];
    struct stream *stream = stream_plain_new(r->loop, fds[0], NULL, NULL);
    r->client = h1_client_new(stream, &r->scratch, &limits, &client_events, r);
}

static inline void rig_fini(struct rig *r)
{
    h1_client_close(r->client);
    fd_close(&r->peer);
    loop_free(r->loop);
    arena_fini(&r->arena);
    buf_fini(&r->trace);
    free(r->scratch.bytes);
}

/* What was written to a socket pair can be read at once: nothing needs waiting for. */
static inline void turn(struct rig *r)
{
    for (int i = 0; i < 3; i++) {
        loop_turn(r->loop, false);
    }
}

static inline void request(struct rig *r, const char *method, struct body body, const char *upgrade)
{
    struct message m;
    message_init(&m, &r->arena);
    m.version = HTTP_1_1;
    m.method = message_method(str_of(method));
    m.method_text = str_of(method);
    m.target = STR("/x");
    message_add(&m, STR("Host"), STR("a.test"));
    r->channel = h1_client_begin(r->client, &r->arena);
    channel_bind(r->channel, &channel_events, r);
    channel_send_head(r->channel, &m, body, str_of(upgrade));
}

static inline void get(struct rig *r)
{
    request(r, "GET", (struct body){.kind = BODY_NONE}, "");
    turn(r);
}

static inline void peer_send(struct rig *r, struct str bytes)
{
    assert_int_equal(send(r->peer, bytes.ptr, bytes.len, MSG_NOSIGNAL), bytes.len);
}

/* All that the service has got so far, as a string of its own. */
static inline struct str peer_take(struct rig *r)
{
    struct buf got;
    buf_init(&got, 1 << 20);
    ssize_t n = 1;
    while (n > 0) {
        uint8_t *room = NULL;
        assert_int_equal(buf_reserve(&got, 8192, &room), OK);
        n = recv(r->peer, room, 8192, 0);
        buf_commit(&got, n > 0 ? (size_t)n : 0);
    }
    struct str copy = arena_dup(&r->arena, buf_str(&got));
    buf_fini(&got);
    return copy;
}

static inline void assert_trace(struct rig *r, const char *expected)
{
    struct str all = arena_dup(&r->arena, buf_str(&r->trace));
    assert_string_equal(all.ptr, expected);
}

#endif

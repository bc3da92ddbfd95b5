/* SPDX-License-Identifier: MIT */
/* A client of HTTP/2 on one end of a socket pair; the test plays the service on the other, frame by
 * frame. What each exchange is told is written down as text. */
#ifndef HIVEDOOR_TESTS_H2_CLIENT_RIG_H
#define HIVEDOOR_TESTS_H2_CLIENT_RIG_H

#include "http/h2_client.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "net/stream_plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#define SCRATCH_BYTES 4096
#define PREFACE       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define USES_MAX      8

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PUSH_PROMISE = 5, PING = 6 };
enum { GOAWAY = 7, WINDOW_UPDATE = 8, CONTINUATION = 9 };
enum { END_STREAM = 1, END_HEADERS = 4, ACK = 1 };
enum { NO_ERROR = 0, PROTOCOL_ERROR = 1, INTERNAL_ERROR = 2, REFUSED_STREAM = 7, CANCEL = 8 };

enum deed { DEED_NONE, DEED_CLOSE, DEED_RESET, DEED_PAUSE };

struct rig;

struct use {
    struct rig *rig;
    struct client_use use;
    struct channel *channel; /* as the owner knows it */
    struct arena arena;
    struct buf trace;
    size_t received;
};

struct rig {
    struct loop *loop;
    struct h1_scratch scratch;
    struct client *client; /* NULL once it has told its end, or was closed */
    int peer;
    struct use uses[USES_MAX];
    unsigned use_count;
    unsigned room; /* how often there was room */
    enum why closed;
    unsigned events;
    unsigned deed_at; /* at this event ... */
    enum deed deed;   /* ... the owner does this */
    struct buf got;   /* what the service has got and not looked at */
};

static inline void act(struct use *u)
{
    struct rig *r = u->rig;
    if (++r->events != r->deed_at) {
        return;
    }
    switch (r->deed) {
    case DEED_NONE: break;
    case DEED_CLOSE:
        client_close(r->client);
        r->client = NULL;
        for (unsigned i = 0; i < r->use_count; i++) {
            r->uses[i].channel = NULL;
            assert_null(r->uses[i].use.channel);
        }
        break;
    case DEED_RESET:
        if (u->channel != NULL) {
            channel_reset(u->channel, WHY_CLIENT_ABORT);
            u->channel = NULL;
            assert_null(u->use.channel);
        }
        break;
    case DEED_PAUSE:
        if (u->channel != NULL) {
            channel_read(u->channel, false);
        }
        break;
    }
}

static inline void note(struct use *u, const char *text)
{
    assert_non_null(u->channel);
    assert_int_equal(buf_append_str(&u->trace, str_of(text)), OK);
}

static inline void on_head(void *arg, struct message *m, struct body body)
{
    static const char *const kinds[] = {"none", "length", "chunked", "close", "tunnel"};
    char text[64];
    (void)snprintf(text, sizeof(text), "%u %s;", m->status, kinds[body.kind]);
    note(arg, text);
    act(arg);
}

static inline void on_data(void *arg, struct str data)
{
    struct use *u = arg;
    assert_non_null(u->channel);
    assert_true(data.len > 0);
    u->received += data.len;
    if (u->received <= 1024) {
        assert_int_equal(buf_append_str(&u->trace, data), OK);
    }
    act(u);
}

static inline void on_trailers(void *arg, struct message *m)
{
    struct use *u = arg;
    for (size_t i = 0; i < m->field_count; i++) {
        assert_int_equal(buf_printf(&u->trace, "<%.*s=%.*s>", STR_FMT(m->fields[i].name),
                                    STR_FMT(m->fields[i].value)),
                         OK);
    }
}

static inline void on_end(void *arg)
{
    note(arg, "<end>");
    act(arg);
}

static inline void on_writable(void *arg)
{
    note(arg, "<writable>");
    act(arg);
}

static inline void on_abort(void *arg, enum why why)
{
    struct use *u = arg;
    note(u, why_label(why));
    assert_null(u->use.channel);
    u->channel = NULL;
    act(u);
}

static const struct channel_events channel_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_trailers = on_trailers,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_abort = on_abort,
};

static inline void on_room(void *arg)
{
    struct rig *r = arg;
    r->room++;
}

static inline void on_closed(void *arg, enum why why)
{
    struct rig *r = arg;
    assert_non_null(r->client);
    r->client = NULL;
    r->closed = why;
}

static const struct client_events client_events = {.on_room = on_room, .on_closed = on_closed};

static inline void turn(struct rig *r)
{
    for (int i = 0; i < 4; i++) {
        loop_turn(r->loop, false);
    }
}

static inline void rig_init(struct rig *r)
{
    const struct h2_client_options options = {.limits = {.head_bytes = 2048, .fields = 16}};
    *r = (struct rig){.peer = -1};
    r->loop = loop_new();
    r->scratch = (struct h1_scratch){.bytes = mem_new(SCRATCH_BYTES), .len = SCRATCH_BYTES};
    buf_init(&r->got, 1 << 24);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    r->peer = fds[1];
    struct stream *stream = stream_plain_new(r->loop, fds[0], NULL, NULL);
    r->client = h2_client_base(h2_client_new(stream, &r->scratch, &options, &client_events, r));
}

static inline void rig_fini(struct rig *r)
{
    client_close(r->client);
    fd_close(&r->peer);
    loop_free(r->loop);
    for (unsigned i = 0; i < r->use_count; i++) {
        arena_fini(&r->uses[i].arena);
        buf_fini(&r->uses[i].trace);
    }
    buf_fini(&r->got);
    free(r->scratch.bytes);
}

/* ---- the service's frames ---- */

static inline void send_bytes(struct rig *r, struct str bytes)
{
    while (bytes.len > 0 && r->client != NULL) {
        ssize_t n = send(r->peer, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        bytes = str_from(bytes, n > 0 ? (size_t)n : 0);
        if (bytes.len > 0) {
            turn(r);
        }
    }
}

static inline void send_frame(struct rig *r, int type, int flags, uint32_t id, struct str payload)
{
    const unsigned char head[9] = {(unsigned char)(payload.len >> 16),
                                   (unsigned char)(payload.len >> 8),
                                   (unsigned char)payload.len,
                                   (unsigned char)type,
                                   (unsigned char)flags,
                                   (unsigned char)(id >> 24),
                                   (unsigned char)(id >> 16),
                                   (unsigned char)(id >> 8),
                                   (unsigned char)id};
    send_bytes(r, str_n((const char *)head, sizeof(head)));
    send_bytes(r, payload);
}

static inline void send_numbers(struct rig *r, int type, uint32_t id, uint32_t a, uint32_t b)
{
    bool is_pair = type == GOAWAY;
    const unsigned char payload[8] = {(unsigned char)(a >> 24), (unsigned char)(a >> 16),
                                      (unsigned char)(a >> 8),  (unsigned char)a,
                                      (unsigned char)(b >> 24), (unsigned char)(b >> 16),
                                      (unsigned char)(b >> 8),  (unsigned char)b};
    send_frame(r, type, 0, id, str_n((const char *)payload, is_pair ? 8 : 4));
}

/* One setting, or none with `which` 0. */
static inline void send_settings(struct rig *r, unsigned which, uint32_t value)
{
    const unsigned char payload[6] = {(unsigned char)(which >> 8),  (unsigned char)which,
                                      (unsigned char)(value >> 24), (unsigned char)(value >> 16),
                                      (unsigned char)(value >> 8),  (unsigned char)value};
    turn(r); /* the client's own come first, to be acknowledged */
    send_frame(r, SETTINGS, 0, 0, str_n((const char *)payload, which == 0 ? 0 : 6));
    send_frame(r, SETTINGS, ACK, 0, STR(""));
    turn(r);
}

/* "name: value" lines as literal fields without an index (RFC 7541 section 6.2.2). */
static inline struct str block(struct buf *out, const char *lines)
{
    struct str rest = str_of(lines);
    struct str line;
    buf_init(out, 65536);
    while (str_next(&rest, '\n', &line)) {
        size_t colon = 1 + (size_t)str_find(str_from(line, 1), ':');
        struct str parts[2] = {str_sub(line, 0, colon), str_from(line, colon + 2)};
        assert_int_equal(buf_append(out, "\0", 1), OK);
        for (int i = 0; i < 2; i++) {
            /* RFC 7541 section 5.1: seven bits, the rest in a second byte. */
            size_t n = parts[i].len;
            unsigned char len[2] = {(unsigned char)(n < 127 ? n : 127), (unsigned char)(n - 127)};
            assert_true(n < 255);
            assert_int_equal(buf_append(out, len, n < 127 ? 1 : 2), OK);
            assert_int_equal(buf_append_str(out, parts[i]), OK);
        }
    }
    return buf_str(out);
}

static inline void send_head(struct rig *r, uint32_t id, const char *lines, bool ended)
{
    struct buf out;
    send_frame(r, HEADERS, END_HEADERS | (ended ? END_STREAM : 0), id, block(&out, lines));
    buf_fini(&out);
}

static inline void send_text(struct rig *r, uint32_t id, const char *text, bool ended)
{
    send_frame(r, DATA, ended ? END_STREAM : 0, id, str_of(text));
}

/* ---- what the service gets ---- */

static inline void receive(struct rig *r)
{
    ssize_t n = 1;
    turn(r);
    while (n > 0) {
        uint8_t *room = NULL;
        assert_int_equal(buf_reserve(&r->got, 65536, &room), OK);
        n = recv(r->peer, room, 65536, 0);
        buf_commit(&r->got, n > 0 ? (size_t)n : 0);
        turn(r);
    }
}

/* The next frame of this type that the client sent: its payload; others are passed over. False if
 * there is none. */
static inline bool got_frame(struct rig *r, int type, uint32_t *out_id, struct str *out_payload)
{
    receive(r);
    for (;;) {
        struct str all = buf_str(&r->got);
        if (str_starts(all, STR(PREFACE))) {
            buf_consume(&r->got, sizeof(PREFACE) - 1);
            continue;
        }
        const unsigned char *p = (const unsigned char *)all.ptr;
        size_t len = all.len < 9 ? 0 : (size_t)(p[0] << 16 | p[1] << 8 | p[2]);
        if (all.len < 9 || all.len < 9 + len) {
            return false;
        }
        int found = p[3];
        *out_id = (uint32_t)p[5] << 24 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8];
        *out_payload = str_sub(all, 9, len);
        buf_consume(&r->got, 9 + len);
        if (found == type) {
            return true;
        }
    }
}

/* The error code of the next RST_STREAM for `id`, or -1. */
static inline int got_reset(struct rig *r, uint32_t id)
{
    struct str payload;
    uint32_t which = 0;
    while (got_frame(r, RST_STREAM, &which, &payload)) {
        if (which == id) {
            return payload.ptr[3];
        }
    }
    return -1;
}

/* ---- exchanges ---- */

static inline struct use *begin(struct rig *r, const char *method, struct body body,
                                const char *upgrade)
{
    struct use *u = &r->uses[r->use_count++];
    struct message m;
    u->rig = r;
    arena_init(&u->arena, 1024);
    buf_init(&u->trace, 65536);
    message_init(&m, &u->arena);
    m.version = HTTP_1_1;
    m.method = message_method(str_of(method));
    m.method_text = str_of(method);
    m.target = STR("/x?y");
    message_add(&m, STR("Host"), STR("a.test"));
    message_add(&m, STR("TE"), STR("trailers"));
    if (upgrade[0] != '\0') {
        message_add(&m, STR("Sec-WebSocket-Key"), STR("dGhlIHNhbXBsZSBub25jZQ=="));
    }
    u->channel = client_begin(r->client, &u->arena, &u->use);
    channel_bind(u->channel, &channel_events, u);
    channel_send_head(u->channel, &m, body, str_of(upgrade));
    return u; /* it is sent at the end of the turn */
}

static inline struct use *get(struct rig *r)
{
    struct use *u = begin(r, "GET", (struct body){BODY_NONE, 0}, "");
    turn(r);
    return u;
}

static inline void assert_trace(struct use *u, const char *expected)
{
    struct str all = arena_dup(&u->arena, buf_str(&u->trace));
    assert_string_equal(all.ptr, expected);
}

#endif

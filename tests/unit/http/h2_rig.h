/* SPDX-License-Identifier: MIT */
/*
 * A server of HTTP/2 over a socket pair whose other end plays the client: it writes frames byte by
 * byte, with header fields as HPACK literals (RFC 7541 section 6.2.2), and reads frames back; the
 * header blocks that come are decoded by nghttp2's inflater.
 */
#ifndef HIVEDOOR_TEST_H2_RIG_H
#define HIVEDOOR_TEST_H2_RIG_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "http/h2_server.h"
#include "http/reply.h"
#include "http_test.h"
#include "loop/deadline.h"
#include "net/stream_plain.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RIG_SCRATCH 16384
#define RIG_STREAMS 8
#define RIG_MAX     (64 << 20)

enum {
    F_DATA,
    F_HEADERS,
    F_PRIORITY,
    F_RST,
    F_SETTINGS,
    F_PUSH,
    F_PING,
    F_GOAWAY,
    F_WINDOW,
    F_CONTINUATION
};
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

/* What the owner does with each request. */
enum rig_manner { RIG_ANSWER, RIG_KEEP };

/* One request at the server. */
struct rig_ask {
    struct rig *rig;
    struct channel *ch; /* NULL once let go */
    struct message *m;
    struct body body;
    enum http_version version;
    enum why bad;
    size_t data;         /* body bytes so far */
    bool ended;          /* on_end was called */
    bool writable;       /* on_writable was called */
    enum why abort;      /* WHY_NONE if on_abort was not called */
    struct str trailers; /* as "name: value\n" lines */
};

/* What the client got on one stream. */
struct rig_got {
    char head[512]; /* every field as "name: value\n", of all heads and trailers */
    size_t data;
    bool ended;
    int64_t reset; /* code of RST_STREAM, -1 if none */
};

struct rig {
    struct loop *loop;
    struct h1_scratch scratch;
    struct h2_server *server;
    struct deadline_class *classes[3]; /* header, idle, grace */
    enum rig_manner manner;
    int peer;
    nghttp2_hd_inflater *inflater;
    struct rig_ask asks[1024];
    size_t ask_count;
    struct buf trace;         /* events of the server, a word an event */
    struct buf in;            /* bytes from the server, not yet whole frames */
    struct rig_got got[2048]; /* by (stream - 1) / 2 */
    int64_t goaway;           /* code of the last GOAWAY, -1 if none */
    uint32_t goaway_last;
    char goaway_text[128];
    unsigned pings, settings_acks, window_updates;
    bool eof;
    bool is_mute; /* does not acknowledge SETTINGS */
};

static inline struct rig_got *got_of(struct rig *r, uint32_t id)
{
    assert_true(id % 2 == 1 && id / 2 < COUNT(r->got));
    return &r->got[id / 2];
}

/* ---- the owner ---- */

static inline void rig_note(struct rig *r, const char *word)
{
    assert_int_equal(buf_printf(&r->trace, "%s ", word), OK);
}

static inline void rig_on_data(void *arg, struct str data)
{
    struct rig_ask *a = arg;
    assert_true(data.len > 0);
    a->data += data.len;
}

static inline void rig_on_trailers(void *arg, struct message *m)
{
    struct rig_ask *a = arg;
    a->trailers = fields_text(m);
}

static inline void rig_on_end(void *arg)
{
    struct rig_ask *a = arg;
    assert_false(a->ended);
    a->ended = true;
}

static inline void rig_on_writable(void *arg)
{
    ((struct rig_ask *)arg)->writable = true;
}

static inline void rig_on_abort(void *arg, enum why why)
{
    struct rig_ask *a = arg;
    assert_int_equal(a->abort, WHY_NONE);
    a->abort = why;
    a->ch = NULL;
}

static inline void rig_let_go(struct rig_ask *a)
{
    struct channel *ch = a->ch;
    a->ch = NULL;
    if (ch != NULL) {
        channel_bind(ch, NULL, NULL);
        channel_read(ch, true);
    }
}

/* A head of this status, to be sent with `body`. */
static inline void rig_head(struct rig_ask *a, uint16_t status, struct body body)
{
    struct message m;
    message_init(&m, a->m->arena);
    m.status = status;
    message_add(&m, STR("X-Test"), STR("yes"));
    message_add(&m, STR("Connection"), STR("close"));
    channel_send_head(a->ch, &m, body, (struct str){0});
}

static inline void rig_answer(struct rig_ask *a, const char *text)
{
    struct str body = str_of(text);
    rig_head(a, 200, (struct body){body.len > 0 ? BODY_LENGTH : BODY_NONE, body.len});
    channel_send_data(a->ch, body);
    channel_send_end(a->ch);
    rig_let_go(a);
}

static inline void rig_on_request(void *arg, struct channel *ch, struct message *m,
                                  struct body body, enum why bad)
{
    static const struct channel_events events = {.on_data = rig_on_data,
                                                 .on_trailers = rig_on_trailers,
                                                 .on_end = rig_on_end,
                                                 .on_writable = rig_on_writable,
                                                 .on_abort = rig_on_abort};
    struct rig *r = arg;
    struct rig_ask *a = &r->asks[r->ask_count++ % COUNT(r->asks)];
    *a = (struct rig_ask){
        .rig = r, .ch = ch, .m = m, .body = body, .version = m->version, .bad = bad};
    channel_bind(ch, &events, a);
    rig_note(r, bad == WHY_OK ? "request" : why_label(bad));
    if (bad != WHY_OK || r->manner == RIG_ANSWER) {
        rig_answer(a, bad == WHY_OK ? "ok" : "bad");
    }
}

static inline void rig_on_begin(void *arg)
{
    rig_note(arg, "begin");
}

static inline void rig_on_idle(void *arg)
{
    rig_note(arg, "idle");
}

static inline void rig_on_linger(void *arg, enum why why)
{
    rig_note(arg, "linger");
    rig_note(arg, why_label(why));
}

static inline void rig_on_closed(void *arg, enum why why)
{
    struct rig *r = arg;
    r->server = NULL;
    rig_note(r, "closed");
    rig_note(r, why_label(why));
}

/* ---- the client: frames out ---- */

static inline void rig_bytes(struct rig *r, const void *bytes, size_t len)
{
    (void)send(r->peer, bytes, len, MSG_NOSIGNAL); /* refused and closed meanwhile: fine */
}

static inline void rig_frame(struct rig *r, unsigned type, unsigned flags, uint32_t id,
                             struct str payload)
{
    uint8_t head[9] = {(uint8_t)(payload.len >> 16),
                       (uint8_t)(payload.len >> 8),
                       (uint8_t)payload.len,
                       (uint8_t)type,
                       (uint8_t)flags,
                       (uint8_t)(id >> 24),
                       (uint8_t)(id >> 16),
                       (uint8_t)(id >> 8),
                       (uint8_t)id};
    rig_bytes(r, head, sizeof(head));
    if (payload.len > 0) {
        rig_bytes(r, payload.ptr, payload.len);
    }
}

static inline void rig_u32(struct rig *r, unsigned type, uint32_t id, uint32_t value)
{
    char bytes[4] = {(char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};
    rig_frame(r, type, 0, id, str_n(bytes, 4));
}

static inline void put_string(struct buf *b, struct str s)
{
    uint8_t len[3] = {127, 0, 0};
    size_t n = 1;
    if (s.len < 127) {
        len[0] = (uint8_t)s.len;
    } else if (s.len - 127 < 128) {
        len[1] = (uint8_t)(s.len - 127);
        n = 2;
    } else {
        len[1] = (uint8_t)((s.len - 127) % 128 + 128);
        len[2] = (uint8_t)((s.len - 127) / 128);
        n = 3;
    }
    assert_int_equal(buf_append(b, len, n), OK);
    assert_int_equal(buf_append_str(b, s), OK);
}

/* A block of literals from "name=value|name=value"; a name may begin with ":". */
static inline void rig_block(struct buf *b, const char *fields)
{
    struct str rest = str_of(fields);
    struct str pair;
    buf_init(b, 65536);
    while (rest.len > 0 && str_next(&rest, '|', &pair)) {
        ptrdiff_t at = str_find(pair, '=');
        assert_int_equal(buf_append(b, "", 1), OK);
        put_string(b, str_sub(pair, 0, (size_t)at));
        put_string(b, str_from(pair, (size_t)at + 1));
    }
}

static inline void rig_headers(struct rig *r, uint32_t id, unsigned flags, const char *fields)
{
    struct buf b;
    rig_block(&b, fields);
    rig_frame(r, F_HEADERS, flags | END_HEADERS, id, buf_str(&b));
    buf_fini(&b);
}

#define RIG_GET ":method=GET|:scheme=http|:authority=a.com|:path=/"

static inline void rig_get(struct rig *r, uint32_t id)
{
    rig_headers(r, id, END_STREAM, RIG_GET);
}

static inline void rig_post(struct rig *r, uint32_t id)
{
    rig_headers(r, id, 0, ":method=POST|:scheme=http|:authority=a.com|:path=/");
}

static inline void rig_data(struct rig *r, uint32_t id, unsigned flags, size_t len)
{
    static char bytes[16384];
    rig_frame(r, F_DATA, flags, id, str_n(bytes, len));
}

/* ---- the client: frames in ---- */

static inline void take_block(struct rig *r, uint32_t id, struct str block)
{
    struct rig_got *g = got_of(r, id);
    const uint8_t *in = (const uint8_t *)block.ptr;
    size_t left = block.len;
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(r->inflater, &nv, &flags, in, left, 1);
        assert_true(n >= 0);
        in += n;
        left -= (size_t)n;
        if (flags & NGHTTP2_HD_INFLATE_EMIT) {
            size_t at = strlen(g->head);
            snprintf(g->head + at, sizeof(g->head) - at, "%.*s: %.*s\n", (int)nv.namelen,
                     (const char *)nv.name, (int)nv.valuelen, (const char *)nv.value);
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL) {
            nghttp2_hd_inflate_end_headers(r->inflater);
            return;
        }
    }
}

static inline uint32_t u32_at(struct str s, size_t at)
{
    const uint8_t *p = (const uint8_t *)s.ptr + at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void take_frame(struct rig *r, const uint8_t *head, struct str payload)
{
    uint32_t id = u32_at(str_n((const char *)head, 9), 5) & 0x7fffffff;
    unsigned flags = head[4];
    switch (head[3]) {
    case F_DATA: got_of(r, id)->data += payload.len; break;
    case F_HEADERS:
        assert_true(flags & END_HEADERS);
        take_block(r, id, payload);
        break;
    case F_RST: got_of(r, id)->reset = u32_at(payload, 0); break;
    case F_SETTINGS:
        if (flags & ACK) {
            r->settings_acks++;
        } else if (!r->is_mute) {
            rig_frame(r, F_SETTINGS, ACK, 0, STR(""));
        }
        break;
    case F_PING:
        if (flags & ACK) {
            r->pings++;
        } else {
            rig_frame(r, F_PING, ACK, 0, payload);
        }
        break;
    case F_WINDOW: r->window_updates++; break;
    case F_GOAWAY:
        r->goaway_last = u32_at(payload, 0);
        r->goaway = u32_at(payload, 4);
        str_copy(r->goaway_text, sizeof(r->goaway_text), str_from(payload, 8));
        break;
    default: fail_msg("frame of type %u", head[3]);
    }
    if ((head[3] == F_DATA || head[3] == F_HEADERS) && (flags & END_STREAM)) {
        assert_false(got_of(r, id)->ended);
        got_of(r, id)->ended = true;
    }
}

static inline void rig_receive(struct rig *r)
{
    char bytes[65536];
    ssize_t n;
    while ((n = recv(r->peer, bytes, sizeof(bytes), 0)) > 0) {
        assert_int_equal(buf_append(&r->in, bytes, (size_t)n), OK);
    }
    r->eof |= n == 0;
    while (buf_len(&r->in) >= 9) {
        const uint8_t *head = r->in.data + r->in.head;
        size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        if (buf_len(&r->in) < 9 + len) {
            break;
        }
        take_frame(r, head, str_n((const char *)head + 9, len));
        buf_consume(&r->in, 9 + len);
    }
}

static inline void rig_turns(struct rig *r)
{
    for (int i = 0; i < 12; i++) {
        loop_turn(r->loop, false);
        rig_receive(r);
    }
}

/* ---- life ---- */

static inline void rig_open_with(struct rig *r, enum rig_manner manner,
                                 const struct h2_limits *limits)
{
    static const struct server_events events = {.on_request = rig_on_request,
                                                .on_begin = rig_on_begin,
                                                .on_idle = rig_on_idle,
                                                .on_linger = rig_on_linger,
                                                .on_closed = rig_on_closed};
    int fds[2];
    memset(r, 0, sizeof(*r));
    clock_freeze(1000000, 1000000);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    r->loop = loop_new();
    r->scratch.bytes = mem_new(RIG_SCRATCH);
    r->scratch.len = RIG_SCRATCH;
    r->manner = manner;
    r->peer = fds[1];
    r->goaway = -1;
    for (size_t i = 0; i < COUNT(r->got); i++) {
        r->got[i].reset = -1;
    }
    buf_init(&r->trace, RIG_MAX);
    buf_init(&r->in, RIG_MAX);
    assert_int_equal(nghttp2_hd_inflate_new(&r->inflater), 0);
    for (size_t i = 0; i < COUNT(r->classes); i++) {
        r->classes[i] = deadline_class_new(r->loop, 1000 * (i + 1));
    }
    struct h2_server_options options = {
        .limits = *limits, .header = r->classes[0], .idle = r->classes[1], .grace = r->classes[2]};
    r->server = h2_server_new(stream_plain_new(r->loop, fds[0], NULL, NULL), &r->scratch, &options,
                              &events, r);
    server_start(h2_server_base(r->server), STR(""));
}

static inline void rig_greet(struct rig *r)
{
    rig_bytes(r, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    rig_frame(r, F_SETTINGS, 0, 0, STR(""));
    rig_turns(r);
}

static inline void rig_open_as(struct rig *r, enum rig_manner manner, bool is_mute)
{
    static const struct h2_limits limits = {.head = {4096, 40},
                                            .streams = RIG_STREAMS,
                                            .window = 65536,
                                            .connection_window = 131072,
                                            .frame = 16384,
                                            .table = 4096,
                                            .requests = 1000};
    rig_open_with(r, manner, &limits);
    r->is_mute = is_mute;
    rig_greet(r);
}

static inline void rig_open(struct rig *r, enum rig_manner manner)
{
    rig_open_as(r, manner, false);
}

/* Moves the clock (frozen from the first time on) by `ms` and lets what is due happen. */
static inline void rig_pass(struct rig *r, uint64_t ms)
{
    clock_advance(ms);
    rig_turns(r);
}

static inline void rig_close(struct rig *r)
{
    if (r->server != NULL) {
        server_close(h2_server_base(r->server));
    }
    loop_turn(r->loop, false);
    for (size_t i = 0; i < COUNT(r->classes); i++) {
        deadline_class_free(r->classes[i]);
    }
    loop_free(r->loop);
    nghttp2_hd_inflate_del(r->inflater);
    close(r->peer);
    clock_resume();
    free(r->scratch.bytes);
    buf_fini(&r->trace);
    buf_fini(&r->in);
}

static inline void assert_traced(struct rig *r, const char *word)
{
    buf_append(&r->trace, "", 1) == OK ? (void)0 : fail();
    if (strstr(buf_ptr(&r->trace), word) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", word, buf_ptr(&r->trace));
    }
    r->trace.tail--;
}

#endif

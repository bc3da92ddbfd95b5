/* SPDX-License-Identifier: MIT */
/* The client's side of HTTP/1 over a socket pair whose other end plays the client. What the owner
 * is told is written down as text. */
#ifndef HIVEDOOR_TESTS_H1_SERVER_RIG_H
#define HIVEDOOR_TESTS_H1_SERVER_RIG_H
#include "http/h1_server.h"

#include "base/fd.h"
#include "base/mem.h"
#include "http/reply.h"
#include "net/stream_plain.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SCRATCH_BYTES 4096
#define TRACE_MAX     (1 << 20)

/* What the owner does with each request. */
enum manner {
    ANSWER,        /* "ok" at once */
    ANSWER_AT_END, /* when the request body is complete, with as many bytes as came */
    CHUNKED,       /* a body of unknown length */
    TUNNEL,        /* 101, then everything comes back */
    TRAILERS,      /* a chunked body and the trailers of the request */
    KEEP,          /* nothing: the test acts by itself */
};

struct rig {
    struct loop *loop;
    struct h1_scratch scratch;
    struct h1_server *server;
    struct channel *ch;
    struct message *request;
    struct message *trailers; /* of the running request; NULL for none */
    enum manner manner;
    int peer;
    size_t body_bytes;
    struct buf trace; /* what happened, a word an event */
    struct buf got;   /* what the client got */
};

static inline void note(struct rig *r, const char *word)
{
    assert_int_equal(buf_printf(&r->trace, "%s ", word), OK);
}

static inline void answer(struct rig *r, const char *text, bool chunked)
{
    struct reply reply;
    struct str body = str_of(text);
    reply_make(r->request->arena, 200, STR("text/plain"), body, &reply);
    if (r->manner == TRAILERS) {
        message_add(&reply.head, STR("Trailer"), STR("T"));
    }
    struct body framing = {chunked ? BODY_CHUNKED : BODY_LENGTH, chunked ? 0 : body.len};
    struct channel *ch = r->ch;
    r->ch = NULL;
    channel_bind(ch, NULL, NULL);
    channel_send_head(ch, &reply.head, framing, (struct str){0});
    channel_send_data(ch, body);
    if (r->trailers != NULL) {
        channel_send_trailers(ch, r->trailers);
        r->trailers = NULL;
    }
    channel_send_end(ch);
}

static inline void on_data(void *arg, struct str data)
{
    struct rig *r = arg;
    r->body_bytes += data.len;
    if (r->manner == TUNNEL) {
        channel_send_data(r->ch, data);
    }
}

static inline void on_trailers(void *arg, struct message *m)
{
    struct rig *r = arg;
    for (size_t i = 0; i < m->field_count; i++) {
        assert_int_equal(buf_printf(&r->trace, "%.*s=%.*s ", STR_FMT(m->fields[i].name),
                                    STR_FMT(m->fields[i].value)),
                         OK);
    }
    r->trailers = m;
}

static inline void on_end(void *arg)
{
    struct rig *r = arg;
    note(r, "end");
    if (r->manner == ANSWER_AT_END) {
        char text[32];
        snprintf(text, sizeof(text), "%zu", r->body_bytes);
        r->body_bytes = 0;
        answer(r, text, false);
    } else if (r->manner == TRAILERS) {
        answer(r, "piece", true);
    } else if (r->manner == TUNNEL) {
        channel_send_end(r->ch);
    }
}

static inline void on_writable(void *arg)
{
    note(arg, "writable");
}

static inline void on_bad(void *arg, enum why why)
{
    struct rig *r = arg;
    note(r, why_label(why));
    answer(r, "bad", false);
}

static inline void on_abort(void *arg, enum why why)
{
    struct rig *r = arg;
    r->ch = NULL;
    note(r, "abort");
    note(r, why_label(why));
}

static const struct channel_events channel_events = {
    .on_data = on_data,
    .on_trailers = on_trailers,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_bad = on_bad,
    .on_abort = on_abort,
};

static inline void switch_protocols(struct rig *r)
{
    struct message head;
    message_init(&head, r->request->arena);
    head.version = HTTP_1_1;
    head.status = 101;
    head.reason = message_reason(101);
    channel_send_head(r->ch, &head, (struct body){BODY_TUNNEL, 0}, STR("echo"));
}

static inline void on_request(void *arg, struct channel *ch, struct message *m, struct body body,
                              enum why bad)
{
    struct rig *r = arg;
    r->ch = ch;
    r->request = m;
    channel_bind(ch, &channel_events, r);
    char text[64];
    snprintf(text, sizeof(text), "%.*s", STR_FMT(m->target));
    note(r, bad == WHY_OK ? text : why_label(bad));
    if (bad != WHY_OK || r->manner == ANSWER) {
        answer(r, bad == WHY_OK ? "ok" : "bad", false);
    } else if (r->manner == CHUNKED) {
        answer(r, "piece", true);
    } else if (r->manner == TUNNEL) {
        switch_protocols(r);
    } else if (r->manner == ANSWER_AT_END && body.kind == BODY_NONE) {
        answer(r, "none", false);
    }
}

static inline void on_begin(void *arg)
{
    note(arg, "begin");
}

static inline void on_idle(void *arg)
{
    note(arg, "idle");
}

static inline void on_linger(void *arg, enum why why)
{
    (void)why;
    note(arg, "linger");
}

static inline void on_closed(void *arg, enum why why)
{
    struct rig *r = arg;
    r->server = NULL;
    note(r, "closed");
    note(r, why_label(why));
}

static const struct server_events server_events = {
    .on_request = on_request,
    .on_begin = on_begin,
    .on_idle = on_idle,
    .on_linger = on_linger,
    .on_closed = on_closed,
};

static inline void rig_open(struct rig *r, enum manner manner)
{
    static const struct h1_limits limits = {2048, 20};
    int fds[2];
    memset(r, 0, sizeof(*r));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    r->loop = loop_new();
    r->scratch.bytes = mem_new(SCRATCH_BYTES);
    r->scratch.len = SCRATCH_BYTES;
    r->manner = manner;
    r->peer = fds[1];
    buf_init(&r->trace, TRACE_MAX);
    buf_init(&r->got, TRACE_MAX);
    r->server = h1_server_new(stream_plain_new(r->loop, fds[0], NULL, NULL), &r->scratch, &limits,
                              &server_events, r);
    h1_server_start(r->server, (struct str){0});
}

static inline void receive(struct rig *r)
{
    char bytes[8192];
    ssize_t n;
    while (r->peer >= 0 && (n = recv(r->peer, bytes, sizeof(bytes), 0)) > 0) {
        assert_int_equal(buf_append(&r->got, bytes, (size_t)n), OK);
    }
}

static inline void turns(struct rig *r)
{
    for (int i = 0; i < 12; i++) {
        loop_turn(r->loop, false);
        receive(r);
    }
}

static inline void say(struct rig *r, const char *text, size_t piece)
{
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        ssize_t sent = send(r->peer, text + at, n, MSG_NOSIGNAL);
        if (sent < 0) {
            break; /* refused and closed meanwhile */
        }
        loop_turn(r->loop, false);
    }
    turns(r);
}

static inline void rig_close(struct rig *r)
{
    fd_close(&r->peer);
    if (r->server != NULL) {
        h1_server_close(r->server);
    }
    loop_turn(r->loop, false);
    loop_free(r->loop);
    buf_fini(&r->trace);
    buf_fini(&r->got);
    free(r->scratch.bytes);
}

static inline void assert_trace(struct rig *r, const char *wanted)
{
    if (!str_eq(buf_str(&r->trace), str_of(wanted))) {
        fail_msg("trace \"%.*s\", wanted \"%s\"", STR_FMT(buf_str(&r->trace)), wanted);
    }
}

static inline void assert_got(struct rig *r, const char *part)
{
    assert_int_equal(buf_append(&r->got, "", 1), OK);
    if (strstr(buf_ptr(&r->got), part) == NULL) {
        fail_msg("no \"%s\" in \"%s\"", part, buf_ptr(&r->got));
    }
    r->got.tail--;
}

static inline unsigned count_got(struct rig *r, const char *part)
{
    unsigned n = 0;
    assert_int_equal(buf_append(&r->got, "", 1), OK);
    for (const char *at = buf_ptr(&r->got); (at = strstr(at, part)) != NULL; at++) {
        n++;
    }
    r->got.tail--;
    return n;
}

#endif

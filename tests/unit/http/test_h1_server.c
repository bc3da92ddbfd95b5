/* SPDX-License-Identifier: MIT */
/* The client's side of HTTP/1 over a socket pair whose other end plays the client. */
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
    KEEP,          /* nothing: the test acts by itself */
};

struct rig {
    struct loop *loop;
    struct h1_scratch scratch;
    struct h1_server *server;
    struct channel *ch;
    struct message *request;
    enum manner manner;
    int peer;
    size_t body_bytes;
    struct buf trace; /* what happened, a word an event */
    struct buf got;   /* what the client got */
};

static void note(struct rig *r, const char *word)
{
    assert_int_equal(buf_printf(&r->trace, "%s ", word), OK);
}

static void answer(struct rig *r, const char *text, bool chunked)
{
    struct reply reply;
    struct str body = str_of(text);
    reply_make(r->request->arena, 200, STR("text/plain"), body, &reply);
    struct body framing = {chunked ? BODY_CHUNKED : BODY_LENGTH, chunked ? 0 : body.len};
    struct channel *ch = r->ch;
    r->ch = NULL;
    channel_bind(ch, NULL, NULL);
    channel_send_head(ch, &reply.head, framing, (struct str){0});
    channel_send_data(ch, body);
    channel_send_end(ch);
}

static void on_data(void *arg, struct str data)
{
    struct rig *r = arg;
    r->body_bytes += data.len;
    if (r->manner == TUNNEL) {
        channel_send_data(r->ch, data);
    }
}

static void on_end(void *arg)
{
    struct rig *r = arg;
    note(r, "end");
    if (r->manner == ANSWER_AT_END) {
        char text[32];
        snprintf(text, sizeof(text), "%zu", r->body_bytes);
        r->body_bytes = 0;
        answer(r, text, false);
    } else if (r->manner == TUNNEL) {
        channel_send_end(r->ch);
    }
}

static void on_writable(void *arg)
{
    note(arg, "writable");
}

static void on_bad(void *arg, enum why why)
{
    struct rig *r = arg;
    note(r, why_label(why));
    answer(r, "bad", false);
}

static void on_abort(void *arg, enum why why)
{
    struct rig *r = arg;
    r->ch = NULL;
    note(r, "abort");
    note(r, why_label(why));
}

static const struct channel_events channel_events = {
    .on_data = on_data,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_bad = on_bad,
    .on_abort = on_abort,
};

static void switch_protocols(struct rig *r)
{
    struct message head;
    message_init(&head, r->request->arena);
    head.version = HTTP_1_1;
    head.status = 101;
    head.reason = message_reason(101);
    channel_send_head(r->ch, &head, (struct body){BODY_TUNNEL, 0}, STR("echo"));
}

static void on_request(void *arg, struct channel *ch, struct message *m, struct body body,
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

static void on_begin(void *arg)
{
    note(arg, "begin");
}

static void on_idle(void *arg)
{
    note(arg, "idle");
}

static void on_linger(void *arg, enum why why)
{
    (void)why;
    note(arg, "linger");
}

static void on_closed(void *arg, enum why why)
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

static void rig_open(struct rig *r, enum manner manner)
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

static void receive(struct rig *r)
{
    char bytes[8192];
    ssize_t n;
    while (r->peer >= 0 && (n = recv(r->peer, bytes, sizeof(bytes), 0)) > 0) {
        assert_int_equal(buf_append(&r->got, bytes, (size_t)n), OK);
    }
}

static void turns(struct rig *r)
{
    for (int i = 0; i < 12; i++) {
        loop_turn(r->loop, false);
        receive(r);
    }
}

static void say(struct rig *r, const char *text, size_t piece)
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

static void rig_close(struct rig *r)
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

static void assert_trace(struct rig *r, const char *wanted)
{
    if (!str_eq(buf_str(&r->trace), str_of(wanted))) {
        fail_msg("trace \"%.*s\", wanted \"%s\"", STR_FMT(buf_str(&r->trace)), wanted);
    }
}

static void assert_got(struct rig *r, const char *part)
{
    assert_int_equal(buf_append(&r->got, "", 1), OK);
    if (strstr(buf_ptr(&r->got), part) == NULL) {
        fail_msg("no \"%s\" in \"%s\"", part, buf_ptr(&r->got));
    }
    r->got.tail--;
}

static unsigned count_got(struct rig *r, const char *part)
{
    unsigned n = 0;
    assert_int_equal(buf_append(&r->got, "", 1), OK);
    for (const char *at = buf_ptr(&r->got); (at = strstr(at, part)) != NULL; at++) {
        n++;
    }
    r->got.tail--;
    return n;
}

static const char get[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

static void test_h1_server_answers_and_idles(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, ANSWER);
    say(&r, get, sizeof(get));
    assert_trace(&r, "begin /a idle ");
    assert_got(&r, "HTTP/1.1 200 OK\r\n");
    assert_got(&r, "Content-Length: 2\r\n");
    say(&r, get, 1); /* the same, byte by byte */
    assert_trace(&r, "begin /a idle begin /a idle ");
    assert_int_equal(count_got(&r, "\r\n\r\nok"), 2);
    rig_close(&r);
}

static void test_h1_server_pipelined_in_order(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, ANSWER_AT_END);
    say(&r,
        "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: "
        "x\r\n\r\nPOST /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"
        "0\r\n\r\n",
        4096);
    assert_trace(&r, "begin /1 end begin /2 begin /3 end idle ");
    assert_int_equal(count_got(&r, "200 OK"), 3);
    rig_close(&r);
}

static void test_h1_server_cut_invariance(void **state)
{
    static const char text[] =
        "\r\nPOST /1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nT: 1\r\n\r\nGET /2 HTTP/1.1\r\n"
        "Host: x\r\n\r\n";
    (void)state;
    for (size_t piece = 1; piece < 40; piece++) {
        struct rig r;
        rig_open(&r, ANSWER_AT_END);
        say(&r, text, piece);
        assert_int_equal(count_got(&r, "200 OK"), 2);
        assert_got(&r, "\r\n\r\n4HTTP");
        assert_got(&r, "\r\n\r\nnone");
        rig_close(&r);
    }
}

static void test_h1_server_refuses_and_closes(void **state)
{
    static const struct {
        const char *text;
        const char *trace;
    } table[] = {
        {"GET /a HTTP/1.1\nHost: x\n\n", "begin bad_field linger "},
        {"GET  /a HTTP/1.1\r\n\r\n", "begin bad_request_line linger "},
        {"GET /a HTTP/3.0\r\nHost: x\r\n\r\n", "begin bad_version linger "},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
         "begin bad_framing linger "},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
         "begin bad_framing linger "},
        {"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
         "begin /b bad_chunk linger "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct rig r;
        rig_open(&r, ANSWER_AT_END);
        say(&r, table[i].text, 4096);
        assert_trace(&r, table[i].trace);
        assert_got(&r, "Connection: close\r\n");
        say(&r, get, sizeof(get)); /* never read as a request */
        assert_int_equal(count_got(&r, "HTTP/1.1 "), 1);
        rig_close(&r);
    }
}

static void test_h1_server_head_limit(void **state)
{
    struct rig r;
    char text[4000];
    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "GET /a HTTP/1.1\r\nHost: x\r\nX: ", 29);
    text[sizeof(text) - 1] = '\0';
    rig_open(&r, ANSWER);
    say(&r, text, 100);
    assert_trace(&r, "begin header_too_large linger ");
    rig_close(&r);
}

static void test_h1_server_http_1_0_closes(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, CHUNKED);
    say(&r, "GET /a HTTP/1.0\r\n\r\n", 4096);
    assert_trace(&r, "begin /a linger ");
    assert_got(&r, "Connection: close\r\n");
    assert_got(&r, "\r\n\r\npiece");
    rig_close(&r);
    rig_open(&r, ANSWER);
    say(&r, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 4096);
    assert_trace(&r, "begin /a idle ");
    assert_got(&r, "Connection: keep-alive\r\n");
    rig_close(&r);
}

static void test_h1_server_chunks_and_head(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, CHUNKED);
    say(&r, get, 4096);
    assert_got(&r, "\r\n\r\n5\r\npiece\r\n0\r\n\r\n");
    say(&r, "HEAD /h HTTP/1.1\r\nHost: x\r\n\r\n", 4096);
    assert_trace(&r, "begin /a idle begin /h idle ");
    assert_int_equal(count_got(&r, "piece"), 1);
    rig_close(&r);
}

static void test_h1_server_client_abort(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, KEEP);
    say(&r, get, 4096);
    fd_close(&r.peer);
    turns(&r);
    assert_trace(&r, "begin /a abort client_abort closed client_abort ");
    rig_close(&r);
}

static void test_h1_server_tunnel_half_closes(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, TUNNEL);
    say(&r, "GET /t HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n", 4096);
    assert_got(&r, "HTTP/1.1 101 Switching Protocols\r\n");
    assert_got(&r, "Upgrade: echo\r\n");
    say(&r, "hello", 2);
    assert_got(&r, "\r\n\r\nhello");
    assert_int_equal(shutdown(r.peer, SHUT_WR), 0);
    turns(&r);
    assert_trace(&r, "begin /t end closed tunnel_done ");
    rig_close(&r);
}

static void test_h1_server_back_pressure(void **state)
{
    struct rig r;
    char bytes[8192] = {0};
    struct reply reply;
    (void)state;
    rig_open(&r, KEEP);
    send(r.peer, get, sizeof(get) - 1, 0);
    loop_turn(r.loop, false);
    assert_non_null(r.ch);
    reply_make(r.request->arena, 200, STR("text/plain"), (struct str){0}, &reply);
    channel_send_head(r.ch, &reply.head, (struct body){BODY_CHUNKED, 0}, (struct str){0});
    while (channel_unsent(r.ch) <= CHANNEL_HIGH) {
        channel_send_data(r.ch, str_n(bytes, sizeof(bytes)));
        loop_turn(r.loop, false);
    }
    assert_trace(&r, "begin /a "); /* nobody has read: nothing is writable */
    turns(&r);
    assert_trace(&r, "begin /a writable ");
    channel_send_end(r.ch);
    turns(&r);
    assert_trace(&r, "begin /a writable idle ");
    rig_close(&r);
}

static void test_h1_server_paused_body_waits(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, KEEP);
    say(&r, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", 4096);
    channel_read(r.ch, false);
    say(&r, "abcde", 1);
    assert_int_equal(r.body_bytes, 0);
    channel_read(r.ch, true);
    turns(&r);
    assert_int_equal(r.body_bytes, 5);
    assert_trace(&r, "begin /p end ");
    rig_close(&r);
}

static void test_h1_server_early_answer_lingers(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, ANSWER);
    say(&r, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\nabc", 4096);
    assert_trace(&r, "begin /p linger ");
    say(&r, "more of it", 3);
    fd_close(&r.peer);
    turns(&r);
    assert_trace(&r, "begin /p linger closed not_kept_alive ");
    rig_close(&r);
}

static void test_h1_server_drain_and_expire(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, ANSWER);
    say(&r, get, 4096);
    h1_server_drain(r.server);
    turns(&r);
    assert_trace(&r, "begin /a idle closed drained ");
    rig_close(&r);
    rig_open(&r, ANSWER);
    say(&r, "GET /a HT", 4096);
    h1_server_expire(r.server, WHY_HEADER_TIMEOUT);
    turns(&r);
    assert_trace(&r, "begin header_timeout linger ");
    assert_got(&r, "bad");
    rig_close(&r);
    rig_open(&r, ANSWER);
    h1_server_last(r.server);
    say(&r, get, 4096);
    assert_trace(&r, "begin /a linger ");
    assert_got(&r, "Connection: close\r\n");
    rig_close(&r);
}

/* The answer was given before the body turned out to be malformed: it still gets out. */
static void test_h1_server_early_answer_outlives_bad_body(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, ANSWER);
    say(&r, "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 4096);
    assert_trace(&r, "begin /p linger ");
    assert_got(&r, "\r\n\r\nok");
    rig_close(&r);
}

/* Bytes sent together with the upgrade wait for the 101 and come before the tunnel's end. */
static void test_h1_server_early_tunnel_bytes(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, KEEP);
    say(&r, "GET /t HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly",
        4096);
    assert_trace(&r, "begin /t ");
    r.manner = TUNNEL;
    channel_read(r.ch, false);
    switch_protocols(&r);
    assert_int_equal(shutdown(r.peer, SHUT_WR), 0);
    channel_read(r.ch, true);
    turns(&r);
    assert_trace(&r, "begin /t end closed tunnel_done ");
    assert_got(&r, "\r\n\r\nearly");
    rig_close(&r);
}

/* Empty lines keep no connection awake, and a lone CR does not keep one from draining. */
static void test_h1_server_empty_lines_are_idle(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, ANSWER);
    say(&r, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n\r", 4096);
    assert_trace(&r, "begin /a idle ");
    say(&r, "\n\r\n\r", 1);
    assert_trace(&r, "begin /a idle ");
    h1_server_drain(r.server);
    turns(&r);
    assert_trace(&r, "begin /a idle closed drained ");
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_h1_server_answers_and_idles),
        cmocka_unit_test(test_h1_server_pipelined_in_order),
        cmocka_unit_test(test_h1_server_cut_invariance),
        cmocka_unit_test(test_h1_server_refuses_and_closes),
        cmocka_unit_test(test_h1_server_head_limit),
        cmocka_unit_test(test_h1_server_http_1_0_closes),
        cmocka_unit_test(test_h1_server_chunks_and_head),
        cmocka_unit_test(test_h1_server_client_abort),
        cmocka_unit_test(test_h1_server_tunnel_half_closes),
        cmocka_unit_test(test_h1_server_back_pressure),
        cmocka_unit_test(test_h1_server_paused_body_waits),
        cmocka_unit_test(test_h1_server_early_answer_lingers),
        cmocka_unit_test(test_h1_server_drain_and_expire),
        cmocka_unit_test(test_h1_server_early_answer_outlives_bad_body),
        cmocka_unit_test(test_h1_server_early_tunnel_bytes),
        cmocka_unit_test(test_h1_server_empty_lines_are_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

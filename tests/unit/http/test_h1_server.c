/* SPDX-License-Identifier: MIT */
/* The client's side of HTTP/1: requests, answers, and how connections end. */
#include "h1_server_rig.h"

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

#define CHUNKED_POST "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"

static void test_h1_server_trailers(void **state)
{
    static const struct {
        const char *text;
        const char *trace;
        const char *got;
        unsigned announced;
    } table[] = {
        {CHUNKED_POST "TE: trailers\r\n\r\n1\r\nx\r\n0\r\nT: 1\r\nHost: y\r\nU:\r\n\r\n",
         "begin / T=1 U= end idle ", "piece\r\n0\r\nT: 1\r\nU: \r\n\r\n", 1},
        {CHUNKED_POST "\r\n0\r\nT: 1\r\n\r\n", /* given, but not wanted */
         "begin / T=1 end idle ", "piece\r\n0\r\n\r\n", 0},
        {CHUNKED_POST "TE: trailers\r\n\r\n0\r\nContent-Length: 1\r\n\r\n", "begin / end idle ",
         "piece\r\n0\r\n\r\n", 1},
        {CHUNKED_POST
         "TE: trailers\r\n\r\n0\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\n"
         "a:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\n\r\n",
         "begin / bad_chunk linger ", "HTTP/1.1 200", 0}, /* one field more than the limit */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        for (size_t piece = 1; piece < 300; piece += 37) {
            struct rig r;
            rig_open(&r, TRAILERS);
            say(&r, table[i].text, piece);
            assert_trace(&r, table[i].trace);
            assert_got(&r, table[i].got);
            assert_int_equal(count_got(&r, "Trailer: T"), table[i].announced);
            rig_close(&r);
        }
    }
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

/* An owner that lets go of a tunnel after its end: the client gets all of it, then its own end is
 * waited for. */
static void test_h1_server_tunnel_let_go(void **state)
{
    (void)state;
    for (int when = 0; when < 2; when++) {
        struct rig r;
        rig_open(&r, TUNNEL);
        say(&r, "GET /t HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n", 4096);
        channel_send_data(r.ch, STR("bye"));
        channel_send_end(r.ch);
        if (when == 1) {
            turns(&r); /* its end is with the client already */
        }
        channel_bind(r.ch, NULL, NULL);
        channel_read(r.ch, true);
        turns(&r);
        assert_got(&r, "\r\n\r\nbye");
        assert_trace(&r, "begin /t linger ");
        say(&r, "to nobody", 4);
        assert_int_equal(shutdown(r.peer, SHUT_WR), 0);
        turns(&r);
        assert_trace(&r, "begin /t linger closed not_kept_alive ");
        rig_close(&r);
    }
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
        cmocka_unit_test(test_h1_server_trailers),
        cmocka_unit_test(test_h1_server_client_abort),
        cmocka_unit_test(test_h1_server_tunnel_half_closes),
        cmocka_unit_test(test_h1_server_tunnel_let_go),
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

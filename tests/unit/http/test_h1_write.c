/* SPDX-License-Identifier: MIT */
#include "http/h1_write.h"

#include "http_test.h"

static const struct body none = {BODY_NONE, 0};
static const struct body five = {BODY_LENGTH, 5};
static const struct body chunked = {BODY_CHUNKED, 0};
static const struct body until_close = {BODY_UNTIL_CLOSE, 0};

static void check_request(const char *head, struct body body, const char *upgrade,
                          const char *wanted)
{
    struct arena arena;
    struct message m;
    struct buf out;
    arena_init(&arena, 4096);
    buf_init(&out, 65536);
    make_message(&m, &arena, head, false);
    assert_int_equal(h1_write_request(&out, &m, body, str_of(upgrade)), OK);
    assert_str(buf_str(&out), str_of(wanted), head);
    buf_fini(&out);
    arena_fini(&arena);
}

static void test_h1_write_request_frames_the_body(void **state)
{
    (void)state;
    check_request("GET /a HTTP/1.0\r\nHost: a\r\n", none, "", "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    check_request("POST / HTTP/1.1\r\nHost: a\r\n", none, "",
                  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    check_request("PUT / HTTP/1.1\r\nHost: a\r\nX:\r\n", five, "",
                  "PUT / HTTP/1.1\r\nHost: a\r\nX: \r\nContent-Length: 5\r\n\r\n");
    check_request("GET / HTTP/1.1\r\nHost: a\r\n", chunked, "",
                  "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    check_request("GET / HTTP/1.1\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\n"
                  "Connection: close\r\nUpgrade: h2c\r\n",
                  five, "", "GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n");
    check_request("GET / HTTP/1.1\r\nHost: a\r\n", none, "websocket",
                  "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

static void check_response(const char *head, const struct h1_response_opts *opts,
                           const char *wanted)
{
    struct arena arena;
    struct message m;
    struct buf out;
    arena_init(&arena, 4096);
    buf_init(&out, 65536);
    make_message(&m, &arena, head, true);
    assert_int_equal(h1_write_response(&out, &m, opts), OK);
    assert_str(buf_str(&out), str_of(wanted), head);
    buf_fini(&out);
    arena_fini(&arena);
}

#define OPTS(...)                                                                                  \
    &(const struct h1_response_opts)                                                               \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define V "HTTP/1.1 "

static void test_h1_write_response_frames_the_body(void **state)
{
    (void)state;
    check_response("HTTP/1.0 200 OK\r\nA: b\r\n", OPTS(.body = none),
                   V "200 OK\r\nA: b\r\nContent-Length: 0\r\n\r\n");
    check_response(V "200\r\n", OPTS(.body = five), V "200 \r\nContent-Length: 5\r\n\r\n");
    check_response(V "200 OK\r\nContent-Length: 9\r\n", OPTS(.body = chunked),
                   V "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    check_response(V "200 OK\r\n", OPTS(.body = until_close),
                   V "200 OK\r\nConnection: close\r\n\r\n");
    check_response(V "200 OK\r\n", OPTS(.body = five, .close = true),
                   V "200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n");
    check_response(V "200 OK\r\n", OPTS(.body = five, .keep_alive = true),
                   V "200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n");
}

static void test_h1_write_response_without_a_body(void **state)
{
    (void)state;
    check_response(V "204 No Content\r\n", OPTS(.body = none), V "204 No Content\r\n\r\n");
    check_response(V "204 No Content\r\nContent-Length: 0\r\n", OPTS(.body = five),
                   V "204 No Content\r\n\r\n");
    check_response(V "100 Continue\r\n", OPTS(.body = none, .close = true),
                   V "100 Continue\r\n\r\n");
    check_response(V "304 Not Modified\r\n", OPTS(.body = none), V "304 Not Modified\r\n\r\n");
    check_response(V "304 Not Modified\r\nContent-Length: 7\r\n", OPTS(.body = none),
                   V "304 Not Modified\r\nContent-Length: 7\r\n\r\n");
    check_response(V "200 OK\r\nContent-Length: 7\r\n", OPTS(.body = none, .is_head = true),
                   V "200 OK\r\nContent-Length: 7\r\n\r\n");
    check_response(V "200 OK\r\n", OPTS(.body = none, .is_head = true), V "200 OK\r\n\r\n");
    check_response(V "200 OK\r\n", OPTS(.body = five, .is_head = true),
                   V "200 OK\r\nContent-Length: 5\r\n\r\n");
    check_response(V "426 Upgrade Required\r\n", OPTS(.body = none, .upgrade = STR("a, b")),
                   V "426 Upgrade Required\r\nContent-Length: 0\r\nConnection: upgrade\r\n"
                     "Upgrade: a, b\r\n\r\n");
    check_response(V "426 Upgrade Required\r\n",
                   OPTS(.body = none, .close = true, .upgrade = STR("a")),
                   V "426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close, upgrade\r\n"
                     "Upgrade: a\r\n\r\n");
    check_response(V "101 Switching Protocols\r\n", OPTS(.upgrade = STR("websocket")),
                   V
                   "101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

/* Trailer stays only where trailers can come. */
static void test_h1_write_announces_trailers(void **state)
{
    (void)state;
    check_response(V "200 OK\r\nTrailer: T\r\n", OPTS(.body = chunked, .trailers = true),
                   V "200 OK\r\nTrailer: T\r\nTransfer-Encoding: chunked\r\n\r\n");
    check_response(V "200 OK\r\nTrailer: T\r\n", OPTS(.body = chunked),
                   V "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    check_response(V "200 OK\r\nTrailer: T\r\n", OPTS(.body = five, .trailers = true),
                   V "200 OK\r\nContent-Length: 5\r\n\r\n");
}

/* What would not parse back is not written. */
static void test_h1_write_refuses_what_splits(void **state)
{
    (void)state;
    static const struct {
        struct str method, target, name, value;
    } bad[] = {
        {{"G T", 3}, {"/", 1}, {"A", 1}, {"b", 1}},
        {{"", 0}, {"/", 1}, {"A", 1}, {"b", 1}},
        {{"GET", 3}, {"", 0}, {"A", 1}, {"b", 1}},
        {{"GET", 3}, {"/ HTTP/1.1", 10}, {"A", 1}, {"b", 1}},
        {{"GET", 3}, {"/\r\nX", 4}, {"A", 1}, {"b", 1}},
        {{"GET", 3}, {"/", 1}, {"", 0}, {"b", 1}},
        {{"GET", 3}, {"/", 1}, {"A:", 2}, {"b", 1}},
        {{"GET", 3}, {"/", 1}, {"A ", 2}, {"b", 1}},
        {{"GET", 3}, {"/", 1}, {"A", 1}, {"b\r\nC: d", 7}},
        {{"GET", 3}, {"/", 1}, {"A", 1}, {"b\n", 2}},
        {{"GET", 3}, {"/", 1}, {"A", 1}, {"b\0", 2}},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct arena arena;
        struct message m;
        struct buf out;
        arena_init(&arena, 1024);
        buf_init(&out, 4096);
        message_init(&m, &arena);
        m.method_text = bad[i].method;
        m.target = bad[i].target;
        message_add(&m, bad[i].name, bad[i].value);
        assert_int_equal(h1_write_request(&out, &m, none, STR("")), ERR_SYNTAX);
        assert_int_equal(buf_len(&out), 0);
        buf_fini(&out);
        arena_fini(&arena);
    }
}

static void test_h1_write_response_refuses_what_splits(void **state)
{
    (void)state;
    struct arena arena;
    struct message m;
    struct buf out;
    arena_init(&arena, 1024);
    buf_init(&out, 4096);
    message_init(&m, &arena);
    m.status = 99;
    assert_int_equal(h1_write_response(&out, &m, OPTS(.body = none)), ERR_SYNTAX);
    m.status = 600;
    assert_int_equal(h1_write_response(&out, &m, OPTS(.body = none)), ERR_SYNTAX);
    m.status = 200;
    m.reason = STR("a\r\nSet-Cookie: b");
    assert_int_equal(h1_write_response(&out, &m, OPTS(.body = none)), ERR_SYNTAX);
    m.reason = STR("");
    assert_int_equal(h1_write_response(&out, &m, OPTS(.upgrade = STR("a\r\nB: c"))), ERR_SYNTAX);
    message_add(&m, STR("Content-Length"), STR("5, 6"));
    assert_int_equal(h1_write_response(&out, &m, OPTS(.is_head = true)), ERR_SYNTAX);
    assert_int_equal(buf_len(&out), 0);
    buf_fini(&out);
    arena_fini(&arena);
}

static void test_h1_write_stops_at_the_limit(void **state)
{
    (void)state;
    struct arena arena;
    struct message m;
    struct buf out;
    arena_init(&arena, 1024);
    buf_init(&out, 16);
    make_message(&m, &arena, "GET / HTTP/1.1\r\nHost: a\r\n", false);
    assert_int_equal(h1_write_request(&out, &m, none, STR("")), ERR_LIMIT);
    m.status = 200;
    assert_int_equal(h1_write_response(&out, &m, OPTS(.body = none)), ERR_LIMIT);
    assert_int_equal(buf_len(&out), 0);
    buf_fini(&out);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_h1_write_request_frames_the_body),
        cmocka_unit_test(test_h1_write_response_frames_the_body),
        cmocka_unit_test(test_h1_write_response_without_a_body),
        cmocka_unit_test(test_h1_write_announces_trailers),
        cmocka_unit_test(test_h1_write_refuses_what_splits),
        cmocka_unit_test(test_h1_write_response_refuses_what_splits),
        cmocka_unit_test(test_h1_write_stops_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

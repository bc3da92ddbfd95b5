/* SPDX-License-Identifier: MIT */
#include "http/h1_parse.h"

#include "http_test.h"

#define REQUEST_LINE "GET / HTTP/1.1\r\n"
#define STATUS_LINE  "HTTP/1.1 200 OK\r\n"

struct parse_case {
    struct str head;
    enum why why; /* WHY_OK: valid */
};

/* A whole head; a request line before it, or behind it the empty line, is added where it is said.
 */
#define HEAD(text, reason)                                                                         \
    {                                                                                              \
        {text, sizeof(text) - 1}, WHY_##reason                                                     \
    }
#define LINE(text, reason)  HEAD(text "\r\nHost: a\r\n\r\n", reason)
#define FIELD(text, reason) HEAD(REQUEST_LINE text "\r\n\r\n", reason)
#define REPLY(text, reason) HEAD(text "\r\n\r\n", reason)

static const struct parse_case requests[] = {
    /* request lines: valid */
    LINE("GET / HTTP/1.1", OK),
    LINE("GET / HTTP/1.0", OK),
    LINE("get / HTTP/1.1", OK),
    LINE("PROPFIND /a/b HTTP/1.1", OK),
    LINE("M-SEARCH * HTTP/1.1", OK),
    LINE("OPTIONS * HTTP/1.1", OK),
    LINE("CONNECT a:443 HTTP/1.1", OK),
    LINE("GET http://a/ HTTP/1.1", OK),
    LINE("GET /?a=b&c=%20d HTTP/1.1", OK),
    LINE("GET /\xc3\xa9 HTTP/1.1", OK), /* the target's own grammar is target's business */
    LINE("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1", OK),
    HEAD("GET / HTTP/1.1\r\n\r\n", OK),
    /* method */
    LINE(" GET / HTTP/1.1", BAD_METHOD),
    LINE("\tGET / HTTP/1.1", BAD_METHOD),
    LINE("G@T / HTTP/1.1", BAD_METHOD),
    LINE("GET\t/ HTTP/1.1", BAD_METHOD),
    LINE("GET\x0b/ HTTP/1.1", BAD_METHOD),
    LINE("GE\0T / HTTP/1.1", BAD_METHOD),
    LINE("G\xc3T / HTTP/1.1", BAD_METHOD),
    LINE("GET: / HTTP/1.1", BAD_METHOD),
    LINE("{} / HTTP/1.1", BAD_METHOD),
    LINE("\x16\x03\x01\x02", BAD_METHOD),
    HEAD("\r\n\r\n", BAD_METHOD),
    HEAD("\r\n", BAD_METHOD),
    HEAD("", BAD_METHOD),
    HEAD("GET", BAD_METHOD),
    /* parts and spaces of the line */
    LINE("GET", BAD_REQUEST_LINE),
    LINE("GET ", BAD_REQUEST_LINE),
    LINE("GET /", BAD_REQUEST_LINE),
    LINE("GET / ", BAD_REQUEST_LINE),
    LINE("GET  / HTTP/1.1", BAD_REQUEST_LINE),
    LINE("GET /  HTTP/1.1", BAD_REQUEST_LINE),
    LINE("GET / HTTP/1.1 ", BAD_REQUEST_LINE),
    LINE("GET / HTTP/1.1\t", BAD_REQUEST_LINE),
    LINE("GET /a b HTTP/1.1", BAD_REQUEST_LINE),
    LINE("GET HTTP/1.1", BAD_REQUEST_LINE),
    LINE("GET  HTTP/1.1", BAD_REQUEST_LINE),
    LINE("GET / HTTP/1.1 HTTP/1.1", BAD_REQUEST_LINE),
    /* target bytes */
    LINE("GET /\t HTTP/1.1", BAD_TARGET),
    LINE("GET /a\tb HTTP/1.1", BAD_TARGET),
    LINE("GET /\x01 HTTP/1.1", BAD_TARGET),
    LINE("GET /\x7f HTTP/1.1", BAD_TARGET),
    LINE("GET /\0 HTTP/1.1", BAD_TARGET),
    LINE("GET /\n HTTP/1.1", BAD_TARGET),
    LINE("GET \x1f/ HTTP/1.1", BAD_TARGET),
    /* versions */
    LINE("GET / HTTP/1.2", BAD_VERSION),
    LINE("GET / HTTP/1.9", BAD_VERSION),
    LINE("GET / HTTP/0.9", BAD_VERSION),
    LINE("GET / HTTP/2.0", BAD_VERSION),
    LINE("GET / HTTP/3.1", BAD_VERSION),
    HEAD("PRI * HTTP/2.0\r\n\r\n", BAD_VERSION),
    LINE("GET / HTTP/1.10", BAD_REQUEST_LINE),
    LINE("GET / HTTP/11.1", BAD_REQUEST_LINE),
    LINE("GET / HTTP/1", BAD_REQUEST_LINE),
    LINE("GET / HTTP/2", BAD_REQUEST_LINE),
    LINE("GET / HTTP/1.", BAD_REQUEST_LINE),
    LINE("GET / HTTP/.1", BAD_REQUEST_LINE),
    LINE("GET / HTTP/1,1", BAD_REQUEST_LINE),
    LINE("GET / HTTP/+1.1", BAD_REQUEST_LINE),
    LINE("GET / HTTP/1.1x", BAD_REQUEST_LINE),
    LINE("GET / http/1.1", BAD_REQUEST_LINE),
    LINE("GET / Http/1.1", BAD_REQUEST_LINE),
    LINE("GET / HTTP 1.1", BAD_REQUEST_LINE),
    LINE("GET / HTTPS/1.1", BAD_REQUEST_LINE),
    LINE("GET / ICY/1.1", BAD_REQUEST_LINE),
    LINE("GET / RTSP/1.0", BAD_REQUEST_LINE),
    LINE("GET / SHTTP/1.1", BAD_REQUEST_LINE),
    /* line ends */
    HEAD("GET / HTTP/1.1\nHost: a\n\n", BAD_REQUEST_LINE),
    HEAD("GET / HTTP/1.1\n\rHost: a\r\n\r\n", BAD_REQUEST_LINE),
    HEAD("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", BAD_REQUEST_LINE),
    HEAD("GET / HTTP/1.1\rHost: a\r\n\r\n", BAD_REQUEST_LINE),
    HEAD("GET / HTTP/1.1\r\nHost: a\n\r\n", BAD_FIELD),
    HEAD("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", BAD_FIELD),
    HEAD("GET / HTTP/1.1\r\nHost: a\r\n\n", BAD_FIELD),
    HEAD("GET / HTTP/1.1\r\nHost: a\n\n", BAD_FIELD),
    HEAD("GET / HTTP/1.1\r\nHost: a\r\n\r", BAD_FIELD),
    HEAD("GET / HTTP/1.1\r\nHost: a\r\n", BAD_FIELD),
    HEAD("GET / HTTP/1.1\r\nHost: a\r\n\r\nX", BAD_FIELD),
    HEAD("GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n", BAD_FIELD),
    HEAD("GET / HTTP/1.1\r\n", BAD_FIELD),
    /* fields: valid */
    FIELD("Host: a", OK),
    FIELD("Host:a", OK),
    FIELD("Host:", OK),
    FIELD("Host: \t ", OK),
    FIELD("X: \t a b\tc \t", OK),
    FIELD("X: \xe4\xf6\xfc \x80\xff", OK),
    FIELD("X: \"quoted\\\"\", (comment)", OK),
    FIELD("X: a:b:c", OK),
    FIELD("X: :", OK),
    FIELD("!#$%&'*+-.^_`|~09azAZ: x", OK),
    FIELD("X_Y: underscore", OK),
    FIELD("A: 1\r\nA: 2\r\nA: 3", OK),
    FIELD("0: 0", OK),
    /* field names */
    FIELD(": a", BAD_FIELD),
    FIELD("Host: a\r\n: Transfer-Encoding", BAD_FIELD),
    FIELD(":", BAD_FIELD),
    FIELD("Host", BAD_FIELD),
    FIELD("Host : a", BAD_FIELD),
    FIELD("Host\t: a", BAD_FIELD),
    FIELD("Ho st: a", BAD_FIELD),
    FIELD("Content-Length : 5", BAD_FIELD),
    FIELD("Transfer-Encoding : chunked", BAD_FIELD),
    FIELD("Transfer-Encoding\x0b: chunked", BAD_FIELD),
    FIELD("Transfer-Encoding\xa0: chunked", BAD_FIELD),
    FIELD("\x0bTransfer-Encoding: chunked", BAD_FIELD),
    FIELD("Transfer\0-Encoding: chunked", BAD_FIELD),
    FIELD("Transfer-Encoding\r: chunked", BAD_FIELD),
    FIELD("\xef\xbb\xbfHost: a", BAD_FIELD),
    FIELD("(X): a", BAD_FIELD),
    FIELD("X/Y: a", BAD_FIELD),
    FIELD("[X]: a", BAD_FIELD),
    FIELD("X\"Y: a", BAD_FIELD),
    FIELD("X,Y: a", BAD_FIELD),
    FIELD("X;Y: a", BAD_FIELD),
    FIELD("X=Y: a", BAD_FIELD),
    FIELD("X@Y: a", BAD_FIELD),
    FIELD("X?: a", BAD_FIELD),
    FIELD("X<>: a", BAD_FIELD),
    FIELD("X{}: a", BAD_FIELD),
    FIELD("X\\Y: a", BAD_FIELD),
    FIELD("X\x7f: a", BAD_FIELD),
    /* folding: RFC 9112 section 5.2 */
    FIELD(" Host: a", BAD_FIELD),
    FIELD("\tHost: a", BAD_FIELD),
    FIELD("X: a\r\n b", BAD_FIELD),
    FIELD("X: a\r\n\tb", BAD_FIELD),
    FIELD("X:\r\n a", BAD_FIELD),
    FIELD("X: a\r\n ", BAD_FIELD),
    FIELD("X: a\r\n Content-Length: 5", BAD_FIELD),
    FIELD("Transfer-Encoding:\r\n chunked", BAD_FIELD),
    /* field values */
    FIELD("X: a\0b", BAD_FIELD),
    FIELD("X: \0", BAD_FIELD),
    FIELD("X: a\x01", BAD_FIELD),
    FIELD("X: a\x08"
          "b",
          BAD_FIELD),
    FIELD("X: a\x0b"
          "b",
          BAD_FIELD),
    FIELD("X: a\x0c", BAD_FIELD),
    FIELD("X: a\x1b[31m", BAD_FIELD),
    FIELD("X: a\x7f", BAD_FIELD),
    FIELD("X: a\rb", BAD_FIELD),
    FIELD("X: a\nb", BAD_FIELD),
    FIELD("X: a\nTransfer-Encoding: chunked", BAD_FIELD),
    FIELD("X: a\rTransfer-Encoding: chunked", BAD_FIELD),
    FIELD("Transfer-Encoding: chunked\x0b", BAD_FIELD),
    FIELD("Transfer-Encoding: \x0b"
          "chunked",
          BAD_FIELD),
    FIELD("Content-Length: 5\0", BAD_FIELD),
    /* request in a field's place */
    FIELD("GET /admin HTTP/1.1", BAD_FIELD),
};

static const struct parse_case responses[] = {
    REPLY("HTTP/1.1 200 OK", OK),
    REPLY("HTTP/1.0 200 OK", OK),
    REPLY("HTTP/1.1 200 ", OK),
    REPLY("HTTP/1.1 200", OK),
    REPLY("HTTP/1.1 100 Continue", OK),
    REPLY("HTTP/1.1 599 Odd", OK),
    REPLY("HTTP/1.1 404 Not \xe4 Found\t!", OK),
    REPLY("HTTP/1.1 200  two spaces", OK),
    REPLY("HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b", OK),
    REPLY("HTTP/1.1 600 OK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 999 OK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 099 OK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 000 OK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 20 OK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 2000 OK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 2x0 OK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 +20 OK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 -10 OK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 200.1 OK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 200\tOK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1  200 OK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1\t200 OK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 OK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 ", UPSTREAM_BAD_HEAD),
    REPLY(" HTTP/1.1 200 OK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.2 200 OK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/2.0 200 OK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/2 200", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/0.9 200 OK", UPSTREAM_BAD_HEAD),
    REPLY("http/1.1 200 OK", UPSTREAM_BAD_HEAD),
    REPLY("ICY 200 OK", UPSTREAM_BAD_HEAD),
    REPLY("<html>", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 200 O\0K", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 200 O\rK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 200 O\nK", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 200 \x1b[31m", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 200 OK\r\n: empty", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 200 OK\r\nX : a", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 200 OK\r\n X: a", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 200 OK\r\nX: a\r\n b", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 200 OK\r\nX: a\nSet-Cookie: b", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 200 OK\r\nX: a\0", UPSTREAM_BAD_HEAD),
    REPLY("HTTP/1.1 200 OK\r\nno colon", UPSTREAM_BAD_HEAD),
    HEAD("HTTP/1.1 200 OK\n\n", UPSTREAM_BAD_HEAD),
    HEAD("HTTP/1.1 200 OK\r\n", UPSTREAM_BAD_HEAD),
    HEAD("HTTP/1.1 200 OK\r\n\r\nbody", UPSTREAM_BAD_HEAD),
    HEAD("\r\n", UPSTREAM_BAD_HEAD),
    HEAD("", UPSTREAM_BAD_HEAD),
};

static void run_case(const struct parse_case *c, bool is_response, size_t index)
{
    const struct h1_limits limits = {65536, 100};
    struct arena arena;
    struct message m;
    enum why why = WHY_OK;
    arena_init(&arena, 4096);
    message_init(&m, &arena);
    /* A copy of the exact size lets the address sanitizer see every read behind the end. */
    char *copy = (char *)test_malloc(c->head.len + (c->head.len == 0));
    memcpy(copy, c->head.ptr, c->head.len);
    struct str head = str_n(copy, c->head.len);
    int err = is_response ? h1_parse_response(head, &limits, &m, &why)
                          : h1_parse_request(head, &limits, &m, &why);
    if (why != c->why || (err == OK) != (c->why == WHY_OK)) {
        fail_msg("%s %zu \"%.*s\": got %s, wanted %s", is_response ? "response" : "request", index,
                 STR_FMT(c->head), why_label(why), why_label(c->why));
    }
    test_free(copy);
    arena_fini(&arena);
}

static void test_h1_parse_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(requests); i++) {
        run_case(&requests[i], false, i);
    }
}

static void test_h1_parse_responses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(responses); i++) {
        run_case(&responses[i], true, i);
    }
}

/* Every byte value at every place of a valid head gives an answer and no bad read. */
static void test_h1_parse_survives_any_byte_anywhere(void **state)
{
    (void)state;
    const struct h1_limits limits = {65536, 100};
    char head[] = "GET /a HTTP/1.1\r\nHost: a\r\nX: y z\r\n\r\n";
    size_t len = sizeof(head) - 1;
    for (size_t at = 0; at < len; at++) {
        char kept = head[at];
        for (unsigned b = 0; b < 256; b++) {
            struct arena arena;
            struct message m;
            enum why why = WHY_OK;
            arena_init(&arena, 2048);
            message_init(&m, &arena);
            head[at] = (char)b;
            int err = h1_parse_request(str_n(head, len), &limits, &m, &why);
            assert_true((err == OK) == (why == WHY_OK));
            assert_true(err != OK || b > 0x1f || b == (unsigned)kept || b == '\t');
            arena_fini(&arena);
        }
        head[at] = kept;
    }
}

static void test_h1_parse_request_fills_the_message(void **state)
{
    (void)state;
    struct arena arena;
    struct message m;
    arena_init(&arena, 4096);
    make_message(&m, &arena,
                 "POST /a?b=c HTTP/1.0\r\nHost: \t a.com \t\r\nx-Y:\r\nConnection:close\r\n",
                 false);
    assert_int_equal(m.method, METHOD_POST);
    assert_str(m.method_text, STR("POST"), "method");
    assert_str(m.target, STR("/a?b=c"), "target");
    assert_int_equal(m.version, HTTP_1_0);
    assert_int_equal(m.field_count, 3);
    assert_int_equal(m.fields[0].id, FIELD_HOST);
    assert_str(m.fields[0].value, STR("a.com"), "Host");
    assert_str(m.fields[1].name, STR("x-Y"), "name as received");
    assert_int_equal(m.fields[1].value.len, 0);
    assert_int_equal(m.fields[2].id, FIELD_CONNECTION);
    arena_fini(&arena);
}

static void test_h1_parse_response_fills_the_message(void **state)
{
    (void)state;
    struct arena arena;
    struct message m;
    arena_init(&arena, 4096);
    make_message(&m, &arena, "HTTP/1.1 404 Not here\r\nServer: x\r\n", true);
    assert_int_equal(m.status, 404);
    assert_str(m.reason, STR("Not here"), "reason");
    assert_int_equal(m.version, HTTP_1_1);
    assert_int_equal(m.fields[0].id, FIELD_SERVER);
    arena_fini(&arena);
}

static void test_h1_parse_limits_fields_and_bytes(void **state)
{
    (void)state;
    struct str head = STR(REQUEST_LINE "A: 1\r\nB: 2\r\nC: 3\r\n\r\n");
    struct str reply = STR(STATUS_LINE "A: 1\r\nB: 2\r\nC: 3\r\n\r\n");
    struct h1_limits limits = {1000, 3};
    struct arena arena;
    struct message m;
    enum why why = WHY_OK;
    arena_init(&arena, 4096);
    message_init(&m, &arena);
    assert_int_equal(h1_parse_request(head, &limits, &m, &why), OK);
    limits.fields = 2;
    message_init(&m, &arena);
    assert_int_equal(h1_parse_request(head, &limits, &m, &why), ERR_LIMIT);
    assert_int_equal(why, WHY_TOO_MANY_FIELDS);
    assert_int_equal(m.method, METHOD_GET); /* what could be read stays */
    message_init(&m, &arena);
    assert_int_equal(h1_parse_response(reply, &limits, &m, &why), ERR_LIMIT);
    assert_int_equal(why, WHY_UPSTREAM_HEADER_TOO_LARGE);
    limits = (struct h1_limits){head.len, 3};
    message_init(&m, &arena);
    assert_int_equal(h1_parse_request(head, &limits, &m, &why), OK);
    limits.head_bytes = head.len - 1;
    assert_int_equal(h1_parse_request(head, &limits, &m, &why), ERR_LIMIT);
    assert_int_equal(why, WHY_HEADER_TOO_LARGE);
    limits.head_bytes = 10;
    assert_int_equal(h1_parse_request(head, &limits, &m, &why), ERR_LIMIT);
    assert_int_equal(why, WHY_URI_TOO_LONG);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_h1_parse_requests),
        cmocka_unit_test(test_h1_parse_responses),
        cmocka_unit_test(test_h1_parse_survives_any_byte_anywhere),
        cmocka_unit_test(test_h1_parse_request_fills_the_message),
        cmocka_unit_test(test_h1_parse_response_fills_the_message),
        cmocka_unit_test(test_h1_parse_limits_fields_and_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

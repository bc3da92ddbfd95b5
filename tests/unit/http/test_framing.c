/* SPDX-License-Identifier: MIT */
#include "http/framing.h"

#include "http_test.h"

struct request_case {
    const char *fields;
    enum why why;
    enum body_kind kind;
    uint64_t length;
    bool is_old; /* HTTP/1.0 */
};

#define CL "Content-Length: "
#define TE "Transfer-Encoding: "

static const struct request_case requests[] = {
    /* valid */
    {"", WHY_OK, BODY_NONE, 0, false},
    {"", WHY_OK, BODY_NONE, 0, true},
    {CL "0\r\n", WHY_OK, BODY_NONE, 0, false},
    {CL "00\r\n", WHY_OK, BODY_NONE, 0, false},
    {CL "5\r\n", WHY_OK, BODY_LENGTH, 5, false},
    {CL "5\r\n", WHY_OK, BODY_LENGTH, 5, true},
    {CL " 5 \r\n", WHY_OK, BODY_LENGTH, 5, false},
    {CL "007\r\n", WHY_OK, BODY_LENGTH, 7, false},
    {CL "9223372036854775807\r\n", WHY_OK, BODY_LENGTH, INT64_MAX, false},
    {TE "chunked\r\n", WHY_OK, BODY_CHUNKED, 0, false},
    {TE "CHUNKED\r\n", WHY_OK, BODY_CHUNKED, 0, false},
    {"transfer-encoding:chunked\r\n", WHY_OK, BODY_CHUNKED, 0, false},
    {"X-Content-Length: 5\r\n", WHY_OK, BODY_NONE, 0, false},
    /* lengths */
    {CL "\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "+5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "-5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "-0\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "0x5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "5a\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "a\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "5 5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "5,5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "5, 5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "5,\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL ",5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "5;q=1\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "5.0\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "5e1\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "1_000\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "\"5\"\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "\xd9\xa5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false}, /* another script's five */
    {CL "9223372036854775808\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "18446744073709551615\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "18446744073709551616\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "99999999999999999999999999\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "5\r\n" CL "5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "5\r\n" CL "6\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "0\r\ncontent-length: 5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {CL "5\r\nX: y\r\n" CL "5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    /* what CGI takes for a length */
    {"Content_Length: 5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {"content_length: 5\r\n" CL "5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {"Transfer_Encoding: chunked\r\n" CL "5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {"Transfer-Encoding_: chunked\r\n", WHY_OK, BODY_NONE, 0, false},
    /* both */
    {CL "5\r\n" TE "chunked\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "chunked\r\n" CL "5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "chunked\r\n" CL "0\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "identity\r\n" CL "5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "\r\n" CL "5\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    /* codings */
    {TE "chunked\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, true},
    {TE "gzip, chunked\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, true},
    {TE "\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "identity\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "gzip\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "xchunked\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "chunkedx\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "chunked, gzip\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "chunked, identity\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "chunked, chunked\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "chunked,\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE ", chunked\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "chunked;a=b\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "\"chunked\"\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "'chunked'\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "chunked \x80\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "gzip chunked\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "chunked\r\n" TE "chunked\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "chunked\r\n" TE "identity\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "gzip\r\n" TE "chunked\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "gzip, , chunked\r\n", WHY_BAD_FRAMING, BODY_NONE, 0, false},
    {TE "gzip, chunked\r\n", WHY_TRANSFER_CODING, BODY_NONE, 0, false},
    {TE "gzip,deflate,Chunked\r\n", WHY_TRANSFER_CODING, BODY_NONE, 0, false},
    {TE "identity, chunked\r\n", WHY_TRANSFER_CODING, BODY_NONE, 0, false},
};

static void test_framing_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(requests); i++) {
        const struct request_case *c = &requests[i];
        struct arena arena;
        struct message m;
        struct body body = {BODY_NONE, 0};
        enum why why = WHY_OK;
        arena_init(&arena, 4096);
        make_message(
            &m, &arena,
            arena_printf(&arena, "POST / HTTP/1.%d\r\n%s", c->is_old ? 0 : 1, c->fields).ptr,
            false);
        int err = framing_request(&m, &body, &why);
        if (why != c->why || (err == OK) != (c->why == WHY_OK) || body.kind != c->kind ||
            body.length != c->length) {
            fail_msg("request \"%s\": got %s, wanted %s", c->fields, why_label(why),
                     why_label(c->why));
        }
        arena_fini(&arena);
    }
}

struct response_case {
    const char *head;
    enum http_method method;
    bool asked; /* for an upgrade */
    enum why why;
    enum body_kind kind;
    uint64_t length;
};

#define GET  METHOD_GET, false
#define HEAD METHOD_HEAD, false
#define UP   METHOD_GET, true
#define V11  "HTTP/1.1 "
#define V10  "HTTP/1.0 "

static const struct response_case responses[] = {
    {V11 "200 OK\r\n", GET, WHY_OK, BODY_UNTIL_CLOSE, 0},
    {V10 "200 OK\r\n", GET, WHY_OK, BODY_UNTIL_CLOSE, 0},
    {V11 "200 OK\r\n" CL "0\r\n", GET, WHY_OK, BODY_NONE, 0},
    {V11 "200 OK\r\n" CL "5\r\n", GET, WHY_OK, BODY_LENGTH, 5},
    {V10 "200 OK\r\n" CL "5\r\n", GET, WHY_OK, BODY_LENGTH, 5},
    {V11 "200 OK\r\n" TE "chunked\r\n", GET, WHY_OK, BODY_CHUNKED, 0},
    {V11 "500 Oh\r\n" TE "chunked\r\n", GET, WHY_OK, BODY_CHUNKED, 0},
    {V11 "205 Reset\r\n" CL "0\r\n", GET, WHY_OK, BODY_NONE, 0},
    {V11 "200 OK\r\n" CL "5\r\n", HEAD, WHY_OK, BODY_NONE, 0},
    {V11 "200 OK\r\n" TE "chunked\r\n", HEAD, WHY_OK, BODY_NONE, 0},
    {V11 "200 OK\r\n", HEAD, WHY_OK, BODY_NONE, 0},
    {V11 "304 Not Modified\r\n" CL "5\r\n", GET, WHY_OK, BODY_NONE, 0},
    {V11 "304 Not Modified\r\n", GET, WHY_OK, BODY_NONE, 0},
    {V11 "204 No Content\r\n", GET, WHY_OK, BODY_NONE, 0},
    {V11 "204 No Content\r\n" CL "0\r\n", GET, WHY_OK, BODY_NONE, 0},
    {V11 "100 Continue\r\n", GET, WHY_OK, BODY_NONE, 0},
    {V11 "103 Early Hints\r\nLink: </a>\r\n", GET, WHY_OK, BODY_NONE, 0},
    {V11 "101 Switching\r\nUpgrade: websocket\r\n", UP, WHY_OK, BODY_TUNNEL, 0},
    {V11 "200 OK\r\n" CL "5\r\n", UP, WHY_OK, BODY_LENGTH, 5},
    {V11 "101 Switching\r\n", GET, WHY_UPSTREAM_BAD_UPGRADE, BODY_NONE, 0},
    {V10 "101 Switching\r\n", UP, WHY_UPSTREAM_BAD_UPGRADE, BODY_NONE, 0},
    {V11 "101 Switching\r\n" TE "chunked\r\n", UP, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
    {V11 "101 Switching\r\n" CL "5\r\n", UP, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
    {V11 "100 Continue\r\n" TE "chunked\r\n", GET, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
    {V11 "204 No Content\r\n" TE "chunked\r\n", GET, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
    {V11 "204 No Content\r\n" CL "5\r\n", GET, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
    {V11 "200 OK\r\n" CL "5\r\n" TE "chunked\r\n", GET, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
    {V11 "200 OK\r\n" CL "5\r\n" CL "5\r\n", GET, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
    {V11 "200 OK\r\n" CL "5, 5\r\n", GET, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
    {V11 "200 OK\r\n" CL "x\r\n", GET, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
    {V11 "200 OK\r\n" CL "\r\n", GET, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
    {V11 "200 OK\r\n" TE "gzip, chunked\r\n", GET, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
    {V11 "200 OK\r\n" TE "gzip\r\n", GET, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
    {V11 "200 OK\r\n" TE "identity\r\n", GET, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
    {V11 "200 OK\r\n" TE "chunked, chunked\r\n", GET, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
    {V10 "200 OK\r\n" TE "chunked\r\n", GET, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
    {V11 "200 OK\r\n" CL "5\r\n" CL "6\r\n", HEAD, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
    {V11 "304 Not Modified\r\n" CL "5,6\r\n", GET, WHY_UPSTREAM_BAD_FRAMING, BODY_NONE, 0},
};

static void test_framing_responses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(responses); i++) {
        const struct response_case *c = &responses[i];
        struct arena arena;
        struct message m;
        struct body body = {BODY_NONE, 0};
        enum why why = WHY_OK;
        arena_init(&arena, 4096);
        make_message(&m, &arena, c->head, true);
        int err = framing_response(&m, c->method, c->asked, &body, &why);
        if (why != c->why || (err == OK) != (c->why == WHY_OK) || body.kind != c->kind ||
            body.length != c->length) {
            fail_msg("response \"%s\": got %s, wanted %s", c->head, why_label(why),
                     why_label(c->why));
        }
        arena_fini(&arena);
    }
}

static void test_framing_keeps_alive(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        bool wanted;
    } cases[] = {
        {"GET / HTTP/1.1\r\n", true},
        {"GET / HTTP/1.1\r\nConnection: close\r\n", false},
        {"GET / HTTP/1.1\r\nConnection: Foo, CLOSE\r\n", false},
        {"GET / HTTP/1.1\r\nConnection: keep-alive\r\nConnection: close\r\n", false},
        {"GET / HTTP/1.1\r\nConnection: closed\r\n", true},
        {"GET / HTTP/1.1\r\nProxy-Connection: close\r\n", true},
        {"GET / HTTP/1.0\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n", false},
        {"GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena;
        struct message m;
        arena_init(&arena, 4096);
        make_message(&m, &arena, cases[i].head, false);
        assert_int_equal(framing_keeps_alive(&m), cases[i].wanted);
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framing_requests),
        cmocka_unit_test(test_framing_responses),
        cmocka_unit_test(test_framing_keeps_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

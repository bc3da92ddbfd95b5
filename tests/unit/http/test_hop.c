/* SPDX-License-Identifier: MIT */
#include "http/hop.h"

#include "http_test.h"

struct hop_case {
    const char *head;
    const char *left;
    const char *upgrade;
    bool te;
};

#define GET11 "GET / HTTP/1.1\r\n"
#define GET10 "GET / HTTP/1.0\r\n"
#define WS    "Connection: Upgrade\r\nUpgrade: "

static const struct hop_case requests[] = {
    {GET11 "Host: a\r\nX: y\r\n", "Host: a\nX: y\n", "", false},
    {GET11 "Connection: close\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nHost: a\r\n", "Host: a\n",
     "", false},
    {GET11 "Transfer-Encoding: chunked\r\nHTTP2-Settings: x\r\nContent-Length: 5\r\n", "", "",
     false},
    /* what Connection names */
    {GET11 "Connection: X-Secret, y\r\nx-secret: 1\r\nY: 2\r\nZ: 3\r\n", "Z: 3\n", "", false},
    {GET11 "Connection: a\r\nConnection: b\r\nA: 1\r\nB: 2\r\nA: 3\r\n", "", "", false},
    {GET11 "Connection: a;b, \"c\r\nA: 1\r\nC: 2\r\n", "A: 1\nC: 2\n", "", false},
    {GET11 "Connection: date, user-agent\r\nDate: x\r\nUser-Agent: y\r\n", "", "", false},
    {GET11 "Connection: close, ,\r\nClose: x\r\nHost: a\r\n", "Host: a\n", "", false},
    /* what it may not name */
    {GET11 "Connection: host, cookie\r\nHost: a\r\nCookie: b\r\n", "Host: a\nCookie: b\n", "",
     false},
    {GET11 "Connection: X-Forwarded-For, x-forwarded-proto\r\nX-Forwarded-For: 1\r\n"
           "X-Forwarded-Proto: https\r\n",
     "X-Forwarded-For: 1\nX-Forwarded-Proto: https\n", "", false},
    {GET11 "Connection: X-Forwarded-Host, X-Forwarded-Port, X-Forwarded-Server, X-Real-IP, "
           "Forwarded\r\nX-Forwarded-Host: a\r\nX-Forwarded-Port: b\r\nX-Forwarded-Server: c\r\n"
           "X-Real-IP: d\r\nForwarded: e\r\n",
     "X-Forwarded-Host: a\nX-Forwarded-Port: b\nX-Forwarded-Server: c\nX-Real-IP: d\n"
     "Forwarded: e\n",
     "", false},
    {GET11 "Connection: authorization, content-type\r\nAuthorization: a\r\nContent-Type: b\r\n",
     "Authorization: a\nContent-Type: b\n", "", false},
    /* upgrades */
    {GET11 WS "websocket\r\n", "", "websocket", false},
    {GET11 "connection: keep-alive, UPGRADE\r\nupgrade: WebSocket\r\nSec-WebSocket-Key: x\r\n",
     "Sec-WebSocket-Key: x\n", "WebSocket", false},
    {GET11 "Upgrade: websocket\r\n", "", "", false},
    {GET11 "Connection: close\r\nUpgrade: websocket\r\n", "", "", false},
    {GET11 "Connection: upgrade\r\n", "", "", false},
    {GET10 WS "websocket\r\n", "", "", false},
    {GET11 WS "h2c\r\n", "", "", false},
    {GET11 "Proxy: http://evil.test/\r\nX: y\r\n", "X: y\n", "", false},
    {GET11 WS "H2C\r\nHTTP2-Settings: x\r\n", "", "", false},
    {GET11 WS "h2c, websocket\r\n", "", "websocket", false},
    {GET11 WS "websocket,h2c\r\n", "", "websocket", false},
    {GET11 WS "h2c/1\r\n", "", "", false},
    {GET11 WS "a,b/1,c\r\nUpgrade: d\r\n", "", "a, b/1, c, d", false},
    {GET11 WS "bad one, websocket, x/, \r\n", "", "websocket", false},
    {GET11 WS "\r\n", "", "", false},
    /* TE */
    {GET11 "TE: trailers\r\nConnection: TE\r\n", "", "", true},
    {GET11 "TE: gzip, Trailers\r\n", "", "", true},
    {GET11 "TE: gzip\r\n", "", "", false},
};

static const struct hop_case responses[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\nServer: a\r\n",
     "Content-Length: 5\nServer: a\n", "", false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5\r\n", "", "", false},
    {"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX: y\r\n", "X: y\n",
     "websocket", false},
    {"HTTP/1.1 426 No\r\nUpgrade: TLS/1.0\r\nConnection: x-internal\r\nX-Internal: 1\r\n", "", "",
     false},
};

static void run(const struct hop_case *c, bool is_response)
{
    struct arena arena;
    struct message m;
    struct hop hop;
    arena_init(&arena, 4096);
    make_message(&m, &arena, c->head, is_response);
    hop_strip(&m, &hop);
    assert_str(fields_text(&m), str_of(c->left), c->head);
    assert_str(hop.upgrade, str_of(c->upgrade), c->head);
    assert_int_equal(hop.te_trailers, c->te);
    arena_fini(&arena);
}

static void test_hop_strip_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(requests); i++) {
        run(&requests[i], false);
    }
}

static void test_hop_strip_responses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(responses); i++) {
        run(&responses[i], true);
    }
}

static void test_hop_switches_to_what_was_asked(void **state)
{
    static const struct {
        const char *fields;
        const char *asked;
        bool switches;
    } table[] = {
        {WS "websocket\r\n", "websocket", true},
        {WS "WebSocket\r\n", "a, websocket", true},
        {WS "a\r\nUpgrade: b\r\n", "b, a, c", true},
        {WS "a, b\r\n", "a", false},
        {WS "h2c\r\n", "websocket", false},
        {WS "\r\n", "websocket", false},
        {WS "websocket\r\n", "", false},
        {"Connection: Upgrade\r\n", "websocket", false},
        {"Upgrade: websocket\r\n", "websocket", false},
        {"Connection: close\r\nUpgrade: websocket\r\n", "websocket", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena;
        struct message m;
        char head[256];
        arena_init(&arena, 4096);
        snprintf(head, sizeof(head), "HTTP/1.1 101 Switching\r\n%s", table[i].fields);
        make_message(&m, &arena, head, true);
        assert_int_equal(hop_switches(&m, str_of(table[i].asked)), table[i].switches);
        arena_fini(&arena);
    }
}

/* RFC 9110 section 7.6.1: what Connection names is not for the next hop behind the body either. */
static void test_hop_strip_trailers(void **state)
{
    static const struct {
        const char *head;
        const char *left;
    } table[] = {
        {GET11 "Connection: close, te\r\n", "A: 1\nDate: 2\nClose: 3\n"},
        {GET11 "Connection: keep-alive, a\r\n", "Date: 2\nClose: 3\n"},
        {GET11 "Connection: date\r\n", "A: 1\nClose: 3\n"},
        {GET11, "A: 1\nDate: 2\nClose: 3\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena;
        struct message m, trailers;
        struct hop hop;
        arena_init(&arena, 4096);
        make_message(&m, &arena, table[i].head, false);
        hop_strip(&m, &hop);
        message_init(&trailers, &arena);
        message_add(&trailers, STR("A"), STR("1"));
        message_add(&trailers, STR("Date"), STR("2"));
        message_add(&trailers, STR("Close"), STR("3"));
        hop_strip_trailers(&trailers, &hop);
        assert_str(fields_text(&trailers), str_of(table[i].left), table[i].head);
        arena_fini(&arena);
    }
}

static void test_hop_counts_max_forwards(void **state)
{
    static const struct {
        const char *head;
        const char *left; /* NULL: not forwarded */
    } table[] = {
        {"OPTIONS * HTTP/1.1\r\nMax-Forwards: 0\r\n", NULL},
        {"TRACE / HTTP/1.1\r\nmax-forwards: 00\r\n", NULL},
        {"OPTIONS * HTTP/1.1\r\nMax-Forwards: 10\r\n", "Max-Forwards: 9\n"},
        {"TRACE / HTTP/1.1\r\nMax-Forwards: 1\r\n", "Max-Forwards: 0\n"},
        {"OPTIONS * HTTP/1.1\r\nMax-Forwards: x\r\nMax-Forwards:\r\n",
         "Max-Forwards: x\nMax-Forwards: \n"},
        {"OPTIONS * HTTP/1.1\r\nMax-Forwards: 99999999999\r\n", "Max-Forwards: 99999999999\n"},
        {"GET / HTTP/1.1\r\nMax-Forwards: 0\r\n", "Max-Forwards: 0\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena;
        struct message m;
        arena_init(&arena, 4096);
        make_message(&m, &arena, table[i].head, false);
        assert_int_equal(hop_may_forward(&m), table[i].left != NULL);
        if (table[i].left != NULL) {
            assert_str(fields_text(&m), str_of(table[i].left), table[i].head);
        }
        arena_fini(&arena);
    }
}

/* Thousands of names cost no time: beyond a bound every unknown field goes, the known ones stay. */
static void test_hop_strip_bounds_the_list(void **state)
{
    (void)state;
    struct arena arena;
    struct message m;
    struct hop hop;
    char list[20000];
    size_t len = 0;
    for (unsigned i = 0; i < 5000; i++) {
        list[len++] = (char)('a' + i % 26);
        list[len++] = (char)('a' + i / 26 % 26);
        list[len++] = ',';
    }
    arena_init(&arena, 4096);
    message_init(&m, &arena);
    message_add(&m, STR("Connection"), str_n(list, len));
    message_add(&m, STR("Host"), STR("a"));
    message_add(&m, STR("zz"), STR("named"));
    message_add(&m, STR("Unnamed"), STR("x"));
    message_add(&m, STR("Referer"), STR("b"));
    hop_strip(&m, &hop);
    assert_str(fields_text(&m), STR("Host: a\nReferer: b\n"), "fields");
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hop_strip_requests),
        cmocka_unit_test(test_hop_strip_responses),
        cmocka_unit_test(test_hop_switches_to_what_was_asked),
        cmocka_unit_test(test_hop_strip_trailers),
        cmocka_unit_test(test_hop_counts_max_forwards),
        cmocka_unit_test(test_hop_strip_bounds_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

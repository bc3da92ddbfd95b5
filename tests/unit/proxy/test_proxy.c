/* SPDX-License-Identifier: MIT */
#include "proxy/proxy.h"

#include "proxy_rig.h"
#include "upstream/made.h"

#include <errno.h>

static void test_proxy_relays_and_keeps_alive(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, plain_site);
    for (int i = 0; i < 3; i++) {
        ask(&r, "GET /x?y=1 HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: "
                "x-a\r\nX-A: 1\r\n\r\n");
        await(&r, &r.asked, "\r\n\r\n");
        assert_true(has(&r.asked, "GET /x?y=1 HTTP/1.1\r\n"));
        assert_true(has(&r.asked, "Host: a.test\r\n"));
        assert_true(has(&r.asked, "X-Forwarded-For: 127.0.0.1\r\n"));
        assert_true(has(&r.asked, "X-Forwarded-Proto: http\r\n"));
        assert_false(has(&r.asked, "X-A"));
        serve(&r, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        await(&r, &r.got, "\r\n\r\nhello");
    }
    assert_int_equal(r.slot->values[COUNTER_LINKS_REUSED], 2);
    assert_int_equal(r.slot->values[COUNTER_CONNS_ACCEPTED], 1);
    rig_close(&r);
}

static void test_proxy_routes_and_strips(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, plain_site);
    ask(&r, "GET /api/v1?z HTTP/1.1\r\nHost: A.test:80\r\n\r\n");
    await(&r, &r.asked, "GET /v1?z HTTP/1.1\r\n");
    serve(&r, "HTTP/1.1 204 No Content\r\n\r\n");
    await(&r, &r.got, "204 No Content");
    ask(&r, "GET /apix HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await(&r, &r.asked, "GET /apix HTTP/1.1\r\n");
    rig_close(&r);
}

static void test_proxy_redirects(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, plain_site);
    ask(&r, "GET /p/%2f?q=1&r HTTP/1.1\r\nHost: b.test\r\n\r\n");
    await(&r, &r.got, "301 Moved Permanently");
    await(&r, &r.got, "Location: https://b.test/p/%2f?q=1&r\r\n");
    ask(&r, "GET /x HTTP/1.1\r\nHost: old.test\r\n\r\n");
    await(&r, &r.got, "Location: https://a.test/x\r\n");
    ask(&r, "OPTIONS * HTTP/1.1\r\nHost: old.test\r\n\r\n");
    await(&r, &r.got, "Location: https://a.test/\r\n");
    /* A body that is not read ends the connection, and the answer says so. */
    ask(&r, "POST /x HTTP/1.1\r\nHost: b.test\r\nContent-Length: 9\r\n\r\n");
    await(&r, &r.got, "Connection: close\r\n");
    await_closed(&r, &r.client);
    rig_close(&r);
}

static const char pattern_site[] = "version: 1\n"
                                   "timeouts: {attempt: 200ms, connect: 300ms}\n"
                                   "sites:\n"
                                   "  \"*.x.test\": {to: \"http://{1}_web:3000\", http: serve}\n"
                                   "  \"*.old.test\": {redirect: \"https://{1}.new.test\"}\n";

static void test_proxy_asks_for_names_that_requests_make(void **state)
{
    struct rig r;
    struct upstream *up;
    (void)state;
    rig_open(&r, pattern_site);
    up = proxy_upstream(r.proxy);
    ask(&r, "GET /x HTTP/1.1\r\nHost: PR1.x.test\r\n\r\n");
    for (int i = 0; i < PATIENCE && r.wants == 0; i++) {
        turn(&r);
    }
    assert_string_equal(r.wanted, "tasks.pr1_web:3000");
    made_update(up, STR("tasks.pr1_web:3000"), MADE_SET, &r.service, 1);
    await(&r, &r.asked, "GET /x HTTP/1.1\r\n");
    serve(&r, "HTTP/1.1 204 No Content\r\n\r\n");
    await(&r, &r.got, "HTTP/1.1 204 ");
    /* Known now, and the link is kept. */
    ask(&r, "GET /y HTTP/1.1\r\nHost: pr1.x.test\r\n\r\n");
    await(&r, &r.asked, "GET /y HTTP/1.1\r\n");
    serve(&r, "HTTP/1.1 204 No Content\r\n\r\n");
    await(&r, &r.got, "HTTP/1.1 204 ");
    assert_int_equal(r.wants, 1);
    assert_int_equal(r.slot->values[COUNTER_LINKS_REUSED], 1);
    ask(&r, "GET / HTTP/1.1\r\nHost: a_b.x.test\r\n\r\n");
    await(&r, &r.got, "HTTP/1.1 404 ");
    ask(&r, "GET / HTTP/1.1\r\nHost: x.test\r\n\r\n");
    await(&r, &r.got, "HTTP/1.1 404 ");
    assert_int_equal(r.wants, 1);
    ask(&r, "GET / HTTP/1.1\r\nHost: pr2.x.test\r\n\r\n");
    for (int i = 0; i < PATIENCE && r.wants == 1; i++) {
        turn(&r);
    }
    made_update(up, STR("tasks.pr2_web:3000"), MADE_GONE, NULL, 0);
    await(&r, &r.got, "HTTP/1.1 503 ");
    assert_true(has(&r.got, "name_limit") && has(&r.got, "Retry-After: "));
    /* Nobody answers: as for any service whose name is not known yet. */
    ask(&r, "GET / HTTP/1.1\r\nHost: pr3.x.test\r\n\r\n");
    await(&r, &r.got, "HTTP/1.1 503 ");
    assert_true(has(&r.got, "hold_timeout"));
    ask(&r, "GET /a HTTP/1.1\r\nHost: shop.old.test\r\n\r\n");
    await(&r, &r.got, "Location: https://shop.new.test/a\r\n");
    rig_close(&r);
}

static void test_proxy_answers_errors(void **state)
{
    static const struct {
        const char *request;
        const char *status;
    } table[] = {
        {"GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n", "HTTP/1.1 404 "},
        {"GET / HTTP/1.1\r\nHost: c.test\r\n\r\n", "HTTP/1.1 502 "},
        {"GET / HTTP/1.1\r\nHost: d.test\r\n\r\n", "HTTP/1.1 503 "},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n", "HTTP/1.1 400 "},
        {"CONNECT a.test:80 HTTP/1.1\r\nHost: a.test\r\n\r\n", "HTTP/1.1 405 "},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nExpect: tea\r\n\r\n", "HTTP/1.1 417 "},
    };
    struct rig r;
    (void)state;
    rig_open(&r, plain_site);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        ask(&r, table[i].request);
        await(&r, &r.got, table[i].status);
        await(&r, &r.got, "X-Request-Id: ");
        fd_close(&r.client);
    }
    assert_true(r.hurried > 0); /* the refused connect had DNS asked again */
    rig_close(&r);
}

static void test_proxy_bodies_both_ways(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, plain_site);
    ask(&r, "POST /u HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    await(&r, &r.asked, "3\r\nabc\r\n");
    send(r.client, "2;ext=1\r\nde\r\n0\r\n\r\n", 18, 0);
    await(&r, &r.asked, "2\r\nde\r\n0\r\n\r\n");
    serve(&r, "HTTP/1.0 200 OK\r\n\r\nuntil the end");
    await(&r, &r.got, "until the end\r\n");
    fd_close(&r.link);
    await(&r, &r.got, "\r\n0\r\n\r\n");
    rig_close(&r);
}

static void test_proxy_service_breaks(void **state)
{
    static const struct {
        const char *answer;
        const char *wanted;
    } table[] = {
        {"", "502 "},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "502 "},
        {"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", "502 "},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "502 "},
    };
    struct rig r;
    (void)state;
    rig_open(&r, plain_site);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        ask(&r, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
        await(&r, &r.asked, "\r\n\r\n");
        serve(&r, table[i].answer);
        fd_close(&r.link);
        await(&r, &r.got, table[i].wanted);
        fd_close(&r.client);
    }
    ask(&r, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await(&r, &r.asked, "\r\n\r\n");
    serve(&r, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    await(&r, &r.got, "abc");
    fd_close(&r.link);
    await_closed(&r, &r.client); /* cut, never silently short */
    rig_close(&r);
}

static void test_proxy_client_abort_closes_link(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, plain_site);
    ask(&r, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await(&r, &r.asked, "\r\n\r\n");
    fd_close(&r.client);
    await_closed(&r, &r.link);
    await_states(&r, 0, 0);
    rig_close(&r);
}

static void test_proxy_tunnel(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, plain_site);
    ask(&r,
        "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    await(&r, &r.asked, "Upgrade: websocket\r\n");
    serve(&r, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "\r\nfirst");
    await(&r, &r.got, "\r\n\r\nfirst");
    send(r.client, "ping", 4, 0);
    await(&r, &r.asked, "ping");
    serve(&r, "pong");
    await(&r, &r.got, "pong");
    assert_int_equal(r.slot->values[COUNTER_EXCHANGES_TUNNEL], 1);
    configure(&r, 2, plain_site); /* a reload: the tunnel lives on */
    send(r.client, "more", 4, 0);
    await(&r, &r.asked, "more");
    shutdown(r.client, SHUT_WR);
    await_closed(&r, &r.link);
    await_closed(&r, &r.client);
    rig_close(&r);
}

static void test_proxy_challenge_folder(void **state)
{
    static const char site[] = "version: 1\nacme: {folder: /challenges}\n"
                               "sites: {a.test: \"http://127.0.0.1:%u\"}\n#%u\n";
    struct rig r;
    (void)state;
    rig_open(&r, site);
    ask(&r, "GET /.well-known/acme-challenge/tok-EN_1 HTTP/1.1\r\nHost: unknown.test\r\n\r\n");
    for (int i = 0; i < PATIENCE && r.token_id == 0; i++) {
        turn(&r);
    }
    assert_string_equal(r.token, "tok-EN_1");
    proxy_challenge_answer(r.proxy, r.token_id, true, STR("tok-EN_1.thumb"));
    await(&r, &r.got, "\r\n\r\ntok-EN_1.thumb");
    ask(&r, "GET /.well-known/acme-challenge/..%2fx HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await(&r, &r.got, "404 Not Found");
    ask(&r, "POST /.well-known/acme-challenge/x HTTP/1.1\r\nHost: a.test\r\nContent-Length: "
            "0\r\n\r\n");
    await(&r, &r.got, "405 Method Not Allowed");
    rig_close(&r);
}

static void test_proxy_challenge_relay(void **state)
{
    static const char site[] = "version: 1\nacme: {relay: \"http://127.0.0.1:%u/\"}\n"
                               "sites: {a.test: \"http://127.0.0.1:%u\"}\n";
    struct rig r;
    (void)state;
    rig_open(&r, site);
    ask(&r, "GET /.well-known/acme-challenge/abc HTTP/1.1\r\nHost: unknown.test\r\nCookie: "
            "secret\r\n\r\n");
    await(&r, &r.asked, "GET /abc HTTP/1.1\r\n");
    assert_false(has(&r.asked, "secret"));
    serve(&r, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nSet-Cookie: x\r\n\r\nabc.key");
    await(&r, &r.got, "\r\n\r\nabc.key");
    assert_false(has(&r.got, "Set-Cookie"));
    rig_close(&r);
}

static void test_proxy_proxy_protocol(void **state)
{
    static const char site[] = "version: 1\nproxy_protocol: {trust: [127.0.0.0/8]}\n"
                               "sites: {a.test: {to: \"http://127.0.0.1:%u\", http: serve}}\n#%u\n";
    struct rig r;
    (void)state;
    rig_open(&r, site);
    ask(&r, "PROXY TCP4 203.0.113.7 10.0.0.1 1234 80\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await(&r, &r.asked, "X-Forwarded-For: 203.0.113.7\r\n");
    fd_close(&r.client);
    await_closed(&r, &r.link);
    ask(&r, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"); /* plain is taken too */
    await(&r, &r.asked, "X-Forwarded-For: 127.0.0.1\r\n");
    fd_close(&r.client);
    await_closed(&r, &r.link);
    ask(&r, "PROXY TCP4 nonsense\r\n");
    await_closed(&r, &r.client);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proxy_relays_and_keeps_alive),
        cmocka_unit_test(test_proxy_routes_and_strips),
        cmocka_unit_test(test_proxy_redirects),
        cmocka_unit_test(test_proxy_asks_for_names_that_requests_make),
        cmocka_unit_test(test_proxy_answers_errors),
        cmocka_unit_test(test_proxy_bodies_both_ways),
        cmocka_unit_test(test_proxy_service_breaks),
        cmocka_unit_test(test_proxy_client_abort_closes_link),
        cmocka_unit_test(test_proxy_tunnel),
        cmocka_unit_test(test_proxy_challenge_folder),
        cmocka_unit_test(test_proxy_challenge_relay),
        cmocka_unit_test(test_proxy_proxy_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The data path of one worker in one process: a client and a service are sockets of the test. */
#include "proxy/proxy.h"

#include "base/fd.h"
#include "base/mem.h"
#include "config/load.h"
#include "net/listener.h"
#include "proxy/conn.h"
#include "upstream/made.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define BYTES_MAX (1 << 20)
#define PATIENCE  5000 /* turns of at most a millisecond */

struct rig {
    struct loop *loop;
    struct counters counters;
    struct slot *slot;
    struct tls_ticket_ring tickets;
    struct proxy *proxy;
    struct addr door;
    int door_fd;
    struct addr service;
    int service_fd; /* listening */
    int client;
    int link; /* the service's end of a connection */
    struct buf got;
    struct buf asked; /* what the service got */
    char token[64];
    uint32_t token_id;
    bool drained;
    unsigned hurried;
    char wanted[128]; /* the last made name asked for */
    unsigned wants;
};

static void challenge_ask(void *arg, uint32_t id, struct str token)
{
    struct rig *r = arg;
    r->token_id = id;
    str_copy(r->token, sizeof(r->token), token);
}

static void hurry(void *arg, struct str service)
{
    struct rig *r = arg;
    (void)service;
    r->hurried++;
}

static void want(void *arg, struct str service, bool tell)
{
    struct rig *r = arg;
    str_copy(r->wanted, sizeof(r->wanted), service);
    r->wants += tell;
}

static void drained(void *arg)
{
    struct rig *r = arg;
    r->drained = true;
}

static int listen_somewhere(struct addr *out_at)
{
    int fd = -1;
    assert_int_equal(addr_parse_ip(STR("127.0.0.1"), 0, out_at), OK);
    assert_int_equal(listener_bind(out_at, false, &fd), OK);
    out_at->len = sizeof(out_at->in6);
    assert_int_equal(getsockname(fd, &out_at->sa, &out_at->len), 0);
    return fd;
}

static void configure(struct rig *r, uint64_t number, const char *format)
{
    char text[2048];
    struct diags diags;
    struct buf out;
    struct model *model = NULL;
    unsigned port = addr_port(&r->service);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the test's own text */
    snprintf(text, sizeof(text), format, port, port);
#pragma GCC diagnostic pop
    diags_init(&diags);
    buf_init(&out, BYTES_MAX);
    if (load_text(str_of(text), "test.yml", false, &diags, &model) != OK) {
        assert_int_equal(diags_print(&diags, &out), OK);
        fail_msg("%.*s", STR_FMT(buf_str(&out)));
    }
    struct tls_set none = {0};
    struct proxy_settings *settings = NULL;
    assert_int_equal(proxy_settings_new(r->proxy, number, model, &none, &settings), OK);
    proxy_set_current(r->proxy, settings);
    proxy_settings_unref(settings);
    diags_fini(&diags);
    buf_fini(&out);
}

static const char plain_site[] = "version: 1\n"
                                 "forwarded: {trust: []}\n"
                                 "timeouts: {attempt: 200ms, connect: 400ms}\n"
                                 "hold: {wait: 0s}\n"
                                 "sites:\n"
                                 "  a.test:\n"
                                 "    http: serve\n"
                                 "    routes:\n"
                                 "      /: http://127.0.0.1:%u\n"
                                 "      /api: {to: \"http://127.0.0.1:%u\", strip: true}\n"
                                 "  b.test: http://127.0.0.1:1\n"
                                 "  c.test: {to: \"http://gone:1\", http: serve}\n"
                                 "  d.test: {to: \"http://nowhere:1\", http: serve}\n"
                                 "  old.test: {redirect: \"https://a.test\"}\n";

static void rig_open(struct rig *r, const char *format)
{
    memset(r, 0, sizeof(*r));
    r->client = -1;
    r->link = -1;
    r->loop = loop_new();
    assert_int_equal(counters_create(1, &r->counters), OK);
    r->slot = slot_adopt(&r->counters, 0, SLOT_WORKER, 0);
    assert_int_equal(tls_ticket_ring_init(&r->tickets), OK);
    r->door_fd = listen_somewhere(&r->door);
    r->service_fd = listen_somewhere(&r->service);
    struct proxy_env env = {.loop = r->loop,
                            .slot = r->slot,
                            .counters = &r->counters,
                            .tickets = &r->tickets,
                            .challenge_ask = challenge_ask,
                            .hurry = hurry,
                            .want = want,
                            .drained = drained,
                            .arg = r};
    r->proxy = proxy_new(&env);
    buf_init(&r->got, BYTES_MAX);
    buf_init(&r->asked, BYTES_MAX);
    configure(r, 1, format);
    struct addr dead;
    assert_int_equal(addr_parse(STR("127.0.0.1:1"), &dead), OK);
    upstream_update(proxy_upstream(r->proxy), STR("nowhere:1"), NULL, 0);
    upstream_update(proxy_upstream(r->proxy), STR("gone:1"), &dead, 1);
    proxy_listen(r->proxy, r->door_fd, PROXY_PORT_HTTP);
}

static void rig_close(struct rig *r)
{
    fd_close(&r->client);
    fd_close(&r->link);
    proxy_free(r->proxy);
    loop_free(r->loop);
    fd_close(&r->door_fd);
    fd_close(&r->service_fd);
    buf_fini(&r->got);
    buf_fini(&r->asked);
    counters_fini(&r->counters);
}

static void receive(int *fd, struct buf *into)
{
    char bytes[16384];
    ssize_t n;
    while (*fd >= 0 && (n = recv(*fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0) {
        if (n == 0) {
            fd_close(fd);
            return;
        }
        assert_int_equal(buf_append(into, bytes, (size_t)n), OK);
    }
}

/* One turn of everything. */
static void turn(struct rig *r)
{
    loop_turn(r->loop, false);
    if (r->link < 0) {
        r->link = accept4(r->service_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    }
    receive(&r->client, &r->got);
    receive(&r->link, &r->asked);
    poll(NULL, 0, 1);
}

static bool has(struct buf *b, const char *part)
{
    return b->tail > 0 && memmem(b->data, b->tail, part, strlen(part)) != NULL;
}

static void await(struct rig *r, struct buf *b, const char *part)
{
    for (int i = 0; i < PATIENCE && !has(b, part); i++) {
        turn(r);
    }
    if (!has(b, part)) {
        fail_msg("no \"%s\" in \"%.*s\"", part, (int)b->tail, (const char *)b->data);
    }
}

static void await_closed(struct rig *r, int *fd)
{
    for (int i = 0; i < PATIENCE && *fd >= 0; i++) {
        turn(r);
    }
    assert_int_equal(*fd, -1);
}

static void await_states(struct rig *r, uint64_t conns, uint64_t exchanges)
{
    for (int i = 0; i < PATIENCE; i++) {
        uint64_t all = r->slot->values[COUNTER_CONNS_OPEN] + r->slot->values[COUNTER_CONNS_IDLE] +
                       r->slot->values[COUNTER_CONNS_DRAINING];
        uint64_t busy =
            r->slot->values[COUNTER_EXCHANGES_CONNECT] + r->slot->values[COUNTER_EXCHANGES_RELAY];
        if (all == conns && busy == exchanges) {
            return;
        }
        turn(r);
    }
    fail_msg("states were not reached");
}

static void ask(struct rig *r, const char *text)
{
    if (r->client < 0) {
        r->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(r->client, &r->door.sa, r->door.len), 0);
    }
    buf_clear(&r->got);
    buf_clear(&r->asked);
    assert_int_equal(send(r->client, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void serve(struct rig *r, const char *text)
{
    assert_int_equal(send(r->link, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

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
    assert_true(has(&r.got, "no_endpoint"));
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

static void test_proxy_drains(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r, plain_site);
    ask(&r, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await(&r, &r.asked, "\r\n\r\n");
    proxy_drain(r.proxy);
    assert_false(r.drained);
    serve(&r, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    await(&r, &r.got, "Connection: close\r\n");
    await(&r, &r.got, "\r\n\r\nok");
    await_closed(&r, &r.client);
    for (int i = 0; i < PATIENCE && !r.drained; i++) {
        turn(&r);
    }
    assert_true(r.drained);
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
        cmocka_unit_test(test_proxy_drains),
        cmocka_unit_test(test_proxy_proxy_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The data path of one worker in one process: a client and a service are sockets of the test. */
#ifndef HIVEDOOR_TESTS_UNIT_PROXY_PROXY_RIG_H
#define HIVEDOOR_TESTS_UNIT_PROXY_PROXY_RIG_H

#include "base/fd.h"
#include "base/mem.h"
#include "config/load.h"
#include "net/listener.h"
#include "proxy/conn.h"
#include "proxy/proxy.h"

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
    bool shut;
    unsigned hurried;
    char wanted[128]; /* the last made name asked for */
    unsigned wants;
};

static inline void challenge_ask(void *arg, uint32_t id, struct str token)
{
    struct rig *r = arg;
    r->token_id = id;
    str_copy(r->token, sizeof(r->token), token);
}

static inline void hurry(void *arg, struct str service)
{
    struct rig *r = arg;
    (void)service;
    r->hurried++;
}

static inline void want(void *arg, struct str service, bool tell)
{
    struct rig *r = arg;
    str_copy(r->wanted, sizeof(r->wanted), service);
    r->wants += tell;
}

static inline void drained(void *arg, bool is_shut)
{
    struct rig *r = arg;
    r->drained = true;
    r->shut = is_shut;
}

static inline int listen_somewhere(struct addr *out_at)
{
    int fd = -1;
    assert_int_equal(addr_parse_ip(STR("127.0.0.1"), 0, out_at), OK);
    assert_int_equal(listener_bind(out_at, false, &fd), OK);
    out_at->len = sizeof(out_at->in6);
    assert_int_equal(getsockname(fd, &out_at->sa, &out_at->len), 0);
    return fd;
}

static inline void configure(struct rig *r, uint64_t number, const char *format)
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

static inline void rig_open(struct rig *r, const char *format)
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

static inline void rig_close(struct rig *r)
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

static inline void receive(int *fd, struct buf *into)
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
static inline void turn(struct rig *r)
{
    loop_turn(r->loop, false);
    if (r->link < 0) {
        r->link = accept4(r->service_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    }
    receive(&r->client, &r->got);
    receive(&r->link, &r->asked);
    poll(NULL, 0, 1);
}

static inline bool has(struct buf *b, const char *part)
{
    return b->tail > 0 && memmem(b->data, b->tail, part, strlen(part)) != NULL;
}

static inline void await(struct rig *r, struct buf *b, const char *part)
{
    for (int i = 0; i < PATIENCE && !has(b, part); i++) {
        turn(r);
    }
    if (!has(b, part)) {
        fail_msg("no \"%s\" in \"%.*s\"", part, (int)b->tail, (const char *)b->data);
    }
}

static inline void await_closed(struct rig *r, int *fd)
{
    for (int i = 0; i < PATIENCE && *fd >= 0; i++) {
        turn(r);
    }
    assert_int_equal(*fd, -1);
}

static inline void await_states(struct rig *r, uint64_t conns, uint64_t exchanges)
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

static inline void ask(struct rig *r, const char *text)
{
    if (r->client < 0) {
        r->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(r->client, &r->door.sa, r->door.len), 0);
    }
    buf_clear(&r->got);
    buf_clear(&r->asked);
    assert_int_equal(send(r->client, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static inline void serve(struct rig *r, const char *text)
{
    assert_int_equal(send(r->link, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

#endif

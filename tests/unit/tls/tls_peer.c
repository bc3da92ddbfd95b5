/* SPDX-License-Identifier: MIT */
#include "tls_peer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "tls_kit.h"

#define HELD_MAX (64 * 1024)

static const char *const alpn_h1[] = {"h2", "http/1.1", NULL};

void peer_start(struct peer *p, const struct peer_keys *keys, const char *default_name)
{
    *p = (struct peer){.handshake = ERR_AGAIN, .fd = -1};
    p->loop = loop_new();
    p->worker = tls_worker_new(p->loop);
    assert_int_equal(tls_ticket_ring_init(&p->ring), OK);
    p->set =
        kit_set(kit_site("a.com b.com", keys->ec, 0, 0), kit_site("a.com b.com", keys->rsa, 0, 0),
                kit_site("c.com", keys->ec, 0, 0), NULL);
    struct tls_settings settings = {.min_version = TLS1_2_VERSION,
                                    .default_name = str_of(default_name),
                                    .tickets = &p->ring,
                                    .alpn = alpn_h1};
    const struct tls_cert *bad = NULL;
    assert_int_equal(tls_server_new(&p->set, &settings, &p->server), OK);
    assert_int_equal(tls_server_verify(p->server, NULL, &bad), OK);
    assert_true(tls_server_has(p->server, STR("c.com")));
    assert_false(tls_server_has(p->server, STR("d.com")));
    p->client_ctx = SSL_CTX_new(TLS_client_method());
    buf_init(&p->held, BIG * 2);
}

void peer_drop(struct peer *p)
{
    stream_close(p->stream);
    p->stream = NULL;
    SSL_free(p->client);
    p->client = NULL;
    if (p->fd >= 0) {
        (void)close(p->fd);
    }
    p->fd = -1;
    buf_fini(&p->held);
    ERR_clear_error();
    loop_turn(p->loop, false);
}

void peer_stop(struct peer *p)
{
    peer_drop(p);
    tls_worker_free(p->worker);
    tls_server_unref(p->server);
    tls_set_fini(&p->set);
    loop_free(p->loop);
    SSL_CTX_free(p->client_ctx);
}

static void set_want(struct peer *p)
{
    bool is_full = buf_len(&p->held) >= HELD_MAX;
    bool reads = p->read_rc == OK && !is_full;

    stream_want(p->stream, (reads ? (unsigned)STREAM_READABLE : 0U) |
                               (buf_len(&p->held) > 0 ? (unsigned)STREAM_WRITABLE : 0U));
}

static void write_held(struct peer *p)
{
    while (buf_len(&p->held) > 0) {
        struct str s = buf_str(&p->held);
        size_t cut = s.len < 7 ? s.len : 1 + p->step++ % 7;
        struct iovec iov[3] = {{(char *)(uintptr_t)s.ptr, cut},
                               {(char *)(uintptr_t)s.ptr + cut, 0},
                               {(char *)(uintptr_t)s.ptr + cut, s.len - cut}};
        size_t n = 0;
        int rc = stream_write(p->stream, iov, 3, &n);
        if (rc == ERR_AGAIN) {
            return;
        }
        if (rc != OK) {
            p->read_rc = rc;
            return;
        }
        assert_true(n > 0 && n <= s.len);
        buf_consume(&p->held, n);
    }
}

static void read_one(struct peer *p)
{
    static uint8_t dst[40000];
    static const size_t sizes[] = {1, 100, 16384, 40000, 333, 16383, 20000};
    size_t cap = sizes[p->step++ % 7];
    size_t n = 0;

    if (p->read_rc != OK || buf_len(&p->held) >= HELD_MAX) {
        return;
    }
    /* One read a call, however much there is: the stream has to tell again by itself. */
    int rc = stream_read(p->stream, dst, cap, &n);
    if (rc == OK) {
        assert_true(n > 0 && n <= cap);
        assert_int_equal(buf_append(&p->held, dst, n), OK);
    } else if (rc != ERR_AGAIN) {
        p->read_rc = rc;
    }
}

void peer_on_ready(void *arg, unsigned ready)
{
    struct peer *p = arg;

    p->calls++;
    if (p->handshake == ERR_AGAIN) {
        p->handshake = tls_stream_handshake(p->stream);
        if (p->handshake == ERR_AGAIN) {
            return;
        }
        if (p->handshake == OK && p->close_when_told) {
            stream_close(p->stream);
            p->stream = NULL;
            return;
        }
    }
    if (p->handshake != OK) {
        stream_want(p->stream, 0);
        return;
    }
    if ((ready & STREAM_READABLE) != 0) {
        read_one(p);
    }
    write_held(p);
    set_want(p);
}

void peer_dial(struct peer *p, int version, const char *name)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    p->fd = fds[1];
    p->handshake = ERR_AGAIN;
    p->read_rc = OK;
    buf_init(&p->held, BIG * 2);
    p->client = SSL_new(p->client_ctx);
    SSL_set_fd(p->client, p->fd);
    if (version != 0) {
        SSL_set_min_proto_version(p->client, version);
        SSL_set_max_proto_version(p->client, version);
    }
    if (name != NULL) {
        char copy[64];
        (void)str_copy(copy, sizeof(copy), str_of(name));
        assert_int_equal(SSL_set_tlsext_host_name(p->client, copy), 1);
    }
    p->stream = tls_stream_accept(p->worker, p->server, fds[0], peer_on_ready, p);
    stream_want(p->stream, STREAM_READABLE);
}

int peer_connect(struct peer *p)
{
    int ret = 0;

    for (int i = 0; i < ROUNDS_MAX; i++) {
        ret = SSL_connect(p->client);
        loop_turn(p->loop, false);
        int why = ret == 1 ? SSL_ERROR_NONE : SSL_get_error(p->client, ret);
        bool is_over = ret == 1 || (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE);
        if (is_over && (p->handshake != ERR_AGAIN || p->stream == NULL)) {
            return ret;
        }
        if (is_over && ret != 1) {
            return ret;
        }
    }
    fail_msg("the handshake does not end");
    return ret;
}

/* Sends what it can of src[*at..], returns whether anything moved. */
static bool client_send(struct peer *p, const uint8_t *src, size_t len, size_t *at)
{
    size_t n = 0;
    size_t piece = 1 + p->step++ % 30000;

    if (*at >= len) {
        return false;
    }
    SSL_set_mode(p->client, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);
    if (SSL_write_ex(p->client, src + *at, piece < len - *at ? piece : len - *at, &n) != 1) {
        assert_int_equal(SSL_get_error(p->client, 0), SSL_ERROR_WANT_WRITE);
        return false;
    }
    *at += n;
    return true;
}

void peer_echo(struct peer *p, size_t len)
{
    uint8_t *src = mem_new(len);
    uint8_t *dst = mem_new(len);
    size_t sent = 0;
    size_t got = 0;

    for (size_t i = 0; i < len; i++) {
        src[i] = (uint8_t)(i * 7 + i / 251);
    }
    for (int i = 0; i < ROUNDS_MAX && got < len; i++) {
        size_t n = 0;
        (void)client_send(p, src, len, &sent);
        loop_turn(p->loop, false);
        /* Now and then the client reads nothing for a while, so that the server has to wait. */
        if (i % 64 < 40 && SSL_read_ex(p->client, dst + got, len - got, &n) == 1) {
            got += n;
        }
        ERR_clear_error();
    }
    assert_int_equal(got, len);
    assert_memory_equal(src, dst, len);
    assert_int_equal(stream_unsent(p->stream), 0);
    /* Nothing is told twice: an idle stream is silent. */
    loop_turn(p->loop, false);
    unsigned calls = p->calls;
    for (int i = 0; i < 20; i++) {
        loop_turn(p->loop, false);
    }
    assert_int_equal(p->calls, calls);
    free(src);
    free(dst);
}

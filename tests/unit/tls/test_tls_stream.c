/* SPDX-License-Identifier: MIT */
/* tls_stream, tls_server and tls_ctx over a socket pair, with OpenSSL's own client at the other
 * end. */
#include "tls/tls_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tls_kit.h"

#define ROUNDS_MAX 200000
#define BIG        (1024 * 1024)
#define HELD_MAX   (64 * 1024)

static EVP_PKEY *ec_key;
static EVP_PKEY *rsa_key;
static const char *const alpn_h1[] = {"h2", "http/1.1", NULL};

/* The server side: one stream that echoes. */
struct peer {
    struct loop *loop;
    struct tls_worker *worker;
    struct tls_ticket_ring ring;
    struct tls_set set;
    struct tls_server *server;
    struct stream *stream;
    int handshake; /* what it last said */
    int read_rc;   /* how reading ended; OK while it goes on */
    struct buf held;
    size_t step;    /* sizes of reads and writes vary with it */
    unsigned calls; /* how often it was told something */
    bool close_when_told;
    SSL_CTX *client_ctx;
    SSL *client;
    int fd;
};

static const char *default_name = "";

static void peer_start(struct peer *p)
{
    *p = (struct peer){.handshake = ERR_AGAIN, .fd = -1};
    p->loop = loop_new();
    p->worker = tls_worker_new(p->loop);
    assert_int_equal(tls_ticket_ring_init(&p->ring), OK);
    p->set = kit_set(kit_site("a.com b.com", ec_key, 0, 0), kit_site("a.com b.com", rsa_key, 0, 0),
                     kit_site("c.com", ec_key, 0, 0), NULL);
    struct tls_settings settings = {.min_version = TLS1_2_VERSION,
                                    .default_name = str_of(default_name),
                                    .tickets = &p->ring,
                                    .alpn = alpn_h1};
    const struct tls_cert *bad = NULL;
    assert_int_equal(tls_server_new(&p->set, &settings, &p->server), OK);
    assert_int_equal(tls_server_verify(p->server, &bad), OK);
    assert_true(tls_server_has(p->server, STR("c.com")));
    assert_false(tls_server_has(p->server, STR("d.com")));
    p->client_ctx = SSL_CTX_new(TLS_client_method());
    buf_init(&p->held, BIG * 2);
}

static void drop_connection(struct peer *p)
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

static void peer_stop(struct peer *p)
{
    drop_connection(p);
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

static void on_ready(void *arg, unsigned ready)
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

/* A connection; `name` may be NULL. `early` bytes are taken from the socket before the stream. */
static void dial(struct peer *p, int version, const char *name)
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
    p->stream = tls_stream_accept(p->worker, p->server, fds[0], STR(""), on_ready, p);
    stream_want(p->stream, STREAM_READABLE);
}

/* Drives both sides until the client's handshake ends and the server's is decided. 1 on success. */
static int connect_both(struct peer *p)
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

/* Echoes `len` bytes through the server. */
static void echo(struct peer *p, size_t len)
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

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void test_tls_stream_echoes(void **state)
{
    struct peer p;
    (void)state;

    for (int v = 0; v < 2; v++) {
        struct tls_info info;
        peer_start(&p);
        dial(&p, versions[v], "A.com");
        assert_int_equal(connect_both(&p), 1);
        echo(&p, BIG);
        tls_stream_info(p.stream, &info);
        assert_true(str_eq(info.sni, STR("a.com")));
        assert_string_equal(info.version, v == 0 ? "TLSv1.2" : "TLSv1.3");
        assert_true(strlen(info.group) > 0 && strlen(info.cipher) > 0);
        assert_false(info.resumed);
        assert_true(tls_stream_covers(p.stream, STR("b.com")));
        assert_false(tls_stream_covers(p.stream, STR("c.com")));
        assert_true(p.stream->bytes_in > BIG && p.stream->bytes_out > BIG);
        peer_stop(&p);
    }
}

static void run_until_read_ends(struct peer *p)
{
    for (int i = 0; i < ROUNDS_MAX && p->read_rc == OK; i++) {
        loop_turn(p->loop, false);
    }
}

static void test_tls_stream_tells_truncation_from_end(void **state)
{
    struct peer p;
    (void)state;

    for (int i = 0; i < 4; i++) {
        peer_start(&p);
        dial(&p, versions[i % 2], "a.com");
        assert_int_equal(connect_both(&p), 1);
        echo(&p, 1000);
        if (i < 2) {
            assert_true(SSL_shutdown(p.client) >= 0);
        }
        (void)shutdown(p.fd, SHUT_WR);
        run_until_read_ends(&p);
        assert_int_equal(p.read_rc, i < 2 ? ERR_EOF : ERR_RESET);
        if (i < 2) {
            /* Half closed: our end goes out too, and the client sees it as one. */
            uint8_t byte;
            size_t n = 0;
            assert_int_equal(stream_shutdown(p.stream), OK);
            assert_int_equal(SSL_read_ex(p.client, &byte, 1, &n), 0);
            assert_int_equal(SSL_get_error(p.client, 0), SSL_ERROR_ZERO_RETURN);
        }
        peer_stop(&p);
    }
}

/* Connects with `session` (freed), echoes, and says whether it was resumed. */
static bool resumes(struct peer *p, int version, const char *name, SSL_SESSION *session)
{
    struct tls_info info;

    dial(p, version, name);
    assert_int_equal(SSL_set_session(p->client, session), 1);
    SSL_SESSION_free(session);
    assert_int_equal(connect_both(p), 1);
    echo(p, 100);
    tls_stream_info(p->stream, &info);
    assert_int_equal(info.resumed, SSL_session_reused(p->client) == 1);
    assert_true(str_eq(info.sni, str_of(name)));
    drop_connection(p);
    return info.resumed;
}

static SSL_SESSION *session_of(struct peer *p, int version, const char *name)
{
    dial(p, version, name);
    assert_int_equal(connect_both(p), 1);
    echo(p, 100);
    SSL_SESSION *session = SSL_get1_session(p->client);
    assert_non_null(session);
    /* A client that says goodbye keeps its session. */
    (void)SSL_shutdown(p->client);
    drop_connection(p);
    return session;
}

static void test_tls_stream_resumes_under_the_same_name_only(void **state)
{
    struct peer p;
    (void)state;

    for (int v = 0; v < 2; v++) {
        peer_start(&p);
        assert_true(resumes(&p, versions[v], "a.com", session_of(&p, versions[v], "a.com")));
        /* Another name of the same certificate, and one of another certificate. */
        assert_false(resumes(&p, versions[v], "b.com", session_of(&p, versions[v], "a.com")));
        assert_false(resumes(&p, versions[v], "c.com", session_of(&p, versions[v], "a.com")));
        /* Ticket keys rotate: the older ones open, one that fell off does not. */
        SSL_SESSION *old = session_of(&p, versions[v], "a.com");
        assert_true(SSL_SESSION_up_ref(old) == 1);
        assert_int_equal(tls_ticket_ring_rotate(&p.ring), OK);
        assert_true(resumes(&p, versions[v], "a.com", old));
        for (int i = 0; i < TLS_TICKET_KEYS; i++) {
            assert_int_equal(tls_ticket_ring_rotate(&p.ring), OK);
        }
        assert_false(resumes(&p, versions[v], "a.com", old));
        peer_stop(&p);
    }
}

/* The reason of the alert that the client got. */
static int client_alert(void)
{
    int reason = ERR_GET_REASON(ERR_peek_error());
    ERR_clear_error();
    return reason;
}

static void test_tls_stream_refuses_unknown_names(void **state)
{
    struct peer p;
    (void)state;

    for (int v = 0; v < 2; v++) {
        peer_start(&p);
        dial(&p, versions[v], "unknown.com");
        assert_int_not_equal(connect_both(&p), 1);
        assert_int_equal(client_alert(), SSL_R_TLSV1_UNRECOGNIZED_NAME);
        assert_int_equal(p.handshake, ERR_NOT_FOUND);
        assert_int_equal(tls_stream_handshake(p.stream), ERR_NOT_FOUND);
        drop_connection(&p);
        dial(&p, versions[v], NULL);
        assert_int_not_equal(connect_both(&p), 1);
        assert_int_equal(p.handshake, ERR_NOT_FOUND);
        peer_stop(&p);
    }
}

static void test_tls_stream_serves_default_name(void **state)
{
    struct peer p;
    (void)state;

    default_name = "c.com";
    peer_start(&p);
    default_name = "";
    dial(&p, 0, "unknown.com");
    assert_int_equal(connect_both(&p), 1);
    assert_true(tls_stream_covers(p.stream, STR("c.com")));
    assert_false(tls_stream_covers(p.stream, STR("unknown.com")));
    drop_connection(&p);
    dial(&p, 0, NULL);
    assert_int_equal(connect_both(&p), 1);
    echo(&p, 10);
    peer_stop(&p);
}

static void test_tls_stream_chooses_alpn(void **state)
{
    static const unsigned char both[] = "\x08http/1.1\x02h2";
    static const unsigned char none[] = "\x03"
                                        "foo";
    struct tls_info info;
    struct peer p;
    (void)state;

    for (int v = 0; v < 2; v++) {
        peer_start(&p);
        dial(&p, versions[v], "a.com");
        assert_int_equal(SSL_set_alpn_protos(p.client, both, sizeof(both) - 1), 0);
        assert_int_equal(connect_both(&p), 1);
        tls_stream_info(p.stream, &info);
        assert_true(str_eq(info.alpn, STR("h2")));
        drop_connection(&p);
        dial(&p, versions[v], "a.com");
        assert_int_equal(SSL_set_alpn_protos(p.client, none, sizeof(none) - 1), 0);
        assert_int_not_equal(connect_both(&p), 1);
        assert_int_equal(client_alert(), SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
        assert_int_equal(p.handshake, ERR_TLS);
        assert_true(strlen(tls_stream_error(p.stream)) > 0);
        peer_stop(&p);
    }
}

static void test_tls_stream_has_rsa_and_ecdsa(void **state)
{
    struct peer p;
    int nid = 0;
    (void)state;

    peer_start(&p);
    for (int i = 0; i < 4; i++) {
        char algorithms[64];
        (void)str_copy(algorithms, sizeof(algorithms),
                       i < 2 ? STR("RSA-PSS+SHA256:RSA+SHA256") : STR("ECDSA+SHA256"));
        dial(&p, versions[i % 2], "a.com");
        assert_int_equal(SSL_set1_sigalgs_list(p.client, algorithms), 1);
        assert_int_equal(connect_both(&p), 1);
        assert_int_equal(SSL_get_peer_signature_type_nid(p.client, &nid), 1);
        assert_int_equal(nid == EVP_PKEY_EC, i >= 2);
        drop_connection(&p);
    }
    peer_stop(&p);
}

static void test_tls_stream_tells_plain_http(void **state)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a.com\r\n\r\n";
    static char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    struct iovec iov = {answer, sizeof(answer) - 1};
    char got[64] = {0};
    struct peer p;
    size_t n = 0;
    (void)state;

    peer_start(&p);
    dial(&p, 0, "a.com");
    assert_int_equal(write(p.fd, request, sizeof(request) - 1), sizeof(request) - 1);
    loop_turn(p.loop, false);
    assert_int_equal(p.handshake, ERR_PROTOCOL);
    assert_int_equal(stream_write(p.stream, &iov, 1, &n), OK);
    assert_int_equal(stream_shutdown(p.stream), OK);
    assert_int_equal(read(p.fd, got, sizeof(got) - 1), sizeof(answer) - 1);
    assert_string_equal(got, answer);
    assert_int_equal(read(p.fd, got, sizeof(got) - 1), 0);
    peer_stop(&p);
}

static void test_tls_stream_ends_before_a_handshake(void **state)
{
    struct peer p;
    (void)state;

    for (int i = 0; i < 3; i++) {
        static const char hello_start[] = "\x16\x03\x01\x02\x00\x01";
        peer_start(&p);
        dial(&p, 0, "a.com");
        if (i == 1) {
            assert_int_equal(write(p.fd, hello_start, 6), 6);
        } else if (i == 2) {
            assert_int_equal(write(p.fd, "\0\0\0\0\0\0\0\0", 8), 8);
        }
        (void)shutdown(p.fd, SHUT_WR);
        for (int k = 0; k < ROUNDS_MAX && p.handshake == ERR_AGAIN; k++) {
            loop_turn(p.loop, false);
        }
        assert_int_equal(p.handshake, i == 0 ? ERR_EOF : i == 1 ? ERR_RESET : ERR_TLS);
        peer_stop(&p);
    }
}

static void test_tls_stream_takes_early_bytes(void **state)
{
    struct peer p;
    char hello[4096];
    (void)state;

    peer_start(&p);
    dial(&p, TLS1_3_VERSION, "a.com");
    assert_int_equal(SSL_get_error(p.client, SSL_connect(p.client)), SSL_ERROR_WANT_READ);
    /* Somebody else has read the first bytes. */
    int fd = dup(p.stream->fd);
    stream_close(p.stream);
    ssize_t n = recv(fd, hello, sizeof(hello), 0);
    assert_true(n > 0);
    p.stream = tls_stream_accept(p.worker, p.server, fd, str_n(hello, (size_t)n), on_ready, &p);
    stream_want(p.stream, STREAM_READABLE);
    on_ready(&p, STREAM_READABLE);
    assert_int_equal(connect_both(&p), 1);
    echo(&p, 1000);
    peer_stop(&p);
}

static void test_tls_stream_may_be_closed_in_its_callback(void **state)
{
    struct peer p;
    (void)state;

    peer_start(&p);
    p.close_when_told = true;
    dial(&p, TLS1_3_VERSION, "a.com");
    assert_int_equal(connect_both(&p), 1);
    for (int i = 0; i < ROUNDS_MAX && p.stream != NULL; i++) {
        loop_turn(p.loop, false);
    }
    assert_null(p.stream);
    peer_stop(&p);
}

static void test_tls_stream_reports_a_vanished_peer(void **state)
{
    static char bytes[100000];
    struct iovec iov = {bytes, sizeof(bytes)};
    struct peer p;
    int rc = OK;
    (void)state;

    peer_start(&p);
    dial(&p, TLS1_3_VERSION, "a.com");
    assert_int_equal(connect_both(&p), 1);
    SSL_free(p.client);
    p.client = NULL;
    (void)close(p.fd);
    p.fd = -1;
    for (int i = 0; i < ROUNDS_MAX && (rc == OK || rc == ERR_AGAIN); i++) {
        size_t n = 0;
        rc = stream_write(p.stream, &iov, 1, &n);
        loop_turn(p.loop, false);
    }
    assert_int_equal(rc, ERR_RESET);
    assert_int_equal(stream_flush(p.stream), ERR_RESET);
    assert_int_equal(stream_unsent(p.stream), 0);
    peer_stop(&p);
}

/* Fills the output until it says wait, then reads it all: one wake-up for the writer. */
static void test_tls_stream_limits_what_waits(void **state)
{
    static char bytes[1 << 20];
    static uint8_t sink[1 << 16];
    struct iovec iov = {bytes, sizeof(bytes)};
    struct peer p;
    size_t total = 0;
    size_t got = 0;
    size_t n = 0;
    int rc = OK;
    (void)state;

    peer_start(&p);
    dial(&p, TLS1_3_VERSION, "a.com");
    assert_int_equal(connect_both(&p), 1);
    while (rc == OK) {
        rc = stream_write(p.stream, &iov, 1, &n);
        total += rc == OK ? n : 0;
    }
    assert_int_equal(rc, ERR_AGAIN);
    assert_true(stream_unsent(p.stream) >= STREAM_OUT_HIGH);
    assert_true(stream_unsent(p.stream) < STREAM_OUT_HIGH + 20000);
    assert_int_equal(stream_shutdown(p.stream), ERR_AGAIN);
    for (int i = 0; i < ROUNDS_MAX && got < total; i++) {
        if (SSL_read_ex(p.client, sink, sizeof(sink), &n) == 1) {
            got += n;
        }
        ERR_clear_error();
        loop_turn(p.loop, false);
    }
    assert_int_equal(got, total);
    assert_int_equal(stream_shutdown(p.stream), OK);
    peer_stop(&p);
}

static int set_up(void **state)
{
    (void)state;
    clock_freeze(1000, KIT_NOW * 1000);
    ec_key = kit_ec_key();
    rsa_key = kit_rsa_key();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    EVP_PKEY_free(ec_key);
    EVP_PKEY_free(rsa_key);
    clock_resume();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_stream_echoes),
        cmocka_unit_test(test_tls_stream_tells_truncation_from_end),
        cmocka_unit_test(test_tls_stream_resumes_under_the_same_name_only),
        cmocka_unit_test(test_tls_stream_refuses_unknown_names),
        cmocka_unit_test(test_tls_stream_serves_default_name),
        cmocka_unit_test(test_tls_stream_chooses_alpn),
        cmocka_unit_test(test_tls_stream_has_rsa_and_ecdsa),
        cmocka_unit_test(test_tls_stream_tells_plain_http),
        cmocka_unit_test(test_tls_stream_ends_before_a_handshake),
        cmocka_unit_test(test_tls_stream_takes_early_bytes),
        cmocka_unit_test(test_tls_stream_may_be_closed_in_its_callback),
        cmocka_unit_test(test_tls_stream_reports_a_vanished_peer),
        cmocka_unit_test(test_tls_stream_limits_what_waits),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

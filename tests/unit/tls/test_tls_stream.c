/* SPDX-License-Identifier: MIT */
/* tls_stream, tls_server and tls_ctx over a socket pair, with OpenSSL's own client at the other
 * end. */
#include "tls/tls_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fold.h"
#include "base/mem.h"
#include "tls_kit.h"
#include "tls_peer.h"

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void run_until_read_ends(struct peer *p)
{
    for (int i = 0; i < ROUNDS_MAX && p->read_rc == OK; i++) {
        loop_turn(p->loop, false);
    }
}

static void test_tls_stream_echoes(void **state)
{
    struct peer p;

    for (int v = 0; v < 2; v++) {
        struct tls_info info;
        peer_start(&p, *state, "");
        peer_dial(&p, versions[v], "A.com");
        assert_int_equal(peer_connect(&p), 1);
        peer_echo(&p, BIG);
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

/* Whatever comes first after a rest finds the stream as it was; what is under way is not folded. */
static void test_tls_stream_rests(void **state)
{
    struct peer p;
    size_t n = 0;

    for (int i = 0; i < 6; i++) {
        peer_start(&p, *state, "");
        peer_dial(&p, versions[i % 2], "a.com");
        stream_rest(p.stream); /* no handshake yet */
        assert_int_equal(fold_bytes(), 0);
        assert_int_equal(peer_connect(&p), 1);
        for (size_t len = 1; len < BIG; len *= 300) {
            peer_echo(&p, len);
            stream_rest(p.stream);
            stream_rest(p.stream); /* again is nothing new */
            assert_true(fold_bytes() > 0);
        }
        if (i < 2) { /* its end comes from the client, from here, or by force */
            assert_true(SSL_shutdown(p.client) >= 0);
            run_until_read_ends(&p);
            assert_int_equal(p.read_rc, ERR_EOF);
        } else if (i < 4) {
            uint8_t byte;
            assert_int_equal(stream_shutdown(p.stream), OK);
            assert_int_equal(SSL_read_ex(p.client, &byte, 1, &n), 0);
            assert_int_equal(SSL_get_error(p.client, 0), SSL_ERROR_ZERO_RETURN);
        }
        peer_stop(&p);
        assert_int_equal(fold_bytes(), 0);
    }
}

/* What another connection left in OpenSSL's queue is not this one's error. */
static void test_tls_stream_forgets_foreign_errors(void **state)
{
    struct peer p;

    for (int v = 0; v < 2; v++) {
        peer_start(&p, *state, "");
        peer_dial(&p, versions[v], "a.com");
        assert_int_equal(peer_connect(&p), 1);
        peer_echo(&p, 1000);
        /* Half a record: OpenSSL waits for the rest. */
        uint8_t record[5] = {23, 3, 3, 0, 100};
        assert_int_equal(send(p.fd, record, sizeof(record), 0), sizeof(record));
        ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
        loop_turn(p.loop, true);
        loop_turn(p.loop, false);
        assert_int_equal(p.read_rc, OK);
        ERR_clear_error();
        peer_stop(&p);
    }
}

/* The answer to something read goes out though nobody writes. */
static void test_tls_stream_answers_renegotiation(void **state)
{
    struct peer p;
    uint8_t byte;
    size_t n = 0;

    peer_start(&p, *state, "");
    peer_dial(&p, TLS1_2_VERSION, "a.com");
    assert_int_equal(peer_connect(&p), 1);
    peer_echo(&p, 1000);
    assert_int_equal(SSL_renegotiate(p.client), 1);
    (void)SSL_do_handshake(p.client);
    loop_turn(p.loop, true);
    loop_turn(p.loop, false);
    assert_int_equal(SSL_read_ex(p.client, &byte, 1, &n), 0);
    assert_int_equal(SSL_get_error(p.client, 0), SSL_ERROR_SSL);
    assert_int_equal(ERR_GET_REASON(ERR_get_error()), SSL_R_NO_RENEGOTIATION);
    ERR_clear_error();
    peer_stop(&p);
}

static void test_tls_stream_tells_truncation_from_end(void **state)
{
    struct peer p;

    for (int i = 0; i < 4; i++) {
        peer_start(&p, *state, "");
        peer_dial(&p, versions[i % 2], "a.com");
        assert_int_equal(peer_connect(&p), 1);
        peer_echo(&p, 1000);
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

    peer_dial(p, version, name);
    assert_int_equal(SSL_set_session(p->client, session), 1);
    SSL_SESSION_free(session);
    assert_int_equal(peer_connect(p), 1);
    peer_echo(p, 100);
    tls_stream_info(p->stream, &info);
    assert_int_equal(info.resumed, SSL_session_reused(p->client) == 1);
    assert_true(str_eq(info.sni, str_of(name)));
    peer_drop(p);
    return info.resumed;
}

static SSL_SESSION *session_of(struct peer *p, int version, const char *name)
{
    peer_dial(p, version, name);
    assert_int_equal(peer_connect(p), 1);
    peer_echo(p, 100);
    SSL_SESSION *session = SSL_get1_session(p->client);
    assert_non_null(session);
    /* A client that says goodbye keeps its session. */
    (void)SSL_shutdown(p->client);
    peer_drop(p);
    return session;
}

static void test_tls_stream_resumes_under_the_same_name_only(void **state)
{
    struct peer p;

    for (int v = 0; v < 2; v++) {
        peer_start(&p, *state, "");
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

    for (int v = 0; v < 2; v++) {
        peer_start(&p, *state, "");
        peer_dial(&p, versions[v], "unknown.com");
        assert_int_not_equal(peer_connect(&p), 1);
        assert_int_equal(client_alert(), SSL_R_TLSV1_UNRECOGNIZED_NAME);
        assert_int_equal(p.handshake, ERR_NOT_FOUND);
        assert_int_equal(tls_stream_handshake(p.stream), ERR_NOT_FOUND);
        peer_drop(&p);
        peer_dial(&p, versions[v], NULL);
        assert_int_not_equal(peer_connect(&p), 1);
        assert_int_equal(p.handshake, ERR_NOT_FOUND);
        peer_stop(&p);
    }
}

static void test_tls_stream_serves_default_name(void **state)
{
    struct peer p;

    peer_start(&p, *state, "c.com");
    peer_dial(&p, 0, "unknown.com");
    assert_int_equal(peer_connect(&p), 1);
    assert_true(tls_stream_covers(p.stream, STR("c.com")));
    assert_false(tls_stream_covers(p.stream, STR("unknown.com")));
    peer_drop(&p);
    peer_dial(&p, 0, NULL);
    assert_int_equal(peer_connect(&p), 1);
    peer_echo(&p, 10);
    peer_stop(&p);
}

static void test_tls_stream_chooses_alpn(void **state)
{
    static const unsigned char both[] = "\x08http/1.1\x02h2";
    static const unsigned char none[] = "\x03"
                                        "foo";
    struct tls_info info;
    struct peer p;

    for (int v = 0; v < 2; v++) {
        peer_start(&p, *state, "");
        peer_dial(&p, versions[v], "a.com");
        assert_int_equal(SSL_set_alpn_protos(p.client, both, sizeof(both) - 1), 0);
        assert_int_equal(peer_connect(&p), 1);
        tls_stream_info(p.stream, &info);
        assert_true(str_eq(info.alpn, STR("h2")));
        peer_drop(&p);
        peer_dial(&p, versions[v], "a.com");
        assert_int_equal(SSL_set_alpn_protos(p.client, none, sizeof(none) - 1), 0);
        assert_int_not_equal(peer_connect(&p), 1);
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

    peer_start(&p, *state, "");
    for (int i = 0; i < 4; i++) {
        char algorithms[64];
        (void)str_copy(algorithms, sizeof(algorithms),
                       i < 2 ? STR("RSA-PSS+SHA256:RSA+SHA256") : STR("ECDSA+SHA256"));
        peer_dial(&p, versions[i % 2], "a.com");
        assert_int_equal(SSL_set1_sigalgs_list(p.client, algorithms), 1);
        assert_int_equal(peer_connect(&p), 1);
        assert_int_equal(SSL_get_peer_signature_type_nid(p.client, &nid), 1);
        assert_int_equal(nid == EVP_PKEY_EC, i >= 2);
        peer_drop(&p);
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

    peer_start(&p, *state, "");
    peer_dial(&p, 0, "a.com");
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

    for (int i = 0; i < 3; i++) {
        static const char hello_start[] = "\x16\x03\x01\x02\x00\x01";
        peer_start(&p, *state, "");
        peer_dial(&p, 0, "a.com");
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

    peer_start(&p, *state, "");
    peer_dial(&p, TLS1_3_VERSION, "a.com");
    assert_int_equal(SSL_get_error(p.client, SSL_connect(p.client)), SSL_ERROR_WANT_READ);
    /* Somebody else has read the first bytes. */
    int fd = dup(p.stream->fd);
    stream_close(p.stream);
    ssize_t n = recv(fd, hello, sizeof(hello), 0);
    assert_true(n > 0);
    p.stream = tls_stream_accept(p.worker, p.server, fd, peer_on_ready, &p);
    tls_stream_feed(p.stream, str_n(hello, (size_t)n));
    stream_want(p.stream, STREAM_READABLE);
    peer_on_ready(&p, STREAM_READABLE);
    assert_int_equal(peer_connect(&p), 1);
    peer_echo(&p, 1000);
    peer_stop(&p);
}

static void test_tls_stream_may_be_closed_in_its_callback(void **state)
{
    struct peer p;

    peer_start(&p, *state, "");
    p.close_when_told = true;
    peer_dial(&p, TLS1_3_VERSION, "a.com");
    assert_int_equal(peer_connect(&p), 1);
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

    peer_start(&p, *state, "");
    peer_dial(&p, TLS1_3_VERSION, "a.com");
    assert_int_equal(peer_connect(&p), 1);
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

    peer_start(&p, *state, "");
    peer_dial(&p, TLS1_3_VERSION, "a.com");
    assert_int_equal(peer_connect(&p), 1);
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
    struct peer_keys *keys = NEW(struct peer_keys);

    clock_freeze(1000, KIT_NOW * 1000);
    keys->ec = kit_ec_key();
    keys->rsa = kit_rsa_key();
    *state = keys;
    return 0;
}

static int tear_down(void **state)
{
    struct peer_keys *keys = *state;

    EVP_PKEY_free(keys->ec);
    EVP_PKEY_free(keys->rsa);
    free(keys);
    clock_resume();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_stream_echoes),
        cmocka_unit_test(test_tls_stream_rests),
        cmocka_unit_test(test_tls_stream_forgets_foreign_errors),
        cmocka_unit_test(test_tls_stream_answers_renegotiation),
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

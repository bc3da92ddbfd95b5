/* SPDX-License-Identifier: MIT */
/* Both sides of tls_stream over a socket pair: what a client of services accepts and refuses. */
#include "tls/tls_client.h"

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
#include "base/mem.h"
#include "tls/tls_stream.h"
#include "tls_kit.h"

#define TURNS 2000

static const char *const both[] = {"h2", "http/1.1", NULL};
static const char *const only_h1[] = {"http/1.1", NULL};

struct kit {
    EVP_PKEY *key;
    EVP_PKEY *ca_key;
    X509 *ca;
    char *ca_pem;
};

struct end {
    struct stream *stream;
    int rc;
};

struct rig {
    struct kit *kit;
    struct loop *loop;
    struct tls_worker *worker;
    struct tls_ticket_ring ring;
    struct tls_set set;
    struct tls_server *server;
    struct tls_client *client;
    struct end service;
    struct end door;
};

static void on_ready(void *arg, unsigned ready)
{
    struct end *e = arg;
    char byte;
    size_t n = 0;

    (void)ready;
    if (e->rc == ERR_AGAIN) {
        e->rc = tls_stream_handshake(e->stream);
        return;
    }
    /* Session tickets come behind the handshake, inside a read. */
    if (e->rc != OK || stream_read(e->stream, &byte, 1, &n) != ERR_AGAIN) {
        stream_want(e->stream, 0);
    }
}

/* A service with a certificate for `names`, of the authority's making unless `is_stranger`. */
static void rig_start(struct rig *r, struct kit *kit, const char *names, bool is_stranger,
                      const char *const *alpn)
{
    X509 *x = kit_issue(&(struct kit_spec){.names = names,
                                           .key = kit->key,
                                           .issuer = is_stranger ? NULL : kit->ca,
                                           .issuer_key = is_stranger ? NULL : kit->ca_key});
    *r = (struct rig){.kit = kit};
    r->loop = loop_new();
    r->worker = tls_worker_new(r->loop);
    assert_int_equal(tls_ticket_ring_init(&r->ring), OK);
    r->set = kit_set(kit_join(kit_cert_pem(x), kit_key_pem(kit->key), NULL), NULL);
    X509_free(x);
    struct tls_settings settings = {.min_version = TLS1_2_VERSION,
                                    .default_name = STR("service"),
                                    .tickets = &r->ring,
                                    .alpn = alpn};
    assert_int_equal(tls_server_new(&r->set, &settings, &r->server), OK);
}

static void rig_stop(struct rig *r)
{
    tls_client_unref(r->client);
    tls_worker_free(r->worker);
    tls_server_unref(r->server);
    tls_set_fini(&r->set);
    loop_free(r->loop);
}

static void trust(struct rig *r, const char *name, bool verify_off)
{
    struct tls_client_settings settings = {
        .verify_off = verify_off, .ca = str_of(r->kit->ca_pem), .name = str_of(name), .alpn = both};
    tls_client_unref(r->client);
    assert_int_equal(tls_client_new(&settings, &r->client), OK);
}

/* A connection up to what the client's handshake says; both ends stay open. */
static int dial(struct rig *r)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    r->service.rc = ERR_AGAIN;
    r->door.rc = ERR_AGAIN;
    r->service.stream = tls_stream_accept(r->worker, r->server, fds[0], on_ready, &r->service);
    r->door.stream = tls_stream_connect(r->worker, r->client, fds[1], on_ready, &r->door);
    stream_want(r->service.stream, STREAM_READABLE);
    stream_want(r->door.stream, STREAM_READABLE);
    r->door.rc = tls_stream_handshake(r->door.stream);
    for (int i = 0; i < TURNS && (r->door.rc == ERR_AGAIN || r->service.rc == ERR_AGAIN); i++) {
        loop_turn(r->loop, false);
    }
    for (int i = 0; i < 4; i++) {
        loop_turn(r->loop, false);
    }
    return r->door.rc;
}

static void hang_up(struct rig *r)
{
    stream_close(r->door.stream);
    stream_close(r->service.stream);
    loop_turn(r->loop, false);
}

static void refused(struct rig *r, const char *why)
{
    assert_int_equal(dial(r), ERR_DENIED);
    assert_string_equal(tls_stream_error(r->door.stream), why);
    /* The service hears why in its own language. */
    assert_int_equal(r->service.rc, ERR_TLS);
    hang_up(r);
}

static void test_tls_client_accepts_the_right_certificate(void **state)
{
    struct rig r;
    struct tls_info info;

    rig_start(&r, *state, "service my_service *.wild.test", false, both);
    static const char *const names[] = {"service", "service.", "my_service", "a.wild.test"};
    for (size_t i = 0; i < 4; i++) {
        trust(&r, names[i], false);
        assert_int_equal(dial(&r), OK);
        tls_stream_info(r.door.stream, &info);
        assert_true(str_eq(info.alpn, STR("h2")));
        assert_string_equal(info.version, "TLSv1.3");
        tls_stream_info(r.service.stream, &info);
        /* The dot of an absolute name is not part of it (RFC 6066 section 3). */
        assert_true(str_eq(info.sni, str_of(i == 1 ? "service" : names[i])));
        hang_up(&r);
    }
    rig_stop(&r);
}

static void test_tls_client_refuses_others(void **state)
{
    struct rig r;

    rig_start(&r, *state, "service *.wild.test", false, both);
    trust(&r, "other", false);
    refused(&r, "hostname mismatch");
    trust(&r, "a.b.wild.test", false);
    refused(&r, "hostname mismatch");
    trust(&r, "10.0.0.1", false);
    refused(&r, "IP address mismatch");
    trust(&r, "::1", false);
    refused(&r, "IP address mismatch");
    trust(&r, "", false);
    assert_int_equal(dial(&r), ERR_TLS);
    hang_up(&r);
    trust(&r, "service", false);
    clock_advance(91 * KIT_DAY * 1000);
    refused(&r, "certificate has expired");
    clock_freeze(1000, (KIT_NOW - 2 * KIT_DAY) * 1000);
    refused(&r, "certificate is not yet valid");
    clock_freeze(1000, KIT_NOW * 1000);
    rig_stop(&r);

    rig_start(&r, *state, "service", true, both);
    trust(&r, "service", false);
    refused(&r, "self-signed certificate");
    trust(&r, "anything", true);
    assert_int_equal(dial(&r), OK);
    hang_up(&r);
    rig_stop(&r);
}

static void test_tls_client_trusts_a_certificate_itself(void **state)
{
    struct kit *kit = *state;
    struct rig r;

    rig_start(&r, kit, "service", true, both);
    X509 *x = kit_issue(&(struct kit_spec){.names = "service", .key = kit->key});
    char *leaf = kit_cert_pem(x);
    X509_free(x);
    struct tls_client_settings settings = {
        .ca = str_of(leaf), .name = STR("service"), .alpn = both};
    assert_int_equal(tls_client_new(&settings, &r.client), OK);
    /* The service's is another one with the same key and name: not the one written down. */
    assert_int_equal(dial(&r), ERR_DENIED);
    hang_up(&r);
    free(leaf);
    rig_stop(&r);
}

static void test_tls_client_takes_what_alpn_gives(void **state)
{
    struct rig r;
    struct tls_info info;

    rig_start(&r, *state, "service", false, only_h1);
    trust(&r, "service", false);
    assert_int_equal(dial(&r), OK);
    tls_stream_info(r.door.stream, &info);
    assert_true(str_eq(info.alpn, STR("http/1.1")));
    hang_up(&r);
    rig_stop(&r);

    rig_start(&r, *state, "service", false, NULL);
    trust(&r, "service", false);
    assert_int_equal(dial(&r), OK);
    tls_stream_info(r.door.stream, &info);
    assert_int_equal(info.alpn.len, 0);
    hang_up(&r);
    rig_stop(&r);
}

static void test_tls_client_resumes(void **state)
{
    struct rig r;
    struct tls_info info;

    rig_start(&r, *state, "service", false, both);
    trust(&r, "service", false);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(dial(&r), OK);
        /* The ticket comes with the service's first bytes. */
        size_t n = 0;
        struct iovec hello = {(char *)(uintptr_t) "x", 1};
        assert_int_equal(stream_write(r.service.stream, &hello, 1, &n), OK);
        for (int k = 0; k < 4; k++) {
            loop_turn(r.loop, false);
        }
        tls_stream_info(r.door.stream, &info);
        assert_int_equal(info.resumed, i > 0);
        hang_up(&r);
    }
    /* Another policy has sessions of its own. */
    trust(&r, "service", false);
    assert_int_equal(dial(&r), OK);
    tls_stream_info(r.door.stream, &info);
    assert_false(info.resumed);
    hang_up(&r);
    rig_stop(&r);
}

static void test_tls_client_tells_what_is_no_tls(void **state)
{
    struct rig r;
    int fds[2];

    rig_start(&r, *state, "service", false, both);
    trust(&r, "service", false);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
                         0);
        r.door.stream = tls_stream_connect(r.worker, r.client, fds[1], on_ready, &r.door);
        stream_want(r.door.stream, STREAM_READABLE);
        r.door.rc = tls_stream_handshake(r.door.stream);
        assert_int_equal(r.door.rc, ERR_AGAIN);
        if (i == 0) {
            static const char plain[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
            assert_int_equal(send(fds[0], plain, sizeof(plain) - 1, 0), sizeof(plain) - 1);
        } else {
            (void)shutdown(fds[0], SHUT_WR);
        }
        for (int k = 0; k < TURNS && r.door.rc == ERR_AGAIN; k++) {
            loop_turn(r.loop, false);
        }
        assert_int_equal(r.door.rc, i == 0 ? ERR_TLS : ERR_RESET);
        assert_int_equal(strlen(tls_stream_error(r.door.stream)) > 0, i == 0);
        stream_close(r.door.stream);
        (void)close(fds[0]);
        loop_turn(r.loop, false);
    }
    rig_stop(&r);
}

static void test_tls_client_needs_readable_anchors(void **state)
{
    struct kit *kit = *state;
    struct tls_client *t = NULL;
    static const char *const bad[] = {
        "", "nothing here", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMIIB"};

    for (size_t i = 0; i < 4; i++) {
        struct tls_client_settings settings = {.ca = str_of(bad[i]), .name = STR("a")};
        assert_int_equal(tls_client_new(&settings, &t), ERR_SYNTAX);
    }
    /* A good one before a broken one is not enough: the operator meant both. */
    char *text =
        kit_join(mem_dup(kit->ca_pem, strlen(kit->ca_pem)), mem_dup(bad[2], strlen(bad[2])), NULL);
    struct tls_client_settings settings = {.ca = str_of(text), .name = STR("a")};
    assert_int_equal(tls_client_new(&settings, &t), ERR_SYNTAX);
    free(text);
    /* Words around and between are none of our business. */
    text = kit_join(mem_dup("My CA\n", 6), mem_dup(kit->ca_pem, strlen(kit->ca_pem)),
                    mem_dup("and\n", 4), mem_dup(kit->ca_pem, strlen(kit->ca_pem)), NULL);
    settings.ca = str_of(text);
    assert_int_equal(tls_client_new(&settings, &t), OK);
    tls_client_unref(t);
    free(text);
    assert_int_equal(ERR_peek_error(), 0);
}

static int set_up(void **state)
{
    struct kit *kit = NEW(struct kit);

    clock_freeze(1000, KIT_NOW * 1000);
    kit->key = kit_ec_key();
    kit->ca_key = kit_ec_key();
    kit->ca =
        kit_issue(&(struct kit_spec){.subject = "authority", .key = kit->ca_key, .is_ca = true});
    kit->ca_pem = kit_cert_pem(kit->ca);
    *state = kit;
    return 0;
}

static int tear_down(void **state)
{
    struct kit *kit = *state;

    X509_free(kit->ca);
    EVP_PKEY_free(kit->key);
    EVP_PKEY_free(kit->ca_key);
    free(kit->ca_pem);
    free(kit);
    clock_resume();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_client_accepts_the_right_certificate),
        cmocka_unit_test(test_tls_client_refuses_others),
        cmocka_unit_test(test_tls_client_trusts_a_certificate_itself),
        cmocka_unit_test(test_tls_client_takes_what_alpn_gives),
        cmocka_unit_test(test_tls_client_resumes),
        cmocka_unit_test(test_tls_client_tells_what_is_no_tls),
        cmocka_unit_test(test_tls_client_needs_readable_anchors),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

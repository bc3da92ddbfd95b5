/* SPDX-License-Identifier: MIT */
/* Certificates of clients: who gets in, who is told to whom, and which session opens what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tls_kit.h"
#include "tls_peer.h"

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* Two authorities, "club" and "other", and what they signed. */
struct kit {
    struct peer_keys keys;
    EVP_PKEY *ca_key;
    EVP_PKEY *key; /* of every client */
    X509 *club;
    X509 *other;
    char *club_pem;
    char *other_pem;
    X509 *ann;   /* of the club */
    X509 *eve;   /* of the other one */
    X509 *stale; /* of the club, run out */
    struct peer p;
};

/* OpenSSL judges by the real clock. */
static X509 *issue(const struct kit *k, const char *subject, X509 *issuer, int64_t to)
{
    return kit_issue(&(struct kit_spec){.subject = subject,
                                        .key = issuer == NULL ? k->ca_key : k->key,
                                        .issuer = issuer,
                                        .issuer_key = k->ca_key,
                                        .from = (int64_t)time(NULL) - 10 * KIT_DAY,
                                        .to = (int64_t)time(NULL) + to,
                                        .is_ca = issuer == NULL});
}

static int kit_start(void **state)
{
    struct kit *k = NEW(struct kit);
    k->keys = (struct peer_keys){kit_ec_key(), kit_rsa_key()};
    k->ca_key = kit_ec_key();
    k->key = kit_ec_key();
    k->club = issue(k, "club", NULL, 10 * KIT_DAY);
    k->other = issue(k, "other", NULL, 10 * KIT_DAY);
    k->club_pem = kit_cert_pem(k->club);
    k->other_pem = kit_cert_pem(k->other);
    k->ann = issue(k, "ann", k->club, KIT_DAY);
    k->eve = issue(k, "eve", k->other, KIT_DAY);
    k->stale = issue(k, "stale", k->club, -KIT_DAY);
    *state = k;
    return 0;
}

static int kit_stop(void **state)
{
    struct kit *k = *state;
    X509 *certs[] = {k->club, k->other, k->ann, k->eve, k->stale};
    for (size_t i = 0; i < sizeof(certs) / sizeof(certs[0]); i++) {
        X509_free(certs[i]);
    }
    EVP_PKEY_free(k->keys.ec);
    EVP_PKEY_free(k->keys.rsa);
    EVP_PKEY_free(k->ca_key);
    EVP_PKEY_free(k->key);
    free(k->club_pem);
    free(k->other_pem);
    free(k);
    return 0;
}

/* The server side of the next generation: a.com asks as the rule says; tickets go on. */
static void serve(struct kit *k, const char *ca, bool required)
{
    struct tls_auth_rule rules[] = {
        {.name = STR("a.com"), .asks = ca != NULL, .required = required, .ca = str_of(ca)},
        {.name = STR("b.com"), .asks = true, .required = true, .ca = str_of(k->club_pem)},
        {.name = STR("c.com")},
    };
    struct tls_settings settings = {.min_version = TLS1_2_VERSION,
                                    .default_name = STR("a.com"),
                                    .tickets = &k->p.ring,
                                    .auth = rules,
                                    .auth_count = 3};
    tls_server_unref(k->p.server);
    assert_int_equal(tls_server_new(&k->p.set, &settings, &k->p.server), OK);
}

static void start(struct kit *k, const char *ca, bool required)
{
    peer_start(&k->p, &k->keys, "");
    serve(k, ca, required);
}

static void dial(struct kit *k, int version, const char *name, X509 *cert)
{
    peer_dial(&k->p, version, name);
    if (cert != NULL) {
        assert_int_equal(SSL_use_certificate(k->p.client, cert), 1);
        assert_int_equal(SSL_use_PrivateKey(k->p.client, k->key), 1);
    }
}

/* What the server says of a handshake. With TLS 1.3 the client is done before it is judged. */
static int knock(struct kit *k, int version, const char *name, X509 *cert)
{
    dial(k, version, name, cert);
    (void)peer_connect(&k->p);
    for (int i = 0; i < 1000 && k->p.handshake == ERR_AGAIN; i++) {
        loop_turn(k->p.loop, false);
    }
    ERR_clear_error();
    return k->p.handshake;
}

static void test_tls_auth_required(void **state)
{
    struct kit *k = *state;
    for (int v = 0; v < 2; v++) {
        start(k, k->club_pem, true);
        assert_int_equal(knock(k, versions[v], "a.com", NULL), ERR_DENIED);
        assert_string_equal(tls_stream_error(k->p.stream), "peer did not return a certificate");
        peer_drop(&k->p);
        assert_int_equal(knock(k, versions[v], "a.com", k->eve), ERR_DENIED);
        assert_string_equal(tls_stream_error(k->p.stream),
                            "unable to get local issuer certificate");
        peer_drop(&k->p);
        assert_int_equal(knock(k, versions[v], "a.com", k->stale), ERR_DENIED);
        assert_string_equal(tls_stream_error(k->p.stream), "certificate has expired");
        peer_drop(&k->p);
        assert_int_equal(knock(k, versions[v], "a.com", k->ann), OK);
        peer_echo(&k->p, 1000);
        const struct tls_peer *peer = tls_stream_peer(k->p.stream);
        assert_string_equal(peer->subject, "CN=ann");
        assert_int_equal(strlen(peer->fingerprint), 64);
        peer_stop(&k->p);
    }
}

static void test_tls_auth_optional(void **state)
{
    struct kit *k = *state;
    for (int v = 0; v < 2; v++) {
        start(k, k->club_pem, false);
        assert_int_equal(knock(k, versions[v], "a.com", NULL), OK);
        assert_null(tls_stream_peer(k->p.stream));
        assert_true(tls_stream_admits(k->p.stream, k->p.server, STR("a.com")));
        peer_drop(&k->p);
        assert_int_equal(knock(k, versions[v], "a.com", k->ann), OK);
        assert_non_null(tls_stream_peer(k->p.stream));
        peer_drop(&k->p);
        /* What is shown must be good. */
        assert_int_equal(knock(k, versions[v], "a.com", k->eve), ERR_DENIED);
        peer_stop(&k->p);
    }
}

/* Only where it is wanted, and with the names of the authorities that are wanted. */
static void test_tls_auth_asks_by_name(void **state)
{
    struct kit *k = *state;
    for (int v = 0; v < 2; v++) {
        start(k, k->other_pem, true);
        dial(k, versions[v], "a.com", k->eve);
        assert_int_equal(peer_connect(&k->p), 1);
        const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(k->p.client);
        assert_int_equal(sk_X509_NAME_num(names), 1);
        assert_int_equal(
            X509_NAME_cmp(sk_X509_NAME_value(names, 0), X509_get_subject_name(k->other)), 0);
        peer_drop(&k->p);
        dial(k, versions[v], "c.com", k->ann);
        assert_int_equal(peer_connect(&k->p), 1);
        assert_int_equal(sk_X509_NAME_num(SSL_get0_peer_CA_list(k->p.client)), -1);
        assert_null(tls_stream_peer(k->p.stream));
        peer_drop(&k->p);
        /* No name: the certificate of a.com, but nothing is asked, and nothing admitted. */
        dial(k, versions[v], NULL, k->ann);
        assert_int_equal(peer_connect(&k->p), 1);
        assert_null(tls_stream_peer(k->p.stream));
        assert_false(tls_stream_admits(k->p.stream, k->p.server, STR("a.com")));
        peer_stop(&k->p);
    }
}

static SSL_SESSION *session_of(struct kit *k, int version, const char *name, X509 *cert)
{
    assert_int_equal(knock(k, version, name, cert), OK);
    peer_echo(&k->p, 100);
    SSL_SESSION *session = SSL_get1_session(k->p.client);
    (void)SSL_shutdown(k->p.client);
    peer_drop(&k->p);
    return session;
}

/* Offers a session (freed), without a certificate: what the server says, and whether it took it. */
static int offer(struct kit *k, int version, const char *name, SSL_SESSION *session,
                 bool *out_resumed)
{
    dial(k, version, name, NULL);
    assert_int_equal(SSL_set_session(k->p.client, session), 1);
    SSL_SESSION_free(session);
    (void)peer_connect(&k->p);
    for (int i = 0; i < 1000 && k->p.handshake == ERR_AGAIN; i++) {
        loop_turn(k->p.loop, false);
    }
    *out_resumed = SSL_session_reused(k->p.client) == 1;
    ERR_clear_error();
    return k->p.handshake;
}

static void test_tls_auth_sessions(void **state)
{
    struct kit *k = *state;
    bool resumed;
    for (int v = 0; v < 2; v++) {
        int version = versions[v];
        start(k, k->club_pem, true);
        /* Its own session opens it, and its client is who it was. */
        SSL_SESSION *own = session_of(k, version, "a.com", k->ann);
        assert_int_equal(SSL_SESSION_up_ref(own), 1);
        assert_int_equal(offer(k, version, "a.com", own, &resumed), OK);
        assert_true(resumed);
        assert_string_equal(tls_stream_peer(k->p.stream)->subject, "CN=ann");
        assert_true(tls_stream_admits(k->p.stream, k->p.server, STR("a.com")));
        peer_echo(&k->p, 100);
        peer_drop(&k->p);
        /* One of a site that asks for nothing does not; nor one of a site with the same authority.
         */
        SSL_SESSION *plain = session_of(k, version, "c.com", NULL);
        assert_int_equal(offer(k, version, "a.com", plain, &resumed), ERR_DENIED);
        assert_false(resumed);
        peer_drop(&k->p);
        SSL_SESSION *sister = session_of(k, version, "b.com", k->ann);
        assert_int_equal(offer(k, version, "a.com", sister, &resumed), ERR_DENIED);
        assert_false(resumed);
        peer_drop(&k->p);
        /* The authority changed: what the old one vouched for is over. */
        serve(k, k->other_pem, true);
        assert_int_equal(offer(k, version, "a.com", own, &resumed), ERR_DENIED);
        assert_false(resumed);
        peer_stop(&k->p);
    }
}

/* Sessions from before a site asked, or from when it only asked politely. */
static void test_tls_auth_sessions_of_before(void **state)
{
    struct kit *k = *state;
    bool resumed;
    for (int v = 0; v < 2; v++) {
        start(k, NULL, false);
        SSL_SESSION *before = session_of(k, versions[v], "a.com", NULL);
        serve(k, k->club_pem, false);
        assert_int_equal(offer(k, versions[v], "a.com", before, &resumed), OK);
        assert_false(resumed);
        peer_drop(&k->p);
        SSL_SESSION *nobody = session_of(k, versions[v], "a.com", NULL);
        assert_int_equal(SSL_SESSION_up_ref(nobody), 1);
        assert_int_equal(offer(k, versions[v], "a.com", nobody, &resumed), OK);
        assert_true(resumed);
        assert_null(tls_stream_peer(k->p.stream));
        peer_drop(&k->p);
        serve(k, k->club_pem, true);
        assert_int_equal(offer(k, versions[v], "a.com", nobody, &resumed), ERR_DENIED);
        assert_false(resumed);
        peer_stop(&k->p);
    }
}

/* A certificate that has run out since ends neither the session's nor the connection's right by
 * itself: both are looked at again. */
static void test_tls_auth_certificate_runs_out(void **state)
{
    struct kit *k = *state;
    bool resumed;
    for (int v = 0; v < 2; v++) {
        start(k, k->club_pem, true);
        SSL_SESSION *own = session_of(k, versions[v], "a.com", k->ann);
        assert_int_equal(knock(k, versions[v], "a.com", k->ann), OK);
        assert_true(tls_stream_admits(k->p.stream, k->p.server, STR("a.com")));
        clock_freeze(1000000, (int64_t)(time(NULL) + 2 * KIT_DAY) * 1000);
        assert_false(tls_stream_admits(k->p.stream, k->p.server, STR("a.com")));
        peer_drop(&k->p);
        assert_int_equal(offer(k, versions[v], "a.com", own, &resumed), ERR_DENIED);
        assert_false(resumed);
        clock_resume();
        peer_stop(&k->p);
    }
}

/* By what is asked now, for the name that the connection was opened for. */
static void test_tls_auth_admits(void **state)
{
    struct kit *k = *state;
    start(k, k->club_pem, true);
    assert_int_equal(knock(k, TLS1_3_VERSION, "a.com", k->ann), OK);
    struct tls_server *then = tls_server_ref(k->p.server);
    assert_true(tls_stream_admits(k->p.stream, then, STR("a.com")));
    assert_false(tls_stream_admits(k->p.stream, then, STR("b.com")));
    assert_false(tls_stream_admits(k->p.stream, then, STR("c.com"))); /* asks for nothing */
    serve(k, k->club_pem, true); /* a reload that changes nothing here */
    assert_true(tls_stream_admits(k->p.stream, k->p.server, STR("a.com")));
    serve(k, k->other_pem, true);
    assert_false(tls_stream_admits(k->p.stream, k->p.server, STR("a.com")));
    serve(k, k->club_pem, false);
    assert_false(tls_stream_admits(k->p.stream, k->p.server, STR("a.com")));
    serve(k, NULL, false);
    assert_false(tls_stream_admits(k->p.stream, k->p.server, STR("a.com")));
    peer_drop(&k->p);
    /* Opened before the site asked. */
    assert_int_equal(knock(k, TLS1_3_VERSION, "a.com", k->ann), OK);
    assert_false(tls_stream_admits(k->p.stream, then, STR("a.com")));
    tls_server_unref(then);
    peer_stop(&k->p);
}

static void test_tls_auth_finds_wildcards(void **state)
{
    struct kit *k = *state;
    struct tls_auth *a = NULL;
    struct str pem = str_of(k->club_pem);
    struct tls_auth_rule rules[] = {
        {.name = STR("*.a.com"), .asks = true, .required = true, .ca = pem},
        {.name = STR("open.a.com")},
        {.name = STR("b.com"), .asks = true, .ca = pem},
        {.name = STR("c.com"), .asks = true, .required = true, .ca = pem},
    };
    assert_int_equal(tls_auth_new(rules, 4, &a), OK);
    assert_non_null(tls_auth_find(a, STR("x.a.com")));
    assert_null(tls_auth_find(a, STR("open.a.com")));
    assert_null(tls_auth_find(a, STR("x.y.a.com")));
    assert_null(tls_auth_find(a, STR("a.com")));
    assert_null(tls_auth_find(a, STR("")));
    assert_false(tls_policy_required(tls_auth_find(a, STR("b.com"))));
    /* One policy for all that ask the same. */
    assert_ptr_equal(tls_auth_find(a, STR("c.com")), tls_auth_find(a, STR("x.a.com")));
    assert_false(tls_policy_eq(tls_auth_find(a, STR("c.com")), tls_auth_find(a, STR("b.com"))));
    tls_auth_free(a);
    tls_auth_free(NULL);
}

/* An authority that is none is never "nothing is asked". */
static void test_tls_auth_refuses_no_authority(void **state)
{
    static const char *const bad[] = {
        "", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tls_auth *a = NULL;
        struct tls_auth_rule rule = {.name = STR("a.com"), .asks = true, .ca = str_of(bad[i])};
        assert_int_equal(tls_auth_new(&rule, 1, &a), ERR_SYNTAX);
        assert_null(a);
    }
}

/* A subject is one line of ASCII whatever the authority signed. */
static void test_tls_auth_subject_is_a_value(void **state)
{
    struct kit *k = *state;
    static const struct {
        const char *cn;
        const char *subject;
    } odd[] = {
        {"a, b+c", "CN=a\\, b\\+c"},
        {" x ", "CN=\\ x\\ "},
        {"a\r\nX-Evil: 1", "CN=a\\0D\\0AX-Evil: 1"},
        {"#1\"<>;\\", "CN=\\#1\\\"\\<\\>\\;\\\\"},
    };
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        X509 *cert = issue(k, odd[i].cn, k->club, KIT_DAY);
        start(k, k->club_pem, true);
        assert_int_equal(knock(k, TLS1_3_VERSION, "a.com", cert), OK);
        assert_string_equal(tls_stream_peer(k->p.stream)->subject, odd[i].subject);
        peer_stop(&k->p);
        X509_free(cert);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_auth_required),
        cmocka_unit_test(test_tls_auth_optional),
        cmocka_unit_test(test_tls_auth_asks_by_name),
        cmocka_unit_test(test_tls_auth_sessions),
        cmocka_unit_test(test_tls_auth_sessions_of_before),
        cmocka_unit_test(test_tls_auth_certificate_runs_out),
        cmocka_unit_test(test_tls_auth_admits),
        cmocka_unit_test(test_tls_auth_finds_wildcards),
        cmocka_unit_test(test_tls_auth_refuses_no_authority),
        cmocka_unit_test(test_tls_auth_subject_is_a_value),
    };
    return cmocka_run_group_tests(tests, kit_start, kit_stop);
}

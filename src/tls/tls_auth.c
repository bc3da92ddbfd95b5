/* SPDX-License-Identifier: MIT */
#include "tls/tls_auth.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "tls/tls_ca.h"
#include "tls/tls_digest.h"
#include "tls/tls_hello.h"

/* An authority, some of its own below it, the client: more is nobody's chain. */
#define DEPTH_MAX 8

struct tls_policy {
    bool asks;
    bool required;
    uint8_t digest[TLS_AUTH_DIGEST];
    X509_STORE *store;           /* owned; NULL: nothing is asked */
    STACK_OF(X509_NAME) * names; /* owned: of the authorities, told to clients */
};

struct tls_auth {
    struct map *policies; /* by digest, owned */
    struct map *names;    /* to a policy */
};

static void policy_free(struct tls_policy *p)
{
    X509_STORE_free(p->store);
    sk_X509_NAME_pop_free(p->names, X509_NAME_free);
    free(p);
}

/* The subjects of what is trusted: how a client finds the right one of its certificates (RFC 8446
 * section 4.2.4, RFC 5246 section 7.4.4). */
static int list_names(struct tls_policy *p)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(p->store);
    p->names = sk_X509_NAME_new_null();
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        const X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        X509_NAME *name = cert == NULL ? NULL : X509_NAME_dup(X509_get_subject_name(cert));
        if (name == NULL || sk_X509_NAME_push(p->names, name) <= 0) {
            X509_NAME_free(name);
            return ERR_TLS;
        }
    }
    return OK;
}

static int fill(struct tls_policy *p, const struct tls_auth_rule *r)
{
    p->asks = r->asks;
    p->required = r->required;
    if (!r->asks) {
        return OK;
    }
    p->store = X509_STORE_new();
    if (p->store == NULL || tls_ca_trust(p->store, r->ca) != OK || list_names(p) != OK) {
        ERR_clear_error();
        return ERR_SYNTAX;
    }
    /* An anchor need not be a root: what the operator wrote down is trusted as it is. */
    (void)X509_STORE_set_flags(p->store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
    return OK;
}

static void digest_of(const struct tls_auth_rule *r, uint8_t out[static TLS_AUTH_DIGEST])
{
    struct tls_digest *d = tls_digest_new();
    tls_digest_add(d, !r->asks ? STR("none") : r->required ? STR("require") : STR("optional"));
    tls_digest_add(d, r->asks ? r->ca : STR(""));
    tls_digest_finish(d, out);
    tls_digest_free(d);
}

static int add_rule(struct tls_auth *a, const struct tls_auth_rule *r)
{
    uint8_t digest[TLS_AUTH_DIGEST];
    struct str key = str_n((const char *)digest, sizeof(digest));
    digest_of(r, digest);
    struct tls_policy *p = map_get(a->policies, key);
    if (p == NULL) {
        p = NEW(struct tls_policy);
        memcpy(p->digest, digest, sizeof(digest));
        int err = fill(p, r);
        if (err != OK) {
            policy_free(p);
            return err;
        }
        (void)map_put(a->policies, key, p);
    }
    (void)map_put(a->names, r->name, p);
    return OK;
}

int tls_auth_new(const struct tls_auth_rule *rules, size_t count, struct tls_auth **out_auth)
{
    struct tls_auth *a = NEW(struct tls_auth);
    int err = OK;

    a->policies = map_new();
    a->names = map_new();
    for (size_t i = 0; i < count && err == OK; i++) {
        err = add_rule(a, &rules[i]);
    }
    if (err != OK) {
        tls_auth_free(a);
        return err;
    }
    *out_auth = a;
    return OK;
}

void tls_auth_free(struct tls_auth *a)
{
    struct str key;
    void *value = NULL;
    size_t pos = 0;

    if (a == NULL) {
        return;
    }
    while (map_next(a->policies, &pos, &key, &value)) {
        policy_free(value);
    }
    map_free(a->policies);
    map_free(a->names);
    free(a);
}

const struct tls_policy *tls_auth_find(const struct tls_auth *a, struct str name)
{
    char wild[TLS_NAME_MAX + 2] = "*";
    const struct tls_policy *p = map_get(a->names, name);
    ptrdiff_t dot = str_find(name, '.');

    if (p == NULL && dot > 0 && name.len - (size_t)dot <= TLS_NAME_MAX) {
        size_t len = 1 + str_copy(wild + 1, sizeof(wild) - 1, str_from(name, (size_t)dot));
        p = map_get(a->names, str_n(wild, len));
    }
    return p != NULL && p->asks ? p : NULL;
}

bool tls_policy_required(const struct tls_policy *p)
{
    return p->required;
}

bool tls_policy_eq(const struct tls_policy *a, const struct tls_policy *b)
{
    return memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

const uint8_t *tls_policy_digest(const struct tls_policy *p)
{
    return p->digest;
}

int tls_policy_apply(const struct tls_policy *p, struct ssl_st *ssl)
{
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(p->names);

    if (names == NULL || SSL_set1_verify_cert_store(ssl, p->store) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return ERR_TLS;
    }
    SSL_set0_CA_list(ssl, names);
    /* No callback: a certificate that is shown must be good, also where none need be. */
    SSL_set_verify(ssl, SSL_VERIFY_PEER | (p->required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                   NULL);
    SSL_set_verify_depth(ssl, DEPTH_MAX);
    return OK;
}

static int64_t not_after(const X509 *cert)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1) {
        ERR_clear_error();
        return 0;
    }
    return (int64_t)timegm(&tm);
}

bool tls_policy_takes(const struct tls_policy *p, const struct ssl_session_st *session)
{
    /* Not const in OpenSSL's signature; nothing is changed. */
    union {
        const SSL_SESSION *in;
        SSL_SESSION *out;
    } s = {.in = session};
    const X509 *cert = SSL_SESSION_get0_peer(s.out);

    /* What a ticket holds was verified when it was made: a handshake that fails makes none. */
    return cert == NULL ? !p->required : not_after(cert) > clock_wall_ms() / 1000;
}

/* One line that is a field value: what is no printable ASCII is escaped (RFC 4514 section 2.4). */
static void print_subject(const X509 *cert, char dst[static TLS_AUTH_SUBJECT_MAX + 1])
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;

    dst[0] = '\0';
    if (bio != NULL &&
        X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0) {
        long len = BIO_get_mem_data(bio, &text);
        if (len > 0 && len <= TLS_AUTH_SUBJECT_MAX) {
            (void)str_copy(dst, TLS_AUTH_SUBJECT_MAX + 1, str_n(text, (size_t)len));
        }
    }
    BIO_free(bio);
}

static bool print_fingerprint(const X509 *cert, char dst[static 65])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (X509_digest(cert, EVP_sha256(), digest, &len) != 1 || len != 32) {
        return false;
    }
    for (unsigned i = 0; i < len; i++) {
        dst[2 * i] = hex[digest[i] >> 4];
        dst[2 * i + 1] = hex[digest[i] & 15];
    }
    dst[64] = '\0';
    return true;
}

struct tls_peer *tls_peer_of(struct ssl_st *ssl)
{
    const X509 *cert = SSL_get0_peer_certificate(ssl);

    if (cert == NULL || SSL_get_verify_result(ssl) != X509_V_OK) {
        return NULL;
    }
    struct tls_peer *peer = NEW(struct tls_peer);
    peer->not_after = not_after(cert);
    print_subject(cert, peer->subject);
    bool is_whole = print_fingerprint(cert, peer->fingerprint);
    ERR_clear_error();
    if (!is_whole) {
        free(peer);
        return NULL;
    }
    return peer;
}

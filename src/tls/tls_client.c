/* SPDX-License-Identifier: MIT */
#include "tls/tls_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tls/tls_ca.h"
#include "tls/tls_ctx.h"

#define ALPN_MAX 32

struct tls_client {
    unsigned refs;
    SSL_CTX *ctx;
    char *name; /* owned; empty: none to send or to check */
    bool is_address;
    SSL_SESSION *session; /* the newest; NULL before the first */
};

/* The newest session replaces the one before: OpenSSL's reference becomes ours. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_client *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    SSL_SESSION_free(t->session);
    t->session = session;
    return 1;
}

static int set_verify(SSL_CTX *ctx, const struct tls_client_settings *settings)
{
    if (settings->verify_off) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
        return OK;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
    /* An anchor need not be a root: what the operator wrote down is trusted as it is. */
    (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return tls_ca_trust(SSL_CTX_get_cert_store(ctx), settings->ca);
}

/* ALPN's own list: each name behind its length (RFC 7301 section 3.1). */
static bool set_alpn(SSL_CTX *ctx, const char *const *names)
{
    unsigned char list[ALPN_MAX];
    size_t len = 0;

    for (; names != NULL && *names != NULL; names++) {
        size_t n = strlen(*names);
        REQUIRE(n > 0 && len + 1 + n <= sizeof(list));
        list[len++] = (unsigned char)n;
        memcpy(list + len, *names, n);
        len += n;
    }
    return len == 0 || SSL_CTX_set_alpn_protos(ctx, list, (unsigned)len) == 0;
}

static int set_up(struct tls_client *t, const struct tls_client_settings *settings)
{
    t->ctx = SSL_CTX_new(TLS_client_method());
    if (t->ctx == NULL || tls_ctx_harden(t->ctx, TLS1_2_VERSION) != OK ||
        !set_alpn(t->ctx, settings->alpn)) {
        return ERR_TLS;
    }
    (void)SSL_CTX_set_app_data(t->ctx, t);
    (void)SSL_CTX_set_session_cache_mode(t->ctx,
                                         SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(t->ctx, on_session);
    return set_verify(t->ctx, settings);
}

int tls_client_new(const struct tls_client_settings *settings, struct tls_client **out_client)
{
    struct tls_client *t = NEW(struct tls_client);
    struct str name = settings->name;
    struct addr addr;

    if (name.len > 1 && name.ptr[name.len - 1] == '.') {
        name.len--;
    }
    t->refs = 1;
    t->name = str_dup(name);
    t->is_address = addr_parse_ip(name, 0, &addr) == OK;
    int rc = set_up(t, settings);
    if (rc != OK) {
        ERR_clear_error();
        tls_client_unref(t);
        return rc;
    }
    *out_client = t;
    return OK;
}

struct tls_client *tls_client_ref(struct tls_client *t)
{
    t->refs++;
    return t;
}

void tls_client_unref(struct tls_client *t)
{
    if (t == NULL) {
        return;
    }
    REQUIRE(t->refs > 0);
    if (--t->refs > 0) {
        return;
    }
    SSL_SESSION_free(t->session);
    SSL_CTX_free(t->ctx);
    free(t->name);
    free(t);
}

static bool set_name(const struct tls_client *t, SSL *ssl)
{
    if (t->name[0] == '\0') {
        /* Nothing to check against is no reason to check nothing. */
        return SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE;
    }
    if (t->is_address) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), t->name) == 1;
    }
    return SSL_set_tlsext_host_name(ssl, t->name) == 1 && SSL_set1_host(ssl, t->name) == 1;
}

/* A copy, because OpenSSL lets a session of TLS 1.3 be used once. That hides from onlookers that
 * two connections are the same client's (RFC 8446 section C.4), which nobody wonders about a proxy.
 */
static bool resume(const struct tls_client *t, SSL *ssl)
{
    SSL_SESSION *copy = t->session == NULL ? NULL : SSL_SESSION_dup(t->session);
    bool good = copy == NULL || SSL_set_session(ssl, copy) == 1;

    SSL_SESSION_free(copy);
    return good;
}

int tls_client_ssl(struct tls_client *t, struct ssl_st **out_ssl)
{
    SSL *ssl = SSL_new(t->ctx);

    if (ssl == NULL || !set_name(t, ssl) || !resume(t, ssl)) {
        SSL_free(ssl);
        return ERR_TLS;
    }
    X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl), (time_t)(clock_wall_ms() / 1000));
    SSL_set_connect_state(ssl);
    *out_ssl = ssl;
    return OK;
}

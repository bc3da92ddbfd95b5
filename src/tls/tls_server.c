/* SPDX-License-Identifier: MIT */
#include "tls/tls_server.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "tls/tls_ctx.h"
#include "tls/tls_digest.h"
#include "tls/tls_ticket_shared.h"

struct tls_server {
    unsigned refs;
    struct tls_set set; /* owned references */
    struct tls_sni *sni;
    struct tls_ctx_env env;
    struct tls_ticket_shared *shared; /* NULL: every daemon has ticket keys of its own */
    struct tls_auth *auth;
    char *default_name; /* owned */
    SSL_CTX *base;      /* what a connection starts on */
};

/* The server_name extension's name into the pick; OK too when there is none. */
static int read_name(SSL *ssl, struct tls_pick *pick)
{
    const unsigned char *ext = NULL;
    size_t len = 0;

    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &ext, &len) != 1) {
        return OK;
    }
    char name[TLS_NAME_MAX + 1];
    size_t name_len = 0;
    int rc = tls_hello_name(str_n((const char *)ext, len), name, &name_len);
    if (rc == OK) {
        tls_pick_fini(pick); /* of a hello before a retry */
        pick->name = str_n(str_dup(str_n(name, name_len)), name_len);
    }
    return rc;
}

void tls_pick_fini(struct tls_pick *pick)
{
    free((void *)(uintptr_t)pick->name.ptr);
    pick->name = (struct str){.len = 0};
}

/* Who does not say how it would resume is given no ticket (RFC 8446 section 4.2.9). */
static bool has_psk_modes(SSL *ssl)
{
    const unsigned char *ext = NULL;
    size_t len = 0;

    return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk_kex_modes, &ext, &len) == 1;
}

static struct tls_identity *choose(const struct tls_server *t, struct tls_pick *pick)
{
    struct tls_identity *id = NULL;

    if (pick->name.len > 0) {
        id = tls_sni_find(t->sni, pick->name);
    }
    if (id == NULL && t->default_name[0] != '\0') {
        id = tls_sni_find(t->sni, str_of(t->default_name));
        pick->is_default = true;
    }
    return id;
}

static int bind_sessions(SSL *ssl, const struct tls_pick *pick)
{
    uint8_t context[TLS_DIGEST_BYTES];
    struct tls_digest *d = tls_digest_new();

    tls_digest_add(d, pick->name);
    if (pick->policy != NULL) {
        tls_digest_add(d, str_n((const char *)tls_policy_digest(pick->policy), TLS_AUTH_DIGEST));
    }
    tls_digest_finish(d, context);
    tls_digest_free(d);
    return SSL_set_session_id_context(ssl, context, sizeof(context)) == 1 ? OK : ERR_TLS;
}

/* Moves the connection to the identity's SSL_CTX, asks for the client's certificate where that is
 * wanted, and binds its sessions to both. */
static int move_to(SSL *ssl, struct tls_pick *pick)
{
    SSL_CTX *ctx = NULL;

    if (tls_ctx_of(pick->identity, &pick->server->env, &ctx) != OK ||
        SSL_set_SSL_CTX(ssl, ctx) == NULL) {
        return ERR_TLS;
    }
    if (pick->policy != NULL && tls_policy_apply(pick->policy, ssl) != OK) {
        return ERR_TLS;
    }
    return bind_sessions(ssl, pick);
}

/*
 * Here and not in the servername callback, because that one runs after OpenSSL has decided on
 * resumption, in the SSL_CTX that the connection started on.
 */
static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
    struct tls_server *t = arg;
    struct tls_pick *pick = SSL_get_app_data(ssl);

    if (read_name(ssl, pick) != OK) {
        pick->err = ERR_SYNTAX;
        *alert = SSL_AD_DECODE_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    pick->identity = choose(t, pick);
    if (pick->identity == NULL) {
        pick->err = ERR_NOT_FOUND;
        /* RFC 6066 section 3; for a hello without a name RFC 8446 section 9.2. */
        *alert = pick->name.len > 0 ? SSL_AD_UNRECOGNIZED_NAME : SSL_AD_MISSING_EXTENSION;
        return SSL_CLIENT_HELLO_ERROR;
    }
    pick->takes_ticket = t->env.tickets != NULL && has_psk_modes(ssl);
    pick->policy = tls_auth_find(t->auth, pick->name);
    pick->err = move_to(ssl, pick);
    if (pick->err != OK) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

/*
 * A ticket that opened: whether its session may stand for a handshake. Its context was not compared
 * yet; that follows. A certificate that has run out since is asked for again.
 */
static SSL_TICKET_RETURN on_ticket_opened(SSL *ssl, SSL_SESSION *session,
                                          const unsigned char *key_name, size_t key_name_len,
                                          SSL_TICKET_STATUS status, void *arg)
{
    const struct tls_pick *pick = SSL_get_app_data(ssl);

    (void)key_name;
    (void)key_name_len;
    (void)arg;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) {
        return SSL_TICKET_RETURN_IGNORE_RENEW; /* as without this callback */
    }
    if (pick->policy != NULL && !tls_policy_takes(pick->policy, session)) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* The template that connections start on: OpenSSL asks it, not the identity's, about tickets. */
static int base_new(struct tls_server *t)
{
    if (tls_ctx_new(&t->env, &t->base) != OK) {
        return ERR_TLS;
    }
    SSL_CTX_set_client_hello_cb(t->base, on_client_hello, t);
    return SSL_CTX_set_session_ticket_cb(t->base, NULL, on_ticket_opened, NULL) == 1 ? OK : ERR_TLS;
}

int tls_server_new(const struct tls_set *set, const struct tls_settings *settings,
                   struct tls_server **out_server)
{
    struct tls_server *t = NEW(struct tls_server);

    t->refs = 1;
    if (settings->ticket_secret.len > 0) {
        t->shared = tls_ticket_shared_new(settings->ticket_secret);
    }
    t->env = (struct tls_ctx_env){.min_version = settings->min_version,
                                  .tickets = settings->tickets,
                                  .shared = t->shared,
                                  .alpn = settings->alpn};
    int err = base_new(t);
    err = err != OK ? err : tls_auth_new(settings->auth, settings->auth_count, &t->auth);
    if (err != OK) {
        ERR_clear_error();
        tls_server_unref(t);
        return err;
    }
    t->set.certs = mem_array(set->count + 1, sizeof(struct tls_cert *));
    for (size_t i = 0; i < set->count; i++) {
        t->set.certs[t->set.count++] = tls_cert_ref(set->certs[i]);
    }
    t->default_name = str_dup(settings->default_name);
    t->sni = tls_sni_new(&t->set, clock_wall_ms() / 1000);
    *out_server = t;
    return OK;
}

struct tls_server *tls_server_ref(struct tls_server *t)
{
    t->refs++;
    return t;
}

void tls_server_unref(struct tls_server *t)
{
    if (t == NULL) {
        return;
    }
    REQUIRE(t->refs > 0);
    if (--t->refs > 0) {
        return;
    }
    tls_sni_free(t->sni);
    tls_auth_free(t->auth);
    tls_set_fini(&t->set);
    SSL_CTX_free(t->base);
    tls_ticket_shared_free(t->shared);
    free(t->default_name);
    free(t);
}

int tls_server_ssl(struct tls_server *t, struct tls_pick *pick, struct ssl_st **out_ssl)
{
    SSL *ssl = SSL_new(t->base);

    if (ssl == NULL) {
        return ERR_TLS;
    }
    *pick = (struct tls_pick){.server = t};
    (void)SSL_set_app_data(ssl, pick);
    SSL_set_accept_state(ssl);
    *out_ssl = ssl;
    return OK;
}

/* Those that serve already, by their first bytes that nobody else has. */
static struct map *known_certs(const struct tls_set *known)
{
    struct map *m = map_new();

    for (size_t i = 0; known != NULL && i < known->count; i++) {
        struct tls_cert *c = known->certs[i];
        (void)map_put(m, str_n((const char *)c->fingerprint, sizeof(c->fingerprint)), c);
    }
    return m;
}

static bool is_known(const struct map *known, const struct tls_cert *c)
{
    const struct tls_cert *same =
        map_get(known, str_n((const char *)c->fingerprint, sizeof(c->fingerprint)));
    return same != NULL && str_eq(same->key, c->key);
}

int tls_server_verify(struct tls_server *t, const struct tls_set *known,
                      const struct tls_cert **out_bad)
{
    SSL_CTX *ctx = NULL;
    int rc = OK;

    /* One SSL_CTX for all: a certificate replaces the one before of its kind. */
    if (tls_ctx_new(&t->env, &ctx) != OK) {
        ERR_clear_error();
        *out_bad = NULL;
        return ERR_TLS;
    }
    struct map *by_fingerprint = known_certs(known);
    size_t proven = 0;
    for (size_t i = 0; i < t->set.count && rc == OK && proven < TLS_PROVEN_MAX; i++) {
        if (is_known(by_fingerprint, t->set.certs[i])) {
            continue;
        }
        proven++;
        if (tls_cert_install(t->set.certs[i], ctx) != OK) {
            *out_bad = t->set.certs[i];
            rc = ERR_TLS;
        }
    }
    ERR_clear_error();
    map_free(by_fingerprint);
    SSL_CTX_free(ctx);
    return rc;
}

const struct tls_policy *tls_server_policy(const struct tls_server *t, struct str name)
{
    return tls_auth_find(t->auth, name);
}

bool tls_server_has(const struct tls_server *t, struct str name)
{
    return tls_sni_has(t->sni, name);
}

/* SPDX-License-Identifier: MIT */
#include "tls/tls_ctx.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <string.h>

#include "base/clock.h"
#include "tls/tls_cert.h"
#include "tls/tls_ticket_shared.h"

/* TLS 1.2: forward secrecy and AEAD only. AES-128 first; a client that puts ChaCha20 first has no
 * AES in hardware and gets it (SSL_OP_PRIORITIZE_CHACHA). */
static const char ciphers_12[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                 "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char ciphers_13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

static const struct tls_ctx_env *env_of(SSL *ssl)
{
    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

/* `wanted` in the client's list (RFC 7301 section 3.1), or NULL. */
static const unsigned char *offered(struct str list, struct str wanted)
{
    size_t at = 0;

    while (at < list.len) {
        size_t len = (unsigned char)list.ptr[at];
        if (str_eq(str_sub(list, at + 1, len), wanted)) {
            return (const unsigned char *)list.ptr + at + 1;
        }
        at += 1 + len;
    }
    return NULL;
}

/* Our order counts. Nothing in common is fatal: no_application_protocol (RFC 7301 section 3.2). */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned in_len, void *arg)
{
    const struct tls_ctx_env *env = arg;
    struct str list = str_n((const char *)in, in_len);

    (void)ssl;
    for (const char *const *p = env->alpn; *p != NULL; p++) {
        const unsigned char *match = offered(list, str_of(*p));
        if (match != NULL) {
            *out = match;
            *out_len = (unsigned char)strlen(*p);
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int is_seal)
{
    const struct tls_ctx_env *env = env_of(ssl);
    const struct tls_ticket_ring *ring = env->tickets;

    if (env->shared != NULL && SSL_version(ssl) >= TLS1_3_VERSION) {
        ring = tls_ticket_shared_ring(env->shared, clock_wall_ms() / 1000);
    }
    if (ring == NULL) {
        return 0; /* no ticket, or a full handshake */
    }
    return is_seal ? tls_ticket_seal(ring, name, iv, cipher, mac)
                   : tls_ticket_open(ring, name, iv, cipher, mac);
}

/* The name was used to choose (client_hello callback), so it is acknowledged (RFC 6066 section 3).
 */
static int on_servername(SSL *ssl, int *alert, void *arg)
{
    (void)ssl;
    (void)alert;
    (void)arg;
    return SSL_TLSEXT_ERR_OK;
}

static bool set_groups(SSL_CTX *ctx)
{
    /* Not constant, because the macro casts it so. */
    char all[] = "X25519MLKEM768:X25519:P-256:P-384";
    char classic[] = "X25519:P-256:P-384";

    if (SSL_CTX_set1_groups_list(ctx, all) == 1) {
        return true;
    }
    /* OpenSSL before 3.5 has no ML-KEM and refuses the whole list. */
    ERR_clear_error();
    return SSL_CTX_set1_groups_list(ctx, classic) == 1;
}

int tls_ctx_harden(struct ssl_ctx_st *ctx, int min_version)
{
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    bool good = SSL_CTX_set_min_proto_version(ctx, min_version) == 1 &&
                SSL_CTX_set_max_proto_version(ctx, 0) == 1 &&
                SSL_CTX_set_cipher_list(ctx, ciphers_12) == 1 &&
                SSL_CTX_set_ciphersuites(ctx, ciphers_13) == 1 && set_groups(ctx);
    return good ? OK : ERR_TLS;
}

static bool set_up(SSL_CTX *ctx, const struct tls_ctx_env *env)
{
    (void)SSL_CTX_set_app_data(ctx, (void *)(uintptr_t)env);
    (void)SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_tlsext_servername_callback(ctx, on_servername);
    if (env->alpn != NULL && env->alpn[0] != NULL) {
        SSL_CTX_set_alpn_select_cb(ctx, on_alpn, (void *)(uintptr_t)env);
    }
    if (env->tickets == NULL) {
        (void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    } else if (SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) != 1) {
        return false;
    }
    /* None with the handshake: tls_stream gives one with the first bytes that it writes. */
    return SSL_CTX_set_num_tickets(ctx, 0) == 1 && tls_ctx_harden(ctx, env->min_version) == OK;
}

int tls_ctx_new(const struct tls_ctx_env *env, struct ssl_ctx_st **out_ctx)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL || !set_up(ctx, env)) {
        SSL_CTX_free(ctx);
        return ERR_TLS;
    }
    *out_ctx = ctx;
    return OK;
}

int tls_ctx_of(struct tls_identity *id, const struct tls_ctx_env *env, struct ssl_ctx_st **out_ctx)
{
    SSL_CTX *ctx = NULL;
    size_t installed = 0;

    if (id->ctx != NULL) {
        *out_ctx = id->ctx;
        return OK;
    }
    if (tls_ctx_new(env, &ctx) != OK) {
        return ERR_TLS;
    }
    for (int k = 0; k < TLS_KEY_KINDS; k++) {
        if (id->certs[k] != NULL && tls_cert_install(id->certs[k], ctx) == OK) {
            installed++;
        }
    }
    if (installed == 0) {
        SSL_CTX_free(ctx);
        return ERR_TLS;
    }
    ERR_clear_error();
    id->ctx = ctx;
    *out_ctx = ctx;
    return OK;
}

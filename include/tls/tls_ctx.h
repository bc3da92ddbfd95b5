/* SPDX-License-Identifier: MIT */
/*
 * What every SSL_CTX of ours is set to, and the SSL_CTX of an identity, made on first use. Workers,
 * and the loader's proof that a worker will be able to.
 *
 * A connection starts on a template without certificates and moves to the identity's SSL_CTX inside
 * the client_hello callback. OpenSSL takes options, groups, versions and the ticket callback from
 * the first, ciphers, certificates and ALPN from the second; both are made alike.
 */
#ifndef HIVEDOOR_TLS_TLS_CTX_H
#define HIVEDOOR_TLS_TLS_CTX_H

#include "base/err.h"
#include "tls/tls_sni.h"
#include "tls/tls_ticket.h"

struct ssl_ctx_st;
struct tls_ticket_shared;

struct tls_ctx_env {
    int min_version;
    const struct tls_ticket_ring *tickets; /* borrowed; NULL: no tickets */
    struct tls_ticket_shared *shared;      /* borrowed; used for TLS 1.3 where it is not NULL */
    const char *const *alpn;               /* borrowed; NULL: none */
};

/* What both sides of TLS have in common: versions from `min_version` on, ciphers, groups, no
 * renegotiation, no compression. ERR_TLS with the OpenSSL error left on the queue. */
int tls_ctx_harden(struct ssl_ctx_st *ctx, int min_version) MUST_USE;
/* An SSL_CTX without certificate; the caller's. `env` is kept and must outlive it. ERR_TLS with the
 * OpenSSL error left on the queue. */
int tls_ctx_new(const struct tls_ctx_env *env, struct ssl_ctx_st **out_ctx) MUST_USE;
/* The identity's, made now if need be and kept in it. A certificate that OpenSSL refuses is left
 * out if the other one is taken. ERR_TLS as above. */
int tls_ctx_of(struct tls_identity *id, const struct tls_ctx_env *env,
               struct ssl_ctx_st **out_ctx) MUST_USE;

#endif

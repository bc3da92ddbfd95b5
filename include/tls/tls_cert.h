/* SPDX-License-Identifier: MIT */
/*
 * One certificate with its chain and key, kept as DER; the only module that holds a private key.
 * Immutable and counted. What is needed before a handshake (names, validity, kind) is stored beside
 * the DER, so that ten thousand certificates cost neither start nor reload an X.509 parse.
 *
 * Loader: makes them from PEM (tls_pem, tls_match). Keeper: holds them without keys, for expiry.
 * Workers: turn them into an SSL_CTX on first use (tls_ctx).
 */
#ifndef HIVEDOOR_TLS_TLS_CERT_H
#define HIVEDOOR_TLS_TLS_CERT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/pack.h"
#include "base/sealed.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tls_key_kind { TLS_KEY_ECDSA, TLS_KEY_RSA, TLS_KEY_KINDS };

#define TLS_CHAIN_MAX 10
#define TLS_NAMES_MAX 1000

struct tls_cert {
    unsigned refs;
    enum tls_key_kind kind;
    int64_t not_before; /* seconds since 1970 UTC */
    int64_t not_after;
    uint8_t fingerprint[32]; /* SHA-256 of the leaf's DER */
    struct str serial;       /* upper-case hex */
    struct str issuer;       /* one line, for logs */
    struct str source;       /* "chain.pem + key.pem": where it came from */
    struct str *names;       /* dNSNames of the SAN, lower case; never the subject's CN */
    size_t name_count;
    struct str *chain; /* DER, leaf first */
    size_t chain_count;
    struct str key; /* DER in secret memory, as it came; empty in the keeper */
};

/* "ecdsa", "rsa". */
const char *tls_key_kind_text(enum tls_key_kind kind);
/*
 * From DER: leaf first, then its issuers; `key_der` may be empty. Everything is copied. ERR_SYNTAX
 * (no certificate), ERR_UNSUPPORTED (key type), ERR_MISMATCH (key is of another certificate),
 * ERR_LIMIT.
 */
int tls_cert_new(const struct str *chain, size_t chain_count, struct str key_der, struct str source,
                 struct tls_cert **out_cert) MUST_USE;
struct tls_cert *tls_cert_ref(struct tls_cert *c);
/* The last reference gone: the key is zeroed. Accepts NULL. */
void tls_cert_unref(struct tls_cert *c);
/* Whether one of its names matches `host` (lower case): exact, or "*." for exactly one label. */
bool tls_cert_covers(const struct tls_cert *c, struct str host);
bool tls_cert_is_valid_at(const struct tls_cert *c, int64_t unix_seconds);
/* Which of two is to be used for a name: < 0 the first, > 0 the second, 0 for the same one. Valid
 * at `now`, ends last, issued last; a total order. */
int tls_cert_rank(const struct tls_cert *a, const struct tls_cert *b, int64_t now);
/* For the bundle. Everything above is stored but the key. */
void tls_cert_pack(const struct tls_cert *c, struct packer *p);
/*
 * Takes one out of the bundle without parsing any X.509; ERR_SYNTAX on nonsense. Names, DER and
 * texts stay where they lie: in `home`, which is referenced. NULL: the caller sees to it that the
 * bytes outlive the certificate.
 */
int tls_cert_unpack(struct unpacker *u, struct sealed *home, struct tls_cert **out_cert) MUST_USE;
/* Gives an unpacked one its key, which is copied into secret memory. ERR_SYNTAX when it cannot be
 * one. */
int tls_cert_give_key(struct tls_cert *c, struct str der) MUST_USE;

/* For tls_gather: a digest of the public key that belongs to a private one in PKCS#8, PKCS#1 or SEC
 * 1 form, as in tls_x509. ERR_SYNTAX when it does not decode. */
int tls_cert_key_id(struct str key_der, uint8_t out_id[static 32]) MUST_USE;
/* For tls_ctx: leaf, chain and key into an SSL_CTX, which copies what it needs. ERR_TLS; the
 * OpenSSL error is left on the queue. */
struct ssl_ctx_st;
int tls_cert_install(const struct tls_cert *c, struct ssl_ctx_st *ctx) MUST_USE;

#endif

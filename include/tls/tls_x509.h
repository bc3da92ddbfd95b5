/* SPDX-License-Identifier: MIT */
/*
 * What is to be known of a certificate (RFC 5280 section 4.1) and of a private key before either is
 * used: read out of their DER without OpenSSL, which takes a thousand times as long for it. Nothing
 * is decided here about trust: signatures, keys and use are OpenSSL's business, when a certificate
 * serves or a chain has to be found. Loader only.
 */
#ifndef HIVEDOOR_TLS_TLS_X509_H
#define HIVEDOOR_TLS_TLS_X509_H

#include "base/err.h"
#include "base/str.h"
#include "tls/tls_cert.h"

#include <stdbool.h>
#include <stdint.h>

#define TLS_PUBLIC_ID 32

/* Everything borrowed from the certificate's DER. */
struct tls_x509 {
    struct str der;    /* of the certificate alone; what comes behind it is left out */
    struct str serial; /* of the INTEGER, big endian */
    struct str issuer; /* DER of the names */
    struct str subject;
    int64_t not_before; /* seconds since 1970 UTC */
    int64_t not_after;
    bool has_kind; /* an RSA or an elliptic-curve key */
    enum tls_key_kind kind;
    uint8_t public_id[TLS_PUBLIC_ID];
    struct str names;            /* of subjectAltName: GENERAL NAMEs one behind the other */
    struct str subject_key_id;   /* empty: not there */
    struct str authority_key_id; /* likewise */
    bool is_ca;
};

/* ERR_SYNTAX when it is no certificate. */
int tls_x509_read(struct str der, struct tls_x509 *out) MUST_USE;
/* The same out of a copy of its DER that begins at `der`. */
struct tls_x509 tls_x509_moved(const struct tls_x509 *c, const char *der);
/* The next dNSName as it is written; false at the end. `*rest` begins as tls_x509.names. */
bool tls_x509_next_name(struct str *rest, struct str *out_name);
/* Whether it was issued by itself, as far as names and key identifiers tell. */
bool tls_x509_is_self_issued(const struct tls_x509 *c);

/*
 * A digest of the public key of a private one in PKCS#8 (RFC 5958), PKCS#1 (RFC 8017) or SEC 1 (RFC
 * 5915) form: equal to a certificate's public_id exactly when they belong together. ERR_AGAIN when
 * the key does not carry its public part, or is of another kind: ask tls_x509_public_id.
 */
int tls_x509_key_id(struct str key_der, uint8_t out_id[static TLS_PUBLIC_ID]) MUST_USE;
/* The same of a SubjectPublicKeyInfo; `out_kind` is set if true is returned in `out_has_kind`. */
int tls_x509_public_id(struct str spki, uint8_t out_id[static TLS_PUBLIC_ID], bool *out_has_kind,
                       enum tls_key_kind *out_kind) MUST_USE;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The immutable table from host names to certificates: exact names and wildcards of one label, for
 * each name the best ECDSA and the best RSA certificate side by side. Names with the same pair
 * share one identity, made when it is asked for first, which is where the SSL_CTX is kept once it
 * was made. Loader and workers.
 *
 * A wildcard fills in where an exact name has no valid certificate of a kind.
 */
#ifndef HIVEDOOR_TLS_TLS_SNI_H
#define HIVEDOOR_TLS_TLS_SNI_H

#include "base/str.h"
#include "tls/tls_match.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ssl_ctx_st;

struct tls_identity {
    struct tls_cert *certs[TLS_KEY_KINDS]; /* borrowed from the set; one at least */
    struct ssl_ctx_st *ctx;                /* owned; NULL until the first use (tls_ctx) */
};

struct tls_sni;

/* Borrows the set's certificates, which must outlive the table. `now` (seconds since 1970) decides
 * which of several certificates of one kind is best (tls_cert_rank). */
struct tls_sni *tls_sni_new(const struct tls_set *set, int64_t now);
/* Frees the identities and their SSL_CTX. Accepts NULL. */
void tls_sni_free(struct tls_sni *t);
/* `host` in lower case; NULL when no certificate covers it. Borrowed. A name that begins with "*."
 * finds that very wildcard. */
struct tls_identity *tls_sni_find(const struct tls_sni *t, struct str host);
/* Only which certificate of this kind a client of `host` would get, or NULL. Borrowed. */
struct tls_cert *tls_sni_cert(const struct tls_sni *t, struct str host, enum tls_key_kind kind);
/* Whether `host` is covered. */
bool tls_sni_has(const struct tls_sni *t, struct str host);
size_t tls_sni_name_count(const struct tls_sni *t);

#endif

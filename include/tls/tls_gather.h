/* SPDX-License-Identifier: MIT */
/*
 * The first half of matching: every certificate and key out of any number of files, each key joined
 * to the certificate with its public key, each such leaf given its chain (loader only). Which of
 * the resulting certificates are used is tls_match's business.
 *
 * Terms: a leaf is a certificate with a key, or one that is no CA and signed nothing that was
 * given.
 */
#ifndef HIVEDOOR_TLS_TLS_GATHER_H
#define HIVEDOOR_TLS_TLS_GATHER_H

#include "base/str.h"
#include "tls/tls_cert.h"
#include "tls/tls_match.h"

#include <stddef.h>
#include <stdint.h>

struct tls_gather;

/* `note` is called from inside add and finish. */
struct tls_gather *tls_gather_new(tls_note_fn note, void *arg);
/* Wipes the keys. Accepts NULL. */
void tls_gather_free(struct tls_gather *g);
/* As tls_matcher_add. */
size_t tls_gather_add(struct tls_gather *g, const char *file, struct str bytes);
/* As tls_matcher_add_known. */
int tls_gather_add_known(struct tls_gather *g, const char *file, const struct tls_set *past,
                         const struct tls_ref *refs, size_t count) MUST_USE;
/* As tls_matcher_refs. */
bool tls_gather_refs(const struct tls_gather *g, size_t file, const struct tls_places *places,
                     struct tls_ref out_refs[static TLS_REFS_MAX], size_t *out_count);
/* The certificates with key, chain and at least one name, in no particular order; the array and a
 * reference on each are the caller's. Issuers that are valid at `now` are preferred. */
void tls_gather_finish(struct tls_gather *g, int64_t now, struct tls_cert ***out_certs,
                       size_t *out_count);
/* Formats and passes on one note. */
void tls_gather_note(const struct tls_gather *g, enum tls_note_kind kind, const char *file,
                     const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif

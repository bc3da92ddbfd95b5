/* SPDX-License-Identifier: MIT */
/*
 * Where certificates and keys lie in a set, so that what a file had in it can be named without
 * keeping it twice (loader only).
 */
#ifndef HIVEDOOR_TLS_TLS_PLACES_H
#define HIVEDOOR_TLS_TLS_PLACES_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct tls_set;

/* One certificate or key as a place in a set. */
struct tls_ref {
    uint32_t cert; /* which of the set */
    uint8_t part;  /* position in its chain, or TLS_REF_KEY */
};
#define TLS_REF_KEY  UINT8_MAX
#define TLS_REFS_MAX 12 /* of a file: what has more is rare */

struct tls_places;

/* Never NULL. */
struct tls_places *tls_places_new(const struct tls_set *set);
/* Accepts NULL. */
void tls_places_free(struct tls_places *p);
/* Where the certificate with this SHA-256 is; as a leaf, if it is one. */
bool tls_places_find(const struct tls_places *p, const uint8_t fingerprint[static 32],
                     struct tls_ref *out);

#endif

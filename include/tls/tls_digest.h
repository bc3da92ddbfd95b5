/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 (FIPS 180-4) over pieces, for telling whether files have changed (loader), for
 * remembering passwords without keeping them, and for telling whether two services are trusted
 * alike (workers). SHA-1 of one text, where a protocol asks for it and nothing secret hangs on it
 * (WebSocket).
 */
#ifndef HIVEDOOR_TLS_TLS_DIGEST_H
#define HIVEDOOR_TLS_TLS_DIGEST_H

#include "base/str.h"

#include <stdint.h>

#define TLS_DIGEST_BYTES 32

struct tls_digest;

/* One owner; ended by tls_digest_free. Never NULL. */
struct tls_digest *tls_digest_new(void);
/* Adds a piece with its length in front, so that the same bytes cut elsewhere give another digest.
 */
void tls_digest_add(struct tls_digest *d, struct str piece);
/* The digest over everything added. Once, as the last call but free. */
void tls_digest_finish(struct tls_digest *d, uint8_t out[static TLS_DIGEST_BYTES]);
/* The digest of one text alone; cheaper than the above. */
void tls_digest_once(struct str text, uint8_t out[static TLS_DIGEST_BYTES]);
/* Accepts NULL. */
void tls_digest_free(struct tls_digest *d);

#define TLS_SHA1_BYTES 20
void tls_digest_sha1(struct str text, uint8_t out[static TLS_SHA1_BYTES]);

#endif

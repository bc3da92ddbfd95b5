/* SPDX-License-Identifier: MIT */
/*
 * Compressing responses on their way (RFC 9110 section 8.4.1.3, RFC 1952): which of them, what
 * changes in their head, and the bytes. Pure; the exchange decides when to flush. zlib is seen here
 * only.
 */
#ifndef HIVEDOOR_HTTP_GZIP_H
#define HIVEDOOR_HTTP_GZIP_H

#include "base/err.h"
#include "base/str.h"
#include "http/message.h"

/* Shorter bodies only get longer. */
#define GZIP_BODY_MIN 256

/* ---- the head ---- */

enum gzip_choice {
    GZIP_NEVER,  /* not this response: its kind, its coding, or its service's word against it */
    GZIP_VARIES, /* another client would get it compressed: caches must know (gzip_vary) */
    GZIP_TAKES,  /* to be compressed for this one: gzip_head */
};

/* `body` is that of the response as the service sends it. */
enum gzip_choice gzip_choose(const struct message *request, const struct message *response,
                             struct body body);
/* Vary names Accept-Encoding. */
void gzip_vary(struct message *response);
/* The head of the compressed response: Content-Encoding, Vary, no length, no ranges, and an ETag
 * that is not said to be strong, as the bytes are others now (RFC 9110 section 8.8.1). */
void gzip_head(struct message *response);

/* ---- the bytes ---- */

struct gzip;

/* What comes out, borrowed for the call. */
typedef void (*gzip_fn)(void *arg, struct str bytes);

/* 150 kB; NULL when there is no memory, and then the response goes as it is. */
struct gzip *gzip_new(gzip_fn fn, void *arg);
/* Accepts NULL. */
void gzip_free(struct gzip *g);
/* Takes body bytes; not all of them come out at once. */
void gzip_write(struct gzip *g, struct str bytes);
/* Everything that was written comes out, so that the other side can read it; nothing if it has. */
void gzip_flush(struct gzip *g);
/* The end of the body; only gzip_free may follow. */
void gzip_end(struct gzip *g);

#endif

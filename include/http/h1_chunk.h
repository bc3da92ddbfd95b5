/* SPDX-License-Identifier: MIT */
/*
 * Decoder of the chunked coding (RFC 9112 section 7.1), strict: hexadecimal digits only, at most
 * 16; CRLF only; extensions are dropped and bounded; trailers are checked, bounded and kept as they
 * came, for http/trailer to read.
 */
#ifndef HIVEDOOR_HTTP_H1_CHUNK_H
#define HIVEDOOR_HTTP_H1_CHUNK_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

#define H1_CHUNK_EXT_MAX     1024  /* extension bytes of one chunk */
#define H1_CHUNK_TRAILER_MAX 16384 /* trailer section */

struct h1_chunk {
    uint8_t state;
    uint8_t digits;
    uint32_t line_bytes; /* extension or trailer bytes so far */
    uint32_t kept_cap;
    uint32_t overhead;   /* framing bytes beyond what the data earned: floods of tiny chunks */
    uint64_t left;       /* data bytes left of the current chunk */
    struct arena *arena; /* borrowed; NULL: trailers are not kept */
    char *kept;          /* the trailer section so far, in the arena */
};

/* `arena` must live as long as the body; NULL drops the trailers. */
void h1_chunk_init(struct h1_chunk *c, struct arena *arena);
/*
 * Consumes some of `in` (*out_used bytes) and gives at most one run of data (borrowed from `in`).
 *   OK          *out_data may hold bytes; call again with what is left
 *   ERR_AGAIN   all of `in` is used up, more is needed
 *   ERR_EOF     the body is complete; what follows *out_used belongs to the next message
 *   ERR_SYNTAX, ERR_LIMIT
 */
int h1_chunk_decode(struct h1_chunk *c, struct str in, size_t *out_used,
                    struct str *out_data) MUST_USE;
/* The trailer section of a complete body (after ERR_EOF): lines with their CRLF, without the empty
 * one; empty if there was none. In the arena. */
struct str h1_chunk_trailers(const struct h1_chunk *c);

#endif

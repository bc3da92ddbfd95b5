/* SPDX-License-Identifier: MIT */
/*
 * The HTTP/1 head parser, strict (RFC 9112): lines end with CRLF and nothing else; no obs-fold, no
 * space before the colon, no control characters, no bare CR or LF, one space between the parts of
 * the start line. A head that is not of the grammar is refused, never repaired.
 */
#ifndef HIVEDOOR_HTTP_H1_PARSE_H
#define HIVEDOOR_HTTP_H1_PARSE_H

#include "base/err.h"
#include "base/str.h"
#include "http/message.h"

#include <stddef.h>

struct h1_limits {
    size_t head_bytes; /* start line and fields with their line ends */
    size_t fields;
};

/*
 * Looks for the end of the head. `*scan` remembers how far the search came (start with 0), so that
 * a head that comes in drops is looked at once. OK: *out_len bytes are the head with its empty
 * line. ERR_AGAIN: more bytes are needed. ERR_LIMIT: longer than `limit`. ERR_SYNTAX: a bare LF or
 * CR, or NUL, seen already: waiting for more would be pointless.
 */
int h1_find_head(struct str bytes, size_t limit, size_t *scan, size_t *out_len) MUST_USE;
/* Why a request head is over the limit; `bytes` are those up to the limit: WHY_URI_TOO_LONG when
 * not even the request line ends in them, else WHY_HEADER_TOO_LARGE. */
enum why h1_limit_why(struct str bytes);
/* Number of bytes of empty lines in front of a request line (RFC 9112 section 2.2: at most one CRLF
 * is ignored). ERR_AGAIN when it is a lone CR. */
int h1_skip_empty(struct str bytes, size_t *out_len) MUST_USE;

/*
 * Parses a whole head (as found above). The bytes must live as long as the message: copy them into
 * its arena before. On failure `*out_why` says which WHY_BAD_* or WHY_*_LARGE and the code is
 * ERR_SYNTAX or ERR_LIMIT. For responses every reason is WHY_UPSTREAM_BAD_HEAD or
 * _HEADER_TOO_LARGE.
 */
int h1_parse_request(struct str head, const struct h1_limits *limits, struct message *m,
                     enum why *out_why) MUST_USE;
int h1_parse_response(struct str head, const struct h1_limits *limits, struct message *m,
                      enum why *out_why) MUST_USE;
/* Adds the fields of a trailer section (h1_chunk_trailers) to `m`; the bytes must live as long as
 * the message. ERR_LIMIT above `max` fields, ERR_SYNTAX. */
int h1_parse_trailers(struct str lines, size_t max, struct message *m) MUST_USE;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A decoded header block of HTTP/2 becomes a message (RFC 9113 section 8): field by field, as HPACK
 * yields them. Since the message may go on as HTTP/1, every part is held to that grammar: what
 * could not stand in a request line or a field line there is malformed here.
 *
 * Malformed (h2_head_end says ERR_PROTOCOL, a stream error): upper-case or invalid names, invalid
 * values, white space around a value, connection-specific fields, TE other than "trailers",
 * pseudo-fields that are missing, repeated, unknown, late or in trailers, Host beside another
 * :authority, a Content-Length that is repeated or no number.
 *
 * Pure: knows nothing of sessions and streams. Used by h2_session for both sides.
 */
#ifndef HIVEDOOR_HTTP_H2_FIELDS_H
#define HIVEDOOR_HTTP_H2_FIELDS_H

#include "base/err.h"
#include "base/str.h"
#include "http/h1_parse.h"
#include "http/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum h2_head_kind { H2_HEAD_REQUEST, H2_HEAD_RESPONSE, H2_HEAD_TRAILERS };

/* RFC 9113 section 6.5.2: what a field counts for beside its bytes. */
#define H2_FIELD_OVERHEAD 32

/* A header block while it comes in. The strings live in the message's arena. */
struct h2_head {
    enum h2_head_kind kind;
    struct message *m; /* borrowed: gets what is well-formed */
    struct h1_limits limits;
    size_t bytes;  /* seen so far, also beyond the limits; with H2_FIELD_OVERHEAD a field */
    size_t fields; /* seen so far, pseudo-fields not counted */
    unsigned seen; /* pseudo-fields, a set of bits */
    unsigned cookies;
    enum why malformed; /* the first thing that was wrong; WHY_OK while nothing is */
    enum why too_large; /* WHY_OK while within the limits; then nothing more is kept */
    struct str scheme;
    struct str authority;
    struct str protocol; /* of an extended CONNECT (RFC 8441); empty if none */
    bool has_length;
    uint64_t length; /* Content-Length */
};

/* `m` is initialised with its arena; for trailers too. */
void h2_head_init(struct h2_head *h, enum h2_head_kind kind, struct message *m,
                  const struct h1_limits *limits);
/* The next field of the block; both strings are copied if they are kept. */
void h2_head_add(struct h2_head *h, struct str name, struct str value);
/*
 * The block is complete: joins cookies, gives a request its Host field, drops from trailers what
 * they may not have. ERR_PROTOCOL when it is malformed (h->malformed says why: the reason that the
 * same thing has in HTTP/1), ERR_LIMIT when it was larger than the
 * limits (h->too_large says why, and the message holds what came before), else OK.
 *
 * A request has method, target (of CONNECT without :protocol: the authority) and version HTTP_2; a
 * response has its status.
 */
int h2_head_end(struct h2_head *h) MUST_USE;

#endif

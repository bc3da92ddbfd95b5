/* SPDX-License-Identifier: MIT */
/* Writes HTTP/1.1 heads and chunk frames. What is written is checked: it always parses back. */
#ifndef HIVEDOOR_HTTP_H1_WRITE_H
#define HIVEDOOR_HTTP_H1_WRITE_H

#include "base/buf.h"
#include "base/err.h"
#include "http/message.h"

#include <stdbool.h>

/*
 * The request head: "METHOD TARGET HTTP/1.1", the fields, then the framing field that `body` asks
 * for, and an empty line. FIELD_FRAMING, Connection and Upgrade fields among the message's are
 * skipped: they are written here and nowhere else. `upgrade`, if not empty, adds "Connection:
 * upgrade" and "Upgrade: ..."; a TE field among the message's adds "Connection: te" (RFC 9110
 * section 10.1.4). Trailer stays only where trailers can follow. ERR_LIMIT when `out` is full,
 * ERR_SYNTAX when a part is not of the grammar; then nothing is written.
 */
int h1_write_request(struct buf *out, const struct message *m, struct body body,
                     struct str upgrade) MUST_USE;

struct h1_response_opts {
    struct body body;   /* as it is sent to this client */
    bool close;         /* "Connection: close" */
    bool keep_alive;    /* "Connection: keep-alive", for HTTP/1.0 clients that asked for it */
    bool is_head;       /* answer to HEAD: the message's own Content-Length stands, no body comes */
    bool trailers;      /* this client wants them: Trailer stays, if the body is chunked */
    struct str upgrade; /* with 101 and 426 */
};
/* The response head "HTTP/1.1 STATUS REASON". 1xx, 204 and 304 never get framing fields (a 304's or
 * HEAD answer's own Content-Length is kept, RFC 9110 section 8.6). */
int h1_write_response(struct buf *out, const struct message *m,
                      const struct h1_response_opts *opts) MUST_USE;

/* The last chunk with these fields behind it: the end of a chunked body. A field that trailers may
 * not have (http/trailer) is skipped. Errors as above. */
int h1_write_trailers(struct buf *out, const struct message *m) MUST_USE;

/* "1f4\r\n" before `n` (> 0) bytes of data; the CRLF after the data is the caller's. */
#define H1_CHUNK_HEAD_MAX 20
size_t h1_write_chunk_head(char dst[static H1_CHUNK_HEAD_MAX], size_t n);

#endif

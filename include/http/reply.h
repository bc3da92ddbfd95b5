/* SPDX-License-Identifier: MIT */
/*
 * Answers of our own: redirects and error pages. Small, plain, with a request id and never an
 * internal name; text, or JSON when the client prefers it, HTML for browsers.
 */
#ifndef HIVEDOOR_HTTP_REPLY_H
#define HIVEDOOR_HTTP_REPLY_H

#include "base/arena.h"
#include "base/err.h"
#include "http/message.h"

struct reply {
    struct message head; /* status, Content-Type, Content-Length is left to the writer */
    struct str body;     /* in the arena */
};

#define REPLY_ID_MAX 33
/* A fresh request id: 32 hex digits of random. */
void reply_new_id(char dst[static REPLY_ID_MAX]);

/* The page for a reason; `request` decides the form by its Accept and may be NULL. 405 gets Allow.
 * Every page carries X-Request-Id and Cache-Control: no-store. A request of gRPC gets status 200
 * and the reason as grpc-status and grpc-message instead of a page. */
void reply_error(struct arena *arena, enum why why, const struct message *request, struct str id,
                 struct reply *out_reply);
/* Adds Retry-After to a 429 or 503; nothing to any other reply, and nothing for 0 seconds. */
void reply_retry_after(struct reply *reply, unsigned seconds);
/* A redirect (301, 302, 307, 308) to `location` (already valid as a field value). */
void reply_redirect(struct arena *arena, uint16_t status, struct str location, struct str id,
                    struct reply *out_reply);
/* Any answer with a body (challenges, the admin pages). */
void reply_make(struct arena *arena, uint16_t status, struct str content_type, struct str body,
                struct reply *out_reply);

#endif

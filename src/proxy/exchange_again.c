/* SPDX-License-Identifier: MIT */
/*
 * Sending a request again. Two things make that safe: nothing of the request can have been acted on
 * (the service says so, or the method may be repeated and a kept link died unseen), and all of it
 * is still here.
 *
 * A service of HTTP/2 that stops says of requests on their way that it did nothing for them, bodies
 * included (GOAWAY, REFUSED_STREAM): what a request brought with it is kept until the answer
 * begins, if it is little.
 */
#include "exchange_impl.h"

#include <string.h>

#define SENT_MAX (64 * 1024)

void exchange_again_init(struct exchange *ex)
{
    buf_init(&ex->sent, SENT_MAX);
}

void exchange_again_drop(struct exchange *ex)
{
    buf_fini(&ex->sent);
}

void exchange_again_keep(struct exchange *ex, struct str data)
{
    bool is_whole = buf_len(&ex->sent) + data.len == ex->bytes_in; /* `data` is counted already */
    bool is_asked = strcmp(lease_protocol(ex->lease), "HTTP/2") == 0;
    if (ex->response_half != EX_HALF_HEAD || !is_asked || !is_whole ||
        buf_append_str(&ex->sent, data) != OK) {
        exchange_again_drop(ex);
    }
}

/* RFC 9110 section 9.2.2. */
static bool is_idempotent(enum http_method method)
{
    switch (method) {
    case METHOD_GET:
    case METHOD_HEAD:
    case METHOD_PUT:
    case METHOD_DELETE:
    case METHOD_OPTIONS:
    case METHOD_TRACE: return true;
    case METHOD_POST:
    case METHOD_PATCH:
    case METHOD_CONNECT:
    case METHOD_OTHER: break;
    }
    return false;
}

bool exchange_again_may(const struct exchange *ex, enum why why)
{
    if (ex->retried || ex->response_half != EX_HALF_HEAD) {
        return false;
    }
    if (lease_is_unprocessed(ex->lease)) {
        return buf_len(&ex->sent) == ex->bytes_in; /* RFC 9113 section 8.7: whatever the method */
    }
    /* A link that was kept may have died unseen (RFC 9112 section 9.3.1). */
    bool lost = why == WHY_UPSTREAM_CLOSED || why == WHY_UPSTREAM_RESET;
    return lost && ex->bytes_in == 0 && is_idempotent(ex->request->method) &&
           lease_is_reused(ex->lease) && !lease_answered(ex->lease);
}

void exchange_again_send(struct exchange *ex)
{
    if (ex->retried && buf_len(&ex->sent) > 0) {
        channel_send_data(ex->upstream, buf_str(&ex->sent));
    }
}

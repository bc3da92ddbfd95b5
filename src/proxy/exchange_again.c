/* SPDX-License-Identifier: MIT */
/*
 * Sending a request again when its link died. Two things make that safe: nothing of it can have
 * been acted on, or doing so twice is as good as once; and all of it is still here.
 *
 *   the service says that it did nothing     whatever the method (RFC 9113 section 8.7)
 *   an idempotent method                     RFC 9110 section 9.2.2
 *   another one                              while its body was to come and none of it was sent:
 *                                            the service never had a whole request
 *
 * Never once an answer has begun, at most RETRIES_MAX times, as the service's budget allows, and
 * elsewhere if there is an elsewhere. What the client has sent of the body is kept for that until
 * the answer begins, up to limits.replay.
 */
#include "exchange_impl.h"

#include "proxy_impl.h"

#include <string.h>

#define RETRIES_MAX 3
/* Of all requests of a worker together. */
#define KEPT_MAX ((size_t)32 * 1024 * 1024)

void exchange_again_drop(struct exchange *ex)
{
    ex->proxy->kept_bytes -= buf_len(&ex->sent);
    buf_fini(&ex->sent);
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

/* Whether the body so far is here. */
static bool is_kept(const struct exchange *ex)
{
    return buf_len(&ex->sent) == ex->bytes_in;
}

void exchange_again_keep(struct exchange *ex, struct str data)
{
    bool is_first = ex->bytes_in == data.len; /* `data` is counted already */
    bool may_serve =
        is_idempotent(ex->request->method) || strcmp(lease_protocol(ex->lease), "HTTP/2") == 0;
    bool is_whole = buf_len(&ex->sent) + data.len == ex->bytes_in;
    if (is_first) {
        buf_init(&ex->sent, (size_t)ex->route->replay_bytes);
    }
    if (may_serve && is_whole && ex->proxy->kept_bytes + data.len <= KEPT_MAX &&
        buf_append_str(&ex->sent, data) == OK) {
        ex->proxy->kept_bytes += data.len;
    } else {
        exchange_again_drop(ex);
    }
}

static bool is_safe(const struct exchange *ex, enum why why)
{
    if (lease_is_unprocessed(ex->lease)) {
        return true;
    }
    bool is_lost = why == WHY_UPSTREAM_CLOSED || why == WHY_UPSTREAM_RESET;
    if (!is_lost || lease_answered(ex->lease)) {
        return false;
    }
    bool is_begun_only = ex->request_half != EX_HALF_DONE && ex->bytes_in == 0;
    return is_begun_only || is_idempotent(ex->request->method);
}

bool exchange_again_may(const struct exchange *ex, enum why why)
{
    return ex->retries < RETRIES_MAX && ex->response_half == EX_HALF_HEAD && is_kept(ex) &&
           is_safe(ex, why) && lease_may_retry(ex->lease, why);
}

void exchange_again_send(struct exchange *ex)
{
    if (ex->retries > 0 && buf_len(&ex->sent) > 0) {
        channel_send_data(ex->upstream, buf_str(&ex->sent));
    }
}

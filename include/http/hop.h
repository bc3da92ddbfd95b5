/* SPDX-License-Identifier: MIT */
/*
 * Hop-by-hop fields (RFC 9110 section 7.6.1): taken out of a message before it is forwarded, with
 * whatever Connection names, except fields that it may not name (FIELD_PROTECTED).
 */
#ifndef HIVEDOOR_HTTP_HOP_H
#define HIVEDOOR_HTTP_HOP_H

#include "base/err.h"
#include "http/message.h"

#include <stdbool.h>

/* What Connection named, beside its usual options. */
struct hop_names;

struct hop {
    struct str upgrade; /* protocols asked for or chosen; empty if none; in the message's arena */
    bool te_trailers;   /* TE: trailers was there (it is added again by whoever supports it) */
    const struct hop_names *names; /* in the message's arena; NULL for none */
};

/* Removes them and says what they were. Framing fields are removed too: the writers add them; only
 * a response's Content-Length stays, for the answer to HEAD and for 304 (writers skip it
 * elsewhere). An Upgrade counts only with "Connection: upgrade", not in HTTP/1.0, and never for
 * "h2c". HTTP/2 has neither field; what h2_server made of an extended CONNECT has both. */
void hop_strip(struct message *m, struct hop *out_hop);
/* Counts the Max-Forwards of an OPTIONS or TRACE request down (RFC 9110 section 7.6.2). False when
 * it has come as far as it may: then it is answered by us. */
bool hop_may_forward(struct message *m);
/* Removes from the trailers of that message what its Connection named. */
void hop_strip_trailers(struct message *m, const struct hop *hop);

/* Whether a 101 switches as it must: by Connection and Upgrade, to nothing but protocols that were
 * asked for (RFC 9110 section 7.8); `asked` is a hop.upgrade. */
bool hop_switches(const struct message *m, struct str asked);

#endif

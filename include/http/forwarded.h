/* SPDX-License-Identifier: MIT */
/*
 * X-Forwarded-For, -Proto and -Host: set by us; what the client sent is removed, unless its address
 * is trusted: then For is appended to, Proto and Host are kept.
 */
#ifndef HIVEDOOR_HTTP_FORWARDED_H
#define HIVEDOOR_HTTP_FORWARDED_H

#include "base/addr.h"
#include "http/message.h"

#include <stdbool.h>

struct forwarded {
    const struct addr *client; /* the peer, or what a PROXY header said; NULL: not known */
    bool tls;                  /* proto "https", else "http" */
    struct str host;           /* the Host field's value */
    bool trusted;              /* `client` is in forwarded.trust */
};

/* Changes the fields of `m`; every field with FIELD_CLIENT of an untrusted client goes, also
 * when it is spelt with "_". A client that is not known,
 * or on a Unix socket, has no address to add. */
void forwarded_apply(struct message *m, const struct forwarded *f);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * X-Forwarded-For, -Proto and -Host: set by us; what the client sent is removed, unless its address
 * is trusted: then For is appended to, Proto and Host are kept.
 *
 * X-Client-Cert-Subject, -Fingerprint and -Verified: what TLS proved of the client, where a site
 * asks. What came under these names is removed whoever sent it: a balancer in front knows nothing
 * of them and would pass on what a client made up.
 */
#ifndef HIVEDOOR_HTTP_FORWARDED_H
#define HIVEDOOR_HTTP_FORWARDED_H

#include "base/addr.h"
#include "http/message.h"

#include <stdbool.h>

/* A certificate that was verified. */
struct forwarded_cert {
    struct str subject; /* one line, RFC 4514; empty: not told */
    struct str fingerprint;
};

struct forwarded {
    struct str client; /* address of the peer, or what a PROXY header said; empty: not known */
    bool tls;          /* proto "https", else "http" */
    struct str host;   /* the Host field's value */
    bool trusted;      /* `client` is in forwarded.trust */
    bool asked;        /* the site asks for certificates */
    const struct forwarded_cert *cert; /* with `asked`: the client's, NULL if it has none */
};

/* Changes the fields of `m`, which keeps the strings; every field with FIELD_CLIENT of an untrusted
 * client goes, and every one with FIELD_IDENTITY, also when it is spelt with "_". `client` is
 * copied into the arena of `m`. */
void forwarded_apply(struct message *m, const struct forwarded *f);

#endif

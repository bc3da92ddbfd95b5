/* SPDX-License-Identifier: MIT */
/* What links see of a transport. */
#ifndef HIVEDOOR_SRC_UPSTREAM_TRANSPORT_IMPL_H
#define HIVEDOOR_SRC_UPSTREAM_TRANSPORT_IMPL_H

#include "base/map.h"
#include "tls/tls_client.h"
#include "tls/tls_digest.h"
#include "upstream/transport.h"

#include <stdbool.h>
#include <stdint.h>

/* What the service's end has been found to speak. Known from the start without TLS; with TLS it is
 * what ALPN said last, and only a guess for the next connection. */
enum transport_speech { TRANSPORT_H1, TRANSPORT_H2 };

struct transport {
    unsigned refs;
    struct map *all; /* borrowed: where it stands under its key */
    uint8_t key[TLS_DIGEST_BYTES];
    enum transport_speech speech;
    struct tls_client *tls; /* a reference; NULL without TLS */
};

/* Whether a link that is being made will carry several exchanges, as far as one can tell. */
static inline bool transport_is_shared(const struct transport *t)
{
    return t != NULL && t->speech == TRANSPORT_H2;
}

#endif

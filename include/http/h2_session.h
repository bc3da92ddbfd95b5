/* SPDX-License-Identifier: MIT */
/*
 * What HTTP/2 is configured to, for both sides of the proxy, and the library below it. The session
 * itself (nghttp2 behind a stream) is shared by h2_server and the client's side and private to this
 * floor: src/http/h2_session_impl.h says what each of them supplies.
 */
#ifndef HIVEDOOR_HTTP_H2_SESSION_H
#define HIVEDOOR_HTTP_H2_SESSION_H

#include "http/h1_parse.h"

#include <stdint.h>

struct h2_limits {
    struct h1_limits head;      /* of one message: bytes and number of fields */
    uint32_t streams;           /* that the peer may have open */
    uint32_t window;            /* of a stream, bytes */
    uint32_t connection_window; /* of all streams together */
    uint32_t frame;             /* greatest frame taken */
    uint32_t table;             /* of HPACK, bytes */
    uint32_t requests;          /* of one connection, then GOAWAY (server) */
};

/* "1.2.3" of nghttp2; static. */
const char *h2_session_version_running(void);
const char *h2_session_version_built(void);

#endif

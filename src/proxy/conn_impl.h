/* SPDX-License-Identifier: MIT */
/* What the two files of a connection share: its life and requests (conn), its beginning
 * (conn_begin). */
#ifndef HIVEDOOR_SRC_PROXY_CONN_IMPL_H
#define HIVEDOOR_SRC_PROXY_CONN_IMPL_H

#include "base/buf.h"
#include "http/server.h"
#include "loop/deadline.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/handshakes.h"
#include "proxy_impl.h"

enum conn_state {
    CONN_PROXY,
    CONN_HANDSHAKE,
    CONN_OPEN,
    CONN_IDLE,
    CONN_DRAINING,
    CONN_CLOSED,
};

/* How long a client is given to close its side after the last answer. */
#define CONN_LINGER_MS 2000
/* How long a client that has said nothing yet is given while the daemon is stopping. */
#define CONN_FIRST_MS 1000

struct conn {
    struct conn_node node;
    struct proxy *proxy;
    enum proxy_port port;
    enum conn_state state;
    struct addr client; /* the peer, or from the PROXY header */
    bool client_known;  /* `client` is one that sites may judge by */
    uint8_t client_text_len;
    char client_text[INET6_ADDRSTRLEN]; /* likewise */
    bool has_asked;                     /* a request has begun, at any time */
    struct stream *stream;              /* owned until http takes it; then borrowed */
    struct server *http;                /* owned; NULL before */
    struct list exchanges;
    struct deadline deadline;
    struct handshake *turn; /* owned, with CONN_HANDSHAKE: its place in the line */
    struct buf *early;      /* owned, with CONN_PROXY: bytes read while looking for a header */
    enum why linger_why;    /* with CONN_DRAINING */
    uint64_t counted_in;
    uint64_t counted_out;
    const char *tls_version; /* static, NULL before the handshake and without TLS */
    const char *detail;      /* static or the stream's, for the log */
};

/* Moves between states, and the gauges with it; aborts on an impossible step. */
void conn_set_state(struct conn *c, enum conn_state state);
/* First steps on a new descriptor: PROXY header if its source may send one, TLS if the port wants
 * it. */
void conn_begin(struct conn *c, int fd);
/* Forgets what was read while looking for a PROXY header. */
void conn_drop_early(struct conn *c);
/* Gives up the place in the line of handshakes, if there is one. */
void conn_leave_line(struct conn *c);
/* The stream is ready for HTTP; `early` was read from it already. HTTP/2 where ALPN chose it. */
void conn_open(struct conn *c, struct str early, bool is_http2);

#endif

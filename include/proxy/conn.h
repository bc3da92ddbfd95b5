/* SPDX-License-Identifier: MIT */
/*
 * One client connection, from accept to close (workers only):
 *
 *   CONN_PROXY -> CONN_HANDSHAKE -> CONN_OPEN <-> CONN_IDLE -> CONN_DRAINING -> CONN_CLOSED
 *
 * CONN_PROXY waits for a PROXY protocol header from a trusted source, CONN_HANDSHAKE for TLS,
 * CONN_OPEN has a request begun or running, CONN_IDLE waits for the next, CONN_DRAINING has sent
 * its last answer. Every state has a deadline; every end goes through conn_close with one reason.
 */
#ifndef HIVEDOOR_PROXY_CONN_H
#define HIVEDOOR_PROXY_CONN_H

#include "base/addr.h"
#include "base/err.h"
#include "base/list.h"
#include "base/str.h"
#include "proxy/proxy.h"

#include <stdbool.h>

struct conn;

/* Takes the descriptor of a connection just accepted on a port. */
void conn_new(struct proxy *p, int fd, const struct addr *peer, enum proxy_port port);
/* Ends it now, with its exchange; safe at any time, freed at the end of the turn. */
void conn_close(struct conn *c, enum why why);
/* There is too little memory: ends it if it is idle. */
void conn_shed(struct conn *c);
/* The daemon is stopping: no further request after the current one; one that has not asked for
 * anything yet has a second for its first. */
void conn_drain(struct conn *c);
/* Whether a request runs, or a part of an answer is not sent yet, or a handshake is under way. */
bool conn_is_owed(const struct conn *c);

/* A request was malformed or will not be read to its end: the answer that is about to be sent is
 * the last where requests follow each other (HTTP/1). */
void conn_distrust(struct conn *c);

/* For exchanges. */
struct proxy *conn_proxy(const struct conn *c);
/* Who the client is: the peer, or what a PROXY header from a trusted source said. */
const struct addr *conn_client(const struct conn *c);
/* The same, or NULL when nobody knows: it came through what `masked` names (Docker's gateway, the
 * ingress network) without a PROXY header, or by a Unix socket. */
const struct addr *conn_known_client(const struct conn *c);
/* Its text, which every request is sent on with; empty when nobody knows. */
struct str conn_client_text(const struct conn *c);
bool conn_is_tls(const struct conn *c);
/* Whether this connection's certificate covers `host`; true without TLS. */
bool conn_covers(const struct conn *c, struct str host);
/* Whether this connection may ask for `host`, a site with client_auth, by what `now` demands of
 * clients; false without TLS. */
struct tls_server;
struct tls_peer;
bool conn_admits(const struct conn *c, const struct tls_server *now, struct str host);
/* The client's verified certificate; NULL if it has none. Lives as long as the connection. */
const struct tls_peer *conn_peer(const struct conn *c);
/* "TLSv1.3", or "" without TLS. */
const char *conn_tls_version(const struct conn *c);
/* Where the connection's exchanges stand (struct exchange links itself in). */
struct list *conn_exchanges(struct conn *c);
/* An exchange has ended, let go of its channel and left the list. */
void conn_exchange_done(struct conn *c);

#endif

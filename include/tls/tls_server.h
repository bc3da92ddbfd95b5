/* SPDX-License-Identifier: MIT */
/*
 * The server side of TLS for one generation: its certificates, the immutable table of the names in
 * them (tls_sni), the SSL_CTX made from a certificate on first use (tls_ctx), and the settings.
 * Workers only. Counted, because connections outlive a reload.
 *
 * Versions 1.2 and 1.3, no renegotiation, no compression, no 0-RTT, session cache off, tickets from
 * the worker's ring, X25519MLKEM768 (where the library has it), X25519, then P-256 and P-384. A
 * session is bound to the name it was made under (session id context), so one site's never opens
 * another.
 */
#ifndef HIVEDOOR_TLS_TLS_SERVER_H
#define HIVEDOOR_TLS_TLS_SERVER_H

#include "base/err.h"
#include "base/str.h"
#include "tls/tls_auth.h"
#include "tls/tls_hello.h"
#include "tls/tls_match.h"
#include "tls/tls_sni.h"
#include "tls/tls_ticket.h"

#include <stdbool.h>

struct tls_server;

struct tls_settings {
    int min_version;         /* TLS1_2_VERSION or TLS1_3_VERSION */
    struct str default_name; /* certificate for no or an unknown name; empty: refuse; copied */
    const struct tls_ticket_ring
        *tickets;             /* borrowed, lives as long as the worker, changes in place */
    struct str ticket_secret; /* shared by replicas, see tls_ticket_shared; empty: none; copied */
    const char *const *alpn;  /* offered protocols, best first, NULL-terminated; borrowed */
    const struct tls_auth_rule *auth; /* who is asked for a certificate; read during the call */
    size_t auth_count;
};

/* Takes references on the certificates. Never fails on a single bad certificate: that is found by
 * the loader (tls_server_verify). ERR_TLS; ERR_SYNTAX if the authority of an auth rule is none. */
int tls_server_new(const struct tls_set *set, const struct tls_settings *settings,
                   struct tls_server **out_server) MUST_USE;
struct tls_server *tls_server_ref(struct tls_server *t);
void tls_server_unref(struct tls_server *t);
/* A load proves so many certificates at most: OpenSSL 3.0 takes 0.2 ms for each, and ten thousand
 * of them must not keep a door from starting. The others are proven by their first handshake. */
#define TLS_PROVEN_MAX 256
/* Puts certificates into an SSL_CTX and throws it away: the loader's proof that a worker will be
 * able to. Those of `known` (may be NULL) serve already and are passed over. `out_bad` gets the
 * first one that fails. */
int tls_server_verify(struct tls_server *t, const struct tls_set *known,
                      const struct tls_cert **out_bad) MUST_USE;
/*
 * What the ClientHello of one connection led to. Filled in during the handshake, before a session
 * is looked at: the session id context is a digest of the name asked for and of what is asked of
 * clients that come for it, so that a session made under one name is never resumed under another,
 * not even where both share a certificate, nor under another authority for clients.
 */
struct tls_pick {
    struct tls_server *server;       /* borrowed */
    struct tls_identity *identity;   /* borrowed from the server; NULL until chosen */
    const struct tls_policy *policy; /* borrowed; NULL: no certificate is asked for */
    int err;                         /* ERR_NOT_FOUND: refused, no certificate for the name */
    bool takes_ticket;               /* of TLS 1.3, and none was given yet */
    bool is_default;                 /* no certificate has the name: it got the default one */
    struct str name;                 /* lower case, owned; empty: none was sent */
};
struct ssl_st;
/* For tls_stream: a new server-side SSL, the caller's; `pick` is set up, must outlive it, and is
 * its app data. ERR_TLS with the OpenSSL error left on the queue. */
int tls_server_ssl(struct tls_server *t, struct tls_pick *pick, struct ssl_st **out_ssl) MUST_USE;
/* Frees what a pick owns; safe on a zeroed one and twice. */
void tls_pick_fini(struct tls_pick *pick);
/* What is asked of clients that come for `name` (lower case); NULL: nothing. Borrowed. */
const struct tls_policy *tls_server_policy(const struct tls_server *t, struct str name);
/* Whether a TLS client asking for `name` (lower case) would get a certificate of that name. */
bool tls_server_has(const struct tls_server *t, struct str name);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Certificates of clients: which names ask for one, and of which authority. Workers, and the
 * loader's proof. Immutable once made; belongs to a tls_server.
 *
 * A name's policy is part of the session id context, so a session lives and dies with it: one that
 * was made under another name, another authority, or none, is not resumed (tls_server).
 */
#ifndef HIVEDOOR_TLS_TLS_AUTH_H
#define HIVEDOOR_TLS_TLS_AUTH_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_AUTH_DIGEST      32
#define TLS_AUTH_SUBJECT_MAX 2048

/* What is asked of clients that come for `name`; all borrowed for the call. */
struct tls_auth_rule {
    struct str name; /* lower case; "*.x.com": every name of one label more that has no own rule */
    bool asks;       /* false: for no certificate, also where a wildcard's rule would */
    bool required;   /* the handshake of a client without one fails */
    struct str ca;   /* PEM: the authorities, each of them an anchor */
};

struct tls_auth;
struct tls_policy;
struct ssl_st;
struct ssl_session_st;

/* ERR_SYNTAX: the PEM of a rule that asks is no authority; nothing is made then. */
int tls_auth_new(const struct tls_auth_rule *rules, size_t count,
                 struct tls_auth **out_auth) MUST_USE;
/* Accepts NULL. */
void tls_auth_free(struct tls_auth *a);
/* What is asked of clients that come for this name (lower case); NULL: nothing. Borrowed. */
const struct tls_policy *tls_auth_find(const struct tls_auth *a, struct str name);

bool tls_policy_required(const struct tls_policy *p);
/* Same authority, same strictness: also of two generations. Neither may be NULL. */
bool tls_policy_eq(const struct tls_policy *a, const struct tls_policy *b);
/* Over mode and authorities. */
const uint8_t *tls_policy_digest(const struct tls_policy *p);
/* The connection asks its client for a certificate. ERR_TLS, the error left on the queue. */
int tls_policy_apply(const struct tls_policy *p, struct ssl_st *ssl) MUST_USE;
/* Whether a session may stand for a handshake: it holds a certificate that was verified and is
 * still in time, or none where none is required. */
bool tls_policy_takes(const struct tls_policy *p, const struct ssl_session_st *session);

/* A client's certificate that was verified. */
struct tls_peer {
    char subject[TLS_AUTH_SUBJECT_MAX + 1]; /* RFC 4514, ASCII; empty if it is longer */
    char fingerprint[65];                   /* SHA-256 of the DER in lower-case hex */
    int64_t not_after;                      /* seconds since 1970 UTC */
};
/* What the connection's client has shown, the caller's (free); NULL if nothing or nothing good. */
struct tls_peer *tls_peer_of(struct ssl_st *ssl);

#endif

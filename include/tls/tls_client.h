/* SPDX-License-Identifier: MIT */
/*
 * The client side of TLS towards one kind of service: whose certificates are trusted, which name
 * they must cover, which protocols are offered. Counted, because connections outlive a reload.
 * Workers, and the loader's proof that a worker will be able to.
 *
 * Versions 1.2 and 1.3, the ciphers and groups of the server side. The name is checked by OpenSSL
 * as part of the chain (X509_check_host), never by comparing strings. A session is kept for the
 * next connection: resuming one proves the same service again, since nobody else shares it.
 */
#ifndef HIVEDOOR_TLS_TLS_CLIENT_H
#define HIVEDOOR_TLS_TLS_CLIENT_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

struct ssl_st;
struct tls_client;

struct tls_client_settings {
    bool verify_off; /* any certificate will do */
    struct str ca;   /* PEM; what is in it is trusted, be it a root or not */
    /* What the certificate must cover: a host name, also sent as SNI, or an address, which is not
     * (RFC 6066 section 3). A dot at the end does not belong to it. */
    struct str name;
    const char *const *alpn; /* offered protocols, best first, NULL-terminated; not kept */
};

/* Keeps nothing of the settings. ERR_SYNTAX: `ca` holds no certificate, or one that cannot be read;
 * ERR_TLS: OpenSSL refuses. */
int tls_client_new(const struct tls_client_settings *settings,
                   struct tls_client **out_client) MUST_USE;
struct tls_client *tls_client_ref(struct tls_client *t);
/* Accepts NULL. */
void tls_client_unref(struct tls_client *t);
/* For tls_stream: a new client-side SSL, the caller's. ERR_TLS with the OpenSSL error left on the
 * queue. */
int tls_client_ssl(struct tls_client *t, struct ssl_st **out_ssl) MUST_USE;

#endif

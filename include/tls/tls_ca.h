/* SPDX-License-Identifier: MIT */
/*
 * Files of certificate authorities: where the system keeps its own, whether bytes are one (loader),
 * and how they come to be trusted (workers).
 */
#ifndef HIVEDOOR_TLS_TLS_CA_H
#define HIVEDOOR_TLS_TLS_CA_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

/* Debian's, and so the image's. */
#define TLS_CA_SYSTEM "/etc/ssl/certs/ca-certificates.crt"

/* The path of the system's authorities: SSL_CERT_FILE, TLS_CA_SYSTEM if it can be read, or where
 * OpenSSL was built to look. It may not exist. Looks at the file system: loader only. */
const char *tls_ca_system(void);
/* Whether these bytes are PEM with at least one certificate and no broken one; *out_count how many.
 * ERR_NOT_FOUND: none; ERR_SYNTAX: one is broken. */
int tls_ca_check(struct str pem, size_t *out_count) MUST_USE;

/* Every certificate of the PEM becomes a trust anchor of the store. ERR_SYNTAX: one is broken, or
 * there is none. */
struct x509_store_st;
int tls_ca_trust(struct x509_store_st *store, struct str pem) MUST_USE;

#endif

/* SPDX-License-Identifier: MIT */
/* Keys, certificates and sets made on the fly for the tests of this floor. Aborts on any failure.
 */
#ifndef HIVEDOOR_TESTS_TLS_KIT_H
#define HIVEDOOR_TESTS_TLS_KIT_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "tls/tls_match.h"

#define KIT_NOW INT64_C(1790000000)
#define KIT_DAY INT64_C(86400)

struct kit_spec {
    const char *subject; /* common name */
    const char *names;   /* dNSNames, space-separated; NULL: no subjectAltName */
    EVP_PKEY *key;
    X509 *issuer; /* NULL: self-signed */
    EVP_PKEY *issuer_key;
    int64_t from; /* 0: a day before KIT_NOW */
    int64_t to;   /* 0: 90 days after it */
    bool is_ca;
};

EVP_PKEY *kit_ec_key(void);
EVP_PKEY *kit_rsa_key(void);
X509 *kit_issue(const struct kit_spec *spec);
/* NUL-terminated PEM, to be freed with free(). */
char *kit_cert_pem(X509 *x);
char *kit_key_pem(EVP_PKEY *key);
/* RSA PRIVATE KEY or EC PRIVATE KEY. */
char *kit_key_pem_old(EVP_PKEY *key);
char *kit_key_pem_encrypted(EVP_PKEY *key);
/* DER in malloc'ed memory. */
struct str kit_cert_der(X509 *x);
struct str kit_key_der(EVP_PKEY *key);
/* All of them, one behind the other; frees the parts; NULL ends the list. */
char *kit_join(char *first, ...) __attribute__((sentinel));

/* A self-signed certificate for `names` with its key as one PEM. */
char *kit_site(const char *names, EVP_PKEY *key, int64_t from, int64_t to);
/* Matches these PEM texts (freed) at KIT_NOW without a previous set. */
struct tls_set kit_set(char *first, ...) __attribute__((sentinel));

#endif

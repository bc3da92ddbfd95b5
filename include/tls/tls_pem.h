/* SPDX-License-Identifier: MIT */
/*
 * Finds certificates and private keys in the bytes of a file: PEM (RFC 7468) with anything around
 * and between the blocks, or one DER object. Used by the loader, and by workers for authorities. It
 * tells objects apart and decodes base64; it does not look into a certificate or a key (tls_cert
 * does).
 *
 * Labels taken: CERTIFICATE, X509 CERTIFICATE, TRUSTED CERTIFICATE; PRIVATE KEY (PKCS#8), RSA
 * PRIVATE KEY, EC PRIVATE KEY. Other blocks (parameters, requests, public keys) are passed over. An
 * encrypted key is reported, never asked a passphrase for.
 */
#ifndef HIVEDOOR_TLS_TLS_PEM_H
#define HIVEDOOR_TLS_TLS_PEM_H

#include "base/str.h"

#include <stddef.h>

enum tls_pem_kind {
    TLS_PEM_CERT,
    TLS_PEM_KEY,
    TLS_PEM_ENCRYPTED, /* a key under a passphrase; `der` is empty */
    TLS_PEM_BROKEN,    /* a block that does not end or is no base64; `der` is empty */
};

/* `der` lives in secret memory and is valid during the call only. */
typedef void (*tls_pem_fn)(void *arg, enum tls_pem_kind kind, struct str der);

/* A block's base64 may be this long; a longer one is broken. */
#define TLS_PEM_BLOCK_MAX (256 * 1024)

/* Calls `fn` for each object in the order of the file; returns how many certificates and keys
 * (encrypted ones too) there were. A file with nothing in it gives 0 calls. */
size_t tls_pem_read(struct str bytes, tls_pem_fn fn, void *arg);

#endif

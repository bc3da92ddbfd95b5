/* SPDX-License-Identifier: MIT */
/*
 * Where OpenSSL reads ciphertext from and writes it to: a window of bytes that somebody else
 * received, and a buffer that somebody else sends. No descriptor, no system call. Workers only.
 */
#ifndef HIVEDOOR_TLS_TLS_BIO_H
#define HIVEDOOR_TLS_TLS_BIO_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

struct bio_st;
struct bio_method_st;

struct tls_bio {
    const uint8_t *in; /* borrowed: what is left of the window */
    size_t in_len;
    struct buf *out; /* borrowed */
};

/* One a worker; never NULL. It must outlive every BIO made with it. */
struct bio_method_st *tls_bio_method_new(void);
void tls_bio_method_free(struct bio_method_st *method);
/* For both directions (SSL_set_bio). `io` is borrowed. An empty window and a full buffer mean
 * "again later". Never NULL. */
struct bio_st *tls_bio_new(const struct bio_method_st *method, struct tls_bio *io);

#endif

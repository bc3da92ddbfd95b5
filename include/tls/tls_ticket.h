/* SPDX-License-Identifier: MIT */
/*
 * Session ticket keys. The supervisor makes a ring at start, rotates it, and pushes it to every
 * worker, so that a session resumes on any of them. The newest key encrypts; older ones still
 * decrypt until they fall off the ring, and such a session gets a ticket of the newest key.
 */
#ifndef HIVEDOOR_TLS_TLS_TICKET_H
#define HIVEDOOR_TLS_TLS_TICKET_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define TLS_TICKET_KEYS 3

struct tls_ticket_key {
    uint8_t name[16];
    uint8_t aes[32];
    uint8_t hmac[32];
};

struct tls_ticket_ring {
    uint32_t count;                              /* keys in use, newest first */
    struct tls_ticket_key keys[TLS_TICKET_KEYS]; /* secret: wipe copies */
};

/* A ring with one fresh random key. */
int tls_ticket_ring_init(struct tls_ticket_ring *ring) MUST_USE;
/* A fresh key in front; the oldest falls off. */
int tls_ticket_ring_rotate(struct tls_ticket_ring *ring) MUST_USE;

/*
 * For tls_ctx: the two halves of OpenSSL's ticket key callback, AES-256-CBC and HMAC-SHA256 (RFC
 * 5077 section 4). The results are that callback's. Seal: 1 set up with the newest key (name and iv
 * written), 0 no ticket, -1 error. Open: 1 set up, 2 set up with an older key (renew the ticket), 0
 * no such key (full handshake), -1 error.
 */
struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;
int tls_ticket_seal(const struct tls_ticket_ring *ring, uint8_t name[static 16],
                    uint8_t iv[static 16], struct evp_cipher_ctx_st *cipher,
                    struct evp_mac_ctx_st *mac) MUST_USE;
int tls_ticket_open(const struct tls_ticket_ring *ring, const uint8_t name[static 16],
                    const uint8_t iv[static 16], struct evp_cipher_ctx_st *cipher,
                    struct evp_mac_ctx_st *mac) MUST_USE;

#endif

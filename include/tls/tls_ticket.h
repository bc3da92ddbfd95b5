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

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Ticket keys that several daemons make alike, from one secret and the clock, so that a session
 * made at one replica resumes at another, and after a restart, with nothing copied. Workers only.
 *
 * Time is cut into epochs; the key of each is HKDF-SHA256 (RFC 5869) of the secret with the number
 * of the epoch. The current key seals. The ones before and after still open, for tickets that are
 * not old yet and for clocks that differ. For TLS 1.3 only: there a stolen secret opens no recorded
 * session, since each resumption exchanges keys anew; TLS 1.2 keeps the daemon's own random keys.
 */
#ifndef HIVEDOOR_TLS_TLS_TICKET_SHARED_H
#define HIVEDOOR_TLS_TLS_TICKET_SHARED_H

#include "base/str.h"
#include "tls/tls_ticket.h"

#include <stdint.h>

/* Longer than any ticket is good for, so that the key before the current one is enough. */
#define TLS_TICKET_EPOCH_S (8 * 60 * 60)
/* A shorter secret can be guessed. */
#define TLS_TICKET_SECRET_MIN 32

struct tls_ticket_shared;

/* Copies the secret into memory that is kept out of core files. Never NULL. */
struct tls_ticket_shared *tls_ticket_shared_new(struct str secret);
/* Zeroes everything. Accepts NULL. */
void tls_ticket_shared_free(struct tls_ticket_shared *s);
/* The keys for `now` (seconds since 1970): the current one, the one before, the next. Borrowed
 * until the next call. NULL if OpenSSL refuses. */
const struct tls_ticket_ring *tls_ticket_shared_ring(struct tls_ticket_shared *s, int64_t now);

#endif

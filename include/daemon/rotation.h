/* SPDX-License-Identifier: MIT */
/* When session ticket keys are replaced (supervisor). Pure. */
#ifndef HIVEDOOR_DAEMON_ROTATION_H
#define HIVEDOOR_DAEMON_ROTATION_H

#include "base/err.h"
#include "tls/tls_ticket.h"

#include <stdbool.h>
#include <stdint.h>

/* A key encrypts for 8 hours and decrypts for two more turns: a ticket lives at most a day. */
#define ROTATION_MS (8u * 60 * 60 * 1000)

/* Rotates if `interval_ms` has passed since *last_ms, which is then moved. True if it did. */
bool rotation_step(struct tls_ticket_ring *ring, uint64_t *last_ms, uint64_t now_ms,
                   uint64_t interval_ms);

#endif

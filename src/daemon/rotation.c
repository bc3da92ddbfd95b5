/* SPDX-License-Identifier: MIT */
#include "daemon/rotation.h"

bool rotation_step(struct tls_ticket_ring *ring, uint64_t *last_ms, uint64_t now_ms,
                   uint64_t interval_ms)
{
    if (now_ms - *last_ms < interval_ms) {
        return false;
    }
    *last_ms = now_ms; /* also when no random bytes were to be had: the next turn tries again */
    return tls_ticket_ring_rotate(ring) == OK;
}

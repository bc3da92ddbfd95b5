/* SPDX-License-Identifier: MIT */
/*
 * How a worker's data path comes to its end without losing anybody:
 *
 *   LEAVE_NOT -> LEAVE_DRAINING -> LEAVE_SHUT
 *
 * DRAINING goes on accepting, and is over when the connections of before have ended: those that
 * come meanwhile do not put it off, however many they are. SHUT begins when no handshake is begun
 * any more: what is in the accept queue is served, then nothing is left. Each end is told once by
 * env.drained.
 *
 * Private to the data path.
 */
#ifndef HIVEDOOR_SRC_PROXY_LEAVE_H
#define HIVEDOOR_SRC_PROXY_LEAVE_H

#include "loop/timer.h"

#include <stdbool.h>
#include <stdint.h>

enum leave_state { LEAVE_NOT, LEAVE_DRAINING, LEAVE_SHUT };

struct proxy;
struct conn_node;

struct leave {
    struct proxy *proxy;
    enum leave_state state;
    bool is_told;       /* the end of this state was told */
    uint32_t old_count; /* connections of before that are left */
    uint64_t shut_ms;
    struct timer look;
};

void leave_init(struct leave *l, struct proxy *p);
/* Nobody is told anything from now on. */
void leave_fini(struct leave *l);
static inline bool leave_has_begun(const struct leave *l)
{
    return l->state != LEAVE_NOT;
}
/* A connection has ended. */
void leave_conn_gone(struct leave *l, const struct conn_node *node);

#endif

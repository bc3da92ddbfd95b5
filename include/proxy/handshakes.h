/* SPDX-License-Identifier: MIT */
/*
 * Whose handshake is next. A handshake costs as much as a hundred requests, so when thousands come
 * at once they wait in line, first come first served, and a turn of the loop serves a few: open
 * connections have every turn to themselves before. Who waits longer than a turn is not watched
 * meanwhile. Used by conn_begin alone; what a connection does in its turn is the connection's
 * business.
 *
 * Two lines: those who were answered already need far less and are about to be open connections.
 * Neither line can hold up the other.
 */
#ifndef HIVEDOOR_PROXY_HANDSHAKES_H
#define HIVEDOOR_PROXY_HANDSHAKES_H

#include "base/list.h"
#include "loop/loop.h"
#include "stats/counter.h"

#include <stdbool.h>
#include <stdint.h>

/* Of each line, a turn of the loop. */
#define HANDSHAKES_A_TURN 2

enum handshakes_line { HANDSHAKES_ANSWERED, HANDSHAKES_NEW, HANDSHAKES_LINES };

struct handshakes {
    struct loop *loop; /* borrowed */
    struct slot *slot; /* borrowed */
    struct loop_hook hook;
    struct list parked[HANDSHAKES_LINES];   /* since earlier turns */
    struct list arrivals[HANDSHAKES_LINES]; /* in this turn */
    void (*before)(void *arg); /* anybody's turn in this turn of the loop; may be NULL */
    void *arg;
};

/* One that waits, or may. */
struct handshake {
    struct list node;
    struct handshakes *in; /* the line it waits in, NULL: it does not wait */
    uint64_t since_ms;
    bool is_parked;
    void (*on_turn)(void *arg, uint64_t waited_ms); /* may free it, or let it wait again */
    void (*on_park)(void *arg);                     /* is to be watched no more until its turn */
    void *arg;
};

void handshakes_init(struct handshakes *h, struct loop *loop, struct slot *slot);
/* Nobody may wait. */
void handshakes_fini(struct handshakes *h);

/* Puts it at the end of a line; where it waits already it keeps its place. For callbacks of events:
 * who comes after them, at the end of a turn, is seen in the next. */
void handshakes_wait(struct handshakes *h, struct handshake *one, enum handshakes_line line);
/* Takes it out, if it waits. */
void handshakes_leave(struct handshake *one);

#endif

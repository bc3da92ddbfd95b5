/* SPDX-License-Identifier: MIT */
/*
 * Large bodies in large gulps: while a body of known length comes fast, its reader is not woken for
 * each piece, but when as many bytes are there as make the way to the service worth it. Workers
 * only; the codec that reads the body calls, plain and TLS alike. It never waits for more than is
 * sure to come, and never for long: when the deadline passes, or a piece is small, whatever comes
 * is told of at once again. The end of the stream, a reset, and a peer that may send no more
 * because its window is full are told of at once in any case: the kernel sees to that.
 */
#ifndef HIVEDOOR_NET_GULP_H
#define HIVEDOOR_NET_GULP_H

#include "loop/deadline.h"
#include "net/stream.h"

#include <stddef.h>
#include <stdint.h>

/* Longest wait for a gulp to be full; the clock's grid may double it. */
#define GULP_WAIT_MS 5
/* A piece below this is somebody's who does not send fast. */
#define GULP_PIECE_MIN (8 * 1024)
/* What is waited for: at least this, and twice what came last at most. */
#define GULP_MIN (16 * 1024)
#define GULP_MAX (128 * 1024)

struct gulp;

/*
 * A piece of `n` bytes was read from `s`, and the kernel will get `rest` more of the same body, but
 * for what a TLS stream holds of an unfinished record. `*g` is made when there is something to wait
 * for; it belongs to the caller, who ends it before the stream is closed. `wait`: a class of
 * GULP_WAIT_MS, borrowed.
 */
void gulp_took(struct gulp **g, struct stream *s, struct deadline_class *wait, size_t n,
               uint64_t rest);
/* What comes is told of at once again. Frees `*g` and makes it NULL; it may be NULL. */
void gulp_end(struct gulp **g);

#endif

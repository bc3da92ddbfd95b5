/* SPDX-License-Identifier: MIT */
/*
 * nghttp2's memory. What a session makes at its beginning and keeps to its end (its struct, the
 * rings of both header tables, the map of streams, room for a frame) lies in one piece, a `room` of
 * whole pages, so that an idle connection can fold it. All else is malloc's.
 *
 * The room for a frame comes last: 16 kB of which few are ever written, and what it holds between
 * two frames is of no use.
 */
#ifndef HIVEDOOR_SRC_HTTP_H2_MEMORY_H
#define HIVEDOOR_SRC_HTTP_H2_MEMORY_H

#include "base/fold.h"

#include <nghttp2/nghttp2.h>
#include <stddef.h>

struct h2_memory {
    char *room;          /* owned */
    size_t used;         /* of the room */
    size_t kept;         /* of that, what comes before a frame's bytes */
    struct fold *folded; /* owned: the room, while its owner rests */
};

/* What to give nghttp2 (copied there); `m` must outlive the session. */
nghttp2_mem h2_memory_init(struct h2_memory *m);
/* The session is made: what it takes from here on may be given back. */
void h2_memory_close(struct h2_memory *m);
/* The session has nothing under way and is not touched before h2_memory_stir. */
void h2_memory_rest(struct h2_memory *m);
void h2_memory_stir(struct h2_memory *m);
/* The session is gone. */
void h2_memory_fini(struct h2_memory *m);

#endif

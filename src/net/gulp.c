/* SPDX-License-Identifier: MIT */
#include "net/gulp.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"

/* Ciphertext that a TLS stream may hold already: one record less a byte (RFC 8446 section 5.2). */
#define HELD_MAX (16384 + 256 + 5)

struct gulp {
    struct deadline deadline; /* set while `bytes` is not 1 */
    struct stream *stream;    /* borrowed */
    int bytes;                /* as the kernel knows it */
};

/* The kernel says "readable" from so many bytes on; if some are there by now, it says so at once.
 */
static void wait_for(struct gulp *g, int bytes)
{
    if (g->bytes != bytes &&
        setsockopt(g->stream->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes)) == 0) {
        g->bytes = bytes;
    }
}

static void on_deadline(void *arg)
{
    wait_for(arg, 1);
}

static int choose(size_t n, uint64_t rest)
{
    int bytes = GULP_MIN;

    if (n < GULP_PIECE_MIN || rest < GULP_MIN + HELD_MAX) {
        return 1;
    }
    while ((size_t)bytes <= n && bytes < GULP_MAX) {
        bytes *= 2; /* few values, so that it is seldom changed */
    }
    return (uint64_t)bytes < rest - HELD_MAX ? bytes : (int)(rest - HELD_MAX);
}

void gulp_took(struct gulp **g, struct stream *s, struct deadline_class *wait, size_t n,
               uint64_t rest)
{
    int bytes = choose(n, rest);

    if (*g == NULL && bytes == 1) {
        return;
    }
    if (*g == NULL) {
        *g = NEW(struct gulp);
        (*g)->stream = s;
        (*g)->bytes = 1;
        deadline_init(&(*g)->deadline, on_deadline, *g);
    }
    wait_for(*g, bytes);
    if ((*g)->bytes > 1) {
        deadline_set(&(*g)->deadline, wait);
    } else {
        deadline_clear(&(*g)->deadline);
    }
}

void gulp_end(struct gulp **g)
{
    if (*g == NULL) {
        return;
    }
    wait_for(*g, 1);
    deadline_clear(&(*g)->deadline);
    free(*g);
    *g = NULL;
}

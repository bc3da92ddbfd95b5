/* SPDX-License-Identifier: MIT */
/*
 * One descriptor and what we want to know of it. Level-triggered. The read event is persistent and
 * added once; write interest is added only when a write said EAGAIN. Interest is changed by one
 * function of the owner and by nobody else. A watch never closes its descriptor.
 */
#ifndef HIVEDOOR_LOOP_WATCH_H
#define HIVEDOOR_LOOP_WATCH_H

#include "loop/loop.h"

#include <stdbool.h>

enum { WATCH_READ = 1, WATCH_WRITE = 2 };

typedef void (*watch_fn)(void *arg, unsigned ready);

struct event;

struct watch {
    struct loop *loop;
    struct event *read_event;  /* owned */
    struct event *write_event; /* owned, made on first use */
    int fd;                    /* borrowed */
    unsigned want;
    watch_fn fn;
    void *arg;
};

/* Nothing is wanted yet. `fn` gets WATCH_READ and/or WATCH_WRITE; errors and hang-ups show as
 * whatever is wanted, and the next read or write tells. */
void watch_init(struct watch *w, struct loop *loop, int fd, watch_fn fn, void *arg);
/* Sets the whole interest at once; cheap when nothing changes. */
void watch_set(struct watch *w, unsigned want);
/* Forgets everything; no callback comes afterwards. Safe on a zeroed struct and twice. */
void watch_fini(struct watch *w);

#endif

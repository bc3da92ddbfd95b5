/* SPDX-License-Identifier: MIT */
/* Signals as loop callbacks: a handler runs between two events, never inside one. */
#ifndef HIVEDOOR_LOOP_SIGNALS_H
#define HIVEDOOR_LOOP_SIGNALS_H

#include "loop/loop.h"

struct event;

struct signal_watch {
    struct event *event; /* owned */
    int signo;
    void (*fn)(void *arg, int signo);
    void *arg;
};

void signal_watch_init(struct signal_watch *s, struct loop *loop, int signo,
                       void (*fn)(void *arg, int signo), void *arg);
void signal_watch_fini(struct signal_watch *s);
/* SIGPIPE ignored, the signals we watch back at their defaults, and the mask emptied: what every
 * process of ours starts with. */
void signals_reset(void);

#endif

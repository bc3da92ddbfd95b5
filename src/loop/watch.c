/* SPDX-License-Identifier: MIT */
#include "loop/watch.h"

#include <event2/event.h>

#include "base/err.h"

void watch_init(struct watch *w, struct loop *loop, int fd, watch_fn fn, void *arg)
{
    *w = (struct watch){.loop = loop, .fd = fd, .fn = fn, .arg = arg};
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct watch *w = arg;
    unsigned ready =
        ((what & EV_READ) != 0 ? WATCH_READ : 0U) | ((what & EV_WRITE) != 0 ? WATCH_WRITE : 0U);

    (void)fd;
    loop_told(w->loop, (what & EV_READ) != 0);
    w->fn(w->arg, ready);
}

static void set_event(struct watch *w, struct event **event, short what, bool on)
{
    if (!on) {
        REQUIRE(event_del(*event) == 0);
        return;
    }
    if (*event == NULL) {
        *event = event_new(loop_base(w->loop), w->fd, (short)(what | EV_PERSIST), on_event, w);
        REQUIRE(*event != NULL);
    }
    REQUIRE(event_add(*event, NULL) == 0);
}

void watch_set(struct watch *w, unsigned want)
{
    unsigned changed = want ^ w->want;

    w->want = want;
    if ((changed & WATCH_READ) != 0) {
        set_event(w, &w->read_event, EV_READ, (want & WATCH_READ) != 0);
    }
    if ((changed & WATCH_WRITE) != 0) {
        set_event(w, &w->write_event, EV_WRITE, (want & WATCH_WRITE) != 0);
    }
}

static void drop_event(struct event **event)
{
    if (*event != NULL) {
        event_free(*event);
        *event = NULL;
    }
}

void watch_fini(struct watch *w)
{
    drop_event(&w->read_event);
    drop_event(&w->write_event);
    w->want = 0;
}

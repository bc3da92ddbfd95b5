/* SPDX-License-Identifier: MIT */
#include "daemon/wire_link.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/list.h"
#include "base/mem.h"
#include "loop/watch.h"

/* Messages taken in one wake-up. */
#define BATCH 64

/* A message that the socket did not take. */
struct waiting {
    struct list node;
    int fds[FD_PASS_MAX]; /* owned copies */
    size_t nfds;
    size_t len;
    char bytes[];
};

struct wire_link {
    struct loop *loop;
    struct watch watch;
    int fd; /* owned; -1: closed */
    enum wire_from from;
    const struct wire_link_events *events;
    void *arg;
    int reserve;       /* room for a descriptor to come when the table is full, owned, or -1 */
    struct list queue; /* struct waiting */
    size_t queued;     /* bytes of memory */
    int broken;        /* an error that on_broken will tell, or OK */
    struct loop_task tell;
    char *scratch; /* WIRE_MAX + 1 bytes */
};

static void waiting_free(struct wire_link *l, struct waiting *w)
{
    list_remove(&w->node);
    l->queued -= sizeof(*w) + w->len;
    for (size_t i = 0; i < w->nfds; i++) {
        fd_close(&w->fds[i]);
    }
    mem_wipe(w->bytes, w->len); /* ticket keys pass here */
    free(w);
}

static void shut(struct wire_link *l)
{
    watch_fini(&l->watch);
    fd_close(&l->fd);
    fd_close(&l->reserve);
    LIST_EACH (&l->queue, it, tmp) {
        waiting_free(l, CONTAINER_OF(it, struct waiting, node));
    }
}

/* Remembers the first error; on_broken comes at the end of the turn, never from inside a call. */
static void break_off(struct wire_link *l, int err)
{
    if (l->broken == OK) {
        l->broken = err;
        shut(l);
        loop_defer(l->loop, &l->tell);
    }
}

static void tell_broken(void *arg)
{
    struct wire_link *l = arg;

    l->events->on_broken(l->arg, l->broken);
}

static void set_interest(struct wire_link *l)
{
    watch_set(&l->watch, WATCH_READ | (list_is_empty(&l->queue) ? 0U : (unsigned)WATCH_WRITE));
}

static void flush(struct wire_link *l)
{
    LIST_EACH (&l->queue, it, tmp) {
        struct waiting *w = CONTAINER_OF(it, struct waiting, node);
        int err = fd_send(l->fd, w->bytes, w->len, w->fds, w->nfds);
        if (err == ERR_AGAIN) {
            break;
        }
        if (err != OK) {
            break_off(l, err);
            return;
        }
        waiting_free(l, w);
    }
    set_interest(l);
}

static void enqueue(struct wire_link *l, struct str bytes, const int *fds, size_t nfds)
{
    if (l->queued + sizeof(struct waiting) + bytes.len > WIRE_LINK_QUEUE_MAX) {
        break_off(l, ERR_LIMIT);
        return;
    }
    struct waiting *w = mem_new(sizeof(*w) + bytes.len);
    list_push_back(&l->queue, &w->node);
    w->len = bytes.len;
    memcpy(w->bytes, bytes.ptr, bytes.len);
    l->queued += sizeof(*w) + w->len;
    for (size_t i = 0; i < nfds; i++) {
        int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
        if (copy < 0) {
            break_off(l, ERR_NO_FD);
            return;
        }
        w->fds[w->nfds++] = copy;
    }
    set_interest(l);
}

static void send_bytes(struct wire_link *l, struct str bytes, const int *fds, size_t nfds)
{
    if (l->broken != OK) {
        return;
    }
    if (!list_is_empty(&l->queue)) {
        enqueue(l, bytes, fds, nfds);
        return;
    }
    int err = fd_send(l->fd, bytes.ptr, bytes.len, fds, nfds);
    if (err == ERR_AGAIN) {
        enqueue(l, bytes, fds, nfds);
    } else if (err != OK) {
        break_off(l, err);
    }
}

/*
 * A full table must not cost a process its life: a descriptor that does not fit is lost, and a
 * message without it is none. So one place is held, and given up for the moment of receiving.
 */
static void hold_reserve(struct wire_link *l)
{
    if (l->reserve < 0 && l->fd >= 0) {
        l->reserve = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
    }
}

/* One datagram; false when there is none, or the link has ended. */
static bool take_one(struct wire_link *l)
{
    struct fd_received got;
    struct wire_msg m;

    fd_close(&l->reserve);
    int err = fd_recv(l->fd, l->scratch, WIRE_MAX, &got);
    if (err == ERR_AGAIN) {
        hold_reserve(l);
        return false;
    }
    if (err == OK) {
        err = wire_decode(str_n(l->scratch, got.len), got.nfds, l->from, &m);
        if (err == OK) {
            l->events->on_message(l->arg, &m, got.fds, got.nfds);
        }
        for (size_t i = 0; i < got.nfds; i++) {
            fd_close(&got.fds[i]);
        }
        mem_wipe(l->scratch, got.len);
    }
    if (err != OK) {
        break_off(l, err);
    }
    hold_reserve(l);
    return l->fd >= 0;
}

static void on_ready(void *arg, unsigned ready)
{
    struct wire_link *l = arg;

    if ((ready & WATCH_WRITE) != 0) {
        flush(l);
    }
    for (int i = 0; i < BATCH && l->fd >= 0; i++) {
        if (!take_one(l)) {
            return;
        }
    }
}

struct wire_link *wire_link_new(struct loop *loop, int fd, enum wire_from from,
                                const struct wire_link_events *events, void *arg)
{
    struct wire_link *l = NEW(struct wire_link);

    l->loop = loop;
    l->fd = fd;
    l->from = from;
    l->events = events;
    l->arg = arg;
    l->scratch = mem_new(WIRE_MAX);
    l->reserve = -1;
    hold_reserve(l);
    list_init(&l->queue);
    loop_task_init(&l->tell, tell_broken, l);
    watch_init(&l->watch, loop, fd, on_ready, l);
    set_interest(l);
    return l;
}

void wire_link_free(struct wire_link *l)
{
    if (l == NULL) {
        return;
    }
    shut(l);
    l->broken = ERR_EOF;
    loop_task_cancel(&l->tell);
    loop_free_later(l->loop, l->scratch);
    loop_free_later(l->loop, l);
}

void wire_link_send(struct wire_link *l, const struct wire_msg *m, const int *fds, size_t nfds)
{
    struct buf out;

    if (l == NULL) {
        return;
    }
    buf_init(&out, WIRE_MAX);
    if (CHECK(wire_encode(m, &out) == OK)) {
        send_bytes(l, buf_str(&out), fds, nfds);
    }
    mem_wipe(out.data, out.tail);
    buf_fini(&out);
}

void wire_link_send_bytes(struct wire_link *l, struct str bytes)
{
    send_bytes(l, bytes, NULL, 0);
}

void wire_link_send_number(struct wire_link *l, enum wire_id id, uint64_t number)
{
    struct wire_msg m = {.id = id, .number = number};

    wire_link_send(l, &m, NULL, 0);
}

bool wire_link_is_flushed(const struct wire_link *l)
{
    return list_is_empty(&l->queue);
}

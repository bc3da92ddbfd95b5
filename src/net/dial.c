/* SPDX-License-Identifier: MIT */
#include "net/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"
#include "loop/watch.h"

struct dial {
    struct loop *loop; /* borrowed */
    struct watch watch;
    struct loop_task task; /* for a result that was there at once */
    struct addr to;
    int fd; /* owned until it is given away */
    int result;
    dial_fn fn;
    void *arg;
};

/* What the caller has to tell apart; a Unix path without a listener is a refusal too. */
static int dial_error(int errno_value)
{
    switch (errno_value) {
    case ECONNRESET:
    case ENOENT:
    case EAGAIN: return ERR_REFUSED; /* EAGAIN: the backlog of a Unix socket is full */
    case EACCES:
    case EPERM: return ERR_UNREACHABLE; /* a packet filter, or a path we may not enter */
    default: break;
    }
    int err = err_from_errno(errno_value);
    bool is_known =
        err == ERR_REFUSED || err == ERR_UNREACHABLE || err == ERR_TIMEOUT || err == ERR_NO_FD;
    return is_known ? err : ERR_IO;
}

static void release(struct dial *d)
{
    watch_fini(&d->watch);
    loop_task_cancel(&d->task);
    loop_free_later(d->loop, d);
}

/*
 * A port of the ephemeral range on our own host, with nobody listening, may be given to the very
 * socket that dials it: TCP then connects it to itself (simultaneous open, RFC 9293 section 3.5).
 */
static bool is_own_end(const struct dial *d)
{
    struct addr own = {.len = sizeof(own.un)};

    if (d->to.sa.sa_family == AF_UNIX || getsockname(d->fd, &own.sa, &own.len) < 0) {
        return false;
    }
    return addr_eq(&own, &d->to);
}

static void finish(struct dial *d)
{
    int result = d->result;

    if (result == OK && is_own_end(d)) {
        result = ERR_REFUSED;
    }
    if (result != OK) {
        watch_fini(&d->watch);
        fd_close(&d->fd);
    }
    release(d);
    d->fn(d->arg, result, d->fd);
}

static void on_task(void *arg)
{
    finish(arg);
}

static void on_watch(void *arg, unsigned ready)
{
    struct dial *d = arg;
    int error = 0;
    socklen_t len = sizeof(error);

    (void)ready;
    if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
        error = errno;
    }
    d->result = error == 0 ? OK : dial_error(error);
    finish(d);
}

static int open_socket(const struct addr *to, int *out_fd)
{
    const int on = 1;
    int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        /* No IPv6 on this host, and the like: not a matter of trying again. */
        return errno == EAFNOSUPPORT ? ERR_UNREACHABLE : dial_error(errno);
    }
    /* A failure costs latency and nothing else. */
    if (to->sa.sa_family != AF_UNIX) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    *out_fd = fd;
    return OK;
}

int dial_start(struct loop *loop, const struct addr *to, dial_fn fn, void *arg,
               struct dial **out_dial)
{
    int fd;
    int rc = open_socket(to, &fd);

    if (rc != OK) {
        return rc;
    }
    struct dial *d = NEW(struct dial);
    d->loop = loop;
    d->to = *to;
    d->fd = fd;
    d->fn = fn;
    d->arg = arg;
    watch_init(&d->watch, loop, fd, on_watch, d);
    loop_task_init(&d->task, on_task, d);
    if (connect(fd, &to->sa, to->len) == 0) {
        d->result = OK;
        loop_defer(loop, &d->task);
    } else if (errno == EINPROGRESS || errno == EINTR) {
        watch_set(&d->watch, WATCH_WRITE);
    } else {
        d->result = dial_error(errno);
        loop_defer(loop, &d->task);
    }
    *out_dial = d;
    return OK;
}

void dial_cancel(struct dial *d)
{
    if (d == NULL) {
        return;
    }
    watch_fini(&d->watch);
    fd_close(&d->fd);
    release(d);
}

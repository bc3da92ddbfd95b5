/* SPDX-License-Identifier: MIT */
#include "net/stream_plain.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"

/* Whatever the kernel calls it, a connection that fails while open is gone. */
static int error_now(void)
{
    return errno == EAGAIN ? ERR_AGAIN : ERR_RESET;
}

static int plain_read(struct stream *s, void *dst, size_t cap, size_t *out_n)
{
    ssize_t n;

    do {
        n = recv(s->fd, dst, cap, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return error_now();
    }
    if (n == 0) {
        return ERR_EOF;
    }
    s->bytes_in += (uint64_t)n;
    *out_n = (size_t)n;
    return OK;
}

static int plain_write(struct stream *s, const struct iovec *iov, int iovcnt, size_t *out_n)
{
    struct msghdr msg = {
        .msg_iov = (struct iovec *)(uintptr_t)iov,
        .msg_iovlen = (size_t)(iovcnt < IOV_MAX ? iovcnt : IOV_MAX),
    };
    ssize_t n;

    do {
        n = sendmsg(s->fd, &msg, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return error_now();
    }
    s->bytes_out += (uint64_t)n;
    *out_n = (size_t)n;
    return OK;
}

static int plain_flush(struct stream *s)
{
    (void)s; /* nothing ever waits here */
    return OK;
}

static size_t plain_unsent(const struct stream *s)
{
    (void)s;
    return 0;
}

static int plain_shutdown(struct stream *s)
{
    /* Where the peer has ended its side too the kernel calls the socket unconnected, though what
     * the peer sent before is still there to be read. */
    return shutdown(s->fd, SHUT_WR) < 0 && errno != ENOTCONN ? ERR_RESET : OK;
}

static void plain_want(struct stream *s, unsigned want)
{
    s->want = want;
    watch_set(&s->watch, ((want & STREAM_READABLE) != 0 ? WATCH_READ : 0U) |
                             ((want & STREAM_WRITABLE) != 0 ? WATCH_WRITE : 0U));
}

static void plain_close(struct stream *s)
{
    /* The watch first: a closed number may be another connection's at once. */
    watch_fini(&s->watch);
    fd_close(&s->fd);
    s->fn = NULL;
    loop_free_later(s->loop, s);
}

static const struct stream_ops plain_ops = {
    .name = "plain",
    .read = plain_read,
    .write = plain_write,
    .flush = plain_flush,
    .unsent = plain_unsent,
    .shutdown = plain_shutdown,
    .want = plain_want,
    .close = plain_close,
};

static void on_watch(void *arg, unsigned ready)
{
    struct stream *s = arg;

    s->fn(s->arg, ((ready & WATCH_READ) != 0 ? STREAM_READABLE : 0U) |
                      ((ready & WATCH_WRITE) != 0 ? STREAM_WRITABLE : 0U));
}

struct stream *stream_plain_new(struct loop *loop, int fd, stream_fn fn, void *arg)
{
    struct stream *s = NEW(struct stream);

    s->ops = &plain_ops;
    s->loop = loop;
    s->fd = fd;
    s->fn = fn;
    s->arg = arg;
    watch_init(&s->watch, loop, fd, on_watch, s);
    return s;
}

int stream_plain_detach(struct stream *s)
{
    int fd = s->fd;

    REQUIRE(s->ops == &plain_ops);
    s->fd = -1;
    plain_close(s);
    return fd;
}

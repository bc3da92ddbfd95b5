/* SPDX-License-Identifier: MIT */
#include "net/stream.h"

#include <sys/socket.h>

void stream_set_owner(struct stream *s, stream_fn fn, void *arg)
{
    s->fn = fn;
    s->arg = arg;
}

void stream_want(struct stream *s, unsigned want)
{
    s->ops->want(s, want);
}

int stream_read(struct stream *s, void *dst, size_t cap, size_t *out_n)
{
    REQUIRE(cap > 0); /* a read of nothing looks like the end of the stream */
    return s->ops->read(s, dst, cap, out_n);
}

int stream_write(struct stream *s, const struct iovec *iov, int iovcnt, size_t *out_n)
{
    REQUIRE(iovcnt > 0);
    return s->ops->write(s, iov, iovcnt, out_n);
}

int stream_flush(struct stream *s)
{
    return s->ops->flush(s);
}

size_t stream_unsent(const struct stream *s)
{
    return s->ops->unsent(s);
}

int stream_shutdown(struct stream *s)
{
    return s->ops->shutdown(s);
}

void stream_rest(struct stream *s)
{
    if (s->ops->rest != NULL) {
        s->ops->rest(s);
    }
}

void stream_close(struct stream *s)
{
    if (s != NULL) {
        s->ops->close(s);
    }
}

void stream_abort(struct stream *s)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)); /* TCP only */
    stream_close(s);
}

/* SPDX-License-Identifier: MIT */
/* A stream made of memory, for the fuzz targets of connections: it gives what waits, takes as much
 * as there is room for, and keeps what it took for a look at the end. */
#ifndef HIVEDOOR_FUZZ_STREAM_H
#define HIVEDOOR_FUZZ_STREAM_H

#include "base/buf.h"
#include "net/stream.h"

#include <string.h>

#define GATHER_MAX 300 /* what a gathering stream takes before it says "again" */

struct fake {
    struct stream stream;
    struct str waiting; /* for a read */
    bool has_ended;
    bool gathers;      /* keeps what is written until it is flushed, as TLS does */
    size_t room;       /* what the kernel takes until the next STREAM_WRITABLE */
    size_t room_a_go;  /* 0: no bound */
    struct buf kept;   /* gathered, not yet sent */
    struct buf output; /* what the client gets */
};

static inline struct fake *fake_of(struct stream *s)
{
    return (struct fake *)(void *)s;
}

static inline int fake_read(struct stream *s, void *dst, size_t cap, size_t *out_n)
{
    struct fake *f = fake_of(s);
    size_t n = f->waiting.len < cap ? f->waiting.len : cap;
    if (n == 0) {
        return f->has_ended ? ERR_EOF : ERR_AGAIN;
    }
    memcpy(dst, f->waiting.ptr, n);
    f->waiting = str_from(f->waiting, n);
    *out_n = n;
    return OK;
}

static inline size_t take(struct fake *f, const void *bytes, size_t n)
{
    if (f->room_a_go > 0) {
        n = n < f->room ? n : f->room;
        f->room -= n;
    }
    REQUIRE(buf_append(&f->output, bytes, n) == OK);
    return n;
}

static inline int fake_flush(struct stream *s)
{
    struct fake *f = fake_of(s);
    buf_consume(&f->kept, take(f, buf_ptr(&f->kept), buf_len(&f->kept)));
    return buf_len(&f->kept) == 0 ? OK : ERR_AGAIN;
}

static inline int fake_write(struct stream *s, const struct iovec *iov, int iovcnt, size_t *out_n)
{
    struct fake *f = fake_of(s);
    size_t total = 0;
    for (int i = 0; i < iovcnt; i++) {
        size_t n = iov[i].iov_len;
        if (f->gathers) {
            size_t space = GATHER_MAX - buf_len(&f->kept);
            n = n < space ? n : space;
            REQUIRE(buf_append(&f->kept, iov[i].iov_base, n) == OK);
        } else {
            n = take(f, iov[i].iov_base, n);
        }
        total += n;
        if (n < iov[i].iov_len) {
            break;
        }
    }
    *out_n = total;
    return total > 0 ? OK : ERR_AGAIN;
}

static inline size_t fake_unsent(const struct stream *s)
{
    const struct fake *f = (const struct fake *)(const void *)s;
    return buf_len(&f->kept);
}

static inline void fake_want(struct stream *s, unsigned want)
{
    s->want = want;
}

static inline void fake_close(struct stream *s)
{
    s->want = 0;
    s->fn = NULL;
}

static const struct stream_ops fake_ops = {
    .name = "fake",
    .read = fake_read,
    .write = fake_write,
    .flush = fake_flush,
    .unsent = fake_unsent,
    .shutdown = fake_flush,
    .want = fake_want,
    .close = fake_close,
};

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A connected byte stream, plain or TLS: one ops table, so that protocol code never asks which.
 * The stream owns its descriptor and its watch; its owner gets one callback.
 *
 * Reading: the owner reads when told STREAM_READABLE, into a buffer of its own (usually the
 * worker's scratch). A short read means drained. Bytes a TLS stream holds decrypted inside are
 * announced again by itself, so a reader that stops early loses nothing.
 *
 * Writing: stream_write takes what it can. A plain stream sends at once and takes what the kernel
 * took. A TLS stream encrypts into its output buffer, takes until STREAM_OUT_HIGH bytes wait there,
 * and sends once at the end of the loop turn. ERR_AGAIN means: keep the rest, want STREAM_WRITABLE.
 *
 * The callback may close the stream; everything is freed at the end of the loop turn.
 */
#ifndef HIVEDOOR_NET_STREAM_H
#define HIVEDOOR_NET_STREAM_H

#include "base/addr.h"
#include "base/err.h"
#include "loop/loop.h"
#include "loop/watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum { STREAM_READABLE = 1, STREAM_WRITABLE = 2 };

#define STREAM_OUT_HIGH (256 * 1024)

struct stream;
typedef void (*stream_fn)(void *arg, unsigned ready);

struct stream_ops {
    const char *name;
    int (*read)(struct stream *s, void *dst, size_t cap, size_t *out_n);
    int (*write)(struct stream *s, const struct iovec *iov, int iovcnt, size_t *out_n);
    int (*flush)(struct stream *s);
    size_t (*unsent)(const struct stream *s);
    int (*shutdown)(struct stream *s);
    void (*want)(struct stream *s, unsigned want);
    void (*close)(struct stream *s);
    void (*rest)(struct stream *s); /* NULL: holds little as it is */
};

/* Embedded first in the struct of each kind. */
struct stream {
    const struct stream_ops *ops;
    struct loop *loop; /* borrowed */
    struct watch watch;
    int fd; /* owned */
    unsigned want;
    stream_fn fn;
    void *arg;
    uint64_t bytes_in;  /* on the wire */
    uint64_t bytes_out; /* on the wire */
};

/* Who gets the callbacks from now on (a connection hands its stream from state to state). */
void stream_set_owner(struct stream *s, stream_fn fn, void *arg);
/* The whole interest at once: STREAM_READABLE and/or STREAM_WRITABLE. */
void stream_want(struct stream *s, unsigned want);
/* At least one byte, or ERR_AGAIN, ERR_EOF, ERR_RESET, ERR_TLS. EOF of a TLS stream is
 * close_notify; a TCP FIN without it is ERR_RESET (truncation, RFC 8446 section 6.1). */
int stream_read(struct stream *s, void *dst, size_t cap, size_t *out_n) MUST_USE;
/* Takes some bytes (*out_n > 0), or ERR_AGAIN, ERR_RESET, ERR_TLS. */
int stream_write(struct stream *s, const struct iovec *iov, int iovcnt, size_t *out_n) MUST_USE;
/* Sends what waits inside; OK when nothing is left, else ERR_AGAIN or an error. */
int stream_flush(struct stream *s) MUST_USE;
/* Bytes taken but not yet in the kernel. */
size_t stream_unsent(const struct stream *s);
/* No more bytes will be written: close_notify and FIN go out after what waits. ERR_AGAIN until
 * everything is in the kernel (want STREAM_WRITABLE and call again). May be called again. */
int stream_shutdown(struct stream *s) MUST_USE;
/* Its owner expects nothing for a while: until it is used again, it is held in less memory. */
void stream_rest(struct stream *s);
/* Closes at once and frees at the end of the turn. Accepts NULL. No callback afterwards. */
void stream_close(struct stream *s);
/* Likewise, but the peer sees a reset: where the end of the connection would otherwise say that
 * everything has come. What is in the kernel may be lost. */
void stream_abort(struct stream *s);

#endif

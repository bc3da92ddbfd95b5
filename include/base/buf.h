/* SPDX-License-Identifier: MIT */
/*
 * The one byte buffer: a linear queue. Bytes are added at the tail and taken from the head.
 *
 *     data          data+head        data+tail        data+cap
 *      | (consumed)    | (readable)     | (free)          |
 *
 * Invariants: head <= tail <= cap <= limit; data == NULL exactly when cap == 0; an empty buffer has
 * head == tail == 0. A buffer without bytes owns no memory after buf_release(), so idle connections
 * cost nothing. Growth doubles up to `limit`.
 */
#ifndef HIVEDOOR_BASE_BUF_H
#define HIVEDOOR_BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data; /* owned */
    size_t head;
    size_t tail;
    size_t cap;
    size_t limit; /* most bytes it may ever hold */
};

/* An empty buffer that may grow to `limit` bytes; allocates nothing. */
void buf_init(struct buf *b, size_t limit);
/* Frees the memory; the buffer is as after buf_init. */
void buf_fini(struct buf *b);
/* Frees the memory if no byte is held. */
void buf_release(struct buf *b);

static inline size_t buf_len(const struct buf *b)
{
    return b->tail - b->head;
}

static inline const char *buf_ptr(const struct buf *b)
{
    return b->data == NULL ? "" : (const char *)b->data + b->head;
}

/* The readable bytes, borrowed until the next change of the buffer. */
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){buf_ptr(b), buf_len(b)};
}

/* Room for `n` more bytes at *out_ptr; ERR_LIMIT when that would pass the limit. */
int buf_reserve(struct buf *b, size_t n, uint8_t **out_ptr) MUST_USE;
/* Takes `n` of the reserved bytes into the buffer. */
void buf_commit(struct buf *b, size_t n);
/* Appends all of `n` bytes or nothing; ERR_LIMIT when they do not fit. */
int buf_append(struct buf *b, const void *src, size_t n) MUST_USE;
int buf_append_str(struct buf *b, struct str s) MUST_USE;
/* printf into the buffer; all or nothing. */
int buf_printf(struct buf *b, const char *fmt, ...) MUST_USE __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap) MUST_USE
    __attribute__((format(printf, 2, 0)));
/* Drops the first `n` readable bytes; n <= buf_len. */
void buf_consume(struct buf *b, size_t n);
/* Forgets all bytes, keeps the memory. */
void buf_clear(struct buf *b);
/* Aborts if an invariant does not hold. */
void buf_check(const struct buf *b);

#endif

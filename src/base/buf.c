/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The first allocation: a small request or response head fits. */
#define FIRST_BYTES 1024

void buf_init(struct buf *b, size_t limit)
{
    *b = (struct buf){.limit = limit};
}

void buf_fini(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.limit = b->limit};
}

void buf_release(struct buf *b)
{
    if (buf_len(b) == 0) {
        buf_fini(b);
    }
}

static void compact(struct buf *b)
{
    size_t len = buf_len(b);

    if (b->head == 0) {
        return;
    }
    if (len > 0) {
        memmove(b->data, b->data + b->head, len);
    }
    b->head = 0;
    b->tail = len;
}

/* A capacity of at least `need`, doubled from the present one, held to the limit. */
static size_t next_cap(const struct buf *b, size_t need)
{
    size_t cap = b->cap < FIRST_BYTES ? FIRST_BYTES : b->cap;
    while (cap < need) {
        cap = cap > b->limit / 2 ? b->limit : cap * 2;
    }
    return cap < b->limit ? cap : b->limit;
}

int buf_reserve(struct buf *b, size_t n, uint8_t **out_ptr)
{
    size_t len = buf_len(b);

    if (n > b->limit - len) {
        return ERR_LIMIT;
    }
    if (b->cap - b->tail < n || b->data == NULL) {
        size_t need = len + n;
        /* Moving is worth it when half of the memory is free; else it would be done again soon. */
        bool is_roomy = b->cap >= need && (len <= b->cap / 2 || b->cap == b->limit);
        compact(b);
        if (!is_roomy) {
            size_t cap = next_cap(b, need > b->cap ? need : b->cap + 1);
            b->data = mem_grow(b->data, cap, 1);
            b->cap = cap;
        }
    }
    *out_ptr = b->data + b->tail;
    return OK;
}

void buf_commit(struct buf *b, size_t n)
{
    REQUIRE(n <= b->cap - b->tail);
    b->tail += n;
}

int buf_append(struct buf *b, const void *src, size_t n)
{
    uint8_t *dst;

    if (n == 0) {
        return OK;
    }
    int rc = buf_reserve(b, n, &dst);
    if (rc != OK) {
        return rc;
    }
    memcpy(dst, src, n);
    b->tail += n;
    return OK;
}

int buf_append_str(struct buf *b, struct str s)
{
    return buf_append(b, s.ptr, s.len);
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int rc = buf_vprintf(b, fmt, ap);
    va_end(ap);
    return rc;
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    char small[512];
    va_list again;

    va_copy(again, ap);
    int printed = vsnprintf(small, sizeof(small), fmt, ap);
    REQUIRE(printed >= 0);
    size_t n = (size_t)printed;
    int rc;
    if (n < sizeof(small)) {
        rc = buf_append(b, small, n);
    } else if (n > b->limit - buf_len(b)) {
        rc = ERR_LIMIT;
    } else {
        char *large = mem_new(n + 1);
        (void)vsnprintf(large, n + 1, fmt, again);
        rc = buf_append(b, large, n);
        free(large);
    }
    va_end(again);
    return rc;
}

void buf_consume(struct buf *b, size_t n)
{
    REQUIRE(n <= buf_len(b));
    b->head += n;
    if (b->head == b->tail) {
        buf_clear(b);
    }
}

void buf_clear(struct buf *b)
{
    b->head = 0;
    b->tail = 0;
}

void buf_check(const struct buf *b)
{
    REQUIRE(b->head <= b->tail);
    REQUIRE(b->tail <= b->cap);
    REQUIRE(b->cap <= b->limit);
    REQUIRE((b->data == NULL) == (b->cap == 0));
    REQUIRE(b->head < b->tail || b->head == 0);
}

/* SPDX-License-Identifier: MIT */
/*
 * Memory with the lifetime of one exchange (or one parsed file): allocated piece by piece, freed
 * all at once. Pointers into it are valid until arena_reset or arena_fini.
 */
#ifndef HIVEDOOR_BASE_ARENA_H
#define HIVEDOOR_BASE_ARENA_H

#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* owned, newest first */
    size_t used;                /* bytes handed out since the last reset */
    size_t block_bytes;         /* size of a usual block */
};

/* `block_bytes` is the size of a usual block; allocates nothing yet. */
void arena_init(struct arena *a, size_t block_bytes);
/* Gives everything back at once. */
void arena_fini(struct arena *a);
/* As arena_fini, but the arena goes on being used. */
void arena_reset(struct arena *a);
/* `size` bytes, aligned to 16, not zeroed. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((returns_nonnull));
void *arena_zalloc(struct arena *a, size_t size) __attribute__((returns_nonnull));
/* A copy of `s` with a NUL behind it (not counted). */
struct str arena_dup(struct arena *a, struct str s);
/* A decimal number. */
struct str arena_u64(struct arena *a, uint64_t value);
struct str arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif

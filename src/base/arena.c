/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ALIGNMENT 16

struct arena_block {
    struct arena_block *next; /* owned */
    size_t size;
    size_t used;
    _Alignas(ALIGNMENT) unsigned char bytes[];
};

void arena_init(struct arena *a, size_t block_bytes)
{
    *a = (struct arena){.block_bytes = block_bytes};
}

void arena_fini(struct arena *a)
{
    arena_reset(a);
}

void arena_reset(struct arena *a)
{
    struct arena_block *block = a->blocks;

    while (block != NULL) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    a->blocks = NULL;
    a->used = 0;
}

static struct arena_block *block_new(size_t size)
{
    REQUIRE(size <= SIZE_MAX - sizeof(struct arena_block));
    struct arena_block *block = malloc(sizeof(*block) + size);
    REQUIRE(block != NULL);
    block->next = NULL;
    block->size = size;
    block->used = 0;
    return block;
}

/* A block with room for `size` bytes. What is larger than a usual block gets one of its own, put
 * behind the first, so that the first goes on being filled. */
static struct arena_block *block_for(struct arena *a, size_t size)
{
    struct arena_block *first = a->blocks;

    if (first != NULL && first->size - first->used >= size) {
        return first;
    }
    struct arena_block *block = block_new(size > a->block_bytes ? size : a->block_bytes);
    if (first != NULL && size > a->block_bytes) {
        block->next = first->next;
        first->next = block;
    } else {
        block->next = first;
        a->blocks = block;
    }
    return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
    REQUIRE(size <= SIZE_MAX - ALIGNMENT);
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct arena_block *block = block_for(a, rounded);
    void *p = block->bytes + block->used;
    block->used += rounded;
    a->used += rounded;
    return p;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    return memset(arena_alloc(a, size), 0, size);
}

struct str arena_dup(struct arena *a, struct str s)
{
    REQUIRE(s.len < SIZE_MAX);
    char *p = arena_alloc(a, s.len + 1);
    if (s.len > 0) {
        memcpy(p, s.ptr, s.len);
    }
    p[s.len] = '\0';
    return str_n(p, s.len);
}

struct str arena_u64(struct arena *a, uint64_t value)
{
    char *p = arena_alloc(a, STR_U64_DIGITS);
    return str_n(p, str_put_u64(p, value));
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;

    REQUIRE(fmt != NULL);
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    REQUIRE(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    (void)vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return str_n(p, (size_t)n);
}

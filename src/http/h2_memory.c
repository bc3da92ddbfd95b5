/* SPDX-License-Identifier: MIT */
#include "h2_memory.h"

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Seven pages: 1.52 asks for 25.1 kB. What does not fit is malloc's. */
#define ROOM_BYTES ((size_t)28 * 1024)
#define FRAME_MIN  ((size_t)16 * 1024)
#define STEP       ((size_t)16)

static bool is_in_room(const struct h2_memory *m, const void *ptr)
{
    uintptr_t at = (uintptr_t)ptr;
    return at >= (uintptr_t)m->room && at < (uintptr_t)m->room + ROOM_BYTES;
}

/* Whether the room still takes something, `size` bytes of it. */
static bool has_room(const struct h2_memory *m, size_t size)
{
    return m->used < ROOM_BYTES && size <= ROOM_BYTES - m->used;
}

static void *take(size_t size, void *arg)
{
    struct h2_memory *m = arg;
    if (!has_room(m, size)) {
        return malloc(size);
    }
    char *ptr = m->room + m->used;
    if (size >= FRAME_MIN) {
        m->used = ROOM_BYTES; /* the last one */
        return ptr;
    }
    memset(ptr, 0, size);
    m->used += (size + STEP - 1) / STEP * STEP;
    m->kept = m->used;
    return ptr;
}

static void *take_zeroed(size_t count, size_t size, void *arg)
{
    struct h2_memory *m = arg;
    size_t all = 0;
    if (__builtin_mul_overflow(count, size, &all)) {
        return NULL;
    }
    return all < FRAME_MIN && has_room(m, all) ? take(all, m) : calloc(count, size);
}

static void give(void *ptr, void *arg)
{
    if (!is_in_room(arg, ptr)) {
        free(ptr);
    }
}

static void *resize(void *ptr, size_t size, void *arg)
{
    const struct h2_memory *m = arg;
    if (ptr == NULL) {
        return take(size, arg);
    }
    if (!is_in_room(m, ptr)) {
        return realloc(ptr, size);
    }
    /* How long it was is not known; what follows it in the room does no harm. */
    size_t most = ROOM_BYTES - (size_t)((char *)ptr - m->room);
    void *moved = malloc(size);
    if (moved != NULL) {
        memcpy(moved, ptr, size < most ? size : most);
    }
    return moved;
}

nghttp2_mem h2_memory_init(struct h2_memory *m)
{
    *m = (struct h2_memory){.room = malloc(ROOM_BYTES)};
    REQUIRE(m->room != NULL);
    return (nghttp2_mem){
        .mem_user_data = m, .malloc = take, .free = give, .calloc = take_zeroed, .realloc = resize};
}

void h2_memory_close(struct h2_memory *m)
{
    m->used = ROOM_BYTES;
}

void h2_memory_rest(struct h2_memory *m)
{
    if (m->folded == NULL) {
        m->folded = fold_new(m->room, m->kept);
    }
}

void h2_memory_stir(struct h2_memory *m)
{
    fold_undo(m->folded);
    m->folded = NULL;
}

void h2_memory_fini(struct h2_memory *m)
{
    h2_memory_stir(m);
    free(m->room);
    m->room = NULL;
}

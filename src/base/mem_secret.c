/* SPDX-License-Identifier: MIT */
/*
 * Memory for secrets lies in mappings of its own, which MADV_DONTDUMP covers and nothing else. A
 * key is far smaller than a page, and there may be tens of thousands of them: small secrets share
 * chunks, each cut into slots of one size. The chunks with a free slot are this process's only
 * state here, as they are inside malloc.
 */
#include "base/mem.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/list.h"

#define CHUNK_BYTES ((size_t)64 * 1024) /* and their alignment, so that a slot finds its chunk */
#define SLOT_MIN    ((size_t)64)
#define SIZES       6 /* 64, 128 ... 2048 bytes */
#define SLOT_MAX    (SLOT_MIN << (SIZES - 1))

struct slot {
    struct slot *next;
};

struct chunk {
    struct list node; /* in `roomy` while a slot is free */
    size_t slot_bytes;
    size_t used;
    struct slot *free;
};

static struct list roomy[SIZES];

static void *map_secret(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(p != MAP_FAILED);
    /* A host without the advice still has the memory: nothing to do about it here. */
    (void)madvise(p, bytes, MADV_DONTDUMP);
    return p;
}

static size_t whole_pages(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    REQUIRE(size <= SIZE_MAX - page);
    return (size + page - 1) / page * page;
}

/* An aligned piece of a mapping twice as large; what lies beside it is given back. */
static char *map_chunk(void)
{
    char *p = map_secret(2 * CHUNK_BYTES);
    size_t before = (CHUNK_BYTES - (uintptr_t)p % CHUNK_BYTES) % CHUNK_BYTES;

    if (before > 0) {
        (void)munmap(p, before);
    }
    (void)munmap(p + before + CHUNK_BYTES, CHUNK_BYTES - before);
    return p + before;
}

static struct chunk *chunk_new(size_t slot_bytes)
{
    char *bytes = map_chunk();
    struct chunk *c = (struct chunk *)(void *)bytes;

    c->slot_bytes = slot_bytes;
    for (size_t at = CHUNK_BYTES - slot_bytes; at >= sizeof(*c); at -= slot_bytes) {
        struct slot *slot = (struct slot *)(void *)(bytes + at);
        slot->next = c->free;
        c->free = slot;
    }
    return c;
}

static size_t index_of(size_t size)
{
    size_t i = 0;

    while (SLOT_MIN << i < size) {
        i++;
    }
    return i;
}

static void *take_slot(size_t index)
{
    struct list *with_room = &roomy[index];

    if (with_room->next == NULL) {
        list_init(with_room);
    }
    if (list_is_empty(with_room)) {
        list_push_back(with_room, &chunk_new(SLOT_MIN << index)->node);
    }
    struct chunk *c = LIST_FIRST(with_room, struct chunk, node);
    struct slot *slot = c->free;
    c->free = slot->next;
    c->used++;
    if (c->free == NULL) {
        list_remove(&c->node);
    }
    slot->next = NULL; /* the rest is zero since it was mapped, or wiped */
    return slot;
}

static void put_slot(void *ptr, size_t index)
{
    struct chunk *c = (struct chunk *)((uintptr_t)ptr / CHUNK_BYTES * CHUNK_BYTES);
    struct slot *slot = ptr;

    REQUIRE(c->slot_bytes == SLOT_MIN << index && c->used > 0);
    if (c->free == NULL) {
        list_push_back(&roomy[index], &c->node);
    }
    slot->next = c->free;
    c->free = slot;
    c->used--;
    /* The last one stays: a key that comes and goes would cost a mapping each time. */
    if (c->used == 0 && roomy[index].next != roomy[index].prev) {
        list_remove(&c->node);
        (void)munmap(c, CHUNK_BYTES);
    }
}

void *mem_secret_new(size_t size)
{
    if (size <= SLOT_MAX) {
        return take_slot(index_of(size));
    }
    return map_secret(whole_pages(size));
}

void mem_secret_free(void *ptr, size_t size)
{
    if (ptr == NULL) {
        return;
    }
    if (size <= SLOT_MAX) {
        mem_wipe(ptr, SLOT_MIN << index_of(size));
        put_slot(ptr, index_of(size));
        return;
    }
    mem_wipe(ptr, size);
    (void)munmap(ptr, whole_pages(size));
}

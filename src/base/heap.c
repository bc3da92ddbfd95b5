/* SPDX-License-Identifier: MIT */
#include "base/heap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/err.h"
#include "base/list.h"

#define REGION_BYTES ((size_t)4 << 20)
#define SPAN_BYTES   ((size_t)64 << 10)
#define SPANS        (REGION_BYTES / SPAN_BYTES)
#define STEP         ((size_t)16)
/* Sizes in steps of 16 up to here, then eight classes to a doubling: at most an eighth is lost. */
#define FINE_MAX   ((size_t)1024)
#define FINE       (FINE_MAX / STEP)
#define SLOT_MAX   ((size_t)32 << 10)
#define CLASSES    (FINE + 40)
#define RUN_MAX    (REGION_BYTES / 4)
#define PAGE_BYTES ((size_t)4096)
/* Above, a piece has pages of its own: those that it does not touch cost nothing, and base/fold may
 * give them back. */
#define PAGED_MIN ((size_t)5 << 10)
#define HUGE_HEAD PAGE_BYTES /* before a huge piece, on the page of its region's header */

/* A free slot. */
struct slot {
    uintptr_t next; /* mixed with the secret */
    uintptr_t mark;
};

enum span_use { SPAN_FREE, SPAN_SLOTS, SPAN_RUN, SPAN_INSIDE, SPAN_HUGE };

struct span {
    struct list node; /* with SPAN_SLOTS: in `roomy`, unless it is full */
    struct slot *free;
    char *fresh; /* from here to `end` no slot was ever used */
    char *end;
    uint32_t used;
    uint32_t slot_bytes;
    uint16_t class_index;
    uint16_t run; /* with SPAN_RUN: spans of the piece */
    uint8_t use;  /* enum span_use */
    bool is_full; /* was seen to have no slot left, and has had none given back since */
};

struct region {
    struct list node;  /* in `regions` */
    uintptr_t magic;   /* the secret: what lies here is ours */
    size_t huge_bytes; /* of the mapping, where it is one piece */
    uint64_t free;     /* a bit a span */
    uint64_t spare;    /* those of `free` that have pages */
    struct span spans[SPANS];
};

/* The process's heap, as malloc has one. */
static struct {
    uintptr_t secret; /* 0: nothing was ever taken */
    size_t spare_bytes;
    size_t huge_bytes;
    struct list regions;
    struct list roomy[CLASSES];
    struct span *now[CLASSES]; /* the one that is being filled */
} heap;

_Static_assert(SPANS == 64, "a bit a span");
_Static_assert(sizeof(struct region) <= SPAN_BYTES, "the first span holds the header");

/* ---- where things are ---- */

static struct region *region_of(const void *ptr)
{
    return (struct region *)((uintptr_t)ptr / REGION_BYTES * REGION_BYTES);
}

static size_t index_in(const struct region *r, const void *ptr)
{
    return ((uintptr_t)ptr - (uintptr_t)r) / SPAN_BYTES;
}

static char *start_of(struct region *r, size_t index)
{
    return (char *)r + index * SPAN_BYTES;
}

static size_t coarse_class(size_t size)
{
    size_t all = size <= PAGED_MIN ? size : (size + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    unsigned shift = 60U - (unsigned)__builtin_clzll(all - 1);

    return FINE + (size_t)(shift - 7) * 8 + ((all - 1) >> shift) - 8;
}

static inline size_t class_of(size_t size)
{
    return size <= FINE_MAX ? (size - (size > 0)) / STEP : coarse_class(size);
}

static size_t class_bytes(size_t index)
{
    if (index < FINE) {
        return (index + 1) * STEP;
    }
    index -= FINE;
    return (index % 8 + 9) << (index / 8 + 7);
}

/* ---- address space ---- */

/* `bytes` of fresh memory at a multiple of a region's size, or NULL. */
static void *map_aligned(size_t bytes)
{
    size_t all = bytes + REGION_BYTES;

    if (all < bytes) {
        return NULL;
    }
    char *p = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    size_t before = (REGION_BYTES - (uintptr_t)p % REGION_BYTES) % REGION_BYTES;
    if (before > 0) {
        (void)munmap(p, before);
    }
    if (before < REGION_BYTES) {
        (void)munmap(p + before + bytes, REGION_BYTES - before);
    }
    return p + before;
}

static void set_up(void)
{
    while (heap.secret == 0) {
        if (getrandom(&heap.secret, sizeof(heap.secret), 0) != sizeof(heap.secret)) {
            heap.secret = (uintptr_t)&heap ^ (uintptr_t)__builtin_frame_address(0);
        }
    }
    list_init(&heap.regions);
    for (size_t i = 0; i < CLASSES; i++) {
        list_init(&heap.roomy[i]);
    }
}

static struct region *region_new(void)
{
    struct region *r = map_aligned(REGION_BYTES);

    if (r == NULL) {
        return NULL;
    }
    /* Huge pages would make an idle connection as large as a busy one. */
    (void)madvise(r, REGION_BYTES, MADV_NOHUGEPAGE);
    r->magic = heap.secret;
    r->free = ~UINT64_C(1); /* but the header's */
    list_push_back(&heap.regions, &r->node);
    return r;
}

/* ---- spans ---- */

/* The first of `count` free spans in a row, or 0: the header's span never is free. */
static size_t find_run(uint64_t free, size_t count)
{
    for (size_t width = 1; width < count && free != 0;) {
        size_t by = width < count - width ? width : count - width;
        free &= free >> by; /* where width + by are free in a row */
        width += by;
    }
    return free == 0 ? 0 : (size_t)__builtin_ctzll(free);
}

/* A region with such a run; one that has its pages is better. */
static struct region *region_with(size_t count, size_t *out_first)
{
    LIST_EACH (&heap.regions, it, tmp) {
        struct region *r = CONTAINER_OF(it, struct region, node);
        size_t first = find_run(r->spare, count);
        first = first > 0 ? first : find_run(r->free, count);
        if (first > 0) {
            *out_first = first;
            return r;
        }
    }
    struct region *r = region_new();
    *out_first = 1;
    return r;
}

static uint64_t bits(size_t first, size_t count)
{
    return (count == SPANS ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1) << first;
}

static struct span *take_spans(size_t count, struct region **out_region, size_t *out_first)
{
    struct region *r;

    if (heap.secret == 0) {
        set_up();
    }
    r = region_with(count, out_first);
    if (r == NULL) {
        return NULL;
    }
    uint64_t taken = bits(*out_first, count);
    heap.spare_bytes -= (size_t)__builtin_popcountll(r->spare & taken) * SPAN_BYTES;
    r->free &= ~taken;
    r->spare &= ~taken;
    *out_region = r;
    return &r->spans[*out_first];
}

static void give_spans(struct region *r, size_t first, size_t count)
{
    uint64_t given = bits(first, count);

    for (size_t i = first; i < first + count; i++) {
        r->spans[i].use = SPAN_FREE;
    }
    r->free |= given;
    r->spare |= given;
    heap.spare_bytes += count * SPAN_BYTES;
}

/* ---- pieces of a class ---- */

static uintptr_t mix(const struct slot *slot)
{
    return (uintptr_t)slot ^ heap.secret;
}

static void push_slot(struct span *s, struct slot *slot)
{
    slot->mark = mix(slot);
    slot->next = (uintptr_t)s->free ^ heap.secret;
    s->free = slot;
}

static struct slot *pop_slot(struct span *s)
{
    struct slot *slot = s->free;
    uintptr_t next = slot->next ^ heap.secret;

    /* It points into the same span or nowhere, or somebody wrote to memory that he had freed. */
    REQUIRE(slot->mark == mix(slot) && (next == 0 || (next ^ (uintptr_t)slot) < SPAN_BYTES));
    slot->mark = 0;
    s->free = (struct slot *)next;
    s->used++;
    return slot;
}

/* Slots that were never used, up to a page of them, become free ones. */
static void cut(struct span *s)
{
    size_t count = PAGE_BYTES / s->slot_bytes + 1;
    size_t left = (size_t)(s->end - s->fresh) / s->slot_bytes;

    count = count < left ? count : left;
    for (size_t i = count; i > 0; i--) {
        push_slot(s, (struct slot *)(void *)(s->fresh + (i - 1) * s->slot_bytes));
    }
    s->fresh += count * s->slot_bytes;
}

static struct span *span_for(size_t index)
{
    struct region *r;
    size_t at;
    struct span *s = take_spans(1, &r, &at);

    if (s == NULL) {
        return NULL;
    }
    size_t bytes = class_bytes(index);
    *s = (struct span){.use = SPAN_SLOTS,
                       .class_index = (uint16_t)index,
                       .slot_bytes = (uint32_t)bytes,
                       .fresh = start_of(r, at)};
    s->end = s->fresh + SPAN_BYTES / bytes * bytes;
    list_push_front(&heap.roomy[index], &s->node);
    return s;
}

/* The first span that is said to have room may have none any more: it leaves, and the next is
 * looked at, or a new one made. */
static __attribute__((noinline)) void *take_slot(size_t index)
{
    struct list *with_room = &heap.roomy[index];

    for (;;) {
        struct span *s = with_room->next != with_room && with_room->next != NULL
                             ? LIST_FIRST(with_room, struct span, node)
                             : span_for(index);
        if (s == NULL) {
            return NULL;
        }
        if (s->free == NULL) {
            cut(s);
        }
        if (s->free != NULL) {
            heap.now[index] = s;
            return pop_slot(s);
        }
        list_remove(&s->node);
        s->is_full = true;
    }
}

/* The one that is being filled stays: what comes and goes would cut a span each time. */
static __attribute__((noinline)) void leave_empty(struct span *s)
{
    if (heap.now[s->class_index] != s) {
        struct region *r = region_of(s);
        list_remove(&s->node);
        give_spans(r, (size_t)(s - r->spans), 1);
    }
}

/* In front of all but the one that is being filled: the fullest come first, others may empty. */
static __attribute__((noinline)) void regain(struct span *s)
{
    struct list *with_room = &heap.roomy[s->class_index];
    struct span *now = heap.now[s->class_index];

    s->is_full = false;
    if (list_is_empty(with_room) || now->is_full) {
        list_push_front(with_room, &s->node);
    } else {
        list_insert_before(now->node.next, &s->node);
    }
}

static inline void give_slot(struct span *s, struct slot *slot)
{
    REQUIRE(slot->mark != mix(slot) && s->used > 0);
    push_slot(s, slot);
    if (__builtin_expect(s->is_full, 0)) {
        regain(s);
    }
    if (__builtin_expect(--s->used == 0, 0)) {
        leave_empty(s);
    }
}

/* ---- larger pieces ---- */

static void *take_run(size_t size)
{
    size_t count = (size + SPAN_BYTES - 1) / SPAN_BYTES;
    struct region *r;
    size_t first;
    struct span *s = take_spans(count, &r, &first);

    if (s == NULL) {
        return NULL;
    }
    for (size_t i = 1; i < count; i++) {
        s[i].use = SPAN_INSIDE;
    }
    *s = (struct span){.use = SPAN_RUN, .run = (uint16_t)count};
    return start_of(r, first);
}

static size_t huge_mapping(size_t size)
{
    size_t page = HUGE_HEAD;

    return size > SIZE_MAX - 2 * page ? 0 : (size + 2 * page - 1) / page * page;
}

static void *take_huge(size_t size)
{
    size_t bytes = huge_mapping(size);

    if (heap.secret == 0) {
        set_up();
    }
    struct region *r = bytes == 0 ? NULL : map_aligned(bytes);
    if (r == NULL) {
        return NULL;
    }
    r->magic = heap.secret;
    r->huge_bytes = bytes;
    r->spans[0].use = SPAN_HUGE;
    heap.huge_bytes += bytes - HUGE_HEAD;
    return (char *)r + HUGE_HEAD;
}

static void give_huge(struct region *r)
{
    int saved = errno;

    heap.huge_bytes -= r->huge_bytes - HUGE_HEAD;
    (void)munmap(r, r->huge_bytes);
    errno = saved;
}

/* The pages move, their bytes are not copied. */
static void *resize_huge(struct region *r, size_t size)
{
    size_t old = r->huge_bytes;
    size_t bytes = huge_mapping(size);
    char *to = bytes == 0 ? NULL : map_aligned(bytes);

    if (to == NULL) {
        return NULL;
    }
    if (mremap(r, old, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED) {
        (void)munmap(to, bytes);
        return NULL;
    }
    struct region *moved = (struct region *)(void *)to;
    moved->huge_bytes = bytes;
    heap.huge_bytes += bytes - old;
    return to + HUGE_HEAD;
}

/* ---- the doors ---- */

static __attribute__((noinline)) void *take_large(size_t size)
{
    void *ptr = size <= RUN_MAX ? take_run(size) : take_huge(size);

    if (ptr == NULL) {
        errno = ENOMEM;
    }
    return ptr;
}

static __attribute__((noinline)) void *take_slowly(size_t size)
{
    void *ptr = take_slot(class_of(size));

    if (ptr == NULL) {
        errno = ENOMEM;
    }
    return ptr;
}

void *heap_take(size_t size)
{
    if (__builtin_expect(size > SLOT_MAX, 0)) {
        return take_large(size);
    }
    size_t index = class_of(size);
    struct span *s = heap.now[index];
    if (__builtin_expect(s == NULL || s->free == NULL, 0)) {
        return take_slowly(size);
    }
    return pop_slot(s);
}

void *heap_take_zeroed(size_t size)
{
    void *ptr = heap_take(size);

    if (ptr != NULL && size <= RUN_MAX) {
        memset(ptr, 0, size); /* a huge piece is fresh from the host */
    }
    return ptr;
}

void *heap_take_aligned(size_t alignment, size_t size)
{
    if (alignment <= STEP) {
        return heap_take(size);
    }
    if (alignment > HEAP_ALIGN_MAX || size > RUN_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    /* A run begins at a multiple of a span's size. */
    void *ptr = take_run(size == 0 ? 1 : size);
    if (ptr == NULL) {
        errno = ENOMEM;
    }
    return ptr;
}

static struct span *span_of(const void *ptr)
{
    struct region *r = region_of(ptr);

    REQUIRE(r->magic == heap.secret);
    return &r->spans[index_in(r, ptr)];
}

static __attribute__((noinline)) void give_large(struct span *s)
{
    struct region *r = region_of(s);

    REQUIRE(s->use == SPAN_RUN || s->use == SPAN_HUGE);
    if (s->use == SPAN_HUGE) {
        give_huge(r);
    } else {
        give_spans(r, (size_t)(s - r->spans), s->run);
    }
}

void heap_give(void *ptr)
{
    if (ptr == NULL) {
        return;
    }
    struct span *s = span_of(ptr);
    if (__builtin_expect(s->use != SPAN_SLOTS, 0)) {
        give_large(s);
        return;
    }
    give_slot(s, ptr);
}

size_t heap_room(const void *ptr)
{
    const struct span *s = span_of(ptr);

    REQUIRE(s->use == SPAN_SLOTS || s->use == SPAN_RUN || s->use == SPAN_HUGE);
    if (s->use == SPAN_HUGE) {
        return region_of(ptr)->huge_bytes - HUGE_HEAD;
    }
    return s->use == SPAN_SLOTS ? s->slot_bytes : s->run * SPAN_BYTES;
}

void *heap_resize(void *ptr, size_t size)
{
    if (ptr == NULL) {
        return heap_take(size);
    }
    size_t room = heap_room(ptr);
    if (size <= room && size >= room / 2) {
        return ptr;
    }
    if (room > RUN_MAX && size > RUN_MAX) {
        return resize_huge(region_of(ptr), size);
    }
    void *moved = heap_take(size);
    if (moved != NULL) {
        memcpy(moved, ptr, size < room ? size : room);
        heap_give(ptr);
    }
    return moved;
}

size_t heap_used(void)
{
    size_t total = heap.huge_bytes;

    if (heap.secret == 0) {
        return 0;
    }
    LIST_EACH (&heap.regions, it, tmp) {
        const struct region *r = CONTAINER_OF(it, struct region, node);
        for (size_t i = 1; i < SPANS; i++) {
            const struct span *s = &r->spans[i];
            total += s->use == SPAN_SLOTS ? (size_t)s->used * s->slot_bytes : 0;
            total += s->use == SPAN_RUN ? s->run * SPAN_BYTES : 0;
        }
    }
    return total;
}

size_t heap_spare(void)
{
    return heap.spare_bytes;
}

static void trim_region(struct region *r)
{
    while (r->spare != 0) {
        size_t first = (size_t)__builtin_ctzll(r->spare);
        uint64_t taken = ~(r->spare >> first);
        size_t count = taken == 0 ? SPANS - first : (size_t)__builtin_ctzll(taken);

        (void)madvise(start_of(r, first), count * SPAN_BYTES, MADV_DONTNEED);
        r->spare &= ~bits(first, count);
        heap.spare_bytes -= count * SPAN_BYTES;
    }
}

void heap_trim(void)
{
    if (heap.secret == 0) {
        return;
    }
    LIST_EACH (&heap.regions, it, tmp) {
        trim_region(CONTAINER_OF(it, struct region, node));
    }
}

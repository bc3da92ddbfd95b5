/* SPDX-License-Identifier: MIT */
/* The allocator: whatever is taken, resized and given back in any order, nothing overlaps, every
 * piece keeps its bytes, and in the end nothing is in use. */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/heap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIECES 32
#define MOST   ((size_t)3 << 20)

struct piece {
    uint8_t *at;
    size_t size;
    uint8_t fill;
};

/* Its first and last bytes, which neighbours would hit. */
static void check(const struct piece *p)
{
    size_t edge = p->size < 64 ? p->size : 64;

    for (size_t i = 0; i < edge; i++) {
        REQUIRE(p->at[i] == p->fill && p->at[p->size - 1 - i] == p->fill);
    }
    REQUIRE(heap_room(p->at) >= p->size);
}

static void fill(struct piece *p, uint8_t with)
{
    p->fill = with;
    memset(p->at, with, p->size);
}

/* One to three bytes of input: small sizes often, large ones too. */
static size_t size_from(uint8_t kind, uint8_t number)
{
    return ((size_t)number << (kind >> 4)) % MOST + 1;
}

static void give(struct piece *p)
{
    if (p->at != NULL) {
        check(p);
        heap_give(p->at);
        *p = (struct piece){.at = NULL};
    }
}

static void take(struct piece *p, uint8_t kind, size_t size, uint8_t with)
{
    size_t alignment = kind % 2 == 0 ? 16 : (size_t)1 << (kind % 8 + 4);

    give(p);
    p->at = alignment > 16 ? heap_take_aligned(alignment, size) : heap_take_zeroed(size);
    if (p->at == NULL) { /* only what is both large and aligned is refused */
        REQUIRE(alignment > 16);
        return;
    }
    p->size = size;
    REQUIRE((uintptr_t)p->at % alignment == 0);
    if (alignment == 16) {
        check(p);
    }
    fill(p, with);
}

static void resize(struct piece *p, size_t size, uint8_t with)
{
    if (p->at == NULL) {
        return;
    }
    size_t kept = size < p->size ? size : p->size;
    check(p);
    p->at = heap_resize(p->at, size);
    REQUIRE(p->at != NULL);
    p->size = kept;
    check(&(struct piece){p->at, kept < 64 ? kept : 64, p->fill});
    p->size = size;
    fill(p, with);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct piece pieces[PIECES] = {{.at = NULL}};
    size_t before = heap_used();

    for (size_t i = 0; i + 3 <= size; i += 3) {
        struct piece *p = &pieces[data[i] % PIECES];
        size_t bytes = size_from(data[i + 1], data[i + 2]);
        switch (data[i] / PIECES) {
        case 0: give(p); break;
        case 1:
        case 2: resize(p, bytes, data[i + 2]); break;
        case 3: heap_trim(); break;
        default: take(p, data[i + 1], bytes, data[i + 2]); break;
        }
    }
    for (size_t i = 0; i < PIECES; i++) {
        give(&pieces[i]);
    }
    REQUIRE(heap_used() == before);
    return 0;
}

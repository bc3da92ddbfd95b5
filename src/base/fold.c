/* SPDX-License-Identifier: MIT */
#include "base/fold.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/mem.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FOLD_IS_WATCHED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define FOLD_IS_WATCHED
#endif
#ifdef FOLD_IS_WATCHED
#include <sanitizer/asan_interface.h>
#endif

#define PAGE_BYTES ((uintptr_t)4096)
#define WORD_BITS  64

/* What of a piece is folded. */
struct extent {
    uint64_t *words;
    size_t count;
    size_t kept; /* the first of them */
};

struct fold {
    struct extent of;
    uint64_t kept[]; /* a bit a word: whether it is not zero; then those words */
};

static size_t bytes_away;

#ifdef FOLD_IS_WATCHED

/* Pages are nothing to the sanitizer, and its own pieces have none of their own: nothing goes back,
 * all that is kept is guarded. */
static struct extent extent_of(void *piece, size_t keep)
{
    size_t count = keep / sizeof(uint64_t);

    return (struct extent){piece, count, count};
}

static void give_back(const struct extent *of)
{
    __asan_poison_memory_region(of->words, of->count * sizeof(uint64_t));
}

static void take_back(const struct extent *of)
{
    __asan_unpoison_memory_region(of->words, of->count * sizeof(uint64_t));
}

#else

static struct extent extent_of(void *piece, size_t keep)
{
    uintptr_t at = (uintptr_t)piece;
    uintptr_t first = (at + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    uintptr_t end = (at + malloc_usable_size(piece)) / PAGE_BYTES * PAGE_BYTES;

    if (end <= first || at + keep <= first) {
        return (struct extent){NULL, 0, 0};
    }
    uintptr_t kept_end = at + keep < end ? at + keep : end;
    return (struct extent){(uint64_t *)first, (end - first) / sizeof(uint64_t),
                           (kept_end - first + sizeof(uint64_t) - 1) / sizeof(uint64_t)};
}

static void give_back(const struct extent *of)
{
    (void)madvise(of->words, of->count * sizeof(uint64_t), MADV_DONTNEED);
}

static void take_back(const struct extent *of)
{
    (void)of; /* pages come by being written to */
}

#endif

static size_t map_words(const struct extent *of)
{
    return (of->kept + WORD_BITS - 1) / WORD_BITS;
}

static size_t count_filled(const struct extent *of)
{
    size_t filled = 0;

    for (size_t i = 0; i < of->kept; i++) {
        filled += of->words[i] != 0;
    }
    return filled;
}

static size_t fold_size(const struct extent *of, size_t filled)
{
    return sizeof(struct fold) + (map_words(of) + filled) * sizeof(uint64_t);
}

struct fold *fold_new(void *piece, size_t keep)
{
    struct extent of = extent_of(piece, keep);
    size_t size = fold_size(&of, count_filled(&of));

    if (size > of.count * sizeof(uint64_t) / 2) {
        return NULL;
    }
    struct fold *f = mem_new(size);
    uint64_t *next = f->kept + map_words(&of);
    f->of = of;
    for (size_t i = 0; i < of.kept; i++) {
        if (of.words[i] != 0) {
            f->kept[i / WORD_BITS] |= UINT64_C(1) << i % WORD_BITS;
            *next++ = of.words[i];
            of.words[i] = 0; /* and nothing else is written: that would make pages of zeros */
        }
    }
    give_back(&of);
    bytes_away += of.count * sizeof(uint64_t);
    return f;
}

void fold_undo(struct fold *f)
{
    if (f == NULL) {
        return;
    }
    const uint64_t *next = f->kept + map_words(&f->of);

    take_back(&f->of);
    bytes_away -= f->of.count * sizeof(uint64_t);
    for (size_t i = 0; i < map_words(&f->of); i++) {
        for (uint64_t left = f->kept[i]; left != 0; left &= left - 1) {
            f->of.words[i * WORD_BITS + (size_t)__builtin_ctzll(left)] = *next++;
        }
    }
    mem_wipe(f, (size_t)((const char *)next - (const char *)f));
    free(f);
}

size_t fold_bytes(void)
{
    return bytes_away;
}

/* SPDX-License-Identifier: MIT */
/*
 * The C library's names for base/heap, linked into the released program alone: the GNU C library
 * lets a program define them, and then uses them itself, as do all other libraries (its manual,
 * "Replacing malloc"). All names of the family are here, or one of the other allocator could meet
 * one of ours.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/single_threaded.h>
#include <unistd.h>

#include "base/err.h"
#include "base/heap.h"

void *malloc(size_t size)
{
    REQUIRE(__libc_single_threaded); /* nothing here is locked */
    return heap_take(size);
}

void free(void *ptr)
{
    heap_give(ptr);
}

void *calloc(size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return heap_take_zeroed(total);
}

void *realloc(void *ptr, size_t size)
{
    return heap_resize(ptr, size);
}

void *memalign(size_t alignment, size_t size)
{
    return heap_take_aligned(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return heap_take_aligned(alignment, size);
}

int posix_memalign(void **out_ptr, size_t alignment, size_t size)
{
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) {
        return EINVAL;
    }
    int saved = errno;
    void *ptr = heap_take_aligned(alignment, size);
    errno = saved;
    if (ptr == NULL) {
        return ENOMEM;
    }
    *out_ptr = ptr;
    return 0;
}

void *valloc(size_t size)
{
    return heap_take_aligned((size_t)sysconf(_SC_PAGESIZE), size);
}

void *pvalloc(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return heap_take_aligned(page, (size + page - 1) / page * page);
}

size_t malloc_usable_size(void *ptr)
{
    return ptr == NULL ? 0 : heap_room(ptr);
}

int malloc_trim(size_t pad)
{
    (void)pad;
    heap_trim();
    return 1;
}

/* SPDX-License-Identifier: MIT */
/*
 * Memory by size class, for a process of one thread: what malloc and free are in the program that
 * is released (heap_malloc.c gives them their names; builds with a sanitizer keep the sanitizer's).
 * So the program and all its libraries share it; a handshake takes and gives some 750 pieces.
 *
 * Words: a region is 4 MB of address space at a multiple of its size; the first span of a region
 * holds what is known of the others, apart from what is handed out. A span is 64 kB and cut into
 * slots of one class, or the beginning of a larger piece. A spare span is free and still has its
 * pages; heap_trim gives those back. Pages that were never written cost nothing, and above 5 kB a
 * piece shares none with another.
 *
 * Freed slots are marked, and linked through pointers that are mixed with a secret: freeing twice
 * and a link that was overwritten abort. No locks: after a second thread the next malloc aborts.
 */
#ifndef HIVEDOOR_BASE_HEAP_H
#define HIVEDOOR_BASE_HEAP_H

#include <stddef.h>

/* At least `size` bytes at a multiple of 16, not zeroed; NULL: the host has no more. */
void *heap_take(size_t size);
/* As heap_take, zeroed. */
void *heap_take_zeroed(size_t size);
/* At a multiple of `alignment`, a power of two up to HEAP_ALIGN_MAX; NULL above. */
void *heap_take_aligned(size_t alignment, size_t size);
#define HEAP_ALIGN_MAX ((size_t)64 * 1024)
/* realloc(3), but for `size` 0, which is a piece of the least size. */
void *heap_resize(void *ptr, size_t size);
/* Gives a piece back; accepts NULL; leaves errno alone. */
void heap_give(void *ptr);
/* What the piece has room for, at least what was asked. */
size_t heap_room(const void *ptr);

/* Bytes in pieces that are in use, their room counted; walks all spans. */
size_t heap_used(void);
/* Bytes in spare spans: what heap_trim would give back. */
size_t heap_spare(void);
/* Gives the pages of spare spans back to the host. */
void heap_trim(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Allocation of our own sizes: never returns NULL, aborts instead. What a peer can enlarge is
 * checked against a limit before it comes here. Secrets have their own pair, zeroed when freed.
 */
#ifndef HIVEDOOR_BASE_MEM_H
#define HIVEDOOR_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed memory of `size` bytes, owned by the caller, freed with free(). */
void *mem_new(size_t size) __attribute__((malloc, returns_nonnull));
/* Zeroed array; aborts on overflow of count * size. */
void *mem_array(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* realloc for arrays; new elements are not zeroed; aborts on overflow. */
void *mem_grow(void *ptr, size_t count, size_t size) __attribute__((returns_nonnull));
/* A copy of `len` bytes, freed with free(); a NUL follows the copy. */
void *mem_dup(const void *src, size_t len) __attribute__((returns_nonnull));

/* For keys and tokens: kept out of core files (MADV_DONTDUMP) where the host can. */
void *mem_secret_new(size_t size) __attribute__((returns_nonnull));
/* Zeroes `size` bytes and frees; accepts NULL. */
void mem_secret_free(void *ptr, size_t size);
/* Zeroes memory in a way that the compiler keeps. */
void mem_wipe(void *ptr, size_t size);
/* Whether `len` bytes are the same, in a time that does not depend on them. */
bool mem_eq_secret(const void *a, const void *b, size_t len);

#define NEW(type) ((type *)mem_new(sizeof(type)))

#endif

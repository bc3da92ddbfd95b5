/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"

void *mem_new(size_t size)
{
    void *p = calloc(1, size == 0 ? 1 : size);
    REQUIRE(p != NULL);
    return p;
}

void *mem_array(size_t count, size_t size)
{
    size_t total;
    REQUIRE(!__builtin_mul_overflow(count, size, &total));
    return mem_new(total);
}

void *mem_grow(void *ptr, size_t count, size_t size)
{
    size_t total;
    REQUIRE(!__builtin_mul_overflow(count, size, &total));
    void *p = realloc(ptr, total == 0 ? 1 : total);
    REQUIRE(p != NULL);
    return p;
}

void *mem_dup(const void *src, size_t len)
{
    REQUIRE(len < SIZE_MAX);
    char *p = malloc(len + 1);
    REQUIRE(p != NULL);
    if (len > 0) {
        memcpy(p, src, len);
    }
    p[len] = '\0';
    return p;
}

/* Whole pages, so that MADV_DONTDUMP covers the secret and nothing else. */
static size_t secret_bytes(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    REQUIRE(size <= SIZE_MAX - page);
    return size == 0 ? page : (size + page - 1) / page * page;
}

void *mem_secret_new(size_t size)
{
    size_t total = secret_bytes(size);
    void *p = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(p != MAP_FAILED);
    /* A host without the advice still has the memory: nothing to do about it here. */
    (void)madvise(p, total, MADV_DONTDUMP);
    return p;
}

void mem_secret_free(void *ptr, size_t size)
{
    if (ptr == NULL) {
        return;
    }
    mem_wipe(ptr, size);
    (void)munmap(ptr, secret_bytes(size));
}

void mem_wipe(void *ptr, size_t size)
{
    if (size > 0) {
        explicit_bzero(ptr, size);
    }
}

bool mem_eq_secret(const void *a, const void *b, size_t len)
{
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t differs = 0;
    for (size_t i = 0; i < len; i++) {
        differs |= (uint8_t)(x[i] ^ y[i]);
    }
    return differs == 0;
}

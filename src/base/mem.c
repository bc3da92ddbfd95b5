/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

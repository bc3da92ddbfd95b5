/* SPDX-License-Identifier: MIT */
/*
 * Eight bytes at a time as one number, the first byte lowest, for what is done with every byte of a
 * head: looking for control characters, comparing names in any case. Plain C on every machine;
 * pure.
 */
#ifndef HIVEDOOR_BASE_WORD_H
#define HIVEDOOR_BASE_WORD_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The same byte eight times. */
#define WORD_ALL(byte) (UINT64_C(0x0101010101010101) * (uint64_t)(byte))

/* Eight bytes from anywhere. */
static inline uint64_t word_load(const char *ptr)
{
    uint64_t w;
    memcpy(&w, ptr, sizeof(w));
    return le64toh(w);
}

/* `n` bytes, at most eight; zeros stand for the others. */
static inline uint64_t word_load_part(const char *ptr, size_t n)
{
    uint64_t w = 0;
    if (n >= 8) {
        return word_load(ptr);
    }
    if (n >= 4) { /* two halves that may overlap */
        uint32_t low, high;
        memcpy(&low, ptr, sizeof(low));
        memcpy(&high, ptr + n - sizeof(high), sizeof(high));
        return le32toh(low) | (uint64_t)le32toh(high) << (8 * (n - sizeof(high)));
    }
    for (size_t i = 0; i < n; i++) {
        w |= (uint64_t)(uint8_t)ptr[i] << (8 * i);
    }
    return w;
}

/* ASCII letters in lower case, every other byte as it is. */
static inline uint64_t word_lower(uint64_t w)
{
    uint64_t low = w & WORD_ALL(0x7f);
    uint64_t from_a = low + WORD_ALL(0x80 - 'A');
    uint64_t above_z = low + WORD_ALL(0x7f - 'Z');
    return w | ((from_a ^ above_z) & ~w & WORD_ALL(0x80)) >> 2;
}

/* Not 0 if a byte is below `limit` (at most 0x80): then the lowest bit that is set is in the first
 * such byte; the bits above it tell nothing. */
static inline uint64_t word_below(uint64_t w, uint8_t limit)
{
    return (w - WORD_ALL(limit)) & ~w & WORD_ALL(0x80);
}

/* The place, 0 to 7, of the lowest byte with a bit that is set; not for 0. */
static inline size_t word_first(uint64_t bits)
{
    return (size_t)__builtin_ctzll(bits) / 8;
}

#endif

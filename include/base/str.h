/* SPDX-License-Identifier: MIT */
/*
 * A string as pointer and length: borrowed bytes, not NUL-terminated, never owned by this type.
 * Whoever keeps a `struct str` keeps alive what it points to; the comment at the field says who.
 */
#ifndef HIVEDOOR_BASE_STR_H
#define HIVEDOOR_BASE_STR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *ptr;
    size_t len;
};

/* A literal as a str: STR("Host"). */
#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
/* For printf: printf("%.*s", STR_FMT(s)). */
#define STR_FMT(s) (int)(s).len, (s).ptr

static inline struct str str_of(const char *cstr)
{
    return (struct str){cstr, cstr == NULL ? 0 : strlen(cstr)};
}

static inline struct str str_n(const char *ptr, size_t len)
{
    return (struct str){ptr, len};
}

static inline bool str_is_empty(struct str s)
{
    return s.len == 0;
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ASCII case-insensitive, whatever the locale. */
bool str_ieq(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* <0, 0, >0, bytewise. */
int str_cmp(struct str a, struct str b);
/* The part from `from` to the end; empty when `from` is past it. */
struct str str_from(struct str s, size_t from);
struct str str_sub(struct str s, size_t from, size_t len);
/* Index of the first `c`, or -1. */
ptrdiff_t str_find(struct str s, char c);
ptrdiff_t str_rfind(struct str s, char c);
/* Without spaces and tabs at both ends. */
struct str str_trim(struct str s);
/*
 * Cuts the next token off `*rest` at `sep` (the separator is dropped). False when `*rest` is used
 * up: an input of n separators gives n + 1 tokens.
 */
bool str_next(struct str *rest, char sep, struct str *out_token);
/* Digits of a number without a terminating NUL, for what is written with every request: a printf
 * takes 450 to 900 instructions. How many were written (decimal: at most STR_U64_DIGITS). */
#define STR_U64_DIGITS 20
size_t str_put_u64(char *dst, uint64_t value);
/* Exactly `digits` lower-case hexadecimal digits, the last ones of the value. */
void str_put_hex(char *dst, size_t digits, uint64_t value);
/* A decimal number with nothing else around it; ERR_SYNTAX or ERR_RANGE (above `max`). */
int str_to_u64(struct str s, uint64_t max, uint64_t *out_value) MUST_USE;
/* A new NUL-terminated copy, to be freed with free(). */
char *str_dup(struct str s);
/* Copies into `dst` with a NUL, cut to fit `cap` (> 0); returns the bytes copied without the NUL.
 */
size_t str_copy(char *dst, size_t cap, struct str s);
/* ASCII lower case of one byte. */
static inline char chr_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
/* Edit distance of two words, capped at `max` + 1: for "did you mean". Words up to 64 bytes. */
unsigned str_distance(struct str a, struct str b, unsigned max);

#endif

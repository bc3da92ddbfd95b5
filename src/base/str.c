/* SPDX-License-Identifier: MIT */
#include "base/str.h"

#include "base/mem.h"
#include "base/word.h"

bool str_ieq(struct str a, struct str b)
{
    size_t left = a.len;

    if (a.len != b.len || a.len == 0) {
        return a.len == b.len;
    }
    for (; left > 8; left -= 8) {
        if (word_lower(word_load(a.ptr + a.len - left)) !=
            word_lower(word_load(b.ptr + b.len - left))) {
            return false;
        }
    }
    return word_lower(word_load_part(a.ptr + a.len - left, left)) ==
           word_lower(word_load_part(b.ptr + b.len - left, left));
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_n(s.ptr, prefix.len), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq(str_from(s, s.len - suffix.len), suffix);
}

int str_cmp(struct str a, struct str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.ptr, b.ptr, shorter);
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

struct str str_from(struct str s, size_t from)
{
    if (from >= s.len) {
        return str_n(s.ptr == NULL ? "" : s.ptr + s.len, 0);
    }
    return str_n(s.ptr + from, s.len - from);
}

struct str str_sub(struct str s, size_t from, size_t len)
{
    struct str rest = str_from(s, from);
    return str_n(rest.ptr, len < rest.len ? len : rest.len);
}

ptrdiff_t str_find(struct str s, char c)
{
    const char *hit = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);
    return hit == NULL ? -1 : hit - s.ptr;
}

ptrdiff_t str_rfind(struct str s, char c)
{
    const char *hit = s.len == 0 ? NULL : memrchr(s.ptr, c, s.len);
    return hit == NULL ? -1 : hit - s.ptr;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s = str_from(s, 1);
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

bool str_next(struct str *rest, char sep, struct str *out_token)
{
    /* A NULL pointer marks the end: an empty rest is still one (empty) token. */
    if (rest->ptr == NULL) {
        return false;
    }
    ptrdiff_t at = str_find(*rest, sep);
    if (at < 0) {
        *out_token = *rest;
        *rest = str_n(NULL, 0);
        return true;
    }
    *out_token = str_n(rest->ptr, (size_t)at);
    *rest = str_n(rest->ptr + at + 1, rest->len - (size_t)at - 1);
    return true;
}

int str_to_u64(struct str s, uint64_t max, uint64_t *out_value)
{
    uint64_t value = 0;
    bool too_large = false;

    if (s.len == 0) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)((unsigned char)s.ptr[i] - '0');
        if (digit > 9) {
            return ERR_SYNTAX;
        }
        too_large = too_large || __builtin_mul_overflow(value, UINT64_C(10), &value) ||
                    __builtin_add_overflow(value, (uint64_t)digit, &value);
    }
    if (too_large || value > max) {
        return ERR_RANGE;
    }
    *out_value = value;
    return OK;
}

char *str_dup(struct str s)
{
    return mem_dup(s.ptr, s.len);
}

size_t str_copy(char *dst, size_t cap, struct str s)
{
    REQUIRE(cap > 0);
    size_t n = s.len < cap - 1 ? s.len : cap - 1;
    if (n > 0) {
        memcpy(dst, s.ptr, n);
    }
    dst[n] = '\0';
    return n;
}

#define DISTANCE_WORD_MAX 64

unsigned str_distance(struct str a, struct str b, unsigned max)
{
    unsigned row[DISTANCE_WORD_MAX + 1];

    if (a.len > DISTANCE_WORD_MAX || b.len > DISTANCE_WORD_MAX) {
        return max + 1;
    }
    /* Levenshtein's matrix, one row at a time; `corner` is the cell up and to the left. */
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned change = corner + (a.ptr[i - 1] == b.ptr[j - 1] ? 0U : 1U);
            unsigned gap = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            corner = row[j];
            row[j] = change < gap ? change : gap;
        }
    }
    return row[b.len] > max ? max + 1 : row[b.len];
}

size_t str_put_u64(char *dst, uint64_t value)
{
    char reversed[STR_U64_DIGITS];
    size_t n = 0;

    do {
        reversed[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < n; i++) {
        dst[i] = reversed[n - 1 - i];
    }
    return n;
}

void str_put_hex(char *dst, size_t digits, uint64_t value)
{
    for (size_t i = digits; i > 0; i--) {
        dst[i - 1] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * What a byte may be in HTTP, as one table of 256 entries: the parsers test a bit instead of
 * comparing ranges. Used by every parser of this floor; pure, no state.
 */
#ifndef HIVEDOOR_HTTP_CHARS_H
#define HIVEDOOR_HTTP_CHARS_H

#include "base/str.h"
#include "base/word.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum chars_class {
    CHARS_TOKEN = 1,  /* tchar, RFC 9110 section 5.6.2 */
    CHARS_VALUE = 2,  /* VCHAR, obs-text, space and tab: RFC 9110 section 5.5 */
    CHARS_TARGET = 4, /* VCHAR and obs-text: what ends at a space in a start line */
    CHARS_PATH = 8,   /* of a path, with "/" and "%" */
    CHARS_QUERY = 16, /* of a query, with "?" and "%" */
    CHARS_DIGIT = 32, /* 0-9 */
    CHARS_HEX = 64,   /* 0-9 a-f A-F */
    CHARS_HOST = 128, /* letters, digits, "-" and "_": a label of a host name */
};

/* The classes of each byte, as a set of enum chars_class. */
extern const uint8_t chars_table[256];

static inline bool chars_is(char c, unsigned classes)
{
    return (chars_table[(uint8_t)c] & classes) != 0;
}

/* Bytes at the start of [ptr, end) that are of the class. */
static inline const char *chars_skip(const char *ptr, const char *end, unsigned classes)
{
    while (ptr < end && chars_is(*ptr, classes)) {
        ptr++;
    }
    return ptr;
}

/* As chars_skip with CHARS_VALUE, which is most of what comes in a head: eight bytes at a time as
 * long as none of them is a control character. */
static inline const char *chars_skip_value(const char *ptr, const char *end)
{
    for (; end - ptr >= 8; ptr += 8) {
        uint64_t w = word_load(ptr);
        if ((word_below(w, ' ') | word_below(w ^ WORD_ALL(0x7f), 1)) != 0) {
            break;
        }
    }
    return chars_skip(ptr, end, CHARS_VALUE);
}

/* Whether every byte is of the class; true for an empty string. */
static inline bool chars_all(struct str s, unsigned classes)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!chars_is(s.ptr[i], classes)) {
            return false;
        }
    }
    return true;
}

/* The value of a hexadecimal digit; the byte must be of CHARS_HEX. */
static inline unsigned chars_hex(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

#endif

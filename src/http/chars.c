/* SPDX-License-Identifier: MIT */
#include "http/chars.h"

/*
 * The table is computed by the compiler from the grammars below, so that it can be read.
 *
 * Paths and queries take, beside the characters of RFC 3986, those that browsers leave as they are
 * (the WHATWG URL standard does not encode "[", "]", "|" in both, nor "{", "}", "^", "`" in older
 * versions or in queries, nor "\" in queries): refusing "?filter[name]=x" would refuse real users.
 * They cannot be mistaken for a delimiter. "#" and everything outside ASCII stays out.
 */
#define IS_DIGIT(c) ((c) >= '0' && (c) <= '9')
#define IS_ALPHA(c) (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z'))
#define IS_ALNUM(c) (IS_DIGIT(c) || IS_ALPHA(c))
#define IS_HEX(c)   (IS_DIGIT(c) || ((c) >= 'a' && (c) <= 'f') || ((c) >= 'A' && (c) <= 'F'))
#define IS_TOKEN(c)                                                                                \
    (IS_ALNUM(c) || (c) == '!' || (c) == '#' || (c) == '$' || (c) == '%' || (c) == '&' ||          \
     (c) == '\'' || (c) == '*' || (c) == '+' || (c) == '-' || (c) == '.' || (c) == '^' ||          \
     (c) == '_' || (c) == '`' || (c) == '|' || (c) == '~')
#define IS_TARGET(c) (((c) >= 0x21 && (c) <= 0x7e) || (c) >= 0x80)
#define IS_VALUE(c)  (IS_TARGET(c) || (c) == ' ' || (c) == '\t')
#define IS_PCHAR(c)                                                                                \
    (IS_ALNUM(c) || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~' || (c) == '!' ||          \
     (c) == '$' || (c) == '&' || (c) == '\'' || (c) == '(' || (c) == ')' || (c) == '*' ||          \
     (c) == '+' || (c) == ',' || (c) == ';' || (c) == '=' || (c) == ':' || (c) == '@' ||           \
     (c) == '%')
#define IS_LENIENT(c)                                                                              \
    ((c) == '[' || (c) == ']' || (c) == '|' || (c) == '{' || (c) == '}' || (c) == '^' || (c) == '`')
#define IS_PATH(c)  (IS_PCHAR(c) || IS_LENIENT(c) || (c) == '/')
#define IS_QUERY(c) (IS_PATH(c) || (c) == '?' || (c) == '\\')
#define IS_HOST(c)  (IS_ALNUM(c) || (c) == '-' || (c) == '_')

#define BYTE(c)                                                                                    \
    ((IS_TOKEN(c) ? CHARS_TOKEN : 0) | (IS_VALUE(c) ? CHARS_VALUE : 0) |                           \
     (IS_TARGET(c) ? CHARS_TARGET : 0) | (IS_PATH(c) ? CHARS_PATH : 0) |                           \
     (IS_QUERY(c) ? CHARS_QUERY : 0) | (IS_DIGIT(c) ? CHARS_DIGIT : 0) |                           \
     (IS_HEX(c) ? CHARS_HEX : 0) | (IS_HOST(c) ? CHARS_HOST : 0))
#define ROW4(c)  BYTE(c), BYTE((c) + 1), BYTE((c) + 2), BYTE((c) + 3)
#define ROW16(c) ROW4(c), ROW4((c) + 4), ROW4((c) + 8), ROW4((c) + 12)
#define ROW64(c) ROW16(c), ROW16((c) + 16), ROW16((c) + 32), ROW16((c) + 48)

const uint8_t chars_table[256] = {ROW64(0), ROW64(64), ROW64(128), ROW64(192)};

/* SPDX-License-Identifier: MIT */
#include "route/capture.h"

#include "http/chars.h"

#define MARK STR("{1}")

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_alnum(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9');
}

/* One label with a letter or digit at both ends; `inner` may stand between them. */
static bool is_label_of(struct str s, const char *inner)
{
    if (s.len == 0 || s.len > CAPTURE_LABEL_MAX || !is_alnum(s.ptr[0]) ||
        !is_alnum(s.ptr[s.len - 1])) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\0' || (!is_alnum(s.ptr[i]) && strchr(inner, s.ptr[i]) == NULL)) {
            return false;
        }
    }
    return true;
}

bool capture_is_label(struct str label)
{
    return is_label_of(label, "-");
}

/* Decimal, octal or, behind "0x", hexadecimal: inet_aton(3). */
static bool is_number(struct str s)
{
    if (str_starts(s, STR("0x"))) {
        return chars_all(str_from(s, 2), CHARS_HEX);
    }
    return chars_all(s, CHARS_DIGIT);
}

/* A top-level domain is of letters alone, or the encoding of such a one (RFC 1123 section 2.1, RFC
 * 5890 section 2.3.2.1). */
static bool may_be_top_level(struct str s)
{
    if (str_starts(s, STR("xn--"))) {
        return str_find(s, '_') < 0;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!is_letter(s.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool capture_is_task(struct str task)
{
    return is_label_of(task, "-_") && !is_number(task) && !may_be_top_level(task);
}

/* Index of the first mark at or behind `from`, or -1. */
static ptrdiff_t find_mark(struct str text, size_t from)
{
    for (size_t i = from; i + MARK.len <= text.len; i++) {
        if (memcmp(text.ptr + i, MARK.ptr, MARK.len) == 0) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

/* Copies what may be left out of `len` bytes at `*at`, or only counts it. */
static void put(char *dst, size_t *at, struct str part)
{
    if (dst != NULL && part.len > 0) {
        memcpy(dst + *at, part.ptr, part.len);
    }
    *at += part.len;
}

/* The text with the label in it, written to `dst` unless that is NULL; its length. */
static size_t fill(struct str text, struct str label, char *dst)
{
    size_t from = 0;
    size_t len = 0;
    ptrdiff_t mark;

    while ((mark = find_mark(text, from)) >= 0) {
        put(dst, &len, str_sub(text, from, (size_t)mark - from));
        put(dst, &len, label);
        from = (size_t)mark + MARK.len;
    }
    put(dst, &len, str_from(text, from));
    return len;
}

int capture_fill(struct arena *arena, struct str text, struct str label, struct str *out_text)
{
    if (find_mark(text, 0) < 0) {
        *out_text = text;
        return OK;
    }
    if (!capture_is_label(label)) {
        return ERR_SYNTAX;
    }
    size_t len = fill(text, label, NULL);
    char *dst = arena_alloc(arena, len);
    fill(text, label, dst);
    *out_text = str_n(dst, len);
    return OK;
}

int capture_task(struct arena *arena, struct str pattern, struct str label, struct str *out_task)
{
    struct str task;

    if (find_mark(pattern, 0) < 0 || capture_fill(arena, pattern, label, &task) != OK ||
        !capture_is_task(task)) {
        return ERR_SYNTAX;
    }
    *out_task = task;
    return OK;
}

bool capture_makes(struct str pattern, struct str task)
{
    char made[CAPTURE_LABEL_MAX];
    ptrdiff_t mark = find_mark(pattern, 0);
    size_t rest = pattern.len - MARK.len;

    /* One mark: its label has the length that is left, and stands where the mark stood. */
    if (mark < 0 || find_mark(pattern, (size_t)mark + 1) >= 0 || !capture_is_task(task) ||
        task.len <= rest) {
        return false;
    }
    struct str label = str_sub(task, (size_t)mark, task.len - rest);
    return capture_is_label(label) && fill(pattern, label, NULL) == task.len &&
           str_eq(str_n(made, fill(pattern, label, made)), task);
}

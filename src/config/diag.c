/* SPDX-License-Identifier: MIT */
#include "config/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define TEXT_MAX 1024
#define CUT_MAX  80

void diags_init(struct diags *d)
{
    *d = (struct diags){0};
    arena_init(&d->arena, 4096);
}

void diags_fini(struct diags *d)
{
    if (d == NULL) {
        return;
    }
    arena_fini(&d->arena);
    free(d->items);
    d->items = NULL;
    d->count = 0;
}

struct str diag_cut(struct str s)
{
    if (s.len <= CUT_MAX) {
        return s;
    }
    size_t len = CUT_MAX;
    while (len > 0 && ((unsigned char)s.ptr[len] & 0xC0) == 0x80) {
        len--;
    }
    return str_sub(s, 0, len);
}

/* A value may come from an environment variable: nothing of it may steer a terminal. */
static size_t clean(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F) {
            text[i] = '?';
        }
    }
    return len;
}

void diags_add(struct diags *d, enum diag_level level, struct diag_place place, const char *fmt,
               ...)
{
    if (level == DIAG_ERROR) {
        d->errors++;
    }
    if (d->count == DIAG_MAX) {
        d->lost++;
        return;
    }
    if (d->items == NULL) {
        d->items = mem_array(DIAG_MAX, sizeof(*d->items));
    }
    char text[TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n;
    len = clean(text, len < sizeof(text) ? len : sizeof(text) - 1);
    bool same = d->count > 0 && str_eq(d->items[d->count - 1].file, place.file);
    d->items[d->count] = (struct diag){
        .level = level,
        .file = same ? d->items[d->count - 1].file : arena_dup(&d->arena, place.file),
        .line = place.line,
        .column = place.column,
        .text = arena_dup(&d->arena, str_n(text, len)),
    };
    d->count++;
}

int diags_print(const struct diags *d, struct buf *out)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct diag *item = &d->items[i];
        const char *level = item->level == DIAG_ERROR ? "error" : "warning";
        int err = buf_append_str(out, item->file);
        if (err == OK && item->line > 0) {
            err = buf_printf(out, ":%u:%u", item->line, item->column);
        }
        if (err == OK) {
            err = buf_printf(out, ": %s: %.*s\n", level, STR_FMT(item->text));
        }
        if (err != OK) {
            return err;
        }
    }
    if (d->lost > 0) {
        return buf_printf(out, "and %zu more\n", d->lost);
    }
    return OK;
}

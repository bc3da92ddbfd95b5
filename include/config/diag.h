/* SPDX-License-Identifier: MIT */
/*
 * Diagnostics of loading: every one with its place, what was found, what was expected and, where a
 * word is close, what was probably meant. Collected, never stopping at the first.
 */
#ifndef HIVEDOOR_CONFIG_DIAG_H
#define HIVEDOOR_CONFIG_DIAG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum diag_level { DIAG_WARNING, DIAG_ERROR };

struct diag {
    enum diag_level level;
    struct str file;
    uint32_t line;   /* from 1; 0: the file as a whole */
    uint32_t column; /* from 1 */
    struct str text; /* one line: what was found; what to write instead */
};

#define DIAG_MAX 200

struct diags {
    struct arena arena;
    struct diag *items; /* owned array, in the order found */
    size_t count;
    size_t errors;
    size_t lost; /* beyond DIAG_MAX */
};

void diags_init(struct diags *d);
void diags_fini(struct diags *d);
struct diag_place {
    struct str file;
    uint32_t line;
    uint32_t column;
};
/* Copies everything; control characters in the text become "?". Beyond DIAG_MAX it only counts. */
void diags_add(struct diags *d, enum diag_level level, struct diag_place place, const char *fmt,
               ...) __attribute__((format(printf, 4, 5)));
/* The start of `s`, at most 80 bytes, never cut inside a UTF-8 sequence: what a diagnostic quotes.
 */
struct str diag_cut(struct str s);
/* Appends "FILE:LINE:COLUMN: error: TEXT\n" for each; without a line, "FILE: error: TEXT\n". */
int diags_print(const struct diags *d, struct buf *out) MUST_USE;

#endif

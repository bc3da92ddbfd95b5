/* SPDX-License-Identifier: MIT */
/* What the HTTP fuzz targets share: comparing messages that must be the same. */
#ifndef HIVEDOOR_FUZZ_HTTP_H
#define HIVEDOOR_FUZZ_HTTP_H

#include "base/err.h"
#include "http/h1_parse.h"
#include "http/message.h"

#include <stddef.h>
#include <stdint.h>

#define FUZZ_HEAD_MAX   65536
#define FUZZ_FIELDS_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline struct h1_limits fuzz_limits(void)
{
    return (struct h1_limits){FUZZ_HEAD_MAX, FUZZ_FIELDS_MAX};
}

/* What the search for the end of a head must say, byte by byte: what it does eight at a time. */
static inline int fuzz_find_head(struct str in, size_t *out_len)
{
    size_t len = in.len < FUZZ_HEAD_MAX ? in.len : FUZZ_HEAD_MAX;
    for (size_t i = 0; i < len; i++) {
        bool is_lone = in.ptr[i] == '\r' && i + 1 < len && in.ptr[i + 1] != '\n';
        bool is_bare = in.ptr[i] == '\n' && (i == 0 || in.ptr[i - 1] != '\r');
        if (in.ptr[i] == '\0' || is_lone || is_bare) {
            return ERR_SYNTAX;
        }
        if (in.ptr[i] == '\n' && (i == 1 || (i > 2 && in.ptr[i - 2] == '\n'))) {
            *out_len = i + 1;
            return OK;
        }
    }
    return in.len >= FUZZ_HEAD_MAX ? ERR_LIMIT : ERR_AGAIN;
}

/* The head at the start of the input, found in one piece and, with the same answer, in two. */
static inline int fuzz_head(struct str in, struct str *out_head)
{
    size_t len = 0, len_again = 0, scan = 0, scan_again = 0;
    int err = h1_find_head(in, FUZZ_HEAD_MAX, &scan, &len);
    size_t cut = in.len > 0 ? (uint8_t)in.ptr[in.len - 1] % (in.len + 1) : 0;
    int again = h1_find_head(str_sub(in, 0, cut), FUZZ_HEAD_MAX, &scan_again, &len_again);
    if (again == ERR_AGAIN) {
        again = h1_find_head(in, FUZZ_HEAD_MAX, &scan_again, &len_again);
    }
    size_t len_by_bytes = len;
    REQUIRE(err == again && err == fuzz_find_head(in, &len_by_bytes));
    if (err != OK) {
        return err;
    }
    REQUIRE(len == len_by_bytes && len == len_again && len >= 2 && len <= in.len);
    *out_head = str_sub(in, 0, len);
    return OK;
}

/* Fields that writers leave out or write themselves. */
static inline bool fuzz_is_frame(const struct field *f)
{
    return f->id == FIELD_CONNECTION || f->id == FIELD_UPGRADE || f->id == FIELD_TRAILER ||
           (field_flags(f->id) & FIELD_FRAMING) != 0;
}

/* The same fields in the same order, but for those of the frame. */
static inline void fuzz_same_fields(const struct message *a, const struct message *b)
{
    size_t i = 0, k = 0;
    for (;;) {
        while (i < a->field_count && fuzz_is_frame(&a->fields[i])) {
            i++;
        }
        while (k < b->field_count && fuzz_is_frame(&b->fields[k])) {
            k++;
        }
        if (i == a->field_count || k == b->field_count) {
            break;
        }
        REQUIRE(str_eq(a->fields[i].name, b->fields[k].name));
        REQUIRE(str_eq(a->fields[i].value, b->fields[k].value));
        i++;
        k++;
    }
    REQUIRE(i == a->field_count && k == b->field_count);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * path_strip and path_has_prefix over any bytes: "PREFIX\nRAW". What strip gives is a part of the
 * raw path (or "/"), begins with exactly one slash, and normalises to what is left of the
 * normalised path.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "http/target.h"
#include "route/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A prefix that a normalised path can have: "/" or "/a/b", no empty or dot segments, no "%". */
static bool is_prefix(struct str s)
{
    struct str rest, segment;

    if (!str_starts(s, STR("/")) || str_find(s, '%') >= 0 || str_find(s, '\\') >= 0 ||
        memchr(s.ptr, 0, s.len) != NULL) {
        return false;
    }
    rest = str_from(s, 1);
    while (rest.len > 0 && str_next(&rest, '/', &segment)) {
        ptrdiff_t parameters = str_find(segment, ';');
        bool is_plain = parameters < 0;
        segment = is_plain ? segment : str_sub(segment, 0, (size_t)parameters);
        if ((is_plain && segment.len == 0) || str_eq(segment, STR(".")) ||
            str_eq(segment, STR(".."))) {
            return false;
        }
    }
    return s.len == 1 || !str_ends(s, STR("/"));
}

static void check_against_normal(struct str raw, struct str prefix, struct str out)
{
    struct arena arena;
    struct str whole, rest;

    arena_init(&arena, 4096);
    if (target_normalise(raw, &arena, &whole) == OK) {
        REQUIRE(path_has_prefix(whole, prefix));
        struct str want = prefix.len == 1 ? whole : str_from(whole, prefix.len);
        REQUIRE(target_normalise(out, &arena, &rest) == OK);
        REQUIRE(str_eq(rest, want.len == 0 ? STR("/") : want));
    }
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str raw = str_n((const char *)data, size), prefix, out;

    if (!str_next(&raw, '\n', &prefix) || !is_prefix(prefix)) {
        return 0;
    }
    if (path_strip(raw, prefix, &out) != OK) {
        return 0;
    }
    REQUIRE(out.len >= 1 && out.ptr[0] == '/');
    REQUIRE(out.len == 1 || out.ptr[1] != '/');
    check_against_normal(raw, prefix, out);
    return 0;
}

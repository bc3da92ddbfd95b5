/* SPDX-License-Identifier: MIT */
#include "route/path.h"

bool path_has_prefix(struct str path, struct str prefix)
{
    if (str_eq(prefix, STR("/"))) {
        return true;
    }
    return str_starts(path, prefix) && (path.len == prefix.len || path.ptr[prefix.len] == '/');
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = chr_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes one decoded byte off `s`; an escape that is none stands for itself. */
static char take_byte(struct str *s)
{
    char c = s->ptr[0];
    size_t used = 1;

    if (c == '%' && s->len >= 3 && hex_value(s->ptr[1]) >= 0 && hex_value(s->ptr[2]) >= 0) {
        c = (char)(hex_value(s->ptr[1]) * 16 + hex_value(s->ptr[2]));
        used = 3;
    }
    *s = str_from(*s, used);
    return c;
}

static struct str skip_slashes(struct str s)
{
    while (s.len > 0 && s.ptr[0] == '/') {
        s = str_from(s, 1);
    }
    return s;
}

/* Whether a raw segment is, decoded, `plain`. */
static bool is_segment(struct str raw, struct str plain)
{
    for (size_t i = 0; i < plain.len; i++) {
        if (raw.len == 0 || take_byte(&raw) != plain.ptr[i]) {
            return false;
        }
    }
    return raw.len == 0;
}

/* How one decoded segment changes the depth; `dots` says whether it is made of dots only. */
static int step(size_t len, bool dots)
{
    if (len == 0 || (dots && len == 1)) {
        return 0;
    }
    return dots && len == 2 ? -1 : 1;
}

/* Whether the dot segments of `rest` lead above where it starts at any point. */
static bool climbs(struct str rest)
{
    ptrdiff_t depth = 0;
    size_t len = 0;
    bool dots = true;
    bool named = false; /* parameters follow, which do not count */

    while (rest.len > 0) {
        char c = take_byte(&rest);
        if (c != '/' && c != '\\') {
            named = named || c == ';';
            len += !named;
            dots = dots && (named || c == '.');
            continue;
        }
        depth += step(len, dots);
        if (depth < 0) {
            return true;
        }
        len = 0;
        dots = true;
        named = false;
    }
    return depth + step(len, dots) < 0;
}

int path_strip(struct str raw, struct str prefix, struct str *out_path)
{
    struct str rest = raw, want = skip_slashes(prefix);

    if (raw.len == 0 || raw.ptr[0] != '/') {
        return ERR_MISMATCH;
    }
    while (want.len > 0) {
        struct str plain, after = skip_slashes(rest);
        ptrdiff_t end = str_find(after, '/');
        struct str segment = end < 0 ? after : str_sub(after, 0, (size_t)end);
        (void)str_next(&want, '/', &plain);
        if (!is_segment(segment, plain)) {
            return ERR_MISMATCH;
        }
        rest = str_from(after, segment.len);
    }
    if (rest.len == 0) {
        *out_path = STR("/");
        return OK;
    }
    /* `rest` begins with a slash here: keep the last of several. */
    rest = skip_slashes(rest);
    if (climbs(rest)) {
        return ERR_MISMATCH;
    }
    *out_path = str_n(rest.ptr - 1, rest.len + 1);
    return OK;
}

/* SPDX-License-Identifier: MIT */
#include "proxy/headers.h"

static char plain(char c)
{
    return c == '_' ? '-' : chr_lower(c);
}

static bool is_same_name(struct str a, struct str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (plain(a.ptr[i]) != plain(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

static bool is_replaced(const struct model_headers *changes, struct str name)
{
    for (size_t i = 0; i < changes->count; i++) {
        const struct model_header *change = &changes->changes[i];
        if (change->op != MODEL_HEADER_ADD && is_same_name(change->name, name)) {
            return true;
        }
    }
    return false;
}

/* Takes out what the message brought under the names that are set or removed. */
static void strip(struct message *m, const struct model_headers *changes)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->field_count; i++) {
        if (!is_replaced(changes, m->fields[i].name)) {
            m->fields[kept++] = m->fields[i];
        }
    }
    m->field_count = kept;
}

void headers_strip_trailers(struct message *m, const struct model_headers *changes)
{
    if (changes->count > 0) {
        strip(m, changes);
    }
}

void headers_apply(struct message *m, const struct model_headers *changes)
{
    if (changes->count == 0) {
        return;
    }
    strip(m, changes);
    for (size_t i = 0; i < changes->count; i++) {
        if (changes->changes[i].op != MODEL_HEADER_REMOVE) {
            message_add(m, changes->changes[i].name, changes->changes[i].value);
        }
    }
}

/* SPDX-License-Identifier: MIT */
#include "http/hop.h"

/*
 * Names in Connection are looked for one by one among the fields. A list of thousands of names on
 * hundreds of fields would cost milliseconds; real ones name three. Beyond this many, every field
 * without a meaning to us is taken as named: it only hurts whoever sent the list.
 */
#define NAMES_MAX 64

struct hop_names {
    uint64_t known;    /* tokens, Upgrade apart */
    struct str *other; /* NAMES_MAX in the arena, from the first one on */
    size_t other_count;
    bool is_flood;
    bool upgrade;
};

static void add_name(struct hop_names *n, struct arena *arena, struct str name)
{
    enum field_id id = field_lookup(name);
    if (id == FIELD_UPGRADE) {
        n->upgrade = true;
    } else if (id != FIELD_OTHER) {
        n->known |= field_bit(id);
    } else if (n->other_count == NAMES_MAX) {
        n->is_flood = true;
    } else {
        if (n->other == NULL) {
            n->other = (struct str *)arena_alloc(arena, NAMES_MAX * sizeof(*n->other));
        }
        n->other[n->other_count++] = name;
    }
}

static void read_connection(const struct message *m, struct hop_names *n)
{
    for (size_t i = 0; i < m->field_count; i++) {
        if (m->fields[i].id != FIELD_CONNECTION) {
            continue;
        }
        struct str rest = m->fields[i].value;
        struct str name;
        while (field_next_element(&rest, &name)) {
            add_name(n, m->arena, name);
        }
    }
}

/* The tokens that go because they were named. */
static uint64_t named_tokens(const struct hop_names *n)
{
    return n->known & ~field_set(FIELD_PROTECTED);
}

/* Whether a field without a token was named. */
static bool is_named(const struct hop_names *n, const struct field *f)
{
    if (f->id != FIELD_OTHER) {
        return false;
    }
    for (size_t i = 0; i < n->other_count; i++) {
        if (str_ieq(n->other[i], f->name)) {
            return true;
        }
    }
    return n->is_flood;
}

static void drop_named(struct message *m, const struct hop_names *n)
{
    size_t kept = 0;
    for (size_t i = 0; n->other_count > 0 && i < m->field_count; i++) {
        if (!is_named(n, &m->fields[i])) {
            m->fields[kept++] = m->fields[i];
        }
    }
    m->field_count = n->other_count > 0 ? kept : m->field_count;
}

/* protocol = protocol-name ["/" protocol-version], RFC 9110 section 7.8; h2c would hide a second
 * HTTP connection from every check made here. */
static bool is_protocol(struct str s)
{
    ptrdiff_t slash = str_find(s, '/');
    struct str name = slash < 0 ? s : str_sub(s, 0, (size_t)slash);
    if (slash >= 0 && !field_is_token(str_from(s, (size_t)slash + 1))) {
        return false;
    }
    return field_is_token(name) && !str_ieq(name, STR("h2c"));
}

/* Adds the acceptable protocols of one Upgrade field to the text in `dst`. */
static size_t join_protocols(char *dst, size_t len, struct str rest)
{
    struct str protocol;
    while (field_next_element(&rest, &protocol)) {
        if (!is_protocol(protocol)) {
            continue;
        }
        if (len > 0) {
            memcpy(dst + len, ", ", 2);
            len += 2;
        }
        memcpy(dst + len, protocol.ptr, protocol.len);
        len += protocol.len;
    }
    return len;
}

static struct str read_upgrade(const struct message *m)
{
    size_t most = 0;
    for (size_t i = 0; i < m->field_count; i++) {
        /* "a,b" becomes "a, b": at most twice as long, and the separator between two fields. */
        most += m->fields[i].id == FIELD_UPGRADE ? 2 * m->fields[i].value.len + 2 : 0;
    }
    if (most == 0) {
        return STR("");
    }
    char *dst = (char *)arena_alloc(m->arena, most);
    size_t len = 0;
    for (size_t i = 0; i < m->field_count; i++) {
        if (m->fields[i].id == FIELD_UPGRADE) {
            len = join_protocols(dst, len, m->fields[i].value);
        }
    }
    return str_n(dst, len);
}

/* Whether trailers can hold what was named: not when it is "close" or a field of the frame. */
static bool concerns_trailers(const struct hop_names *n)
{
    return (named_tokens(n) & ~field_set(FIELD_HOP)) != 0 || n->other_count > 1 ||
           (n->other_count == 1 && !str_ieq(n->other[0], STR("close")));
}

static const struct hop_names *keep_names(struct arena *arena, const struct hop_names *n)
{
    if (!concerns_trailers(n)) {
        return NULL;
    }
    struct hop_names *kept = (struct hop_names *)arena_alloc(arena, sizeof(*kept));
    *kept = *n;
    return kept;
}

void hop_strip(struct message *m, struct hop *out_hop)
{
    struct hop_names named = {.known = 0};
    if (message_may_have(m, field_bit(FIELD_CONNECTION))) {
        read_connection(m, &named);
    }
    *out_hop = (struct hop){
        .upgrade = named.upgrade && m->version != HTTP_1_0 ? read_upgrade(m) : STR(""),
        .te_trailers = m->version != HTTP_1_0 && message_lists(m, FIELD_TE, STR("trailers")),
        .names = keep_names(m->arena, &named),
    };
    uint64_t dropped = field_set(FIELD_HOP | FIELD_FRAMING) | named_tokens(&named);
    if (m->status != 0) {
        /* The answer to HEAD and a 304 keep theirs: only the writer knows. */
        dropped &= ~field_bit(FIELD_CONTENT_LENGTH);
    }
    message_drop(m, dropped);
    drop_named(m, &named);
}

void hop_strip_trailers(struct message *m, const struct hop *hop)
{
    if (hop->names != NULL) {
        message_drop(m, named_tokens(hop->names));
        drop_named(m, hop->names);
    }
}

static bool is_listed(struct str list, struct str protocol)
{
    struct str element;
    while (field_next_element(&list, &element)) {
        if (str_ieq(element, protocol)) {
            return true;
        }
    }
    return false;
}

bool hop_switches(const struct message *m, struct str asked)
{
    size_t chosen = 0;
    for (size_t i = 0; i < m->field_count; i++) {
        struct str rest = m->fields[i].value;
        struct str protocol;
        while (m->fields[i].id == FIELD_UPGRADE && field_next_element(&rest, &protocol)) {
            if (!is_listed(asked, protocol)) {
                return false;
            }
            chosen++;
        }
    }
    return chosen > 0 && message_lists(m, FIELD_CONNECTION, STR("upgrade"));
}

bool hop_may_forward(struct message *m)
{
    static const struct str name = {"max-forwards", 12};
    if (m->method != METHOD_OPTIONS && m->method != METHOD_TRACE) {
        return true;
    }
    for (size_t i = 0; i < m->field_count; i++) {
        struct field *f = &m->fields[i];
        uint64_t left = 0;
        if (!str_ieq(f->name, name) || str_to_u64(f->value, UINT32_MAX, &left) != OK) {
            continue; /* what is no number counts nothing */
        }
        if (left == 0) {
            return false;
        }
        f->value = arena_printf(m->arena, "%u", (unsigned)(left - 1));
    }
    return true;
}

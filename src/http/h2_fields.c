/* SPDX-License-Identifier: MIT */
#include "http/h2_fields.h"

#include "http/chars.h"
#include "http/field.h"
#include "http/trailer.h"

enum pseudo {
    PSEUDO_METHOD = 1,
    PSEUDO_SCHEME = 2,
    PSEUDO_AUTHORITY = 4,
    PSEUDO_PATH = 8,
    PSEUDO_PROTOCOL = 16,
    PSEUDO_STATUS = 32,
    SEEN_FIELD = 64, /* no pseudo-field may follow, RFC 9113 section 8.3 */
};

#define REQUEST_PSEUDO                                                                             \
    (PSEUDO_METHOD | PSEUDO_SCHEME | PSEUDO_AUTHORITY | PSEUDO_PATH | PSEUDO_PROTOCOL)

void h2_head_init(struct h2_head *h, enum h2_head_kind kind, struct message *m,
                  const struct h1_limits *limits)
{
    *h = (struct h2_head){
        .kind = kind, .m = m, .limits = *limits, .malformed = WHY_OK, .too_large = WHY_OK};
    m->version = HTTP_2;
}

static void malformed(struct h2_head *h, enum why why)
{
    if (h->malformed == WHY_OK) {
        h->malformed = why;
    }
}

static enum pseudo pseudo_of(struct str name)
{
    static const struct {
        struct str name;
        enum pseudo bit;
    } table[] = {
        {{":method", 7}, PSEUDO_METHOD},        {{":scheme", 7}, PSEUDO_SCHEME},
        {{":authority", 10}, PSEUDO_AUTHORITY}, {{":path", 5}, PSEUDO_PATH},
        {{":protocol", 9}, PSEUDO_PROTOCOL},    {{":status", 7}, PSEUDO_STATUS},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (str_eq(name, table[i].name)) {
            return table[i].bit;
        }
    }
    return 0;
}

static unsigned pseudo_allowed(enum h2_head_kind kind)
{
    switch (kind) {
    case H2_HEAD_REQUEST: return REQUEST_PSEUDO;
    case H2_HEAD_RESPONSE: return PSEUDO_STATUS;
    case H2_HEAD_TRAILERS: break;
    }
    return 0;
}

static int parse_status(struct str value, uint16_t *out_status)
{
    uint64_t status = 0;
    if (value.len != 3 || str_to_u64(value, 599, &status) != OK || status < 100 || status == 101) {
        return ERR_SYNTAX; /* RFC 9113 section 8.6: no 101 */
    }
    *out_status = (uint16_t)status;
    return OK;
}

static bool is_target(struct str value)
{
    return value.len > 0 && chars_all(value, CHARS_TARGET);
}

/* WHY_OK, or what is wrong with a pseudo-field's value. */
static enum why check_pseudo(enum pseudo which, struct str value)
{
    uint16_t status = 0;
    switch (which) {
    case PSEUDO_METHOD: return field_is_token(value) ? WHY_OK : WHY_BAD_METHOD;
    case PSEUDO_SCHEME:
    case PSEUDO_PATH: return is_target(value) ? WHY_OK : WHY_BAD_TARGET;
    case PSEUDO_AUTHORITY: return chars_all(value, CHARS_TARGET) ? WHY_OK : WHY_BAD_HOST;
    case PSEUDO_PROTOCOL: return field_is_token(value) ? WHY_OK : WHY_BAD_UPGRADE;
    case PSEUDO_STATUS: return parse_status(value, &status) == OK ? WHY_OK : WHY_BAD_FIELD;
    case SEEN_FIELD: break;
    }
    return WHY_BAD_FIELD;
}

static void take_pseudo(struct h2_head *h, enum pseudo which, struct str value)
{
    struct message *m = h->m;
    switch (which) {
    case PSEUDO_METHOD:
        m->method_text = value;
        m->method = message_method(value);
        break;
    case PSEUDO_SCHEME: h->scheme = value; break;
    case PSEUDO_AUTHORITY: h->authority = value; break;
    case PSEUDO_PATH: m->target = value; break;
    case PSEUDO_PROTOCOL: h->protocol = value; break;
    case PSEUDO_STATUS: (void)parse_status(value, &m->status); break;
    case SEEN_FIELD: break;
    }
}

static void add_pseudo(struct h2_head *h, struct str name, struct str value)
{
    enum pseudo which = pseudo_of(name);
    if ((which & pseudo_allowed(h->kind)) == 0 || (h->seen & (which | SEEN_FIELD)) != 0) {
        malformed(h, WHY_BAD_FIELD);
        return;
    }
    h->seen |= which;
    enum why why = check_pseudo(which, value);
    if (why != WHY_OK) {
        malformed(h, why);
        return;
    }
    if (h->too_large != WHY_OK) {
        return;
    }
    if (h->bytes > h->limits.head_bytes) {
        h->too_large = which == PSEUDO_PATH ? WHY_URI_TOO_LONG : WHY_HEADER_TOO_LARGE;
        return;
    }
    take_pseudo(h, which, arena_dup(h->m->arena, value));
}

/* RFC 9113 section 8.2.1: lower case, and a token as everywhere. */
static bool is_name(enum field_id id, struct str name)
{
    if (id != FIELD_OTHER) {
        return str_eq(name, field_name(id));
    }
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z') {
            return false;
        }
    }
    return field_is_token(name);
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_value(struct str value)
{
    return field_is_value(value) &&
           (value.len == 0 || (!is_white(value.ptr[0]) && !is_white(value.ptr[value.len - 1])));
}

/* RFC 9113 section 8.2.2: what belongs to one HTTP/1 connection has no meaning here. */
static bool is_of_http1(enum field_id id, struct str value)
{
    switch ((int)id) {
    case FIELD_CONNECTION:
    case FIELD_KEEP_ALIVE:
    case FIELD_PROXY_CONNECTION:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_UPGRADE: return true;
    case FIELD_TE: return !str_ieq(value, STR("trailers"));
    default: return false;
    }
}

/* Content_Length and its like: see http/framing.h. */
static bool is_blurred_framing(const struct h2_head *h, enum field_id id, struct str name)
{
    return h->kind == H2_HEAD_REQUEST && id == FIELD_OTHER &&
           (field_flags(field_lookup_blurred(name)) & FIELD_FRAMING) != 0;
}

static void take_length(struct h2_head *h, struct str value)
{
    bool is_number = chars_all(value, CHARS_DIGIT) &&
                     str_to_u64(value, INT64_MAX, &h->length) == OK && value.len > 0;
    if (h->has_length || !is_number) {
        malformed(h, WHY_BAD_FRAMING);
    }
    h->has_length = true;
}

void h2_head_add(struct h2_head *h, struct str name, struct str value)
{
    h->bytes += name.len + value.len + H2_FIELD_OVERHEAD;
    if (name.len > 0 && name.ptr[0] == ':') {
        add_pseudo(h, name, value);
        return;
    }
    h->seen |= SEEN_FIELD;
    h->fields++;
    enum field_id id = field_lookup(name);
    if (!is_name(id, name) || !is_value(value) || is_of_http1(id, value)) {
        malformed(h, WHY_BAD_FIELD);
    } else if (is_blurred_framing(h, id, name)) {
        malformed(h, WHY_BAD_FRAMING);
    }
    if (id == FIELD_CONTENT_LENGTH) {
        take_length(h, value);
    }
    if (h->too_large == WHY_OK && h->bytes > h->limits.head_bytes) {
        h->too_large = WHY_HEADER_TOO_LARGE;
    } else if (h->too_large == WHY_OK && h->fields > h->limits.fields) {
        h->too_large = WHY_TOO_MANY_FIELDS;
    }
    if (h->too_large != WHY_OK || h->malformed != WHY_OK) {
        return;
    }
    h->cookies += id == FIELD_COOKIE;
    struct str kept = id != FIELD_OTHER ? field_name(id) : arena_dup(h->m->arena, name);
    message_put(h->m, id, kept, arena_dup(h->m->arena, value));
}

/* ---- the whole block ---- */

/* RFC 9113 section 8.2.3: crumbs become one field before they meet HTTP/1. */
static void join_cookies(struct message *m)
{
    size_t most = 0;
    for (size_t i = 0; i < m->field_count; i++) {
        most += m->fields[i].id == FIELD_COOKIE ? m->fields[i].value.len + 2 : 0;
    }
    char *joined = (char *)arena_alloc(m->arena, most);
    struct field *first = NULL;
    size_t len = 0;
    size_t kept = 0;
    for (size_t i = 0; i < m->field_count; i++) {
        struct field f = m->fields[i];
        bool is_crumb = f.id == FIELD_COOKIE;
        if (is_crumb && first != NULL) {
            memcpy(joined + len, "; ", 2);
            len += 2;
        }
        if (is_crumb && f.value.len > 0) {
            memcpy(joined + len, f.value.ptr, f.value.len);
            len += f.value.len;
        }
        if (is_crumb && first != NULL) {
            continue;
        }
        m->fields[kept] = f;
        first = is_crumb ? &m->fields[kept] : first;
        kept++;
    }
    m->field_count = kept;
    if (first != NULL) {                             /* always: the caller counted two at least */
        first->value = str_trim(str_n(joined, len)); /* behind the last one, if it was empty */
    }
}

/* RFC 9113 section 8.3.1: :authority is what Host was; both must say the same. */
static enum why settle_host(struct h2_head *h)
{
    struct message *m = h->m;
    const struct field *host = message_find(m, FIELD_HOST);
    if ((h->seen & PSEUDO_AUTHORITY) == 0) {
        return WHY_OK; /* none, one or several: judged with the target, as in HTTP/1 */
    }
    if (host == NULL) {
        message_put(m, FIELD_HOST, STR("host"), h->authority);
        return WHY_OK;
    }
    bool is_same = message_count(m, FIELD_HOST) == 1 && str_ieq(host->value, h->authority);
    return is_same ? WHY_OK : WHY_BAD_HOST;
}

/* RFC 9113 sections 8.3.1 and 8.5, RFC 8441 section 4. */
static enum why settle_request(struct h2_head *h)
{
    struct message *m = h->m;
    const unsigned plain = PSEUDO_METHOD | PSEUDO_SCHEME | PSEUDO_PATH;
    bool is_connect = m->method == METHOD_CONNECT;
    bool is_extended = (h->seen & PSEUDO_PROTOCOL) != 0;
    if (is_connect && !is_extended) {
        if ((h->seen & (PSEUDO_SCHEME | PSEUDO_PATH)) != 0 || h->authority.len == 0) {
            return WHY_BAD_REQUEST_LINE;
        }
        m->target = h->authority;
        return settle_host(h);
    }
    if ((h->seen & plain) != plain) {
        return WHY_BAD_REQUEST_LINE;
    }
    if (is_extended && (!is_connect || (h->seen & PSEUDO_AUTHORITY) == 0)) {
        return WHY_BAD_UPGRADE;
    }
    bool is_star = m->method == METHOD_OPTIONS && str_eq(m->target, STR("*"));
    return is_star || m->target.ptr[0] == '/' ? settle_host(h) : WHY_BAD_TARGET;
}

static enum why settle(struct h2_head *h)
{
    switch (h->kind) {
    case H2_HEAD_REQUEST: return settle_request(h);
    case H2_HEAD_RESPONSE:
        h->m->reason = message_reason(h->m->status);
        return (h->seen & PSEUDO_STATUS) != 0 ? WHY_OK : WHY_BAD_FIELD;
    case H2_HEAD_TRAILERS: trailer_filter(h->m); break;
    }
    return WHY_OK;
}

int h2_head_end(struct h2_head *h)
{
    if (h->malformed == WHY_OK && h->too_large != WHY_OK) {
        return ERR_LIMIT;
    }
    if (h->malformed == WHY_OK) {
        if (h->cookies > 1) {
            join_cookies(h->m);
        }
        h->malformed = settle(h);
    }
    return h->malformed == WHY_OK ? OK : ERR_PROTOCOL;
}

/* SPDX-License-Identifier: MIT */
#include "http/message.h"

#define FIELDS_FIRST 24 /* most requests of browsers fit */

void message_init(struct message *m, struct arena *arena)
{
    *m = (struct message){.arena = arena, .version = HTTP_1_1};
}

enum http_method message_method(struct str text)
{
    static const struct {
        struct str text;
        enum http_method method;
    } methods[] = {
        {{"GET", 3}, METHOD_GET},       {{"HEAD", 4}, METHOD_HEAD},
        {{"POST", 4}, METHOD_POST},     {{"PUT", 3}, METHOD_PUT},
        {{"DELETE", 6}, METHOD_DELETE}, {{"OPTIONS", 7}, METHOD_OPTIONS},
        {{"TRACE", 5}, METHOD_TRACE},   {{"CONNECT", 7}, METHOD_CONNECT},
        {{"PATCH", 5}, METHOD_PATCH},
    };
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (str_eq(text, methods[i].text)) {
            return methods[i].method;
        }
    }
    return METHOD_OTHER;
}

static void grow(struct message *m)
{
    size_t cap = m->field_cap == 0 ? FIELDS_FIRST : m->field_cap * 2;
    struct field *fields = (struct field *)arena_alloc(m->arena, cap * sizeof(*fields));
    if (m->field_count > 0) {
        memcpy(fields, m->fields, m->field_count * sizeof(*fields));
    }
    m->fields = fields;
    m->field_cap = cap;
}

void message_put(struct message *m, enum field_id id, struct str name, struct str value)
{
    if (m->field_count == m->field_cap) {
        grow(m);
    }
    m->fields[m->field_count++] = (struct field){id, name, value};
    m->tokens |= field_bit(id);
    m->has_blurred = m->has_blurred || (id == FIELD_OTHER && str_find(name, '_') >= 0);
}

void message_add(struct message *m, struct str name, struct str value)
{
    message_put(m, field_lookup(name), name, value);
}

const struct field *message_find(const struct message *m, enum field_id id)
{
    size_t count = message_may_have(m, field_bit(id)) ? m->field_count : 0;
    for (size_t i = 0; i < count; i++) {
        if (m->fields[i].id == id) {
            return &m->fields[i];
        }
    }
    return NULL;
}

size_t message_count(const struct message *m, enum field_id id)
{
    size_t count = 0;
    for (size_t i = 0; message_may_have(m, field_bit(id)) && i < m->field_count; i++) {
        count += m->fields[i].id == id;
    }
    return count;
}

void message_drop(struct message *m, uint64_t tokens)
{
    size_t kept = 0;
    if (!message_may_have(m, tokens)) {
        return;
    }
    for (size_t i = 0; i < m->field_count; i++) {
        if ((field_bit(m->fields[i].id) & tokens) == 0) {
            m->fields[kept++] = m->fields[i];
        }
    }
    m->field_count = kept;
    m->tokens &= ~tokens;
}

void message_remove(struct message *m, enum field_id id)
{
    message_drop(m, field_bit(id));
}

void message_remove_at(struct message *m, size_t index)
{
    REQUIRE(index < m->field_count);
    m->field_count--;
    memmove(&m->fields[index], &m->fields[index + 1],
            (m->field_count - index) * sizeof(m->fields[0]));
}

bool message_lists(const struct message *m, enum field_id id, struct str token)
{
    for (size_t i = 0; message_may_have(m, field_bit(id)) && i < m->field_count; i++) {
        if (m->fields[i].id != id) {
            continue;
        }
        struct str rest = m->fields[i].value;
        struct str element;
        while (field_next_element(&rest, &element)) {
            if (str_ieq(element, token)) {
                return true;
            }
        }
    }
    return false;
}

/* RFC 9110 section 15 and the IANA registry; 499 is our own and never sent. */
struct str message_reason(uint16_t status)
{
    static const struct {
        uint16_t status;
        const char *text;
    } reasons[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {103, "Early Hints"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status) {
            return str_of(reasons[i].text);
        }
    }
    return STR("");
}

/* SPDX-License-Identifier: MIT */
#include "http/forwarded.h"

/* An untrusted client must not get such a name past us with "_" either. */
static bool speaks_of_client(const struct field *f)
{
    enum field_id id = f->id == FIELD_OTHER ? field_lookup_blurred(f->name) : f->id;
    return (field_flags(id) & FIELD_CLIENT) != 0;
}

static void remove_all(struct message *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->field_count; i++) {
        if (!speaks_of_client(&m->fields[i])) {
            m->fields[kept++] = m->fields[i];
        }
    }
    m->field_count = kept;
}

/* What stands in X-Forwarded-For already, as one list with ", " behind it. */
static struct str earlier_hops(const struct message *m)
{
    size_t most = 0;
    for (size_t i = 0; i < m->field_count; i++) {
        most += m->fields[i].id == FIELD_X_FORWARDED_FOR ? m->fields[i].value.len + 2 : 0;
    }
    if (most == 0) {
        return STR("");
    }
    char *dst = (char *)arena_alloc(m->arena, most);
    size_t len = 0;
    for (size_t i = 0; i < m->field_count; i++) {
        struct str value = m->fields[i].value;
        if (m->fields[i].id != FIELD_X_FORWARDED_FOR || value.len == 0) {
            continue;
        }
        memcpy(dst + len, value.ptr, value.len);
        memcpy(dst + len + value.len, ", ", 2);
        len += value.len + 2;
    }
    return str_n(dst, len);
}

static void append_client(struct message *m, const struct addr *client)
{
    if (client == NULL || client->len == 0 || client->sa.sa_family == AF_UNIX) {
        return; /* no address that a service could read */
    }
    char ip[ADDR_TEXT_MAX];
    struct str earlier = earlier_hops(m);
    struct str own = str_of(addr_print_ip(client, ip));
    char *dst = (char *)arena_alloc(m->arena, earlier.len + own.len);
    if (earlier.len > 0) {
        memcpy(dst, earlier.ptr, earlier.len);
    }
    memcpy(dst + earlier.len, own.ptr, own.len);
    message_remove(m, FIELD_X_FORWARDED_FOR);
    message_add(m, STR("X-Forwarded-For"), str_n(dst, earlier.len + own.len));
}

void forwarded_apply(struct message *m, const struct forwarded *f)
{
    if (!f->trusted) {
        remove_all(m);
    }
    append_client(m, f->client);
    if (message_find(m, FIELD_X_FORWARDED_PROTO) == NULL) {
        message_add(m, STR("X-Forwarded-Proto"), f->tls ? STR("https") : STR("http"));
    }
    if (f->host.len > 0 && message_find(m, FIELD_X_FORWARDED_HOST) == NULL) {
        message_add(m, STR("X-Forwarded-Host"), f->host);
    }
}

/* SPDX-License-Identifier: MIT */
#include "http/forwarded.h"

/* An untrusted client must not get such a name past us with "_" either. */
static bool is_blurred(const struct field *f, unsigned flags)
{
    return f->id == FIELD_OTHER && (field_flags(field_lookup_blurred(f->name)) & flags) != 0;
}

static void remove_all(struct message *m, unsigned flags)
{
    size_t kept = 0;
    message_drop(m, field_set(flags));
    for (size_t i = 0; m->has_blurred && i < m->field_count; i++) {
        if (!is_blurred(&m->fields[i], flags)) {
            m->fields[kept++] = m->fields[i];
        }
    }
    m->field_count = m->has_blurred ? kept : m->field_count;
}

/* What stands in X-Forwarded-For already, as one list with ", " behind it. */
static struct str earlier_hops(const struct message *m)
{
    size_t most = 0;
    if (!message_may_have(m, field_bit(FIELD_X_FORWARDED_FOR))) {
        return STR("");
    }
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

static void append_client(struct message *m, struct str own)
{
    if (own.len == 0) {
        return;
    }
    struct str earlier = earlier_hops(m);
    char *dst = (char *)arena_alloc(m->arena, earlier.len + own.len);
    if (earlier.len > 0) {
        memcpy(dst, earlier.ptr, earlier.len);
    }
    memcpy(dst + earlier.len, own.ptr, own.len);
    message_remove(m, FIELD_X_FORWARDED_FOR);
    message_put(m, FIELD_X_FORWARDED_FOR, STR("X-Forwarded-For"),
                str_n(dst, earlier.len + own.len));
}

static void add_cert(struct message *m, const struct forwarded_cert *cert)
{
    message_add(m, STR("X-Client-Cert-Verified"), cert != NULL ? STR("yes") : STR("no"));
    if (cert == NULL) {
        return;
    }
    message_add(m, STR("X-Client-Cert-Fingerprint"), cert->fingerprint);
    /* Escaped where it was made; a subject that is no value all the same is not told. */
    if (cert->subject.len > 0 && field_is_value(cert->subject)) {
        message_add(m, STR("X-Client-Cert-Subject"), cert->subject);
    }
}

void forwarded_apply(struct message *m, const struct forwarded *f)
{
    remove_all(m, f->trusted ? FIELD_IDENTITY : FIELD_IDENTITY | FIELD_CLIENT);
    append_client(m, f->client);
    if (message_find(m, FIELD_X_FORWARDED_PROTO) == NULL) {
        message_put(m, FIELD_X_FORWARDED_PROTO, STR("X-Forwarded-Proto"),
                    f->tls ? STR("https") : STR("http"));
    }
    if (f->host.len > 0 && message_find(m, FIELD_X_FORWARDED_HOST) == NULL) {
        message_put(m, FIELD_X_FORWARDED_HOST, STR("X-Forwarded-Host"), f->host);
    }
    if (f->asked) {
        add_cert(m, f->cert);
    }
}

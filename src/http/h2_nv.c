/* SPDX-License-Identifier: MIT */
#include "h2_nv.h"

#include "http/chars.h"

/* Beside the message's fields: five pseudo-fields, a length and TE. */
#define EXTRA_MAX 7

static void add(struct h2_nvs *nvs, struct str name, struct str value)
{
    union {
        const char *in;
        uint8_t *out;
    } n = {.in = name.ptr}, v = {.in = value.ptr}; /* nghttp2_nv has no const */
    nvs->list[nvs->count++] = (nghttp2_nv){.name = n.out,
                                           .namelen = name.len,
                                           .value = v.out,
                                           .valuelen = value.len,
                                           .flags = NGHTTP2_NV_FLAG_NONE};
}

static struct str lower(struct arena *arena, struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z') {
            char *copy = (char *)arena_alloc(arena, name.len);
            for (size_t k = 0; k < name.len; k++) {
                copy[k] = chr_lower(name.ptr[k]);
            }
            return str_n(copy, name.len);
        }
    }
    return name;
}

static void begin(const struct message *m, struct h2_nvs *nvs)
{
    size_t room = m->field_count + EXTRA_MAX;
    nvs->list = (nghttp2_nv *)arena_alloc(m->arena, room * sizeof(*nvs->list));
    nvs->count = 0;
}

/* The message's own fields, without those that have `skip` flags. */
static int add_fields(const struct message *m, unsigned skip, struct h2_nvs *nvs)
{
    for (size_t i = 0; i < m->field_count; i++) {
        const struct field *f = &m->fields[i];
        if ((field_flags(f->id) & skip) != 0) {
            continue;
        }
        struct str value = str_trim(f->value);
        bool is_other = f->id == FIELD_OTHER;
        if ((is_other && !field_is_token(f->name)) || !field_is_value(value)) {
            return ERR_SYNTAX;
        }
        add(nvs, is_other ? lower(m->arena, f->name) : field_name(f->id), value);
    }
    return OK;
}

static void add_length(const struct message *m, uint64_t length, struct h2_nvs *nvs)
{
    add(nvs, STR("content-length"), arena_u64(m->arena, length));
}

/* As in HTTP/1 (RFC 9110 section 8.6): none with 1xx and 204, the service's own with 304 and in the
 * answer to HEAD. */
static int add_response_length(const struct message *m, struct body body, bool is_head,
                               struct h2_nvs *nvs)
{
    if (m->status < 200 || m->status == 204) {
        return OK;
    }
    if (m->status == 304 || is_head) {
        const struct field *own = message_find(m, FIELD_CONTENT_LENGTH);
        if (own != NULL) {
            bool is_clear = own->value.len > 0 && chars_all(own->value, CHARS_DIGIT) &&
                            message_count(m, FIELD_CONTENT_LENGTH) == 1;
            add(nvs, STR("content-length"), own->value);
            return is_clear ? OK : ERR_SYNTAX;
        }
        if (body.kind == BODY_LENGTH && m->status != 304) {
            add_length(m, body.length, nvs);
        }
        return OK;
    }
    if (body.kind == BODY_LENGTH) {
        add_length(m, body.length, nvs);
    } else if (body.kind == BODY_NONE && message_find(m, FIELD_CONTENT_LENGTH) != NULL) {
        add_length(m, 0, nvs); /* END_STREAM says it too; without a length it may be gRPC's */
    }
    return OK;
}

int h2_nv_response(const struct message *m, struct body body, bool is_head, struct h2_nvs *out_nvs)
{
    struct h2_nvs nvs;
    if (m->status < 100 || m->status > 599 || m->status == 101) {
        return ERR_SYNTAX;
    }
    begin(m, &nvs);
    add(&nvs, STR(":status"), arena_u64(m->arena, m->status));
    int err = add_fields(m, FIELD_HOP | FIELD_FRAMING, &nvs);
    if (err == OK && body.kind != BODY_TUNNEL) {
        err = add_response_length(m, body, is_head, &nvs);
    }
    if (err == OK) {
        *out_nvs = nvs;
    }
    return err;
}

int h2_nv_request(const struct message *m, struct body body, struct str scheme, struct str protocol,
                  struct h2_nvs *out_nvs)
{
    struct h2_nvs nvs;
    const struct field *host = message_find(m, FIELD_HOST);
    if (!field_is_token(m->method_text) || m->target.len == 0 ||
        !chars_all(m->target, CHARS_TARGET) || !field_is_value(protocol)) {
        return ERR_SYNTAX;
    }
    begin(m, &nvs);
    add(&nvs, STR(":method"), protocol.len > 0 ? STR("CONNECT") : m->method_text);
    add(&nvs, STR(":scheme"), scheme);
    if (host != NULL) {
        add(&nvs, STR(":authority"), host->value);
    }
    add(&nvs, STR(":path"), m->target);
    if (protocol.len > 0) {
        add(&nvs, STR(":protocol"), protocol);
    }
    /* Host alone is FIELD_SINGLE: it is :authority already. */
    int err = add_fields(m, FIELD_HOP | FIELD_FRAMING | FIELD_SINGLE, &nvs);
    if (err != OK) {
        return err;
    }
    if (message_lists(m, FIELD_TE, STR("trailers"))) {
        add(&nvs, STR("te"), STR("trailers")); /* RFC 9113 section 8.2.2 */
    }
    if (body.kind == BODY_LENGTH) {
        add_length(m, body.length, &nvs);
    }
    *out_nvs = nvs;
    return OK;
}

int h2_nv_trailers(const struct message *m, struct h2_nvs *out_nvs)
{
    struct h2_nvs nvs;
    begin(m, &nvs);
    int err = add_fields(m, FIELD_HOP | FIELD_FRAMING, &nvs);
    if (err == OK) {
        *out_nvs = nvs;
    }
    return err;
}

/* SPDX-License-Identifier: MIT */
#include "http/h1_write.h"

#include "http/chars.h"
#include "http/trailer.h"

/*
 * A head is written in two passes: the first checks every part and adds up an upper bound, the
 * second copies into memory reserved at once. So a head is written whole or not at all.
 */

/* Room for what is written beside the message's own parts: version, status, framing, Connection. */
#define FIXED_MAX 192

struct out {
    char *ptr;
};

static void put(struct out *o, struct str s)
{
    if (s.len > 0) {
        memcpy(o->ptr, s.ptr, s.len);
        o->ptr += s.len;
    }
}

static void put_field(struct out *o, struct str name, struct str value)
{
    put(o, name);
    put(o, STR(": "));
    put(o, value);
    put(o, STR("\r\n"));
}

static void put_number(struct out *o, uint64_t n)
{
    char digits[20];
    size_t len = 0;
    do {
        digits[sizeof(digits) - ++len] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    put(o, str_n(digits + sizeof(digits) - len, len));
}

static void put_length(struct out *o, uint64_t length)
{
    put(o, STR("Content-Length: "));
    put_number(o, length);
    put(o, STR("\r\n"));
}

static void put_upgrade(struct out *o, struct str upgrade)
{
    put_field(o, STR("Connection"), STR("upgrade"));
    put_field(o, STR("Upgrade"), upgrade);
}

/* TE concerns this connection only, and says so: RFC 9110 section 10.1.4. */
static void put_request_connection(struct out *o, const struct message *m, struct str upgrade)
{
    if (message_find(m, FIELD_TE) == NULL) {
        if (upgrade.len > 0) {
            put_upgrade(o, upgrade);
        }
        return;
    }
    put_field(o, STR("Connection"), upgrade.len > 0 ? STR("te, upgrade") : STR("te"));
    if (upgrade.len > 0) {
        put_field(o, STR("Upgrade"), upgrade);
    }
}

/* Fields that only this file writes. */
static bool is_ours(const struct field *f)
{
    return (field_bit(f->id) & (field_set(FIELD_FRAMING) | field_bit(FIELD_CONNECTION) |
                                field_bit(FIELD_UPGRADE))) != 0;
}

/* Checks what comes from the message; adds its size to *bytes. */
static int check_fields(const struct message *m, struct str upgrade, size_t *bytes)
{
    size_t sum = *bytes + upgrade.len;
    if (!field_is_value(upgrade)) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < m->field_count; i++) {
        const struct field *f = &m->fields[i];
        bool is_name = f->id != FIELD_OTHER || field_is_token(f->name); /* of the table: checked */
        if (!is_name || !field_is_value(f->value)) {
            return ERR_SYNTAX;
        }
        sum += f->name.len + f->value.len + 4;
    }
    *bytes = sum;
    return OK;
}

/* `trailers`: whether some can follow; Trailer would announce what never comes. */
static void put_fields(struct out *o, const struct message *m, bool trailers)
{
    for (size_t i = 0; i < m->field_count; i++) {
        const struct field *f = &m->fields[i];
        if (!is_ours(f) && (trailers || f->id != FIELD_TRAILER)) {
            put_field(o, f->name, f->value);
        }
    }
}

static int begin(struct buf *out, size_t bytes, struct out *out_o)
{
    uint8_t *ptr;
    int err = buf_reserve(out, bytes, &ptr);
    if (err == OK) {
        out_o->ptr = (char *)ptr;
    }
    return err;
}

/* Takes what was written from `from` on into the buffer. */
static void finish(struct buf *out, const char *from, const struct out *o, size_t reserved)
{
    size_t len = (size_t)(o->ptr - from);
    REQUIRE(len <= reserved);
    buf_commit(out, len);
}

/* Methods whose requests say that they have no body: RFC 9110 section 8.6. */
static bool wants_length(enum http_method method)
{
    return method == METHOD_POST || method == METHOD_PUT || method == METHOD_PATCH;
}

int h1_write_request(struct buf *out, const struct message *m, struct body body, struct str upgrade)
{
    size_t bytes = m->method_text.len + m->target.len + FIXED_MAX;
    if (!field_is_token(m->method_text) || m->target.len == 0 ||
        !chars_all(m->target, CHARS_TARGET) || body.kind == BODY_UNTIL_CLOSE ||
        check_fields(m, upgrade, &bytes) != OK) {
        return ERR_SYNTAX;
    }
    struct out o;
    int err = begin(out, bytes, &o);
    if (err != OK) {
        return err;
    }
    const char *from = o.ptr;
    put(&o, m->method_text);
    put(&o, STR(" "));
    put(&o, m->target);
    put(&o, STR(" HTTP/1.1\r\n"));
    put_fields(&o, m, body.kind == BODY_CHUNKED);
    if (body.kind == BODY_CHUNKED) {
        put_field(&o, STR("Transfer-Encoding"), STR("chunked"));
    } else if (body.kind == BODY_LENGTH) {
        put_length(&o, body.length);
    } else if (wants_length(m->method)) {
        put_length(&o, 0);
    }
    put_request_connection(&o, m, upgrade);
    put(&o, STR("\r\n"));
    finish(out, from, &o, bytes);
    return OK;
}

/* RFC 9110 section 8.6, RFC 9112 section 6.3. */
static void put_response_framing(struct out *o, const struct message *m,
                                 const struct h1_response_opts *opts)
{
    if (m->status < 200 || m->status == 204) {
        return;
    }
    if (m->status == 304 || opts->is_head) {
        const struct field *own = message_find(m, FIELD_CONTENT_LENGTH);
        if (own != NULL) {
            put_field(o, own->name, own->value);
        } else if (opts->body.kind == BODY_LENGTH && m->status != 304) {
            put_length(o, opts->body.length);
        }
        return;
    }
    switch (opts->body.kind) {
    case BODY_NONE: put_length(o, 0); break;
    case BODY_LENGTH: put_length(o, opts->body.length); break;
    case BODY_CHUNKED: put_field(o, STR("Transfer-Encoding"), STR("chunked")); break;
    case BODY_UNTIL_CLOSE:
    case BODY_TUNNEL: break;
    }
}

static void put_response_connection(struct out *o, const struct message *m,
                                    const struct h1_response_opts *opts)
{
    bool closes = opts->close || opts->body.kind == BODY_UNTIL_CLOSE;
    if (m->status == 101 && opts->upgrade.len > 0) {
        put_upgrade(o, opts->upgrade);
    } else if (m->status < 200) {
        return;
    } else if (m->status == 426 && opts->upgrade.len > 0) { /* RFC 9110 section 15.5.22 */
        put_field(o, STR("Connection"), closes ? STR("close, upgrade") : STR("upgrade"));
        put_field(o, STR("Upgrade"), opts->upgrade);
    } else if (closes) {
        put_field(o, STR("Connection"), STR("close"));
    } else if (opts->keep_alive) {
        put_field(o, STR("Connection"), STR("keep-alive"));
    }
}

/* The one framing field that may be the message's own; more than one would be ambiguous. */
static bool is_length_clear(const struct message *m)
{
    const struct field *own = message_find(m, FIELD_CONTENT_LENGTH);
    return own == NULL || (own->value.len > 0 && chars_all(own->value, CHARS_DIGIT) &&
                           message_count(m, FIELD_CONTENT_LENGTH) == 1);
}

int h1_write_response(struct buf *out, const struct message *m, const struct h1_response_opts *opts)
{
    size_t bytes = m->reason.len + FIXED_MAX;
    if (m->status < 100 || m->status > 599 || !field_is_value(m->reason) || !is_length_clear(m) ||
        check_fields(m, opts->upgrade, &bytes) != OK) {
        return ERR_SYNTAX;
    }
    struct out o;
    int err = begin(out, bytes, &o);
    if (err != OK) {
        return err;
    }
    const char *from = o.ptr;
    put(&o, STR("HTTP/1.1 "));
    put_number(&o, m->status);
    put(&o, STR(" "));
    put(&o, m->reason);
    put(&o, STR("\r\n"));
    put_fields(&o, m, opts->trailers && opts->body.kind == BODY_CHUNKED && !opts->is_head);
    put_response_framing(&o, m, opts);
    put_response_connection(&o, m, opts);
    put(&o, STR("\r\n"));
    finish(out, from, &o, bytes);
    return OK;
}

int h1_write_trailers(struct buf *out, const struct message *m)
{
    size_t bytes = sizeof("0\r\n\r\n");
    if (check_fields(m, STR(""), &bytes) != OK) {
        return ERR_SYNTAX;
    }
    struct out o;
    int err = begin(out, bytes, &o);
    if (err != OK) {
        return err;
    }
    const char *from = o.ptr;
    put(&o, STR("0\r\n"));
    for (size_t i = 0; i < m->field_count; i++) {
        if (trailer_is_allowed(m->fields[i].name)) {
            put_field(&o, m->fields[i].name, m->fields[i].value);
        }
    }
    put(&o, STR("\r\n"));
    finish(out, from, &o, bytes);
    return OK;
}

size_t h1_write_chunk_head(char dst[static H1_CHUNK_HEAD_MAX], size_t n)
{
    static const char hex[] = "0123456789abcdef";
    REQUIRE(n > 0);
    unsigned digits = 1;
    while (digits < 2 * sizeof(n) && n >> (4 * digits) != 0) {
        digits++;
    }
    for (unsigned i = 0; i < digits; i++) {
        dst[i] = hex[(n >> (4 * (digits - 1 - i))) & 15];
    }
    dst[digits] = '\r';
    dst[digits + 1] = '\n';
    return digits + 2;
}

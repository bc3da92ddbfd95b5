/* SPDX-License-Identifier: MIT */
#include "http/h1_parse.h"

#include "http/chars.h"

/* Where a parse is, and what it fails with. */
struct cursor {
    const char *ptr;
    const char *end;
};

int h1_skip_empty(struct str bytes, size_t *out_len)
{
    if (bytes.len == 0 || bytes.ptr[0] != '\r') {
        *out_len = 0;
        return OK;
    }
    if (bytes.len == 1) {
        return ERR_AGAIN;
    }
    /* A CR without its LF stays: the search for the head refuses it. */
    *out_len = bytes.ptr[1] == '\n' ? 2 : 0;
    return OK;
}

/* The first byte from `i` on that may end a line or must not be there, or `len`. */
static size_t skip_line(const char *ptr, size_t i, size_t len)
{
    for (; i + 8 <= len; i += 8) {
        uint64_t found = word_below(word_load(ptr + i), '\r' + 1);
        if (found != 0) {
            return i + word_first(found);
        }
    }
    while (i < len && (uint8_t)ptr[i] > '\r') {
        i++;
    }
    return i;
}

int h1_find_head(struct str bytes, size_t limit, size_t *scan, size_t *out_len)
{
    size_t len = bytes.len < limit ? bytes.len : limit;
    size_t i = *scan;
    for (; (i = skip_line(bytes.ptr, i, len)) < len; i++) {
        char c = bytes.ptr[i];
        if (c == '\0' || c == '\n') {
            return ERR_SYNTAX; /* every LF that follows a CR is stepped over below */
        }
        if (c != '\r') {
            continue;
        }
        if (i + 1 == len) {
            break; /* looked at again when its LF is here */
        }
        if (bytes.ptr[i + 1] != '\n') {
            return ERR_SYNTAX;
        }
        if (i == 0 || bytes.ptr[i - 1] == '\n') {
            *out_len = i + 2;
            return OK;
        }
        i++;
    }
    *scan = i;
    return bytes.len >= limit ? ERR_LIMIT : ERR_AGAIN;
}

enum why h1_limit_why(struct str bytes)
{
    return str_find(bytes, '\n') < 0 ? WHY_URI_TOO_LONG : WHY_HEADER_TOO_LARGE;
}

/* Takes CRLF. */
static bool take_crlf(struct cursor *c)
{
    if (c->end - c->ptr < 2 || c->ptr[0] != '\r' || c->ptr[1] != '\n') {
        return false;
    }
    c->ptr += 2;
    return true;
}

/* Takes the run of bytes of a class, which may be empty. */
static struct str take_run(struct cursor *c, unsigned classes)
{
    const char *from = c->ptr;
    c->ptr = chars_skip(c->ptr, c->end, classes);
    return str_n(from, (size_t)(c->ptr - from));
}

static bool take_char(struct cursor *c, char expected)
{
    if (c->ptr == c->end || *c->ptr != expected) {
        return false;
    }
    c->ptr++;
    return true;
}

/* HTTP-version, RFC 9112 section 2.3: ERR_SYNTAX for what is none, ERR_UNSUPPORTED for another. */
static int take_version(struct cursor *c, enum http_version *out_version)
{
    const char *p = c->ptr;
    if (c->end - p < 8 || memcmp(p, "HTTP/", 5) != 0 || !chars_is(p[5], CHARS_DIGIT) ||
        p[6] != '.' || !chars_is(p[7], CHARS_DIGIT)) {
        return ERR_SYNTAX;
    }
    c->ptr += 8;
    if (p[5] != '1' || p[7] > '1') {
        return ERR_UNSUPPORTED;
    }
    *out_version = p[7] == '0' ? HTTP_1_0 : HTTP_1_1;
    return OK;
}

/* request-line, RFC 9112 section 3: exactly one space between the three parts. */
static int parse_request_line(struct cursor *c, struct message *m, enum why *out_why)
{
    struct str method = take_run(c, CHARS_TOKEN);
    if (method.len == 0 || !take_char(c, ' ')) {
        *out_why = method.len > 0 && take_crlf(c) ? WHY_BAD_REQUEST_LINE : WHY_BAD_METHOD;
        return ERR_SYNTAX;
    }
    m->method_text = method;
    m->method = message_method(method);

    struct str target = take_run(c, CHARS_TARGET);
    if (target.len == 0 || !take_char(c, ' ')) {
        /* "GET /" is HTTP/0.9; another space or a line end is a bad line, the rest a bad byte. */
        bool is_line = c->ptr < c->end && (*c->ptr == ' ' || *c->ptr == '\r');
        *out_why = is_line ? WHY_BAD_REQUEST_LINE : WHY_BAD_TARGET;
        return ERR_SYNTAX;
    }
    m->target = target;

    int err = take_version(c, &m->version);
    if ((err == OK || err == ERR_UNSUPPORTED) && !take_crlf(c)) {
        err = ERR_SYNTAX;
    }
    if (err != OK) {
        *out_why = err == ERR_UNSUPPORTED ? WHY_BAD_VERSION : WHY_BAD_REQUEST_LINE;
        return ERR_SYNTAX;
    }
    return OK;
}

/* status-line, RFC 9112 section 4; the space before an empty reason may be missing. */
static int parse_status_line(struct cursor *c, struct message *m)
{
    int err = take_version(c, &m->version);
    if (err != OK || !take_char(c, ' ')) {
        return ERR_SYNTAX;
    }
    struct str digits = take_run(c, CHARS_DIGIT);
    if (digits.len != 3 || digits.ptr[0] < '1' || digits.ptr[0] > '5') {
        return ERR_SYNTAX;
    }
    if (take_char(c, ' ')) {
        m->reason = take_run(c, CHARS_VALUE);
    }
    if (!take_crlf(c)) {
        return ERR_SYNTAX;
    }
    m->status = (uint16_t)((digits.ptr[0] - '0') * 100 + (digits.ptr[1] - '0') * 10 +
                           (digits.ptr[2] - '0'));
    return OK;
}

/* The bytes before the next colon, which is taken too; empty where there is none. */
static struct str take_to_colon(struct cursor *c)
{
    const char *from = c->ptr;
    const char *at = from;
    uint64_t found = 0;
    for (; c->end - at >= 8; at += 8) {
        found = word_below(word_load(at) ^ WORD_ALL(':'), 1);
        if (found != 0) {
            break;
        }
    }
    at += found != 0 ? word_first(found) : 0;
    while (at < c->end && *at != ':') {
        at++;
    }
    if (at == c->end) {
        return STR("");
    }
    c->ptr = at + 1;
    return str_n(from, (size_t)(at - from));
}

/* field-line, RFC 9112 section 5. A line that begins with a space (obs-fold) has no name. */
static int parse_field(struct cursor *c, struct message *m)
{
    struct str name = take_to_colon(c);
    enum field_id id = field_lookup(name);
    if (id == FIELD_OTHER && !field_is_token(name)) {
        return ERR_SYNTAX;
    }
    const char *from = c->ptr;
    c->ptr = chars_skip_value(c->ptr, c->end);
    struct str value = str_n(from, (size_t)(c->ptr - from));
    if (!take_crlf(c)) {
        return ERR_SYNTAX;
    }
    message_put(m, id, name, str_trim(value));
    return OK;
}

/* Fields up to an empty line or the end. */
static int parse_lines(struct cursor *c, size_t max, struct message *m)
{
    while (c->ptr < c->end && *c->ptr != '\r') {
        if (m->field_count == max) {
            return ERR_LIMIT;
        }
        int err = parse_field(c, m);
        if (err != OK) {
            return err;
        }
    }
    return OK;
}

/* Fields up to the empty line, which must be the end of the head. */
static int parse_fields(struct cursor *c, size_t max, struct message *m)
{
    int err = parse_lines(c, max, m);
    if (err != OK) {
        return err;
    }
    return take_crlf(c) && c->ptr == c->end ? OK : ERR_SYNTAX;
}

int h1_parse_request(struct str head, const struct h1_limits *limits, struct message *m,
                     enum why *out_why)
{
    struct cursor c = {head.ptr, head.ptr + head.len};
    if (head.len > limits->head_bytes) {
        *out_why = h1_limit_why(str_sub(head, 0, limits->head_bytes));
        return ERR_LIMIT;
    }
    int err = parse_request_line(&c, m, out_why);
    if (err != OK) {
        return err;
    }
    err = parse_fields(&c, limits->fields, m);
    if (err != OK) {
        *out_why = err == ERR_LIMIT ? WHY_TOO_MANY_FIELDS : WHY_BAD_FIELD;
    }
    return err;
}

int h1_parse_response(struct str head, const struct h1_limits *limits, struct message *m,
                      enum why *out_why)
{
    struct cursor c = {head.ptr, head.ptr + head.len};
    int err = head.len > limits->head_bytes ? ERR_LIMIT : parse_status_line(&c, m);
    if (err == OK) {
        err = parse_fields(&c, limits->fields, m);
    }
    if (err != OK) {
        *out_why = err == ERR_LIMIT ? WHY_UPSTREAM_HEADER_TOO_LARGE : WHY_UPSTREAM_BAD_HEAD;
    }
    return err;
}

int h1_parse_trailers(struct str lines, size_t max, struct message *m)
{
    struct cursor c = {lines.ptr, lines.ptr + lines.len};
    int err = parse_lines(&c, max, m);
    return err == OK && c.ptr < c.end ? ERR_SYNTAX : err;
}

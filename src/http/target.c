/* SPDX-License-Identifier: MIT */
#include "http/target.h"

#include "http/chars.h"

#include <arpa/inet.h>

#define HOST_MAX 253 /* the longest name of the DNS, RFC 1035 section 2.3.4 */

/* Whether every "%" has its two digits. */
static bool is_encoding_whole(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '%') {
            continue;
        }
        if (s.len - i < 3 || !chars_is(s.ptr[i + 1], CHARS_HEX) ||
            !chars_is(s.ptr[i + 2], CHARS_HEX)) {
            return false;
        }
        i += 2;
    }
    return true;
}

/* The text under construction: out[0] is "/", the segment being written starts at `segment`. */
struct normal {
    char *out;
    size_t len;
    size_t segment;
};

/* Ends the current segment: dots are resolved (RFC 3986 section 5.2.4), also with parameters behind
 * them ("..;x"), which some services cut off first; false above the root. */
static bool end_segment(struct normal *n)
{
    struct str segment = str_n(n->out + n->segment, n->len - n->segment);
    ptrdiff_t parameters = str_find(segment, ';');
    segment = parameters < 0 ? segment : str_sub(segment, 0, (size_t)parameters);
    if (str_eq(segment, STR("."))) {
        n->len = n->segment;
        return true;
    }
    if (!str_eq(segment, STR(".."))) {
        return true;
    }
    if (n->segment == 1) {
        return false;
    }
    n->len = n->segment - 1;
    while (n->out[n->len - 1] != '/') {
        n->len--;
    }
    n->segment = n->len;
    return true;
}

int target_normalise(struct str path, struct arena *arena, struct str *out_path)
{
    if (path.len == 0 || path.ptr[0] != '/' || !is_encoding_whole(path)) {
        return ERR_SYNTAX;
    }
    struct normal n = {(char *)arena_alloc(arena, path.len), 1, 1};
    n.out[0] = '/';
    for (size_t i = 1; i < path.len; i++) {
        char c = path.ptr[i];
        if (c == '%') {
            c = (char)(chars_hex(path.ptr[i + 1]) << 4 | chars_hex(path.ptr[i + 2]));
            i += 2;
        }
        if (c == '\\') {
            c = '/'; /* to services on Windows it is one */
        }
        if (c == '\0' || (c == '/' && !end_segment(&n))) {
            return ERR_SYNTAX;
        }
        if (c != '/') {
            n.out[n.len++] = c;
        } else if (n.len > n.segment) {
            n.out[n.len++] = '/';
            n.segment = n.len;
        }
    }
    if (!end_segment(&n)) {
        return ERR_SYNTAX;
    }
    *out_path = str_n(n.out, n.len);
    return OK;
}

/* port = *DIGIT; 0 when empty. */
static int parse_port(struct str digits, uint16_t *out_port)
{
    unsigned port = 0;
    if (digits.len > 5 || !chars_all(digits, CHARS_DIGIT)) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < digits.len; i++) {
        port = port * 10 + (unsigned)(digits.ptr[i] - '0');
    }
    if (port > UINT16_MAX || (port == 0 && digits.len > 0)) {
        return ERR_SYNTAX;
    }
    *out_port = (uint16_t)port;
    return OK;
}

/* Labels of letters, digits, "-" and "_", none of them empty; one dot at the end is dropped. */
static int parse_name(struct str name, struct arena *arena, struct str *out_host)
{
    if (name.len > 0 && name.ptr[name.len - 1] == '.') {
        name.len--;
    }
    if (name.len == 0 || name.len > HOST_MAX) {
        return ERR_SYNTAX;
    }
    struct str rest = name;
    struct str label;
    while (str_next(&rest, '.', &label)) {
        if (label.len == 0 || !chars_all(label, CHARS_HOST)) {
            return ERR_SYNTAX;
        }
    }
    if (name.ptr[name.len - 1] == '.') {
        return ERR_SYNTAX;
    }
    char *dst = (char *)arena_alloc(arena, name.len);
    for (size_t i = 0; i < name.len; i++) {
        dst[i] = chr_lower(name.ptr[i]);
    }
    *out_host = str_n(dst, name.len);
    return OK;
}

/* An IPv6 address, written the canonical way so that all its spellings are one host. */
static int parse_ipv6(struct str text, struct arena *arena, struct str *out_host)
{
    char buf[INET6_ADDRSTRLEN];
    struct in6_addr in6;
    if (text.len >= sizeof(buf)) {
        return ERR_SYNTAX;
    }
    (void)str_copy(buf, sizeof(buf), text);
    if (strlen(buf) != text.len || inet_pton(AF_INET6, buf, &in6) != 1 ||
        inet_ntop(AF_INET6, &in6, buf, sizeof(buf)) == NULL) {
        return ERR_SYNTAX;
    }
    *out_host = arena_dup(arena, str_of(buf));
    return OK;
}

int target_host(struct str authority, struct arena *arena, struct str *out_host, uint16_t *out_port)
{
    bool is_literal = authority.len > 0 && authority.ptr[0] == '[';
    ptrdiff_t host_end = str_find(authority, is_literal ? ']' : ':');
    struct str host;
    struct str rest = STR("");
    if (is_literal) {
        if (host_end < 0) {
            return ERR_SYNTAX;
        }
        host = str_sub(authority, 1, (size_t)host_end - 1);
        rest = str_from(authority, (size_t)host_end + 1);
    } else {
        host = host_end < 0 ? authority : str_sub(authority, 0, (size_t)host_end);
        rest = host_end < 0 ? rest : str_from(authority, (size_t)host_end);
    }
    if (rest.len > 0 && rest.ptr[0] != ':') {
        return ERR_SYNTAX;
    }
    uint16_t port;
    struct str out;
    int err = parse_port(str_from(rest, 1), &port);
    if (err == OK) {
        err = is_literal ? parse_ipv6(host, arena, &out) : parse_name(host, arena, &out);
    }
    if (err != OK) {
        return err;
    }
    *out_host = out;
    *out_port = port;
    return OK;
}

/* Exactly one valid Host; none at all only in HTTP/1.0 (RFC 9112 section 3.2). */
static int read_host(const struct message *m, struct arena *arena, struct target *t)
{
    const struct field *field = message_find(m, FIELD_HOST);
    if (field == NULL) {
        return m->version == HTTP_1_0 ? OK : ERR_SYNTAX;
    }
    if (message_count(m, FIELD_HOST) > 1) {
        return ERR_SYNTAX;
    }
    t->authority = field->value;
    return target_host(field->value, arena, &t->host, &t->port);
}

/* Cuts "?..." off; both parts are checked byte by byte. */
static int split_path(struct str text, struct target *t)
{
    ptrdiff_t mark = str_find(text, '?');
    struct str path = mark < 0 ? text : str_sub(text, 0, (size_t)mark);
    struct str query = mark < 0 ? STR("") : str_from(text, (size_t)mark);
    /* A lone "%" in a query means nothing to us and browsers send it: it passes byte for byte. */
    if (!chars_all(path, CHARS_PATH) || !chars_all(query, CHARS_QUERY)) {
        return ERR_SYNTAX;
    }
    t->path = path.len > 0 ? path : STR("/");
    t->query = query;
    return OK;
}

/* The part behind "http://" or "https://", in any case; empty if there is none. */
static struct str behind_scheme(struct str target)
{
    static const struct str schemes[] = {{"http://", 7}, {"https://", 8}};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (str_ieq(str_sub(target, 0, schemes[i].len), schemes[i])) {
            return str_from(target, schemes[i].len);
        }
    }
    return STR("");
}

/* absolute-form, RFC 9112 section 3.2.2: its authority takes the place of Host. */
static int read_absolute(const struct message *m, struct arena *arena, struct target *t)
{
    struct str rest = behind_scheme(m->target);
    size_t len = 0;
    while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?') {
        len++;
    }
    t->authority = str_sub(rest, 0, len);
    int err = target_host(t->authority, arena, &t->host, &t->port);
    if (err != OK) {
        return err;
    }
    rest = str_from(rest, len);
    if (rest.len == 0 && m->method == METHOD_OPTIONS) {
        t->path = STR("*"); /* RFC 9112 section 3.2.4 */
        t->query = STR("");
        return OK;
    }
    return split_path(rest, t);
}

/* The four forms of RFC 9112 section 3.2, without authority-form. */
static int read_target(const struct message *m, struct arena *arena, struct target *t)
{
    int err;
    if (m->target.len > 0 && m->target.ptr[0] == '/') {
        err = split_path(m->target, t);
    } else if (str_eq(m->target, STR("*"))) {
        t->path = m->target;
        t->query = STR("");
        err = m->method == METHOD_OPTIONS ? OK : ERR_SYNTAX;
    } else {
        err = read_absolute(m, arena, t);
    }
    if (err != OK) {
        return err;
    }
    if (str_eq(t->path, STR("*"))) {
        t->match = STR("/");
        return OK;
    }
    return target_normalise(t->path, arena, &t->match);
}

int target_parse(const struct message *m, struct arena *arena, struct target *out_target,
                 enum why *out_why)
{
    struct target t = {.host = STR(""), .authority = STR("")};
    if (m->method == METHOD_CONNECT) {
        *out_why = WHY_METHOD_REFUSED;
        return ERR_DENIED;
    }
    if (read_host(m, arena, &t) != OK) {
        *out_why = WHY_BAD_HOST;
        return ERR_SYNTAX;
    }
    if (read_target(m, arena, &t) != OK) {
        *out_why = WHY_BAD_TARGET;
        return ERR_SYNTAX;
    }
    *out_target = t;
    return OK;
}

/* SPDX-License-Identifier: MIT */
#include "config/names.h"

#include <stdio.h>

#include "config/diag.h"

#define HOST_MAX  253
#define LABEL_MAX 63
#define URL_MAX   2048

/* A URL taken apart; nothing is checked but its outline. */
struct url {
    struct str scheme; /* empty if there is none */
    struct str host;   /* with the brackets of an IPv6 address */
    struct str port;   /* empty if there is none */
    bool has_port;
    struct str path; /* with what follows: "/x?y#z" or empty */
};

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool has_any(struct str s, const char *set)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '\0' && strchr(set, s.ptr[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static bool has_odd_byte(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= 0x20 || c >= 0x7F) {
            return true;
        }
    }
    return false;
}

static bool is_label(struct str label)
{
    if (label.len == 0 || label.len > LABEL_MAX) {
        return false;
    }
    for (size_t i = 0; i < label.len; i++) {
        char c = label.ptr[i];
        if (!is_alnum(c) && c != '_' && c != '-') {
            return false;
        }
    }
    return label.ptr[0] != '-' && label.ptr[label.len - 1] != '-';
}

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
    }
    return s.len > 0;
}

/* Labels within their limits; a last label of digits alone is only right in an IPv4 address. */
static bool is_host(struct str text)
{
    struct addr ip;
    struct str rest = text;
    struct str label = {"", 0};
    if (text.len == 0 || text.len > HOST_MAX) {
        return false;
    }
    while (str_next(&rest, '.', &label)) {
        if (!is_label(label)) {
            return false;
        }
    }
    return !is_number(label) || addr_parse_ip(text, 0, &ip) == OK;
}

static struct str lower(struct arena *a, struct str s)
{
    char *dst = arena_alloc(a, s.len + 1);
    for (size_t i = 0; i < s.len; i++) {
        dst[i] = chr_lower(s.ptr[i]);
    }
    dst[s.len] = '\0';
    return str_n(dst, s.len);
}

static bool url_split(struct str text, struct url *out)
{
    *out = (struct url){.scheme = {"", 0}, .port = {"", 0}, .path = {"", 0}};
    struct str rest = text;
    for (size_t i = 0; i + 2 < text.len; i++) {
        if (memcmp(text.ptr + i, "://", 3) == 0) {
            out->scheme = str_sub(text, 0, i);
            rest = str_from(text, i + 3);
            break;
        }
    }
    size_t end = 0;
    while (end < rest.len && strchr("/?#", rest.ptr[end]) == NULL) {
        end++;
    }
    out->path = str_from(rest, end);
    rest = str_sub(rest, 0, end);
    ptrdiff_t bracket = str_rfind(rest, ']');
    ptrdiff_t colon = str_rfind(rest, ':');
    if (colon > bracket) {
        out->has_port = true;
        out->port = str_from(rest, (size_t)colon + 1);
        rest = str_sub(rest, 0, (size_t)colon);
    }
    out->host = rest;
    return !(out->has_port && out->port.len == 0);
}

/* Where only a name may stand, a URL or a name with a port was written. */
static void suggest_host(struct str text, struct values_fault *fault)
{
    struct url url;
    if (!url_split(text, &url)) {
        return;
    }
    struct str host = url.host;
    if (host.len > 0 && host.ptr[host.len - 1] == '.') {
        host.len--;
    }
    if (host.len < text.len && is_host(host)) {
        (void)str_copy(fault->near, sizeof(fault->near), host);
    }
}

int names_host(struct arena *a, struct str text, struct str *out_host, struct values_fault *fault)
{
    if (is_host(text)) {
        *out_host = lower(a, text);
        return OK;
    }
    if (has_any(text, "*")) {
        return values_refuse(fault, NULL, "one full name such as www.example.com, without *");
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80) {
            return values_refuse(fault, NULL, "a name in ASCII: write its xn-- form");
        }
    }
    (void)values_refuse(fault, NULL,
                        "a host name such as www.example.com, without scheme and port");
    suggest_host(text, fault);
    return ERR_SYNTAX;
}

bool names_is_wild(struct str name)
{
    return str_starts(name, STR("*."));
}

int names_site(struct arena *a, struct str text, struct str *out_name, struct values_fault *fault)
{
    struct addr ip;
    struct str rest = str_from(text, 2);
    if (names_is_wild(text) && is_host(rest) && addr_parse_ip(rest, 0, &ip) != OK) {
        *out_name = lower(a, text);
        return OK;
    }
    if (has_any(text, "*")) {
        return values_refuse(fault, NULL,
                             "a name such as www.example.com, or *.example.com, where * stands for "
                             "the first label");
    }
    return names_host(a, text, out_name, fault);
}

/* `s` with "x" in place of its one capture; false if it does not hold exactly one. */
static bool fill_capture(struct str s, char dst[static URL_MAX + 1], struct str *out)
{
    ptrdiff_t at = str_find(s, '{');
    if (at < 0 || s.len > URL_MAX || !str_starts(str_from(s, (size_t)at), STR(NAMES_CAPTURE))) {
        return false;
    }
    struct str behind = str_from(s, (size_t)at + sizeof(NAMES_CAPTURE) - 1);
    memcpy(dst, s.ptr, (size_t)at);
    dst[at] = 'x';
    memcpy(dst + at + 1, behind.ptr, behind.len);
    *out = str_n(dst, (size_t)at + 1 + behind.len);
    return !has_any(*out, "{}");
}

struct scheme {
    struct str name;
    enum model_scheme value;
    uint16_t port;
};

static const struct scheme schemes[] = {
    {{"http", 4}, MODEL_SCHEME_HTTP, 80},
    {{"https", 5}, MODEL_SCHEME_HTTPS, 443},
    {{"h2c", 3}, MODEL_SCHEME_H2C, 80},
};

static const struct scheme *find_scheme(struct str name)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (str_ieq(name, schemes[i].name)) {
            return &schemes[i];
        }
    }
    return NULL;
}

/* What another word in front of "://" was meant to say. */
static const char *near_scheme(struct str name)
{
    static const struct {
        struct str word;
        const char *near;
    } words[] = {
        {{"grpc", 4}, "h2c"},    {{"h2", 2}, "h2c"},    {{"http2", 5}, "h2c"},
        {{"grpcs", 5}, "https"}, {{"wss", 3}, "https"}, {{"tls", 3}, "https"},
        {{"ssl", 3}, "https"},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (str_ieq(name, words[i].word)) {
            return words[i].near;
        }
    }
    return "http";
}

static int refuse_scheme(struct str text, const struct url *url, struct values_fault *fault)
{
    char near[200] = "";
    if (url->scheme.len == 0) {
        bool has_odd_port = url->has_port && !is_number(url->port);
        if (is_number(url->host) && !url->has_port && url->path.len == 0) {
            (void)snprintf(near, sizeof(near), "http://SERVICE:%.*s", STR_FMT(diag_cut(url->host)));
        } else if (is_host(url->host) && !has_odd_port && text.len < 150) {
            (void)snprintf(near, sizeof(near), "http://%.*s", STR_FMT(text));
        } else if (url->host.len == 0 && url->has_port && is_number(url->port)) {
            (void)snprintf(near, sizeof(near), "http://SERVICE:%.*s", STR_FMT(diag_cut(url->port)));
        }
        return values_refuse(fault, near, "a URL that starts with http://");
    }
    struct str rest = str_from(text, url->scheme.len);
    if (rest.len < 150) {
        (void)snprintf(near, sizeof(near), "%s%.*s", near_scheme(url->scheme), STR_FMT(rest));
    }
    return values_refuse(fault, near, "http://, https:// or h2c:// (HTTP/2 without TLS)");
}

static bool read_port(const struct url *url, uint16_t otherwise, uint16_t *out_port)
{
    uint64_t port = otherwise;
    if (url->has_port && (str_to_u64(url->port, 65535, &port) != OK || port == 0)) {
        return false;
    }
    *out_port = (uint16_t)port;
    return true;
}

/* One label, so that nothing but a name of its own network can be made of it. */
static int fill_pattern(struct arena *a, struct str host, struct model_target *t,
                        struct values_fault *fault)
{
    char filled[URL_MAX + 1];
    struct str label;
    if (!fill_capture(host, filled, &label) || !is_label(label)) {
        return values_refuse(fault, NULL,
                             "a service name with {1} once and without a dot, for example "
                             "http://{1}_web:3000");
    }
    t->is_pattern = true;
    t->host = lower(a, host);
    t->service = arena_printf(a, "%.*s:%u", STR_FMT(t->host), t->port);
    return OK;
}

/* The authority of a target: literal address or name, and the name of its service. */
static int fill_target(struct arena *a, const struct url *url, struct model_target *t,
                       struct values_fault *fault)
{
    if (!read_port(url, t->port, &t->port)) {
        return values_refuse(fault, NULL, "a port from 1 to 65535 behind the colon");
    }
    struct str host = url->host;
    bool is_v6 = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    t->is_literal = addr_parse_ip(host, t->port, &t->addr) == OK;
    if (t->is_literal && (is_v6 || str_find(host, ':') < 0)) {
        t->host = lower(a, is_v6 ? str_sub(host, 1, host.len - 2) : host);
        t->service = arena_printf(a, is_v6 ? "[%.*s]:%u" : "%.*s:%u", STR_FMT(t->host), t->port);
        return OK;
    }
    struct str name = host;
    if (name.len > 1 && name.ptr[name.len - 1] == '.') {
        name.len--;
    }
    if (has_any(host, "{}")) {
        return fill_pattern(a, host, t, fault);
    }
    if (has_any(host, "@")) {
        return values_refuse(fault, NULL, "http://SERVICE:PORT without user and password");
    }
    if (!is_host(name)) {
        return values_refuse(fault, NULL, "http://SERVICE:PORT, for example http://service-a:5000");
    }
    t->host = lower(a, host);
    t->service = arena_printf(a, "%.*s:%u", STR_FMT(t->host), t->port);
    return OK;
}

static int parse_target(struct arena *a, struct str text, struct url *url, struct model_target *out,
                        struct values_fault *fault)
{
    bool is_ok = url_split(text, url);
    if (text.len > URL_MAX || has_odd_byte(text)) {
        return values_refuse(fault, NULL, "http://SERVICE:PORT, for example http://service-a:5000");
    }
    const struct scheme *scheme = find_scheme(url->scheme);
    if (scheme == NULL) {
        return refuse_scheme(text, url, fault);
    }
    if (!is_ok) {
        return values_refuse(fault, NULL, "a port from 1 to 65535 behind the colon");
    }
    struct model_target t = {
        .text = arena_dup(a, text), .scheme = scheme->value, .port = scheme->port};
    int err = fill_target(a, url, &t, fault);
    if (err == OK) {
        *out = t;
    }
    return err;
}

int names_target(struct arena *a, struct str text, struct model_target *out_target,
                 struct values_fault *fault)
{
    struct url url;
    struct model_target t;
    int err = parse_target(a, text, &url, &t, fault);
    if (err != OK) {
        return err;
    }
    if (url.path.len > 0 && !str_eq(url.path, STR("/"))) {
        char near[300] = "";
        (void)str_copy(near, sizeof(near), str_sub(text, 0, text.len - url.path.len));
        return values_refuse(fault, near,
                             "a target without a path: the path of the request goes on as it is; "
                             "\"routes\" and \"strip\" change it");
    }
    *out_target = t;
    return OK;
}

/* Printable ASCII that may stand in a path (RFC 3986 section 3.3), nothing behind it. */
static bool is_url_path(struct str path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] == '\0' || strchr("?#\"<>\\^`{|}", path.ptr[i]) != NULL) {
            return false;
        }
    }
    return true;
}

static struct str without_slashes(struct str path)
{
    while (path.len > 0 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    return path;
}

int names_relay(struct arena *a, struct str text, struct model_target *out_target,
                struct str *out_path, struct values_fault *fault)
{
    struct url url;
    struct model_target t = {.is_literal = false};
    if (url_split(text, &url) && url.scheme.len > 0 && !str_ieq(url.scheme, STR("http"))) {
        char near[200] = "";
        struct str rest = str_from(text, url.scheme.len);
        if (rest.len < 150 && !has_odd_byte(text)) {
            (void)snprintf(near, sizeof(near), "http%.*s", STR_FMT(rest));
        }
        return values_refuse(fault, near, "http://: the relay is asked over plain HTTP");
    }
    int err = parse_target(a, text, &url, &t, fault);
    if (err != OK) {
        return err;
    }
    if (t.is_pattern) {
        return values_refuse(fault, NULL, "the relay's name, without {1}");
    }
    if (!is_url_path(url.path)) {
        return values_refuse(fault, NULL, "http://HOST[:PORT]/PATH without a query");
    }
    *out_target = t;
    *out_path = arena_dup(a, without_slashes(url.path));
    return OK;
}

/* A host that may hold the capture: at least two labels stand behind the one with it. */
static bool is_redirect_host(struct str host, bool *is_pattern)
{
    char room[URL_MAX + 1];
    struct str filled;
    struct addr ip;
    if (host.len > 2 && host.ptr[0] == '[') {
        return addr_parse_ip(host, 0, &ip) == OK;
    }
    if (!has_any(host, "{}")) {
        return is_host(host);
    }
    ptrdiff_t brace = str_find(host, '}');
    struct str behind = str_from(host, brace < 0 ? 0 : (size_t)brace);
    *is_pattern = true;
    return fill_capture(host, room, &filled) && is_host(filled) &&
           str_find(behind, '.') != str_rfind(behind, '.');
}

/* Printable ASCII without a query; one capture may stand in it. */
static bool is_redirect_path(struct str path, bool *is_pattern)
{
    char room[URL_MAX + 1];
    struct str filled;
    if (!has_any(path, "{}")) {
        return is_url_path(path);
    }
    bool is_first = !*is_pattern;
    *is_pattern = true;
    return is_first && fill_capture(path, room, &filled) && is_url_path(filled);
}

static int refuse_redirect(struct str text, const struct url *url, struct values_fault *fault)
{
    char near[200] = "";
    if (has_any(url->host, "{}")) {
        return values_refuse(fault, NULL,
                             "{1} once and with a whole domain behind it, for example "
                             "https://{1}.example.com");
    }
    if (url->scheme.len == 0 && text.len < 150 && is_host(url->host)) {
        (void)snprintf(near, sizeof(near), "https://%.*s", STR_FMT(text));
    }
    return values_refuse(fault, near, "a URL such as https://www.example.com");
}

int names_redirect(struct arena *a, struct str text, struct names_redirect *out_redirect,
                   struct values_fault *fault)
{
    struct url url;
    uint16_t port;
    bool is_pattern = false;
    bool is_ok = url_split(text, &url) && text.len <= URL_MAX && !has_odd_byte(text);
    bool has_scheme = str_ieq(url.scheme, STR("https")) || str_ieq(url.scheme, STR("http"));
    if (!is_ok || !read_port(&url, 0, &port)) {
        return values_refuse(fault, NULL, "a URL such as https://www.example.com");
    }
    if (!has_scheme || !is_redirect_host(url.host, &is_pattern)) {
        return refuse_redirect(text, &url, fault);
    }
    if (!is_redirect_path(url.path, &is_pattern)) {
        return values_refuse(fault, NULL, "%s",
                             has_any(url.path, "{}")
                                 ? "{1} at most once, as in https://example.com/{1}"
                                 : "a URL without query and fragment: path and query of the "
                                   "request are appended");
    }
    struct str path = without_slashes(url.path);
    out_redirect->host = lower(a, url.host);
    out_redirect->is_bare = path.len == 0 && !url.has_port;
    out_redirect->is_pattern = is_pattern;
    out_redirect->url = arena_printf(a, "%.*s://%.*s%s%.*s%.*s", STR_FMT(lower(a, url.scheme)),
                                     STR_FMT(out_redirect->host), url.has_port ? ":" : "",
                                     STR_FMT(url.port), STR_FMT(path));
    return OK;
}

static bool has_dot_segment(struct str text)
{
    struct str rest = text;
    struct str segment;
    while (str_next(&rest, '/', &segment)) {
        if (str_eq(segment, STR(".")) || str_eq(segment, STR(".."))) {
            return true;
        }
    }
    return false;
}

int names_prefix(struct str text, struct values_fault *fault)
{
    char near[300] = "";
    if (text.len == 0 || text.ptr[0] != '/') {
        if (text.len > 0 && text.len < 200 && is_alnum(text.ptr[0]) && !has_any(text, ":?#*% ")) {
            (void)snprintf(near, sizeof(near), "/%.*s", STR_FMT(without_slashes(text)));
        }
        return values_refuse(fault, near, "a path prefix that starts with /");
    }
    if (has_any(text, "*?#%\\")) {
        struct str trimmed = str_sub(text, 0, text.len - (str_ends(text, STR("/*")) ? 2 : 0));
        if (trimmed.len > 0 && trimmed.len < text.len && !has_any(trimmed, "*?#%\\")) {
            (void)str_copy(near, sizeof(near), trimmed);
        }
        return values_refuse(fault, near,
                             "a prefix of the decoded path, without * ? # %% and \\: everything "
                             "below it belongs to it");
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7F ||
            (text.ptr[i] == '/' && i > 0 && text.ptr[i - 1] == '/')) {
            return values_refuse(fault, NULL, "a prefix without // and control characters");
        }
    }
    if (has_dot_segment(text)) {
        return values_refuse(fault, NULL, "a prefix without . and .. segments");
    }
    if (text.len > 1 && text.ptr[text.len - 1] == '/') {
        (void)str_copy(near, sizeof(near), without_slashes(text));
        return values_refuse(fault, near, "a prefix without / at its end");
    }
    return text.len <= 1024 ? OK : values_refuse(fault, NULL, "a prefix of at most 1024 bytes");
}

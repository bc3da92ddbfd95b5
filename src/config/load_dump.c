/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>

#include "config/load.h"
#include "config/values.h"
#include "load_dump_part.h"
#include "load_part.h"

void dump_put(struct dump *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    d->err = d->err != OK ? d->err : buf_vprintf(d->out, fmt, ap);
    va_end(ap);
}

/* The code point at `i`, and how many bytes it takes; the text is UTF-8. */
static uint32_t code_point(struct str s, size_t i, size_t *out_len)
{
    unsigned char c = (unsigned char)s.ptr[i];
    size_t len = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    uint32_t value = len == 1 ? c : c & (0xFFu >> (len + 1));
    for (size_t k = 1; k < len && i + k < s.len; k++) {
        value = (value << 6) | ((unsigned char)s.ptr[i + k] & 0x3Fu);
    }
    *out_len = len;
    return value;
}

/* Letters, digits and what never means anything to YAML; a colon only inside a word. */
static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool is_inner = c == '.' || c == '_' || c == '-' || (c == ':' && i + 1 < s.len);
        if (!is_alnum && c != '/' && !(is_inner && i > 0)) {
            return false;
        }
    }
    return s.len > 0;
}

void dump_text(struct dump *d, struct str s)
{
    if (is_plain(s)) {
        dump_put(d, "%.*s", STR_FMT(s));
        return;
    }
    dump_put(d, "\"");
    size_t len = 1;
    for (size_t i = 0; i < s.len; i += len) {
        uint32_t c = code_point(s, i, &len);
        if (c == '"' || c == '\\') {
            dump_put(d, "\\%c", (char)c);
        } else if (c >= 0x20 && c < 0x7F) {
            dump_put(d, "%c", (char)c);
        } else {
            dump_put(d, "\\U%08" PRIX32, c);
        }
    }
    dump_put(d, "\"");
}

void dump_texts(struct dump *d, const struct str *texts, size_t count)
{
    dump_put(d, "[");
    for (size_t i = 0; i < count; i++) {
        dump_put(d, "%s", i == 0 ? "" : ", ");
        dump_text(d, texts[i]);
    }
    dump_put(d, "]\n");
}

void dump_duration(struct dump *d, const char *before, uint32_t ms)
{
    char text[VALUES_TEXT_MAX];
    dump_put(d, "%s%s", before, values_print_duration(ms, text));
}

void dump_size(struct dump *d, const char *before, uint64_t bytes)
{
    char text[VALUES_TEXT_MAX];
    dump_put(d, "%s%s", before, bytes == UINT64_MAX ? "none" : values_print_size(bytes, text));
}

static void put_addrs(struct dump *d, const struct addr *addrs, size_t count, const char *word)
{
    char text[ADDR_TEXT_MAX];
    if (count == 0) {
        dump_put(d, "%s\n", word);
        return;
    }
    dump_put(d, "[");
    for (size_t i = 0; i < count; i++) {
        dump_put(d, "%s", i == 0 ? "" : ", ");
        dump_text(d, str_of(addr_print(&addrs[i], text)));
    }
    dump_put(d, "]\n");
}

void dump_networks(struct dump *d, const struct addr_net *nets, size_t count)
{
    char text[ADDR_TEXT_MAX];
    dump_put(d, "[");
    for (size_t i = 0; i < count; i++) {
        dump_put(d, "%s", i == 0 ? "" : ", ");
        dump_text(d, str_of(addr_net_print(&nets[i], text)));
    }
    dump_put(d, "]");
}

static void put_trust(struct dump *d, const char *key, const struct addr_net *nets, size_t count)
{
    dump_put(d, "%s:\n  trust: ", key);
    dump_networks(d, nets, count);
    dump_put(d, "\n");
}

static void put_acme(struct dump *d, const struct model_acme *acme)
{
    if (!acme->has_relay && acme->folder.len == 0) {
        return;
    }
    dump_put(d, "acme:\n");
    if (acme->has_relay) {
        dump_put(d, "  relay: ");
        dump_text(d, acme->relay.text);
        dump_put(d, "\n");
    }
    if (acme->folder.len > 0) {
        dump_put(d, "  folder: ");
        dump_text(d, acme->folder);
        dump_put(d, "\n");
    }
    dump_put(d, "  strip: %s\n", acme->strip ? "true" : "false");
}

static void put_listen(struct dump *d, const struct model *m)
{
    char text[ADDR_TEXT_MAX];
    dump_put(d, "listen:\n  http: ");
    put_addrs(d, m->listen_http, m->listen_http_count, "off");
    dump_put(d, "  https: ");
    put_addrs(d, m->listen_https, m->listen_https_count, "off");
    dump_put(d, "  admin: ");
    dump_text(d, m->admin.len == 0 ? STR("off") : str_of(addr_print(&m->admin, text)));
    dump_put(d, "\n");
}

static void put_bounds(struct dump *d, const struct model *m)
{
    const struct model_timeouts *t = &m->timeouts;
    dump_duration(d, "timeouts:\n  handshake: ", t->handshake_ms);
    dump_duration(d, "\n  header: ", t->header_ms);
    dump_duration(d, "\n  idle: ", t->idle_ms);
    dump_duration(d, "\n  attempt: ", t->attempt_ms);
    dump_duration(d, "\n  connect: ", t->connect_ms);
    dump_duration(d, "\n  response: ", t->response_ms);
    dump_duration(d, "\n  tunnel: ", t->tunnel_ms);
    dump_size(d, "\nlimits:\n  header: ", m->limits.header_bytes);
    dump_put(d, "\n  headers: %" PRIu32 "\n", m->limits.headers);
    if (m->limits.connections == 0) {
        dump_put(d, "  connections: auto\n");
    } else {
        dump_put(d, "  connections: %" PRIu32 "\n", m->limits.connections);
    }
    dump_size(d, "  body: ", m->limits.body_bytes);
    dump_size(d, "\n  replay: ", m->limits.replay_bytes);
    if (m->limits.memory_bytes == 0) {
        dump_put(d, "\n  memory: auto\n");
    } else {
        dump_size(d, "\n  memory: ", m->limits.memory_bytes);
        dump_put(d, "\n");
    }
    dump_duration(d, "hold:\n  wait: ", m->hold.wait_ms);
    dump_put(d, "\n  requests: %" PRIu32 "\n", m->hold.requests);
}

static void put_http2(struct dump *d, const struct model_http2 *h)
{
    dump_put(d, "http2:\n  enabled: %s\n  streams: %" PRIu32, h->enabled ? "true" : "false",
             h->streams);
    dump_size(d, "\n  window: ", h->window);
    dump_size(d, "\n  connection_window: ", h->connection_window);
    dump_size(d, "\n  frame: ", h->frame);
    dump_size(d, "\n  table: ", h->table);
    dump_put(d, "\n  requests: %" PRIu32 "\n", h->requests);
}

static void put_masked(struct dump *d, const struct model *m)
{
    dump_put(d, "masked: ");
    if (m->masked_count > 0) {
        dump_networks(d, m->masked, m->masked_count);
    } else {
        dump_put(d, m->masked_auto ? "auto" : "off");
    }
    dump_put(d, "\n");
}

static void put_rest(struct dump *d, const struct model *m)
{
    static const char *const levels[] = {
        [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};
    static const char *const access[] = {[MODEL_ACCESS_JSON] = "json",
                                         [MODEL_ACCESS_TEXT] = "text",
                                         [MODEL_ACCESS_OFF] = "off",
                                         [MODEL_ACCESS_AUTO] = NULL};
    dump_duration(d, "dns:\n  refresh: ", m->dns_refresh_ms);
    dump_put(d, "\n  servers: ");
    put_addrs(d, m->dns_servers, m->dns_server_count, "auto");
    dump_put(d, "  tasks: ");
    dump_networks(d, m->task_nets, m->task_net_count);
    dump_duration(d, "\ndrain:\n  timeout: ", m->drain_ms);
    dump_put(d, "\nlog:\n  level: %s\n", levels[m->log_level]);
    if (access[m->access] != NULL) { /* AUTO is the key's absence */
        dump_put(d, "  access: %s\n", access[m->access]);
    }
}

static int dump_model(const struct model *m, bool is_brief, struct buf *out)
{
    struct dump d = {
        .out = out, .err = OK, .model = m, .eject = load_eject_default(), .is_brief = is_brief};
    dump_put(&d, "version: 1\ncertificates: ");
    dump_texts(&d, m->certificates, m->certificate_count);
    put_acme(&d, &m->acme);
    put_listen(&d, m);
    if (m->workers == 0) {
        dump_put(&d, "workers: auto\n");
    } else {
        dump_put(&d, "workers: %" PRIu32 "\n", m->workers);
    }
    put_trust(&d, "proxy_protocol", m->proxy_trust, m->proxy_trust_count);
    put_trust(&d, "forwarded", m->forwarded_trust, m->forwarded_trust_count);
    put_masked(&d, m);
    dump_put(&d, "unknown_site: ");
    dump_text(&d, m->unknown_site.len == 0 ? STR("refuse") : m->unknown_site);
    dump_put(&d, "\ntls:\n  min: \"%s\"\n", m->tls_min == 0x0304 ? "1.3" : "1.2");
    if (m->ticket_secret != NULL) {
        dump_put(&d, "  tickets:\n    secret: ");
        dump_text(&d, m->ticket_secret->path);
        dump_put(&d, "\n");
    }
    put_http2(&d, &m->http2);
    put_bounds(&d, m);
    put_rest(&d, m);
    dump_put(&d, "sites:%s\n", m->site_count == 0 ? " {}" : "");
    for (size_t i = 0; i < m->site_count; i++) {
        dump_site(&d, &m->sites[i]);
    }
    return d.err;
}

int load_dump(const struct model *m, struct buf *out)
{
    return dump_model(m, false, out);
}

int load_dump_brief(const struct model *m, struct buf *out)
{
    return dump_model(m, true, out);
}

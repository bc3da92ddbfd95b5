/* SPDX-License-Identifier: MIT */
/* One record for each exchange. Never a query string, a cookie, a body or an Authorization value.
 */
#include "base/log.h"
#include "exchange_impl.h"
#include "tls/tls_auth.h"

/* A client chooses these: they must leave room in the line for what became of the request. */
#define METHOD_LOGGED_MAX 32
#define PATH_LOGGED_MAX   2048

static const char *version_text(enum http_version v)
{
    switch (v) {
    case HTTP_1_0: return "HTTP/1.0";
    case HTTP_1_1: return "HTTP/1.1";
    case HTTP_2: return "HTTP/2";
    }
    return "";
}

static void write_request(struct log_line *line, const struct exchange *ex)
{
    char text[ADDR_TEXT_MAX];
    log_field_c(line, "client", addr_print_ip(conn_client(ex->conn), text));
    if (conn_known_client(ex->conn) == NULL) {
        log_field_bool(line, "client_known", false);
    }
    log_field_c(line, "scheme", ex->port_tls ? "https" : "http");
    if (ex->method.len > 0) {
        log_field(line, "method", str_sub(ex->method, 0, METHOD_LOGGED_MAX));
    }
    if (ex->target.host.len > 0) {
        log_field(line, "host", ex->target.host);
    }
    if (ex->target.path.len > 0) {
        log_field(line, "path", str_sub(ex->target.path, 0, PATH_LOGGED_MAX));
    }
    log_field_c(line, "protocol", version_text(ex->request->version));
    if (ex->port_tls) {
        log_field_c(line, "tls", conn_tls_version(ex->conn));
        const struct tls_peer *peer = conn_peer(ex->conn);
        if (peer != NULL) {
            log_field_c(line, "client_cert", peer->fingerprint);
        }
    }
}

/* What happened on the way to the service: who waits long wants to know what for. */
static void write_way(struct log_line *line, const struct exchange *ex)
{
    if (ex->tally.was_held) {
        log_field_bool(line, "held", true);
        log_field_ms(line, "held_ms", ex->tally.held_us);
    }
    if (ex->tally.was_queued) {
        log_field_ms(line, "queued_ms", ex->tally.queued_us);
    }
    if (ex->tally.reconnects > 0) {
        log_field_int(line, "reconnects", ex->tally.reconnects);
    }
    if (ex->retries > 0) {
        log_field_int(line, "retries", ex->retries);
        log_field_c(line, "retry_cause", why_label(ex->retry_why));
    }
}

static void write_service(struct log_line *line, const struct exchange *ex)
{
    if (ex->service.len == 0) {
        return;
    }
    log_field(line, "service", ex->service);
    if (ex->endpoint.len > 0) {
        log_field(line, "endpoint", ex->endpoint);
        if (ex->task.len > 0) {
            log_field(line, "task", ex->task);
        }
    }
    if (ex->spoken != NULL && ex->spoken[0] != '\0') {
        log_field_c(line, "service_protocol", ex->spoken);
    }
    if (ex->detail != NULL && ex->detail[0] != '\0') {
        log_field_c(line, "detail", ex->detail);
    }
    if (ex->connected_us > 0) {
        log_field_ms(line, "connect_ms", ex->connected_us - ex->started_us);
    }
    if (ex->answered_us > 0) {
        log_field_ms(line, "answer_ms", ex->answered_us - ex->started_us);
    }
    write_way(line, ex);
}

void access_log_write(struct exchange *ex, enum why why)
{
    if (ex->settings->model->access == MODEL_ACCESS_OFF) {
        return;
    }
    struct log_line line;
    log_begin_access(&line);
    log_field_c(&line, "id", exchange_id(ex));
    write_request(&line, ex);
    if (ex->site != NULL) {
        log_field(&line, "site", ex->site->name);
    }
    if (ex->user.len > 0) {
        log_field(&line, "user", ex->user);
    }
    log_field_int(&line, "status", ex->status);
    log_field_c(&line, "reason", why_label(why));
    log_field_int(&line, "bytes_in", (int64_t)ex->bytes_in);
    log_field_int(&line, "bytes_out", (int64_t)ex->bytes_out);
    if (ex->is_gzip) {
        log_field_bool(&line, "gzip", true);
    }
    log_field_ms(&line, "ms", loop_now_us(ex->proxy->loop) - ex->started_us);
    write_service(&line, ex);
    log_end(&line);
}

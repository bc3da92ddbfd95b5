/* SPDX-License-Identifier: MIT */
#include "proxy/conn.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conn_impl.h"
#include "http/h1_server.h"
#include "http/h2_server.h"
#include "stats/text.h"

#include <stdlib.h>
#include <unistd.h>

static const enum counter state_gauge[] = {
    [CONN_PROXY] = COUNTER_CONNS_PROXY,       [CONN_HANDSHAKE] = COUNTER_CONNS_HANDSHAKE,
    [CONN_OPEN] = COUNTER_CONNS_OPEN,         [CONN_IDLE] = COUNTER_CONNS_IDLE,
    [CONN_DRAINING] = COUNTER_CONNS_DRAINING,
};

void conn_set_state(struct conn *c, enum conn_state state)
{
    static const unsigned allowed[] = {
        [CONN_PROXY] = 1u << CONN_HANDSHAKE | 1u << CONN_OPEN | 1u << CONN_CLOSED,
        [CONN_HANDSHAKE] = 1u << CONN_OPEN | 1u << CONN_CLOSED,
        [CONN_OPEN] = 1u << CONN_IDLE | 1u << CONN_DRAINING | 1u << CONN_CLOSED,
        [CONN_IDLE] = 1u << CONN_OPEN | 1u << CONN_DRAINING | 1u << CONN_CLOSED,
        [CONN_DRAINING] = 1u << CONN_CLOSED,
        [CONN_CLOSED] = 0,
    };
    if (c->state == state) {
        return;
    }
    REQUIRE(allowed[c->state] & 1u << state);
    counter_dec(c->proxy->slot, state_gauge[c->state]);
    if (state != CONN_CLOSED) {
        counter_inc(c->proxy->slot, state_gauge[state]);
    }
    c->state = state;
}

static uint32_t connection_limit(const struct proxy *p)
{
    uint32_t limit = p->current->model->limits.connections;
    if (limit == 0) {
        /* A client connection may need one to a service: leave room for both, and some to spare. */
        long fds = sysconf(_SC_OPEN_MAX);
        limit = fds > 256 ? (uint32_t)((fds - 128) / 2) : 64;
    }
    return limit;
}

void conn_new(struct proxy *p, int fd, const struct addr *peer, enum proxy_port port)
{
    if (p->current == NULL || p->conn_count >= connection_limit(p) || proxy_is_full(p)) {
        counter_inc(p->slot, COUNTER_CONNS_REFUSED);
        close(fd);
        return;
    }
    struct conn *c = NEW(struct conn);
    c->proxy = p;
    c->port = port;
    c->client = *peer;
    c->node.conn = c;
    list_init(&c->exchanges);
    deadline_init(&c->deadline, NULL, NULL);
    list_push_back(&p->conns, &c->node.list);
    p->conn_count++;
    c->state = CONN_PROXY;
    counter_inc(p->slot, COUNTER_CONNS_ACCEPTED);
    counter_inc(p->slot, COUNTER_CONNS_PROXY);
    conn_begin(c, fd);
}

static void count_bytes(struct conn *c)
{
    if (c->stream != NULL) {
        counter_add(c->proxy->slot, COUNTER_CLIENT_BYTES_IN, c->stream->bytes_in - c->counted_in);
        counter_add(c->proxy->slot, COUNTER_CLIENT_BYTES_OUT,
                    c->stream->bytes_out - c->counted_out);
        c->counted_in = c->stream->bytes_in;
        c->counted_out = c->stream->bytes_out;
    }
}

static void count_end(struct conn *c, enum why why)
{
    struct buf labels;
    buf_init(&labels, SERIES_LABELS_MAX);
    if (text_label(&labels, "reason", str_of(why_label(why))) == OK) {
        cell_add(series_cell(c->proxy->slot, SERIES_CONN_ENDS, buf_str(&labels)), 1);
    }
    buf_fini(&labels);
}

/* HTTP/2 broken or abused, a client that a site does not let in: such a request may never have
 * become one, so that no access record tells of it. */
static bool is_offence(enum why why)
{
    return why == WHY_CLIENT_CERT || (why >= WHY_H2_PROTOCOL && why <= WHY_H2_CONTROL_FLOOD);
}

static void log_end_of(const struct conn *c, enum why why)
{
    struct log_line line;
    char text[ADDR_TEXT_MAX];
    log_begin(&line, is_offence(why) ? LOG_INFO : LOG_DEBUG, "connection_closed");
    log_field_c(&line, "client", addr_print(&c->client, text));
    log_field_c(&line, "reason", why_label(why));
    if (c->detail != NULL) {
        log_field_c(&line, "detail", c->detail);
    }
    log_end(&line);
}

void conn_close(struct conn *c, enum why why)
{
    if (c->state == CONN_CLOSED) {
        return;
    }
    conn_set_state(c, CONN_CLOSED);
    conn_leave_line(c);
    deadline_clear(&c->deadline);
    exchange_abort_all(&c->exchanges, why);
    count_bytes(c);
    count_end(c, why);
    log_end_of(c, why);
    if (c->http != NULL) {
        server_close(c->http); /* closes the stream too */
    } else {
        stream_close(c->stream);
    }
    c->http = NULL;
    c->stream = NULL;
    conn_drop_early(c);
    list_remove(&c->node.list);
    c->proxy->conn_count--;
    loop_free_later(c->proxy->loop, c);
    leave_conn_gone(&c->proxy->leave, &c->node);
}

/* It has just come, perhaps with its request under way: a client that is refused on a connection
 * it has just made does not ask again by itself (RFC 9112 section 9.3.1 speaks of kept ones). */
static void drain_silent(struct conn *c)
{
    const struct proxy *p = c->proxy;
    bool is_shorter = deadline_class_ms(p->current->header) < CONN_FIRST_MS;

    deadline_set(&c->deadline,
                 is_shorter ? p->current->header : proxy_deadline(c->proxy, CONN_FIRST_MS));
}

void conn_drain(struct conn *c)
{
    if (c->http != NULL && c->has_asked) {
        server_drain(c->http);
        return;
    }
    if (c->http != NULL) {
        server_last(c->http);
    }
    if (c->state != CONN_HANDSHAKE) {
        drain_silent(c);
    }
}

bool conn_is_owed(const struct conn *c)
{
    return c->state == CONN_HANDSHAKE || !list_is_empty(&c->exchanges) ||
           (c->http != NULL && stream_unsent(c->stream) > 0);
}

void conn_shed(struct conn *c)
{
    if (c->state == CONN_IDLE) {
        server_expire(c->http, WHY_MEMORY_LIMIT);
    }
}

void conn_distrust(struct conn *c)
{
    server_distrust(c->http);
}

struct list *conn_exchanges(struct conn *c)
{
    return &c->exchanges;
}

struct proxy *conn_proxy(const struct conn *c)
{
    return c->proxy;
}

const struct addr *conn_client(const struct conn *c)
{
    return &c->client;
}

const struct addr *conn_known_client(const struct conn *c)
{
    return c->client_known ? &c->client : NULL;
}

struct str conn_client_text(const struct conn *c)
{
    return str_n(c->client_text, c->client_text_len);
}

bool conn_is_tls(const struct conn *c)
{
    return c->port == PROXY_PORT_HTTPS;
}

bool conn_covers(const struct conn *c, struct str host)
{
    return c->port != PROXY_PORT_HTTPS || tls_stream_covers(c->stream, host);
}

bool conn_admits(const struct conn *c, const struct tls_server *now, struct str host)
{
    return c->port == PROXY_PORT_HTTPS && tls_stream_admits(c->stream, now, host);
}

const struct tls_peer *conn_peer(const struct conn *c)
{
    return c->port != PROXY_PORT_HTTPS || c->stream == NULL ? NULL : tls_stream_peer(c->stream);
}

const char *conn_tls_version(const struct conn *c)
{
    return c->tls_version == NULL ? "" : c->tls_version;
}

/* ---- requests ---- */

static void on_send_deadline(void *arg);

static void on_request(void *arg, struct channel *ch, struct message *m, struct body body,
                       enum why bad)
{
    struct conn *c = arg;
    c->has_asked = true;
    conn_set_state(c, CONN_OPEN);
    deadline_clear(&c->deadline); /* from here on the exchange has its own */
    server_set_limits(c->http, &c->proxy->current->limits);
    exchange_new(c, ch, m, body, bad);
}

void conn_exchange_done(struct conn *c)
{
    if (c->state != CONN_OPEN || !list_is_empty(&c->exchanges)) {
        return;
    }
    /* The answer may still be on its way: it has as long as it makes progress. */
    count_bytes(c);
    deadline_init(&c->deadline, on_send_deadline, c);
    deadline_set(&c->deadline, c->proxy->current->idle);
}

static void on_send_deadline(void *arg)
{
    struct conn *c = arg;
    if (c->stream->bytes_out == c->counted_out) {
        conn_close(c, WHY_SEND_TIMEOUT);
        return;
    }
    count_bytes(c);
    deadline_set(&c->deadline, c->proxy->current->idle);
}

static void on_header_deadline(void *arg)
{
    struct conn *c = arg;
    server_expire(c->http, WHY_HEADER_TIMEOUT);
}

static void on_begin(void *arg)
{
    struct conn *c = arg;
    c->has_asked = true;
    conn_set_state(c, CONN_OPEN);
    deadline_clear(&c->deadline);
    deadline_init(&c->deadline, on_header_deadline, c);
    deadline_set(&c->deadline, c->proxy->current->header);
}

/* HTTP/2 says so first: a client whose request is under way knows by GOAWAY that it was not looked
 * at (RFC 9113 section 6.8). */
static void on_idle_deadline(void *arg)
{
    struct conn *c = arg;
    bool is_leaving = leave_has_begun(&c->proxy->leave);
    server_expire(c->http, is_leaving ? WHY_DRAINED : WHY_IDLE_TIMEOUT);
}

static void on_rest_deadline(void *arg)
{
    struct conn *c = arg;
    const struct proxy_settings *now = c->proxy->current;
    if (leave_has_begun(&c->proxy->leave)) {
        on_idle_deadline(c); /* it has been told to go, silent as it is */
        return;
    }
    deadline_init(&c->deadline, on_idle_deadline, c);
    deadline_set(&c->deadline, now->resting != NULL ? now->resting : now->idle);
    server_rest(c->http);
}

static void on_idle(void *arg)
{
    struct conn *c = arg;
    struct deadline_class *rest = c->proxy->current->rest;
    conn_set_state(c, CONN_IDLE);
    count_bytes(c);
    deadline_clear(&c->deadline);
    deadline_init(&c->deadline, rest != NULL ? on_rest_deadline : on_idle_deadline, c);
    deadline_set(&c->deadline, rest != NULL ? rest : c->proxy->current->idle);
}

/* A slow client gets its last bytes as long as it takes any; only then is its end waited for. */
static void wait_for_end(struct conn *c)
{
    bool sending = stream_unsent(c->stream) > 0;
    count_bytes(c);
    deadline_set(&c->deadline,
                 sending ? c->proxy->current->idle : proxy_deadline(c->proxy, CONN_LINGER_MS));
}

static void on_linger_deadline(void *arg)
{
    struct conn *c = arg;
    if (c->stream->bytes_out != c->counted_out) {
        wait_for_end(c);
    } else if (stream_unsent(c->stream) > 0) {
        conn_close(c, WHY_SEND_TIMEOUT);
    } else {
        conn_close(c, c->linger_why);
    }
}

static void on_linger(void *arg, enum why why)
{
    struct conn *c = arg;
    c->linger_why = why;
    conn_set_state(c, CONN_DRAINING);
    deadline_clear(&c->deadline);
    deadline_init(&c->deadline, on_linger_deadline, c);
    wait_for_end(c);
}

static void on_closed(void *arg, enum why why)
{
    struct conn *c = arg;
    count_bytes(c);
    c->http = NULL; /* frees itself, and has closed the stream */
    c->stream = NULL;
    conn_close(c, why);
}

static const struct server_events http_events = {
    .on_request = on_request,
    .on_begin = on_begin,
    .on_idle = on_idle,
    .on_linger = on_linger,
    .on_closed = on_closed,
};

static struct server *http2_server(struct conn *c)
{
    struct proxy *p = c->proxy;
    struct h2_server_options options = {.limits = p->current->http2,
                                        .is_tls = conn_is_tls(c),
                                        .header = p->current->header,
                                        .idle = p->current->idle,
                                        .grace = proxy_deadline(p, CONN_LINGER_MS)};
    return h2_server_base(h2_server_new(c->stream, &p->scratch, &options, &http_events, c));
}

void conn_open(struct conn *c, struct str early, bool is_http2)
{
    struct proxy *p = c->proxy;
    conn_set_state(c, CONN_OPEN);
    deadline_clear(&c->deadline);
    c->http = is_http2 ? http2_server(c)
                       : h1_server_base(h1_server_new(c->stream, &p->wide, &p->current->limits,
                                                      &http_events, c));
    server_start(c->http, early);
    /* A connection that sends nothing at first is not better than a slow header. */
    deadline_init(&c->deadline, on_idle_deadline, c);
    if (leave_has_begun(&p->leave)) {
        conn_drain(c);
    } else {
        deadline_set(&c->deadline, p->current->header);
    }
}

/* SPDX-License-Identifier: MIT */
/* From accept to the first HTTP byte: the PROXY header and the TLS handshake. */
#include "conn_impl.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/proxy_protocol.h"
#include "net/stream_plain.h"
#include "tls/tls_stream.h"

#include <stdlib.h>
#include <sys/socket.h>

/* What a browser sees that was pointed at the TLS port with http://. */
static const char plain_answer[] = "HTTP/1.1 400 Bad Request\r\n"
                                   "Content-Type: text/plain; charset=utf-8\r\n"
                                   "Content-Length: 46\r\n"
                                   "Connection: close\r\n\r\n"
                                   "This port speaks HTTPS. Use https:// instead.\n";

#define GONE_LOOK_MS 250

static bool is_trusted(const struct conn *c)
{
    const struct model *m = c->proxy->current->model;
    return addr_net_any(m->proxy_trust, m->proxy_trust_count, &c->client);
}

/* ---- who the client is ---- */

/* One warning a generation, whichever worker comes first. */
static bool is_warned(const struct conn *c)
{
    const struct counters *all = c->proxy->env.counters;
    uint64_t number = c->proxy->current->number;
    for (size_t i = 0; i < all->count; i++) {
        if (__atomic_load_n(&all->slots[i].masked_warned, __ATOMIC_RELAXED) >= number) {
            return true;
        }
    }
    __atomic_store_n(&c->proxy->slot->masked_warned, number, __ATOMIC_RELAXED);
    return false;
}

static void on_masked(const struct conn *c)
{
    char text[ADDR_TEXT_MAX];
    counter_inc(c->proxy->slot, COUNTER_CONNS_MASKED);
    if (!is_warned(c)) {
        log_event(LOG_WARN, "clients_masked",
                  "clients come through %s, which hides their addresses: what has an \"allow\" "
                  "refuses them, and they share one \"rate\"; publish the ports with \"mode: "
                  "host\", or have a balancer send the PROXY protocol and name it in "
                  "\"proxy_protocol: {trust: [...]}\"; if these are clients, say so with "
                  "\"masked: off\"",
                  addr_print_ip(&c->client, text));
    }
}

/* Once a connection, when it is settled whether a PROXY header comes. */
static void settle_client(struct conn *c, const struct addr *source)
{
    const struct model *m = c->proxy->current->model;
    if (source->len > 0) {
        c->client = *source; /* from a trusted balancer: it knows */
    } else if (addr_net_any(m->masked, m->masked_count, &c->client)) {
        on_masked(c);
        return;
    }
    c->client_known = addr_is_ip(&c->client);
    if (c->client_known) {
        char text[ADDR_TEXT_MAX];
        struct str ip = str_of(addr_print_ip(&c->client, text));
        c->client_text_len = (uint8_t)str_copy(c->client_text, sizeof(c->client_text), ip);
    }
}

/* ---- TLS ---- */

static void handshake_failed(struct conn *c, int err)
{
    counter_inc(c->proxy->slot, COUNTER_TLS_FAILED);
    c->detail = tls_stream_error(c->stream);
    enum why why = WHY_HANDSHAKE_FAILED;
    if (err == ERR_NOT_FOUND) {
        why = WHY_UNKNOWN_NAME;
    } else if (err == ERR_PROTOCOL) {
        why = WHY_PLAIN_ON_TLS;
        /* Best effort: the socket is new and takes this at once, or the client gets nothing. */
        ssize_t n = send(c->stream->fd, plain_answer, sizeof(plain_answer) - 1,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)n;
    } else if (err == ERR_DENIED) {
        why = WHY_CLIENT_CERT;
        counter_inc(c->proxy->slot, COUNTER_TLS_CLIENT_CERT_REFUSED);
    } else if (err == ERR_EOF) {
        why = WHY_CLIENT_CLOSED;
    } else if (err == ERR_RESET) {
        why = WHY_CLIENT_RESET;
    }
    conn_close(c, why);
}

static void on_tls(void *arg, unsigned ready)
{
    struct conn *c = arg;
    (void)ready;
    bool is_answered = c->stream->bytes_out > 0 || stream_unsent(c->stream) > 0;
    handshakes_wait(&c->proxy->handshakes, c->turn,
                    is_answered ? HANDSHAKES_ANSWERED : HANDSHAKES_NEW);
}

/* Watched it would be told of every turn. */
static void on_park(void *arg)
{
    struct conn *c = arg;
    stream_want(c->stream, 0);
}

void conn_leave_line(struct conn *c)
{
    if (c->turn != NULL) {
        handshakes_leave(c->turn);
        loop_free_later(c->proxy->loop, c->turn);
        c->turn = NULL;
    }
}

static void handshake_done(struct conn *c)
{
    struct tls_info info;
    tls_stream_info(c->stream, &info);
    c->tls_version = info.version;
    counter_inc(c->proxy->slot, info.resumed ? COUNTER_TLS_RESUMED : COUNTER_TLS_FULL);
    if (info.is_default) {
        counter_inc(c->proxy->slot, COUNTER_TLS_DEFAULT);
    }
    conn_leave_line(c);
    conn_open(c, (struct str){0}, str_eq(info.alpn, STR("h2")));
}

/* Of who waited long it is seen first whether he is still there: the key exchange is not done for
 * the dead. */
static void on_turn(void *arg, uint64_t waited_ms)
{
    struct conn *c = arg;
    if (waited_ms >= GONE_LOOK_MS && fd_is_hung_up(c->stream->fd)) {
        handshake_failed(c, ERR_RESET);
        return;
    }
    int err = tls_stream_handshake(c->stream);
    if (err == OK) {
        handshake_done(c);
    } else if (err == ERR_AGAIN) {
        stream_want(c->stream, STREAM_READABLE);
    } else {
        handshake_failed(c, err);
    }
}

static void wait_in_line(struct conn *c)
{
    c->turn = NEW(struct handshake);
    c->turn->on_turn = on_turn;
    c->turn->on_park = on_park;
    c->turn->arg = c;
    handshakes_wait(&c->proxy->handshakes, c->turn, HANDSHAKES_NEW);
}

static void on_handshake_deadline(void *arg)
{
    struct conn *c = arg;
    counter_inc(c->proxy->slot, COUNTER_TLS_FAILED);
    conn_close(c, WHY_HANDSHAKE_TIMEOUT);
}

static void begin_tls(struct conn *c, int fd, struct str early)
{
    struct proxy *p = c->proxy;
    conn_set_state(c, CONN_HANDSHAKE);
    c->stream = tls_stream_accept(p->tls_worker, p->current->tls, fd, on_tls, c);
    tls_stream_feed(c->stream, early);
    deadline_clear(&c->deadline);
    deadline_init(&c->deadline, on_handshake_deadline, c);
    deadline_set(&c->deadline, p->current->handshake);
    wait_in_line(c); /* the ClientHello is usually here already */
}

/* ---- PROXY protocol ---- */

static void drop(struct buf *early)
{
    if (early != NULL) {
        buf_fini(early);
        free(early);
    }
}

void conn_drop_early(struct conn *c)
{
    drop(c->early);
    c->early = NULL;
}

/* A balancer may keep a connection in hand; only one that began a header is late with it. */
static void on_proxy_deadline(void *arg)
{
    struct conn *c = arg;
    conn_close(c, buf_len(c->early) > 0 ? WHY_PROXY_HEADER_TIMEOUT : WHY_IDLE_TIMEOUT);
}

/* The header is over, or there was none: what else was read goes on. */
static void leave_proxy(struct conn *c)
{
    deadline_clear(&c->deadline);
    if (c->port == PROXY_PORT_HTTPS) {
        int fd = stream_plain_detach(c->stream);
        c->stream = NULL;
        struct buf *early = c->early;
        c->early = NULL;
        begin_tls(c, fd, buf_str(early));
        drop(early);
        return;
    }
    struct buf *early = c->early;
    c->early = NULL;
    conn_open(c, buf_str(early), false);
    drop(early);
}

/* Looks at what came so far; true when it is settled. */
static bool look_for_header(struct conn *c)
{
    struct proxy_header header = {.version = 0};
    size_t len = 0;
    int err = proxy_protocol_parse(buf_str(c->early), &header, &len);
    if (err == ERR_AGAIN) {
        return false;
    }
    if (err == OK) {
        buf_consume(c->early, len);
        settle_client(c, &header.source);
    } else if (err != ERR_NOT_FOUND) {
        conn_close(c, WHY_PROXY_HEADER_BAD);
        return true;
    } else {
        settle_client(c, &header.source);
    }
    leave_proxy(c);
    return true;
}

static void on_proxy_bytes(void *arg, unsigned ready)
{
    struct conn *c = arg;
    (void)ready;
    uint8_t *room;
    size_t n = 0;
    size_t space = c->early->limit - buf_len(c->early);
    if (space == 0 || buf_reserve(c->early, space, &room) != OK) {
        conn_close(c, WHY_PROXY_HEADER_BAD);
        return;
    }
    int err = stream_read(c->stream, room, space, &n);
    if (err == ERR_AGAIN) {
        return;
    }
    if (err != OK && buf_len(c->early) > 0) {
        conn_close(c, WHY_PROXY_HEADER_BAD);
        return;
    }
    if (err != OK) {
        /* A balancer's health check: connects, says nothing, closes. */
        conn_close(c, err == ERR_EOF ? WHY_CLIENT_CLOSED : WHY_CLIENT_RESET);
        return;
    }
    buf_commit(c->early, n);
    look_for_header(c);
}

void conn_begin(struct conn *c, int fd)
{
    struct proxy *p = c->proxy;
    if (!is_trusted(c)) {
        settle_client(c, &(struct addr){.len = 0});
        if (c->port == PROXY_PORT_HTTPS) {
            begin_tls(c, fd, (struct str){0});
        } else {
            c->stream = stream_plain_new(p->loop, fd, NULL, NULL);
            conn_open(c, (struct str){0}, false);
        }
        return;
    }
    c->early = NEW(struct buf);
    buf_init(c->early, PROXY_HEADER_MAX);
    c->stream = stream_plain_new(p->loop, fd, on_proxy_bytes, c);
    deadline_init(&c->deadline, on_proxy_deadline, c);
    deadline_set(&c->deadline, p->current->header);
    stream_want(c->stream, STREAM_READABLE);
}

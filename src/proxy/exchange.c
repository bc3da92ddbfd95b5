/* SPDX-License-Identifier: MIT */
#include "proxy/exchange.h"

#include "base/mem.h"
#include "exchange_impl.h"
#include "proxy/headers.h"
#include "route/table.h"
#include "tally.h"

#include <stdlib.h>

#define RETRY_AFTER_S 2

static int gauge_of(enum exchange_state state)
{
    switch (state) {
    case EX_HEAD: return COUNTER_EXCHANGES_HEAD;
    case EX_ROUTE:
    case EX_CHALLENGE: return COUNTER_EXCHANGES_ROUTE;
    case EX_CONNECT: return COUNTER_EXCHANGES_CONNECT;
    case EX_RELAY: return COUNTER_EXCHANGES_RELAY;
    case EX_TUNNEL: return COUNTER_EXCHANGES_TUNNEL;
    case EX_DONE:
    case EX_FAILED: break;
    }
    return -1;
}

void exchange_set_state(struct exchange *ex, enum exchange_state state)
{
    static const unsigned ends = 1u << EX_DONE | 1u << EX_FAILED;
    static const unsigned allowed[] = {
        [EX_HEAD] = 1u << EX_ROUTE | ends,
        [EX_ROUTE] = 1u << EX_CONNECT | 1u << EX_CHALLENGE | ends,
        [EX_CONNECT] = 1u << EX_RELAY | ends,
        [EX_RELAY] = 1u << EX_TUNNEL | 1u << EX_CONNECT | ends, /* EX_CONNECT: a retry */
        [EX_TUNNEL] = ends,
        [EX_CHALLENGE] = ends,
        [EX_DONE] = 0,
        [EX_FAILED] = 0,
    };
    REQUIRE(allowed[ex->state] & 1u << state);
    int before = gauge_of(ex->state);
    int after = gauge_of(state);
    if (before >= 0) {
        counter_dec(ex->proxy->slot, (enum counter)before);
    }
    if (after >= 0) {
        counter_inc(ex->proxy->slot, (enum counter)after);
    }
    ex->state = state;
}

const char *exchange_id(struct exchange *ex)
{
    if (ex->id[0] == '\0') {
        str_put_hex(ex->id, 16, ex->proxy->id_prefix);
        str_put_hex(ex->id + 16, 8, ex->number);
        ex->id[24] = '\0';
    }
    return ex->id;
}

/* ---- what the client's side tells us before a service is involved ---- */

static void on_early_data(void *arg, struct str data)
{
    (void)arg;
    (void)data; /* only after channel_read(true), which the relay asks for */
}

static void on_early_end(void *arg)
{
    (void)arg;
}

static void on_client_abort(void *arg, enum why why)
{
    exchange_client_gone(arg, why);
}

void exchange_client_gone(struct exchange *ex, enum why why)
{
    ex->client = NULL;
    if (ex->status == 0 && why != WHY_CLIENT_ABORT) {
        ex->status = (uint16_t)why_status(why); /* broken by the client: as if it could be told */
    }
    exchange_finish(ex, why);
}

static void on_client_bad(void *arg, enum why why)
{
    exchange_fail(arg, why);
}

static const struct channel_events early_events = {
    .on_data = on_early_data,
    .on_end = on_early_end,
    .on_writable = on_early_end,
    .on_bad = on_client_bad,
    .on_abort = on_client_abort,
};

void exchange_new(struct conn *c, struct channel *ch, struct message *m, struct body body,
                  enum why bad)
{
    struct exchange *ex = NEW(struct exchange);
    ex->proxy = conn_proxy(c);
    ex->conn = c;
    ex->settings = proxy_settings_ref(ex->proxy->current);
    ex->arena = m->arena;
    ex->client = ch;
    ex->request = m;
    ex->request_body = body;
    ex->request_half = body.kind == BODY_NONE ? EX_HALF_DONE : EX_HALF_BODY;
    ex->method = m->method_text;
    ex->port_tls = conn_is_tls(c);
    ex->started_us = loop_now_us(ex->proxy->loop);
    ex->state = EX_HEAD;
    deadline_init(&ex->deadline, NULL, NULL);
    counter_inc(ex->proxy->slot, COUNTER_EXCHANGES_HEAD);
    ex->number = ex->proxy->id_count++;
    list_push_back(conn_exchanges(c), &ex->node);
    channel_bind(ch, &early_events, ex);
    channel_read(ch, false);
    if (bad != WHY_OK) {
        exchange_fail(ex, bad);
    } else {
        exchange_route(ex);
    }
}

void exchange_finish(struct exchange *ex, enum why why)
{
    if (ex->state == EX_DONE || ex->state == EX_FAILED) {
        return;
    }
    bool good = why == WHY_OK || why == WHY_REDIRECTED || why == WHY_TUNNEL_DONE;
    exchange_set_state(ex, good ? EX_DONE : EX_FAILED);
    deadline_clear(&ex->deadline);
    if (ex->lease != NULL) {
        ex->endpoint = lease_endpoint(ex->lease);
        ex->task = lease_task(ex->lease);
        lease_add_tally(ex->lease, &ex->tally);
        ex->spoken = lease_protocol(ex->lease);
        ex->detail = lease_detail(ex->lease);
    }
    access_log_write(ex, why);
    tally_request(ex->settings->tally, ex->site, ex->status, why);
    challenge_free(ex->challenge);
    exchange_gzip_free(ex);
    exchange_again_drop(ex);
    if (ex->upstream != NULL) {
        channel_bind(ex->upstream, NULL, NULL);
    }
    lease_end(ex->lease, why);
    upstream_service_unref(ex->to);
    ex->to = NULL;
    ex->upstream = NULL;
    ex->lease = NULL;
    if (ex->client != NULL) {
        channel_bind(ex->client, NULL, NULL);
        channel_read(ex->client, true); /* the rest of a body nobody wants runs off */
        ex->client = NULL;
    }
    list_remove(&ex->node);
    conn_exchange_done(ex->conn);
    proxy_settings_unref(ex->settings);
    ex->settings = NULL;
    loop_free_later(ex->proxy->loop, ex);
}

void exchange_abort_all(struct list *exchanges, enum why why)
{
    while (!list_is_empty(exchanges)) {
        struct exchange *ex = LIST_FIRST(exchanges, struct exchange, node);
        ex->client = NULL; /* the connection closes it */
        exchange_finish(ex, why);
    }
}

/* An answer of our own is the site's too: it has the fields of the route that the path leads to,
 * whether or not the request came so far. */
static void add_headers(const struct exchange *ex, struct message *head)
{
    const struct model_route *route = ex->route;
    if (ex->site == NULL) {
        return;
    }
    if (ex->site->redirect.len > 0) {
        headers_apply(head, &ex->site->rules.response);
        return;
    }
    if (route == NULL) {
        route = route_match(ex->site, ex->target.match);
    }
    if (route != NULL) {
        headers_apply(head, &route->rules.response);
    }
}

static void send_reply(struct exchange *ex, struct reply *reply)
{
    add_headers(ex, &reply->head);
    struct body body = {BODY_LENGTH, reply->body.len};
    if (reply->body.len == 0) {
        body.kind = BODY_NONE;
    }
    ex->status = reply->head.status;
    ex->response_half = EX_HALF_DONE;
    if (ex->request_half != EX_HALF_DONE) {
        conn_distrust(
            ex->conn); /* the rest of the body is not read: say that the connection ends */
    }
    channel_send_head(ex->client, &reply->head, body, (struct str){0});
    if (ex->request->method != METHOD_HEAD) {
        channel_send_data(ex->client, reply->body);
        ex->bytes_out += reply->body.len;
    }
    channel_send_end(ex->client);
}

void exchange_reply(struct exchange *ex, struct reply *reply, enum why why)
{
    send_reply(ex, reply);
    exchange_finish(ex, why);
}

/* After a request that is malformed, or not read to its end, nothing on the connection is believed.
 */
static bool ends_connection(enum why why)
{
    switch (why_status(why)) {
    case 400:
    case 405:
    case 408:
    case 413:
    case 414:
    case 417:
    case 431:
    case 501:
    case 505: return true;
    default: return false;
    }
}

void exchange_fail(struct exchange *ex, enum why why)
{
    if (ex->client == NULL) {
        exchange_finish(ex, why);
        return;
    }
    bool answerable =
        ex->response_half == EX_HALF_HEAD && why_status(why) >= 400 && why != WHY_CLIENT_ABORT;
    if (!answerable) {
        /* Half an answer is out, or nobody is to be answered: the client must see a cut. */
        struct channel *client = ex->client;
        ex->client = NULL;
        channel_reset(client, why);
        exchange_finish(ex, why);
        return;
    }
    if (ends_connection(why)) {
        conn_distrust(ex->conn);
    }
    struct reply reply;
    reply_error(ex->arena, why, ex->request, str_of(exchange_id(ex)), &reply);
    reply_retry_after(&reply, ex->retry_after_s > 0 ? ex->retry_after_s : RETRY_AFTER_S);
    if (ex->www_authenticate.len > 0) {
        message_add(&reply.head, STR("WWW-Authenticate"), ex->www_authenticate);
    }
    exchange_reply(ex, &reply, why);
}

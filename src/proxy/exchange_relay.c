/* SPDX-License-Identifier: MIT */
/*
 * To the service and back: a link is asked for, the request goes out, bodies are pumped both ways,
 * each side stopped while the other does not take its bytes. After 101 the same pump is a tunnel.
 */
#include "exchange_impl.h"

#include "proxy/headers.h"

/* How long a service that says nothing keeps a client with "Expect: 100-continue" waiting. */
#define CONTINUE_WAIT_MS 1000

static void connect_again(struct exchange *ex, enum why why);

/* ---- deadlines: one at a time, for whomever we are waiting for ---- */

static void on_relay_deadline(void *arg)
{
    struct exchange *ex = arg;
    if (ex->state == EX_TUNNEL) {
        exchange_fail(ex, WHY_TUNNEL_IDLE);
    } else if (ex->upstream_paused) {
        exchange_fail(ex, WHY_SEND_TIMEOUT);
    } else if (ex->request_half != EX_HALF_DONE && !ex->client_paused &&
               ex->response_half == EX_HALF_HEAD) {
        exchange_fail(ex, WHY_BODY_TIMEOUT);
    } else if (ex->response_half == EX_HALF_HEAD) {
        exchange_fail(ex, WHY_UPSTREAM_TIMEOUT);
    } else {
        exchange_fail(ex, WHY_UPSTREAM_STALLED);
    }
}

/* Called on every progress: starts the wait for the next step. */
static void wait_for_progress(struct exchange *ex)
{
    struct deadline_class *wait = ex->use->response;
    if (ex->state == EX_TUNNEL) {
        wait = ex->use->tunnel;
    } else if (ex->upstream_paused) {
        wait = ex->settings->idle;
    } else if (ex->request_half != EX_HALF_DONE && !ex->client_paused &&
               ex->response_half == EX_HALF_HEAD) {
        wait = ex->settings->idle;
    }
    deadline_set(&ex->deadline, wait);
}

/* ---- a body that waits for 100 (RFC 9110 section 10.1.1) ---- */

static void take_body(struct exchange *ex)
{
    ex->holds_body = false;
    deadline_clear(&ex->deadline);
    deadline_init(&ex->deadline, on_relay_deadline, ex);
    channel_read(ex->client, true);
    wait_for_progress(ex);
}

/* A service that knows no 100 waits for the body, so we ask for it in its place. */
static void on_continue_deadline(void *arg)
{
    struct exchange *ex = arg;
    struct message head;
    message_init(&head, ex->arena);
    head.status = 100;
    head.reason = message_reason(100);
    channel_send_head(ex->client, &head, (struct body){.kind = BODY_NONE}, (struct str){0});
    take_body(ex);
}

static void hold_body(struct exchange *ex)
{
    ex->holds_body = true;
    deadline_clear(&ex->deadline);
    deadline_init(&ex->deadline, on_continue_deadline, ex);
    deadline_set(&ex->deadline, proxy_deadline(ex->proxy, CONTINUE_WAIT_MS));
}

/* A final answer before the body: a refusal does not want it, and the connection cannot tell the
 * body that never comes from the next request. */
static void answer_held(struct exchange *ex, uint16_t status)
{
    if (ex->holds_body && status < 300) {
        take_body(ex);
    } else if (ex->holds_body) {
        ex->holds_body = false;
        deadline_clear(&ex->deadline);
        deadline_init(&ex->deadline, on_relay_deadline, ex);
    }
    if (ex->request_half != EX_HALF_DONE && status >= 300) {
        conn_distrust(ex->conn);
    }
}

/* ---- from the service to the client ---- */

static void finish_if_done(struct exchange *ex)
{
    if (ex->response_half != EX_HALF_DONE) {
        return;
    }
    if (ex->state == EX_TUNNEL) {
        if (ex->request_half == EX_HALF_DONE) {
            exchange_finish(ex, WHY_TUNNEL_DONE);
        }
        return;
    }
    exchange_finish(ex, WHY_OK);
}

static void on_interim_head(struct exchange *ex, struct message *m)
{
    channel_send_head(ex->client, m, (struct body){.kind = BODY_NONE}, (struct str){0});
    if (ex->holds_body && m->status == 100) {
        take_body(ex);
    } else if (!ex->holds_body) {
        wait_for_progress(ex);
    }
}

static void on_response_head(void *arg, struct message *m, struct body body)
{
    struct exchange *ex = arg;
    hop_strip(m, &ex->answer_hop);
    if (m->status < 200 && body.kind != BODY_TUNNEL) {
        on_interim_head(ex, m);
        return;
    }
    enum why why = channel_check_head(ex->client, m, body);
    if (why != WHY_OK) {
        exchange_fail(ex, why);
        return;
    }
    answer_held(ex, m->status);
    ex->status = m->status;
    lease_note_status(ex->lease, m->status);
    ex->answered_us = loop_now_us(ex->proxy->loop);
    ex->response_half = EX_HALF_BODY;
    exchange_again_drop(ex);
    if (body.kind == BODY_TUNNEL) {
        ex->request_half = EX_HALF_BODY;
        exchange_set_state(ex, EX_TUNNEL);
    }
    if (body.kind != BODY_TUNNEL) {
        headers_apply(m, &ex->route->rules.response);
    }
    exchange_gzip_begin(ex, m, &body); /* last: it must know what the client will read */
    bool names_protocol = body.kind == BODY_TUNNEL || m->status == 426;
    channel_send_head(ex->client, m, body,
                      names_protocol ? ex->answer_hop.upgrade : (struct str){0});
    if (body.kind == BODY_TUNNEL) {
        channel_read(ex->client, true);
    }
    wait_for_progress(ex);
}

void exchange_send_data(struct exchange *ex, struct str data)
{
    ex->bytes_out += data.len;
    channel_send_data(ex->client, data);
    if (channel_unsent(ex->client) > CHANNEL_HIGH && ex->response_half != EX_HALF_DONE) {
        ex->upstream_paused = true;
        channel_read(ex->upstream, false);
    }
}

static void on_response_data(void *arg, struct str data)
{
    struct exchange *ex = arg;
    if (ex->gzip != NULL) {
        exchange_gzip_data(ex, data);
    } else {
        exchange_send_data(ex, data);
    }
    wait_for_progress(ex);
}

static void on_response_trailers(void *arg, struct message *m)
{
    struct exchange *ex = arg;
    hop_strip_trailers(m, &ex->answer_hop);
    headers_strip_trailers(m, &ex->route->rules.response);
    exchange_gzip_end(ex);
    channel_send_trailers(ex->client, m);
}

static void on_response_end(void *arg)
{
    struct exchange *ex = arg;
    ex->response_half = EX_HALF_DONE;
    exchange_gzip_end(ex);
    channel_send_end(ex->client);
    finish_if_done(ex);
}

static void on_upstream_writable(void *arg)
{
    struct exchange *ex = arg;
    if (ex->client_paused) {
        ex->client_paused = false;
        channel_read(ex->client, true);
        wait_for_progress(ex);
    }
}

static void on_upstream_abort(void *arg, enum why why)
{
    struct exchange *ex = arg;
    ex->upstream = NULL;
    if (ex->state == EX_TUNNEL && ex->response_half == EX_HALF_DONE) {
        exchange_finish(ex, WHY_TUNNEL_DONE); /* the client still gets what came before the end */
    } else if (ex->state == EX_TUNNEL) {
        exchange_fail(ex, WHY_TUNNEL_DONE);
    } else if (exchange_again_may(ex, why)) {
        connect_again(ex, why);
    } else {
        exchange_fail(ex, why);
    }
}

static void on_upstream_bad(void *arg, enum why why)
{
    on_upstream_abort(arg, why);
}

static const struct channel_events upstream_events = {
    .on_head = on_response_head,
    .on_data = on_response_data,
    .on_trailers = on_response_trailers,
    .on_end = on_response_end,
    .on_writable = on_upstream_writable,
    .on_bad = on_upstream_bad,
    .on_abort = on_upstream_abort,
};

/* ---- from the client to the service ---- */

static void on_request_data(void *arg, struct str data)
{
    struct exchange *ex = arg;
    if (ex->upstream == NULL) {
        return;
    }
    ex->bytes_in += data.len;
    if (ex->state != EX_TUNNEL && ex->bytes_in > ex->route->body_bytes) {
        exchange_fail(ex, WHY_BODY_TOO_LARGE);
        return;
    }
    if (ex->response_half == EX_HALF_HEAD) {
        exchange_again_keep(ex, data);
    }
    channel_send_data(ex->upstream, data);
    if (channel_unsent(ex->upstream) > CHANNEL_HIGH) {
        ex->client_paused = true;
        channel_read(ex->client, false);
    }
    wait_for_progress(ex);
}

/* They are kept: a request that is sent again is sent with them. */
static void on_request_trailers(void *arg, struct message *m)
{
    struct exchange *ex = arg;
    hop_strip_trailers(m, &ex->hop);
    headers_strip_trailers(m, &ex->route->rules.request);
    ex->trailers = m;
}

static void end_request(struct exchange *ex)
{
    if (ex->trailers != NULL) {
        channel_send_trailers(ex->upstream, ex->trailers);
    }
    channel_send_end(ex->upstream);
}

static void on_request_end(void *arg)
{
    struct exchange *ex = arg;
    ex->request_half = EX_HALF_DONE;
    if (ex->upstream != NULL) {
        end_request(ex);
    }
    wait_for_progress(ex);
    finish_if_done(ex);
}

static void on_client_writable(void *arg)
{
    struct exchange *ex = arg;
    if (ex->upstream_paused) {
        ex->upstream_paused = false;
        if (ex->upstream != NULL) {
            channel_read(ex->upstream, true);
        }
        wait_for_progress(ex);
    }
}

static void on_client_bad(void *arg, enum why why)
{
    exchange_fail(arg, why);
}

static void on_client_abort(void *arg, enum why why)
{
    struct exchange *ex = arg;
    if (ex->state == EX_TUNNEL && (why == WHY_CLIENT_ABORT || why == WHY_TUNNEL_DONE)) {
        why = WHY_TUNNEL_DONE;
    }
    exchange_client_gone(ex, why);
}

static const struct channel_events client_events = {
    .on_data = on_request_data,
    .on_trailers = on_request_trailers,
    .on_end = on_request_end,
    .on_writable = on_client_writable,
    .on_bad = on_client_bad,
    .on_abort = on_client_abort,
};

/* ---- the link ---- */

static void on_link_ready(void *arg)
{
    struct exchange *ex = arg;
    ex->connected_us = loop_now_us(ex->proxy->loop);
    ex->upstream = lease_channel(ex->lease);
    exchange_set_state(ex, EX_RELAY);
    deadline_clear(&ex->deadline);
    deadline_init(&ex->deadline, on_relay_deadline, ex);
    wait_for_progress(ex);
    channel_bind(ex->upstream, &upstream_events, ex);
    channel_send_head(ex->upstream, ex->request, ex->request_body, ex->hop.upgrade);
    exchange_again_send(ex);
    if (ex->request_half == EX_HALF_DONE) {
        end_request(ex);
    } else if (ex->bytes_in == 0 && message_find(ex->request, FIELD_EXPECT) != NULL) {
        hold_body(ex);
    } else {
        channel_read(ex->client, true);
    }
}

static void on_link_failed(void *arg, enum why why)
{
    exchange_fail(arg, why);
}

static const struct lease_events link_events = {
    .on_ready = on_link_ready,
    .on_failed = on_link_failed,
};

/* `avoid`: where a link has died under this request, or empty. */
static void ask_for_link(struct exchange *ex, struct str avoid)
{
    struct lease_want want = {.arena = ex->arena,
                              .transport = ex->use->transport,
                              .attempt_class = ex->use->attempt,
                              .greet_class = ex->use->greet,
                              .connect_class = ex->use->connect,
                              .hold_class = ex->use->hold,
                              .hold_requests = ex->route->hold.requests,
                              .bound = ex->route->bound,
                              .limits = &ex->settings->limits,
                              .eject = &ex->route->eject,
                              .balance = ex->balance,
                              .balance_key = ex->balance_key,
                              .came_us = ex->started_us,
                              .fresh = avoid.len > 0,
                              .avoid = avoid};
    exchange_set_state(ex, EX_CONNECT);
    deadline_clear(&ex->deadline); /* the lease has its own */
    ex->lease = lease_new(ex->to, &want, &link_events, ex);
}

static void connect_again(struct exchange *ex, enum why why)
{
    struct str where = arena_dup(ex->arena, lease_endpoint(ex->lease));
    lease_add_tally(ex->lease, &ex->tally);
    ex->retry_why = why;
    lease_end(ex->lease, why);
    ex->lease = NULL;
    ex->retries++;
    ex->client_paused = false;
    channel_read(ex->client, false);
    ask_for_link(ex, where);
}

void exchange_connect(struct exchange *ex)
{
    channel_bind(ex->client, &client_events, ex);
    ask_for_link(ex, STR(""));
}

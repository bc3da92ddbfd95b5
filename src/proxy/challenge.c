/* SPDX-License-Identifier: MIT */
/*
 * ACME HTTP-01 (RFC 8555 section 8.3): GET /.well-known/acme-challenge/TOKEN on port 80, for every
 * Host, before any redirect, with or without a certificate. Answered from the challenge folder,
 * which the supervisor reads for us, else by the support server. Not an open proxy: GET and HEAD
 * only, a checked token, a request written from nothing, an answer of bounded size.
 */
#include "base/mem.h"
#include "exchange_impl.h"

#include <stdlib.h>

#define TOKEN_MAX  128
#define ANSWER_MAX (16 * 1024)

static const struct str prefix = {"/.well-known/acme-challenge/", 28};

struct challenge {
    struct list node; /* in proxy.challenges while the folder is asked */
    uint32_t id;
    struct exchange *ex;
    struct str token; /* in the arena */
    struct message request;
    struct str content_type; /* of the support server's answer, in the arena */
    uint16_t status;
    struct buf body;
};

bool challenge_is_for(const struct exchange *ex)
{
    const struct model_acme *acme = &ex->settings->model->acme;
    return (acme->has_relay || acme->folder.len > 0) && str_starts(ex->target.path, prefix);
}

/* base64url, as ACME servers make them (RFC 8555 section 8.3). */
static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_';
        if (!good) {
            return false;
        }
    }
    return s.len > 0 && s.len <= TOKEN_MAX;
}

static void answer(struct exchange *ex, struct str content_type, struct str bytes)
{
    struct reply reply;
    reply_make(ex->arena, 200, content_type, arena_dup(ex->arena, bytes), &reply);
    exchange_reply(ex, &reply, WHY_OK);
}

/* ---- the support server ---- */

static void on_relay_head(void *arg, struct message *m, struct body body)
{
    struct challenge *c = arg;
    if (m->status < 200) {
        return;
    }
    const struct field *type = message_find(m, FIELD_CONTENT_TYPE);
    c->status = m->status;
    c->content_type = type == NULL ? STR("text/plain") : type->value;
    if (body.kind == BODY_LENGTH && body.length > ANSWER_MAX) {
        exchange_fail(c->ex, WHY_CHALLENGE_TOO_LARGE);
    }
}

static void on_relay_data(void *arg, struct str data)
{
    struct challenge *c = arg;
    if (buf_append_str(&c->body, data) != OK) {
        exchange_fail(c->ex, WHY_CHALLENGE_TOO_LARGE);
    }
}

static void on_relay_end(void *arg)
{
    struct challenge *c = arg;
    if (c->status == 200) {
        answer(c->ex, c->content_type, buf_str(&c->body));
    } else {
        exchange_fail(c->ex, WHY_CHALLENGE_NONE);
    }
}

static void on_relay_abort(void *arg, enum why why)
{
    struct challenge *c = arg;
    c->ex->upstream = NULL;
    exchange_fail(c->ex, why);
}

static void on_nothing(void *arg)
{
    (void)arg;
}

static const struct channel_events relay_events = {
    .on_head = on_relay_head,
    .on_data = on_relay_data,
    .on_end = on_relay_end,
    .on_writable = on_nothing,
    .on_bad = on_relay_abort,
    .on_abort = on_relay_abort,
};

static void on_relay_deadline(void *arg)
{
    exchange_fail(arg, WHY_UPSTREAM_TIMEOUT);
}

static void write_request(struct challenge *c)
{
    struct exchange *ex = c->ex;
    const struct model_acme *acme = &ex->settings->model->acme;
    struct str authority = acme->relay.host;
    if (acme->relay.port != 80 || str_find(authority, ':') >= 0) {
        authority = acme->relay.service;
    }
    message_init(&c->request, ex->arena);
    c->request.version = HTTP_1_1;
    c->request.method = METHOD_GET;
    c->request.method_text = STR("GET");
    c->request.target =
        acme->strip
            ? arena_printf(ex->arena, "%.*s/%.*s", STR_FMT(acme->relay_path), STR_FMT(c->token))
            : arena_printf(ex->arena, "%.*s%.*s%.*s", STR_FMT(acme->relay_path), STR_FMT(prefix),
                           STR_FMT(c->token));
    message_add(&c->request, STR("Host"), authority);
    message_add(&c->request, STR("User-Agent"), STR("hivedoor"));
    message_add(&c->request, STR("Accept"), STR("*/*"));
}

static void on_link_ready(void *arg)
{
    struct challenge *c = arg;
    struct exchange *ex = c->ex;
    ex->upstream = lease_channel(ex->lease);
    channel_bind(ex->upstream, &relay_events, c);
    deadline_clear(&ex->deadline);
    deadline_init(&ex->deadline, on_relay_deadline, ex);
    deadline_set(&ex->deadline, ex->use->response);
    write_request(c);
    channel_send_head(ex->upstream, &c->request, (struct body){BODY_NONE, 0}, (struct str){0});
    channel_send_end(ex->upstream);
}

static void on_link_failed(void *arg, enum why why)
{
    struct challenge *c = arg;
    exchange_fail(c->ex, why);
}

static const struct lease_events link_events = {
    .on_ready = on_link_ready,
    .on_failed = on_link_failed,
};

static void ask_relay(struct challenge *c)
{
    struct exchange *ex = c->ex;
    if (!ex->settings->model->acme.has_relay) {
        exchange_fail(ex, WHY_CHALLENGE_NONE);
        return;
    }
    ex->use = &ex->settings->relay;
    ex->service = ex->settings->model->acme.relay.service;
    struct lease_want want = {.arena = ex->arena,
                              .transport = ex->use->transport,
                              .attempt_class = ex->use->attempt,
                              .greet_class = ex->use->greet,
                              .limits = &ex->settings->limits,
                              .fresh = true};
    deadline_set(&ex->deadline, ex->use->connect);
    ex->lease = lease_new(ex->use->service, &want, &link_events, c);
}

/* ---- the folder ---- */

static void ask_folder(struct challenge *c)
{
    struct proxy *p = c->ex->proxy;
    c->id = ++p->challenge_id;
    list_push_back(&p->challenges, &c->node);
    p->env.challenge_ask(p->env.arg, c->id, c->token);
}

void proxy_challenge_answer(struct proxy *p, uint32_t id, bool found, struct str bytes)
{
    LIST_EACH (&p->challenges, it, tmp) {
        struct challenge *c = CONTAINER_OF(it, struct challenge, node);
        if (c->id != id) {
            continue;
        }
        list_remove(&c->node);
        if (found) {
            answer(c->ex, STR("text/plain"), bytes);
        } else {
            ask_relay(c);
        }
        return;
    }
}

/* ---- */

static void on_deadline(void *arg)
{
    exchange_fail(arg, WHY_CONNECT_TIMEOUT);
}

void challenge_start(struct exchange *ex)
{
    exchange_set_state(ex, EX_CHALLENGE);
    struct str token = str_from(ex->target.path, prefix.len);
    if (ex->request->method != METHOD_GET && ex->request->method != METHOD_HEAD) {
        exchange_fail(ex, WHY_METHOD_REFUSED);
        return;
    }
    if (!is_token(token)) {
        exchange_fail(ex, WHY_CHALLENGE_BAD);
        return;
    }
    struct challenge *c = NEW(struct challenge);
    c->ex = ex;
    c->token = token;
    list_init(&c->node);
    buf_init(&c->body, ANSWER_MAX);
    ex->challenge = c;
    deadline_init(&ex->deadline, on_deadline, ex);
    deadline_set(&ex->deadline,
                 proxy_deadline(ex->proxy, ex->settings->model->timeouts.connect_ms));
    if (ex->settings->model->acme.folder.len > 0) {
        ask_folder(c);
    } else {
        ask_relay(c);
    }
}

void challenge_free(struct challenge *c)
{
    if (c == NULL) {
        return;
    }
    list_remove(&c->node);
    buf_fini(&c->body);
    loop_free_later(c->ex->proxy->loop, c);
}

/* SPDX-License-Identifier: MIT */
#include "http/h2_server.h"

#include "base/mem.h"
#include "h2_session_impl.h"
#include "h2_upgrade.h"

#include <stdlib.h>

struct h2_server {
    struct h2_session session; /* first: the role's functions get it */
    struct server base;
    const struct server_events *events;
    void *arg;
    bool is_tls;
    bool is_started; /* the client's SETTINGS are here */
    bool is_idle;    /* on_idle was called since the last request */
    bool is_last;    /* the next request is the last */
    uint32_t requests;
};

static struct h2_server *server_of(struct h2_session *s)
{
    return (struct h2_server *)(void *)s;
}

/* ---- requests ---- */

static struct h2_stream *on_open(struct h2_session *s, int32_t id)
{
    static const nghttp2_extpri fair = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
    struct h2_server *v = server_of(s);
    if (s->parting == H2_PARTING_FINAL) {
        return NULL;
    }
    /* Counted until the exchange ends, not until the frame: a stream that was reset leaves the list
     * when its owner has let go, and not before the turn ends. */
    if (s->stream_count >= s->limits.streams) {
        return NULL;
    }
    struct h2_stream *st = h2_stream_new(s, id, NULL);
    /* Equal shares for all: no stream waits for the end of another. */
    (void)nghttp2_session_change_extpri_stream_priority(s->ng, id, &fair, 1);
    s->rests = false;
    if (v->is_idle) {
        v->is_idle = false;
        v->events->on_begin(v->arg);
    }
    return st;
}

static void count_request(struct h2_server *v)
{
    v->requests++;
    h2_guard_earn(&v->session.guard, 0);
    if (v->is_last || v->requests >= v->session.limits.requests) {
        h2_session_part(&v->session, v->is_last ? WHY_DRAINED : WHY_NOT_KEPT_ALIVE);
    }
}

/* RFC 9113 section 8.1.1: a length that the end of the stream contradicts is malformed. */
static bool take_body(struct h2_stream *st, const struct h2_head *head, bool ended,
                      struct body *out_body)
{
    st->has_length = head->has_length;
    st->in_left = head->length;
    st->in_told = ended;
    *out_body = (struct body){BODY_NONE, 0};
    if (ended) {
        return head->length == 0;
    }
    if (!head->has_length) {
        out_body->kind = BODY_CHUNKED;
    } else if (head->length > 0) {
        *out_body = (struct body){BODY_LENGTH, head->length};
    } else {
        st->in_told = true; /* only the end itself is still to come */
    }
    return true;
}

/* Why a request is not served; WHY_OK if it is. */
static enum why judge(const struct h2_server *v, const struct h2_head *head, int err)
{
    struct str scheme = v->is_tls ? STR("https") : STR("http");
    if (err != OK) {
        return err == ERR_LIMIT ? head->too_large : head->malformed;
    }
    if (head->scheme.len > 0 && !str_ieq(head->scheme, scheme)) {
        return WHY_BAD_TARGET; /* RFC 9110 section 7.4 */
    }
    return WHY_OK;
}

static void on_head(struct h2_stream *st, struct h2_head *head, int err, bool ended)
{
    struct h2_server *v = server_of(st->session);
    struct body body;
    enum why bad = judge(v, head, err);
    st->method = head->m->method;
    if (!take_body(st, head, ended, &body) && err != ERR_PROTOCOL) {
        err = ERR_PROTOCOL;
        bad = WHY_BAD_FRAMING;
    }
    if (bad == WHY_OK && head->protocol.len > 0) {
        bad = h2_upgrade_request(st, head, &body);
    }
    if (bad != WHY_OK) {
        body = (struct body){BODY_NONE, 0};
        st->in_told = true;
    }
    count_request(v);
    v->is_idle = false;
    if (err == ERR_PROTOCOL) {
        h2_stream_malformed(st, bad); /* first: whatever is answered goes nowhere */
    }
    v->events->on_request(v->arg, &st->channel, head->m, body, bad);
}

/* ---- responses ---- */

static int send_head(struct h2_stream *st, struct message *m, struct body body, struct str upgrade)
{
    struct h2_nvs nvs;
    bool is_head = st->method == METHOD_HEAD;
    bool is_interim = m->status < 200 && m->status != 101;
    (void)upgrade;
    if (m->status == 101) {
        return h2_upgrade_accept(st, m);
    }
    if (h2_nv_response(m, body, is_head, &nvs) != OK) {
        return ERR_SYNTAX;
    }
    nghttp2_session *ng = st->session->ng;
    int rv;
    if (is_interim) {
        rv = nghttp2_submit_headers(ng, NGHTTP2_FLAG_NONE, st->id, NULL, nvs.list, nvs.count, NULL);
    } else {
        bool has_body = !is_head && m->status != 204 && m->status != 304;
        nghttp2_data_provider data = h2_stream_provider(st);
        bool comes = h2_stream_frame_body(st, body, has_body);
        rv = nghttp2_submit_response(ng, st->id, nvs.list, nvs.count, comes ? &data : NULL);
    }
    return rv == 0 ? OK : ERR_SYNTAX;
}

/* ---- ends ---- */

static bool has_owner(const struct h2_session *s)
{
    LIST_EACH (&s->streams, it, tmp) {
        if (CONTAINER_OF(it, struct h2_stream, node)->channel.events != NULL) {
            return true;
        }
    }
    return false;
}

static enum why gone_why(const struct h2_session *s, int err)
{
    if (has_owner(s)) {
        return WHY_CLIENT_ABORT;
    }
    if (err == ERR_TLS) {
        return WHY_TLS_ERROR;
    }
    return err == ERR_EOF ? WHY_CLIENT_CLOSED : WHY_CLIENT_RESET;
}

static enum why reset_why(const struct h2_stream *st, uint32_t code)
{
    (void)code;
    return st->is_fault ? WHY_H2_PROTOCOL : WHY_CLIENT_ABORT;
}

static uint32_t reset_code(const struct h2_stream *st, enum why why)
{
    (void)st;
    return why_status(why) >= 500 ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL;
}

/* ---- abuse ---- */

static void on_frame(struct h2_session *s, const nghttp2_frame_hd *hd)
{
    const struct h2_stream *st = nghttp2_session_get_stream_user_data(s->ng, hd->stream_id);
    switch (hd->type) {
    case NGHTTP2_DATA:
        /* What comes for a stream that is over may have been on its way; crumbs are not, for
         * long. */
        if (hd->length < H2_GUARD_WORTH &&
            nghttp2_session_find_stream(s->ng, hd->stream_id) == NULL) {
            h2_session_spend(s, H2_GUARD_EMPTY);
        }
        break;
    case NGHTTP2_RST_STREAM:
        /* Giving up an answer that has begun costs us no more than taking it whole. */
        if (st == NULL || st->out == H2_OUT_HEAD) {
            h2_session_spend(s, H2_GUARD_RESET);
        }
        break;
    default: break;
    }
}

/* ---- the connection ---- */

static void on_settings(struct h2_session *s)
{
    server_of(s)->is_started = true;
}

static void on_settled(struct h2_session *s)
{
    struct h2_server *v = server_of(s);
    if (v->is_started && !v->is_idle && list_is_empty(&s->streams) && h2_session_is_flushed(s)) {
        v->is_idle = true;
        v->events->on_idle(v->arg);
    }
}

static void on_linger(struct h2_session *s, enum why why)
{
    server_of(s)->events->on_linger(server_of(s)->arg, why);
}

static void on_closed(struct h2_session *s, enum why why)
{
    server_of(s)->events->on_closed(server_of(s)->arg, why);
}

static void on_free(struct h2_session *s)
{
    free(server_of(s));
}

static const struct h2_role role = {
    .name = "h2",
    .is_server = true,
    .on_open = on_open,
    .on_head = on_head,
    .send_head = send_head,
    .check_head = h2_upgrade_check,
    .gone_why = gone_why,
    .reset_why = reset_why,
    .reset_code = reset_code,
    .on_frame = on_frame,
    .on_settings = on_settings,
    .on_settled = on_settled,
    .on_linger = on_linger,
    .on_closed = on_closed,
    .on_free = on_free,
};

/* ---- as seen by whoever does not ask for the version ---- */

static struct h2_server *of_base(struct server *base)
{
    return CONTAINER_OF(base, struct h2_server, base);
}

static void base_start(struct server *base, struct str early)
{
    h2_session_start(&of_base(base)->session, early);
}

static void base_drain(struct server *base)
{
    h2_session_part(&of_base(base)->session, WHY_DRAINED);
}

static void base_last(struct server *base)
{
    of_base(base)->is_last = true;
}

static void base_distrust(struct server *base)
{
    (void)base; /* what is wrong with one stream says nothing of another */
}

static void base_expire(struct server *base, enum why why)
{
    h2_session_fail(&of_base(base)->session, why, NGHTTP2_NO_ERROR);
}

static void base_close(struct server *base)
{
    h2_session_close(&of_base(base)->session);
}

static void base_set_limits(struct server *base, const struct h1_limits *limits)
{
    of_base(base)->session.limits.head = *limits;
}

static void base_rest(struct server *base)
{
    h2_session_rest(&of_base(base)->session);
}

static const struct server_ops server_ops = {
    .name = "h2",
    .start = base_start,
    .drain = base_drain,
    .last = base_last,
    .distrust = base_distrust,
    .expire = base_expire,
    .close = base_close,
    .set_limits = base_set_limits,
    .rest = base_rest,
};

struct server *h2_server_base(struct h2_server *s)
{
    return &s->base;
}

struct h2_server *h2_server_new(struct stream *stream, const struct h1_scratch *scratch,
                                const struct h2_server_options *options,
                                const struct server_events *events, void *arg)
{
    struct h2_server *v = NEW(struct h2_server);
    struct h2_timing timing = {options->header, options->idle, options->grace};
    v->base.ops = &server_ops;
    v->events = events;
    v->arg = arg;
    v->is_tls = options->is_tls;
    h2_session_init(&v->session, &role, stream, scratch, &options->limits);
    h2_session_set_timing(&v->session, &timing);
    return v;
}

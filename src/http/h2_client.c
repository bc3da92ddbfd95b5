/* SPDX-License-Identifier: MIT */
/* What HTTP/2 is towards a service: requests become streams of ours, answers are judged. */
#include "http/h2_client.h"

#include "base/mem.h"
#include "h2_session_impl.h"
#include "h2_upgrade.h"

#include <stdlib.h>

/* A source of interim responses without end is no service. */
#define INTERIM_MAX 32
/* What may still come in once no exchange is left. */
#define IDLE_BYTES_MAX (1024 * 1024)

struct h2_client {
    struct h2_session session; /* first: the role's functions get it */
    struct client base;
    bool is_tls;
    bool is_greeted;    /* the service's SETTINGS are here, and let us begin */
    unsigned exchanges; /* begun, and their channel not over */
    uint64_t idle_from; /* bytes that had come in when the last of them was there */
};

static struct h2_client *client_of(const struct h2_session *s)
{
    return (struct h2_client *)(uintptr_t)s;
}

/* ---- requests ---- */

/* How many exchanges the service takes at once, as far as we use it. */
static unsigned most(const struct h2_client *c)
{
    uint32_t theirs =
        nghttp2_session_get_remote_settings(c->session.ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return theirs < H2_CLIENT_STREAMS_MAX ? theirs : H2_CLIENT_STREAMS_MAX;
}

static bool has_room(const struct h2_client *c)
{
    const struct h2_session *s = &c->session;
    return s->state == H2_SESSION_OPEN && c->is_greeted && c->exchanges < most(c) &&
           nghttp2_session_check_request_allowed(s->ng) != 0;
}

static bool takes_upgrade(const struct h2_stream *st, struct str upgrade)
{
    return str_ieq(upgrade, STR("websocket")) &&
           nghttp2_session_get_remote_settings(st->session->ng,
                                               NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

static int submit(struct h2_stream *st, const struct h2_nvs *nvs, bool has_data)
{
    nghttp2_data_provider data = h2_stream_provider(st);
    int32_t id = nghttp2_submit_request(st->session->ng, NULL, nvs->list, nvs->count,
                                        has_data ? &data : NULL, st);
    if (id < 0) {
        return ERR_SYNTAX;
    }
    st->id = id;
    return OK;
}

static int send_head(struct h2_stream *st, struct message *m, struct body body, struct str upgrade)
{
    struct h2_client *c = client_of(st->session);
    struct str scheme = c->is_tls ? STR("https") : STR("http");
    struct str protocol = upgrade.len > 0 ? STR("websocket") : STR("");
    struct message connect;
    struct h2_nvs nvs;
    st->method = m->method;
    if (upgrade.len > 0 && !takes_upgrade(st, upgrade)) {
        st->failure = WHY_UPSTREAM_NO_UPGRADE;
        return OK;
    }
    if (upgrade.len > 0) {
        h2_upgrade_ask(st, m, &connect);
        m = &connect;
    }
    if (h2_nv_request(m, body, scheme, protocol, &nvs) != OK) {
        return ERR_SYNTAX;
    }
    if (upgrade.len > 0) {
        return submit(st, &nvs, true); /* bytes come once the tunnel stands */
    }
    return submit(st, &nvs, h2_stream_frame_body(st, body, true));
}

/* ---- responses ---- */

/* Whether an answer to this request has no body whatever it says (RFC 9110 section 6.4.1). */
static bool is_bare(const struct h2_stream *st, const struct message *m)
{
    return st->method == METHOD_HEAD || m->status == 204 || m->status == 304;
}

/* RFC 9113 section 8.1.1: a length that the end of the stream contradicts is malformed. */
static bool take_body(struct h2_stream *st, const struct h2_head *head, bool ended,
                      struct body *out_body)
{
    bool bare = is_bare(st, head->m);
    st->has_length = bare || head->has_length;
    st->in_left = bare ? 0 : head->length;
    *out_body = (struct body){BODY_NONE, 0};
    if (ended || bare) {
        return !ended || st->in_left == 0 || !st->has_length;
    }
    if (!head->has_length) {
        out_body->kind = BODY_CHUNKED;
    } else if (head->length > 0) {
        *out_body = (struct body){BODY_LENGTH, head->length};
    }
    return true;
}

static void take_interim(struct h2_stream *st, struct h2_head *head, bool ended)
{
    /* RFC 9113 sections 8.1 and 8.6. */
    if (ended || head->m->status == 101 || ++st->interim > INTERIM_MAX) {
        h2_stream_malformed(st, WHY_BAD_FIELD);
        return;
    }
    if (st->channel.events != NULL) {
        st->channel.events->on_head(st->channel.arg, head->m, (struct body){BODY_NONE, 0});
    }
}

static void on_head(struct h2_stream *st, struct h2_head *head, int err, bool ended)
{
    struct body body;
    if (err != OK) {
        h2_stream_malformed(st, err == ERR_LIMIT ? head->too_large : WHY_BAD_FIELD);
        return;
    }
    if (st->use != NULL) {
        st->use->answered = true;
    }
    if (head->m->status < 200) {
        take_interim(st, head, ended);
        return;
    }
    st->awaits_head = false;
    if (st->is_connect && head->m->status < 300) {
        if (ended || head->has_length) { /* RFC 9110 section 9.3.6 */
            h2_stream_malformed(st, WHY_BAD_FIELD);
            return;
        }
        h2_upgrade_take(st, head->m);
        body = (struct body){BODY_TUNNEL, 0};
    } else if (!take_body(st, head, ended, &body)) {
        h2_stream_malformed(st, WHY_BAD_FRAMING);
        return;
    } else if (st->is_connect) {
        h2_stream_end_out(st); /* what was to be a tunnel has nothing more to say */
    }
    if (st->channel.events != NULL) {
        st->channel.events->on_head(st->channel.arg, head->m, body);
    }
}

/* ---- ends ---- */

static enum why gone_why(const struct h2_session *s, int err)
{
    (void)s;
    return err == ERR_EOF ? WHY_UPSTREAM_CLOSED : WHY_UPSTREAM_RESET;
}

static enum why reset_why(const struct h2_stream *st, uint32_t code)
{
    if (code != NGHTTP2_REFUSED_STREAM) {
        return WHY_UPSTREAM_STREAM_RESET;
    }
    if (st->use != NULL) {
        st->use->unprocessed = true;
    }
    return WHY_UPSTREAM_REFUSED;
}

static uint32_t reset_code(const struct h2_stream *st, enum why why)
{
    (void)st;
    return why == WHY_INTERNAL ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL;
}

/* The session and the guard speak of a client; here it is the service that did it. */
static const struct {
    enum why why;
    enum why of;
} theirs[] = {
    {WHY_BAD_FIELD, WHY_UPSTREAM_BAD_HEAD},
    {WHY_BAD_FRAMING, WHY_UPSTREAM_BAD_FRAMING},
    {WHY_HEADER_TOO_LARGE, WHY_UPSTREAM_HEADER_TOO_LARGE},
    {WHY_TOO_MANY_FIELDS, WHY_UPSTREAM_HEADER_TOO_LARGE},
    {WHY_H2_HEADER_BOMB, WHY_UPSTREAM_HEADER_TOO_LARGE},
    {WHY_H2_PROTOCOL, WHY_UPSTREAM_H2_PROTOCOL},
    {WHY_H2_RAPID_RESET, WHY_UPSTREAM_H2_FLOOD},
    {WHY_H2_STREAM_ERRORS, WHY_UPSTREAM_H2_FLOOD},
    {WHY_H2_STREAM_FLOOD, WHY_UPSTREAM_H2_FLOOD},
    {WHY_H2_CONTINUATION_FLOOD, WHY_UPSTREAM_H2_FLOOD},
    {WHY_H2_PING_FLOOD, WHY_UPSTREAM_H2_FLOOD},
    {WHY_H2_SETTINGS_FLOOD, WHY_UPSTREAM_H2_FLOOD},
    {WHY_H2_PRIORITY_FLOOD, WHY_UPSTREAM_H2_FLOOD},
    {WHY_H2_WINDOW_FLOOD, WHY_UPSTREAM_H2_FLOOD},
    {WHY_H2_EMPTY_FLOOD, WHY_UPSTREAM_H2_FLOOD},
    {WHY_H2_CONTROL_FLOOD, WHY_UPSTREAM_H2_FLOOD},
};

static enum why why_of(const struct h2_stream *st, enum why why)
{
    bool is_lost = why == WHY_UPSTREAM_CLOSED || why == WHY_UPSTREAM_RESET;
    if (is_lost && st != NULL && st->use != NULL && st->use->answered) {
        return WHY_UPSTREAM_CUT;
    }
    for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++) {
        if (theirs[i].why == why) {
            return theirs[i].of;
        }
    }
    return why;
}

static void on_let_go(struct h2_stream *st)
{
    client_of(st->session)->exchanges--;
}

/* ---- abuse ---- */

/* Frames for an exchange that we gave up may be on their way: data of a whole window. Those for
 * streams that nobody knows are a flood. */
static bool is_stray(const struct h2_session *s, const nghttp2_frame_hd *hd)
{
    return nghttp2_session_get_stream_user_data(s->ng, hd->stream_id) == NULL &&
           !h2_session_was_reset(s, hd->stream_id);
}

static void on_frame(struct h2_session *s, const nghttp2_frame_hd *hd)
{
    switch (hd->type) {
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
        if (is_stray(s, hd)) {
            h2_session_spend(s, H2_GUARD_RESET);
        }
        break;
    case NGHTTP2_RST_STREAM: h2_session_spend(s, H2_GUARD_RESET); break;
    case NGHTTP2_PUSH_PROMISE: /* we said ENABLE_PUSH 0 */
        h2_session_fail(s, WHY_H2_PROTOCOL, NGHTTP2_PROTOCOL_ERROR);
        break;
    default: break;
    }
}

/* ---- the connection ---- */

static void on_settings(struct h2_session *s)
{
    struct h2_client *c = client_of(s);
    if (c->base.events != NULL && !c->is_greeted && most(c) > 0) {
        c->is_greeted = true;
        c->base.events->on_room(c->base.arg);
    }
}

/* What was on its way when the last exchange ended is let by; more has no business here. */
static void on_settled(struct h2_session *s)
{
    struct h2_client *c = client_of(s);
    if (c->exchanges > 0) {
        c->idle_from = s->stream->bytes_in;
    } else if (s->stream->bytes_in - c->idle_from > IDLE_BYTES_MAX) {
        h2_session_fail(s, WHY_UPSTREAM_H2_FLOOD, NGHTTP2_ENHANCE_YOUR_CALM);
    }
}

/* Nothing is waited for once everything is sent: the service has no more to say to us. */
static void on_linger(struct h2_session *s, enum why why)
{
    h2_session_end(s, why);
}

static void on_closed(struct h2_session *s, enum why why)
{
    struct h2_client *c = client_of(s);
    if (c->base.events != NULL) {
        c->base.events->on_closed(c->base.arg, why);
    }
}

static void on_free(struct h2_session *s)
{
    free(client_of(s));
}

static const struct h2_role role = {
    .name = "h2_client",
    .on_head = on_head,
    .send_head = send_head,
    .gone_why = gone_why,
    .reset_why = reset_why,
    .reset_code = reset_code,
    .why_of = why_of,
    .on_let_go = on_let_go,
    .on_frame = on_frame,
    .on_settings = on_settings,
    .on_settled = on_settled,
    .on_linger = on_linger,
    .on_closed = on_closed,
    .on_free = on_free,
};

/* ---- as seen by whoever does not ask for the version ---- */

static struct h2_client *of_base(const struct client *base)
{
    return (struct h2_client *)((uintptr_t)base - offsetof(struct h2_client, base));
}

static struct channel *base_begin(struct client *base, struct arena *arena, struct client_use *use)
{
    struct h2_client *c = of_base(base);
    REQUIRE(has_room(c));
    struct h2_stream *st = h2_stream_new(&c->session, 0, arena);
    c->exchanges++;
    h2_guard_earn(&c->session.guard, 0);
    *use = (struct client_use){.channel = &st->channel};
    st->use = use;
    st->awaits_head = true;
    return &st->channel;
}

static bool base_has_room(const struct client *base)
{
    return has_room(of_base(base));
}

static struct stream *base_stream(const struct client *base)
{
    return of_base(base)->session.stream;
}

/* Maybe inside the on_abort of the last exchange: then on_closed is not to come any more. */
static void base_close(struct client *base)
{
    base->events = NULL;
    h2_session_close(&of_base(base)->session);
}

static const struct client_ops client_ops = {
    .protocol = "HTTP/2",
    .begin = base_begin,
    .has_room = base_has_room,
    .stream = base_stream,
    .close = base_close,
};

struct client *h2_client_base(struct h2_client *c)
{
    return &c->base;
}

struct h2_client *h2_client_new(struct stream *stream, const struct h1_scratch *scratch,
                                const struct h2_client_options *options,
                                const struct client_events *events, void *arg)
{
    struct h2_client *c = NEW(struct h2_client);
    const struct h2_limits h2 = {.head = options->limits,
                                 .streams = 0, /* a service opens none */
                                 .window = H2_CLIENT_WINDOW,
                                 .connection_window = H2_CLIENT_CONNECTION_WINDOW,
                                 .frame = 16384,
                                 .table = 4096};
    c->base = (struct client){.ops = &client_ops, .events = events, .arg = arg};
    c->is_tls = options->is_tls;
    h2_session_init(&c->session, &role, stream, scratch, &h2);
    h2_session_start(&c->session, STR(""));
    return c;
}

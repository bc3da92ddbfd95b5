/* SPDX-License-Identifier: MIT */
#include "upstream/probe.h"

#include "base/arena.h"
#include "base/mem.h"
#include "http/h2_client.h"
#include "link.h"
#include "loop/timer.h"
#include "net/dial.h"
#include "net/stream_plain.h"

struct probe {
    const struct probe_env *env;
    struct probe_ask ask;
    probe_fn fn;
    void *arg;
    struct dial *dial;     /* until it is connected; owned */
    struct stream *stream; /* in TLS's handshake; owned */
    struct client *client; /* then; owned */
    struct client_use use;
    struct arena arena; /* of the request and the answer */
    struct timer deadline;
    struct loop_task end; /* what a codec's callback finds out is told at the end of the turn */
    bool is_over;
    enum why why;
    uint16_t status;
};

static void close_all(struct probe *p)
{
    dial_cancel(p->dial);
    stream_close(p->stream);
    client_close(p->client);
    timer_fini(&p->deadline);
    loop_task_cancel(&p->end);
    arena_fini(&p->arena);
    loop_free_later(p->env->loop, p);
}

static void on_end(void *arg)
{
    struct probe *p = arg;
    probe_fn fn = p->fn;
    void *owner = p->arg;
    enum why why = p->why;
    uint16_t status = p->status;
    close_all(p);
    fn(owner, why, status);
}

/* The first that is found out counts. */
static void settle(struct probe *p, enum why why)
{
    if (!p->is_over) {
        p->is_over = true;
        p->why = why;
        loop_defer(p->env->loop, &p->end);
    }
}

static void on_deadline(void *arg)
{
    struct probe *p = arg;
    settle(p, p->client == NULL ? WHY_CONNECT_TIMEOUT : WHY_UPSTREAM_TIMEOUT);
}

/* ---- the answer ---- */

static void on_head(void *arg, struct message *m, struct body body)
{
    struct probe *p = arg;
    (void)body;
    if (p->is_over || m->status < 200) {
        return; /* an interim answer: more follow (RFC 9110 section 15.2) */
    }
    p->status = m->status;
    settle(p, m->status < 400 ? WHY_OK : WHY_CHECK_STATUS);
}

static void on_data(void *arg, struct str data)
{
    (void)arg;
    (void)data;
}

static void on_nothing(void *arg)
{
    (void)arg;
}

static void on_abort(void *arg, enum why why)
{
    settle(arg, why);
}

static const struct channel_events channel_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_nothing,
    .on_writable = on_nothing,
    .on_bad = on_abort,
    .on_abort = on_abort,
};

static void ask(struct probe *p)
{
    struct channel *ch = client_begin(p->client, &p->arena, &p->use);
    struct message m;
    message_init(&m, &p->arena);
    m.version = HTTP_1_1;
    m.method = METHOD_GET;
    m.method_text = STR("GET");
    m.target = p->ask.path;
    message_add(&m, STR("Host"), p->ask.host);
    message_add(&m, STR("User-Agent"), STR("hivedoor-check"));
    message_add(&m, STR("Accept"), STR("*/*"));
    channel_bind(ch, &channel_events, p);
    channel_send_head(ch, &m, (struct body){BODY_NONE, 0}, (struct str){0});
    channel_send_end(ch);
}

/* ---- the connection ---- */

static void on_room(void *arg)
{
    struct probe *p = arg;
    if (p->is_over || p->use.channel != NULL || p->use.answered) {
        return;
    }
    if (p->ask.path.len == 0) {
        settle(p, WHY_OK);
    } else {
        ask(p);
    }
}

static void on_closed(void *arg, enum why why)
{
    struct probe *p = arg;
    p->client = NULL;
    settle(p, why);
}

static const struct client_events client_events = {
    .on_room = on_room,
    .on_closed = on_closed,
};

/* The connection can carry HTTP of the version that was agreed on. */
static void make_client(struct probe *p, struct stream *stream, bool is_h2)
{
    const struct h1_limits limits = {PROBE_HEAD_BYTES, PROBE_FIELDS};
    if (is_h2) {
        const struct h2_client_options options = {p->ask.tls != NULL, limits};
        p->client =
            h2_client_base(h2_client_new(stream, p->env->scratch, &options, &client_events, p));
    } else {
        p->client =
            h1_client_base(h1_client_new(stream, p->env->scratch, &limits, &client_events, p));
    }
    if (client_has_room(p->client)) {
        on_room(p);
    }
}

static void greet(struct probe *p)
{
    struct tls_info info;
    int rc = tls_stream_handshake(p->stream);
    if (rc == ERR_AGAIN || p->is_over) {
        return;
    }
    stream_want(p->stream, 0);
    if (rc != OK) {
        settle(p, WHY_UPSTREAM_TLS);
        return;
    }
    tls_stream_info(p->stream, &info);
    struct stream *stream = p->stream;
    p->stream = NULL;
    make_client(p, stream, str_eq(info.alpn, STR("h2")));
}

static void on_greeting(void *arg, unsigned ready)
{
    (void)ready;
    greet(arg);
}

/* A stream between two owners gets no events: nothing is wanted of it. */
static void on_unowned(void *arg, unsigned ready)
{
    (void)arg;
    (void)ready;
}

static void on_dialed(void *arg, int err, int fd)
{
    struct probe *p = arg;
    p->dial = NULL;
    if (err != OK) {
        settle(p, link_why(err));
        return;
    }
    if (p->ask.tls == NULL) {
        struct stream *stream = stream_plain_new(p->env->loop, fd, on_unowned, NULL);
        make_client(p, stream, p->ask.scheme == MODEL_SCHEME_H2C);
        return;
    }
    p->stream = tls_stream_connect(p->env->tls, p->ask.tls, fd, on_greeting, p);
    stream_want(p->stream, STREAM_READABLE);
    greet(p);
}

struct probe *probe_start(const struct probe_env *env, const struct probe_ask *ask_of, probe_fn fn,
                          void *arg)
{
    struct probe *p = NEW(struct probe);
    p->env = env;
    p->ask = *ask_of;
    p->fn = fn;
    p->arg = arg;
    arena_init(&p->arena, 4096);
    loop_task_init(&p->end, on_end, p);
    timer_init(&p->deadline, env->loop, on_deadline, p);
    timer_set(&p->deadline, p->ask.timeout_ms);
    int err = dial_start(env->loop, p->ask.addr, on_dialed, p, &p->dial);
    if (err != OK) {
        settle(p, link_why(err));
    }
    return p;
}

void probe_cancel(struct probe *p)
{
    if (p != NULL) {
        close_all(p);
    }
}

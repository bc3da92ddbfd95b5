/* SPDX-License-Identifier: MIT */
#include "cli/demo.h"

#include "base/fd.h"
#include "base/mem.h"
#include "cli/demo_ws.h"
#include "demo_page.h"
#include "http/h1_server.h"
#include "http/reply.h"
#include "loop/signals.h"
#include "net/listener.h"
#include "net/stream_plain.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SCRATCH_BYTES  65536
#define HEAD_BYTES     65536
#define HEAD_FIELDS    200
#define HEADERS_LENGTH 131072

struct demo {
    struct loop *loop;
    struct h1_scratch scratch;
    struct h1_limits limits;
};

struct visitor {
    struct demo *demo;
    struct h1_server *http;
    struct channel *ch;
    struct demo_ws ws;
    bool is_ws;
};

/* ---- bodies: echoed as they come ---- */

static void send_bytes(void *arg, struct str bytes)
{
    struct visitor *v = arg;
    channel_send_data(v->ch, bytes);
}

static void finish(struct visitor *v)
{
    struct channel *ch = v->ch;
    v->ch = NULL;
    channel_send_end(ch);
}

static void on_data(void *arg, struct str data)
{
    struct visitor *v = arg;
    if (v->ch == NULL) {
        return;
    }
    if (!v->is_ws) {
        channel_send_data(v->ch, data);
    } else if (demo_ws_feed(&v->ws, data, send_bytes, v) != OK) {
        finish(v);
        return;
    }
    if (channel_unsent(v->ch) > CHANNEL_HIGH) {
        channel_read(v->ch, false);
    }
}

static void on_end(void *arg)
{
    struct visitor *v = arg;
    if (v->ch != NULL) {
        finish(v);
    }
}

static void on_writable(void *arg)
{
    struct visitor *v = arg;
    if (v->ch != NULL) {
        channel_read(v->ch, true);
    }
}

static void on_abort(void *arg, enum why why)
{
    struct visitor *v = arg;
    (void)why;
    v->ch = NULL;
}

static void on_bad(void *arg, enum why why)
{
    struct visitor *v = arg;
    if (v->ch != NULL) {
        struct channel *ch = v->ch;
        v->ch = NULL;
        channel_reset(ch, why);
    }
}

static const struct channel_events body_events = {
    .on_data = on_data,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_bad = on_bad,
    .on_abort = on_abort,
};

/* ---- answers ---- */

static void answer(struct channel *ch, struct message *m, struct reply *reply)
{
    struct body body = {reply->body.len > 0 ? BODY_LENGTH : BODY_NONE, reply->body.len};
    channel_bind(ch, NULL, NULL);
    channel_send_head(ch, &reply->head, body, (struct str){0});
    if (m->method != METHOD_HEAD) {
        channel_send_data(ch, reply->body);
    }
    channel_send_end(ch);
}

static void answer_headers(struct channel *ch, struct message *m)
{
    struct buf out;
    struct reply reply;
    buf_init(&out, HEADERS_LENGTH);
    int err = buf_printf(&out, "%.*s %.*s\n", STR_FMT(m->method_text), STR_FMT(m->target));
    for (size_t i = 0; i < m->field_count && err == OK; i++) {
        err = buf_printf(&out, "%.*s: %.*s\n", STR_FMT(m->fields[i].name),
                         STR_FMT(m->fields[i].value));
    }
    reply_make(m->arena, 200, STR("text/plain; charset=utf-8"), arena_dup(m->arena, buf_str(&out)),
               &reply);
    buf_fini(&out);
    answer(ch, m, &reply);
}

static void begin_ws(struct visitor *v, struct channel *ch, struct message *m)
{
    struct str key = {0};
    for (size_t i = 0; i < m->field_count; i++) {
        if (str_ieq(m->fields[i].name, STR("sec-websocket-key"))) {
            key = m->fields[i].value;
        }
    }
    struct reply reply;
    if (key.len == 0 || !message_lists(m, FIELD_UPGRADE, STR("websocket"))) {
        reply_make(m->arena, 426, STR("text/plain"), STR("A WebSocket lives here.\n"), &reply);
        answer(ch, m, &reply);
        return;
    }
    char accept[DEMO_WS_ACCEPT_MAX];
    demo_ws_accept(key, accept);
    struct message head;
    message_init(&head, m->arena);
    head.version = HTTP_1_1;
    head.status = 101;
    head.reason = message_reason(101);
    message_add(&head, STR("Sec-WebSocket-Accept"), arena_dup(m->arena, str_of(accept)));
    v->ch = ch;
    v->is_ws = true;
    v->ws = (struct demo_ws){0};
    channel_bind(ch, &body_events, v);
    channel_send_head(ch, &head, (struct body){BODY_TUNNEL, 0}, STR("websocket"));
}

static void begin_echo(struct visitor *v, struct channel *ch, struct message *m, struct body body)
{
    struct reply reply;
    reply_make(m->arena, 200, STR("application/octet-stream"), (struct str){0}, &reply);
    channel_send_head(ch, &reply.head, body, (struct str){0});
    if (body.kind == BODY_NONE) {
        channel_bind(ch, NULL, NULL);
        channel_send_end(ch);
        return;
    }
    v->ch = ch;
    v->is_ws = false;
    channel_bind(ch, &body_events, v);
}

static void on_request(void *arg, struct channel *ch, struct message *m, struct body body,
                       enum why bad)
{
    struct visitor *v = arg;
    struct reply reply;
    ptrdiff_t query = str_find(m->target, '?');
    struct str path = query < 0 ? m->target : str_sub(m->target, 0, (size_t)query);
    if (bad != WHY_OK) {
        reply_error(m->arena, bad, m, STR("demo"), &reply);
        answer(ch, m, &reply);
    } else if (str_eq(path, STR("/ws"))) {
        begin_ws(v, ch, m);
    } else if (str_eq(path, STR("/echo"))) {
        begin_echo(v, ch, m, body);
    } else if (str_eq(path, STR("/headers"))) {
        answer_headers(ch, m);
    } else if (str_eq(path, STR("/"))) {
        reply_make(m->arena, 200, STR("text/html; charset=utf-8"), STR(demo_page), &reply);
        answer(ch, m, &reply);
    } else {
        reply_make(m->arena, 404, STR("text/plain"), STR("The demo has no such page.\n"), &reply);
        answer(ch, m, &reply);
    }
}

static void on_nothing(void *arg)
{
    (void)arg;
}

static void on_linger(void *arg, enum why why)
{
    struct visitor *v = arg;
    (void)why;
    h1_server_close(v->http); /* the door in front has read everything */
    loop_free_later(v->demo->loop, v);
}

static void on_closed(void *arg, enum why why)
{
    struct visitor *v = arg;
    (void)why;
    loop_free_later(v->demo->loop, v);
}

static const struct server_events visitor_events = {
    .on_request = on_request,
    .on_begin = on_nothing,
    .on_idle = on_nothing,
    .on_linger = on_linger,
    .on_closed = on_closed,
};

static void on_accept(void *arg, int fd, const struct addr *peer)
{
    struct demo *d = arg;
    struct visitor *v = NEW(struct visitor);
    (void)peer;
    v->demo = d;
    v->http = h1_server_new(stream_plain_new(d->loop, fd, NULL, NULL), &d->scratch, &d->limits,
                            &visitor_events, v);
    h1_server_start(v->http, (struct str){0});
}

/* Ctrl-C reaches all of the terminal's processes; this one serves until the daemon has drained. */
static void leave_signals_to_the_daemon(void)
{
    sigset_t set;
    signals_reset();
    REQUIRE(sigemptyset(&set) == 0 && sigaddset(&set, SIGHUP) == 0 && sigaddset(&set, SIGINT) == 0);
    REQUIRE(sigaddset(&set, SIGQUIT) == 0 && sigaddset(&set, SIGTERM) == 0);
    REQUIRE(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

_Noreturn static void serve(int fd)
{
    struct demo d = {.loop = loop_new(),
                     .scratch = {mem_new(SCRATCH_BYTES), SCRATCH_BYTES, NULL},
                     .limits = {HEAD_BYTES, HEAD_FIELDS}};
    leave_signals_to_the_daemon();
    listener_new(d.loop, fd, on_accept, &d);
    loop_run(d.loop);
    _exit(0);
}

int demo_start(uint16_t *out_port, pid_t *out_pid)
{
    struct addr at;
    int fd = -1;
    int err = addr_parse(STR("127.0.0.1:0"), &at);
    err = err == OK ? listener_bind(&at, false, &fd) : err;
    if (err != OK) {
        return err;
    }
    at.len = sizeof(at.in6);
    if (getsockname(fd, &at.sa, &at.len) != 0) {
        fd_close(&fd);
        return ERR_IO;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(0);
        }
        serve(fd);
    }
    fd_close(&fd);
    if (pid < 0) {
        return ERR_IO;
    }
    *out_port = addr_port(&at);
    *out_pid = pid;
    return OK;
}

/* SPDX-License-Identifier: MIT */
#include "daemon/admin.h"

#include <stdlib.h>

#include "base/fd.h"
#include "base/list.h"
#include "base/mem.h"
#include "daemon/admin_state.h"
#include "daemon/explain.h"
#include "daemon/role.h"
#include "daemon/status.h"
#include "http/chars.h"
#include "http/h1_server.h"
#include "http/reply.h"
#include "loop/deadline.h"
#include "net/listener.h"
#include "net/stream_plain.h"
#include "stats/text.h"

#define SCRATCH_BYTES (16 * 1024)
#define HEAD_BYTES    (8 * 1024)
#define HEAD_FIELDS   64
#define LINGER_MS     2000
#define PAGE_MAX      (64u * 1024 * 1024)

/* The status page needs its own style and script and answers of the same address, nothing else. */
#define PAGE_POLICY                                                                                \
    STR("default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "              \
        "connect-src 'self'; frame-ancestors 'none'")

#define TEXT_TYPE    STR("text/plain; charset=utf-8")
#define HTML_TYPE    STR("text/html; charset=utf-8")
#define JSON_TYPE    STR("application/json")
#define METRICS_TYPE STR("text/plain; version=0.0.4; charset=utf-8")

struct port {
    struct list node;
    uint32_t number;
    int fd; /* owned */
    struct listener *listener;
};

struct admin {
    struct admin_env env;
    struct list ports;
    struct list conns;
    size_t conn_count;
    struct h1_scratch scratch;
    struct h1_limits limits;
    struct deadline_class *patience;
    struct deadline_class *reloading;
    struct deadline_class *linger;
    uint32_t last_request;
};

struct conn {
    struct list node;
    struct admin *admin;
    struct h1_server *http; /* NULL once it has closed */
    bool asks;              /* between a request and the end of its answer */
    struct deadline deadline;
    /* A reload that is waited for; NULL: none. */
    struct channel *waiting;
    struct message *message;
    uint32_t request;
};

bool admin_is_ready(const struct counters *c)
{
    size_t workers = 0;

    if (__atomic_load_n(&c->slots[ROLE_SLOT_SUPERVISOR].state, __ATOMIC_ACQUIRE) != SLOT_READY) {
        return false;
    }
    for (size_t i = ROLE_SLOT_WORKERS; i < c->count; i++) {
        const struct slot *s = &c->slots[i];
        if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != SLOT_READY ||
            __atomic_load_n(&s->generation, __ATOMIC_ACQUIRE) == 0) {
            return false;
        }
        workers++;
    }
    return workers > 0;
}

/* ---- connections ---- */

static void conn_gone(struct conn *c)
{
    deadline_clear(&c->deadline);
    list_remove(&c->node);
    c->admin->conn_count--;
    loop_free_later(c->admin->env.loop, c);
}

static void conn_close(struct conn *c)
{
    if (c->http != NULL) {
        h1_server_close(c->http);
        c->http = NULL;
        conn_gone(c);
    }
}

static void on_deadline(void *arg)
{
    conn_close(arg);
}

/* ---- answers ---- */

static void answer(struct channel *ch, const struct message *m, struct reply *reply)
{
    struct body body = {reply->body.len > 0 ? BODY_LENGTH : BODY_NONE, reply->body.len};
    bool is_head = m->method == METHOD_HEAD; /* the message goes with the channel */

    message_add(&reply->head, STR("Cache-Control"), STR("no-store"));
    message_add(&reply->head, STR("X-Content-Type-Options"), STR("nosniff"));
    message_add(&reply->head, STR("Content-Security-Policy"), PAGE_POLICY);
    channel_bind(ch, NULL, NULL); /* a body that still comes in is thrown away */
    channel_send_head(ch, &reply->head, body, STR(""));
    if (!is_head && reply->body.len > 0) {
        channel_send_data(ch, reply->body);
    }
    channel_send_end(ch);
}

static void answer_text(struct channel *ch, const struct message *m, uint16_t status,
                        struct str text)
{
    struct reply reply;

    reply_make(m->arena, status, TEXT_TYPE, text, &reply);
    answer(ch, m, &reply);
}

static void answer_refusal(struct channel *ch, struct message *m, enum why why)
{
    struct reply reply;
    char id[REPLY_ID_MAX];
    struct body body;

    reply_new_id(id);
    reply_error(m->arena, why, m, arena_dup(m->arena, str_of(id)), &reply);
    body = (struct body){reply.body.len > 0 ? BODY_LENGTH : BODY_NONE, reply.body.len};
    bool is_head = m->method == METHOD_HEAD;
    channel_bind(ch, NULL, NULL);
    channel_send_head(ch, &reply.head, body, STR(""));
    if (!is_head) {
        channel_send_data(ch, reply.body);
    }
    channel_send_end(ch);
}

static void answer_health(struct conn *c, struct channel *ch, struct message *m)
{
    (void)c;
    answer_text(ch, m, 200, STR("ok\n"));
}

static void answer_ready(struct conn *c, struct channel *ch, struct message *m)
{
    bool ready = admin_is_ready(c->admin->env.view->counters);

    answer_text(ch, m, ready ? 200 : 503, ready ? STR("ready\n") : STR("not ready\n"));
}

static void answer_page(struct channel *ch, struct message *m, struct str type, struct buf *page)
{
    struct reply reply;

    reply_make(m->arena, 200, type, buf_str(page), &reply);
    answer(ch, m, &reply); /* what the socket does not take is copied */
    buf_fini(page);
}

static void answer_metrics(struct conn *c, struct channel *ch, struct message *m)
{
    struct admin *a = c->admin;
    struct buf page;

    a->env.refresh(a->env.arg);
    buf_init(&page, PAGE_MAX);
    if (text_metrics(a->env.view->counters, &page) != OK) {
        buf_fini(&page);
        answer_refusal(ch, m, WHY_INTERNAL);
        return;
    }
    answer_page(ch, m, METRICS_TYPE, &page);
}

static void answer_state(struct conn *c, struct channel *ch, struct message *m)
{
    struct admin *a = c->admin;
    struct buf page;

    a->env.refresh(a->env.arg);
    buf_init(&page, PAGE_MAX);
    if (admin_state_write(a->env.view, &page) != OK) {
        buf_fini(&page);
        answer_refusal(ch, m, WHY_INTERNAL);
        return;
    }
    answer_page(ch, m, JSON_TYPE, &page);
}

static void answer_status(struct channel *ch, struct message *m, struct str type,
                          int (*write)(const struct status *s, struct buf *out),
                          const struct admin_view *view)
{
    struct status status;
    struct buf page;

    status_build(view, &status);
    buf_init(&page, PAGE_MAX);
    int err = write(&status, &page);
    status_fini(&status);
    if (err != OK) {
        buf_fini(&page);
        answer_refusal(ch, m, WHY_INTERNAL);
        return;
    }
    answer_page(ch, m, type, &page);
}

static void answer_front(struct conn *c, struct channel *ch, struct message *m)
{
    answer_status(ch, m, HTML_TYPE, status_page, c->admin->env.view);
}

static void answer_status_text(struct conn *c, struct channel *ch, struct message *m)
{
    answer_status(ch, m, TEXT_TYPE, status_text, c->admin->env.view);
}

/* The URL behind "url=", its percent-encoding undone; empty if there is none. */
static struct str asked_url(const struct message *m)
{
    struct str target = m->target;
    ptrdiff_t mark = str_find(target, '?');
    struct str query = mark < 0 ? STR("") : str_from(target, (size_t)mark + 1);
    char *dst = arena_alloc(m->arena, query.len + 1);
    size_t len = 0;

    if (!str_starts(query, STR("url="))) {
        return STR("");
    }
    for (size_t i = 4; i < query.len; i++) {
        bool escaped = query.ptr[i] == '%' && i + 2 < query.len &&
                       chars_is(query.ptr[i + 1], CHARS_HEX) &&
                       chars_is(query.ptr[i + 2], CHARS_HEX);
        dst[len++] = escaped
                         ? (char)(chars_hex(query.ptr[i + 1]) << 4 | chars_hex(query.ptr[i + 2]))
                         : query.ptr[i];
        i += escaped ? 2 : 0;
    }
    return str_n(dst, len);
}

static void answer_explain(struct conn *c, struct channel *ch, struct message *m)
{
    struct buf page;

    buf_init(&page, PAGE_MAX);
    int err = explain_write(c->admin->env.view, asked_url(m), &page);
    if (err != OK) {
        buf_fini(&page);
        answer_text(ch, m, 400, STR("/explain?url=URL, with the URL percent-encoded\n"));
        return;
    }
    answer_page(ch, m, TEXT_TYPE, &page);
}

/* ---- reload ---- */

static void on_wait_abort(void *arg, enum why why)
{
    struct conn *c = arg;

    (void)why;
    c->waiting = NULL;
}

static void on_wait_data(void *arg, struct str data)
{
    (void)arg;
    (void)data;
}

static void on_wait_nothing(void *arg)
{
    (void)arg;
}

static void on_wait_bad(void *arg, enum why why)
{
    (void)arg;
    (void)why;
}

static bool is_local(const struct addr *a)
{
    struct addr_net v4;
    struct addr_net v6;

    if (a->sa.sa_family == AF_UNIX) {
        return true;
    }
    REQUIRE(addr_net_parse(STR("127.0.0.0/8"), &v4) == OK);
    REQUIRE(addr_net_parse(STR("::1"), &v6) == OK);
    return addr_net_has(&v4, a) || addr_net_has(&v6, a);
}

/*
 * A web page whose name was made to resolve to a loopback address (DNS rebinding) is of the same
 * origin as what it reads there, but its browser still says the page's name as the host.
 */
static bool is_host_strange(const struct admin *a, const struct message *m)
{
    const struct bundle *b = a->env.view->bundle;
    const struct field *host = message_find(m, FIELD_HOST);
    struct addr ip;

    if (b == NULL || host == NULL || b->model->admin.sa.sa_family == AF_UNIX ||
        !is_local(&b->model->admin)) {
        return false;
    }
    ptrdiff_t colon = str_rfind(host->value, ':');
    bool is_v6 = str_starts(host->value, STR("["));
    struct str name = colon < 0 || is_v6 ? host->value : str_sub(host->value, 0, (size_t)colon);
    return !is_v6 && !str_ieq(name, STR("localhost")) && addr_parse_ip(name, 0, &ip) != OK;
}

/* A web page that someone has open on this machine can send a POST to a loopback address, too; but
 * its browser says so. */
static bool comes_from_page(const struct message *m)
{
    for (size_t i = 0; i < m->field_count; i++) {
        if (str_ieq(m->fields[i].name, STR("origin"))) {
            return true;
        }
    }
    return false;
}

static void answer_reload(struct conn *c, struct channel *ch, struct message *m)
{
    static const struct channel_events events = {
        .on_data = on_wait_data,
        .on_end = on_wait_nothing,
        .on_writable = on_wait_nothing,
        .on_bad = on_wait_bad,
        .on_abort = on_wait_abort,
    };
    struct admin *a = c->admin;
    const struct bundle *b = a->env.view->bundle;

    if (b == NULL || !is_local(&b->model->admin) || comes_from_page(m)) {
        answer_text(ch, m, 403,
                    STR("Reload is for a loopback or Unix admin address; send SIGHUP instead.\n"));
        return;
    }
    c->waiting = ch;
    c->message = m;
    c->request = ++a->last_request == 0 ? ++a->last_request : a->last_request;
    channel_bind(ch, &events, c);
    deadline_set(&c->deadline, a->reloading);
    a->env.reload(a->env.arg, c->request);
}

void admin_reload_done(struct admin *a, uint32_t request, enum reload_outcome outcome,
                       struct str text)
{
    LIST_EACH (&a->conns, it, tmp) {
        struct conn *c = CONTAINER_OF(it, struct conn, node);
        struct channel *ch = c->waiting;
        if (ch == NULL || c->request != request) {
            continue;
        }
        c->waiting = NULL;
        deadline_set(&c->deadline, a->patience);
        struct str line =
            arena_printf(c->message->arena, "%s%s%.*s\n", reload_outcome_text(outcome),
                         text.len > 0 ? ": " : "", STR_FMT(text));
        answer_text(ch, c->message, outcome == RELOAD_FAILED ? 500 : 200, line);
        return;
    }
}

/* ---- requests ---- */

struct page {
    const char *path;
    bool is_post; /* else GET and HEAD */
    void (*answer)(struct conn *c, struct channel *ch, struct message *m);
};

static const struct page pages[] = {
    {"/healthz", false, answer_health},     {"/readyz", false, answer_ready},
    {"/metrics", false, answer_metrics},    {"/state", false, answer_state},
    {"/reload", true, answer_reload},       {"/", false, answer_front},
    {"/status", false, answer_status_text}, {"/explain", false, answer_explain},
};

static void on_request(void *arg, struct channel *ch, struct message *m, struct body body,
                       enum why bad)
{
    struct conn *c = arg;
    struct str path = m->target;

    (void)body;
    c->asks = true;
    deadline_set(&c->deadline, c->admin->patience);
    if (bad != WHY_OK) {
        answer_refusal(ch, m, bad);
        return;
    }
    if (is_host_strange(c->admin, m)) {
        answer_text(ch, m, 421,
                    STR("The host of a loopback address is an address or localhost.\n"));
        return;
    }
    ptrdiff_t query = str_find(path, '?');
    path = query < 0 ? path : str_sub(path, 0, (size_t)query);
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (!str_eq(path, str_of(pages[i].path))) {
            continue;
        }
        bool reads = m->method == METHOD_GET || m->method == METHOD_HEAD;
        if (pages[i].is_post ? m->method == METHOD_POST : reads) {
            pages[i].answer(c, ch, m);
        } else {
            answer_refusal(ch, m, WHY_METHOD_REFUSED);
        }
        return;
    }
    answer_text(ch, m, 404, STR("/ /status /healthz /readyz /metrics /state\n"));
}

static void on_begin(void *arg)
{
    (void)arg;
}

static void on_idle(void *arg)
{
    struct conn *c = arg;

    c->asks = false;
    deadline_set(&c->deadline, c->admin->patience);
}

static void on_linger(void *arg, enum why why)
{
    struct conn *c = arg;

    (void)why;
    deadline_set(&c->deadline, c->admin->linger);
}

static void on_closed(void *arg, enum why why)
{
    struct conn *c = arg;

    (void)why;
    c->http = NULL;
    conn_gone(c);
}

/* All places are taken: the oldest connection that asks for nothing gives its own to the newcomer,
 * which may be the health check. False: all of them are being answered. */
static bool make_room(struct admin *a)
{
    LIST_EACH (&a->conns, it, tmp) {
        struct conn *c = CONTAINER_OF(it, struct conn, node);
        if (!c->asks) {
            conn_close(c);
            return true;
        }
    }
    return false;
}

static void on_accept(void *arg, int fd, const struct addr *peer)
{
    static const struct server_events events = {
        .on_request = on_request,
        .on_begin = on_begin,
        .on_idle = on_idle,
        .on_linger = on_linger,
        .on_closed = on_closed,
    };
    struct admin *a = arg;

    (void)peer;
    if (a->conn_count == ADMIN_CONNS_MAX && !make_room(a)) {
        fd_close(&fd);
        return;
    }
    struct conn *c = NEW(struct conn);
    c->admin = a;
    list_push_back(&a->conns, &c->node);
    a->conn_count++;
    deadline_init(&c->deadline, on_deadline, c);
    deadline_set(&c->deadline, a->patience);
    struct stream *stream = stream_plain_new(a->env.loop, fd, NULL, NULL);
    c->http = h1_server_new(stream, &a->scratch, &a->limits, &events, c);
    h1_server_start(c->http, STR(""));
}

/* ---- life ---- */

struct admin *admin_new(const struct admin_env *env)
{
    struct admin *a = NEW(struct admin);

    a->env = *env;
    list_init(&a->ports);
    list_init(&a->conns);
    a->scratch = (struct h1_scratch){.bytes = mem_new(SCRATCH_BYTES), .len = SCRATCH_BYTES};
    a->limits = (struct h1_limits){.head_bytes = HEAD_BYTES, .fields = HEAD_FIELDS};
    a->patience = deadline_class_new(env->loop, ADMIN_DEADLINE_MS);
    a->reloading = deadline_class_new(env->loop, ADMIN_RELOAD_MS);
    a->linger = deadline_class_new(env->loop, LINGER_MS);
    return a;
}

void admin_listen(struct admin *a, int fd, uint32_t request)
{
    struct port *p = NEW(struct port);

    p->number = request;
    p->fd = fd;
    p->listener = listener_new(a->env.loop, fd, on_accept, a);
    list_push_back(&a->ports, &p->node);
}

static void port_free(struct port *p)
{
    listener_free(p->listener);
    fd_close(&p->fd);
    list_remove(&p->node);
    free(p);
}

void admin_unlisten(struct admin *a, uint32_t request)
{
    LIST_EACH (&a->ports, it, tmp) {
        struct port *p = CONTAINER_OF(it, struct port, node);
        if (p->number == request) {
            port_free(p);
        }
    }
}

void admin_free(struct admin *a)
{
    if (a == NULL) {
        return;
    }
    LIST_EACH (&a->ports, it, tmp) {
        port_free(CONTAINER_OF(it, struct port, node));
    }
    LIST_EACH (&a->conns, it, tmp) {
        conn_close(CONTAINER_OF(it, struct conn, node));
    }
    deadline_class_free(a->patience);
    deadline_class_free(a->reloading);
    deadline_class_free(a->linger);
    loop_free_later(a->env.loop, a->scratch.bytes);
    loop_free_later(a->env.loop, a);
}

/* SPDX-License-Identifier: MIT */
#include "daemon/worker.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sealed.h"
#include "base/usage.h"
#include "daemon/generation.h"
#include "daemon/listeners.h"
#include "daemon/supervisor.h"
#include "loop/timer.h"
#include "process.h"
#include "tls/tls_server.h"
#include "upstream/made.h"

struct port {
    struct list node;
    uint32_t number;
    int fd; /* owned */
};

struct worker {
    struct process process;
    struct tls_ticket_ring tickets;
    struct proxy *proxy;
    struct generation *current;
    struct generation *pending;
    struct sealed *secrets; /* a reference, between SECRETS and PREPARE; else NULL */
    struct list ports;
};

/* ---- what the data path asks of us ---- */

static void ask_challenge(void *arg, uint32_t id, struct str token)
{
    struct worker *w = arg;
    struct wire_msg m = {.id = WIRE_CHALLENGE_ASK, .request = id, .name = token};

    if (token.len > WIRE_NAME_MAX) {
        proxy_challenge_answer(w->proxy, id, false, STR(""));
        return;
    }
    wire_link_send(w->process.link, &m, NULL, 0);
}

static void hurry(void *arg, struct str service)
{
    struct worker *w = arg;
    struct wire_msg m = {.id = WIRE_HURRY, .name = service};

    if (service.len <= WIRE_NAME_MAX) {
        wire_link_send(w->process.link, &m, NULL, 0);
    }
}

static void want(void *arg, struct str service, bool tell)
{
    struct worker *w = arg;
    struct wire_msg m = {
        .id = WIRE_WANT, .flag = tell ? WIRE_WANT_TELL : WIRE_WANT_KEEP, .name = service};

    wire_link_send(w->process.link, &m, NULL, 0); /* a task's name is never too long */
}

static void on_drained(void *arg, bool is_shut)
{
    struct worker *w = arg;
    struct wire_msg m = {.id = WIRE_DRAINED, .flag = is_shut};

    wire_link_send(w->process.link, &m, NULL, 0);
}

/* ---- what the supervisor says ---- */

static void on_secrets(void *arg, const struct wire_msg *m, int *fds)
{
    struct worker *w = arg;

    (void)m;
    sealed_unref(w->secrets);
    w->secrets = NULL;
    /* Without them PREPARE fails. */
    (void)!sealed_open(fds[0], BUNDLE_MAX, &w->secrets);
}

static void on_prepare(void *arg, const struct wire_msg *m, int *fds)
{
    struct worker *w = arg;
    struct bundle_source source = {fds[0], w->secrets,
                                   w->current == NULL ? NULL : generation_known(w->current)};

    generation_abort(w->pending);
    w->pending = NULL;
    int err = w->secrets == NULL
                  ? ERR_SYNTAX
                  : generation_build(w->proxy, w->process.slot, m->number, &source, &w->pending);
    sealed_unref(w->secrets); /* what it needs was copied */
    w->secrets = NULL;
    if (err != OK) {
        process_send_failed(&w->process, m->number, err);
        return;
    }
    wire_link_send_number(w->process.link, WIRE_PREPARED, m->number);
}

static void on_commit(void *arg, const struct wire_msg *m, int *fds)
{
    struct worker *w = arg;
    struct generation *old = w->current;

    (void)fds;
    if (w->pending == NULL || !CHECK(generation_number(w->pending) == m->number)) {
        return;
    }
    w->current = w->pending;
    w->pending = NULL;
    process_log_as(generation_model(w->current));
    generation_commit(w->current, old);
    if (old == NULL) {
        process_set_state(&w->process, SLOT_READY);
    }
}

static void on_abort(void *arg, const struct wire_msg *m, int *fds)
{
    struct worker *w = arg;

    (void)fds;
    if (w->pending != NULL && generation_number(w->pending) == m->number) {
        generation_abort(w->pending);
        w->pending = NULL;
    }
}

static void on_listen(void *arg, const struct wire_msg *m, int *fds)
{
    struct worker *w = arg;
    struct port *p = NEW(struct port);

    p->number = m->request;
    p->fd = fds[0];
    fds[0] = -1;
    list_push_back(&w->ports, &p->node);
    proxy_listen(w->proxy, p->fd, m->flag == LISTENERS_HTTPS ? PROXY_PORT_HTTPS : PROXY_PORT_HTTP);
}

static void port_free(struct worker *w, struct port *p)
{
    proxy_unlisten(w->proxy, p->fd);
    fd_close(&p->fd);
    list_remove(&p->node);
    free(p);
}

static void on_unlisten(void *arg, const struct wire_msg *m, int *fds)
{
    struct worker *w = arg;

    (void)fds;
    LIST_EACH (&w->ports, it, tmp) {
        struct port *p = CONTAINER_OF(it, struct port, node);
        if (p->number == m->request) {
            port_free(w, p);
        }
    }
}

static void on_tickets(void *arg, const struct wire_msg *m, int *fds)
{
    struct worker *w = arg;

    (void)fds;
    wire_ring(m, &w->tickets);
}

static void on_challenge_answer(void *arg, const struct wire_msg *m, int *fds)
{
    struct worker *w = arg;

    (void)fds;
    proxy_challenge_answer(w->proxy, m->request, m->flag != 0, m->text);
}

static void on_endpoints(void *arg, const struct wire_msg *m, int *fds)
{
    struct worker *w = arg;
    struct addr *addrs = mem_array(m->addr_count, sizeof(*addrs));
    bool is_special = m->request == WHY_NOT_PINNED || m->request == WHY_EXTERNAL_ANSWER;

    (void)fds;
    wire_addrs(m, addrs);
    upstream_lack(proxy_upstream(w->proxy), m->name,
                  is_special ? (enum why)m->request : WHY_NO_ENDPOINT);
    upstream_update(proxy_upstream(w->proxy), m->name, addrs, m->addr_count);
    upstream_checked(proxy_upstream(w->proxy), m->name, m->number);
    upstream_name_tasks(proxy_upstream(w->proxy), m->name, m->text);
    free(addrs);
}

static void on_wanted(void *arg, const struct wire_msg *m, int *fds)
{
    static const enum made_news news[WIRE_WANTED_COUNT] = {
        [WIRE_WANTED_SET] = MADE_SET,
        [WIRE_WANTED_NONE] = MADE_NONE,
        [WIRE_WANTED_GONE] = MADE_GONE,
        [WIRE_WANTED_IDLE] = MADE_IDLE,
    };
    struct worker *w = arg;
    struct addr *addrs;

    (void)fds;
    if (m->flag == WIRE_WANTED_RESTART) {
        made_restart(proxy_upstream(w->proxy));
        return;
    }
    if (m->flag >= WIRE_WANTED_COUNT) {
        return;
    }
    addrs = mem_array(m->addr_count, sizeof(*addrs));
    wire_addrs(m, addrs);
    made_update(proxy_upstream(w->proxy), m->name, news[m->flag], addrs, m->addr_count);
    free(addrs);
}

static void on_drain(void *arg, const struct wire_msg *m, int *fds)
{
    struct worker *w = arg;

    (void)m;
    (void)fds;
    process_set_state(&w->process, SLOT_DRAINING);
    proxy_drain(w->proxy);
}

static void on_cut(void *arg, const struct wire_msg *m, int *fds)
{
    struct worker *w = arg;

    (void)m;
    (void)fds;
    proxy_cut(w->proxy);
}

static void on_shut(void *arg, const struct wire_msg *m, int *fds)
{
    struct worker *w = arg;

    (void)m;
    (void)fds;
    proxy_shut(w->proxy);
}

static void on_stop(void *arg, const struct wire_msg *m, int *fds)
{
    struct worker *w = arg;

    (void)m;
    (void)fds;
    loop_stop(w->process.loop);
}

static const process_fn on[WIRE_COUNT] = {
    [WIRE_SECRETS] = on_secrets, [WIRE_PREPARE] = on_prepare,
    [WIRE_COMMIT] = on_commit,   [WIRE_ABORT] = on_abort,
    [WIRE_LISTEN] = on_listen,   [WIRE_UNLISTEN] = on_unlisten,
    [WIRE_TICKETS] = on_tickets, [WIRE_ENDPOINTS] = on_endpoints,
    [WIRE_WANTED] = on_wanted,   [WIRE_CHALLENGE_ANSWER] = on_challenge_answer,
    [WIRE_DRAIN] = on_drain,     [WIRE_SHUT] = on_shut,
    [WIRE_CUT] = on_cut,         [WIRE_STOP] = on_stop,
};

/* ---- life ---- */

static void worker_init(struct worker *w)
{
    struct proxy_memory memory = {
        .fd = usage_open(),
        .container_bytes = usage_container_limit(),
        .workers = (unsigned)(w->process.args->slots - ROLE_SLOT_WORKERS),
    };
    struct proxy_env env = {
        .loop = w->process.loop,
        .slot = w->process.slot,
        .counters = &w->process.counters,
        .tickets = &w->tickets,
        .memory = &memory,
        .challenge_ask = ask_challenge,
        .hurry = hurry,
        .want = want,
        .drained = on_drained,
        .arg = w,
    };

    list_init(&w->ports);
    w->proxy = proxy_new(&env);
}

static void worker_fini(struct worker *w)
{
    process_disconnect(&w->process);
    LIST_EACH (&w->ports, it, tmp) {
        port_free(w, CONTAINER_OF(it, struct port, node));
    }
    sealed_unref(w->secrets);
    generation_abort(w->pending);
    generation_retire(w->current);
    proxy_free(w->proxy);
    process_fini(&w->process);
    mem_secret_free(w, sizeof(*w));
}

int worker_main(const struct role_args *args)
{
    struct worker *w = mem_secret_new(sizeof(*w)); /* ticket keys live in it */

    if (process_init(&w->process, args) != OK) {
        mem_secret_free(w, sizeof(*w));
        return EXIT_START;
    }
    worker_init(w);
    process_connect(&w->process, on, w);
    loop_run(w->process.loop);
    int status = w->process.status;
    worker_fini(w);
    return status;
}

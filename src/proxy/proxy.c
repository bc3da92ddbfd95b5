/* SPDX-License-Identifier: MIT */
#include "proxy/proxy.h"

#include "base/fold.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/gulp.h"
#include "net/listener.h"
#include "proxy/conn.h"
#include "proxy/policy_auth.h"
#include "proxy_impl.h"

#include <stdlib.h>
#include <sys/random.h>

#define SCRATCH_BYTES (64 * 1024)
#define WIDE_BYTES    GULP_MAX
#define LINK_IDLE_MS  60000
#define HURRY_MS      50
/* Of a container's memory, what workers may hold: the other processes, kernel buffers and what
 * comes between two looks need the rest. */
#define SHARE_PERCENT 75
/* Idle connections looked at, each time that there is too little memory. */
#define SHED_MAX 256

static void on_turn_end(void *arg)
{
    (void)arg;
    log_flush();
}

/* Answers of this turn do not wait for the handshakes behind them. */
static void before_handshakes(void *arg)
{
    struct proxy *p = arg;
    tls_worker_flush(p->tls_worker);
}

static void on_hurry(void *arg, struct str service)
{
    struct proxy *p = arg;
    p->env.hurry(p->env.arg, service);
}

static void on_want(void *arg, struct str service, bool tell)
{
    struct proxy *p = arg;
    p->env.want(p->env.arg, service, tell);
}

struct proxy *proxy_new(const struct proxy_env *env)
{
    struct proxy *p = NEW(struct proxy);
    p->env = *env;
    p->loop = env->loop;
    p->slot = env->slot;
    p->scratch.len = SCRATCH_BYTES;
    p->scratch.bytes = mem_new(WIDE_BYTES);
    p->wide = p->scratch;
    p->wide.len = WIDE_BYTES;
    p->wide.gulps = deadline_class_new(p->loop, GULP_WAIT_MS);
    p->tls_worker = tls_worker_new(p->loop);
    handshakes_init(&p->handshakes, p->loop, p->slot);
    p->handshakes.before = before_handshakes;
    p->handshakes.arg = p;
    p->auth = policy_auth_new();
    pressure_init(&p->pressure, env->memory != NULL ? env->memory->fd : -1);
    p->container_bytes = env->memory != NULL ? env->memory->container_bytes : 0;
    p->workers = env->memory != NULL ? env->memory->workers : 1;
    list_init(&p->listeners);
    list_init(&p->conns);
    list_init(&p->challenges);
    if (getrandom(&p->id_prefix, sizeof(p->id_prefix), 0) < 0) {
        p->id_prefix = (uint64_t)(uintptr_t)p;
    }
    struct upstream_env up = {.loop = p->loop,
                              .slot = p->slot,
                              .counters = env->counters,
                              .scratch = &p->scratch,
                              .tls = p->tls_worker,
                              .idle_class = proxy_deadline(p, LINK_IDLE_MS),
                              .hurry = on_hurry,
                              .hurry_ms = HURRY_MS,
                              .want = on_want,
                              .arg = p};
    p->upstream = upstream_new(&up);
    loop_hook_add(p->loop, &p->flush_logs, on_turn_end, p);
    leave_init(&p->leave, p);
    return p;
}

void proxy_free(struct proxy *p)
{
    if (p == NULL) {
        return;
    }
    LIST_EACH (&p->listeners, it, tmp) {
        proxy_unlisten(p, CONTAINER_OF(it, struct listening, node)->fd);
    }
    leave_fini(&p->leave); /* nobody is told any more */
    proxy_cut(p);
    loop_turn(p->loop, false);
    proxy_settings_unref(p->current);
    p->current = NULL;
    upstream_free(p->upstream);
    loop_turn(p->loop, false);
    handshakes_fini(&p->handshakes);
    tls_worker_free(p->tls_worker);
    policy_auth_free(p->auth);
    pressure_fini(&p->pressure);
    for (unsigned i = 0; i < p->deadline_count; i++) {
        deadline_class_free(p->deadlines[i]);
    }
    deadline_class_free(p->wide.gulps);
    loop_hook_remove(&p->flush_logs);
    free(p->scratch.bytes);
    free(p);
}

struct deadline_class *proxy_deadline(struct proxy *p, uint32_t ms)
{
    struct deadline_class *longer = NULL;
    for (unsigned i = 0; i < p->deadline_count; i++) {
        struct deadline_class *c = p->deadlines[i];
        if (deadline_class_ms(c) == ms) {
            return c;
        }
        if (deadline_class_ms(c) > ms &&
            (longer == NULL || deadline_class_ms(c) < deadline_class_ms(longer))) {
            longer = c;
        }
    }
    if (p->deadline_count == PROXY_DEADLINES_MAX) {
        return longer != NULL ? longer : p->deadlines[0];
    }
    return p->deadlines[p->deadline_count++] = deadline_class_new(p->loop, ms);
}

static uint64_t memory_share(const struct proxy *p, const struct model *m)
{
    uint64_t all = m->limits.memory_bytes;
    if (all == 0) {
        all = p->container_bytes / 100 * SHARE_PERCENT;
    }
    return all / p->workers;
}

/* The connections that were looked at go to the end: the next look begins with others. */
static void shed_idle(struct proxy *p)
{
    for (uint32_t i = p->conn_count < SHED_MAX ? p->conn_count : SHED_MAX; i > 0; i--) {
        struct conn_node *node = LIST_FIRST(&p->conns, struct conn_node, list);
        list_remove(&node->list);
        list_push_back(&p->conns, &node->list);
        conn_shed(node->conn);
    }
}

bool proxy_is_full(struct proxy *p)
{
    if (pressure_look(&p->pressure, loop_now_ms(p->loop))) {
        counter_set(p->slot, COUNTER_MEMORY_HELD, p->pressure.held_bytes);
        counter_set(p->slot, COUNTER_MEMORY_USED, heap_used());
        counter_set(p->slot, COUNTER_MEMORY_FOLDED, fold_bytes());
        if (p->pressure.is_high) {
            shed_idle(p);
        }
    }
    return p->pressure.is_high;
}

void proxy_set_current(struct proxy *p, struct proxy_settings *s)
{
    struct proxy_settings *old = p->current;
    p->current = proxy_settings_ref(s);
    p->pressure.share_bytes = memory_share(p, s->model);
    proxy_settings_unref(old);
}

struct proxy_settings *proxy_current(const struct proxy *p)
{
    return p->current;
}

struct upstream *proxy_upstream(struct proxy *p)
{
    return p->upstream;
}

static void on_accept(void *arg, int fd, const struct addr *peer)
{
    struct listening *l = arg;
    conn_new(l->proxy, fd, peer, l->port);
}

void proxy_listen(struct proxy *p, int fd, enum proxy_port port)
{
    struct listening *l = NEW(struct listening);
    l->proxy = p;
    l->fd = fd;
    l->port = port;
    list_push_back(&p->listeners, &l->node);
    l->listener = listener_new(p->loop, fd, on_accept, l);
}

void proxy_unlisten(struct proxy *p, int fd)
{
    LIST_EACH (&p->listeners, it, tmp) {
        struct listening *l = CONTAINER_OF(it, struct listening, node);
        if (l->fd == fd) {
            list_remove(&l->node);
            listener_free(l->listener);
            free(l);
        }
    }
}

/* SPDX-License-Identifier: MIT */
#include "leave.h"

#include "net/listener.h"
#include "proxy/conn.h"
#include "proxy/proxy.h"
#include "proxy_impl.h"

#define LOOK_MS 5
/* A handshake whose SYN came before we were shut has this long for its last segment. */
#define HANDSHAKE_MS 50
/* A connection that is owed nothing, be it silent or about to close, has this long. */
#define QUIET_MS 250

static void tell(struct leave *l)
{
    struct proxy *p = l->proxy;

    if (!l->is_told) {
        l->is_told = true;
        timer_clear(&l->look);
        p->env.drained(p->env.arg, l->state == LEAVE_SHUT);
    }
}

static bool is_anyone_waiting(const struct proxy *p)
{
    LIST_EACH (&p->listeners, it, tmp) {
        if (listener_is_waiting(CONTAINER_OF(it, struct listening, node)->listener)) {
            return true;
        }
    }
    return false;
}

static bool is_anyone_owed(const struct proxy *p)
{
    LIST_EACH (&p->conns, it, tmp) {
        if (conn_is_owed(CONTAINER_OF(it, struct conn_node, list)->conn)) {
            return true;
        }
    }
    return false;
}

static bool is_shut_over(const struct leave *l)
{
    const struct proxy *p = l->proxy;
    uint64_t past = loop_now_ms(p->loop) - l->shut_ms;

    if (past < HANDSHAKE_MS || is_anyone_waiting(p)) {
        return false;
    }
    return p->conn_count == 0 || (past >= QUIET_MS && !is_anyone_owed(p));
}

static void on_look(void *arg)
{
    struct leave *l = arg;

    if (is_shut_over(l)) {
        tell(l);
    } else {
        timer_set(&l->look, LOOK_MS);
    }
}

void leave_init(struct leave *l, struct proxy *p)
{
    l->proxy = p;
    timer_init(&l->look, p->loop, on_look, l);
}

void leave_fini(struct leave *l)
{
    l->is_told = true;
    timer_fini(&l->look);
}

void leave_conn_gone(struct leave *l, const struct conn_node *node)
{
    l->old_count -= node->is_old;
    if (l->state == LEAVE_DRAINING && l->old_count == 0) {
        tell(l);
    }
}

void proxy_drain(struct proxy *p)
{
    p->leave.state = LEAVE_DRAINING;
    p->leave.old_count = p->conn_count;
    upstream_close_idle(p->upstream);
    LIST_EACH (&p->conns, it, tmp) {
        CONTAINER_OF(it, struct conn_node, list)->is_old = true;
    }
    LIST_EACH (&p->conns, it, tmp) {
        conn_drain(CONTAINER_OF(it, struct conn_node, list)->conn);
    }
    if (p->leave.old_count == 0) {
        tell(&p->leave);
    }
}

void proxy_shut(struct proxy *p)
{
    p->leave.state = LEAVE_SHUT;
    p->leave.is_told = false;
    p->leave.shut_ms = loop_now_ms(p->loop);
    timer_set(&p->leave.look, LOOK_MS);
}

void proxy_cut(struct proxy *p)
{
    while (!list_is_empty(&p->conns)) {
        conn_close(LIST_FIRST(&p->conns, struct conn_node, list)->conn, WHY_DRAIN_DEADLINE);
    }
}

/* SPDX-License-Identifier: MIT */
/* A link from the dial to its first exchange: TCP, TLS where the transport has it, and the choice
 * of the codec. */
#include "link.h"

#include "base/mem.h"
#include "http/h1_client.h"
#include "http/h2_client.h"
#include "net/stream_plain.h"
#include "pool.h"
#include "transport_impl.h"

#include <stdlib.h>

/* Everybody who waits begins; where fewer exchanges fit than hoped, the others ask elsewhere. */
static void go_up(struct link *l)
{
    link_set_state(l, LINK_BUSY);
    counter_inc(l->env->slot, COUNTER_LINKS_OPENED);
    endpoint_connected(l->endpoint);
    while (!list_is_empty(&l->waiting)) {
        struct link_user *user = LIST_FIRST(&l->waiting, struct link_user, node);
        list_remove(&user->node);
        if (link_has_room(l)) {
            list_push_back(&l->running, &user->node);
            user->events->on_up(user->arg);
        } else {
            user->events->on_full(user->arg);
        }
    }
    if (link_has_room(l) && list_is_empty(&l->node) && l->endpoint->state != EP_DRAINING) {
        pool_put(l);
    }
}

void link_open_room(struct link *l)
{
    go_up(l);
}

/* The connection can carry HTTP of the version that was agreed on. */
static void make_client(struct link *l)
{
    struct stream *stream = l->stream;
    const struct h1_scratch *scratch = l->env->scratch;
    const struct client_events *events = &link_client_events;
    l->stream = NULL;
    if (transport_is_shared(l->transport)) {
        const struct h2_client_options options = {l->transport->tls != NULL, l->limits};
        l->client = h2_client_base(h2_client_new(stream, scratch, &options, events, l));
    } else {
        l->client = h1_client_base(h1_client_new(stream, scratch, &l->limits, events, l));
    }
    if (client_has_room(l->client)) {
        go_up(l);
    }
}

/* What ALPN said tells what to expect of the next link. */
static void note_speech(struct link *l)
{
    struct tls_info info;
    tls_stream_info(l->stream, &info);
    l->transport->speech = str_eq(info.alpn, STR("h2")) ? TRANSPORT_H2 : TRANSPORT_H1;
}

static void greet(struct link *l)
{
    int rc = tls_stream_handshake(l->stream);
    if (rc == ERR_AGAIN) {
        return;
    }
    if (rc != OK) {
        const char *detail = tls_stream_error(l->stream);
        link_fail(l, rc == ERR_DENIED ? WHY_UPSTREAM_CERTIFICATE : WHY_UPSTREAM_TLS,
                  rc == ERR_RESET ? "connection closed in the handshake" : detail);
        return;
    }
    stream_want(l->stream, 0);
    note_speech(l);
    make_client(l);
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

enum why link_why(int err)
{
    if (err == ERR_REFUSED) {
        return WHY_CONNECT_REFUSED;
    }
    if (err == ERR_TIMEOUT) {
        return WHY_CONNECT_TIMEOUT;
    }
    return err == ERR_NO_FD ? WHY_NO_FD : WHY_CONNECT_FAILED;
}

static void on_dialed(void *arg, int err, int fd)
{
    struct link *l = arg;
    l->dial = NULL;
    if (err != OK) {
        link_fail(l, link_why(err), "");
        return;
    }
    link_set_state(l, LINK_GREETING);
    deadline_set(&l->deadline, l->greet_class);
    if (l->transport == NULL || l->transport->tls == NULL) {
        l->stream = stream_plain_new(l->env->loop, fd, on_unowned, NULL);
        make_client(l);
        return;
    }
    l->stream = tls_stream_connect(l->env->tls, l->transport->tls, fd, on_greeting, l);
    stream_want(l->stream, STREAM_READABLE);
    greet(l);
}

static void on_deadline(void *arg)
{
    struct link *l = arg;
    switch (l->state) {
    case LINK_DIALING:
        dial_cancel(l->dial);
        l->dial = NULL;
        link_fail(l, WHY_CONNECT_TIMEOUT, "");
        return;
    case LINK_GREETING:
        client_close(l->client);
        l->client = NULL;
        link_fail(l, WHY_CONNECT_TIMEOUT, "connected, but no greeting came");
        return;
    case LINK_IDLE:
    case LINK_ENDING: link_close(l); return;
    case LINK_BUSY:
    case LINK_CLOSED: break;
    }
}

int link_dial(const struct upstream_env *env, struct endpoint *e, const struct lease_want *want,
              struct link_user *user, struct link **out_link)
{
    struct link *l = NEW(struct link);
    int err = dial_start(env->loop, &e->addr, on_dialed, l, &l->dial);
    if (err != OK) {
        free(l);
        return err;
    }
    l->env = env;
    l->endpoint = endpoint_ref(e);
    l->transport = transport_ref(want->transport);
    l->limits = *want->limits;
    l->greet_class = want->greet_class != NULL ? want->greet_class : want->attempt_class;
    l->state = LINK_DIALING;
    counter_inc(env->slot, COUNTER_LINKS_DIALING);
    list_init(&l->node);
    list_init(&l->waiting);
    list_init(&l->running);
    deadline_init(&l->deadline, on_deadline, l);
    deadline_set(&l->deadline, want->attempt_class);
    link_wait(l, user);
    if (transport_is_shared(l->transport)) {
        pool_put(l);
    }
    *out_link = l;
    return OK;
}

/* SPDX-License-Identifier: MIT */
/*
 * The data path of one worker: everything that connections and exchanges share. The daemon makes
 * one, gives it listening sockets and generations, and asks it to drain. Everything here runs in
 * one thread and never opens a file, resolves a name or blocks.
 */
#ifndef HIVEDOOR_PROXY_PROXY_H
#define HIVEDOOR_PROXY_PROXY_H

#include "base/err.h"
#include "base/str.h"
#include "loop/loop.h"
#include "proxy/settings.h"
#include "stats/counter.h"
#include "tls/tls_ticket.h"
#include "upstream/upstream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proxy;

/* What the host tells of memory. */
struct proxy_memory {
    int fd;                   /* of usage_open; taken */
    uint64_t container_bytes; /* of usage_container_limit; 0: none */
    unsigned workers;         /* that share it */
};

/* What the data path asks of the daemon around it. */
struct proxy_env {
    struct loop *loop;
    struct slot *slot;
    const struct counters *counters;       /* every process's, `slot` among them */
    const struct tls_ticket_ring *tickets; /* changes in place */
    const struct proxy_memory *memory;     /* NULL: not known, no limit */
    /* Look for a challenge token in the folder; answered by proxy_challenge_answer. */
    void (*challenge_ask)(void *arg, uint32_t id, struct str token);
    /* DNS should look at this service now. */
    void (*hurry)(void *arg, struct str service);
    /* A name that a request made of a pattern is used; `tell`: nothing is known of it. */
    void (*want)(void *arg, struct str service, bool tell);
    /* Nobody is left: of those of before the drain, or, after proxy_shut, at all. */
    void (*drained)(void *arg, bool is_shut);
    void *arg;
};

/* Never NULL. */
struct proxy *proxy_new(const struct proxy_env *env);
/* Closes whatever is left. */
void proxy_free(struct proxy *p);
/* The generation for new connections and requests; takes a reference, drops the one on the old. */
void proxy_set_current(struct proxy *p, struct proxy_settings *s);
/* NULL before the first. */
struct proxy_settings *proxy_current(const struct proxy *p);
struct upstream *proxy_upstream(struct proxy *p);

enum proxy_port { PROXY_PORT_HTTP, PROXY_PORT_HTTPS };
/* Accepts on a listening descriptor (borrowed) from now on. */
void proxy_listen(struct proxy *p, int fd, enum proxy_port port);
/* Stops accepting on it. */
void proxy_unlisten(struct proxy *p, int fd);

/* `found` false: no such token. An unknown id is ignored (the client may be gone). */
void proxy_challenge_answer(struct proxy *p, uint32_t id, bool found, struct str bytes);

/* SIGTERM: goes on accepting, every answer closes its connection, idle connections close; calls
 * env.drained when nothing is left of what was there. */
void proxy_drain(struct proxy *p);
/* No handshake is begun any more (listener_refuse): serves whoever is in the accept queue, then
 * calls env.drained. */
void proxy_shut(struct proxy *p);
/* The drain deadline: cuts what is left. */
void proxy_cut(struct proxy *p);

#endif

/* SPDX-License-Identifier: MIT */
/* What the files of the data path share of struct proxy. */
#ifndef HIVEDOOR_SRC_PROXY_PROXY_IMPL_H
#define HIVEDOOR_SRC_PROXY_PROXY_IMPL_H

#include "base/list.h"
#include "leave.h"
#include "proxy/handshakes.h"
#include "proxy/pressure.h"
#include "proxy/proxy.h"
#include "tls/tls_stream.h"

#include <stdint.h>

#define PROXY_DEADLINES_MAX 256

struct challenge;

struct proxy {
    struct proxy_env env;
    struct loop *loop;
    struct slot *slot;
    struct h1_scratch scratch;
    struct h1_scratch wide; /* the same memory, and more of it, for the bodies of requests */
    struct tls_worker *tls_worker;
    struct upstream *upstream;
    struct policy_auth *auth; /* owned */
    struct pressure pressure;
    uint64_t container_bytes;       /* memory, 0: no limit */
    unsigned workers;               /* that share it */
    size_t kept_bytes;              /* of request bodies, in case they are sent again */
    unsigned gzip_count;            /* responses that are being compressed */
    struct proxy_settings *current; /* a reference */
    struct handshakes handshakes;
    struct list listeners;
    struct list conns;
    uint32_t conn_count;
    struct leave leave;
    struct list challenges; /* asked of the folder, not answered yet */
    uint32_t challenge_id;
    struct deadline_class *deadlines[PROXY_DEADLINES_MAX]; /* owned, one a duration */
    unsigned deadline_count;
    uint64_t id_prefix; /* request ids: random at start ... */
    uint64_t id_count;  /* ... and a number */
    struct loop_hook flush_logs;
};

struct listening {
    struct list node; /* in proxy.listeners */
    struct proxy *proxy;
    struct listener *listener; /* owned */
    int fd;                    /* borrowed */
    enum proxy_port port;
};

/* Where a connection stands in proxy.conns. */
struct conn_node {
    struct list list;
    struct conn *conn;
    bool is_old; /* of before the drain */
};

/* The class of a duration, made once; a table that is full gives the next longer one. */
struct deadline_class *proxy_deadline(struct proxy *p, uint32_t ms);
/* Whether limits.memory is reached: nothing new is begun then. Ends idle connections if so. */
bool proxy_is_full(struct proxy *p);
#endif

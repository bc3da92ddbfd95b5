/* SPDX-License-Identifier: MIT */
/* What the directory of checks and their turns share. Private to the daemon floor. */
#ifndef HIVEDOOR_SRC_DAEMON_CHECKS_IMPL_H
#define HIVEDOOR_SRC_DAEMON_CHECKS_IMPL_H

#include "base/bucket.h"
#include "base/list.h"
#include "base/map.h"
#include "daemon/checks.h"
#include "loop/timer.h"
#include "upstream/probe.h"

struct target {
    struct list node;  /* in check->targets */
    struct list ready; /* in checks->ready, while its turn has come */
    struct check *check;
    struct addr addr;
    struct timer next;
    struct probe *probe; /* while it is under way */
    size_t index;        /* in served->addrs */
    uint64_t began_ms;
    uint32_t row; /* results in a row that speak against what it is */
    struct checks_verdict verdict;
};

struct check {
    struct list node; /* in served->checks */
    struct served *served;
    char *key; /* what makes it this check and no other, owned */
    enum model_scheme scheme;
    struct tls_client *tls; /* a reference, or NULL */
    char *path;             /* owned; "": a connection is enough */
    char *host;             /* owned */
    struct model_health how;
    bool is_wanted; /* by the model that is taken over */
    struct list targets;
};

/* A service that is checked. */
struct served {
    struct checks *home;
    char *name; /* "host:port", owned */
    struct list checks;
    struct addr *addrs; /* owned */
    size_t count;
};

struct checks {
    struct loop *loop;
    struct slot *slot;
    checks_fn fn;
    void *arg;
    struct map *services; /* of struct served, by name */
    struct list ready;    /* struct target, the one that waits longest in front */
    size_t under_way;
    struct bucket rate;
    struct timer pump;
    struct h1_scratch scratch; /* owned, made for the first check */
    struct probe_env env;
};

/* Which of the addresses fail a check, in their order; the caller's. */
bool *checks_list_failing(const struct served *s);
/* A new target of a check, whose first turn comes at its place in the interval. */
struct target *checks_target_new(struct check *k, const struct addr *addr);
/* Whatever is under way for it ends. */
void checks_target_free(struct target *t);
/* Somebody's turn has come, and there may be room. */
void checks_on_pump(void *arg);

#endif

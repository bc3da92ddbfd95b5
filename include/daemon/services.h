/* SPDX-License-Identifier: MIT */
/*
 * The services of the configuration, kept fresh (keeper): one for every distinct name and
 * port that is not a literal address; the ports of a name are asked for together. Matched by name
 * across reloads, so that a reload asks nothing anew. The names of pattern targets are
 * daemon/wanted's, which is asked through here.
 */
#ifndef HIVEDOOR_DAEMON_SERVICES_H
#define HIVEDOOR_DAEMON_SERVICES_H

#include "base/addr.h"
#include "base/err.h"
#include "base/list.h"
#include "base/str.h"
#include "config/model.h"
#include "daemon/wanted.h"
#include "dns/service.h"
#include "dns/task_name.h"
#include "loop/loop.h"
#include "stats/counter.h"

#include <stdbool.h>
#include <stddef.h>

struct services;

/* The addresses of a service that may be used; all borrowed for the call. */
struct services_set {
    const struct addr *addrs;
    size_t count;
    struct str names; /* of their tasks, a line each in the same order, as far as they fit */
    /* False: none were found yet, which does not take away what an earlier keeper may have found.
     * It is told again, and sure, when it has lasted for SERVICE_DOUBT_MS. */
    bool sure;
    enum why lack; /* without any: why; WHY_OK otherwise */
    bool renamed;  /* told because names are known, or because they decide; nothing else */
};

struct services_events {
    /* What "host:port" leads to now. */
    void (*on_endpoints)(void *arg, struct str name, const struct services_set *set);
    /* No route uses it any more. */
    void (*on_gone)(void *arg, struct str name);
    /* See daemon/wanted. */
    wanted_fn on_wanted;
};

/* Opens the resolver of /etc/resolv.conf, hence before the sandbox is sealed. Never NULL. */
struct services *services_new(struct loop *loop, struct slot *slot,
                              const struct services_events *events, void *arg);
void services_free(struct services *s);
/* The services of this model from now on. ERR_NOT_FOUND: there is no DNS server to ask; literal
 * addresses work all the same. */
int services_set(struct services *s, const struct model *m) MUST_USE;
void services_hurry(struct services *s, struct str name);
/* The names of pattern targets; borrowed. */
struct wanted *services_wanted(const struct services *s);
/* Tells what this name leads to once more, if it is one of these. */
void services_tell(struct services *s, struct str name);
/* Walks over all: *pos starts as NULL; false at the end. `out_name` is borrowed. */
bool services_next(const struct services *s, const struct list **pos, struct str *out_name,
                   struct service_info *out_info);
/* What requests to a service that services_next gives end with now for want of an address; WHY_OK:
 * it has one. */
enum why services_lack(const struct services *s, struct str name);
/* Whether requests may go to this address of it: `pin` may leave it out. Names that a pattern made
 * have none. */
bool services_uses(const struct services *s, struct str name, const struct addr *addr);
/* The task that an address belongs to, or NULL; borrowed until the loop goes on. */
const struct task_name *services_task(const struct services *s, const struct addr *addr);
/* Copies the resolver's counts into the process's counters. */
void services_count_up(struct services *s);

#endif

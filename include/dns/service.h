/* SPDX-License-Identifier: MIT */
/*
 * One service name kept fresh (keeper only): asked about once a `refresh`, whatever the TTL and
 * however many ports of it are used: a name is asked once for all its services of a group. Inside
 * Docker a name without a dot is asked as `tasks.NAME` (the tasks' own addresses) and as NAME
 * (which may be a virtual address), and the first of the two that has addresses counts; a name that
 * begins with "tasks.", has a dot, or ends in one (absolute; the dot is cut) is asked as it stands.
 * A name that somebody else chose is asked as tasks.NAME only: Docker answers for its tasks, and
 * never with a virtual address or what the outside says of NAME.
 *
 * Each question, A and AAAA too, is judged for itself: what one says of its addresses says nothing
 * of the other's. The one exception is an empty answer beside a positive one, which means that
 * there are none of that family. The union is sorted, compared with the last one and published when
 * it differs; answers that come within SERVICE_SETTLE_MS of each other are published together, and
 * a silent question does not hold up the others.
 *
 * A positive answer is believed at once. NXDOMAIN, failure, silence or an empty answer is a doubt:
 * the last addresses are remembered. Where somebody proves them (`is_proved`) they stay until
 * service_forget() says that one is dead, but no longer than SERVICE_REMEMBER_MS; otherwise for
 * SERVICE_DOUBT_MS. While nothing is positive the time between questions doubles up to
 * SERVICE_ABSENT_MS (the server says that there is no such name) or SERVICE_BACKOFF_MS (it fails or
 * is silent); service_hurry() asks at once, at most every SERVICE_HURRY_MS and, after
 * SERVICE_HURRY_BURST times, once a second: a task that died is in the DNS for 60 ms more, and
 * traffic of any amount must not become questions. The names of a group take turns: one begins its
 * questions every SERVICE_PACE_US, or oftener where all would take more than half of `refresh`:
 * many names are no burst, which a server's socket would have no room for.
 *
 * An address is *listed* while the last answer names it, *remembered* while there is none that
 * counts, and *gone* when it is neither.
 */
#ifndef HIVEDOOR_DNS_SERVICE_H
#define HIVEDOOR_DNS_SERVICE_H

#include "base/addr.h"
#include "base/str.h"
#include "dns/resolver.h"
#include "loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVICE_DOUBT_MS 30000
/* An address that a name no longer leads to is given to somebody else one day: Docker hands them
 * out in rising order, and a network of 254 that is redeployed all day has wrapped within one. */
#define SERVICE_REMEMBER_MS (24u * 60 * 60 * 1000)
#define SERVICE_BACKOFF_MS  5000
#define SERVICE_ABSENT_MS   2000
#define SERVICE_HURRY_MS    100
#define SERVICE_HURRY_BURST 3
#define SERVICE_SETTLE_MS   50
#define SERVICE_PACE_US     1000 /* between two names of a group, at most */

struct service;

enum service_state {
    SERVICE_UNKNOWN,  /* not answered yet */
    SERVICE_RESOLVED, /* the last answer was positive */
    SERVICE_DOUBTED,  /* last answer negative, addresses remembered */
    SERVICE_ABSENT,   /* no address */
};

/* Sorted, without duplicates, with the service's port; borrowed for the call. Called for the first
 * outcome too, even when it is an empty set, and when is_screened changes, but never from inside
 * service_new. */
typedef void (*service_fn)(void *arg, struct service *s, const struct addr *addrs, size_t count);

/* Drops addresses that must not be used from a positive answer about `name`, in place; how many are
 * left. With none left the answer counts as one that has no address, and is believed at once. */
typedef size_t (*service_screen_fn)(void *arg, struct str name, struct addr *addrs, size_t count);

/* These addresses of the set are remembered now, and no others; called when that changes, before
 * service_fn. Must not free the service. Borrowed for the call. */
typedef void (*service_remembered_fn)(void *arg, const struct addr *addrs, size_t count);

/* How all names of a group are asked for and judged. */
struct service_group_spec {
    uint32_t refresh_ms;
    bool tasks_only;          /* asked as tasks.NAME and never otherwise, wherever we are */
    service_screen_fn screen; /* NULL: every address is taken */
    void *screen_arg;
    bool screened_is_doubt; /* an answer of which nothing is left says nothing, as if none came */
    bool is_proved;         /* somebody looks whether what is remembered is alive */
};

struct service_group;

/* `r` is borrowed and must outlive it. */
struct service_group *service_group_new(struct loop *loop, struct resolver *r,
                                        struct service_group_spec spec);
/* After the last of its services; accepts NULL. */
void service_group_free(struct service_group *g);
/* Takes effect for the next questions. */
void service_group_set_refresh(struct service_group *g, uint32_t refresh_ms);

/* What is to be kept fresh, and who is told. */
struct service_spec {
    struct str name; /* as configured: "web", "tasks.web", "api.example.com."; copied */
    uint16_t port;   /* which the addresses get */
    service_fn fn;
    service_remembered_fn on_remembered; /* or NULL */
    void *arg;                           /* of both */
};

/* Asks at once if the name is not asked for yet. */
struct service *service_new(struct service_group *g, struct service_spec spec);
/* May be called from inside `fn`; accepts NULL. */
void service_free(struct service *s);
/* Asks now or as soon as SERVICE_HURRY_MS have passed since the last questions about the name. */
void service_hurry(struct service *s);
/* A remembered address is dead at this port: it goes. One that is listed by now stays. May call
 * `fn`. */
void service_forget(struct service *s, const struct addr *addr);

/* Strings and addresses are borrowed until the loop goes on. */
struct service_info {
    struct str name; /* as given to service_new */
    uint16_t port;
    enum service_state state;
    enum resolver_outcome last_a; /* of the name that counts; SILENT before any answer */
    enum resolver_outcome last_aaaa;
    bool is_screened;        /* no address, as the screen left none of what was answered last */
    uint64_t last_answer_ms; /* monotonic, of the last positive answer; 0 never */
    const struct addr *addrs;
    size_t count;
    const struct service *service; /* for service_is_remembered */
};

void service_info(const struct service *s, struct service_info *out_info);
/* Whether an address of the set is only remembered. */
bool service_is_remembered(const struct service *s, const struct addr *addr);
/* "unknown", "resolved", "remembered", "absent"; static. */
const char *service_state_text(enum service_state state);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * One service name kept fresh (keeper only): asked about once a `refresh`, whatever the TTL; A and
 * AAAA judged apart and joined; inside Docker `tasks.NAME` first, then NAME. A sorted set is compared
 * with the last one and published when it differs.
 *
 * A positive answer is believed at once. NXDOMAIN, failure, silence or an empty answer is a doubt:
 * the last addresses stay for SERVICE_DOUBT_MS, then the set is empty. Failures back off up to
 * SERVICE_BACKOFF_MS between questions; service_hurry() asks at once (bounded by 100 ms apart).
 */
#ifndef HIVEDOOR_DNS_SERVICE_H
#define HIVEDOOR_DNS_SERVICE_H

#include "base/addr.h"
#include "base/str.h"
#include "dns/resolver.h"
#include "loop/loop.h"

#include <stddef.h>
#include <stdint.h>

#define SERVICE_DOUBT_MS   30000
#define SERVICE_BACKOFF_MS 5000

struct service;

enum service_state {
    SERVICE_UNKNOWN,  /* not answered yet */
    SERVICE_RESOLVED, /* the last answer was positive */
    SERVICE_DOUBTED,  /* last answer negative, addresses remembered */
    SERVICE_ABSENT,   /* no address */
};

/* Sorted, without duplicates, with the service's port; borrowed for the call. Called for the first
 * outcome too, even when it is an empty set. */
typedef void (*service_fn)(void *arg, struct service *s, const struct addr *addrs, size_t count);

/* Starts asking at once; `name` and `port` are copied. */
struct service *service_new(struct loop *loop, struct resolver *r, struct str name, uint16_t port,
                            uint32_t refresh_ms, service_fn fn, void *arg);
void service_free(struct service *s);
void service_hurry(struct service *s);
void service_set_refresh(struct service *s, uint32_t refresh_ms);

struct service_info {
    struct str name;
    uint16_t port;
    enum service_state state;
    enum resolver_outcome last_a;
    enum resolver_outcome last_aaaa;
    uint64_t last_answer_ms; /* monotonic, of the last positive answer; 0 never */
    const struct addr *addrs;
    size_t count;
};
void service_info(const struct service *s, struct service_info *out_info);
const char *service_state_text(enum service_state state);

#endif

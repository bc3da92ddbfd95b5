/* SPDX-License-Identifier: MIT */
/*
 * The half of dns/service that asks: one name of a group, with what each of its questions said
 * last. It knows nothing of ports and of who uses the name. Only dns/service.c calls it.
 */
#ifndef HIVEDOOR_SRC_DNS_ASKED_H
#define HIVEDOOR_SRC_DNS_ASKED_H

#include "base/list.h"
#include "base/map.h"
#include "dns/service.h"

struct asked;

struct service_group {
    struct loop *loop;  /* borrowed */
    struct resolver *r; /* borrowed */
    struct service_group_spec spec;
    uint64_t turn_us;    /* when the next name may ask; of dns/asked */
    struct list names;   /* of dns/service */
    struct map *by_name; /* likewise */
};

/* An answer was judged, and what asked_info says may have changed. May free it. */
typedef void (*asked_fn)(void *arg);

/* Asks from the next turn of the loop on. */
struct asked *asked_new(struct service_group *group, struct str name, asked_fn fn, void *arg);
/* May be called from inside `fn`. */
void asked_free(struct asked *a);
/* As service_hurry. */
void asked_hurry(struct asked *a);
/* Nobody wants this remembered address any more; not to be called from inside `fn`, which it calls.
 * `addr` without a port, as all of its addresses are. */
void asked_drop(struct asked *a, const struct addr *addr);
bool asked_is_remembered(const struct asked *a, const struct addr *addr);
/* The group's refresh is another one. */
void asked_reschedule(struct asked *a);
/* All but the name, the port and the service. */
void asked_info(const struct asked *a, struct service_info *out_info);

#endif

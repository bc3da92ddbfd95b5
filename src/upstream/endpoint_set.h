/* SPDX-License-Identifier: MIT */
/*
 * The addresses of a service at one moment: immutable and counted. A change makes a new set with a
 * higher version, which takes over the endpoints whose address stays.
 */
#ifndef HIVEDOOR_SRC_UPSTREAM_ENDPOINT_SET_H
#define HIVEDOOR_SRC_UPSTREAM_ENDPOINT_SET_H

#include "base/addr.h"
#include "base/str.h"
#include "endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct endpoint_set {
    unsigned refs;
    uint64_t version;
    size_t count;
    struct endpoint *endpoints[]; /* a reference each */
};

/* A set of these addresses (each taken once), with the endpoints of `old` (may be NULL) where the
 * address is the same. One reference. */
struct endpoint_set *endpoint_set_new(const struct endpoint_set *old,
                                      const struct endpoint_owner *owner, const struct addr *addrs,
                                      size_t count);
/* Accepts NULL. */
void endpoint_set_unref(struct endpoint_set *set);
bool endpoint_set_has(const struct endpoint_set *set, const struct endpoint *e);
/* Whether one more may be ejected for its answers: `percent` of them at most are out of use, and
 * never the last. */
bool endpoint_set_can_spare(const struct endpoint_set *set, uint32_t percent, uint64_t now_ms);
/* Its first `well` endpoints pass their checks, the others fail them. Where all fail, all are as if
 * none were checked: some answer is better than none, and the check may be what is wrong. */
void endpoint_set_checked(const struct endpoint_set *set, size_t well);
/* Whether these are the set's addresses, in its order. */
bool endpoint_set_is(const struct endpoint_set *set, const struct addr *addrs, size_t count);

#endif

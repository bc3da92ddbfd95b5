/* SPDX-License-Identifier: MIT */
#include "endpoint_set.h"

#include "base/mem.h"

#include <stdlib.h>

static struct endpoint *find(struct endpoint *const *endpoints, size_t count,
                             const struct addr *addr)
{
    for (size_t i = 0; i < count; i++) {
        if (addr_eq(&endpoints[i]->addr, addr)) {
            return endpoints[i];
        }
    }
    return NULL;
}

struct endpoint_set *endpoint_set_new(const struct endpoint_set *old,
                                      const struct endpoint_owner *owner, const struct addr *addrs,
                                      size_t count)
{
    struct endpoint_set *set = mem_new(sizeof(*set) + count * sizeof(set->endpoints[0]));
    set->refs = 1;
    set->version = old == NULL ? 1 : old->version + 1;
    for (size_t i = 0; i < count; i++) {
        if (find(set->endpoints, set->count, &addrs[i]) != NULL) {
            continue;
        }
        struct endpoint *known = old == NULL ? NULL : find(old->endpoints, old->count, &addrs[i]);
        set->endpoints[set->count++] =
            known != NULL ? endpoint_ref(known) : endpoint_new(owner, &addrs[i]);
    }
    return set;
}

void endpoint_set_unref(struct endpoint_set *set)
{
    if (set == NULL || --set->refs > 0) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        endpoint_unref(set->endpoints[i]);
    }
    free(set);
}

bool endpoint_set_has(const struct endpoint_set *set, const struct endpoint *e)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->endpoints[i] == e) {
            return true;
        }
    }
    return false;
}

bool endpoint_set_can_spare(const struct endpoint_set *set, uint32_t percent, uint64_t now_ms)
{
    size_t down = 0;
    for (size_t i = 0; i < set->count; i++) {
        down += !endpoint_is_eligible(set->endpoints[i], now_ms);
    }
    return down + 1 < set->count && (down + 1) * 100 <= set->count * percent;
}

void endpoint_set_checked(const struct endpoint_set *set, size_t well)
{
    for (size_t i = 0; i < set->count; i++) {
        endpoint_checked(set->endpoints[i], well > 0 && i >= well);
    }
}

bool endpoint_set_is(const struct endpoint_set *set, const struct addr *addrs, size_t count)
{
    if (set->count != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!addr_eq(&set->endpoints[i]->addr, &addrs[i])) {
            return false;
        }
    }
    return true;
}

/* SPDX-License-Identifier: MIT */
#include "stats/rate.h"

#include "base/map.h"

#define DEBT_MAX (UINT64_MAX / 4) /* ns: 146 years; keeps every sum in range */

uint64_t rate_tag(const struct counters *all, struct str key)
{
    uint64_t tag = map_hash_with(all->slots[0].rate_key, key);
    return tag != 0 ? tag : 1; /* 0 marks a free cell */
}

static uint64_t capacity(const struct rate_ask *ask)
{
    return ask->burst > DEBT_MAX / ask->interval_ns ? DEBT_MAX : ask->burst * ask->interval_ns;
}

static size_t set_of(uint64_t tag)
{
    return (size_t)(tag % RATE_SETS);
}

/* When this table's bucket will be full, 0 if it has none. The cell may be given to another bucket
 * by its writer meanwhile: then its number is not taken for ours. */
static uint64_t full_in(const struct slot *s, uint64_t tag)
{
    const struct rate_cell *set = s->rate[set_of(tag)];
    for (size_t i = 0; i < RATE_WAYS; i++) {
        if (__atomic_load_n(&set[i].tag, __ATOMIC_ACQUIRE) == tag) {
            uint64_t full = __atomic_load_n(&set[i].full_ns, __ATOMIC_ACQUIRE);
            return __atomic_load_n(&set[i].tag, __ATOMIC_RELAXED) == tag ? full : 0;
        }
    }
    return 0;
}

static struct rate_cell *own_cell(const struct rate_tables *t, uint64_t tag)
{
    struct rate_cell *set = t->own->rate[set_of(tag)];
    for (size_t i = 0; i < RATE_WAYS; i++) {
        if (set[i].tag == tag) {
            return &set[i];
        }
    }
    return NULL;
}

/* The cell that a newcomer gets: the one that is the nearest to full, or past it. */
static struct rate_cell *victim(const struct rate_tables *t, uint64_t tag)
{
    struct rate_cell *set = t->own->rate[set_of(tag)];
    struct rate_cell *least = &set[0];
    for (size_t i = 1; i < RATE_WAYS; i++) {
        if (set[i].full_ns < least->full_ns) {
            least = &set[i];
        }
    }
    return least;
}

/* When the bucket will be full: now, if it is. */
static uint64_t full_at(const struct rate_tables *t, const struct rate_ask *ask)
{
    uint64_t full = 0;
    for (size_t i = 0; i < t->all->count; i++) {
        const struct slot *s = &t->all->slots[i];
        if (s == t->own || __atomic_load_n(&s->role, __ATOMIC_RELAXED) == SLOT_WORKER) {
            uint64_t there = full_in(s, ask->tag);
            full = there > full ? there : full;
        }
    }
    if (full == 0 && victim(t, ask->tag)->full_ns > ask->now_ns) {
        full = ask->now_ns + capacity(ask) - ask->interval_ns; /* no room: a single token */
    }
    return full > ask->now_ns ? full : ask->now_ns;
}

uint64_t rate_wait(const struct rate_tables *t, const struct rate_ask *ask)
{
    uint64_t debt = full_at(t, ask) - ask->now_ns + ask->interval_ns;
    uint64_t room = capacity(ask);
    return debt > room ? debt - room : 0;
}

void rate_take(const struct rate_tables *t, const struct rate_ask *ask)
{
    uint64_t full = full_at(t, ask);
    full = full - ask->now_ns > DEBT_MAX ? full : full + ask->interval_ns;
    struct rate_cell *cell = own_cell(t, ask->tag);
    if (cell == NULL) {
        cell = victim(t, ask->tag);
        __atomic_store_n(&cell->tag, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&cell->full_ns, full, __ATOMIC_RELEASE);
        __atomic_store_n(&cell->tag, ask->tag, __ATOMIC_RELEASE);
        return;
    }
    __atomic_store_n(&cell->full_ns, full, __ATOMIC_RELEASE);
}

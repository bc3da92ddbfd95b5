/* SPDX-License-Identifier: MIT */
#include "stats/flight.h"

#include "base/map.h"

static size_t set_of(uint64_t tag)
{
    return (size_t)(tag % FLIGHT_SETS);
}

uint64_t flight_tag(const struct flight_tables *t, struct str key)
{
    uint64_t tag = map_hash_with((t->all == NULL ? t->own : &t->all->slots[0])->rate_key, key);
    return tag != 0 ? tag : 1; /* 0 is nobody's */
}

static uint64_t count_of(const struct flight_cell *cell)
{
    return __atomic_load_n(&cell->count, __ATOMIC_ACQUIRE);
}

static struct flight_cell *own_cell(const struct flight_tables *t, uint64_t tag)
{
    struct flight_cell *set = t->own->flight[set_of(tag)];
    for (size_t i = 0; i < FLIGHT_WAYS; i++) {
        if (set[i].tag == tag && set[i].count > 0) {
            return &set[i];
        }
    }
    return NULL;
}

void flight_enter(const struct flight_tables *t, uint64_t tag)
{
    struct flight_cell *cell = own_cell(t, tag);
    struct flight_cell *set = t->own->flight[set_of(tag)];
    for (size_t i = 0; cell == NULL && i < FLIGHT_WAYS; i++) {
        if (set[i].count == 0) {
            cell = &set[i];
            __atomic_store_n(&cell->tag, tag, __ATOMIC_RELEASE);
        }
    }
    if (cell != NULL) {
        __atomic_store_n(&cell->count, cell->count + 1, __ATOMIC_RELEASE);
    }
}

void flight_leave(const struct flight_tables *t, uint64_t tag)
{
    struct flight_cell *cell = own_cell(t, tag);
    if (cell != NULL) {
        __atomic_store_n(&cell->count, cell->count - 1, __ATOMIC_RELEASE);
    }
}

uint64_t flight_elsewhere(const struct flight_tables *t, uint64_t tag)
{
    uint64_t sum = 0;
    for (size_t i = 0; t->all != NULL && i < t->all->count; i++) {
        const struct slot *s = &t->all->slots[i];
        const struct flight_cell *set = s->flight[set_of(tag)];
        for (size_t k = 0; s != t->own && k < FLIGHT_WAYS; k++) {
            /* The cell may be given to another endpoint between the two loads: a count that is off
             * for one choice. */
            if (__atomic_load_n(&set[k].tag, __ATOMIC_ACQUIRE) == tag) {
                sum += count_of(&set[k]);
            }
        }
    }
    return sum;
}

void flight_clear(struct slot *slot)
{
    for (size_t i = 0; i < FLIGHT_SETS; i++) {
        for (size_t k = 0; k < FLIGHT_WAYS; k++) {
            struct flight_cell *cell = &slot->flight[i][k];
            if (count_of(cell) != 0) {
                __atomic_store_n(&cell->count, 0, __ATOMIC_RELEASE);
            }
        }
    }
}

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

static struct flight_cell *find(struct flight_cell *set, uint64_t tag)
{
    for (size_t i = 0; i < FLIGHT_WAYS; i++) {
        if (set[i].tag == tag && set[i].count > 0) {
            return &set[i];
        }
    }
    return NULL;
}

/* The set of a tag, or one of those behind it. */
static struct flight_cell *nth_set(struct slot *slot, uint64_t tag, size_t n)
{
    return slot->flight[(set_of(tag) + n) % FLIGHT_SETS];
}

/* `*out_nth`: in which of its sets. */
static struct flight_cell *own_cell(const struct flight_tables *t, uint64_t tag, size_t *out_nth)
{
    struct flight_cell *cell = NULL;
    size_t sets = t->own->flight_spilled > 0 ? FLIGHT_SPILL_SETS : 1;
    for (size_t n = 0; cell == NULL && n < sets; n++) {
        cell = find(nth_set(t->own, tag, n), tag);
        *out_nth = n;
    }
    return cell;
}

static struct flight_cell *claim(const struct flight_tables *t, uint64_t tag)
{
    for (size_t n = 0; n < FLIGHT_SPILL_SETS; n++) {
        struct flight_cell *set = nth_set(t->own, tag, n);
        for (size_t i = 0; i < FLIGHT_WAYS; i++) {
            if (set[i].count == 0) {
                uint64_t spilled = t->own->flight_spilled + (n > 0);
                __atomic_store_n(&t->own->flight_spilled, spilled, __ATOMIC_RELEASE);
                __atomic_store_n(&set[i].tag, tag, __ATOMIC_RELEASE);
                return &set[i];
            }
        }
    }
    return NULL;
}

bool flight_enter(const struct flight_tables *t, uint64_t tag)
{
    size_t nth = 0;
    struct flight_cell *cell = own_cell(t, tag, &nth);
    cell = cell != NULL ? cell : claim(t, tag);
    if (cell == NULL) {
        return false;
    }
    __atomic_store_n(&cell->count, cell->count + 1, __ATOMIC_RELEASE);
    return true;
}

bool flight_enter_within(const struct flight_tables *t, uint64_t tag, uint64_t most)
{
    if (!flight_enter(t, tag)) {
        return false;
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* against the same in other workers */
    if (flight_here(t, tag) + flight_elsewhere(t, tag) <= most) {
        return true;
    }
    flight_leave(t, tag);
    return false;
}

void flight_leave(const struct flight_tables *t, uint64_t tag)
{
    size_t nth = 0;
    struct flight_cell *cell = own_cell(t, tag, &nth);
    if (cell == NULL) {
        return;
    }
    __atomic_store_n(&cell->count, cell->count - 1, __ATOMIC_RELEASE);
    if (nth > 0 && cell->count == 0) {
        __atomic_store_n(&t->own->flight_spilled, t->own->flight_spilled - 1, __ATOMIC_RELEASE);
    }
}

uint64_t flight_here(const struct flight_tables *t, uint64_t tag)
{
    size_t nth = 0;
    const struct flight_cell *cell = own_cell(t, tag, &nth);
    return cell == NULL ? 0 : cell->count;
}

static uint64_t count_in(const struct flight_cell *set, uint64_t tag)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < FLIGHT_WAYS; i++) {
        /* The cell may be given to another endpoint between the two loads: a count that is off for
         * one choice. It is never too small while the count belongs to the tag. */
        if (__atomic_load_n(&set[i].tag, __ATOMIC_ACQUIRE) == tag) {
            sum += count_of(&set[i]);
        }
    }
    return sum;
}

uint64_t flight_elsewhere(const struct flight_tables *t, uint64_t tag)
{
    uint64_t sum = 0;
    for (size_t i = 0; t->all != NULL && i < t->all->count; i++) {
        struct slot *s = &t->all->slots[i];
        if (s == t->own) {
            continue;
        }
        bool has_spilled = __atomic_load_n(&s->flight_spilled, __ATOMIC_ACQUIRE) > 0;
        for (size_t n = 0; n < (has_spilled ? FLIGHT_SPILL_SETS : 1); n++) {
            sum += count_in(nth_set(s, tag, n), tag);
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
    __atomic_store_n(&slot->flight_spilled, 0, __ATOMIC_RELEASE);
}

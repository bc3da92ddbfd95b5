/* SPDX-License-Identifier: MIT */
#include "endpoint.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "stats/text.h"

#include <stdlib.h>
#include <string.h>

#define DOUBLINGS_MAX 20 /* of an hour at most: far from the end of 64 bits */

const struct model_eject endpoint_eject_default = {
    .errors = 5, .first_ms = 1000, .longest_ms = 10000, .percent = 50};

/* The cell of one family for this endpoint, with the reason as a third label if there is one. */
static uint64_t *cell(const struct endpoint *e, enum series which, const char *reason)
{
    struct buf labels;
    buf_init(&labels, 4096);
    int err = text_label(&labels, "service", str_of(e->service));
    struct str endpoint = e->is_made ? STR("any") : str_of(e->text);
    err = err == OK ? text_label(&labels, "endpoint", endpoint) : err;
    if (err == OK && reason != NULL) {
        err = text_label(&labels, "reason", str_of(reason));
    }
    /* Only a name beyond every limit of the configuration could be too long; it shares a cell. */
    uint64_t *found = series_cell(e->slot, which, err == OK ? buf_str(&labels) : STR(""));
    buf_fini(&labels);
    return found;
}

/* The key is no secret: all doors and their successors must agree on where a client belongs, and
 * whoever chooses what is hashed can send the same again anyway. */
uint64_t endpoint_hash(struct str text)
{
    static const uint64_t key[2] = {UINT64_C(0x68697665646f6f72), UINT64_C(0x62616c616e636521)};
    return map_hash_with(key, text);
}

/* The same service and address in every worker. */
static uint64_t tag_of(const struct endpoint *e)
{
    struct buf key;
    buf_init(&key, 4096);
    int err = buf_printf(&key, "%s %s", e->service, e->text);
    uint64_t tag = flight_tag(&e->flight, err == OK ? buf_str(&key) : str_of(e->text));
    buf_fini(&key);
    return tag;
}

struct endpoint *endpoint_new(const struct endpoint_owner *owner, const struct addr *addr)
{
    struct endpoint *e = NEW(struct endpoint);
    e->refs = 1;
    e->state = EP_UNKNOWN;
    e->addr = *addr;
    addr_print(addr, e->text);
    e->service = str_dup(owner->label);
    e->is_made = owner->is_made;
    e->slot = owner->slot;
    e->flight = (struct flight_tables){.all = owner->counters, .own = owner->slot};
    e->tag = tag_of(e);
    e->hash = endpoint_hash(str_of(e->text));
    list_init(&e->links);
    e->requests = cell(e, SERIES_UPSTREAM_REQUESTS, NULL);
    e->connects = cell(e, SERIES_UPSTREAM_CONNECTS, NULL);
    e->in_flight = cell(e, SERIES_UPSTREAM_ACTIVE, NULL);
    e->ejected = cell(e, SERIES_UPSTREAM_EJECTED, NULL);
    return e;
}

struct endpoint *endpoint_ref(struct endpoint *e)
{
    e->refs++;
    return e;
}

void endpoint_unref(struct endpoint *e)
{
    if (e == NULL || --e->refs > 0) {
        return;
    }
    REQUIRE(list_is_empty(&e->links) && e->active == 0);
    free(e->service);
    free(e);
}

void endpoint_set_state(struct endpoint *e, enum endpoint_state state)
{
    if (e->state == state) {
        return;
    }
    REQUIRE(e->state != EP_DRAINING);
    cell_add(e->ejected, (uint64_t)(state == EP_DOWN) - (uint64_t)(e->state == EP_DOWN));
    if (e->state == EP_DOWN) {
        __atomic_store_n(e->ejected_at, 0, __ATOMIC_RELAXED);
    }
    e->state = state;
}

bool endpoint_is_eligible(struct endpoint *e, uint64_t now_ms)
{
    if (e->state == EP_DOWN && now_ms >= e->ejected_until_ms) {
        endpoint_set_state(e, EP_UNKNOWN);
    }
    return e->state == EP_UNKNOWN || e->state == EP_UP;
}

void endpoint_connected(struct endpoint *e)
{
    cell_add(e->connects, 1);
    e->is_met = true;
    if (e->state != EP_DRAINING && e->state != EP_FAILING) {
        endpoint_set_state(e, EP_UP);
    }
}

void endpoint_served(struct endpoint *e)
{
    e->failures = 0;
    e->bad_answers = 0;
    if (e->state == EP_DOWN) {
        endpoint_set_state(e, EP_UP);
    }
}

bool endpoint_answered_badly(struct endpoint *e, const struct model_eject *how)
{
    e->bad_answers++;
    return how->errors > 0 && e->bad_answers >= how->errors;
}

/* The first time so long as is said, or less for one that never took a connection; then twice as
 * long each time in a row, up to the most. */
static uint64_t ejection_ms(const struct endpoint *e, const struct model_eject *how)
{
    unsigned doublings = e->failures < DOUBLINGS_MAX ? e->failures : DOUBLINGS_MAX;
    bool is_soon = !e->is_met && how->first_ms > ENDPOINT_EJECT_NEW_MS;
    uint64_t ms = (uint64_t)(is_soon ? ENDPOINT_EJECT_NEW_MS : how->first_ms) << doublings;
    return ms < how->longest_ms ? ms : how->longest_ms;
}

static void note_time(struct endpoint *e, const char *reason)
{
    if (e->ejected_at != NULL) {
        __atomic_store_n(e->ejected_at, 0, __ATOMIC_RELAXED);
    }
    e->ejected_at = cell(e, SERIES_UPSTREAM_EJECTED_AT, reason);
    __atomic_store_n(e->ejected_at, (uint64_t)clock_wall_ms() / 1000, __ATOMIC_RELAXED);
}

void endpoint_eject(struct endpoint *e, const char *reason, const struct model_eject *how,
                    uint64_t now_ms)
{
    if (e->state == EP_DRAINING || e->state == EP_FAILING ||
        (e->state == EP_DOWN && now_ms < e->ejected_until_ms)) {
        return; /* several requests found the same out at once: one failure */
    }
    e->ejected_until_ms = now_ms + ejection_ms(e, how);
    e->failures++;
    e->bad_answers = 0;
    cell_add(cell(e, SERIES_UPSTREAM_EJECTIONS, reason), 1);
    note_time(e, reason);
    endpoint_set_state(e, EP_DOWN);
}

void endpoint_failed(struct endpoint *e, enum why why, const struct model_eject *how,
                     uint64_t now_ms)
{
    cell_add(cell(e, SERIES_UPSTREAM_FAILURES, why_label(why)), 1);
    if (how != NULL) {
        endpoint_eject(e, why_label(why), how, now_ms);
    }
}

void endpoint_checked(struct endpoint *e, bool is_failing)
{
    if (is_failing && e->state != EP_DRAINING) {
        endpoint_set_state(e, EP_FAILING);
    } else if (!is_failing && e->state == EP_FAILING) {
        endpoint_set_state(e, EP_UNKNOWN);
    }
}

uint64_t endpoint_load(const struct endpoint *e)
{
    return e->active + flight_elsewhere(&e->flight, e->tag);
}

bool endpoint_is_full(const struct endpoint *e, uint32_t most)
{
    return flight_here(&e->flight, e->tag) + flight_elsewhere(&e->flight, e->tag) >= most;
}

static void note_entered(struct endpoint *e)
{
    e->active++;
    cell_add(e->in_flight, 1);
}

bool endpoint_enter(struct endpoint *e)
{
    note_entered(e);
    return flight_enter(&e->flight, e->tag);
}

bool endpoint_enter_within(struct endpoint *e, uint32_t most)
{
    if (!flight_enter_within(&e->flight, e->tag, most)) {
        return false;
    }
    note_entered(e);
    return true;
}

void endpoint_leave(struct endpoint *e, bool is_seen)
{
    REQUIRE(e->active > 0);
    e->active--;
    if (is_seen) {
        flight_leave(&e->flight, e->tag);
    }
    cell_add(e->in_flight, UINT64_MAX);
}

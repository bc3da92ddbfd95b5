/* SPDX-License-Identifier: MIT */
#include "balance.h"

/* So often two are drawn blindly; where most are ejected or tried, one pass over all finds more. */
#define DRAWS 8

/* xorshift64 (Marsaglia, "Xorshift RNGs", 2003): spreads load, keeps no secret. */
static uint64_t draw(uint64_t *rng)
{
    uint64_t x = *rng;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *rng = x;
    return x;
}

static size_t draw_below(uint64_t *rng, size_t n)
{
    return (size_t)((draw(rng) >> 32) * n >> 32);
}

static bool was_tried(const struct balance_ask *ask, const struct endpoint *e)
{
    for (size_t i = 0; i < ask->tried_count; i++) {
        if (ask->tried[i] == e) {
            return true;
        }
    }
    return false;
}

static bool has_enough(const struct balance_ask *ask, const struct endpoint *e)
{
    return ask->bound > 0 && endpoint_is_full(e, ask->bound);
}

static bool may_take(const struct balance_ask *ask, struct endpoint *e)
{
    return endpoint_is_eligible(e, ask->now_ms) && !was_tried(ask, e) && !has_enough(ask, e);
}

/* It has not taken a connection yet, and a request is finding out whether it does. */
static bool is_on_trial(const struct endpoint *e)
{
    return e->state == EP_UNKNOWN && e->active > 0;
}

static struct endpoint *lesser(struct endpoint *a, struct endpoint *b, uint64_t *rng)
{
    if (is_on_trial(a) != is_on_trial(b)) {
        return is_on_trial(a) ? b : a;
    }
    uint64_t load_a = endpoint_load(a);
    uint64_t load_b = endpoint_load(b);
    if (load_a != load_b) {
        return load_a < load_b ? a : b;
    }
    return draw(rng) >> 32 & 1 ? a : b;
}

/* What fails its checks is the worst: an ejection may be over any moment. */
static bool is_less_bad(const struct endpoint *a, const struct endpoint *b)
{
    if ((a->state == EP_FAILING) != (b->state == EP_FAILING)) {
        return b->state == EP_FAILING;
    }
    return a->ejected_until_ms < b->ejected_until_ms;
}

/* One pass draws two of the eligible ones, each pair equally likely (reservoir sampling), and
 * remembers the least bad of the ejected ones. */
static struct endpoint *pick_among_all(const struct balance_ask *ask, struct balance *b)
{
    struct endpoint *drawn[2] = {NULL, NULL};
    struct endpoint *least_bad = NULL;
    size_t seen = 0;
    bool is_busy = false; /* an endpoint that is well has enough: no reason to take a bad one */
    for (size_t i = 0; i < ask->set->count; i++) {
        struct endpoint *e = ask->set->endpoints[i];
        if (was_tried(ask, e)) {
            continue;
        }
        if (!endpoint_is_eligible(e, ask->now_ms)) {
            if (least_bad == NULL || is_less_bad(e, least_bad)) {
                least_bad = e;
            }
            continue;
        }
        if (has_enough(ask, e)) {
            is_busy = true;
            continue;
        }
        size_t at = seen < 2 ? seen : draw_below(&b->rng, seen + 1);
        if (at < 2) {
            drawn[at] = e;
        }
        seen++;
    }
    if (seen == 0 && least_bad != NULL && !is_busy && !has_enough(ask, least_bad)) {
        return least_bad;
    }
    if (seen < 2) {
        return drawn[0];
    }
    return lesser(drawn[0], drawn[1], &b->rng);
}

static struct endpoint *pick_least(const struct balance_ask *ask, struct balance *b)
{
    const struct endpoint_set *set = ask->set;
    for (int i = 0; i < DRAWS && set->count > 1; i++) {
        size_t first = draw_below(&b->rng, set->count);
        size_t second = (first + 1 + draw_below(&b->rng, set->count - 1)) % set->count;
        struct endpoint *one = set->endpoints[first];
        struct endpoint *other = set->endpoints[second];
        if (may_take(ask, one) && may_take(ask, other)) {
            return lesser(one, other, &b->rng);
        }
    }
    return pick_among_all(ask, b);
}

static struct endpoint *pick_next(const struct balance_ask *ask, struct balance *b)
{
    const struct endpoint_set *set = ask->set;
    for (size_t i = 0; i < set->count; i++) {
        struct endpoint *e = set->endpoints[b->turn++ % set->count];
        if (may_take(ask, e) && !is_on_trial(e)) {
            return e;
        }
    }
    return pick_among_all(ask, b);
}

/* The finalizer of SplitMix64 (Steele, Lea, Flood, 2014): every bit of the sum decides. */
static uint64_t score(const struct endpoint *e, uint64_t key)
{
    uint64_t x = (e->hash ^ key) + UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static struct endpoint *pick_for_key(const struct balance_ask *ask, struct balance *b)
{
    struct endpoint *best = NULL;
    uint64_t best_score = 0;
    for (size_t i = 0; i < ask->set->count; i++) {
        struct endpoint *e = ask->set->endpoints[i];
        uint64_t s = score(e, ask->key);
        if ((best == NULL || s > best_score) && may_take(ask, e)) {
            best = e;
            best_score = s;
        }
    }
    return best != NULL ? best : pick_among_all(ask, b);
}

bool balance_has_untried(const struct balance_ask *ask)
{
    for (size_t i = 0; i < ask->set->count; i++) {
        if (!was_tried(ask, ask->set->endpoints[i])) {
            return true;
        }
    }
    return false;
}

struct endpoint *balance_pick(const struct balance_ask *ask, struct balance *b)
{
    switch (ask->kind) {
    case MODEL_BALANCE_LEAST: break;
    case MODEL_BALANCE_ROUND_ROBIN: return pick_next(ask, b);
    case MODEL_BALANCE_HASH: return pick_for_key(ask, b);
    }
    return pick_least(ask, b);
}

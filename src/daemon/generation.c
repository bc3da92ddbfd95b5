/* SPDX-License-Identifier: MIT */
#include "daemon/generation.h"

#include <malloc.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/bundle.h"
#include "proxy/settings.h"

struct generation {
    enum generation_state state;
    uint64_t number;
    struct slot *slot;               /* borrowed */
    struct proxy *proxy;             /* borrowed */
    struct proxy_settings *settings; /* our reference; NULL once it is let go */
    struct bundle_known known;       /* the model is borrowed from the settings */
    uint64_t retired_us;
};

/* The one place where the state changes. */
static void set_state(struct generation *g, enum generation_state state)
{
    static const unsigned from[] = {
        [GEN_BUILDING] = 0,
        [GEN_READY] = 1U << GEN_BUILDING,
        [GEN_CURRENT] = 1U << GEN_READY,
        [GEN_RETIRING] = 1U << GEN_CURRENT,
        [GEN_ABORTED] = 1U << GEN_BUILDING | 1U << GEN_READY,
    };

    REQUIRE((from[state] & 1U << g->state) != 0);
    g->state = state;
}

/* The last connection that held the settings is gone, and they with it. */
static void on_free(void *arg, uint64_t number)
{
    struct generation *g = arg;
    struct log_line line;

    counter_dec(g->slot, COUNTER_GENERATIONS);
    if (g->state == GEN_RETIRING) {
        log_begin(&line, LOG_INFO, "generation_gone");
        log_field_int(&line, "generation", (int64_t)number);
        log_field_ms(&line, "retired_for_ms", clock_us() - g->retired_us);
        log_end(&line);
        /* Thousands of certificates and sites are gone at once, and will not come back soon. */
        (void)malloc_trim(0);
    }
    free(g);
}

int generation_build(struct proxy *proxy, struct slot *slot, uint64_t number,
                     const struct bundle_source *source, struct generation **out_generation)
{
    struct bundle bundle;
    struct proxy_settings *settings;

    int err = bundle_read(source, &bundle);
    if (err != OK) {
        return err;
    }
    err = proxy_settings_new(proxy, number, bundle.model, &bundle.certs, &settings);
    struct bundle_known known = {.model = bundle.model};
    memcpy(known.id, bundle.id, sizeof(known.id));
    bundle.model = NULL; /* taken, also on failure */
    bundle_fini(&bundle);
    if (err != OK) {
        return err;
    }
    struct generation *g = NEW(struct generation);
    g->state = GEN_BUILDING;
    g->number = number;
    g->known = known;
    g->slot = slot;
    g->proxy = proxy;
    g->settings = settings;
    settings->on_free = on_free;
    settings->arg = g;
    counter_inc(slot, COUNTER_GENERATIONS);
    set_state(g, GEN_READY);
    *out_generation = g;
    return OK;
}

/* Gives our reference back; `g` may be gone afterwards. */
static void let_go(struct generation *g)
{
    struct proxy_settings *settings = g->settings;

    g->settings = NULL;
    proxy_settings_unref(settings);
}

void generation_commit(struct generation *g, struct generation *old)
{
    set_state(g, GEN_CURRENT);
    if (old != NULL) {
        set_state(old, GEN_RETIRING);
        old->retired_us = clock_us();
    }
    proxy_set_current(g->proxy, g->settings);
    counter_set(g->slot, COUNTER_GENERATION_CURRENT, g->number);
    __atomic_store_n(&g->slot->generation, g->number, __ATOMIC_RELEASE);
    if (old != NULL) {
        let_go(old);
    }
}

void generation_abort(struct generation *g)
{
    if (g != NULL) {
        set_state(g, GEN_ABORTED);
        let_go(g);
    }
}

void generation_retire(struct generation *g)
{
    if (g != NULL) {
        let_go(g);
    }
}

const struct bundle_known *generation_known(const struct generation *g)
{
    return &g->known;
}

uint64_t generation_number(const struct generation *g)
{
    return g->number;
}

const struct model *generation_model(const struct generation *g)
{
    return g->settings->model;
}

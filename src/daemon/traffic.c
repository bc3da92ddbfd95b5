/* SPDX-License-Identifier: MIT */
#include "daemon/traffic.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "stats/totals.h"

/* The numbers that rates are made of, in the order of struct traffic_rates. */
enum figure { REQUESTS, CONNECTIONS, FULL, RESUMED, BY_DEFAULT, BYTES_IN, BYTES_OUT, FIGURES };

struct sample {
    uint64_t at_ms;
    uint64_t values[FIGURES];
};

/* A series of answers that are errors. Series are never removed, so neither are these; how many
 * there can be is the counters' own bound. */
struct error {
    struct list node;  /* newest first */
    struct str labels; /* borrowed from the counters */
    uint64_t total;    /* as last seen */
    int64_t last_wall_ms;
};

struct traffic {
    const struct counters *counters;
    struct sample samples[TRAFFIC_SAMPLES];
    size_t taken; /* so many samples were taken; the newest is at (taken - 1) % TRAFFIC_SAMPLES */
    struct list errors;
    struct map *by_labels; /* to struct error */
};

struct traffic *traffic_new(const struct counters *c)
{
    struct traffic *t = NEW(struct traffic);

    t->counters = c;
    list_init(&t->errors);
    t->by_labels = map_new();
    return t;
}

void traffic_free(struct traffic *t)
{
    if (t == NULL) {
        return;
    }
    LIST_EACH (&t->errors, it, tmp) {
        free(CONTAINER_OF(it, struct error, node));
    }
    map_free(t->by_labels);
    free(t);
}

static bool is_error(struct str labels)
{
    struct buf code;

    buf_init(&code, 8);
    bool yes = totals_label(labels, "code", &code) == OK && buf_len(&code) == 3 &&
               buf_ptr(&code)[0] == '5';
    buf_fini(&code);
    return yes;
}

/* A series counts on over restarts of its process, so a total never falls. */
static void look_at_error(struct traffic *t, const struct total *total)
{
    struct error *e = map_get(t->by_labels, total->labels);

    if (total->value == 0 || (e != NULL && e->total == total->value)) {
        return;
    }
    if (e == NULL) {
        e = NEW(struct error);
        e->labels = total->labels;
        list_init(&e->node);
        (void)map_put(t->by_labels, e->labels, e);
    }
    e->total = total->value;
    e->last_wall_ms = clock_wall_ms();
    list_remove(&e->node);
    list_push_front(&t->errors, &e->node);
}

void traffic_sample(struct traffic *t)
{
    const struct counters *c = t->counters;
    struct sample *s = &t->samples[t->taken++ % TRAFFIC_SAMPLES];
    struct totals *totals = totals_new(c, SERIES_REQUESTS);

    *s = (struct sample){
        .at_ms = clock_ms(),
        .values =
            {
                [CONNECTIONS] = counters_sum(c, COUNTER_CONNS_ACCEPTED),
                [FULL] = counters_sum(c, COUNTER_TLS_FULL),
                [RESUMED] = counters_sum(c, COUNTER_TLS_RESUMED),
                [BY_DEFAULT] = counters_sum(c, COUNTER_TLS_DEFAULT),
                [BYTES_IN] = counters_sum(c, COUNTER_CLIENT_BYTES_IN),
                [BYTES_OUT] = counters_sum(c, COUNTER_CLIENT_BYTES_OUT),
            },
    };
    for (size_t i = 0; i < totals_count(totals); i++) {
        const struct total *total = totals_at(totals, i);
        s->values[REQUESTS] += total->value;
        if (is_error(total->labels)) {
            look_at_error(t, total);
        }
    }
    totals_free(totals);
}

void traffic_rates(const struct traffic *t, struct traffic_rates *out_rates)
{
    uint64_t rates[FIGURES] = {0};

    if (t->taken >= 2) {
        size_t oldest = t->taken > TRAFFIC_SAMPLES ? t->taken - TRAFFIC_SAMPLES : 0;
        const struct sample *from = &t->samples[oldest % TRAFFIC_SAMPLES];
        const struct sample *to = &t->samples[(t->taken - 1) % TRAFFIC_SAMPLES];
        uint64_t ms = to->at_ms - from->at_ms;
        for (size_t i = 0; i < FIGURES && ms > 0; i++) {
            rates[i] = (to->values[i] - from->values[i]) * 1000 * 1000 / ms;
        }
    }
    *out_rates = (struct traffic_rates){
        .requests = rates[REQUESTS],
        .connections = rates[CONNECTIONS],
        .handshakes_full = rates[FULL],
        .handshakes_resumed = rates[RESUMED],
        .handshakes_default = rates[BY_DEFAULT],
        .bytes_in = rates[BYTES_IN],
        .bytes_out = rates[BYTES_OUT],
    };
}

bool traffic_error_at(const struct traffic *t, size_t i, struct traffic_error *out_error)
{
    LIST_EACH (&t->errors, it, tmp) {
        const struct error *e = CONTAINER_OF(it, struct error, node);
        if (clock_wall_ms() - e->last_wall_ms > TRAFFIC_ERROR_MS) {
            return false; /* those behind it are older still */
        }
        if (i-- == 0) {
            *out_error = (struct traffic_error){
                .labels = e->labels,
                .count = e->total,
                .last_wall_ms = e->last_wall_ms,
            };
            return true;
        }
    }
    return false;
}

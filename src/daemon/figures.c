/* SPDX-License-Identifier: MIT */
#include "daemon/figures.h"

#include "base/buf.h"
#include "base/map.h"
#include "stats/text.h"

void figures_init(struct figures *f, const struct counters *c, enum series which)
{
    f->totals = totals_new(c, which);
    f->by_labels = map_new();
    for (size_t i = 0; i < totals_count(f->totals); i++) {
        const struct total *t = totals_at(f->totals, i);
        (void)map_put(f->by_labels, t->labels, (void *)(uintptr_t)t);
    }
}

void figures_fini(struct figures *f)
{
    map_free(f->by_labels);
    totals_free(f->totals);
}

uint64_t figures_of(const struct figures *f, struct str service, struct str endpoint)
{
    struct buf labels;
    const struct total *t = NULL;

    buf_init(&labels, SERIES_LABELS_MAX);
    if (text_label(&labels, "service", service) == OK &&
        text_label(&labels, "endpoint", endpoint) == OK) {
        t = map_get(f->by_labels, buf_str(&labels));
    }
    buf_fini(&labels);
    return t == NULL ? 0 : t->value;
}

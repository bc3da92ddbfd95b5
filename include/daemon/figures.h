/* SPDX-License-Identifier: MIT */
/* The totals of one family of series by service and endpoint, for the pages (keeper). */
#ifndef HIVEDOOR_DAEMON_FIGURES_H
#define HIVEDOOR_DAEMON_FIGURES_H

#include "base/str.h"
#include "stats/totals.h"

#include <stdint.h>

struct map;

struct figures {
    struct totals *totals;
    struct map *by_labels; /* to struct total */
};

void figures_init(struct figures *f, const struct counters *c, enum series which);
void figures_fini(struct figures *f);
uint64_t figures_of(const struct figures *f, struct str service, struct str endpoint);

#endif

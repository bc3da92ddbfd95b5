/* SPDX-License-Identifier: MIT */
/*
 * The immutable match table of one generation: host -> site, path -> route. Built from the model,
 * which it borrows; workers only.
 */
#ifndef HIVEDOOR_ROUTE_TABLE_H
#define HIVEDOOR_ROUTE_TABLE_H

#include "base/str.h"
#include "config/model.h"

struct route_table;

/* Never NULL; `m` must outlive it. */
struct route_table *route_table_new(const struct model *m);
void route_table_free(struct route_table *t);
/*
 * The site of a host (lower case, no port): by name, then alias, then the name with "*" in place of
 * its first label, which is then *out_label (borrowed from `host`; else empty). One label only:
 * "*.x.com" is neither x.com nor a.b.x.com. NULL if none. *out_index is the site's index in the
 * model.
 */
const struct model_site *route_site(const struct route_table *t, struct str host, size_t *out_index,
                                    struct str *out_label);
/* The route with the longest prefix of `match` (a normalised path) on whole segments: "/api" takes
 * "/api" and "/api/x", not "/apix". NULL if none. */
const struct model_route *route_match(const struct model_site *site, struct str match);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the door knows of one address of a service, put together for the pages (keeper): what the
 * DNS says, what its checks say, and what the workers found out by requests.
 */
#ifndef HIVEDOOR_DAEMON_ENDPOINT_VIEW_H
#define HIVEDOOR_DAEMON_ENDPOINT_VIEW_H

#include "base/addr.h"
#include "base/str.h"
#include "daemon/admin.h"
#include "daemon/figures.h"
#include "dns/service.h"

#include <stdbool.h>
#include <stdint.h>

/* What is looked at for all addresses of a page; the view is borrowed. */
struct endpoint_views {
    const struct admin_view *view;
    struct figures running;
    struct figures ejected;
    struct totals *ejected_at;
    struct map *last; /* by labels without the reason: of ejected_at, where an ejection lasts */
};

struct endpoint_view {
    /* "down" (its checks fail), "ejected" (by a worker at least), "remembered" or "listed" */
    const char *state;
    bool is_well;          /* neither down nor ejected */
    struct str reason;     /* why it is not; borrowed from the views */
    int64_t since_wall_ms; /* that it is not */
    uint16_t status;       /* that a check got instead; 0: none */
    uint64_t workers;      /* that have ejected it */
    uint64_t running;      /* requests in flight */
};

void endpoint_views_init(struct endpoint_views *v, const struct admin_view *view);
void endpoint_views_fini(struct endpoint_views *v);
/* `info` NULL: the DNS is not asked for it. */
void endpoint_view(const struct endpoint_views *v, struct str service,
                   const struct service_info *info, const struct addr *addr,
                   struct endpoint_view *out);

#endif

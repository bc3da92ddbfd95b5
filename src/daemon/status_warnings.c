/* SPDX-License-Identifier: MIT */
/* What wants looking after, in one place and in words: the tables below it say it too, but nobody
 * reads a hundred rows to find the one certificate that ends next week. */
#include "status_cells.h"

#include <inttypes.h>

#include "base/clock.h"
#include "config/coverage.h"
#include "daemon/admin.h"
#include "daemon/expiry.h"
#include "daemon/sandbox.h"

static void warn(struct status *s, enum status_level level, struct str about, struct str text)
{
    if (!status_is_full(s, STATUS_WARNINGS)) {
        status_cell(s, STATUS_WARNINGS, STATUS_PLAIN, about);
        status_cell(s, STATUS_WARNINGS, level, text);
    }
}

static struct str end_of(struct status *s, int64_t days)
{
    bool is_over = days < 0;
    int64_t n = is_over ? -days : days;

    return arena_printf(&s->arena, "the certificate %s %" PRId64 " %s%s",
                        is_over ? "ended" : "ends in", n, n == 1 ? "day" : "days",
                        is_over ? " ago" : "");
}

static void certificate(struct status *s, const struct tls_cert *c)
{
    int64_t days = expiry_days(c->not_after, clock_wall_ms() / 1000);
    struct str name = c->name_count > 0 ? c->names[0] : c->source;

    if (days < EXPIRY_WARN_DAYS) {
        warn(s, days < 0 ? STATUS_BAD : STATUS_WARN, name, end_of(s, days));
    }
    if (expiry_is_staging(c)) {
        warn(s, STATUS_WARN, name,
             arena_printf(&s->arena, "no browser trusts its staging certificate, issued by %.*s",
                          STR_FMT(c->issuer)));
    }
}

static void bundle(struct status *s, const struct bundle *b)
{
    struct coverage *covered = coverage_new(&b->certs);

    for (size_t i = 0; i < b->certs.count; i++) {
        certificate(s, b->certs.certs[i]);
    }
    for (size_t i = 0; i < b->model->site_count; i++) {
        if (!coverage_has(covered, b->model->sites[i].name)) {
            warn(s, STATUS_BAD, b->model->sites[i].name, STR("the site has no certificate"));
        }
    }
    coverage_free(covered);
}

/* Addresses that a pin leaves out, and other services that answer to the name. */
static void owners(struct status *s, const struct services *all, struct str name,
                   const struct service_info *info)
{
    const struct task_name *first = NULL, *other = NULL;
    size_t unused = 0;

    for (size_t i = 0; i < info->count; i++) {
        const struct task_name *task = services_task(all, &info->addrs[i]);
        if (!services_uses(all, name, &info->addrs[i])) {
            unused++;
        } else if (first == NULL) {
            first = task;
        } else if (task != NULL && !task_name_same_service(first, task)) {
            other = task;
        }
    }
    if (unused > 0 && unused < info->count) {
        warn(s, STATUS_WARN, name,
             arena_printf(&s->arena,
                          "%zu of %zu addresses are not used: not of the service that "
                          "pin names",
                          unused, info->count));
    }
    if (other != NULL) {
        warn(s, STATUS_WARN, name,
             arena_printf(&s->arena, "%s and %s answer to this name: pin keeps to one service",
                          first->text, other->text));
    }
}

static void services(struct status *s, const struct services *all)
{
    const struct list *pos = NULL;
    struct service_info info;
    struct str name;

    while (services_next(all, &pos, &name, &info)) {
        enum why lack = services_lack(all, name);
        if (lack != WHY_OK && info.state != SERVICE_UNKNOWN) {
            warn(s, STATUS_BAD, name,
                 arena_printf(&s->arena, "%s: %s", why_label(lack), why_text(lack)));
        } else if (info.state == SERVICE_DOUBTED) {
            warn(s, STATUS_WARN, name, STR("DNS does not speak of it; what answers is used on"));
        }
        owners(s, all, name, &info);
    }
}

static void sandbox(struct status *s, uint32_t missing)
{
    for (unsigned i = 0; i < SANDBOX_COUNT; i++) {
        if ((missing & 1U << i) != 0) {
            enum sandbox_step step = (enum sandbox_step)i;
            warn(s, STATUS_WARN, STR("sandbox"),
                 arena_printf(&s->arena, "runs without %s: %s", sandbox_text(step),
                              sandbox_lack(step)));
        }
    }
}

void status_warnings(struct status *s, const struct admin_view *view)
{
    if (view->reload_wall_ms != 0 && view->reload_outcome == RELOAD_FAILED) {
        warn(s, STATUS_BAD, STR("configuration"),
             arena_printf(&s->arena, "the last reload failed; generation %" PRIu64 " serves on",
                          view->generation));
    }
    if (view->bundle != NULL) {
        bundle(s, view->bundle);
    }
    services(s, view->services);
    sandbox(s, view->sandbox_missing);
}

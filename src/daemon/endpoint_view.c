/* SPDX-License-Identifier: MIT */
#include "daemon/endpoint_view.h"

#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "stats/text.h"

static const char reason_label[] = ",reason=\"";

/* Reasons are words of our own: where the label begins is found, whatever the names are. */
static size_t reason_at(struct str labels)
{
    const size_t len = sizeof(reason_label) - 1;

    for (size_t i = labels.len; i >= len; i--) {
        if (memcmp(labels.ptr + i - len, reason_label, len) == 0) {
            return i - len;
        }
    }
    return labels.len;
}

static struct str reason_of(struct str labels)
{
    size_t at = reason_at(labels) + sizeof(reason_label) - 1;

    return at < labels.len ? str_sub(labels, at, labels.len - at - 1) : STR("");
}

/* Of several reasons of several workers the last one stands. */
static void note_ejection(struct endpoint_views *v, const struct total *t)
{
    struct str key = str_n(t->labels.ptr, reason_at(t->labels));
    const struct total *known = map_get(v->last, key);

    if (t->value > 0 && (known == NULL || known->value < t->value)) {
        (void)map_put(v->last, key, (void *)(uintptr_t)t);
    }
}

void endpoint_views_init(struct endpoint_views *v, const struct admin_view *view)
{
    v->view = view;
    figures_init(&v->running, view->counters, SERIES_UPSTREAM_ACTIVE);
    figures_init(&v->ejected, view->counters, SERIES_UPSTREAM_EJECTED);
    v->ejected_at = totals_new(view->counters, SERIES_UPSTREAM_EJECTED_AT);
    v->last = map_new();
    for (size_t i = 0; i < totals_count(v->ejected_at); i++) {
        note_ejection(v, totals_at(v->ejected_at, i));
    }
}

void endpoint_views_fini(struct endpoint_views *v)
{
    map_free(v->last);
    totals_free(v->ejected_at);
    figures_fini(&v->ejected);
    figures_fini(&v->running);
}

static const struct total *find_ejection(const struct endpoint_views *v, struct str service,
                                         struct str endpoint)
{
    struct buf labels;
    const struct total *t = NULL;

    buf_init(&labels, SERIES_LABELS_MAX);
    if (text_label(&labels, "service", service) == OK &&
        text_label(&labels, "endpoint", endpoint) == OK) {
        t = map_get(v->last, buf_str(&labels));
    }
    buf_fini(&labels);
    return t;
}

void endpoint_view(const struct endpoint_views *v, struct str service,
                   const struct service_info *info, const struct addr *addr,
                   struct endpoint_view *out)
{
    char text[ADDR_TEXT_MAX];
    struct str at = str_of(addr_print(addr, text));
    const struct total *t = find_ejection(v, service, at);
    bool is_remembered = info != NULL && service_is_remembered(info->service, addr);
    struct checks_verdict checked;

    *out = (struct endpoint_view){.state = is_remembered ? "remembered" : "listed",
                                  .is_well = true,
                                  .reason = STR(""),
                                  .running = figures_of(&v->running, service, at)};
    if (v->view->checks != NULL && checks_verdict(v->view->checks, service, addr, &checked) &&
        checked.is_failing) {
        out->state = "down";
        out->is_well = false;
        out->reason = str_of(why_label(checked.why));
        out->status = checked.status;
        out->since_wall_ms = checked.since_wall_ms;
        return;
    }
    out->workers = figures_of(&v->ejected, service, at);
    if (out->workers > 0 && t != NULL) {
        out->state = "ejected";
        out->is_well = false;
        out->reason = reason_of(t->labels);
        out->since_wall_ms = (int64_t)t->value * 1000;
    }
}

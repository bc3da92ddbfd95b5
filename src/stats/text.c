/* SPDX-License-Identifier: MIT */
#include "stats/text.h"

#include <inttypes.h>
#include <stdio.h>

#include "stats/totals.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE };

struct fixed_row {
    const char *metric;
    const char *labels;
    const char *help;
    enum metric_type type;
};

static const struct fixed_row fixed_rows[COUNTER_COUNT] = {
#define FIXED_ROW(name, metric_, type_, labels_, help_)                                            \
    [COUNTER_##                                                                                    \
        name] = {.metric = metric_, .labels = labels_, .help = help_, .type = METRIC_##type_},
    COUNTER_TABLE(FIXED_ROW)
#undef FIXED_ROW
};

static const struct fixed_row series_rows[SERIES_COUNT] = {
#define SERIES_ROW(name, metric_, type_, help_)                                                    \
    [SERIES_##name] = {.metric = metric_, .labels = "", .help = help_, .type = METRIC_##type_},
    SERIES_TABLE(SERIES_ROW)
#undef SERIES_ROW
};

static struct str escape_of(char c)
{
    switch (c) {
    case '\\': return STR("\\\\");
    case '"': return STR("\\\"");
    case '\n': return STR("\\n");
    default: return STR("");
    }
}

/* Backslash, quote and newline are escaped, as the exposition format wants it; what stands between
 * them goes in whole, since every request is counted by its labels. */
static int put_label_value(struct buf *out, struct str value)
{
    size_t from = 0;
    int rc = OK;

    for (size_t i = 0; i < value.len && rc == OK; i++) {
        struct str escape = escape_of(value.ptr[i]);
        if (escape.len > 0) {
            rc = buf_append(out, value.ptr + from, i - from);
            rc = rc != OK ? rc : buf_append_str(out, escape);
            from = i + 1;
        }
    }
    return rc != OK ? rc : buf_append_str(out, str_from(value, from));
}

int text_label(struct buf *out, const char *key, struct str value)
{
    int rc = buf_len(out) == 0 ? OK : buf_append_str(out, STR(","));

    rc = rc != OK ? rc : buf_append_str(out, str_of(key));
    rc = rc != OK ? rc : buf_append_str(out, STR("=\""));
    rc = rc != OK ? rc : put_label_value(out, value);
    return rc != OK ? rc : buf_append_str(out, STR("\""));
}

static int put_head(struct buf *out, const struct fixed_row *row)
{
    return buf_printf(out, "# HELP hivedoor_%s %s\n# TYPE hivedoor_%s %s\n", row->metric, row->help,
                      row->metric, row->type == METRIC_GAUGE ? "gauge" : "counter");
}

static int put_value(struct buf *out, const struct fixed_row *row, struct str labels,
                     uint64_t value)
{
    const char *open = labels.len == 0 ? "" : "{";
    const char *close = labels.len == 0 ? "" : "}";

    /* A gauge that two processes move apart may be below 0 for a moment. */
    if (row->type == METRIC_GAUGE) {
        return buf_printf(out, "hivedoor_%s%s%.*s%s %" PRId64 "\n", row->metric, open,
                          STR_FMT(labels), close, (int64_t)value);
    }
    return buf_printf(out, "hivedoor_%s%s%.*s%s %" PRIu64 "\n", row->metric, open, STR_FMT(labels),
                      close, value);
}

static uint64_t counters_max(const struct counters *c, enum counter which)
{
    uint64_t max = 0;

    for (size_t i = 0; i < c->count; i++) {
        uint64_t v = __atomic_load_n(&c->slots[i].values[which], __ATOMIC_RELAXED);
        max = v > max ? v : max;
    }
    return max;
}

static int put_fixed(const struct counters *c, struct buf *out)
{
    const char *metric = "";
    int rc = OK;

    for (size_t i = 0; i < COUNTER_COUNT && rc == OK; i++) {
        const struct fixed_row *row = &fixed_rows[i];
        enum counter which = (enum counter)i;
        if (strcmp(metric, row->metric) != 0) {
            rc = put_head(out, row);
            metric = row->metric;
        }
        if (rc == OK) {
            uint64_t value = which == COUNTER_GENERATION_CURRENT ? counters_max(c, which)
                                                                 : counters_sum(c, which);
            rc = put_value(out, row, str_of(row->labels), value);
        }
    }
    return rc;
}

static int put_series(const struct counters *c, enum series which, struct buf *out)
{
    struct totals *totals = totals_new(c, which);
    size_t count = totals_count(totals);
    int rc = count > 0 ? put_head(out, &series_rows[which]) : OK;

    for (size_t i = 0; i < count && rc == OK; i++) {
        const struct total *t = totals_at(totals, i);
        if (which == SERIES_CERTIFICATE_EXPIRY && t->value == 0) {
            continue; /* a certificate that is gone, and no alarm */
        }
        rc = put_value(out, &series_rows[which], t->labels, t->value);
    }
    totals_free(totals);
    return rc;
}

enum process_metric { PROCESS_UP, PROCESS_STARTED, PROCESS_GENERATION, PROCESS_OVERFLOW };

static const struct fixed_row process_rows[] = {
    [PROCESS_UP] = {"process_up", "", "1 while the process of this role runs.", METRIC_GAUGE},
    [PROCESS_STARTED] = {"process_start_time_seconds", "",
                         "When the process was started, seconds since 1970.", METRIC_GAUGE},
    [PROCESS_GENERATION] = {"process_generation", "", "Configuration generation it serves.",
                            METRIC_GAUGE},
    [PROCESS_OVERFLOW] = {"process_series_overflow_total", "",
                          "Labelled series that found no room.", METRIC_COUNTER},
};

static uint64_t process_value(const struct slot *s, enum process_metric which)
{
    switch (which) {
    case PROCESS_UP: return s->state == SLOT_DOWN ? 0 : 1;
    case PROCESS_STARTED: return s->started_wall_ms / 1000;
    case PROCESS_GENERATION: return s->generation;
    case PROCESS_OVERFLOW: return s->series_overflow;
    }
    return 0;
}

static int put_process(const struct counters *c, enum process_metric which, struct buf *out)
{
    char labels[64];
    int rc = put_head(out, &process_rows[which]);

    for (size_t i = 0; i < c->count && rc == OK; i++) {
        const struct slot *s = &c->slots[i];
        if (s->role == SLOT_FREE) {
            continue;
        }
        int n = snprintf(labels, sizeof(labels), "role=\"%s\",index=\"%u\"",
                         slot_role_text(s->role), s->index);
        rc =
            put_value(out, &process_rows[which], str_n(labels, (size_t)n), process_value(s, which));
    }
    return rc;
}

static int put_all(const struct counters *c, struct buf *out)
{
    int rc = put_fixed(c, out);

    for (int i = 0; i < SERIES_COUNT && rc == OK; i++) {
        rc = put_series(c, (enum series)i, out);
    }
    for (int i = PROCESS_UP; i <= PROCESS_OVERFLOW && rc == OK; i++) {
        rc = put_process(c, (enum process_metric)i, out);
    }
    return rc;
}

int text_metrics(const struct counters *c, struct buf *out)
{
    size_t before = buf_len(out);
    int rc = put_all(c, out);

    if (rc != OK) {
        out->tail = out->head + before;
        if (before == 0) {
            buf_clear(out);
        }
    }
    return rc;
}

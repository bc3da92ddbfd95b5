/* SPDX-License-Identifier: MIT */
#include "stats/totals.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"

struct totals {
    struct arena arena; /* of the elements */
    struct total **sorted;
    size_t count;
};

static bool takes_highest(enum series which)
{
    return which == SERIES_CERTIFICATE_EXPIRY || which == SERIES_SERVICE_ENDPOINTS ||
           which == SERIES_UPSTREAM_EJECTED_AT;
}

static void collect_cell(struct totals *t, struct map *by_labels, enum series which,
                         const struct series_cell *cell)
{
    struct str labels = str_n(cell->labels, strnlen(cell->labels, sizeof(cell->labels)));
    uint64_t value = __atomic_load_n(&cell->value, __ATOMIC_RELAXED);
    struct total *total = map_get(by_labels, labels);

    if (total == NULL) {
        total = arena_zalloc(&t->arena, sizeof(*total));
        total->labels = labels;
        (void)map_put(by_labels, labels, total);
    }
    if (!takes_highest(which)) {
        total->value += value;
    } else if (value > total->value) {
        total->value = value;
    }
}

static void collect(const struct counters *c, enum series which, struct totals *t,
                    struct map *by_labels)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct slot *s = &c->slots[i];
        uint32_t count = __atomic_load_n(&s->series_count, __ATOMIC_ACQUIRE);
        count = count < SERIES_PER_SLOT ? count : SERIES_PER_SLOT;
        for (uint32_t k = 0; k < count; k++) {
            if (s->series[k].used == (uint32_t)which + 1) {
                collect_cell(t, by_labels, which, &s->series[k]);
            }
        }
    }
}

static int compare(const void *a, const void *b)
{
    const struct total *const *left = a;
    const struct total *const *right = b;

    return str_cmp((*left)->labels, (*right)->labels);
}

struct totals *totals_new(const struct counters *c, enum series which)
{
    struct totals *t = NEW(struct totals);
    struct map *by_labels = map_new();
    struct str key;
    void *value;
    size_t pos = 0;

    arena_init(&t->arena, 16 * 1024);
    collect(c, which, t, by_labels);
    t->sorted = mem_array(map_count(by_labels) + 1, sizeof(struct total *));
    while (map_next(by_labels, &pos, &key, &value)) {
        t->sorted[t->count++] = value;
    }
    qsort(t->sorted, t->count, sizeof(struct total *), compare);
    map_free(by_labels);
    return t;
}

void totals_free(struct totals *t)
{
    if (t == NULL) {
        return;
    }
    free(t->sorted);
    arena_fini(&t->arena);
    free(t);
}

size_t totals_count(const struct totals *t)
{
    return t->count;
}

const struct total *totals_at(const struct totals *t, size_t i)
{
    return t->sorted[i];
}

/* Cuts `key="value"` off the front of a label text; the value still escaped. */
static bool next_label(struct str *rest, struct str *out_key, struct str *out_value)
{
    ptrdiff_t equals = str_find(*rest, '=');

    if (equals < 0 || (size_t)equals + 1 >= rest->len || rest->ptr[equals + 1] != '"') {
        return false;
    }
    size_t from = (size_t)equals + 2;
    size_t i = from;
    while (i < rest->len && rest->ptr[i] != '"') {
        i += rest->ptr[i] == '\\' ? 2 : 1;
    }
    if (i >= rest->len) {
        return false;
    }
    *out_key = str_sub(*rest, 0, (size_t)equals);
    *out_value = str_sub(*rest, from, i - from);
    *rest = str_from(*rest, i + 1);
    if (rest->len > 0 && rest->ptr[0] == ',') {
        *rest = str_from(*rest, 1);
    }
    return true;
}

/* text_label wrote it: backslash, quote and newline were escaped. */
static int unescape(struct str value, struct buf *out)
{
    int rc = OK;

    for (size_t i = 0; i < value.len && rc == OK; i++) {
        char c = value.ptr[i];
        if (c == '\\' && i + 1 < value.len) {
            c = value.ptr[++i] == 'n' ? '\n' : value.ptr[i];
        }
        rc = buf_append(out, &c, 1);
    }
    return rc;
}

int totals_label(struct str labels, const char *key, struct buf *out)
{
    struct str name;
    struct str value;

    while (next_label(&labels, &name, &value)) {
        if (str_eq(name, str_of(key))) {
            return unescape(value, out);
        }
    }
    return ERR_NOT_FOUND;
}

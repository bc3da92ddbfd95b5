/* SPDX-License-Identifier: MIT */
/*
 * What a person wants to see of a running door, as tables (keeper): built from what the admin pages
 * show, then written as text for terminals or as a page for browsers. The JSON of /state says more.
 */
#ifndef HIVEDOOR_DAEMON_STATUS_H
#define HIVEDOOR_DAEMON_STATUS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

struct admin_view;

/* How much a value matters. */
enum status_level { STATUS_PLAIN, STATUS_GOOD, STATUS_WARN, STATUS_BAD };

struct status_cell {
    struct str text; /* without control characters */
    enum status_level level;
};

#define STATUS_COLUMNS_MAX 8

struct status_table {
    const char *title;
    const char *columns[STATUS_COLUMNS_MAX + 1]; /* NULL-terminated */
    size_t column_count;
    struct status_cell *cells; /* rows one after the other; owned */
    size_t cell_count;
    const char *empty; /* what stands in place of no row */
};

enum status_part {
    STATUS_WARNINGS,
    STATUS_TRAFFIC,
    STATUS_SITES,
    STATUS_CERTIFICATES,
    STATUS_ENDPOINTS,
    STATUS_ERRORS,
    STATUS_PROCESSES,
    STATUS_PARTS
};

/* More rows than a person reads are counted, not shown. */
#define STATUS_ROWS_MAX 1000

struct status {
    struct arena arena; /* of the texts */
    struct str headline;
    enum status_level level; /* of the whole: is it ready */
    struct status_table tables[STATUS_PARTS];
};

/* Fills `s`, which the caller gives back with status_fini. */
void status_build(const struct admin_view *view, struct status *s);
void status_fini(struct status *s);
/* Appends aligned columns for a terminal. ERR_LIMIT. */
int status_text(const struct status *s, struct buf *out) MUST_USE;
/* Appends an HTML page of its own: no other file, readable without scripts, renewed by one where
 * scripts run. ERR_LIMIT. */
int status_page(const struct status *s, struct buf *out) MUST_USE;

#endif

/* SPDX-License-Identifier: MIT */
/* The status for a terminal: aligned columns. */
#include "daemon/status.h"

#define GAP 2

/* Columns on the screen, as far as we know: the bytes that begin a character of UTF-8. */
static size_t width_of(struct str text)
{
    size_t width = 0;

    for (size_t i = 0; i < text.len; i++) {
        width += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    }
    return width;
}

static int put(struct buf *out, struct str text, size_t width)
{
    size_t have = width_of(text);
    int rc = buf_append_str(out, text);

    return rc != OK || have >= width ? rc : buf_printf(out, "%*s", (int)(width - have), "");
}

static size_t column_width(const struct status_table *t, size_t column)
{
    size_t width = width_of(str_of(t->columns[column]));

    for (size_t i = column; i < t->cell_count; i += t->column_count) {
        size_t w = width_of(t->cells[i].text);
        width = w > width ? w : width;
    }
    return width;
}

static int put_row(struct buf *out, const struct status_table *t, const size_t *widths, size_t row)
{
    int rc = OK;

    for (size_t i = 0; i < t->column_count && rc == OK; i++) {
        bool is_last = i + 1 == t->column_count;
        struct str text =
            row == 0 ? str_of(t->columns[i]) : t->cells[(row - 1) * t->column_count + i].text;
        rc = put(out, text, is_last ? 0 : widths[i] + GAP);
    }
    return rc == OK ? buf_append_str(out, STR("\n")) : rc;
}

static int put_table(struct buf *out, const struct status_table *t)
{
    size_t widths[STATUS_COLUMNS_MAX];
    size_t rows = t->cell_count / t->column_count;
    int rc = buf_printf(out, "\n%s\n", t->title);

    if (rows == 0 && rc == OK) {
        return buf_printf(out, "  %s\n", t->empty);
    }
    for (size_t i = 0; i < t->column_count; i++) {
        widths[i] = column_width(t, i);
    }
    for (size_t row = 0; row <= rows && rc == OK; row++) {
        rc = buf_append_str(out, STR("  "));
        rc = rc == OK ? put_row(out, t, widths, row) : rc;
    }
    return rc;
}

int status_text(const struct status *s, struct buf *out)
{
    int rc = buf_printf(out, "%.*s\n", STR_FMT(s->headline));

    for (int i = 0; i < STATUS_PARTS && rc == OK; i++) {
        rc = put_table(out, &s->tables[i]);
    }
    return rc;
}

/* SPDX-License-Identifier: MIT */
/* What the files that fill a status share. */
#ifndef HIVEDOOR_SRC_DAEMON_STATUS_CELLS_H
#define HIVEDOOR_SRC_DAEMON_STATUS_CELLS_H

#include "daemon/status.h"

#include <stdbool.h>

/* The next cell of a table; control characters of the text become question marks. */
void status_cell(struct status *s, enum status_part part, enum status_level level, struct str text);
/* Whether a table has as many rows as it may. */
bool status_is_full(const struct status *s, enum status_part part);
/* What wants looking after. */
void status_warnings(struct status *s, const struct admin_view *view);

#endif

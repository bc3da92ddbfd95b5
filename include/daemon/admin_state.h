/* SPDX-License-Identifier: MIT */
/* The JSON of /state (keeper): pure, from what admin shows. */
#ifndef HIVEDOOR_DAEMON_ADMIN_STATE_H
#define HIVEDOOR_DAEMON_ADMIN_STATE_H

#include "base/buf.h"
#include "base/err.h"
#include "daemon/admin.h"

/* Appends one JSON object; ERR_LIMIT when `out` is too small. */
int admin_state_write(const struct admin_view *view, struct buf *out) MUST_USE;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The loader's diagnostics on their way to the supervisor: a sealed memory file with every one of
 * them. The reader takes it as untrusted input.
 */
#ifndef HIVEDOOR_DAEMON_REPORT_H
#define HIVEDOOR_DAEMON_REPORT_H

#include "base/err.h"
#include "config/diag.h"

#define REPORT_MAX (1024 * 1024)

/* A sealed file of the diagnostics; the descriptor is the caller's. */
int report_write(const struct diags *diags, int *out_fd) MUST_USE;
/* Adds them to `diags`. ERR_SYNTAX, ERR_DENIED (not sealed), ERR_LIMIT. */
int report_read(int fd, struct diags *diags) MUST_USE;

#endif

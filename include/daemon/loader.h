/* SPDX-License-Identifier: MIT */
/*
 * The loader process: lives for a moment, reads all files, writes sealed bundles, sends them to the
 * supervisor and ends. It never opens a socket.
 */
#ifndef HIVEDOOR_DAEMON_LOADER_H
#define HIVEDOOR_DAEMON_LOADER_H

#include "base/err.h"
#include "daemon/role.h"

/* Returns the exit status: 0 when a result was sent, whatever it says. */
int loader_main(const struct role_args *args) MUST_USE;

#endif

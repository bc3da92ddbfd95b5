/* SPDX-License-Identifier: MIT */
/*
 * A worker process: the data path and nothing else. It does what the supervisor's messages say; it
 * never opens a file, executes, forks or resolves a name.
 */
#ifndef HIVEDOOR_DAEMON_WORKER_H
#define HIVEDOOR_DAEMON_WORKER_H

#include "base/err.h"
#include "daemon/role.h"

/* Runs until the supervisor says stop or is gone; returns the exit status. */
int worker_main(const struct role_args *args) MUST_USE;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Starts one of our own processes (supervisor): fork, descriptors to their fixed numbers,
 * everything else closed, exec of our own binary.
 */
#ifndef HIVEDOOR_DAEMON_SPAWN_H
#define HIVEDOOR_DAEMON_SPAWN_H

#include "base/err.h"
#include "config/bundle.h"
#include "daemon/role.h"

#include <sys/types.h>

struct spawn {
    struct role_args args;
    int counters_fd; /* borrowed, -1: none; those below likewise */
    struct bundle_fds previous;
    int config_fd;
};

/* The pid, and our end of the message pair (the caller's). ERR_NO_FD, ERR_IO; errno is kept. */
int spawn_start(const struct spawn *s, pid_t *out_pid, int *out_wire_fd) MUST_USE;

#endif

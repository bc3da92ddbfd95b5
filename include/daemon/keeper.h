/* SPDX-License-Identifier: MIT */
/*
 * The keeper process: what must happen once, beside the data path. It keeps the addresses of every
 * service fresh and publishes them by way of the supervisor, and serves the admin address. It never
 * sees a private key, opens no file once it runs, and serves no user's request. While it is dead
 * the workers go on with what it published last.
 */
#ifndef HIVEDOOR_DAEMON_KEEPER_H
#define HIVEDOOR_DAEMON_KEEPER_H

#include "base/err.h"
#include "daemon/role.h"

/* Runs until the supervisor says stop or is gone; returns the exit status. */
int keeper_main(const struct role_args *args) MUST_USE;

#endif

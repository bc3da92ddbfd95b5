/* SPDX-License-Identifier: MIT */
/*
 * The demo service of `hivedoor dev`: something to see behind the door. A page, the request as the
 * service got it (/headers), a body sent back (POST /echo), and a WebSocket echo (/ws). One
 * process, one thread, loopback only; never part of a daemon that serves users.
 */
#ifndef HIVEDOOR_CLI_DEMO_H
#define HIVEDOOR_CLI_DEMO_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

/* Binds 127.0.0.1 on a free port and starts the service as a child process that dies with this one.
 */
int demo_start(uint16_t *out_port, pid_t *out_pid) MUST_USE;

#endif

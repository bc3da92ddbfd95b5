/* SPDX-License-Identifier: MIT */
/*
 * How much memory this process holds, and how much its container may. Linux only: what the host
 * does not tell is unknown, and nothing is decided by it. Any process; the files are opened before
 * it is confined.
 */
#ifndef HIVEDOOR_BASE_USAGE_H
#define HIVEDOOR_BASE_USAGE_H

#include "base/err.h"

#include <stdint.h>

/* A descriptor of /proc/self/statm for usage_read (the caller's), or -1. */
int usage_open(void);
/* Bytes of memory that are this process's alone (proc_pid_statm(5): resident - shared; shared
 * mappings and files do not count). ERR_UNSUPPORTED: not known. One system call. */
int usage_read(int fd, uint64_t *out_bytes) MUST_USE;
/* The memory limit of the control group, version 2 or 1; 0: none, or not known. */
uint64_t usage_container_limit(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The supervisor: first process of the daemon, good for pid 1. Holds the listening sockets, starts
 * the others and starts them again, runs reloads and the shutdown. It never reads a byte from the
 * network and parses neither YAML nor PEM.
 */
#ifndef HIVEDOOR_DAEMON_SUPERVISOR_H
#define HIVEDOOR_DAEMON_SUPERVISOR_H

#include "base/err.h"
#include "base/str.h"

/* Exit statuses of the daemon and of every command. */
enum {
    EXIT_FINE = 0,
    EXIT_CONFIG = 1,
    EXIT_USAGE = 2,
    EXIT_START = 3,   /* could not start; said what, and how to mend it */
    EXIT_CRASHED = 4, /* a process kept crashing */
};

struct run_options {
    const char *config_path; /* borrowed; NULL: `config_text` */
    struct str config_text;  /* borrowed; a whole configuration */
    const char
        *local_ca_dir; /* borrowed; signs for names without a certificate; NULL: nobody does */
    /* Every worker serves for the first time; may be NULL. */
    void (*on_ready)(void *arg);
    void *arg;
};

/* Runs the daemon to its end; returns the exit status. */
int run_daemon(const struct run_options *options) MUST_USE;

#endif

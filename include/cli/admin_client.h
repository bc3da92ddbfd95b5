/* SPDX-License-Identifier: MIT */
/*
 * One blocking HTTP request to the admin address of a running daemon, for `health`, `reload`
 * and `status`.
 * Bounded in time and size. Used by short-lived commands only.
 */
#ifndef HIVEDOOR_CLI_ADMIN_CLIENT_H
#define HIVEDOOR_CLI_ADMIN_CLIENT_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"

/*
 * Where the admin address is: `admin` if given, else what the configuration at `config` says, be it
 * broken elsewhere, else
 * the default. ERR_SYNTAX: `admin` is no address; ERR_NOT_FOUND: the configuration says `off`.
 */
int admin_client_address(const char *admin, const char *config, struct addr *out_addr) MUST_USE;
/* Sends `method path`, and gives status and body. ERR_TIMEOUT, ERR_REFUSED, ERR_SYNTAX ... */
int admin_client_ask(const struct addr *to, const char *request_line, int timeout_ms,
                     int *out_status, struct buf *out_body) MUST_USE;

/* What a command that asks one thing of the daemon does; its options are -c and --admin. */
struct admin_client_command {
    const char *request_line; /* "GET /healthz" */
    int patience_ms;
    const char *if_off;    /* added to the message that the admin address is switched off */
    const char *json_line; /* what is asked instead with --json; NULL: there is no such option */
    /* Says the answer; returns the exit status. */
    int (*say)(const struct addr *to, int status, struct str body);
};
/* Reads the options, asks, and says what went wrong. Returns the exit status. */
int admin_client_run(const struct admin_client_command *command, int argc,
                     char *const argv[]) MUST_USE;

#endif

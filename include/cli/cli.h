/* SPDX-License-Identifier: MIT */
/*
 * The command line: a table of commands, one file each. Every command gets its own arguments
 * (argv[0] is its name) and returns the exit status (daemon/supervisor.h). Wrong usage is said on
 * standard error and is EXIT_USAGE.
 */
#ifndef HIVEDOOR_CLI_CLI_H
#define HIVEDOOR_CLI_CLI_H

#include "base/err.h"

#include <stdbool.h>

#define CLI_CONFIG_PATH "/etc/hivedoor/hivedoor.yml"
#define CLI_ADMIN       "127.0.0.1:9180"

typedef int (*cli_fn)(int argc, char *const argv[]);

/* Finds the command and runs it. */
int cli_main(int argc, char *const argv[]) MUST_USE;

int cli_run(int argc, char *const argv[]) MUST_USE;
int cli_check(int argc, char *const argv[]) MUST_USE;
int cli_dev(int argc, char *const argv[]) MUST_USE;
int cli_explain(int argc, char *const argv[]) MUST_USE;
int cli_health(int argc, char *const argv[]) MUST_USE;
int cli_reload(int argc, char *const argv[]) MUST_USE;
int cli_status(int argc, char *const argv[]) MUST_USE;
int cli_version(int argc, char *const argv[]) MUST_USE;

/* One option that a command takes. */
struct cli_option {
    const char *name;   /* "-c" or "--dump" */
    const char **value; /* set to its argument; NULL: it takes none */
    bool *flag;         /* set when it is there; NULL: not wanted */
};

/*
 * Reads options, given as a table that ends with a NULL name; "--name=value" works too. What is not
 * in the table, or is not an option at all, is said on standard error with the command's usage.
 * False: the command ends with EXIT_USAGE.
 */
bool cli_options(int argc, char *const argv[], const struct cli_option *table);
/* Says what is wrong with the command line; returns EXIT_USAGE. */
int cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif

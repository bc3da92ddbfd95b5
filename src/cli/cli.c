/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "daemon/role.h"
#include "daemon/supervisor.h"

struct command {
    const char *name;
    cli_fn fn;
    const char *synopsis;
    const char *help;
};

static const struct command commands[] = {
    {"run", cli_run, "[-c FILE]", "the daemon, in the foreground, logging to standard output"},
    {"check", cli_check, "[-c FILE] [--dump] [--schema]",
     "says what is wrong with a configuration, with line and remedy"},
    {"dev", cli_dev, "[HOST=TARGET ...]",
     "a local reverse proxy with a certificate authority of its own"},
    {"reload", cli_reload, "[-c FILE | --admin ADDR]", "makes the running daemon read its files"},
    {"health", cli_health, "[-c FILE | --admin ADDR]",
     "asks the running daemon whether it is well"},
    {"explain", cli_explain, "URL [-c FILE | --admin ADDR]",
     "what the running daemon would do with a request, and why"},
    {"status", cli_status, "[--json] [-c FILE | --admin ADDR]",
     "what the running daemon does: traffic, sites, certificates, endpoints, errors"},
    {"version", cli_version, "", "the versions of this program and of its libraries"},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_command(FILE *to, const struct command *c)
{
    (void)fprintf(to, "  hivedoor %s%s%s\n        %s\n", c->name, *c->synopsis == '\0' ? "" : " ",
                  c->synopsis, c->help);
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static void print_help(FILE *to)
{
    (void)fputs("Hivedoor ends TLS and proxies every site to a service by name.\n\n", to);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        print_command(to, &commands[i]);
    }
    (void)fputs("\nThe configuration is " CLI_CONFIG_PATH " unless -c says otherwise.\n"
                "Exit status: 0 fine, 1 configuration, 2 usage, 3 could not start, "
                "4 kept crashing.\n",
                to);
}

int cli_usage(const char *fmt, ...)
{
    va_list ap;

    (void)fputs("hivedoor: ", stderr);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputs("; `hivedoor --help` lists what there is\n", stderr);
    return EXIT_USAGE;
}

/* The part behind "=" of "--name=value", or NULL when `arg` is not this option written so. */
static const char *joined_value(const char *arg, const char *name)
{
    size_t len = strlen(name);

    return strncmp(arg, name, len) == 0 && arg[len] == '=' ? arg + len + 1 : NULL;
}

/* Takes argv[i]; returns how many arguments it used up, 0 for wrong usage. */
static int take_option(int argc, char *const argv[], int i, const struct cli_option *table)
{
    for (const struct cli_option *o = table; o->name != NULL; o++) {
        const char *joined = o->value == NULL ? NULL : joined_value(argv[i], o->name);
        bool same = strcmp(argv[i], o->name) == 0;
        if (joined != NULL) {
            *o->value = joined;
            return 1;
        }
        if (same && o->value == NULL) {
            *o->flag = true;
            return 1;
        }
        if (same && i + 1 < argc) {
            *o->value = argv[i + 1];
            return 2;
        }
        if (same) {
            (void)cli_usage("%s wants an argument", o->name);
            return 0;
        }
    }
    (void)cli_usage("`%s` does not know %s", argv[0], argv[i]);
    return 0;
}

bool cli_options(int argc, char *const argv[], const struct cli_option *table)
{
    int i = 1;

    while (i < argc) {
        int used = take_option(argc, argv, i, table);
        if (used == 0) {
            return false;
        }
        i += used;
    }
    return true;
}

int cli_main(int argc, char *const argv[])
{
    if (role_is_hidden(argc, argv)) {
        return role_main(argc, argv);
    }
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    const char *word = argv[1];
    if (is_help(word) || strcmp(word, "help") == 0) {
        print_help(stdout);
        return EXIT_FINE;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        word = "version";
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *c = &commands[i];
        if (strcmp(word, c->name) != 0) {
            continue;
        }
        if (argc == 3 && is_help(argv[2]) && c->fn != cli_dev) { /* which has more to say */
            print_command(stdout, c);
            return EXIT_FINE;
        }
        return c->fn(argc - 1, argv + 1);
    }
    return cli_usage("there is no command `%s`", word);
}

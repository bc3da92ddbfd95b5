/* SPDX-License-Identifier: MIT */
/* `hivedoor run`: the daemon, in the foreground. */
#include <stddef.h>

#include "cli/cli.h"
#include "daemon/supervisor.h"

int cli_run(int argc, char *const argv[])
{
    struct run_options options = {.config_path = CLI_CONFIG_PATH};
    const struct cli_option table[] = {
        {"-c", &options.config_path, NULL},
        {"--config", &options.config_path, NULL},
        {NULL, NULL, NULL},
    };

    if (!cli_options(argc, argv, table)) {
        return EXIT_USAGE;
    }
    return run_daemon(&options);
}

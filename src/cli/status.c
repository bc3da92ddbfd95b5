/* SPDX-License-Identifier: MIT */
/* `hivedoor status`: what the running daemon does, as tables or as JSON. */
#include <stdio.h>

#include "cli/admin_client.h"
#include "cli/cli.h"
#include "daemon/supervisor.h"

#define PATIENCE_MS 10000

static int say(const struct addr *to, int status, struct str body)
{
    char text[ADDR_TEXT_MAX];

    if (status != 200) {
        (void)fprintf(stderr, "hivedoor: %s answers %d\n", addr_print(to, text), status);
        return 1;
    }
    (void)fwrite(body.ptr, 1, body.len, stdout);
    return EXIT_FINE;
}

int cli_status(int argc, char *const argv[])
{
    static const struct admin_client_command command = {"GET /status", PATIENCE_MS, "",
                                                        "GET /state", say};

    return admin_client_run(&command, argc, argv);
}

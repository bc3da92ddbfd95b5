/* SPDX-License-Identifier: MIT */
/* `hivedoor health`: the image's HEALTHCHECK. */
#include <stdio.h>

#include "cli/admin_client.h"
#include "cli/cli.h"
#include "daemon/supervisor.h"

#define PATIENCE_MS 4000

static int say(const struct addr *to, int status, struct str body)
{
    char text[ADDR_TEXT_MAX];

    (void)body;
    if (status != 200) {
        (void)fprintf(stderr, "hivedoor: %s answers %d\n", addr_print(to, text), status);
        return 1;
    }
    (void)puts("ok");
    return EXIT_FINE;
}

int cli_health(int argc, char *const argv[])
{
    static const struct admin_client_command command = {"GET /healthz", PATIENCE_MS, "", NULL, say};

    return admin_client_run(&command, argc, argv);
}

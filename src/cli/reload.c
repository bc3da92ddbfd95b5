/* SPDX-License-Identifier: MIT */
/* `hivedoor reload`: asks the running daemon to read its files, and says how it went. */
#include <stdio.h>

#include "cli/admin_client.h"
#include "cli/cli.h"
#include "daemon/admin.h"
#include "daemon/supervisor.h"

/* The daemon gives up first. */
#define PATIENCE_MS (ADMIN_RELOAD_MS + 5000)

static int say(const struct addr *to, int status, struct str body)
{
    (void)to;
    (void)fwrite(body.ptr, 1, body.len, status == 200 ? stdout : stderr);
    return status == 200 ? EXIT_FINE : 1;
}

int cli_reload(int argc, char *const argv[])
{
    static const struct admin_client_command command = {"POST /reload", PATIENCE_MS,
                                                        "; send SIGHUP instead", NULL, say};

    return admin_client_run(&command, argc, argv);
}

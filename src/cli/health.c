/* SPDX-License-Identifier: MIT */
/* `hivedoor health`: the image's HEALTHCHECK. */
#include <stdio.h>

#include "cli/admin_client.h"
#include "cli/cli.h"
#include "daemon/supervisor.h"

#define PATIENCE_MS 4000
#define BODY_MAX    (64 * 1024)

static int ask(const struct addr *to)
{
    char text[ADDR_TEXT_MAX];
    struct buf body;
    int status = 0;

    buf_init(&body, BODY_MAX);
    int err = admin_client_ask(to, "GET /healthz", PATIENCE_MS, &status, &body);
    buf_fini(&body);
    if (err != OK) {
        (void)fprintf(stderr, "hivedoor: no answer from %s: %s\n", addr_print(to, text),
                      err_text(err));
        return 1;
    }
    if (status != 200) {
        (void)fprintf(stderr, "hivedoor: %s answers %d\n", addr_print(to, text), status);
        return 1;
    }
    (void)puts("ok");
    return EXIT_FINE;
}

int cli_health(int argc, char *const argv[])
{
    const char *admin = NULL;
    const char *config = CLI_CONFIG_PATH;
    struct addr to;
    const struct cli_option table[] = {
        {"-c", &config, NULL},
        {"--config", &config, NULL},
        {"--admin", &admin, NULL},
        {NULL, NULL, NULL},
    };

    if (!cli_options(argc, argv, table)) {
        return EXIT_USAGE;
    }
    int err = admin_client_address(admin, config, &to);
    if (err == ERR_NOT_FOUND) {
        (void)fprintf(stderr, "hivedoor: %s switches the admin address off\n", config);
        return 1;
    }
    return err == OK ? ask(&to) : cli_usage("%s is no address", admin);
}

/* SPDX-License-Identifier: MIT */
/* `hivedoor reload`: asks the running daemon to read its files, and says how it went. */
#include <stdio.h>

#include "cli/admin_client.h"
#include "cli/cli.h"
#include "daemon/supervisor.h"

/* Loading, preparing, and a reload that was already under way. */
#define PATIENCE_MS 90000
#define BODY_MAX    (64 * 1024)

static int ask(const struct addr *to)
{
    char text[ADDR_TEXT_MAX];
    struct buf body;
    int status = 0;

    buf_init(&body, BODY_MAX);
    int err = admin_client_ask(to, "POST /reload", PATIENCE_MS, &status, &body);
    if (err != OK) {
        (void)fprintf(stderr, "hivedoor: no answer from %s: %s\n", addr_print(to, text),
                      err_text(err));
    } else {
        (void)fwrite(buf_str(&body).ptr, 1, buf_len(&body), status == 200 ? stdout : stderr);
    }
    buf_fini(&body);
    return err == OK && status == 200 ? EXIT_FINE : 1;
}

int cli_reload(int argc, char *const argv[])
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
        (void)fprintf(stderr, "hivedoor: %s switches the admin address off; send SIGHUP instead\n",
                      config);
        return 1;
    }
    return err == OK ? ask(&to) : cli_usage("%s is no address", admin);
}

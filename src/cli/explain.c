/* SPDX-License-Identifier: MIT */
/* `hivedoor explain URL`: what the running daemon would do with a request, and why. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/admin_client.h"
#include "cli/cli.h"
#include "daemon/explain.h"
#include "daemon/supervisor.h"

#define PATIENCE_MS 10000
#define LINE_MAX    (3 * EXPLAIN_URL_MAX + 64)

static int say(const struct addr *to, int status, struct str body)
{
    (void)to;
    (void)fwrite(body.ptr, 1, body.len, status == 200 ? stdout : stderr);
    return status == 200 ? EXIT_FINE : 1;
}

/* Every byte escaped: nothing in it can end the request line. */
static int put_encoded(struct buf *out, const char *url)
{
    int rc = OK;

    for (; *url != '\0' && rc == OK; url++) {
        rc = buf_printf(out, "%%%02X", (unsigned char)*url);
    }
    return rc;
}

int cli_explain(int argc, char *const argv[])
{
    struct buf request;

    if (argc < 2 || argv[1][0] == '-') {
        return cli_usage("explain wants a URL first");
    }
    buf_init(&request, LINE_MAX);
    int err = buf_append_str(&request, STR("GET /explain?url="));
    err = err == OK ? put_encoded(&request, argv[1]) : err;
    err = err == OK ? buf_append(&request, "", 1) : err;
    if (err != OK) {
        buf_fini(&request);
        return cli_usage("the URL is longer than %d bytes", EXPLAIN_URL_MAX);
    }
    const struct admin_client_command command = {buf_ptr(&request), PATIENCE_MS, "", NULL, say};
    int status = admin_client_run(&command, argc - 1, argv + 1);
    buf_fini(&request);
    return status;
}

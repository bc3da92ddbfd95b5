/* SPDX-License-Identifier: MIT */
/* `hivedoor --version`: this program, and the libraries it runs on. */
#include <stddef.h>
#include <stdio.h>

#include "cli/cli.h"
#include "config/yaml_version.h"
#include "daemon/supervisor.h"
#include "dns/dns_version.h"
#include "http/h2_session.h"
#include "loop/loop_version.h"
#include "tls/tls_version.h"

int cli_version(int argc, char *const argv[])
{
    const struct cli_option none[] = {{NULL, NULL, NULL}};

    if (argc > 1 && !cli_options(argc, argv, none)) {
        return EXIT_USAGE;
    }
    (void)printf("hivedoor %s\n", HIVEDOOR_VERSION);
    (void)printf("OpenSSL  %s (built with %s)\n", tls_version_running(), tls_version_built());
    (void)printf("libevent %s (built with %s)\n", loop_version_running(), loop_version_built());
    (void)printf("c-ares   %s (built with %s)\n", dns_version_running(), dns_version_built());
    (void)printf("nghttp2  %s (built with %s)\n", h2_session_version_running(),
                 h2_session_version_built());
    (void)printf("libyaml  %s\n", yaml_version_running());
    return EXIT_FINE;
}

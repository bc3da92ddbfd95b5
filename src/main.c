/* SPDX-License-Identifier: MIT */
/* The one program: every command and every process of the daemon. */
#include "cli/cli.h"

int main(int argc, char *argv[])
{
    return cli_main(argc, argv);
}

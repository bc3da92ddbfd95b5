/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "daemon/keeper.h"
#include "daemon/loader.h"
#include "daemon/role.h"
#include "daemon/supervisor.h"
#include "daemon/worker.h"

int role_main(int argc, char *const argv[])
{
    struct role_args args;
    char name[ROLE_NAME_MAX];
    char comm[ROLE_NAME_MAX + 4];

    if (role_parse(argc, argv, &args) != OK) {
        (void)fprintf(stderr, "hivedoor: %s is for the daemon's own use\n", argv[1]);
        return EXIT_USAGE;
    }
    (void)role_name(args.role, args.index, name);
    (void)snprintf(comm, sizeof(comm), "hd-%s", name);
    (void)prctl(PR_SET_NAME, comm);
    log_setup(STDOUT_FILENO, args.form, args.level, name);
    /* Signals stay as the supervisor set them: what ends the daemon is its to hear, not ours. */
    switch (args.role) {
    case ROLE_LOADER: return loader_main(&args);
    case ROLE_KEEPER: return keeper_main(&args);
    case ROLE_WORKER: return worker_main(&args);
    case ROLE_SUPERVISOR:
    case ROLE_COUNT: break;
    }
    return EXIT_USAGE;
}

/* SPDX-License-Identifier: MIT */
/*
 * `masked: auto`: finds out where Docker would hide the clients from us, and puts it into the
 * model. Nothing outside a container, so that a developer's own machine is what it looks like.
 * Loader and `hivedoor check`: opens files, as workers may not.
 */
#ifndef HIVEDOOR_DAEMON_MASKED_H
#define HIVEDOOR_DAEMON_MASKED_H

#include "config/model.h"

/* Where to look; tests have files of their own. */
struct masked_paths {
    const char *dockerenv; /* there inside a container */
    const char *resolv_conf;
    const char *route;
    const char *route6;
};

/* Adds to m->masked, if the model asks for it and this is a container; `paths` NULL: the system's.
 */
void masked_detect(struct model *m, const struct masked_paths *paths);

#endif

/* SPDX-License-Identifier: MIT */
/* The walk over the entries of `certificates:`. Private to src/config. */
#ifndef HIVEDOOR_SRC_CONFIG_STORE_WALK_H
#define HIVEDOOR_SRC_CONFIG_STORE_WALK_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/str.h"
#include "config/model.h"

#define STORE_WALK_FILE_MAX (1024u * 1024)

struct store_walk {
    /* Whether this file need not be read: it is known by its looks. NULL: none is. */
    bool (*on_look)(void *arg, const char *path, const struct stat *st);
    /* One file as it looked before it was read; `bytes` are borrowed and wiped afterwards. */
    void (*on_file)(void *arg, const char *path, const struct stat *st, struct str bytes);
    /* A folder that is walked. */
    void (*on_folder)(void *arg, const char *path);
    /* A path that cannot be read, or a file that is too large. */
    void (*on_fault)(void *arg, const char *path, const char *why);
};

/* In the order of the configuration, folders sorted by name; the same each time. */
void store_walk_run(const struct store_walk *w, const struct model *m, void *arg);

#endif

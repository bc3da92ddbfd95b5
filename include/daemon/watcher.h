/* SPDX-License-Identifier: MIT */
/*
 * Notices that files changed (supervisor): inotify on their folders where the host has it, and a
 * look at device, inode, size and times every few seconds, which also sees what inotify does not
 * tell (NFS, symlink swaps above the folder). It reads no file's content; whether something really
 * changed is for the loader's digest to say, which is why a look is also asked for once a minute
 * unasked.
 */
#ifndef HIVEDOOR_DAEMON_WATCHER_H
#define HIVEDOOR_DAEMON_WATCHER_H

#include "loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATCHER_SETTLE_MS  500  /* after the last event: writers write more than one file */
#define WATCHER_SETTLE_MAX 3000 /* but not later than this after the first */
#define WATCHER_LOOK_MS    2000
#define WATCHER_DIGEST_MS  60000

struct watcher;
/* `sure` false: nothing was noticed, the minute is over. */
typedef void (*watcher_fn)(void *arg, bool sure);

/* Watches nothing yet. Never NULL. */
struct watcher *watcher_new(struct loop *loop, watcher_fn fn, void *arg);
/* Accepts NULL. */
void watcher_free(struct watcher *w);
/* Files and folders to watch from now on (copied). What new ones are like now counts as known; of
 * those that were watched before a change that has not been told yet still is. */
void watcher_set(struct watcher *w, char *const *paths, size_t count);

/* What the files are like now counts as known: someone is about to read them anyway. */
void watcher_seen(struct watcher *w);

/* What the files, and the entries of the folders (one level, symlinks followed), look like: differs
 * when one of them was written, replaced, added or removed. */
uint64_t watcher_signature(char *const *paths, size_t count);

#endif

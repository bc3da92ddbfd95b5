/* SPDX-License-Identifier: MIT */
#include "daemon/watcher.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "loop/timer.h"
#include "loop/watch.h"

#define EVENTS                                                                                     \
    (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB |            \
     IN_DELETE_SELF | IN_MOVE_SELF)

#define READS_MAX 64 /* in one turn: who writes without end does not stop us */

struct watcher {
    struct loop *loop;
    watcher_fn fn;
    void *arg;
    char **paths; /* owned, as are the strings */
    size_t count;
    uint64_t *known; /* of each path: its signature when last told; owned */
    int inotify;     /* -1: the host has none left */
    struct watch watch;
    struct timer settle;
    uint64_t first_event_ms; /* 0: nothing waits */
    struct timer look;
    struct timer digest;
};

/* ---- what files look like ---- */

#define FNV_START 0xcbf29ce484222325ULL
#define FNV_PRIME 0x100000001b3ULL

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ p[i]) * FNV_PRIME;
    }
    return hash;
}

static uint64_t mix_stat(uint64_t hash, const struct stat *st)
{
    const int64_t facts[] = {
        (int64_t)st->st_dev, (int64_t)st->st_ino, (int64_t)st->st_size, (int64_t)st->st_mode,
        st->st_mtim.tv_sec,  st->st_mtim.tv_nsec, st->st_ctim.tv_sec,   st->st_ctim.tv_nsec,
    };
    return mix(hash, facts, sizeof(facts));
}

/* Entries come in any order, so what each looks like is added up. */
static uint64_t look_at_folder(const char *path)
{
    uint64_t sum = 0;
    DIR *dir = opendir(path);

    if (dir == NULL) {
        return 1;
    }
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        struct stat st;
        uint64_t hash = mix(FNV_START, e->d_name, strlen(e->d_name));
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        if (fstatat(dirfd(dir), e->d_name, &st, 0) == 0) {
            hash = mix_stat(hash, &st);
        }
        sum += hash;
    }
    (void)closedir(dir);
    return sum;
}

uint64_t watcher_signature(char *const *paths, size_t count)
{
    uint64_t hash = FNV_START;

    for (size_t i = 0; i < count; i++) {
        struct stat st;
        hash = mix(hash, paths[i], strlen(paths[i]) + 1);
        if (stat(paths[i], &st) < 0) {
            continue;
        }
        if (S_ISDIR(st.st_mode)) {
            uint64_t entries = look_at_folder(paths[i]);
            hash = mix(hash, &entries, sizeof(entries));
        } else {
            hash = mix_stat(hash, &st);
        }
    }
    return hash;
}

/* ---- inotify ---- */

/* A file is watched by its folder: a rename over it would leave its own watch on the old inode. */
static void add_one(struct watcher *w, const char *path)
{
    char folder[PATH_MAX];
    struct stat st;

    (void)inotify_add_watch(w->inotify, path, EVENTS);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return;
    }
    ptrdiff_t slash = str_rfind(str_of(path), '/');
    struct str parent = slash < 0 ? STR(".") : slash == 0 ? STR("/") : str_n(path, (size_t)slash);
    if (parent.len < sizeof(folder)) {
        (void)str_copy(folder, sizeof(folder), parent);
        (void)inotify_add_watch(w->inotify, folder, EVENTS);
    }
}

/* What is watched already stays as it is; a folder that was removed and made anew has lost its
 * watch with the old one, and gets another. */
static void add_all(struct watcher *w)
{
    for (size_t i = 0; i < w->count && w->inotify >= 0; i++) {
        add_one(w, w->paths[i]);
    }
}

/* ---- noticing ---- */

static bool is_changed(const struct watcher *w)
{
    for (size_t i = 0; i < w->count; i++) {
        if (watcher_signature(&w->paths[i], 1) != w->known[i]) {
            return true;
        }
    }
    return false;
}

static void look_now(struct watcher *w)
{
    add_all(w); /* first, so that nothing falls between */
    w->first_event_ms = 0;
    if (is_changed(w)) {
        watcher_seen(w);
        w->fn(w->arg, true);
    }
}

static void on_settled(void *arg)
{
    look_now(arg);
}

static void on_look(void *arg)
{
    struct watcher *w = arg;

    timer_set(&w->look, WATCHER_LOOK_MS);
    /* Events are still coming in: they will have their own look. */
    if (w->first_event_ms == 0 && is_changed(w)) {
        w->first_event_ms = clock_ms();
        timer_set(&w->settle, WATCHER_SETTLE_MS);
    }
}

static void on_digest(void *arg)
{
    struct watcher *w = arg;

    timer_set(&w->digest, WATCHER_DIGEST_MS);
    w->fn(w->arg, false);
}

static void on_inotify(void *arg, unsigned ready)
{
    struct watcher *w = arg;
    char bytes[4096];
    uint64_t now = clock_ms();

    (void)ready;
    /* Which file it was does not matter: the look finds out. What is left comes with the next turn.
     */
    for (int i = 0; i < READS_MAX && read(w->inotify, bytes, sizeof(bytes)) > 0; i++) {
    }
    if (w->first_event_ms == 0) {
        w->first_event_ms = now;
    }
    uint64_t waited = now - w->first_event_ms;
    uint64_t left = waited < WATCHER_SETTLE_MAX ? WATCHER_SETTLE_MAX - waited : 0;
    timer_set(&w->settle, left < WATCHER_SETTLE_MS ? left : WATCHER_SETTLE_MS);
}

/* ---- life ---- */

static void paths_free(struct watcher *w)
{
    for (size_t i = 0; i < w->count; i++) {
        free(w->paths[i]);
    }
    free(w->paths);
    free(w->known);
    w->paths = NULL;
    w->known = NULL;
    w->count = 0;
}

static void stop_inotify(struct watcher *w)
{
    watch_fini(&w->watch);
    fd_close(&w->inotify);
}

static void start_inotify(struct watcher *w)
{
    w->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->inotify < 0) {
        return; /* the look every two seconds does alone */
    }
    add_all(w);
    watch_init(&w->watch, w->loop, w->inotify, on_inotify, w);
    watch_set(&w->watch, WATCH_READ);
}

struct watcher *watcher_new(struct loop *loop, watcher_fn fn, void *arg)
{
    struct watcher *w = NEW(struct watcher);

    w->loop = loop;
    w->fn = fn;
    w->arg = arg;
    w->inotify = -1;
    timer_init(&w->settle, loop, on_settled, w);
    timer_init(&w->look, loop, on_look, w);
    timer_init(&w->digest, loop, on_digest, w);
    return w;
}

void watcher_free(struct watcher *w)
{
    if (w == NULL) {
        return;
    }
    stop_inotify(w);
    timer_fini(&w->settle);
    timer_fini(&w->look);
    timer_fini(&w->digest);
    paths_free(w);
    loop_free_later(w->loop, w);
}

void watcher_seen(struct watcher *w)
{
    for (size_t i = 0; i < w->count; i++) {
        w->known[i] = watcher_signature(&w->paths[i], 1);
    }
}

static bool is_same(const struct watcher *w, char *const *paths, size_t count)
{
    for (size_t i = 0; i < count && count == w->count; i++) {
        if (strcmp(paths[i], w->paths[i]) != 0) {
            return false;
        }
    }
    return count == w->count && count > 0;
}

void watcher_set(struct watcher *w, char *const *paths, size_t count)
{
    if (is_same(w, paths, count)) {
        return; /* a change since the last look must not be taken as known */
    }
    struct map *former = map_new(); /* to what is known of them */
    for (size_t i = 0; i < w->count; i++) {
        (void)map_put(former, str_of(w->paths[i]), &w->known[i]);
    }
    char **new_paths = mem_array(count, sizeof(*new_paths));
    uint64_t *new_known = mem_array(count, sizeof(*new_known));
    for (size_t i = 0; i < count; i++) {
        const uint64_t *known = map_get(former, str_of(paths[i]));
        new_paths[i] = str_dup(str_of(paths[i]));
        new_known[i] = known != NULL ? *known : watcher_signature(&paths[i], 1);
    }
    map_free(former);
    stop_inotify(w);
    paths_free(w);
    w->paths = new_paths;
    w->known = new_known;
    w->count = count;
    start_inotify(w);
    timer_set(&w->look, WATCHER_LOOK_MS);
    timer_set(&w->digest, WATCHER_DIGEST_MS);
}

/* SPDX-License-Identifier: MIT */
#include "store_walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"

#define PATH_BYTES 4096

static void fault(const struct store_walk *w, const char *path, const char *why)
{
    if (w->on_fault != NULL) {
        w->on_fault(w->arg, path, why);
    }
}

static void visit_file(const struct store_walk *w, const char *path, off_t size)
{
    uint8_t *room;
    struct buf bytes;
    if (w->on_file == NULL) {
        return;
    }
    if (size > (off_t)STORE_WALK_FILE_MAX) {
        fault(w, path, "larger than 1 MiB: not a certificate");
        return;
    }
    /* The room is taken at once: growing would leave copies of a key behind. */
    buf_init(&bytes, STORE_WALK_FILE_MAX + 1);
    int err = buf_reserve(&bytes, (size_t)size + 1, &room);
    errno = 0;
    err = err != OK ? err : fd_read_file(path, &bytes);
    if (err == OK) {
        w->on_file(w->arg, path, buf_str(&bytes));
    } else {
        fault(w, path, err == ERR_IO && errno != 0 ? strerror(errno) : err_text(err));
    }
    if (bytes.data != NULL) {
        mem_wipe(bytes.data, bytes.cap);
    }
    buf_fini(&bytes);
}

static int skip_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void visit(const struct store_walk *w, const char *path, unsigned depth);

static void visit_folder(const struct store_walk *w, const char *path, unsigned depth)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, skip_hidden, by_bytes);
    if (count < 0) {
        fault(w, path, strerror(errno));
        return;
    }
    if (w->on_folder != NULL) {
        w->on_folder(w->arg, path);
    }
    for (int i = 0; i < count; i++) {
        struct buf child;
        buf_init(&child, PATH_BYTES);
        if (buf_printf(&child, "%s/%s", path, entries[i]->d_name) == OK &&
            buf_append(&child, "", 1) == OK) {
            visit(w, buf_ptr(&child), depth + 1);
        }
        buf_fini(&child);
        free(entries[i]);
    }
    free(entries);
}

/* depth 0: an entry of the configuration; 1: in its folder; 2: in a subfolder of that. */
static void visit(const struct store_walk *w, const char *path, unsigned depth)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        fault(w, path, strerror(errno));
    } else if (S_ISREG(st.st_mode)) {
        visit_file(w, path, st.st_size);
    } else if (S_ISDIR(st.st_mode) && depth < 2) {
        visit_folder(w, path, depth);
    } else if (depth == 0) {
        fault(w, path, "neither a file nor a folder");
    }
}

void store_walk_run(const struct store_walk *w, const struct model *m)
{
    for (size_t i = 0; i < m->certificate_count; i++) {
        char *path = str_dup(m->certificates[i]);
        visit(w, path, 0);
        free(path);
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * There may be ten thousands of files, so each costs as few system calls as it can: names are
 * looked up beneath the open folder, and a file is opened, looked at, read once and closed.
 */
#include "store_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"

#define PATH_BYTES 4096

struct walk {
    const struct store_walk *w;
    void *arg;
    uint8_t *room; /* owned: where files are read to */
    size_t cap;
};

/* One entry: `name` is looked up beneath `folder`, and shown as `path`. depth 0: an entry of the
 * configuration; 1: in its folder; 2: in a subfolder of that. */
struct entry {
    int folder;
    const char *name;
    const char *path;
    unsigned depth;
    bool is_file; /* the folder says so; else it is looked at first */
};

static void fault(const struct walk *walk, const char *path, const char *why)
{
    walk->w->on_fault(walk->arg, path, why);
}

/* What is read may be a key: the room is not moved while it holds something. */
static void make_room(struct walk *walk, size_t size)
{
    if (walk->cap < size) {
        free(walk->room);
        walk->cap = size < 64 * 1024 ? 64 * 1024 : size;
        walk->room = mem_array(walk->cap, 1);
    }
}

/* Up to the whole room; one byte more than the file has, so that a short read tells its end. */
static ssize_t read_all(int fd, uint8_t *room, size_t cap)
{
    size_t len = 0;
    ssize_t n;

    do {
        size_t want = cap - len;
        n = read(fd, room + len, want);
        len += n > 0 ? (size_t)n : 0;
        if (n >= 0 && (size_t)n < want) {
            return (ssize_t)len;
        }
    } while ((n > 0 && len < cap) || (n < 0 && errno == EINTR));
    return n < 0 ? -1 : (ssize_t)len;
}

static void visit_open(struct walk *walk, const char *path, int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        fault(walk, path, strerror(errno));
        return;
    }
    if (!S_ISREG(st.st_mode)) {
        fault(walk, path, err_text(ERR_UNSUPPORTED));
        return;
    }
    if (st.st_size > (off_t)STORE_WALK_FILE_MAX) {
        fault(walk, path, "larger than 1 MiB: not a certificate");
        return;
    }
    make_room(walk, (size_t)st.st_size + 1);
    ssize_t len = read_all(fd, walk->room, walk->cap);
    if (len < 0) {
        fault(walk, path, strerror(errno));
        return;
    }
    walk->w->on_file(walk->arg, path, &st, str_n((const char *)walk->room, (size_t)len));
    mem_wipe(walk->room, (size_t)len);
}

static void visit_file(struct walk *walk, const struct entry *e)
{
    /* Non-blocking, so that a pipe in the place of a file cannot hold us up. */
    int fd = openat(e->folder, e->name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        fault(walk, e->path, strerror(errno));
        return;
    }
    visit_open(walk, e->path, fd);
    fd_close(&fd);
}

static int skip_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void visit(struct walk *walk, const struct entry *e);

static void visit_folder(struct walk *walk, const struct entry *e)
{
    struct dirent **entries = NULL;
    struct buf path;
    int fd = openat(e->folder, e->name, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    int count = fd < 0 ? -1 : scandirat(fd, ".", &entries, skip_hidden, by_bytes);

    if (count < 0) {
        fault(walk, e->path, strerror(errno));
        fd_close(&fd);
        return;
    }
    walk->w->on_folder(walk->arg, e->path);
    buf_init(&path, PATH_BYTES);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        buf_clear(&path);
        if (buf_append_str(&path, str_of(e->path)) == OK && buf_append_str(&path, STR("/")) == OK &&
            buf_append(&path, name, strlen(name) + 1) == OK) {
            struct entry child = {fd, name, buf_ptr(&path), e->depth + 1,
                                  entries[i]->d_type == DT_REG};
            visit(walk, &child);
        }
        free(entries[i]);
    }
    buf_fini(&path);
    free(entries);
    fd_close(&fd);
}

static void visit(struct walk *walk, const struct entry *e)
{
    struct stat st;

    if (e->is_file && walk->w->on_look == NULL) {
        visit_file(walk, e);
    } else if (fstatat(e->folder, e->name, &st, 0) != 0) {
        fault(walk, e->path, strerror(errno));
    } else if (S_ISREG(st.st_mode)) {
        if (walk->w->on_look == NULL || !walk->w->on_look(walk->arg, e->path, &st)) {
            visit_file(walk, e);
        }
    } else if (S_ISDIR(st.st_mode) && e->depth < 2) {
        visit_folder(walk, e);
    } else if (e->depth == 0) {
        fault(walk, e->path, "neither a file nor a folder");
    }
}

void store_walk_run(const struct store_walk *w, const struct model *m, void *arg)
{
    struct walk walk = {.w = w, .arg = arg};

    for (size_t i = 0; i < m->certificate_count; i++) {
        char *path = str_dup(m->certificates[i]);
        visit(&walk, &(struct entry){AT_FDCWD, path, path, 0, false});
        free(path);
    }
    free(walk.room);
}

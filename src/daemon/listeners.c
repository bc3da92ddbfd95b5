/* SPDX-License-Identifier: MIT */
#include "daemon/listeners.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "net/listener.h"

#define FIRST_FREE_PORT 1024

static struct listeners_entry *entry_of(struct list *node)
{
    return CONTAINER_OF(node, struct listeners_entry, node);
}

static bool is_unix(const struct addr *a)
{
    return a->sa.sa_family == AF_UNIX;
}

static void remove_file(struct listeners_entry *e)
{
    if (is_unix(&e->bound) && e->bound.len > 0 && e->bound.un.sun_path[0] != 0) {
        (void)unlink(e->bound.un.sun_path);
        e->bound.un.sun_path[0] = 0; /* what stands there next is a successor's */
    }
}

static void entry_refuse(struct listeners_entry *e)
{
    for (size_t i = 0; i < e->fd_count; i++) {
        listener_refuse(e->fds[i]);
    }
    remove_file(e);
}

static void entry_free(struct listeners_entry *e)
{
    list_remove(&e->node);
    for (size_t i = 0; i < e->fd_count; i++) {
        fd_close(&e->fds[i]);
    }
    remove_file(e);
    free(e->fds);
    free(e);
}

void listeners_init(struct listeners *l, size_t workers)
{
    list_init(&l->entries);
    l->workers = workers;
    l->last_number = 0;
}

void listeners_fini(struct listeners *l)
{
    LIST_EACH (&l->entries, it, tmp) {
        entry_free(entry_of(it));
    }
}

const char *listeners_kind_text(enum listeners_kind kind)
{
    switch (kind) {
    case LISTENERS_HTTP: return "http";
    case LISTENERS_HTTPS: return "https";
    case LISTENERS_ADMIN: return "admin";
    }
    return "admin";
}

int listeners_fd(const struct listeners_entry *e, size_t worker)
{
    return e->fds[worker < e->fd_count ? worker : 0];
}

/*
 * Whether nobody else listens there. With SO_REUSEPORT the bind itself would succeed beside another
 * daemon of the same user, and the two would share the clients; without it the kernel tells.
 * Nothing listens in this attempt, so no client is lost when it is closed.
 */
static int probe(const struct addr *at)
{
    const int on = 1;
    int rc = OK;
    int fd = socket(at->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return OK; /* listener_bind knows what to do without IPv6 */
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, &at->sa, at->len) < 0 && errno == EADDRINUSE) {
        rc = ERR_EXISTS;
    }
    fd_close(&fd);
    return rc;
}

/* A socket file that a killed daemon left behind refuses connections: it may go. */
static void remove_stale(const struct addr *at)
{
    struct stat st;

    if (lstat(at->un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode)) {
        return;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return;
    }
    if (connect(fd, &at->sa, at->len) < 0 && errno == ECONNREFUSED) {
        (void)unlink(at->un.sun_path);
    }
    fd_close(&fd);
}

static int learn_bound(struct listeners_entry *e)
{
    struct addr got = {.len = sizeof(got.un)};

    if (is_unix(&e->wanted)) {
        e->bound = e->wanted;
        return OK;
    }
    if (getsockname(e->fds[0], &got.sa, &got.len) < 0) {
        return ERR_IO;
    }
    e->bound = got;
    return OK;
}

static int bind_all(struct listeners_entry *e)
{
    bool reuseport = e->fd_count > 1 || e->kind != LISTENERS_ADMIN;

    if (is_unix(&e->wanted)) {
        reuseport = false;
        remove_stale(&e->wanted);
    } else if (addr_port(&e->wanted) != 0) {
        int err = probe(&e->wanted);
        if (err != OK) {
            return err;
        }
    }
    for (size_t i = 0; i < e->fd_count; i++) {
        /* Port 0: the kernel chooses once, for all workers. */
        int err = listener_bind(i == 0 ? &e->wanted : &e->bound, reuseport, &e->fds[i]);
        if (err == OK && i == 0) {
            err = learn_bound(e);
        }
        if (err != OK) {
            return err;
        }
    }
    return OK;
}

static void explain(const struct listeners_entry *e, int err, int error_number,
                    char text[static LISTENERS_TEXT_MAX])
{
    char where[ADDR_TEXT_MAX];
    const char *kind = listeners_kind_text(e->kind);
    uint16_t port = addr_port(&e->wanted);

    (void)addr_print(&e->wanted, where);
    if (err == ERR_EXISTS) {
        (void)snprintf(text, LISTENERS_TEXT_MAX,
                       "%s (listen.%s): the address is in use by another process; stop it "
                       "(`ss -ltnp` shows it) or choose another address",
                       where, kind);
    } else if (err == ERR_DENIED && !is_unix(&e->wanted) && port < FIRST_FREE_PORT) {
        (void)snprintf(text, LISTENERS_TEXT_MAX,
                       "%s (listen.%s): this user may not use ports below "
                       "net.ipv4.ip_unprivileged_port_start; set that sysctl to %u or less, give "
                       "the capability CAP_NET_BIND_SERVICE, or choose a port from 1024 on",
                       where, kind, port);
    } else {
        (void)snprintf(text, LISTENERS_TEXT_MAX, "%s (listen.%s): %s", where, kind,
                       error_number != 0 ? strerror(error_number) : err_text(err));
    }
}

static struct listeners_entry *find(struct listeners *l, enum listeners_kind kind,
                                    const struct addr *at)
{
    LIST_EACH (&l->entries, it, tmp) {
        struct listeners_entry *e = entry_of(it);
        bool same = is_unix(at) == is_unix(&e->wanted) && addr_eq(&e->wanted, at);
        if (same && e->kind == kind && e->state != LISTENERS_NEW) {
            return e;
        }
    }
    return NULL;
}

static int stage_one(struct listeners *l, enum listeners_kind kind, const struct addr *at,
                     char text[static LISTENERS_TEXT_MAX])
{
    struct listeners_entry *e = find(l, kind, at);

    if (e != NULL) {
        e->state = LISTENERS_OPEN;
        return OK;
    }
    e = NEW(struct listeners_entry);
    e->kind = kind;
    e->wanted = *at;
    e->number = ++l->last_number;
    e->fd_count = is_unix(at) || kind == LISTENERS_ADMIN ? 1 : l->workers;
    e->fds = mem_array(e->fd_count, sizeof(*e->fds));
    for (size_t i = 0; i < e->fd_count; i++) {
        e->fds[i] = -1;
    }
    list_push_back(&l->entries, &e->node);
    errno = 0;
    int err = bind_all(e);
    if (err != OK) {
        explain(e, err, errno, text);
    }
    return err;
}

static int stage_many(struct listeners *l, enum listeners_kind kind, const struct addr *at,
                      size_t count, char text[static LISTENERS_TEXT_MAX])
{
    for (size_t i = 0; i < count; i++) {
        int err = stage_one(l, kind, &at[i], text);
        if (err != OK) {
            return err;
        }
    }
    return OK;
}

int listeners_stage(struct listeners *l, const struct bundle_plan *plan,
                    char text[static LISTENERS_TEXT_MAX])
{
    LIST_EACH (&l->entries, it, tmp) {
        entry_of(it)->state = LISTENERS_OLD;
    }
    int err = stage_many(l, LISTENERS_HTTP, plan->http, plan->http_count, text);
    if (err == OK) {
        err = stage_many(l, LISTENERS_HTTPS, plan->https, plan->https_count, text);
    }
    if (err == OK && plan->admin.len > 0) {
        err = stage_one(l, LISTENERS_ADMIN, &plan->admin, text);
    }
    if (err != OK) {
        listeners_abort(l);
    }
    return err;
}

void listeners_commit(struct listeners *l)
{
    LIST_EACH (&l->entries, it, tmp) {
        struct listeners_entry *e = entry_of(it);
        e->state = e->state == LISTENERS_NEW ? LISTENERS_OPEN : e->state;
    }
}

void listeners_abort(struct listeners *l)
{
    LIST_EACH (&l->entries, it, tmp) {
        struct listeners_entry *e = entry_of(it);
        if (e->state == LISTENERS_NEW) {
            entry_free(e);
        } else {
            e->state = LISTENERS_OPEN;
        }
    }
}

void listeners_refuse(struct listeners *l)
{
    LIST_EACH (&l->entries, it, tmp) {
        if (entry_of(it)->kind != LISTENERS_ADMIN) {
            entry_refuse(entry_of(it));
        }
    }
}

void listeners_drop_old(struct listeners *l)
{
    LIST_EACH (&l->entries, it, tmp) {
        if (entry_of(it)->state == LISTENERS_OLD) {
            entry_free(entry_of(it));
        }
    }
}

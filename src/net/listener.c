/* SPDX-License-Identifier: MIT */
#include "net/listener.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "loop/timer.h"
#include "loop/watch.h"

#define BACKLOG       16384
#define NO_FD_REST_MS 100

struct listener {
    struct loop *loop; /* borrowed */
    struct watch watch;
    struct timer rest;
    int fd;       /* borrowed */
    bool paused;  /* by the owner */
    bool resting; /* no descriptor was left a moment ago */
    bool closed;
    listener_fn fn;
    void *arg;
    void (*on_no_fd)(void *arg);
    void *no_fd_arg;
};

static bool is_ip(const struct addr *a)
{
    return a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6;
}

static int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value));
}

/*
 * TCP_DEFER_ACCEPT stays off: a connection that says nothing would not be seen, so neither its
 * deadline nor the connection limit would count it. An accepted socket inherits TCP_NODELAY.
 */
static int set_options(int fd, const struct addr *at, bool reuseport)
{
    if (set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0) {
        return -1;
    }
    if (reuseport && is_ip(at) && set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0) {
        return -1;
    }
    if (at->sa.sa_family == AF_INET6 && set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0) < 0) {
        return -1;
    }
    return is_ip(at) ? set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) : 0;
}

/* errno tells what failed. */
static int bind_one(const struct addr *at, bool reuseport)
{
    int fd = socket(at->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    if (set_options(fd, at, reuseport) < 0 || bind(fd, &at->sa, at->len) < 0 ||
        listen(fd, BACKLOG) < 0) {
        int saved = errno;
        fd_close(&fd);
        errno = saved;
    }
    return fd;
}

/* A socket file whose process is gone: nobody answers there. */
static bool remove_stale(const struct addr *at)
{
    struct stat st;

    if (lstat(at->un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode)) {
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    bool is_stale = connect(fd, &at->sa, at->len) < 0 && errno == ECONNREFUSED;
    fd_close(&fd);
    return is_stale && unlink(at->un.sun_path) == 0;
}

static bool is_any6(const struct addr *a)
{
    return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

int listener_bind(const struct addr *at, bool reuseport, int *out_fd)
{
    static const uint8_t any4[4] = {0};
    struct addr fallback;

    int fd = bind_one(at, reuseport);
    if (fd < 0 && is_any6(at) && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
        int rc = addr_from_bytes(any4, sizeof(any4), addr_port(at), &fallback);
        REQUIRE(rc == OK);
        fd = bind_one(&fallback, reuseport);
    }
    if (fd < 0 && at->sa.sa_family == AF_UNIX && errno == EADDRINUSE) {
        bool removed = remove_stale(at);
        errno = EADDRINUSE;
        fd = removed ? bind_one(at, reuseport) : -1;
    }
    if (fd < 0) {
        return err_from_errno(errno);
    }
    *out_fd = fd;
    return OK;
}

/* The one place that decides whether we accept. */
static void update_interest(struct listener *l)
{
    watch_set(&l->watch, l->paused || l->resting || l->closed ? 0 : WATCH_READ);
}

static bool is_out_of_room(int errno_value)
{
    return errno_value == EMFILE || errno_value == ENFILE || errno_value == ENOBUFS ||
           errno_value == ENOMEM;
}

static void begin_rest(struct listener *l)
{
    l->resting = true;
    timer_set(&l->rest, NO_FD_REST_MS);
    update_interest(l);
    if (l->on_no_fd != NULL) {
        l->on_no_fd(l->no_fd_arg);
    }
}

static void on_rest_over(void *arg)
{
    struct listener *l = arg;

    l->resting = false;
    update_interest(l);
}

/* Takes one connection; false when there is none to take now. */
static bool accept_one(struct listener *l)
{
    struct addr peer = {.len = sizeof(peer.un)};

    int fd = accept4(l->fd, &peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        l->fn(l->arg, fd, &peer);
        return true;
    }
    if (is_out_of_room(errno)) {
        begin_rest(l);
        return false;
    }
    /* Errors of the one connection, which accept() hands on (accept(2)): the next may be well. */
    return errno != EAGAIN && errno != EBADF && errno != EINVAL && errno != ENOTSOCK;
}

static void on_watch(void *arg, unsigned ready)
{
    struct listener *l = arg;

    (void)ready;
    for (int i = 0; i < LISTENER_BATCH; i++) {
        /* The callback may have paused or freed us. */
        if (l->paused || l->closed || !accept_one(l)) {
            return;
        }
    }
}

struct listener *listener_new(struct loop *loop, int fd, listener_fn fn, void *arg)
{
    struct listener *l = NEW(struct listener);

    l->loop = loop;
    l->fd = fd;
    l->fn = fn;
    l->arg = arg;
    timer_init(&l->rest, loop, on_rest_over, l);
    watch_init(&l->watch, loop, fd, on_watch, l);
    update_interest(l);
    return l;
}

void listener_pause(struct listener *l, bool paused)
{
    l->paused = paused;
    update_interest(l);
}

bool listener_is_waiting(const struct listener *l)
{
    struct pollfd look = {.fd = l->fd, .events = POLLIN};

    return poll(&look, 1, 0) > 0 && (look.revents & POLLIN) != 0;
}

/*
 * Neither shutdown() nor a shorter backlog serves: the first resets the queue, the second goes on
 * taking one connection after another. A connection inherits the filter from its listener; its
 * segments have no SYN.
 */
void listener_refuse(int fd)
{
    static struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, offsetof(struct tcphdr, th_flags)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TH_SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
    struct addr at = {.len = sizeof(at.un)};

    if (getsockname(fd, &at.sa, &at.len) == 0 && is_ip(&at)) {
        (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
    }
}

void listener_free(struct listener *l)
{
    if (l == NULL) {
        return;
    }
    l->closed = true;
    watch_fini(&l->watch);
    timer_fini(&l->rest);
    loop_free_later(l->loop, l);
}

void listener_on_no_fd(struct listener *l, void (*fn)(void *arg), void *arg)
{
    l->on_no_fd = fn;
    l->no_fd_arg = arg;
}

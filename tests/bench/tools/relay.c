/* SPDX-License-Identifier: MIT */
/*
 * The floor of the bench that no proxy can go below: passes bytes between two TCP connections and
 * looks at none of them. One connection to the service for each of a client's; no TLS.
 *
 *   relay PORT SERVICE_PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER  (64 * 1024)
#define EVENTS  256
#define BACKLOG 4096

struct side {
    int fd;
    struct side *other;
    char *kept; /* what this side did not take, NULL: nothing */
    size_t kept_len;
};

static int epoll;
static struct sockaddr_in service;

static void die(const char *what)
{
    (void)fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void want(struct side *s, uint32_t events, int op)
{
    struct epoll_event e = {.events = events, .data.ptr = s};

    if (epoll_ctl(epoll, op, s->fd, &e) < 0) {
        die("epoll_ctl");
    }
}

static void shut(struct side *s)
{
    struct side *both[2] = {s, s->other};

    for (int i = 0; i < 2; i++) {
        if (both[i]->fd >= 0) {
            close(both[i]->fd);
            both[i]->fd = -1; /* freed with the turn: an event may be waiting */
        }
    }
}

/* While a side takes no more, the other one is not read. */
static void keep(struct side *to, const char *bytes, size_t len)
{
    to->kept = malloc(len);
    if (to->kept == NULL) {
        die("malloc");
    }
    memcpy(to->kept, bytes, len);
    to->kept_len = len;
    want(to, EPOLLOUT, EPOLL_CTL_MOD);
    want(to->other, 0, EPOLL_CTL_MOD);
}

static void on_writable(struct side *s)
{
    ssize_t n = send(s->fd, s->kept, s->kept_len, MSG_NOSIGNAL);

    if (n < 0) {
        if (errno != EAGAIN) {
            shut(s);
        }
        return;
    }
    s->kept_len -= (size_t)n;
    memmove(s->kept, s->kept + n, s->kept_len);
    if (s->kept_len == 0) {
        free(s->kept);
        s->kept = NULL;
        want(s, EPOLLIN, EPOLL_CTL_MOD);
        want(s->other, EPOLLIN, EPOLL_CTL_MOD);
    }
}

static void on_readable(struct side *s)
{
    static char bytes[BUFFER];
    ssize_t n = recv(s->fd, bytes, sizeof(bytes), 0);

    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) {
            shut(s);
        }
        return;
    }
    ssize_t sent = send(s->other->fd, bytes, (size_t)n, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        shut(s);
    } else if (sent < n) {
        sent = sent < 0 ? 0 : sent;
        keep(s->other, bytes + sent, (size_t)(n - sent));
    }
}

static int connect_service(void)
{
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&service, sizeof(service)) < 0) {
        die("service");
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static void on_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        return;
    }
    struct side *pair = calloc(2, sizeof(*pair));
    if (pair == NULL) {
        die("calloc");
    }
    pair[0] = (struct side){.fd = fd, .other = &pair[1]};
    pair[1] = (struct side){.fd = connect_service(), .other = &pair[0]};
    want(&pair[0], EPOLLIN, EPOLL_CTL_ADD);
    want(&pair[1], EPOLLIN, EPOLL_CTL_ADD);
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    int one = 1;

    if (argc != 3) {
        die("relay PORT SERVICE_PORT");
    }
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    service = at;
    at.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    service.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    (void)setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (epoll < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
        listen(listener, BACKLOG) < 0) {
        die("start");
    }
    struct epoll_event e = {.events = EPOLLIN};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) < 0) {
        die("epoll_ctl");
    }
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct side *s = events[i].data.ptr;
            if (s == NULL) {
                on_accept(listener);
            } else if (s->fd >= 0 && (events[i].events & EPOLLOUT)) {
                on_writable(s);
            } else if (s->fd >= 0) {
                on_readable(s);
            }
        }
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * The service of the bench: as little work as a service can do. GET /1k, /64k, /1m ... is answered
 * with so many bytes; a body that comes is read and thrown away; who asks to switch protocols may,
 * and hears no more. One thread, epoll, keep-alive.
 *
 *   origin PORT [COUNT]     at 127.0.0.1, or at so many addresses from 127.1.0.0 on
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define HEAD_MAX 8192
#define BODY_MAX (16 * 1024 * 1024)
#define READ_MAX (256 * 1024)
#define EVENTS   256
#define BACKLOG  4096

struct client {
    int fd;
    bool is_listener;
    char head[HEAD_MAX];
    size_t head_len;
    uint64_t skip;      /* bytes of a request's body still to come */
    bool is_answer_due; /* once they have */
    char answer[256];   /* head of the answer under way */
    size_t answer_len;
    size_t answer_sent;
    uint64_t body_left;
    bool wants_write;
};

static char *body;
static int epoll;

static void die(const char *what)
{
    (void)fprintf(stderr, "origin: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void client_close(struct client *c)
{
    close(c->fd);
    free(c);
}

static void want(struct client *c, uint32_t events, int op)
{
    struct epoll_event e = {.events = events, .data.ptr = c};

    if (epoll_ctl(epoll, op, c->fd, &e) < 0) {
        die("epoll_ctl");
    }
}

static void want_write(struct client *c, bool on)
{
    if (c->wants_write != on) {
        c->wants_write = on;
        want(c, EPOLLIN | (on ? (uint32_t)EPOLLOUT : 0), EPOLL_CTL_MOD);
    }
}

/* "/64k" is 65536. */
static uint64_t read_size(const char *path)
{
    char *unit = NULL;
    uint64_t n = strtoull(path + 1, &unit, 10);

    n = *unit == 'k' ? n << 10 : *unit == 'm' ? n << 20 : n;
    return n > BODY_MAX ? BODY_MAX : n;
}

/* False: the client is gone. */
static bool send_answer(struct client *c)
{
    while (c->answer_sent < c->answer_len || c->body_left > 0) {
        struct iovec iov[2] = {
            {c->answer + c->answer_sent, c->answer_len - c->answer_sent},
            {body, c->body_left},
        };
        struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
        ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            want_write(c, true);
            return true;
        }
        if (n < 0) {
            client_close(c);
            return false;
        }
        size_t of_head = iov[0].iov_len < (size_t)n ? iov[0].iov_len : (size_t)n;
        c->answer_sent += of_head;
        c->body_left -= (size_t)n - of_head;
    }
    want_write(c, false);
    return true;
}

static bool answer(struct client *c)
{
    c->is_answer_due = false;
    return send_answer(c);
}

/* A whole head is here: what it asks for, and how much body follows. */
static void read_head(struct client *c)
{
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    const char *path = strchr(c->head, ' ');

    c->skip = length == NULL ? 0 : strtoull(length + 17, NULL, 10);
    c->body_left = path == NULL ? 0 : read_size(path + 1);
    c->answer_sent = 0;
    c->is_answer_due = true;
    if (strcasestr(c->head, "\r\nupgrade:") != NULL) {
        c->body_left = 0;
        c->answer_len =
            (size_t)snprintf(c->answer, sizeof(c->answer),
                             "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                             "Upgrade: websocket\r\n\r\n");
        return;
    }
    c->answer_len = (size_t)snprintf(c->answer, sizeof(c->answer),
                                     "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                                     "Content-Length: %llu\r\n\r\n",
                                     (unsigned long long)c->body_left);
}

/* False: the client is gone. */
static bool take(struct client *c, const char *in, size_t len)
{
    while (len > 0) {
        if (c->is_answer_due) {
            size_t n = len < c->skip ? len : (size_t)c->skip;
            c->skip -= n;
            in += n;
            len -= n;
        } else {
            size_t room = HEAD_MAX - 1 - c->head_len;
            size_t n = len < room ? len : room;
            size_t before = c->head_len;
            memcpy(c->head + before, in, n);
            c->head_len += n;
            c->head[c->head_len] = '\0';
            char *end = strstr(c->head, "\r\n\r\n");
            if (end == NULL) {
                return room > n || (client_close(c), false);
            }
            end[2] = '\0';
            read_head(c);
            size_t used = (size_t)(end + 4 - c->head) - before;
            c->head_len = 0;
            in += used;
            len -= used;
        }
        if (c->is_answer_due && c->skip == 0 && !answer(c)) {
            return false;
        }
    }
    return true;
}

static void on_client(struct client *c, uint32_t events)
{
    static char bytes[READ_MAX];

    if ((events & EPOLLOUT) && !send_answer(c)) {
        return;
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
        return;
    }
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);
    if (n > 0) {
        take(c, bytes, (size_t)n);
    } else if (n == 0 || errno != EAGAIN) {
        client_close(c);
    }
}

static void on_accept(int listener)
{
    int one = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        return;
    }
    struct client *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        die("calloc");
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    c->fd = fd;
    want(c, EPOLLIN, EPOLL_CTL_ADD);
}

static void listen_at(uint32_t ip, uint16_t port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip)};
    struct client *c = calloc(1, sizeof(*c));
    int one = 1;

    if (c == NULL) {
        die("calloc");
    }
    c->is_listener = true;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)setsockopt(c->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(c->fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(c->fd, BACKLOG) < 0) {
        die("listen");
    }
    want(c, EPOLLIN, EPOLL_CTL_ADD);
}

static void raise_files(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

int main(int argc, char **argv)
{
    uint16_t port = (uint16_t)strtoul(argc > 1 ? argv[1] : "0", NULL, 10);
    unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;

    if (port == 0) {
        (void)fprintf(stderr, "origin PORT [COUNT]\n");
        return 2;
    }
    body = calloc(1, BODY_MAX);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (body == NULL || epoll < 0) {
        die("start");
    }
    raise_files();
    for (unsigned i = 0; i < count; i++) {
        listen_at(0x7f010000 + i, port); /* 127.1.0.0: any of 127/8 is this machine */
    }
    if (count == 0) {
        listen_at(INADDR_LOOPBACK, port);
    }
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;
            if (c->is_listener) {
                on_accept(c->fd);
            } else {
                on_client(c, events[i].events);
            }
        }
    }
}

/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (64 * 1024)

static void want(struct conn *c, uint32_t events, int op)
{
    struct epoll_event e = {.events = events, .data.ptr = c};

    if (epoll_ctl(c->load->epoll, op, c->fd, &e) < 0) {
        load_die("epoll_ctl");
    }
}

void conn_close(struct conn *c)
{
    if (c->state == CONN_CLOSED) {
        return;
    }
    if (c->ssl != NULL) {
        /* Without it OpenSSL takes the end for a failure and never resumes this session. */
        SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    SSL_free(c->ssl);
    c->ssl = NULL;
    close(c->fd); /* leaves the epoll set by itself */
    c->state = CONN_CLOSED;
}

static void fail(struct conn *c)
{
    conn_close(c);
    load_on_failure(c);
}

static void start_tls(struct conn *c)
{
    struct load *l = c->load;

    c->ssl = SSL_new(l->ctx);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
        SSL_set_tlsext_host_name(c->ssl, l->options.sni) != 1) {
        load_die("SSL_new");
    }
    if (l->options.resume && l->session != NULL) {
        /* A ticket that was used is spent for OpenSSL, yet the server need not send another. */
        SSL_SESSION *copy = SSL_SESSION_dup(l->session);
        SSL_set_session(c->ssl, copy);
        SSL_SESSION_free(copy);
    }
    (void)SSL_set_app_data(c->ssl, l);
    SSL_set_connect_state(c->ssl);
}

void conn_open(struct conn *c)
{
    struct load *l = c->load;
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        load_die("socket");
    }
    c->state = CONN_CONNECTING;
    c->ssl = NULL;
    c->stream = 0;
    c->head_len = 0;
    c->in_body = false;
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(c->fd, (struct sockaddr *)&l->options.to, sizeof(l->options.to)) < 0 &&
        errno != EINPROGRESS) {
        fail(c);
        return;
    }
    want(c, EPOLLOUT, EPOLL_CTL_ADD);
}

static void become_free(struct conn *c)
{
    c->state = CONN_FREE;
    want(c, EPOLLIN, EPOLL_CTL_MOD);
    load_on_free(c);
}

static void step_connect(struct conn *c)
{
    int err = 0;
    socklen_t len = sizeof(err);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 || err != 0) {
        fail(c);
        return;
    }
    if (c->load->options.plain) {
        become_free(c);
        return;
    }
    start_tls(c);
    c->state = CONN_HANDSHAKING;
    want(c, EPOLLIN, EPOLL_CTL_MOD);
    conn_step(c);
}

static void step_handshake(struct conn *c)
{
    int n = SSL_do_handshake(c->ssl);

    if (n == 1) {
        c->load->handshakes++;
        c->load->resumed += SSL_session_reused(c->ssl) == 1;
        become_free(c);
        return;
    }
    int err = SSL_get_error(c->ssl, n);
    if (err == SSL_ERROR_WANT_WRITE) {
        want(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    } else if (err != SSL_ERROR_WANT_READ) {
        fail(c);
    }
}

ssize_t conn_put(struct conn *c, const char *bytes, size_t len)
{
    if (c->ssl == NULL) {
        ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL);
        return n < 0 && errno == EAGAIN ? 0 : n;
    }
    int n = SSL_write(c->ssl, bytes, (int)len);
    if (n > 0) {
        return n;
    }
    int err = SSL_get_error(c->ssl, n);
    return err == SSL_ERROR_WANT_WRITE || err == SSL_ERROR_WANT_READ ? 0 : -1;
}

static ssize_t take(struct conn *c, char *bytes, size_t len)
{
    if (c->ssl == NULL) {
        ssize_t n = recv(c->fd, bytes, len, 0);
        return n < 0 && errno == EAGAIN ? 0 : n == 0 ? -1 : n;
    }
    int n = SSL_read(c->ssl, bytes, (int)len);
    if (n > 0) {
        return n;
    }
    int err = SSL_get_error(c->ssl, n);
    return err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static void step_send(struct conn *c)
{
    while (c->sent < c->request_len) {
        size_t left = c->request_len - c->sent;
        ssize_t n = conn_put(c, c->request + c->sent, left < READ_BYTES ? left : READ_BYTES);
        if (n < 0) {
            fail(c);
            return;
        }
        if (n == 0) {
            want(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        c->sent += (size_t)n;
    }
    c->state = CONN_RECEIVING;
    want(c, EPOLLIN, EPOLL_CTL_MOD);
}

void conn_ask(struct conn *c, uint64_t due_us)
{
    struct load *l = c->load;

    c->due_us = due_us;
    c->sent = 0;
    l->asked += l->options.streams;
    if (l->options.h2) {
        h2_request(c); /* a frame of the connection may be under way */
    } else {
        c->request = l->request;
        c->request_len = l->request_len;
        c->head_len = 0;
        c->in_body = false;
    }
    c->state = CONN_SENDING;
    step_send(c);
}

/* The bench's own origin and every proxy between say Content-Length. */
static bool read_length(const struct load *l, const char *head, uint64_t *out_length)
{
    if (l->options.websocket) {
        *out_length = 0;
        return strncmp(head, "HTTP/1.1 101", 12) == 0;
    }
    const char *at = strcasestr(head, "\r\ncontent-length:");

    if (at == NULL || strncmp(head, "HTTP/1.1 200", 12) != 0) {
        return false;
    }
    *out_length = strtoull(at + 17, NULL, 10);
    return true;
}

/* Bytes of `in` that belong to the head; < 0: no answer that we understand. */
static ssize_t take_head(struct conn *c, const char *in, size_t len)
{
    size_t before = c->head_len;
    size_t room = sizeof(c->head) - 1 - before;
    size_t n = len < room ? len : room;

    memcpy(c->head + before, in, n);
    c->head_len += n;
    c->head[c->head_len] = '\0';
    char *end = strstr(c->head, "\r\n\r\n");
    if (end == NULL) {
        return c->head_len == sizeof(c->head) - 1 ? -1 : (ssize_t)n;
    }
    end[2] = '\0';
    if (!read_length(c->load, c->head, &c->body_left)) {
        return -1;
    }
    c->in_body = true;
    return end + 4 - c->head - (ssize_t)before;
}

/* 1: the answer is complete, < 0: it is none. */
static int consume(struct conn *c, const char *in, size_t len)
{
    if (c->load->options.h2) {
        return h2_take(c, in, len);
    }
    if (!c->in_body) {
        ssize_t n = take_head(c, in, len);
        if (n < 0) {
            return -1;
        }
        len -= (size_t)n;
        if (!c->in_body) {
            return 0;
        }
    }
    if (len > c->body_left) {
        return -1;
    }
    c->body_left -= len;
    return c->body_left == 0;
}

static void step_receive(struct conn *c)
{
    static char bytes[READ_BYTES];

    for (;;) {
        ssize_t n = take(c, bytes, sizeof(bytes));
        if (n == 0) {
            return;
        }
        if (n < 0) {
            fail(c);
            return;
        }
        c->load->bytes_in += (uint64_t)n;
        int done = consume(c, bytes, (size_t)n);
        if (done < 0) {
            fail(c);
            return;
        }
        if (done) {
            c->state = CONN_FREE;
            if (c->load->options.resume && c->ssl != NULL) {
                (void)SSL_peek(c->ssl, bytes, 1); /* a ticket may follow the answer */
            }
            load_on_answer(c);
            return;
        }
        if (c->ssl == NULL && (size_t)n < sizeof(bytes)) {
            return;
        }
    }
}

/* Nothing is due: a session ticket may come, or the end. */
static void step_free(struct conn *c)
{
    char bytes[512];
    ssize_t n = take(c, bytes, sizeof(bytes));

    /* HTTP/2 may still say something about the connection. */
    while (n > 0 && c->load->options.h2 && h2_take(c, bytes, (size_t)n) >= 0) {
        n = take(c, bytes, sizeof(bytes));
    }
    if (n != 0) {
        fail(c);
    }
}

void conn_step(struct conn *c)
{
    switch (c->state) {
    case CONN_CLOSED: break;
    case CONN_CONNECTING: step_connect(c); break;
    case CONN_HANDSHAKING: step_handshake(c); break;
    case CONN_FREE: step_free(c); break;
    case CONN_SENDING: step_send(c); break;
    case CONN_RECEIVING: step_receive(c); break;
    }
}

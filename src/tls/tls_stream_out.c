/* SPDX-License-Identifier: MIT */
/*
 * Writing. Records gather in the output buffer and are sent once at the end of the turn. The
 * buffer's memory goes round between the streams of a worker: a stream with nothing to send owns
 * none.
 */
#include "tls_stream_impl.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "tls/tls_err.h"

/* Where a write stands in the caller's pieces. */
struct cursor {
    const struct iovec *iov;
    int left;  /* pieces, the current one included */
    size_t at; /* bytes taken of the current one */
};

void tls_out_open(struct tls_stream *s)
{
    struct tls_worker *w = s->worker;

    if (s->out.cap == 0 && w->spare_count > 0) {
        s->out = w->spares[--w->spare_count];
    } else if (s->out.cap == 0) {
        buf_init(&s->out, TLS_OUT_LIMIT);
    }
}

void tls_out_release(struct tls_stream *s)
{
    struct tls_worker *w = s->worker;

    if (buf_len(&s->out) > 0 || s->out.cap == 0) {
        return;
    }
    buf_clear(&s->out);
    if (w->spare_count < TLS_SPARES) {
        w->spares[w->spare_count++] = s->out;
        buf_init(&s->out, TLS_OUT_LIMIT);
    } else {
        buf_fini(&s->out);
    }
}

void tls_out_mark(struct tls_stream *s)
{
    if (buf_len(&s->out) == 0) {
        tls_out_release(s);
    } else if (!s->blocked && list_is_empty(&s->dirty)) {
        list_push_back(&s->worker->dirty, &s->dirty);
    }
}

/* One send; OK if it took something. */
static int send_once(struct tls_stream *s)
{
    struct str wait = buf_str(&s->out);
    ssize_t n;

    do {
        n = send(s->base.fd, wait.ptr, wait.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        int rc = err_from_errno(errno);
        return rc == ERR_AGAIN || rc == ERR_IO ? rc : ERR_RESET;
    }
    s->base.bytes_out += (uint64_t)n;
    buf_consume(&s->out, (size_t)n);
    return OK;
}

int tls_out_send(struct tls_stream *s)
{
    int rc = s->write_rc;

    list_remove(&s->dirty);
    while (rc == OK && buf_len(&s->out) > 0) {
        rc = send_once(s);
    }
    if (rc != OK && rc != ERR_AGAIN) {
        /* Nobody will ever read it. */
        s->write_rc = rc;
        buf_clear(&s->out);
    }
    s->blocked = rc == ERR_AGAIN;
    tls_out_release(s);
    if (s->state != TLS_CLOSED) {
        tls_stream_interest(s);
    }
    return rc;
}

static void skip_empty(struct cursor *c)
{
    while (c->left > 0 && c->at == c->iov->iov_len) {
        c->iov++;
        c->left--;
        c->at = 0;
    }
}

/*
 * The next bytes for one record: straight from the caller where a piece fills a record or is the
 * last, otherwise small pieces (a header, a chunk's frame) gathered in the scratch. The cursor
 * moves past them.
 */
static struct str next_piece(struct cursor *c, uint8_t *scratch)
{
    size_t total = 0;

    skip_empty(c);
    if (c->left == 0) {
        return STR("");
    }
    struct str here = str_n((const char *)c->iov->iov_base + c->at, c->iov->iov_len - c->at);
    if (c->left == 1 || here.len >= TLS_RECORD_MAX) {
        here = str_sub(here, 0, TLS_RECORD_MAX);
        c->at += here.len;
        return here;
    }
    while (c->left > 0 && total < TLS_RECORD_MAX) {
        size_t n = c->iov->iov_len - c->at;
        n = n > TLS_RECORD_MAX - total ? TLS_RECORD_MAX - total : n;
        memcpy(scratch + total, (const uint8_t *)c->iov->iov_base + c->at, n);
        total += n;
        c->at += n;
        skip_empty(c);
    }
    return str_n((const char *)scratch, total);
}

/*
 * The ticket of TLS 1.3 leaves with the first bytes of the owner (RFC 8446 section 4.6.1 lets it
 * come at any time): no packet and no write of its own, and none for who never asks anything.
 */
static bool give_ticket(struct tls_stream *s)
{
    if (!s->pick.takes_ticket || s->state != TLS_OPEN) {
        return false;
    }
    s->pick.takes_ticket = false;
    if (SSL_version(s->ssl) < TLS1_3_VERSION) {
        return false;
    }
    if (SSL_new_session_ticket(s->ssl) != 1) {
        tls_err_forget(); /* then the client does a full handshake next time */
        return false;
    }
    return true;
}

/*
 * Writing a ticket makes OpenSSL's buffer for reading as well, and only reading lets it go: a
 * connection with one request would hold 17 kB for nothing. The window is closed, so this peek
 * finds nothing. SSL_free_buffers is no way: before 3.0.14 it did not see half a record
 * (CVE-2024-4741).
 */
static void drop_read_buffer(struct tls_stream *s)
{
    uint8_t byte;
    size_t n = 0;

    if (SSL_peek_ex(s->ssl, &byte, 1, &n) != 1) {
        tls_err_forget();
    }
}

/* Encrypts one piece whole, or takes it as it is towards a client that speaks plain HTTP. */
static int put_piece(struct tls_stream *s, struct str piece)
{
    if (s->state == TLS_PLAIN) {
        return buf_append_str(&s->out, piece);
    }
    bool is_given = give_ticket(s);
    while (piece.len > 0) {
        size_t n = 0;
        int ret = SSL_write_ex(s->ssl, piece.ptr, piece.len, &n);
        if (ret != 1) {
            int rc = tls_stream_ssl_error(s, ret);
            /* The buffer had room for the record, so there is nothing to wait for. */
            return rc == ERR_AGAIN || rc == ERR_EOF ? ERR_TLS : rc;
        }
        piece = str_from(piece, n);
    }
    if (is_given) {
        drop_read_buffer(s);
    }
    return OK;
}

/* Whether more can be taken now; a full buffer is sent at once rather than at the end of the turn.
 */
static bool has_room(struct tls_stream *s)
{
    if (buf_len(&s->out) < STREAM_OUT_HIGH) {
        return true;
    }
    if (!s->blocked) {
        (void)tls_out_send(s);
    }
    return s->write_rc == OK && buf_len(&s->out) < STREAM_OUT_HIGH;
}

int tls_stream_write(struct stream *st, const struct iovec *iov, int iovcnt, size_t *out_n)
{
    struct tls_stream *s = tls_stream_of(st);
    struct cursor c = {iov, iovcnt, 0};
    size_t total = 0;
    int rc = OK;

    if (s->write_rc != OK) {
        return s->write_rc;
    }
    if ((s->state != TLS_OPEN && s->state != TLS_PLAIN) || !CHECK(!s->ending)) {
        return s->state == TLS_HANDSHAKE ? ERR_AGAIN : ERR_TLS;
    }
    tls_stream_stir(s);
    tls_err_forget();
    while (rc == OK && has_room(s)) {
        tls_out_open(s);
        struct str piece = next_piece(&c, s->worker->plain);
        if (piece.len == 0) {
            break;
        }
        rc = put_piece(s, piece);
        total += rc == OK ? piece.len : 0;
    }
    tls_out_mark(s);
    if (rc != OK) {
        s->write_rc = rc;
        return rc;
    }
    if (total == 0) {
        return s->write_rc != OK ? s->write_rc : ERR_AGAIN;
    }
    *out_n = total;
    return OK;
}

int tls_stream_flush(struct stream *st)
{
    return tls_out_send(tls_stream_of(st));
}

size_t tls_stream_unsent(const struct stream *st)
{
    const struct tls_stream *s = (const struct tls_stream *)(const void *)st;

    return buf_len(&s->out);
}

int tls_stream_shutdown(struct stream *st)
{
    struct tls_stream *s = tls_stream_of(st);

    if (!s->ending) {
        s->ending = true;
        if (s->state == TLS_OPEN && s->write_rc == OK) {
            tls_stream_stir(s);
            tls_out_open(s);
            tls_err_forget();
            int ret = SSL_shutdown(s->ssl);
            if (ret < 0) {
                (void)tls_stream_ssl_error(s, ret);
            }
        }
    }
    int rc = tls_out_send(s);
    if (rc != OK) {
        return rc;
    }
    if (!s->ended) {
        s->ended = true;
        (void)shutdown(s->base.fd, SHUT_WR);
    }
    return OK;
}

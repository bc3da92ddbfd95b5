/* SPDX-License-Identifier: MIT */
/*
 * Reading. Ciphertext is received into the worker's scratch and served to OpenSSL from there; what
 * is left when the reader's buffer is full moves to a buffer of the stream. At most that much is
 * received for a reader's buffer as it can take, so little is ever left.
 */
#include "tls_stream_impl.h"

#include <errno.h>
#include <sys/socket.h>

#include "tls/tls_err.h"

void tls_window_open(struct tls_stream *s)
{
    struct str left = buf_str(&s->in);

    s->serves_left = left.len > 0;
    s->bio.in = (const uint8_t *)left.ptr;
    s->bio.in_len = left.len;
}

void tls_window_close(struct tls_stream *s)
{
    if (s->serves_left) {
        buf_consume(&s->in, buf_len(&s->in) - s->bio.in_len);
    } else if (s->bio.in_len > 0) {
        /* The limit is the scratch's size and `in` is empty: it fits. */
        REQUIRE(buf_append(&s->in, s->bio.in, s->bio.in_len) == OK);
    }
    s->serves_left = false;
    s->bio.in = NULL;
    s->bio.in_len = 0;
    buf_release(&s->in);
}

int tls_window_fill(struct tls_stream *s, size_t cap, bool *out_drained)
{
    /* A record's header, tag and type byte, for as many records as make up `cap`; one whole record
     * at least, so that a small buffer does not make many receives of it. */
    size_t want = cap + (cap / TLS_RECORD_MAX + 1) * 64;
    size_t least = TLS_RECORD_MAX + 256;
    ssize_t n;

    if (s->serves_left) {
        buf_clear(&s->in);
        s->serves_left = false;
    }
    want = want < least ? least : want;
    want = want > TLS_SCRATCH ? TLS_SCRATCH : want;
    do {
        n = recv(s->base.fd, s->worker->cipher, want, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        int rc = err_from_errno(errno);
        return rc == ERR_AGAIN ? ERR_AGAIN : ERR_RESET;
    }
    if (n == 0) {
        return ERR_EOF;
    }
    s->base.bytes_in += (uint64_t)n;
    s->bio.in = s->worker->cipher;
    s->bio.in_len = (size_t)n;
    *out_drained = (size_t)n < want;
    return OK;
}

/* Decrypts until `dst` is full (OK) or the window is used up (ERR_AGAIN), or how reading ended. */
static int decrypt(struct tls_stream *s, uint8_t *dst, size_t cap, size_t *out_n)
{
    size_t total = 0;
    int rc = OK;

    while (total < cap) {
        size_t n = 0;
        if (s->bio.in_len == 0 && SSL_pending(s->ssl) == 0) {
            rc = ERR_AGAIN;
            break;
        }
        int ret = SSL_read_ex(s->ssl, dst + total, cap - total, &n);
        if (ret != 1) {
            rc = tls_stream_ssl_error(s, ret);
            if (rc == ERR_AGAIN && s->bio.in_len > 0) {
                /* It reads all that there is before it waits: its own answers (to attempts at a
                 * renegotiation) have filled the output, which the client does not read. */
                tls_stream_set_state(s, TLS_FAILED);
                rc = ERR_TLS;
            }
            break;
        }
        total += n;
    }
    *out_n = total;
    return rc;
}

/* Into `dst` until it is full or the kernel is drained. */
static int read_some(struct tls_stream *s, uint8_t *dst, size_t cap, size_t *out_n)
{
    size_t total = 0;
    bool drained = false;
    int rc = OK;

    for (int fills = 0; rc == OK; fills++) {
        size_t n = 0;
        rc = decrypt(s, dst + total, cap - total, &n);
        total += n;
        if (rc != ERR_AGAIN || drained || fills == TLS_FILLS_MAX) {
            break;
        }
        rc = tls_window_fill(s, cap - total, &drained);
        if (rc == ERR_EOF) {
            /* FIN without close_notify: somebody may have cut the connection (RFC 8446 section
             * 6.1). */
            rc = ERR_RESET;
        }
    }
    *out_n = total;
    return rc;
}

int tls_stream_read(struct stream *st, void *dst, size_t cap, size_t *out_n)
{
    struct tls_stream *s = tls_stream_of(st);
    size_t n = 0;

    if (s->state == TLS_HANDSHAKE) {
        return ERR_AGAIN;
    }
    s->more = false;
    if (s->read_rc != OK) {
        return s->read_rc;
    }
    if (s->state != TLS_OPEN) {
        return ERR_TLS;
    }
    tls_stream_stir(s);
    tls_err_forget();
    tls_window_open(s);
    int rc = read_some(s, dst, cap, &n);
    tls_window_close(s);
    if (rc != OK && rc != ERR_AGAIN) {
        s->read_rc = rc;
        tls_stream_interest(s);
    }
    tls_out_mark(s); /* reading may make an answer: an alert, say */
    if (n == 0) {
        return rc == OK ? ERR_AGAIN : rc;
    }
    s->more = rc == OK ? buf_len(&s->in) > 0 || SSL_pending(s->ssl) > 0 : rc != ERR_AGAIN;
    tls_stream_announce(s);
    *out_n = n;
    return OK;
}

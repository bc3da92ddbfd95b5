/* SPDX-License-Identifier: MIT */
/* Requests out: heads and bodies become bytes. What is sent in one turn is gathered: a head waits
 * for the first piece of its body, or for the end of the turn. */
#include "http/h1_client.h"

#include "h1_client_impl.h"
#include "http/h1_write.h"

static struct h1_client *client_of(struct channel *ch)
{
    return (struct h1_client *)(void *)ch;
}

static bool is_broken(const struct h1_client *c)
{
    return c->out == H1_OUT_BROKEN || c->out == H1_OUT_LOST;
}

/* The service takes no more. Its answer may have come before (an early refusal, then a close), so
 * reading goes on and tells how this ends. */
static void break_off(struct h1_client *c)
{
    bool ended = c->out == H1_OUT_DONE || c->out == H1_OUT_SHUT || c->out == H1_OUT_LOST;
    c->out = ended ? H1_OUT_LOST : H1_OUT_BROKEN;
    c->keep = false;
    c->blocked = false;
    buf_clear(&c->out_buf);
    buf_release(&c->out_buf);
    loop_defer(c->loop, &c->work);
}

/* Keeps what the stream did not take of `iov`, whose first `sent` bytes are gone. */
static void keep_rest(struct h1_client *c, const struct iovec *iov, int count, size_t sent)
{
    for (int i = 0; i < count; i++) {
        size_t skip = sent < iov[i].iov_len ? sent : iov[i].iov_len;
        sent -= skip;
        const char *from = iov[i].iov_base;
        if (skip < iov[i].iov_len &&
            buf_append(&c->out_buf, from + skip, iov[i].iov_len - skip) != OK) {
            /* The owner went on far beyond CHANNEL_HIGH. */
            (void)CHECK(buf_len(&c->out_buf) <= CHANNEL_HIGH);
            h1_client_end_later(c, WHY_INTERNAL);
            return;
        }
    }
}

static void after_send(struct h1_client *c)
{
    size_t kept = channel_unsent(&c->channel);
    if (kept > CHANNEL_HIGH) {
        c->stuffed = true;
    } else if (c->stuffed && kept < CHANNEL_LOW) {
        loop_defer(c->loop, &c->work); /* on_writable is due */
    }
    h1_client_arm(c);
}

/* Sends what waits, then the pieces in iov[1..count-1]; iov[0] is this function's. */
static void emit(struct h1_client *c, struct iovec *iov, int count)
{
    size_t waiting = buf_len(&c->out_buf);
    if (c->blocked) {
        keep_rest(c, iov + 1, count - 1, 0);
        after_send(c);
        return;
    }
    iov[0].iov_base = c->out_buf.data == NULL ? NULL : c->out_buf.data + c->out_buf.head;
    iov[0].iov_len = waiting;
    int first = waiting > 0 ? 0 : 1;
    if (first == count) {
        return;
    }
    size_t n = 0;
    int err = stream_write(c->stream, iov + first, count - first, &n);
    if (err != OK && err != ERR_AGAIN) {
        break_off(c);
        return;
    }
    size_t of_waiting = n < waiting ? n : waiting;
    buf_consume(&c->out_buf, of_waiting);
    keep_rest(c, iov + 1, count - 1, n - of_waiting);
    c->blocked = buf_len(&c->out_buf) > 0;
    if (!c->blocked) {
        buf_release(&c->out_buf);
    }
    after_send(c);
}

void h1_client_flush(struct h1_client *c)
{
    struct iovec iov[1];
    if (is_broken(c)) {
        return;
    }
    if (buf_len(&c->out_buf) > 0 && !c->blocked) {
        emit(c, iov, 1);
    }
    if (!h1_client_is_busy(c) || is_broken(c) || buf_len(&c->out_buf) > 0) {
        return;
    }
    int err = stream_unsent(c->stream) > 0 ? stream_flush(c->stream) : OK;
    if (err == OK && c->out == H1_OUT_SHUT) {
        err = stream_shutdown(c->stream);
        if (err == OK) {
            c->out = H1_OUT_DONE;
        }
    }
    if (err == ERR_AGAIN) {
        c->blocked = true;
    } else if (err != OK) {
        break_off(c);
    }
}

static void send_head(struct channel *ch, struct message *m, struct body body, struct str upgrade)
{
    struct h1_client *c = client_of(ch);
    if (!h1_client_is_busy(c)) {
        return;
    }
    REQUIRE(c->out == H1_OUT_HEAD);
    REQUIRE(body.kind != BODY_UNTIL_CLOSE && body.kind != BODY_TUNNEL);
    c->method = m->method;
    c->upgrade = arena_dup(c->arena, upgrade);
    if (h1_write_request(&c->out_buf, m, body, upgrade) != OK) {
        h1_client_end_later(c, WHY_INTERNAL);
        return;
    }
    switch (body.kind) {
    case BODY_NONE: c->out = H1_OUT_DONE; break;
    case BODY_LENGTH:
        c->out = H1_OUT_LENGTH;
        c->out_left = body.length;
        break;
    case BODY_CHUNKED: c->out = H1_OUT_CHUNKED; break;
    case BODY_UNTIL_CLOSE:
    case BODY_TUNNEL: break; /* refused above */
    }
    if (c->out == H1_OUT_DONE) {
        struct iovec iov[1];
        emit(c, iov, 1);
    } else {
        loop_defer(c->loop, &c->work);
    }
}

static void send_data(struct channel *ch, struct str data)
{
    struct h1_client *c = client_of(ch);
    if (!h1_client_is_busy(c) || c->out == H1_OUT_BROKEN || str_is_empty(data)) {
        return;
    }
    char head[H1_CHUNK_HEAD_MAX];
    char crlf[2] = {'\r', '\n'};
    struct iovec iov[4];
    /* The cast only satisfies struct iovec: written from, never to. */
    struct iovec piece = {.iov_base = (void *)(uintptr_t)data.ptr, .iov_len = data.len};
    if (c->out == H1_OUT_CHUNKED) {
        iov[1] = (struct iovec){.iov_base = head, .iov_len = h1_write_chunk_head(head, data.len)};
        iov[2] = piece;
        iov[3] = (struct iovec){.iov_base = crlf, .iov_len = sizeof(crlf)};
        emit(c, iov, 4);
        return;
    }
    REQUIRE(c->out == H1_OUT_TUNNEL || c->out == H1_OUT_LENGTH);
    if (c->out == H1_OUT_LENGTH) {
        REQUIRE(data.len <= c->out_left);
        c->out_left -= data.len;
    }
    iov[1] = piece;
    emit(c, iov, 2);
}

static void send_trailers(struct channel *ch, struct message *m)
{
    struct h1_client *c = client_of(ch);
    if (!h1_client_is_busy(c) || c->out != H1_OUT_CHUNKED) {
        return;
    }
    c->out = H1_OUT_TRAILERS;
    if (h1_write_trailers(&c->out_buf, m) != OK) {
        h1_client_end_later(c, WHY_INTERNAL);
    }
}

static void send_end(struct channel *ch)
{
    struct h1_client *c = client_of(ch);
    if (!h1_client_is_busy(c)) {
        return;
    }
    REQUIRE(c->out != H1_OUT_HEAD);
    struct iovec iov[2];
    char last[] = "0\r\n\r\n";
    switch (c->out) {
    case H1_OUT_HEAD: break; /* refused above */
    case H1_OUT_LENGTH:
        REQUIRE(c->out_left == 0);
        c->out = H1_OUT_DONE;
        break;
    case H1_OUT_CHUNKED:
        c->out = H1_OUT_DONE;
        iov[1] = (struct iovec){.iov_base = last, .iov_len = sizeof(last) - 1};
        emit(c, iov, 2);
        break;
    case H1_OUT_TRAILERS:
        c->out = H1_OUT_DONE;
        emit(c, iov, 1);
        break;
    case H1_OUT_TUNNEL: c->out = H1_OUT_SHUT; break;
    case H1_OUT_BROKEN: c->out = H1_OUT_LOST; break;
    case H1_OUT_SHUT:
    case H1_OUT_LOST:
    case H1_OUT_DONE: return;
    }
    /* Sends what waits, shuts a tunnel, and ends a connection whose response is complete. */
    if (h1_client_is_busy(c)) {
        loop_defer(c->loop, &c->work);
    }
}

static void set_reading(struct channel *ch, bool on)
{
    struct h1_client *c = client_of(ch);
    if (!h1_client_is_busy(c)) {
        return;
    }
    c->reading = on;
    if (on && buf_len(&c->in_buf) > 0) {
        loop_defer(c->loop, &c->work);
    }
    h1_client_arm(c);
}

static size_t unsent(const struct channel *ch)
{
    const struct h1_client *c = (const struct h1_client *)(const void *)ch;
    return h1_client_is_busy(c) && !is_broken(c) ? buf_len(&c->out_buf) + stream_unsent(c->stream)
                                                 : 0;
}

static void reset(struct channel *ch, enum why why)
{
    struct h1_client *c = client_of(ch);
    c->arena = NULL; /* the owner has let go: no event of the channel comes any more */
    h1_client_let_go(c);
    if (h1_client_is_busy(c) && c->out == H1_OUT_SHUT && unsent(ch) > 0) {
        /* A tunnel whose end was sent properly: what came before it still goes out. */
        channel_bind(ch, NULL, NULL);
        buf_clear(&c->in_buf);
        c->in = c->in == H1_IN_EOF ? H1_IN_EOF : H1_IN_DONE;
        h1_client_arm(c);
        return;
    }
    if (c->state == H1_CLIENT_IDLE || h1_client_is_busy(c)) {
        h1_client_end_later(c, why);
    }
}

const struct channel_ops h1_client_channel_ops = {
    .name = "h1_client",
    .send_head = send_head,
    .send_data = send_data,
    .send_trailers = send_trailers,
    .send_end = send_end,
    .read = set_reading,
    .unsent = unsent,
    .reset = reset,
};

/* SPDX-License-Identifier: MIT */
/* Responses out: heads and bodies become bytes. */
#include "http/h1_server.h"

#include "h1_server_impl.h"
#include "http/h1_write.h"

static struct h1_server *server_of(struct channel *ch)
{
    return (struct h1_server *)(void *)ch;
}

static void fail_later(struct h1_server *s, enum why why)
{
    s->failure = why;
    loop_defer(s->loop, &s->work);
}

int h1_server_flush(struct h1_server *s)
{
    while (buf_len(&s->out_buf) > 0) {
        struct iovec iov = {.iov_base = s->out_buf.data + s->out_buf.head,
                            .iov_len = buf_len(&s->out_buf)};
        size_t n = 0;
        int err = stream_write(s->stream, &iov, 1, &n);
        if (err != OK) {
            return err;
        }
        buf_consume(&s->out_buf, n);
    }
    int err = stream_flush(s->stream);
    return err != OK ? err : OK;
}

/* Keeps what the stream did not take of `iov`, `sent` bytes of which are gone. */
static int keep_rest(struct h1_server *s, const struct iovec *iov, int count, size_t sent)
{
    for (int i = 0; i < count; i++) {
        if (sent >= iov[i].iov_len) {
            sent -= iov[i].iov_len;
            continue;
        }
        int err =
            buf_append(&s->out_buf, (const char *)iov[i].iov_base + sent, iov[i].iov_len - sent);
        if (err != OK) {
            return err;
        }
        sent = 0;
    }
    return OK;
}

/* Sends what waits and then `iov`, in one call of the stream where possible. */
static void emit(struct h1_server *s, struct iovec *iov, int count)
{
    size_t waiting = buf_len(&s->out_buf);
    /* iov[0] is left free by the caller for what waits already. */
    iov[0].iov_base = waiting > 0 ? s->out_buf.data + s->out_buf.head : NULL;
    iov[0].iov_len = waiting;
    int first = waiting > 0 ? 0 : 1;
    size_t n = 0;
    int err = stream_write(s->stream, iov + first, count - first, &n);
    if (err != OK && err != ERR_AGAIN) {
        fail_later(s, err == ERR_TLS ? WHY_TLS_ERROR : WHY_CLIENT_RESET);
        return;
    }
    size_t of_waiting = n < waiting ? n : waiting;
    /* Appending may move the buffer that iov[0] points into, so that part is cut off first. */
    if (keep_rest(s, iov + 1, count - 1, n - of_waiting) != OK) {
        fail_later(s, WHY_INTERNAL);
        return;
    }
    buf_consume(&s->out_buf, of_waiting);
    loop_defer(s->loop, &s->work);
}

/* How the body reaches this client, whatever framing the service chose. */
static struct body frame_body(struct h1_server *s, const struct message *m, struct body body,
                              bool *out_close)
{
    bool is_head = s->request.method == METHOD_HEAD;
    *out_close = !s->keeps_alive || s->last;
    s->chunked_out = false;
    s->out_kind = body.kind;
    s->out_left = body.length;
    if (is_head || m->status == 204 || m->status == 304) {
        s->out_kind = BODY_NONE;
        return body;
    }
    if (body.kind == BODY_CHUNKED || body.kind == BODY_UNTIL_CLOSE) {
        if (s->request.version == HTTP_1_0) {
            *out_close = true;
            s->out_kind = BODY_UNTIL_CLOSE;
        } else {
            s->chunked_out = true;
            s->out_kind = BODY_CHUNKED;
        }
        return (struct body){s->out_kind, 0};
    }
    return body;
}

static void send_head(struct channel *ch, struct message *m, struct body body, struct str upgrade)
{
    struct h1_server *s = server_of(ch);
    if (s->state != H1_SERVER_EXCHANGE || s->failure != WHY_NONE) {
        return;
    }
    bool interim = m->status < 200 && m->status != 101;
    if (interim && s->request.version == HTTP_1_0) {
        return; /* RFC 9110 section 15.2: never to an HTTP/1.0 client */
    }
    struct h1_response_opts opts = {
        .is_head = s->request.method == METHOD_HEAD, .trailers = s->trailers, .upgrade = upgrade};
    if (!interim) {
        bool close = false;
        opts.body = frame_body(s, m, body, &close);
        if (body.kind == BODY_TUNNEL) {
            s->in_body = (struct body){BODY_TUNNEL, 0};
            s->in = H1_HALF_BODY;
            close = false;
        } else {
            /* A body that nobody reads to its end leaves the connection unusable. */
            opts.close = close;
            opts.keep_alive = !close && s->request.version == HTTP_1_0;
        }
        s->keeps_alive = body.kind != BODY_TUNNEL && !close;
        s->out = H1_HALF_BODY;
    }
    if (h1_write_response(&s->out_buf, m, &opts) != OK) {
        fail_later(s, WHY_INTERNAL);
        return;
    }
    loop_defer(s->loop, &s->work);
}

static void send_data(struct channel *ch, struct str data)
{
    struct h1_server *s = server_of(ch);
    if (s->state != H1_SERVER_EXCHANGE || s->failure != WHY_NONE || data.len == 0 ||
        s->out_kind == BODY_NONE) {
        return;
    }
    if (s->out_kind == BODY_LENGTH) {
        if (!CHECK(data.len <= s->out_left)) {
            fail_later(s, WHY_INTERNAL);
            return;
        }
        s->out_left -= data.len;
    }
    char head[H1_CHUNK_HEAD_MAX];
    char crlf[] = "\r\n";
    struct iovec iov[4] = {{0}};
    int n = 1;
    if (s->chunked_out) {
        iov[n].iov_base = head;
        iov[n++].iov_len = h1_write_chunk_head(head, data.len);
    }
    union {
        const char *in;
        void *out;
    } bytes = {.in = data.ptr}; /* struct iovec has no const */
    iov[n].iov_base = bytes.out;
    iov[n++].iov_len = data.len;
    if (s->chunked_out) {
        iov[n].iov_base = crlf;
        iov[n++].iov_len = 2;
    }
    emit(s, iov, n);
    if (ch->ops->unsent(ch) > CHANNEL_HIGH) {
        s->stalled = true;
    }
}

/* RFC 9110 section 6.5.1: only to a client that said it takes them; others get the body alone. */
static void send_trailers(struct channel *ch, struct message *m)
{
    struct h1_server *s = server_of(ch);
    if (s->state != H1_SERVER_EXCHANGE || s->failure != WHY_NONE || !s->chunked_out ||
        !s->trailers) {
        return;
    }
    s->chunked_out = false;
    if (h1_write_trailers(&s->out_buf, m) != OK) {
        fail_later(s, WHY_INTERNAL);
    }
}

static void send_end(struct channel *ch)
{
    struct h1_server *s = server_of(ch);
    if (s->state != H1_SERVER_EXCHANGE || s->failure != WHY_NONE) {
        return;
    }
    if (s->out_kind == BODY_LENGTH && s->out_left > 0) {
        /* The promised length cannot be kept: the client must see the cut (RFC 9112 section 8). */
        fail_later(s, WHY_UPSTREAM_CUT);
        return;
    }
    if (s->chunked_out) {
        s->chunked_out = false;
        if (buf_append(&s->out_buf, "0\r\n\r\n", 5) != OK) {
            fail_later(s, WHY_INTERNAL);
            return;
        }
    }
    s->out = H1_HALF_DONE;
    loop_defer(s->loop, &s->work);
}

static void set_reading(struct channel *ch, bool on)
{
    struct h1_server *s = server_of(ch);
    if (s->state != H1_SERVER_EXCHANGE) {
        return;
    }
    if (ch->events == NULL) {
        loop_defer(s->loop, &s->work); /* its owner lets go: half a tunnel goes no further */
    }
    if (s->reading == on) {
        return;
    }
    s->reading = on;
    if (on) {
        /* At the end of the turn, when what was sent in it is in the kernel: before that the stream
         * would be asked in vain to say when it takes more. */
        loop_defer(s->loop, &s->work);
    } else {
        h1_server_arm(s);
    }
}

static size_t unsent(const struct channel *ch)
{
    const struct h1_server *s = (const struct h1_server *)(const void *)ch;
    return s->state == H1_SERVER_CLOSED ? 0 : buf_len(&s->out_buf) + stream_unsent(s->stream);
}

static void reset(struct channel *ch, enum why why)
{
    struct h1_server *s = server_of(ch);
    if (s->state != H1_SERVER_EXCHANGE) {
        return;
    }
    ch->events = NULL; /* the owner has let go: nothing more is told to it */
    fail_later(s, why);
}

const struct channel_ops h1_server_channel_ops = {
    .name = "h1",
    .send_head = send_head,
    .send_data = send_data,
    .send_trailers = send_trailers,
    .send_end = send_end,
    .read = set_reading,
    .unsent = unsent,
    .reset = reset,
};

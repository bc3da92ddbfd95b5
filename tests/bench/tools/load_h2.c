/* SPDX-License-Identifier: MIT */
/* As much of HTTP/2 as requests need (RFC 9113) whose answers are less than a stream's window. */
#include "load.h"

#include <string.h>

#define FRAME_HEAD 9

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, GOAWAY = 7, WINDOW_UPDATE = 8 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

static size_t put_frame(char *out, size_t len, char type, char flags, uint32_t stream)
{
    const char head[FRAME_HEAD] = {0,
                                   (char)(len >> 8),
                                   (char)len,
                                   type,
                                   flags,
                                   (char)(stream >> 24),
                                   (char)(stream >> 16),
                                   (char)(stream >> 8),
                                   (char)stream};

    memcpy(out, head, FRAME_HEAD);
    return FRAME_HEAD + len;
}

/* A literal field that is remembered, its name from the static table (RFC 7541 section 6.2.1). */
static size_t put_field(char *out, char name, const char *value)
{
    size_t len = strlen(value);

    out[0] = (char)(0x40 | name);
    out[1] = (char)len; /* below 127: one byte says it */
    memcpy(out + 2, value, len);
    return 2 + len;
}

/* What begins a connection; the server may send whatever it likes, at once (RFC 9113 section 6.9).
 */
static size_t put_preface(char *out)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    static const char window[4] = {0x7f, (char)0xff, 0, 0};
    size_t n = sizeof(preface) - 1;

    memcpy(out, preface, n);
    n += put_frame(out + n, 0, SETTINGS, 0, 0);
    memcpy(out + n + FRAME_HEAD, window, sizeof(window));
    return n + put_frame(out + n, sizeof(window), WINDOW_UPDATE, 0, 0);
}

/* The fields of the first request; those after it say their places in the dynamic table. */
static size_t put_block(const struct load_options *o, bool is_first, char *out)
{
    static const char again[4] = {(char)0x82, (char)0x87, (char)(0x80 | 63), (char)(0x80 | 62)};

    memcpy(out, again, sizeof(again)); /* :method: GET, :scheme: https, :path, :authority */
    if (!is_first) {
        return sizeof(again);
    }
    size_t n = 2 + put_field(out + 2, 4, o->path);
    return n + put_field(out + n, 1, o->sni);
}

void h2_request(struct conn *c)
{
    const struct load_options *o = &c->load->options;
    bool is_first = c->stream == 0;
    size_t n = is_first ? put_preface(c->own) : 0;

    if (strlen(o->path) > 126 || strlen(o->sni) > 126) {
        load_die("a name is too long");
    }
    c->stream = is_first ? 1 : c->stream;
    for (unsigned i = 0; i < o->streams; i++) {
        size_t len = put_block(o, is_first, c->own + n + FRAME_HEAD);
        n += put_frame(c->own + n, len, HEADERS, END_STREAM | END_HEADERS, c->stream);
        c->stream += 2;
        is_first = false;
    }
    c->request = c->own;
    c->request_len = n;
    c->streams_left = o->streams;
}

/* A frame's head is here. */
static int on_head(struct conn *c)
{
    const unsigned char *head = (const unsigned char *)c->head;
    unsigned type = head[3];
    unsigned flags = head[4];

    c->body_left = ((uint64_t)head[0] << 16) | ((uint64_t)head[1] << 8) | head[2];
    c->in_body = true;
    c->is_last = (type == DATA || type == HEADERS) && (flags & END_STREAM) != 0;
    c->is_status = type == HEADERS;
    if (type == SETTINGS && (flags & ACK) == 0) {
        char ack[FRAME_HEAD];
        put_frame(ack, 0, SETTINGS, ACK, 0);
        return conn_put(c, ack, sizeof(ack)) == (ssize_t)sizeof(ack) ? 0 : -1;
    }
    return type == RST_STREAM || type == GOAWAY ? -1 : 0;
}

/* A block begins with the status, 200 is one byte of the static table; before it the server may
 * have made its dynamic table smaller (RFC 7541 section 6.3). */
static bool is_ok(struct conn *c, const char *in, size_t len)
{
    for (; c->is_status && len > 0; in++, len--) {
        unsigned char byte = (unsigned char)*in;
        if (byte != 0x88 && (byte & 0xe0) != 0x20) {
            return false;
        }
        c->is_status = byte != 0x88;
    }
    return true;
}

int h2_take(struct conn *c, const char *in, size_t len)
{
    for (;;) {
        if (!c->in_body) {
            size_t lacks = FRAME_HEAD - c->head_len;
            size_t n = len < lacks ? len : lacks;
            memcpy(c->head + c->head_len, in, n);
            c->head_len += n;
            in += n;
            len -= n;
            if (c->head_len < FRAME_HEAD) {
                return c->streams_left == 0;
            }
            c->head_len = 0;
            if (on_head(c) < 0) {
                return -1;
            }
        }
        size_t n = len < c->body_left ? len : (size_t)c->body_left;
        if (!is_ok(c, in, n)) {
            return -1;
        }
        in += n;
        len -= n;
        c->body_left -= n;
        if (c->body_left > 0) {
            return c->streams_left == 0;
        }
        c->in_body = false;
        c->streams_left -= c->is_last;
    }
}

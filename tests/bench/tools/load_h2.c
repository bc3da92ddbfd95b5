/* SPDX-License-Identifier: MIT */
/* As much of HTTP/2 as one request needs (RFC 9113): what it asks for is less than a window. */
#include "load.h"

#include <string.h>

#define FRAME_HEAD 9

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, GOAWAY = 7 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

static size_t put_frame(char *out, size_t len, char type, char flags, char stream)
{
    const char head[FRAME_HEAD] = {0, (char)(len >> 8), (char)len, type, flags, 0, 0, 0, stream};

    memcpy(out, head, FRAME_HEAD);
    return FRAME_HEAD + len;
}

/* A literal field without indexing, its name from the static table (RFC 7541 section 6.2.2). */
static size_t put_field(char *out, char name, const char *value)
{
    size_t len = strlen(value);

    out[0] = name;
    out[1] = (char)len; /* below 127: one byte says it */
    memcpy(out + 2, value, len);
    return 2 + len;
}

size_t h2_request(const struct load_options *o, char *out, size_t cap)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    size_t n = sizeof(preface) - 1;
    char block[512];

    if (strlen(o->path) > 126 || strlen(o->sni) > 126 || cap < 1024) {
        load_die("a name is too long");
    }
    memcpy(out, preface, n);
    n += put_frame(out + n, 0, SETTINGS, 0, 0);
    block[0] = (char)0x82; /* :method: GET */
    block[1] = (char)0x87; /* :scheme: https */
    size_t len = 2;
    len += put_field(block + len, 4, o->path);
    len += put_field(block + len, 1, o->sni);
    memcpy(out + n + FRAME_HEAD, block, len);
    return n + put_frame(out + n, len, HEADERS, END_STREAM | END_HEADERS, 1);
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
    if (type == SETTINGS && (flags & ACK) == 0) {
        char ack[FRAME_HEAD];
        put_frame(ack, 0, SETTINGS, ACK, 0);
        return conn_put(c, ack, sizeof(ack)) == (ssize_t)sizeof(ack) ? 0 : -1;
    }
    return type == RST_STREAM || type == GOAWAY ? -1 : 0;
}

int h2_take(struct conn *c, const char *in, size_t len)
{
    int done = 0;

    for (;;) {
        if (!c->in_body) {
            size_t lacks = FRAME_HEAD - c->head_len;
            size_t n = len < lacks ? len : lacks;
            memcpy(c->head + c->head_len, in, n);
            c->head_len += n;
            in += n;
            len -= n;
            if (c->head_len < FRAME_HEAD) {
                return done;
            }
            c->head_len = 0;
            if (on_head(c) < 0) {
                return -1;
            }
        }
        size_t n = len < c->body_left ? len : (size_t)c->body_left;
        in += n;
        len -= n;
        c->body_left -= n;
        if (c->body_left > 0) {
            return done;
        }
        c->in_body = false;
        done = done || c->is_last;
    }
}

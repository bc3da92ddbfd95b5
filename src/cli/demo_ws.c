/* SPDX-License-Identifier: MIT */
#include "cli/demo_ws.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

enum { OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

static const char accept_guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* section 1.3 */

void demo_ws_accept(struct str key, char dst[static DEMO_WS_ACCEPT_MAX])
{
    char text[128];
    unsigned char digest[SHA_DIGEST_LENGTH];
    size_t len = str_copy(text, 64, key);
    len += str_copy(text + len, sizeof(text) - len, STR(accept_guid));
    EVP_Digest(text, len, digest, NULL, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)dst, digest, SHA_DIGEST_LENGTH);
}

/* How long the head of this frame is, as far as its first bytes tell. */
static size_t head_size(const struct demo_ws *ws)
{
    if (ws->head_len < 2) {
        return 2;
    }
    uint8_t len = ws->head[1] & 0x7f;
    size_t size = 2 + 4;
    size += len == 126 ? 2 : 0;
    size += len == 127 ? 8 : 0;
    return size;
}

static uint64_t payload_length(const struct demo_ws *ws, size_t *out_extra)
{
    uint8_t len = ws->head[1] & 0x7f;
    *out_extra = len == 126 ? 2 : len == 127 ? 8 : 0;
    if (*out_extra == 0) {
        return len;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < *out_extra; i++) {
        value = value << 8 | ws->head[2 + i];
    }
    return value;
}

/*
 * Section 5.2: no reserved bit or opcode, masked, 63 bits of length. Section 5.5: a control frame
 * is whole and short.
 */
static bool is_lawful(const struct demo_ws *ws)
{
    uint8_t op = ws->head[0] & 0x0f;
    uint8_t len = ws->head[1] & 0x7f;
    if ((ws->head[0] & 0x70) != 0 || (op > OP_BINARY && op < OP_CLOSE) || op > OP_PONG) {
        return false;
    }
    if (op >= OP_CLOSE && ((ws->head[0] & 0x80) == 0 || len > 125)) {
        return false;
    }
    return (ws->head[1] & 0x80) != 0 && (len != 127 || (ws->head[2] & 0x80) == 0);
}

/* The head is whole: answers with the same one, unmasked; a ping becomes a pong. */
static int begin_frame(struct demo_ws *ws, demo_ws_send_fn send, void *arg)
{
    uint8_t op = ws->head[0] & 0x0f;
    if (!is_lawful(ws)) {
        return ERR_PROTOCOL;
    }
    size_t extra = 0;
    ws->left = payload_length(ws, &extra);
    ws->seen = 0;
    ws->in_payload = true;
    ws->closing = op == OP_CLOSE;
    memcpy(ws->mask, ws->head + 2 + extra, sizeof(ws->mask));
    uint8_t out[DEMO_WS_HEAD_MAX];
    memcpy(out, ws->head, 2 + extra);
    out[1] &= 0x7f;
    if (op == OP_PING) {
        out[0] = (uint8_t)((out[0] & 0xf0) | OP_PONG);
    }
    if (op != OP_PONG) {
        send(arg, str_n((const char *)out, 2 + extra));
    }
    return OK;
}

static size_t take_payload(struct demo_ws *ws, struct str bytes, demo_ws_send_fn send, void *arg)
{
    char piece[4096];
    size_t n = bytes.len < sizeof(piece) ? bytes.len : sizeof(piece);
    n = n < ws->left ? n : (size_t)ws->left;
    for (size_t i = 0; i < n; i++) {
        piece[i] = (char)((uint8_t)bytes.ptr[i] ^ ws->mask[(ws->seen + i) % 4]);
    }
    ws->seen += n;
    ws->left -= n;
    if (n > 0 && (ws->head[0] & 0x0f) != OP_PONG) {
        send(arg, str_n(piece, n));
    }
    return n;
}

/* One byte of a frame's head; the last one begins the frame. */
static int take_head(struct demo_ws *ws, uint8_t byte, demo_ws_send_fn send, void *arg)
{
    ws->head[ws->head_len++] = byte;
    bool is_whole = ws->head_len == head_size(ws) && ws->head_len > 2;
    return is_whole ? begin_frame(ws, send, arg) : OK;
}

int demo_ws_feed(struct demo_ws *ws, struct str bytes, demo_ws_send_fn send, void *arg)
{
    while (bytes.len > 0 || (ws->in_payload && ws->left == 0)) {
        if (!ws->in_payload) {
            int err = take_head(ws, (uint8_t)bytes.ptr[0], send, arg);
            if (err != OK) {
                return err;
            }
            bytes = str_from(bytes, 1);
            continue;
        }
        bytes = str_from(bytes, take_payload(ws, bytes, send, arg));
        if (ws->left == 0) {
            ws->in_payload = false;
            ws->head_len = 0;
            if (ws->closing) {
                return ERR_EOF;
            }
        }
    }
    return OK;
}

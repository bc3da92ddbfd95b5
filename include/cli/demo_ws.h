/* SPDX-License-Identifier: MIT */
/*
 * WebSocket echo (RFC 6455) over a channel that was switched to a tunnel: frames come in masked and
 * go back unmasked, piece by piece, so that a message of any size costs no memory. Pings are
 * answered, a close is answered and ends it. Demo service only.
 */
#ifndef HIVEDOOR_CLI_DEMO_WS_H
#define HIVEDOOR_CLI_DEMO_WS_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEMO_WS_ACCEPT_MAX 32
#define DEMO_WS_HEAD_MAX   14

struct demo_ws {
    uint8_t head[DEMO_WS_HEAD_MAX]; /* of the frame being read */
    size_t head_len;
    uint64_t left; /* payload bytes to come */
    uint64_t seen; /* payload bytes so far, for the mask */
    uint8_t mask[4];
    bool in_payload;
    bool closing; /* the frame is a close */
};

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key (section 4.2.2), NUL-terminated. */
void demo_ws_accept(struct str key, char dst[static DEMO_WS_ACCEPT_MAX]);

typedef void (*demo_ws_send_fn)(void *arg, struct str bytes);
/* Takes bytes, sends the echo. OK, ERR_EOF after a close frame, ERR_PROTOCOL for a frame that a
 * client must not send (sections 5.1, 5.2, 5.5). After an error nothing more may be fed. */
int demo_ws_feed(struct demo_ws *ws, struct str bytes, demo_ws_send_fn send, void *arg) MUST_USE;

#endif

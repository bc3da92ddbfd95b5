/* SPDX-License-Identifier: MIT */
/*
 * What a client may make an HTTP/2 connection do for nothing: budgets for the frames that cost the
 * sender little. A budget is a token bucket: a burst that honest clients never need, refilled with
 * time and, for those that answer our data (WINDOW_UPDATE, PING), by the data itself. Whoever
 * spends a budget loses the connection, with the reason that is returned here.
 *
 * Against: CVE-2023-44487 (rapid reset), CVE-2025-8671 (errors that make the server reset),
 * CVE-2024-28182 and others (CONTINUATION), CVE-2019-9511 to 9518 (PING, SETTINGS, PRIORITY, empty
 * frames, small windows).
 *
 * Pure accounting: knows no session; the caller says what happened, and when.
 */
#ifndef HIVEDOOR_HTTP_H2_GUARD_H
#define HIVEDOOR_HTTP_H2_GUARD_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A DATA frame of at least so many bytes is worth answering. */
#define H2_GUARD_WORTH 256

enum h2_guard_kind {
    H2_GUARD_RESET,    /* the client reset a stream before any answer, or none that exists */
    H2_GUARD_FAULT,    /* an error of the client's made us reset one */
    H2_GUARD_REFUSED,  /* a stream beyond http2.streams */
    H2_GUARD_PING,     /* with or without ACK */
    H2_GUARD_SETTINGS, /* with or without ACK */
    H2_GUARD_PRIORITY, /* PRIORITY, PRIORITY_UPDATE, and whatever frames we do not know */
    H2_GUARD_WINDOW,   /* WINDOW_UPDATE */
    H2_GUARD_EMPTY,    /* DATA, HEADERS or CONTINUATION that carry and end nothing */
    H2_GUARD_KINDS
};

struct h2_guard {
    uint64_t milli[H2_GUARD_KINDS]; /* thousandths of a token left */
    uint64_t now_ms;
    size_t block_frames; /* of the open header block */
    size_t block_bytes;
};

void h2_guard_init(struct h2_guard *g, uint64_t now_ms);
/* One of `kind` happened: WHY_OK, or why the connection ends. */
enum why h2_guard_spend(struct h2_guard *g, enum h2_guard_kind kind, uint64_t now_ms);
/* A frame of data with so many bytes went either way, or a request came (0 bytes): what answers it
 * is free. */
void h2_guard_earn(struct h2_guard *g, size_t bytes);
/* A request was answered to its end: a client that gives up some of many is no attacker. */
void h2_guard_served(struct h2_guard *g);
/* A frame of a header block with `bytes` of payload; `first` for HEADERS. Bounds the encoded block
 * by what `head_bytes` of header can need: WHY_OK or WHY_H2_CONTINUATION_FLOOD. */
enum why h2_guard_block(struct h2_guard *g, bool first, size_t bytes, size_t head_bytes);

#endif

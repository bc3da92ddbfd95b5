/* SPDX-License-Identifier: MIT */
#include "http/h2_guard.h"

struct budget {
    uint32_t burst;
    uint32_t per_second;
    uint32_t earned; /* with each frame of data or request */
    enum why why;
};

/*
 * A browser that leaves a page resets what it has open (128 streams at most), several times in a
 * row; gRPC pings at each burst of data, and gives up calls at their deadline. Most clients
 * acknowledge a frame of data with two WINDOW_UPDATE at most, some (Go's) each read of a few
 * hundred bytes. Errors are made by broken clients only, and once.
 */
#define WINDOW_BYTES 512

static const struct budget budgets[H2_GUARD_KINDS] = {
    [H2_GUARD_RESET] = {500, 50, 0, WHY_H2_RAPID_RESET},
    [H2_GUARD_FAULT] = {100, 1, 0, WHY_H2_STREAM_ERRORS},
    [H2_GUARD_REFUSED] = {1000, 20, 0, WHY_H2_STREAM_FLOOD},
    [H2_GUARD_PING] = {200, 10, 1, WHY_H2_PING_FLOOD},
    [H2_GUARD_SETTINGS] = {100, 1, 0, WHY_H2_SETTINGS_FLOOD},
    [H2_GUARD_PRIORITY] = {1000, 50, 2, WHY_H2_PRIORITY_FLOOD},
    [H2_GUARD_WINDOW] = {2000, 100, 3, WHY_H2_WINDOW_FLOOD},
    [H2_GUARD_EMPTY] = {200, 10, 0, WHY_H2_EMPTY_FLOOD},
};

/* Frames smaller than this cannot be what a client cuts a header into. */
#define BLOCK_FRAME_MIN 1024
#define BLOCK_FRAMES    8

void h2_guard_init(struct h2_guard *g, uint64_t now_ms)
{
    *g = (struct h2_guard){.now_ms = now_ms};
    for (int i = 0; i < H2_GUARD_KINDS; i++) {
        g->milli[i] = 1000ULL * budgets[i].burst;
    }
}

static void put(struct h2_guard *g, int kind, uint64_t milli)
{
    uint64_t most = 1000ULL * budgets[kind].burst;
    uint64_t room = most - g->milli[kind];
    g->milli[kind] += milli < room ? milli : room;
}

static void refill(struct h2_guard *g, uint64_t now_ms)
{
    uint64_t passed = now_ms > g->now_ms ? now_ms - g->now_ms : 0;
    if (passed == 0) {
        return;
    }
    passed = passed > 3600000 ? 3600000 : passed;
    for (int i = 0; i < H2_GUARD_KINDS; i++) {
        put(g, i, passed * budgets[i].per_second);
    }
    g->now_ms = now_ms;
}

enum why h2_guard_spend(struct h2_guard *g, enum h2_guard_kind kind, uint64_t now_ms)
{
    refill(g, now_ms);
    if (g->milli[kind] < 1000) {
        return budgets[kind].why;
    }
    g->milli[kind] -= 1000;
    return WHY_OK;
}

void h2_guard_earn(struct h2_guard *g, size_t bytes)
{
    for (int i = 0; i < H2_GUARD_KINDS; i++) {
        put(g, i, 1000ULL * budgets[i].earned);
    }
    put(g, H2_GUARD_WINDOW, 1000ULL * (bytes / WINDOW_BYTES));
}

void h2_guard_served(struct h2_guard *g)
{
    put(g, H2_GUARD_RESET, 1000);
}

enum why h2_guard_block(struct h2_guard *g, bool first, size_t bytes, size_t head_bytes)
{
    if (first) {
        g->block_frames = 0;
        g->block_bytes = 0;
    }
    g->block_frames++;
    g->block_bytes += bytes;
    /* HPACK never needs more than the header itself and a few bytes a field; what is refused with
     * 431 may be somewhat larger than the limit. */
    bool is_long = g->block_bytes > 2 * head_bytes + 16 * BLOCK_FRAME_MIN;
    bool is_many = g->block_frames > BLOCK_FRAMES + g->block_bytes / BLOCK_FRAME_MIN;
    return is_long || is_many ? WHY_H2_CONTINUATION_FLOOD : WHY_OK;
}

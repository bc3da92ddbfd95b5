/* SPDX-License-Identifier: MIT */
/*
 * WebSocket frames from any bytes: however they are cut, the echo and the result are the same, and
 * no more comes out than went in. The first byte is the size of the pieces.
 */
#include "cli/demo_ws.h"

#include "base/buf.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void keep(void *arg, struct str bytes)
{
    REQUIRE(buf_append_str(arg, bytes) == OK);
}

static int echo(struct str in, size_t piece, struct buf *out)
{
    struct demo_ws ws = {0};
    int err = OK;

    buf_init(out, in.len + 1);
    for (size_t at = 0; at < in.len && err == OK; at += piece) {
        err = demo_ws_feed(&ws, str_sub(in, at, piece), keep, out);
    }
    REQUIRE(err == OK || err == ERR_EOF || err == ERR_PROTOCOL);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct str in = str_n((const char *)data + 1, size - 1);
    char accept[DEMO_WS_ACCEPT_MAX];
    struct buf whole, pieces, bytes;

    demo_ws_accept(in, accept);
    REQUIRE(strlen(accept) == 28);
    int err = echo(in, in.len, &whole);
    REQUIRE(echo(in, (size_t)data[0] + 1, &pieces) == err);
    REQUIRE(echo(in, 1, &bytes) == err);
    REQUIRE(str_eq(buf_str(&whole), buf_str(&pieces)));
    REQUIRE(str_eq(buf_str(&whole), buf_str(&bytes)));
    buf_fini(&whole);
    buf_fini(&pieces);
    buf_fini(&bytes);
    return 0;
}

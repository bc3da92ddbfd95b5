/* SPDX-License-Identifier: MIT */
/*
 * Response heads over any bytes; the first byte says what was asked for. What is accepted, stripped
 * and written again parses back to the same response with the same body length.
 */
#include "fuzz_http.h"

#include "base/arena.h"
#include "base/buf.h"
#include "http/framing.h"
#include "http/h1_write.h"
#include "http/hop.h"

static void check_written(const struct message *m, const struct h1_response_opts *opts,
                          struct arena *arena)
{
    enum http_method method = opts->is_head ? METHOD_HEAD : METHOD_GET;
    struct h1_limits limits = {FUZZ_HEAD_MAX * 2, FUZZ_FIELDS_MAX + 4};
    struct message again;
    struct body body;
    struct hop hop;
    struct buf out;
    enum why why;
    size_t scan = 0, len = 0;

    buf_init(&out, FUZZ_HEAD_MAX * 2);
    REQUIRE(h1_write_response(&out, m, opts) == OK);
    REQUIRE(h1_find_head(buf_str(&out), limits.head_bytes, &scan, &len) == OK);
    REQUIRE(len == buf_len(&out));
    message_init(&again, arena);
    REQUIRE(h1_parse_response(buf_str(&out), &limits, &again, &why) == OK);
    REQUIRE(again.version == HTTP_1_1 && again.status == m->status);
    REQUIRE(str_eq(again.reason, m->reason));
    REQUIRE(framing_response(&again, method, true, &body, &why) == OK);
    REQUIRE(body.kind == opts->body.kind && body.length == opts->body.length);
    REQUIRE(body.kind != BODY_UNTIL_CLOSE || !framing_keeps_alive(&again));
    fuzz_same_fields(m, &again);
    hop_strip(&again, &hop);
    REQUIRE(m->status != 101 || str_eq(hop.upgrade, opts->upgrade));
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct h1_limits limits = fuzz_limits();
    struct h1_response_opts opts = {.upgrade = STR("")};
    struct arena arena;
    struct message m;
    struct hop hop;
    struct str head;
    enum why why = WHY_OK;

    if (size < 1 || fuzz_head(str_n((const char *)data + 1, size - 1), &head) != OK) {
        return 0;
    }
    opts.is_head = (data[0] & 1) != 0;
    arena_init(&arena, 8192);
    message_init(&m, &arena);
    if (h1_parse_response(head, &limits, &m, &why) == OK) {
        enum http_method method = opts.is_head ? METHOD_HEAD : METHOD_GET;
        if (framing_response(&m, method, (data[0] & 2) != 0, &opts.body, &why) == OK) {
            hop_strip(&m, &hop);
            opts.upgrade = hop.upgrade;
            check_written(&m, &opts, &arena);
        }
    } else {
        REQUIRE(why == WHY_UPSTREAM_BAD_HEAD || why == WHY_UPSTREAM_HEADER_TOO_LARGE);
    }
    arena_fini(&arena);
    return 0;
}

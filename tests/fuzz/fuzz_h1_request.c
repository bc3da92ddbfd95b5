/* SPDX-License-Identifier: MIT */
/*
 * Request heads over any bytes. What is accepted, stripped and written again parses back to the
 * same request with the same body length: no byte of a client can make the service see more, fewer
 * or other requests than we saw.
 */
#include "fuzz_http.h"

#include "base/arena.h"
#include "base/buf.h"
#include "http/framing.h"
#include "http/h1_write.h"
#include "http/hop.h"
#include "http/target.h"

static void check_written(const struct message *m, struct body body, struct str upgrade,
                          struct arena *arena)
{
    struct h1_limits limits = {FUZZ_HEAD_MAX * 2, FUZZ_FIELDS_MAX + 4};
    struct message again;
    struct body body_again;
    struct hop hop;
    struct buf out;
    enum why why;
    size_t scan = 0, len = 0;

    buf_init(&out, FUZZ_HEAD_MAX * 2);
    REQUIRE(h1_write_request(&out, m, body, upgrade) == OK);
    REQUIRE(h1_find_head(buf_str(&out), limits.head_bytes, &scan, &len) == OK);
    REQUIRE(len == buf_len(&out));
    message_init(&again, arena);
    REQUIRE(h1_parse_request(buf_str(&out), &limits, &again, &why) == OK);
    REQUIRE(again.version == HTTP_1_1 && again.method == m->method);
    REQUIRE(str_eq(again.method_text, m->method_text) && str_eq(again.target, m->target));
    REQUIRE(framing_request(&again, &body_again, &why) == OK);
    REQUIRE(body_again.kind == body.kind && body_again.length == body.length);
    REQUIRE(framing_keeps_alive(&again));
    fuzz_same_fields(m, &again);
    hop_strip(&again, &hop);
    REQUIRE(str_eq(hop.upgrade, upgrade));
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_n((const char *)data, size), head;
    const struct h1_limits limits = fuzz_limits();
    struct arena arena;
    struct message m;
    struct body body;
    struct target target;
    struct hop hop;
    enum why why = WHY_OK;
    size_t empty = 0;

    if (h1_skip_empty(in, &empty) != OK || fuzz_head(str_from(in, empty), &head) != OK) {
        return 0;
    }
    arena_init(&arena, 8192);
    message_init(&m, &arena);
    if (h1_parse_request(head, &limits, &m, &why) == OK) {
        REQUIRE(why == WHY_OK && m.field_count <= limits.fields);
        if (target_parse(&m, &arena, &target, &why) == OK) {
            REQUIRE(target.match.len > 0 && target.match.ptr[0] == '/');
        }
        if (framing_request(&m, &body, &why) == OK) {
            hop_strip(&m, &hop);
            check_written(&m, body, hop.upgrade, &arena);
        }
    } else {
        REQUIRE(why_status(why) >= 400);
    }
    arena_fini(&arena);
    return 0;
}

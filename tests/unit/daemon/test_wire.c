/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/wire.h"

static struct addr address(const char *text)
{
    struct addr a;

    assert_int_equal(addr_parse(str_of(text), &a), OK);
    return a;
}

/* Writes a message, takes it apart as coming from `from`. */
static int there_and_back(const struct wire_msg *m, size_t nfds, enum wire_from from,
                          struct buf *bytes, struct wire_msg *out)
{
    buf_init(bytes, WIRE_MAX);
    assert_int_equal(wire_encode(m, bytes), OK);
    return wire_decode(buf_str(bytes), nfds, from, out);
}

static void test_wire_keeps_every_field(void **state)
{
    struct wire_msg m = {.id = WIRE_RELOAD_RESULT,
                         .request = 0xdeadbeef,
                         .flag = 2,
                         .number = 0x1122334455667788,
                         .text = STR("two errors")};
    struct wire_msg got;
    struct buf bytes;

    (void)state;
    assert_int_equal(there_and_back(&m, 0, WIRE_SUPERVISOR, &bytes, &got), OK);
    assert_int_equal(got.id, WIRE_RELOAD_RESULT);
    assert_int_equal(got.request, 0xdeadbeef);
    assert_int_equal(got.flag, 2);
    assert_true(got.number == 0x1122334455667788);
    assert_true(str_eq(got.text, STR("two errors")));
    buf_fini(&bytes);
    assert_string_equal(wire_name(WIRE_RELOAD_RESULT), "reload_result");
}

static void test_wire_carries_addresses(void **state)
{
    struct addr addrs[] = {address("10.0.1.5:5000"), address("[fd00::1]:80")};
    struct wire_msg m = {
        .id = WIRE_ENDPOINTS, .name = STR("web:5000"), .addrs = addrs, .addr_count = 2};
    struct addr got_addrs[2];
    struct wire_msg got;
    struct buf bytes;

    (void)state;
    assert_int_equal(there_and_back(&m, 0, WIRE_KEEPER, &bytes, &got), OK);
    assert_int_equal(got.addr_count, 2);
    wire_addrs(&got, got_addrs);
    assert_true(addr_eq(&got_addrs[0], &addrs[0]));
    assert_true(addr_eq(&got_addrs[1], &addrs[1]));
    assert_true(str_eq(got.name, STR("web:5000")));
    buf_fini(&bytes);
}

static void test_wire_carries_names_of_patterns(void **state)
{
    struct addr addrs[] = {address("10.0.1.5:3000")};
    struct wire_msg m = {
        .id = WIRE_WANT, .flag = WIRE_WANT_KEEP, .name = STR("tasks.pr1_web:3000")};
    struct wire_msg got;
    struct buf bytes;

    (void)state;
    assert_int_equal(there_and_back(&m, 0, WIRE_WORKER, &bytes, &got), OK);
    assert_int_equal(got.flag, WIRE_WANT_KEEP);
    assert_true(str_eq(got.name, m.name));
    buf_fini(&bytes);
    m = (struct wire_msg){.id = WIRE_WANTED,
                          .flag = WIRE_WANTED_IDLE,
                          .name = STR("tasks.pr1_web:3000"),
                          .addrs = addrs,
                          .addr_count = 1};
    assert_int_equal(there_and_back(&m, 0, WIRE_KEEPER, &bytes, &got), OK);
    assert_int_equal(got.flag, WIRE_WANTED_IDLE);
    assert_int_equal(got.addr_count, 1);
    buf_fini(&bytes);
}

static void test_wire_carries_tickets(void **state)
{
    struct tls_ticket_ring ring = {.count = 2};
    struct tls_ticket_ring got_ring;
    struct wire_msg m = {.id = WIRE_TICKETS, .ring = &ring};
    struct wire_msg got;
    struct buf bytes;

    (void)state;
    memset(ring.keys, 7, sizeof(ring.keys[0]) * 2);
    assert_int_equal(there_and_back(&m, 0, WIRE_SUPERVISOR, &bytes, &got), OK);
    wire_ring(&got, &got_ring);
    assert_int_equal(got_ring.count, 2);
    assert_memory_equal(got_ring.keys, ring.keys, sizeof(ring.keys));
    buf_fini(&bytes);
}

static void test_wire_refuses_wrong_sender(void **state)
{
    struct wire_msg m = {.id = WIRE_COMMIT, .number = 1};
    struct wire_msg got;
    struct buf bytes;

    (void)state;
    assert_int_equal(there_and_back(&m, 0, WIRE_WORKER, &bytes, &got), ERR_DENIED);
    assert_int_equal(wire_decode(buf_str(&bytes), 0, WIRE_SUPERVISOR, &got), OK);
    buf_fini(&bytes);
    m.id = WIRE_ENDPOINTS;
    assert_int_equal(there_and_back(&m, 0, WIRE_WORKER, &bytes, &got), ERR_DENIED);
    buf_fini(&bytes);
    m.id = WIRE_WANTED;
    assert_int_equal(there_and_back(&m, 0, WIRE_WORKER, &bytes, &got), ERR_DENIED);
    buf_fini(&bytes);
    m.id = WIRE_WANT;
    assert_int_equal(there_and_back(&m, 0, WIRE_KEEPER, &bytes, &got), ERR_DENIED);
    buf_fini(&bytes);
}

static void test_wire_refuses_wrong_descriptors(void **state)
{
    struct wire_msg m = {.id = WIRE_PREPARE, .number = 1};
    struct wire_msg got;
    struct buf bytes;

    (void)state;
    assert_int_equal(there_and_back(&m, 0, WIRE_SUPERVISOR, &bytes, &got), ERR_SYNTAX);
    assert_int_equal(wire_decode(buf_str(&bytes), 2, WIRE_SUPERVISOR, &got), ERR_SYNTAX);
    assert_int_equal(wire_decode(buf_str(&bytes), 1, WIRE_SUPERVISOR, &got), OK);
    buf_fini(&bytes);
}

static void test_wire_refuses_every_cut_and_every_tail(void **state)
{
    struct addr addrs[] = {address("10.0.1.5:5000"), address("[fd00::1]:80")};
    struct wire_msg m = {
        .id = WIRE_ENDPOINTS, .name = STR("web:5000"), .addrs = addrs, .addr_count = 2};
    struct wire_msg got;
    struct buf bytes;

    (void)state;
    assert_int_equal(there_and_back(&m, 0, WIRE_KEEPER, &bytes, &got), OK);
    for (size_t i = 0; i < buf_len(&bytes); i++) {
        assert_int_equal(wire_decode(str_sub(buf_str(&bytes), 0, i), 0, WIRE_KEEPER, &got),
                         ERR_SYNTAX);
    }
    assert_int_equal(buf_append(&bytes, "x", 1), OK);
    assert_int_equal(wire_decode(buf_str(&bytes), 0, WIRE_KEEPER, &got), ERR_SYNTAX);
    buf_fini(&bytes);
}

static void test_wire_refuses_unknown_ids(void **state)
{
    struct wire_msg got;

    (void)state;
    for (unsigned id = 0; id < 65536; id += id < 64 ? 1 : 97) {
        const char bytes[] = {(char)(id & 0xff), (char)(id >> 8)};
        int err = wire_decode(str_n(bytes, 2), 0, WIRE_SUPERVISOR, &got);
        if (id == 0 || id >= WIRE_COUNT) {
            assert_int_equal(err, ERR_SYNTAX);
        }
    }
}

static void test_wire_bounds_what_it_writes(void **state)
{
    static char big[WIRE_TEXT_MAX + 1];
    struct wire_msg m = {.id = WIRE_HURRY, .name = {big, WIRE_NAME_MAX + 1}};
    struct addr *addrs = mem_array(WIRE_ADDRS_MAX + 1, sizeof(*addrs));
    struct buf bytes;

    (void)state;
    buf_init(&bytes, WIRE_MAX);
    assert_int_equal(wire_encode(&m, &bytes), ERR_LIMIT);
    assert_int_equal(buf_len(&bytes), 0);
    m = (struct wire_msg){.id = WIRE_FAILED, .text = {big, sizeof(big)}};
    assert_int_equal(wire_encode(&m, &bytes), ERR_LIMIT);
    for (size_t i = 0; i <= WIRE_ADDRS_MAX; i++) {
        addrs[i] = address("[fd00::1]:80");
    }
    m = (struct wire_msg){.id = WIRE_ENDPOINTS, .addrs = addrs, .addr_count = WIRE_ADDRS_MAX + 1};
    assert_int_equal(wire_encode(&m, &bytes), ERR_LIMIT);
    m.addr_count = WIRE_ADDRS_MAX;
    assert_int_equal(wire_encode(&m, &bytes), OK);
    addrs[0] = address("unix:/x");
    assert_int_equal(wire_encode(&m, &bytes), ERR_LIMIT);
    buf_fini(&bytes);
    free(addrs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_keeps_every_field),
        cmocka_unit_test(test_wire_carries_addresses),
        cmocka_unit_test(test_wire_carries_names_of_patterns),
        cmocka_unit_test(test_wire_carries_tickets),
        cmocka_unit_test(test_wire_refuses_wrong_sender),
        cmocka_unit_test(test_wire_refuses_wrong_descriptors),
        cmocka_unit_test(test_wire_refuses_every_cut_and_every_tail),
        cmocka_unit_test(test_wire_refuses_unknown_ids),
        cmocka_unit_test(test_wire_bounds_what_it_writes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

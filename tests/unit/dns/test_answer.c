/* SPDX-License-Identifier: MIT */
/* The answer parser over messages built byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "dns/answer.h"

#define POINTER_TO_NAME "\xc0\x0c"
#define FIXED_A         "\0\x01\0\x01\0\0\x02\x58\0\x04"
#define FIXED_AAAA      "\0\x1c\0\x01\0\0\x02\x58\0\x10"
#define FIXED_CNAME     "\0\x05\0\x01\0\0\x02\x58\0"
#define QUESTION_A      "\x03web\0\0\x01\0\x01"
#define ADD(b, literal) assert_int_equal(buf_append((b), (literal), sizeof(literal) - 1), OK)

/* Header and the question "web", A: flags and the number of records as given. */
static void begin(struct buf *b, unsigned flags, unsigned records)
{
    const uint8_t head[12] = {0x12, 0x34, (uint8_t)(flags >> 8),   (uint8_t)flags,
                              0,    1,    (uint8_t)(records >> 8), (uint8_t)records};

    buf_init(b, 65535);
    assert_int_equal(buf_append(b, head, sizeof(head)), OK);
    ADD(b, QUESTION_A);
}

static struct addr addrs[4];

static int parse(struct buf *b, const char *name, uint16_t type, struct answer *out)
{
    struct answer_name wire;

    assert_int_equal(answer_name_of(str_of(name), &wire), OK);
    int err = answer_parse(buf_str(b), (struct answer_question){&wire, type}, addrs, 4, out);
    buf_fini(b);
    return err;
}

static void assert_addr(const struct addr *a, const char *want)
{
    char text[ADDR_TEXT_MAX];

    assert_string_equal(addr_print_ip(a, text), want);
}

static void test_answer_name_of(void **state)
{
    struct answer_name n;
    char label[70];

    (void)state;
    assert_int_equal(answer_name_of(STR("Web.Net1."), &n), OK);
    assert_int_equal(n.len, 10);
    assert_memory_equal(n.bytes, "\x03web\x04net1\0", 10);
    assert_int_equal(answer_name_of(STR("st_api-1"), &n), OK);
    assert_int_equal(answer_name_of(STR(""), &n), ERR_SYNTAX);
    assert_int_equal(answer_name_of(STR("."), &n), ERR_SYNTAX);
    assert_int_equal(answer_name_of(STR("a..b"), &n), ERR_SYNTAX);
    assert_int_equal(answer_name_of(STR(".a"), &n), ERR_SYNTAX);
    assert_int_equal(answer_name_of(STR("a.."), &n), ERR_SYNTAX);
    assert_int_equal(answer_name_of(STR("a b"), &n), ERR_SYNTAX);
    assert_int_equal(answer_name_of(STR("a\\046b"), &n), ERR_SYNTAX);
    assert_int_equal(answer_name_of(STR("a\0b"), &n), ERR_SYNTAX);
    memset(label, 'a', sizeof(label));
    assert_int_equal(answer_name_of(str_n(label, 63), &n), OK);
    assert_int_equal(answer_name_of(str_n(label, 64), &n), ERR_SYNTAX);
}

static void test_answer_name_of_length(void **state)
{
    struct answer_name n;
    char name[300];

    (void)state;
    for (size_t i = 0; i < sizeof(name); i++) {
        name[i] = i % 2 == 0 ? 'a' : '.';
    }
    assert_int_equal(answer_name_of(str_n(name, 253), &n), OK);
    assert_int_equal(n.len, ANSWER_NAME_MAX);
    assert_int_equal(answer_name_of(str_n(name, 254), &n), OK);
    assert_int_equal(answer_name_of(str_n(name, 255), &n), ERR_SYNTAX);
}

static void test_answer_a(void **state)
{
    struct buf b;
    struct answer a;

    (void)state;
    begin(&b, 0x8180, 2);
    ADD(&b, POINTER_TO_NAME FIXED_A "\x0a\0\x01\x02");
    ADD(&b, "\x03WEB\0" FIXED_A "\x0a\0\x01\x03");
    assert_int_equal(parse(&b, "web.", ANSWER_TYPE_A, &a), OK);
    assert_int_equal(a.count, 2);
    assert_int_equal(a.rcode, 0);
    assert_false(a.truncated);
    assert_addr(&addrs[0], "10.0.1.2");
    assert_addr(&addrs[1], "10.0.1.3");
}

static void test_answer_leaves_out_what_is_not_asked(void **state)
{
    struct buf b;
    struct answer a;

    (void)state;
    begin(&b, 0x8180, 4);
    ADD(&b, POINTER_TO_NAME FIXED_AAAA "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01");
    ADD(&b, "\x03www\0" FIXED_A "\x0a\0\x01\x03");
    ADD(&b, POINTER_TO_NAME "\0\x01\0\x03\0\0\0\0\0\x04\x0a\0\x01\x04");
    ADD(&b, POINTER_TO_NAME FIXED_A "\x0a\0\x01\x05");
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), OK);
    assert_int_equal(a.count, 1);
    assert_addr(&addrs[0], "10.0.1.5");
}

static void test_answer_leaves_out_impossible_addresses(void **state)
{
    struct buf b;
    struct answer a;

    (void)state;
    begin(&b, 0x8180, 3);
    ADD(&b, POINTER_TO_NAME FIXED_A "\0\0\0\0");
    ADD(&b, POINTER_TO_NAME FIXED_A "\xe0\0\0\x01");
    ADD(&b, POINTER_TO_NAME FIXED_A "\xff\xff\xff\xff");
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), OK);
    assert_int_equal(a.count, 0);
}

static void test_answer_is_usable(void **state)
{
    static const struct {
        const char *ip;
        bool usable;
    } rows[] = {
        {"10.0.0.1", true},
        {"127.0.0.1", true},
        {"0.1.2.3", false},
        {"239.1.1.1", false},
        {"fd00::1", true},
        {"::1", true},
        {"::", false},
        {"ff02::1", false},
        {"::ffff:10.0.0.1", true},
        {"::ffff:0.0.0.0", false},
        {"::ffff:224.0.0.1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct addr a;
        assert_int_equal(addr_parse_ip(str_of(rows[i].ip), 0, &a), OK);
        assert_int_equal(answer_is_usable(&a), rows[i].usable);
    }
}

static void test_answer_follows_aliases_in_any_order(void **state)
{
    struct buf b;
    struct answer a;

    (void)state;
    /* b -> addresses, a -> b, web -> a: back to front. */
    begin(&b, 0x8180, 3);
    ADD(&b, "\x01"
            "b\0" FIXED_A "\x0a\0\x01\x02");
    ADD(&b, "\x01"
            "a\0" FIXED_CNAME "\x03\x01"
            "b\0");
    ADD(&b, POINTER_TO_NAME FIXED_CNAME "\x03\x01"
                                        "A\0");
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), OK);
    assert_int_equal(a.count, 1);
    assert_addr(&addrs[0], "10.0.1.2");
}

static void test_answer_bounds_aliases(void **state)
{
    struct buf b;
    struct answer a;

    (void)state;
    begin(&b, 0x8180, 1);
    ADD(&b, POINTER_TO_NAME FIXED_CNAME "\x02" POINTER_TO_NAME);
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), ERR_LIMIT);
    begin(&b, 0x8180, 1);
    ADD(&b, POINTER_TO_NAME FIXED_CNAME "\x04\x01"
                                        "b\0\0");
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), ERR_SYNTAX);
}

static void test_answer_empty_and_rcodes(void **state)
{
    struct buf b;
    struct answer a;

    (void)state;
    begin(&b, 0x8180, 0);
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), OK);
    assert_int_equal(a.count, 0);
    begin(&b, 0x8183, 0);
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), OK);
    assert_int_equal(a.rcode, 3);
    begin(&b, 0x8382, 1);
    ADD(&b, POINTER_TO_NAME FIXED_A "\x0a\0\x01\x02");
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), OK);
    assert_true(a.truncated);
    assert_int_equal(a.rcode, 2);
    assert_int_equal(a.count, 0);
}

static void test_answer_refuses_another_question(void **state)
{
    struct buf b;
    struct answer a;

    (void)state;
    begin(&b, 0x8180, 0);
    assert_int_equal(parse(&b, "www", ANSWER_TYPE_A, &a), ERR_MISMATCH);
    begin(&b, 0x8180, 0);
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_AAAA, &a), ERR_MISMATCH);
    begin(&b, 0x8180, 0);
    b.data[b.tail - 1] = 3;
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), ERR_MISMATCH);
    begin(&b, 0x0100, 0);
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), ERR_SYNTAX);
    begin(&b, 0xa180, 0);
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), ERR_SYNTAX);
    begin(&b, 0x8180, 0);
    b.data[5] = 2;
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), ERR_SYNTAX);
}

static void test_answer_refuses_bad_names(void **state)
{
    struct buf b;
    struct answer a;

    (void)state;
    /* A pointer to itself, one forward, a reserved label type. */
    begin(&b, 0x8180, 1);
    ADD(&b, "\xc0\x15" FIXED_A "\x0a\0\x01\x02");
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), ERR_SYNTAX);
    begin(&b, 0x8180, 1);
    ADD(&b, "\xc0\x20" FIXED_A "\x0a\0\x01\x02");
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), ERR_SYNTAX);
    begin(&b, 0x8180, 1);
    ADD(&b, "\x80" FIXED_A "\x0a\0\x01\x02");
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), ERR_SYNTAX);
    /* Wrong length of an address. */
    begin(&b, 0x8180, 1);
    ADD(&b, POINTER_TO_NAME "\0\x01\0\x01\0\0\x02\x58\0\x03\x0a\0\x01");
    assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), ERR_SYNTAX);
}

static void test_answer_refuses_every_cut(void **state)
{
    struct buf b;
    struct answer a;
    size_t whole;

    (void)state;
    begin(&b, 0x8180, 1);
    ADD(&b, POINTER_TO_NAME FIXED_A "\x0a\0\x01\x02");
    whole = buf_len(&b);
    buf_fini(&b);
    for (size_t len = 0; len < whole; len++) {
        begin(&b, 0x8180, 1);
        ADD(&b, POINTER_TO_NAME FIXED_A "\x0a\0\x01\x02");
        b.tail = b.head + len;
        assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), ERR_TRUNCATED);
    }
}

static void test_answer_bounds_addresses(void **state)
{
    struct buf b;
    struct answer a;

    (void)state;
    for (unsigned records = 4; records <= 5; records++) {
        begin(&b, 0x8180, records);
        for (unsigned i = 0; i < records; i++) {
            ADD(&b, POINTER_TO_NAME FIXED_A "\x0a\0\x01\x02");
        }
        assert_int_equal(parse(&b, "web", ANSWER_TYPE_A, &a), records == 4 ? OK : ERR_LIMIT);
    }
}

#define PTR_QUESTION                                                                               \
    "\x01"                                                                                         \
    "3\x01"                                                                                        \
    "0\x01"                                                                                        \
    "0\x02"                                                                                        \
    "10\x07in-addr\x04"                                                                            \
    "arpa\0"
#define FIXED_PTR "\0\x0c\0\x01\0\0\x02\x58\0"

static void begin_ptr(struct buf *b, unsigned flags, uint8_t records)
{
    const uint8_t head[12] = {0x12, 0x34, (uint8_t)(flags >> 8), (uint8_t)flags, 0, 1, 0, records};

    buf_init(b, 65535);
    assert_int_equal(buf_append(b, head, sizeof(head)), OK);
    ADD(b, PTR_QUESTION "\0\x0c\0\x01");
}

static int parse_ptr(struct buf *b, struct answer_name *out_ptr, struct answer *out)
{
    struct answer_name wire;

    assert_int_equal(answer_name_of(STR("3.0.0.10.in-addr.arpa"), &wire), OK);
    int err = answer_parse_ptr(buf_str(b), (struct answer_question){&wire, ANSWER_TYPE_PTR},
                               out_ptr, out);
    buf_fini(b);
    return err;
}

static void test_answer_ptr(void **state)
{
    struct answer_name ptr;
    struct answer a;
    struct buf b;

    (void)state;
    begin_ptr(&b, 0x8180, 2); /* said twice is said once */
    ADD(&b, POINTER_TO_NAME FIXED_PTR "\x08"
                                      "\x03"
                                      "Web\x02n1\0");
    ADD(&b, POINTER_TO_NAME FIXED_PTR "\x08"
                                      "\x03"
                                      "web\x02n1\0");
    assert_int_equal(parse_ptr(&b, &ptr, &a), OK);
    assert_int_equal(ptr.len, 8);
    assert_memory_equal(ptr.bytes,
                        "\x03"
                        "web\x02n1\0",
                        8);
    begin_ptr(&b, 0x8183, 0);
    assert_int_equal(parse_ptr(&b, &ptr, &a), OK);
    assert_int_equal(a.rcode, 3);
    assert_int_equal(ptr.len, 0);
    begin_ptr(&b, 0x8180, 1); /* somebody else's name */
    ADD(&b, "\x03"
            "web\0" FIXED_PTR "\x08"
            "\x03"
            "web\x02n1\0");
    assert_int_equal(parse_ptr(&b, &ptr, &a), OK);
    assert_int_equal(ptr.len, 0);
}

static void test_answer_ptr_refuses(void **state)
{
    struct answer_name ptr = {.len = 7};
    struct answer a;
    struct buf b;

    (void)state;
    begin_ptr(&b, 0x8180, 2); /* two names */
    ADD(&b, POINTER_TO_NAME FIXED_PTR "\x05"
                                      "\x03"
                                      "web\0");
    ADD(&b, POINTER_TO_NAME FIXED_PTR "\x05"
                                      "\x03"
                                      "api\0");
    assert_int_equal(parse_ptr(&b, &ptr, &a), ERR_LIMIT);
    begin_ptr(&b, 0x8180, 1); /* bytes behind the name */
    ADD(&b, POINTER_TO_NAME FIXED_PTR "\x06"
                                      "\x03"
                                      "web\0"
                                      "x");
    assert_int_equal(parse_ptr(&b, &ptr, &a), ERR_SYNTAX);
    begin_ptr(&b, 0x8180, 1); /* fewer than it says */
    ADD(&b, POINTER_TO_NAME FIXED_PTR "\x06"
                                      "\x03"
                                      "web\0");
    assert_int_equal(parse_ptr(&b, &ptr, &a), ERR_TRUNCATED);
    begin_ptr(&b, 0x0180, 0); /* a question */
    assert_int_equal(parse_ptr(&b, &ptr, &a), ERR_SYNTAX);
    assert_int_equal(ptr.len, 7);
    begin_ptr(&b, 0x8380, 1); /* truncated: nothing of it counts */
    ADD(&b, POINTER_TO_NAME FIXED_PTR "\x05"
                                      "\x03"
                                      "web\0");
    assert_int_equal(parse_ptr(&b, &ptr, &a), OK);
    assert_true(a.truncated);
    assert_int_equal(ptr.len, 0);
}

static void test_answer_reverse_name(void **state)
{
    char name[ANSWER_REVERSE_MAX];
    struct addr a;

    (void)state;
    assert_int_equal(addr_parse(STR("10.0.1.250:80"), &a), OK);
    assert_int_equal(answer_reverse_name(&a, name), OK);
    assert_string_equal(name, "250.1.0.10.in-addr.arpa");
    assert_int_equal(addr_parse(STR("[2001:db8::1]:80"), &a), OK);
    assert_int_equal(answer_reverse_name(&a, name), OK);
    assert_string_equal(name,
                        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer_name_of),
        cmocka_unit_test(test_answer_name_of_length),
        cmocka_unit_test(test_answer_a),
        cmocka_unit_test(test_answer_leaves_out_what_is_not_asked),
        cmocka_unit_test(test_answer_leaves_out_impossible_addresses),
        cmocka_unit_test(test_answer_is_usable),
        cmocka_unit_test(test_answer_follows_aliases_in_any_order),
        cmocka_unit_test(test_answer_bounds_aliases),
        cmocka_unit_test(test_answer_empty_and_rcodes),
        cmocka_unit_test(test_answer_refuses_another_question),
        cmocka_unit_test(test_answer_refuses_bad_names),
        cmocka_unit_test(test_answer_refuses_every_cut),
        cmocka_unit_test(test_answer_bounds_addresses),
        cmocka_unit_test(test_answer_ptr),
        cmocka_unit_test(test_answer_ptr_refuses),
        cmocka_unit_test(test_answer_reverse_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

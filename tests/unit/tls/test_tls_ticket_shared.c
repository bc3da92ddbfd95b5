/* SPDX-License-Identifier: MIT */
#include "tls/tls_ticket_shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define NOW    1700000000
#define SECRET STR("0123456789abcdef0123456789abcdef")

static bool same_key(const struct tls_ticket_key *a, const struct tls_ticket_key *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* Copies, since a ring is good until the next call only. */
static struct tls_ticket_ring ring_at(struct tls_ticket_shared *s, int64_t now)
{
    const struct tls_ticket_ring *ring = tls_ticket_shared_ring(s, now);

    assert_non_null(ring);
    assert_int_equal(ring->count, TLS_TICKET_KEYS);
    return *ring;
}

static void test_tls_ticket_shared_is_the_same_everywhere(void **state)
{
    struct tls_ticket_shared *one = tls_ticket_shared_new(SECRET);
    struct tls_ticket_shared *other = tls_ticket_shared_new(SECRET);
    struct tls_ticket_ring a = ring_at(one, NOW);
    struct tls_ticket_ring b = ring_at(other, NOW + 1);
    (void)state;

    assert_memory_equal(&a, &b, sizeof(a));
    assert_false(same_key(&a.keys[0], &a.keys[1]));
    assert_false(same_key(&a.keys[0], &a.keys[2]));
    tls_ticket_shared_free(one);
    tls_ticket_shared_free(other);
    tls_ticket_shared_free(NULL);
}

static void test_tls_ticket_shared_neighbours_overlap(void **state)
{
    struct tls_ticket_shared *s = tls_ticket_shared_new(SECRET);
    struct tls_ticket_ring now = ring_at(s, NOW);
    struct tls_ticket_ring next = ring_at(s, NOW + TLS_TICKET_EPOCH_S);
    struct tls_ticket_ring again = ring_at(s, NOW);
    (void)state;

    assert_true(same_key(&next.keys[1], &now.keys[0])); /* still opens what was sealed before */
    assert_true(same_key(&now.keys[2], &next.keys[0])); /* opens what a faster clock sealed */
    assert_memory_equal(&again, &now, sizeof(now));
    tls_ticket_shared_free(s);
}

static void test_tls_ticket_shared_needs_the_secret(void **state)
{
    struct tls_ticket_shared *one = tls_ticket_shared_new(SECRET);
    struct tls_ticket_shared *other =
        tls_ticket_shared_new(STR("0123456789abcdef0123456789abcdeF"));
    struct tls_ticket_ring a = ring_at(one, NOW);
    struct tls_ticket_ring b = ring_at(other, NOW);
    (void)state;

    for (int i = 0; i < TLS_TICKET_KEYS; i++) {
        assert_memory_not_equal(a.keys[i].name, b.keys[i].name, sizeof(a.keys[i].name));
        assert_memory_not_equal(a.keys[i].aes, b.keys[i].aes, sizeof(a.keys[i].aes));
        assert_memory_not_equal(a.keys[i].hmac, b.keys[i].hmac, sizeof(a.keys[i].hmac));
    }
    tls_ticket_shared_free(one);
    tls_ticket_shared_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_ticket_shared_is_the_same_everywhere),
        cmocka_unit_test(test_tls_ticket_shared_neighbours_overlap),
        cmocka_unit_test(test_tls_ticket_shared_needs_the_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

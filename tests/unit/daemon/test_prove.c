/* SPDX-License-Identifier: MIT */
/* Addresses that are proved by connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/prove.h"
#include "loop/timer.h"
#include "net/listener.h"

struct scene {
    struct loop *loop;
    struct counters counters;
    struct prove *p;
    struct timer tick;
    struct addr alive;
    struct addr dead;
    int listening;
    int bound;
    unsigned given_up;
    struct addr last;
};

static void on_tick(void *arg)
{
    struct scene *t = arg;

    timer_set(&t->tick, 2);
}

static void on_gone(void *owner, const struct addr *addr)
{
    struct scene *t = owner;

    t->given_up++;
    t->last = *addr;
    prove_set(t->p, t, &t->alive, 1); /* as a service does that publishes a smaller set */
}

/* A port that nobody listens on, and nobody else can have meanwhile. */
static int bind_only(struct addr *out_at)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(addr_parse(STR("127.0.0.1:0"), out_at), OK);
    assert_int_equal(bind(fd, &out_at->sa, out_at->len), 0);
    assert_int_equal(getsockname(fd, &out_at->sa, &out_at->len), 0);
    return fd;
}

static void setup(struct scene *t)
{
    *t = (struct scene){.loop = loop_new()};
    assert_int_equal(counters_create(1, &t->counters), OK);
    assert_int_equal(addr_parse(STR("127.0.0.1:0"), &t->alive), OK);
    assert_int_equal(listener_bind(&t->alive, false, &t->listening), OK);
    assert_int_equal(getsockname(t->listening, &t->alive.sa, &t->alive.len), 0);
    t->bound = bind_only(&t->dead);
    clock_freeze(1000000, clock_wall_ms());
    t->p = prove_new(t->loop, slot_adopt(&t->counters, 0, SLOT_KEEPER, 0), on_gone);
    timer_init(&t->tick, t->loop, on_tick, t);
    on_tick(t);
}

static void teardown(struct scene *t)
{
    clock_resume();
    timer_fini(&t->tick);
    prove_free(t->p);
    fd_close(&t->listening);
    fd_close(&t->bound);
    loop_free(t->loop);
    counters_fini(&t->counters);
}

static uint64_t proofs(struct scene *t)
{
    return counters_sum(&t->counters, COUNTER_ENDPOINT_PROOFS);
}

#define WAIT_FOR(t, test)                                                                          \
    do {                                                                                           \
        for (int turns = 0; !(test); turns++) {                                                    \
            assert_true(turns < 5000);                                                             \
            loop_turn((t)->loop, true);                                                            \
        }                                                                                          \
    } while (0)

/* The clock stands: turns only let happen what is due. */
static void settle(struct scene *t)
{
    for (int i = 0; i < 20; i++) {
        loop_turn(t->loop, true);
    }
}

static void test_prove_gives_up_after_failures_in_a_row(void **state)
{
    struct scene t;
    struct addr both[2];

    (void)state;
    setup(&t);
    both[0] = t.alive;
    both[1] = t.dead;
    prove_set(t.p, &t, both, 2);
    for (unsigned i = 1; i <= PROVE_FAILURES; i++) {
        WAIT_FOR(&t, proofs(&t) == (uint64_t)2 * i);
        settle(&t);
        assert_int_equal(t.given_up, i == PROVE_FAILURES);
        assert_int_equal(proofs(&t), (uint64_t)2 * i); /* never before its time */
        clock_advance(PROVE_EVERY_MS);
        timer_set(&t.tick, 0);
        prove_set(t.p, &t, i == PROVE_FAILURES ? &t.alive : both, i == PROVE_FAILURES ? 1 : 2);
    }
    assert_true(addr_eq(&t.last, &t.dead));
    assert_int_equal(counters_sum(&t.counters, COUNTER_ENDPOINTS_DROPPED), 1);
    /* What lives is asked on and on, and stays. */
    for (int i = 0; i < 10; i++) {
        uint64_t before = proofs(&t);
        clock_advance(PROVE_EVERY_MS);
        prove_set(t.p, &t, &t.alive, 1);
        WAIT_FOR(&t, proofs(&t) > before);
        settle(&t);
    }
    assert_int_equal(t.given_up, 1);
    teardown(&t);
}

static void test_prove_silence_has_its_deadline(void **state)
{
    struct scene t;
    struct addr silent;

    (void)state;
    setup(&t);
    /* A full accept queue lets nobody in, and says nothing. */
    int full = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), guests[2];
    assert_int_equal(addr_parse(STR("127.0.0.1:0"), &silent), OK);
    assert_int_equal(bind(full, &silent.sa, silent.len), 0);
    assert_int_equal(getsockname(full, &silent.sa, &silent.len), 0);
    assert_int_equal(listen(full, 0), 0);
    for (size_t i = 0; i < 2; i++) {
        guests[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)!connect(guests[i], &silent.sa, silent.len);
    }
    prove_set(t.p, &t, &silent, 1);
    for (uint64_t i = 1; i <= PROVE_FAILURES; i++) {
        WAIT_FOR(&t, proofs(&t) == i);
        settle(&t);
        assert_int_equal(t.given_up, 0);
        clock_advance(PROVE_ATTEMPT_MS);
        settle(&t);
        clock_advance(PROVE_EVERY_MS);
        if (i < PROVE_FAILURES) {
            prove_set(t.p, &t, &silent, 1); /* looks at the clock that was moved */
        }
    }
    WAIT_FOR(&t, t.given_up == 1);
    assert_true(addr_eq(&t.last, &silent));
    for (size_t i = 0; i < 2; i++) {
        fd_close(&guests[i]);
    }
    fd_close(&full);
    teardown(&t);
}

static void test_prove_a_crowd_is_bounded(void **state)
{
    enum { CROWD = 200 };
    struct scene t;
    struct addr many[CROWD];

    (void)state;
    setup(&t);
    for (size_t i = 0; i < CROWD; i++) {
        uint8_t ip[4] = {127, 0, 1, (uint8_t)i};
        assert_int_equal(addr_from_bytes(ip, 4, addr_port(&t.dead), &many[i]), OK);
    }
    prove_set(t.p, &t, many, CROWD);
    settle(&t);
    settle(&t);
    assert_int_equal(proofs(&t), PROVE_AT_ONCE); /* the clock stands: no more */
    clock_advance(1000);
    WAIT_FOR(&t, proofs(&t) > PROVE_AT_ONCE);
    settle(&t);
    settle(&t);
    assert_true(proofs(&t) <= 2 * PROVE_AT_ONCE);
    assert_int_equal(t.given_up, 0);
    /* Let go in the middle of it. */
    prove_set(t.p, &t, NULL, 0);
    teardown(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prove_gives_up_after_failures_in_a_row),
        cmocka_unit_test(test_prove_silence_has_its_deadline),
        cmocka_unit_test(test_prove_a_crowd_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

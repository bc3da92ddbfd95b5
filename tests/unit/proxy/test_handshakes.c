/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/handshakes.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/watch.h"

enum { CLIENTS = 50 };

struct client {
    struct handshake one;
    struct scene *scene;
    unsigned turns;
    unsigned parked;
    uint64_t waited_ms;
};

struct scene {
    struct loop *loop;
    struct slot slot;
    struct handshakes line;
    struct client clients[CLIENTS];
    size_t served[CLIENTS * 2]; /* who, in order */
    size_t count;
    unsigned before;
};

static void on_turn(void *arg, uint64_t waited_ms)
{
    struct client *c = arg;
    struct scene *s = c->scene;

    c->turns++;
    c->waited_ms = waited_ms;
    s->served[s->count++] = (size_t)(c - s->clients);
}

static void on_park(void *arg)
{
    ((struct client *)arg)->parked++;
}

static void before(void *arg)
{
    ((struct scene *)arg)->before++;
}

static void begin(struct scene *s)
{
    memset(s, 0, sizeof(*s));
    s->loop = loop_new();
    handshakes_init(&s->line, s->loop, &s->slot);
    s->line.before = before;
    s->line.arg = s;
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *c = &s->clients[i];
        *c = (struct client){.one = {.on_turn = on_turn, .on_park = on_park, .arg = c}, .scene = s};
    }
}

static void end(struct scene *s)
{
    handshakes_fini(&s->line);
    loop_free(s->loop);
}

static uint64_t waiting(const struct scene *s)
{
    return s->slot.values[COUNTER_HANDSHAKES_WAITING];
}

static void test_handshakes_first_come_first_served(void **state)
{
    struct scene s;

    (void)state;
    begin(&s);
    for (size_t i = 0; i < CLIENTS; i++) {
        handshakes_wait(&s.line, &s.clients[i].one, HANDSHAKES_NEW);
        handshakes_wait(&s.line, &s.clients[i].one, HANDSHAKES_NEW); /* keeps its place */
    }
    for (size_t turn = 1; turn <= CLIENTS / HANDSHAKES_A_TURN; turn++) {
        loop_turn(s.loop, turn > 1); /* does not wait while anybody does */
        assert_int_equal(s.count, turn * HANDSHAKES_A_TURN);
        assert_int_equal(waiting(&s), CLIENTS - s.count);
        assert_int_equal(s.before, turn);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(s.served[i], i);
        /* Who was served in the turn he came in was never taken from what is watched. */
        assert_int_equal(s.clients[i].parked, i < HANDSHAKES_A_TURN ? 0 : 1);
    }
    loop_turn(s.loop, false);
    assert_int_equal(s.before, CLIENTS / HANDSHAKES_A_TURN);
    end(&s);
}

static void test_handshakes_lines_do_not_hold_each_other_up(void **state)
{
    struct scene s;

    (void)state;
    begin(&s);
    for (size_t i = 0; i < CLIENTS - HANDSHAKES_A_TURN; i++) {
        handshakes_wait(&s.line, &s.clients[i].one, HANDSHAKES_NEW);
    }
    loop_turn(s.loop, false);
    for (size_t i = CLIENTS - HANDSHAKES_A_TURN; i < CLIENTS; i++) {
        handshakes_wait(&s.line, &s.clients[i].one, HANDSHAKES_ANSWERED);
    }
    loop_turn(s.loop, true);
    assert_int_equal(s.count, 3 * HANDSHAKES_A_TURN);
    for (size_t i = CLIENTS - HANDSHAKES_A_TURN; i < CLIENTS; i++) {
        assert_int_equal(s.clients[i].turns, 1);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        handshakes_leave(&s.clients[i].one);
    }
    end(&s);
}

static void test_handshakes_leave_and_come_again(void **state)
{
    struct scene s;

    (void)state;
    begin(&s);
    handshakes_leave(&s.clients[0].one); /* who does not wait may leave */
    for (size_t i = 0; i < 10; i++) {
        handshakes_wait(&s.line, &s.clients[i].one, HANDSHAKES_NEW);
    }
    handshakes_leave(&s.clients[0].one);
    loop_turn(s.loop, false);
    assert_int_equal(s.served[0], 1);
    handshakes_leave(&s.clients[5].one); /* one that is parked */
    assert_int_equal(waiting(&s), 6);
    handshakes_wait(&s.line, &s.clients[5].one, HANDSHAKES_NEW); /* at the end now */
    while (s.count < 9) {
        loop_turn(s.loop, true);
    }
    assert_int_equal(s.served[8], 5);
    assert_int_equal(s.clients[0].turns, 0);
    assert_int_equal(waiting(&s), 0);
    end(&s);
}

static void test_handshakes_tell_how_long_it_waited(void **state)
{
    struct scene s;

    (void)state;
    clock_freeze(1000, 0);
    begin(&s);
    for (size_t i = 0; i < 2 * HANDSHAKES_A_TURN; i++) {
        handshakes_wait(&s.line, &s.clients[i].one, HANDSHAKES_NEW);
    }
    loop_turn(s.loop, false);
    clock_advance(700);
    loop_turn(s.loop, true);
    assert_int_equal(s.clients[0].waited_ms, 0);
    assert_int_equal(s.clients[HANDSHAKES_A_TURN].waited_ms, 700);
    end(&s);
    clock_resume();
}

static void on_readable(void *arg, unsigned ready)
{
    (void)ready;
    (*(unsigned *)arg)++;
}

/* Whatever the line, an open connection is heard once a turn. */
static void test_handshakes_open_connections_have_every_turn(void **state)
{
    struct scene s;
    struct watch open;
    unsigned heard = 0;
    int fds[2];

    (void)state;
    begin(&s);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    watch_init(&open, s.loop, fds[0], on_readable, &heard);
    watch_set(&open, WATCH_READ);
    for (size_t i = 0; i < CLIENTS; i++) {
        handshakes_wait(&s.line, &s.clients[i].one, HANDSHAKES_NEW);
    }
    while (s.count < CLIENTS) {
        loop_turn(s.loop, true);
    }
    assert_int_equal(heard, CLIENTS / HANDSHAKES_A_TURN);
    watch_fini(&open);
    close(fds[0]);
    close(fds[1]);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshakes_first_come_first_served),
        cmocka_unit_test(test_handshakes_lines_do_not_hold_each_other_up),
        cmocka_unit_test(test_handshakes_leave_and_come_again),
        cmocka_unit_test(test_handshakes_tell_how_long_it_waited),
        cmocka_unit_test(test_handshakes_open_connections_have_every_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

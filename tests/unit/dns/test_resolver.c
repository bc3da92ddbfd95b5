/* SPDX-License-Identifier: MIT */
/* c-ares on the loop against a scripted server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dns/resolver.h"
#include "dns_script.h"
#include "loop/timer.h"

#define GIVE_UP_MS 20000

struct scene {
    struct loop *loop;
    struct dns_script *dns;
    struct resolver *r;
};

/* What came back of one question. */
struct reply {
    bool done;
    enum resolver_outcome outcome;
    struct addr first;
    size_t count;
    struct resolver *free_me; /* freed inside the callback if set */
};

static void setup_at(struct scene *s, const char *ip)
{
    s->loop = loop_new();
    s->dns = dns_script_new(s->loop, ip);
    assert_int_equal(resolver_new(s->loop, dns_script_addr(s->dns), 1, &s->r), OK);
}

static void setup(struct scene *s)
{
    setup_at(s, "127.0.0.1");
}

static void teardown(struct scene *s)
{
    resolver_free(s->r);
    dns_script_free(s->dns);
    loop_free(s->loop);
}

static void on_reply(void *arg, enum resolver_outcome outcome, const struct addr *addrs,
                     size_t count)
{
    struct reply *reply = arg;

    assert_false(reply->done);
    reply->done = true;
    reply->outcome = outcome;
    reply->count = count;
    if (count > 0) {
        reply->first = addrs[0];
    }
    resolver_free(reply->free_me);
}

static void on_give_up(void *arg)
{
    (void)arg;
    fail_msg("nothing came in %d ms", GIVE_UP_MS);
}

static void wait_for(struct scene *s, const bool *done)
{
    struct timer guard;

    timer_init(&guard, s->loop, on_give_up, NULL);
    timer_set(&guard, GIVE_UP_MS);
    while (!*done) {
        loop_turn(s->loop, true);
    }
    timer_fini(&guard);
}

static struct reply ask(struct scene *s, const char *name, enum resolver_type type)
{
    struct reply reply = {.done = false};

    resolver_ask(s->r, str_of(name), type, on_reply, &reply);
    assert_false(reply.done);
    wait_for(s, &reply.done);
    return reply;
}

static void assert_ip(const struct addr *a, const char *want)
{
    char text[ADDR_TEXT_MAX];

    assert_string_equal(addr_print_ip(a, text), want);
    assert_int_equal(addr_port(a), 0);
}

static void finds_ip(struct scene *s, const char *name, const char *want)
{
    struct reply reply = ask(s, name, RESOLVER_A);

    assert_int_equal(reply.outcome, RESOLVER_ANSWER);
    assert_int_equal(reply.count, 1);
    assert_ip(&reply.first, want);
}

static void test_resolver_a_and_aaaa(void **state)
{
    struct scene s;
    struct reply reply;

    (void)state;
    setup(&s);
    dns_script_addrs(s.dns, "web", RESOLVER_A, "10.0.0.1 10.0.0.2");
    dns_script_addrs(s.dns, "web", RESOLVER_AAAA, "fd00::1");
    reply = ask(&s, "web", RESOLVER_A);
    assert_int_equal(reply.outcome, RESOLVER_ANSWER);
    assert_int_equal(reply.count, 2);
    assert_ip(&reply.first, "10.0.0.1");
    assert_int_equal(dns_script_edns(s.dns), 4096);
    reply = ask(&s, "web.", RESOLVER_AAAA);
    assert_int_equal(reply.outcome, RESOLVER_ANSWER);
    assert_int_equal(reply.count, 1);
    assert_ip(&reply.first, "fd00::1");
    assert_false(resolver_is_docker(s.r));
    teardown(&s);
}

static void test_resolver_negative_answers(void **state)
{
    struct scene s;
    struct resolver_stats stats;

    (void)state;
    setup(&s);
    dns_script_addrs(s.dns, "web", RESOLVER_A, "10.0.0.1");
    dns_script_kind(s.dns, "broken", RESOLVER_A, SCRIPT_SERVFAIL);
    dns_script_kind(s.dns, "refused", RESOLVER_A, SCRIPT_REFUSED);
    dns_script_addrs(s.dns, "nowhere", RESOLVER_A, "0.0.0.0 224.0.0.1");
    assert_int_equal(ask(&s, "web", RESOLVER_AAAA).outcome, RESOLVER_EMPTY);
    assert_int_equal(ask(&s, "nobody", RESOLVER_A).outcome, RESOLVER_NXDOMAIN);
    assert_int_equal(ask(&s, "broken", RESOLVER_A).outcome, RESOLVER_SERVFAIL);
    assert_int_equal(ask(&s, "refused", RESOLVER_A).outcome, RESOLVER_SERVFAIL);
    assert_int_equal(ask(&s, "nowhere", RESOLVER_A).outcome, RESOLVER_EMPTY);
    resolver_stats(s.r, &stats);
    assert_int_equal(stats.asked, 5);
    assert_int_equal(stats.failed, 2);
    assert_int_equal(stats.truncated, 0);
    teardown(&s);
}

static void test_resolver_never_asks_impossible_names(void **state)
{
    struct scene s;

    (void)state;
    setup(&s);
    assert_int_equal(ask(&s, "", RESOLVER_A).outcome, RESOLVER_NXDOMAIN);
    assert_int_equal(ask(&s, "a b", RESOLVER_A).outcome, RESOLVER_NXDOMAIN);
    assert_int_equal(ask(&s, "a..b", RESOLVER_A).outcome, RESOLVER_NXDOMAIN);
    teardown(&s);
}

static void test_resolver_keeps_no_answer(void **state)
{
    struct scene s;

    (void)state;
    setup(&s);
    for (size_t i = 1; i <= 3; i++) {
        dns_script_addrs(s.dns, "web", RESOLVER_A, i == 2 ? "10.0.0.2" : "10.0.0.1");
        finds_ip(&s, "web", i == 2 ? "10.0.0.2" : "10.0.0.1");
        assert_int_equal(dns_script_asked(s.dns, "web", RESOLVER_A), i);
    }
    teardown(&s);
}

static void test_resolver_120_replicas_and_more(void **state)
{
    struct scene s;

    (void)state;
    setup(&s);
    dns_script_many(s.dns, "big", 120);
    assert_int_equal(ask(&s, "big", RESOLVER_A).count, 120);
    assert_int_equal(dns_script_tcp(s.dns), 0);
    /* Too much for EDNS: the server truncates by itself. */
    dns_script_many(s.dns, "big", RESOLVER_ADDRS_MAX);
    assert_int_equal(ask(&s, "big", RESOLVER_A).count, RESOLVER_ADDRS_MAX);
    assert_int_equal(dns_script_tcp(s.dns), 1);
    dns_script_many(s.dns, "big", RESOLVER_ADDRS_MAX + 1);
    assert_int_equal(ask(&s, "big", RESOLVER_A).outcome, RESOLVER_SERVFAIL);
    teardown(&s);
}

static void test_resolver_truncated_goes_to_tcp(void **state)
{
    struct scene s;
    struct reply reply;
    struct resolver_stats stats;

    (void)state;
    setup(&s);
    dns_script_addrs(s.dns, "web", RESOLVER_A, "10.0.0.1 10.0.0.2 10.0.0.3");
    dns_script_kind(s.dns, "web", RESOLVER_A, SCRIPT_TC_UDP);
    reply = ask(&s, "web", RESOLVER_A);
    assert_int_equal(reply.outcome, RESOLVER_ANSWER);
    assert_int_equal(reply.count, 3);
    assert_int_equal(dns_script_tcp(s.dns), 1);
    dns_script_kind(s.dns, "web", RESOLVER_A, SCRIPT_TC_BOTH);
    reply = ask(&s, "web", RESOLVER_A);
    assert_int_equal(reply.outcome, RESOLVER_SERVFAIL);
    assert_int_equal(reply.count, 0);
    resolver_stats(s.r, &stats);
    assert_int_equal(stats.truncated, 1);
    teardown(&s);
}

static void test_resolver_ignores_wrong_answers(void **state)
{
    struct scene s;

    (void)state;
    setup(&s);
    dns_script_addrs(s.dns, "web", RESOLVER_A, "10.0.0.1");
    dns_script_kind(s.dns, "web", RESOLVER_A, SCRIPT_WRONG_ID);
    finds_ip(&s, "web", "10.0.0.1");
    dns_script_kind(s.dns, "web", RESOLVER_A, SCRIPT_WRONG_NAME);
    finds_ip(&s, "web", "10.0.0.1");
    teardown(&s);
}

static void test_resolver_asks_again_after_a_loss(void **state)
{
    struct scene s;

    (void)state;
    setup(&s);
    dns_script_addrs(s.dns, "web", RESOLVER_A, "10.0.0.1");
    dns_script_kind(s.dns, "web", RESOLVER_A, SCRIPT_LOSE_ONE);
    finds_ip(&s, "web", "10.0.0.1");
    assert_int_equal(dns_script_asked(s.dns, "web", RESOLVER_A), 2);
    teardown(&s);
}

static void test_resolver_follows_an_alias(void **state)
{
    struct scene s;

    (void)state;
    setup(&s);
    dns_script_addrs(s.dns, "web.example", RESOLVER_A, "10.0.0.1");
    dns_script_alias(s.dns, "web.example", "real.example");
    finds_ip(&s, "web.example", "10.0.0.1");
    teardown(&s);
}

static void test_resolver_bounds_silence(void **state)
{
    struct scene s;
    struct reply silent = {.done = false}, quick;
    struct resolver_stats stats;

    (void)state;
    setup(&s);
    dns_script_kind(s.dns, "web", RESOLVER_A, SCRIPT_SILENT);
    dns_script_addrs(s.dns, "other", RESOLVER_A, "10.0.0.1");
    uint64_t start = clock_ms();
    resolver_ask(s.r, STR("web"), RESOLVER_A, on_reply, &silent);
    /* A silent name holds up no other. */
    quick = ask(&s, "other", RESOLVER_A);
    assert_int_equal(quick.outcome, RESOLVER_ANSWER);
    assert_false(silent.done);
    wait_for(&s, &silent.done);
    assert_int_equal(silent.outcome, RESOLVER_SILENT);
    assert_true(clock_ms() - start >= RESOLVER_TIMEOUT_MS);
    assert_int_equal(dns_script_asked(s.dns, "web", RESOLVER_A), RESOLVER_TRIES);
    resolver_stats(s.r, &stats);
    assert_int_equal(stats.failed, 1);
    teardown(&s);
}

static void test_resolver_own_deadline_does_not_wait_for_cares(void **state)
{
    struct scene s;
    struct reply silent = {.done = false};

    (void)state;
    setup(&s);
    dns_script_kind(s.dns, "web", RESOLVER_A, SCRIPT_SILENT);
    resolver_ask(s.r, STR("web"), RESOLVER_A, on_reply, &silent);
    loop_turn(s.loop, false);
    clock_freeze(clock_ms() + RESOLVER_DEADLINE_MS + 100, clock_wall_ms());
    loop_turn(s.loop, false);
    loop_turn(s.loop, false);
    clock_resume();
    assert_true(silent.done);
    assert_int_equal(silent.outcome, RESOLVER_SILENT);
    /* c-ares still holds the question when the resolver goes. */
    teardown(&s);
}

static void test_resolver_closed_port_is_failure(void **state)
{
    struct scene s;
    struct dns_script *gone;

    (void)state;
    setup(&s);
    gone = dns_script_new(s.loop, "127.0.0.1");
    resolver_free(s.r);
    assert_int_equal(resolver_new(s.loop, dns_script_addr(gone), 1, &s.r), OK);
    dns_script_free(gone);
    assert_int_equal(ask(&s, "web", RESOLVER_A).outcome, RESOLVER_SERVFAIL);
    teardown(&s);
}

static void test_resolver_cancel_and_free_give_no_callback(void **state)
{
    struct scene s;
    struct reply a = {.done = false}, b = {.done = false}, c = {.done = false};

    (void)state;
    setup(&s);
    dns_script_kind(s.dns, "web", RESOLVER_A, SCRIPT_SILENT);
    resolver_ask(s.r, STR("web"), RESOLVER_A, on_reply, &a);
    resolver_ask(s.r, STR("a b"), RESOLVER_A, on_reply, &b);
    resolver_cancel(s.r, &a);
    resolver_cancel(s.r, &b);
    resolver_ask(s.r, STR("web"), RESOLVER_A, on_reply, &c);
    loop_turn(s.loop, false);
    teardown(&s);
    assert_false(a.done || b.done || c.done);
}

static void test_resolver_may_be_freed_in_a_callback(void **state)
{
    struct scene s;
    struct reply a = {.done = false}, b = {.done = false};

    (void)state;
    setup(&s);
    dns_script_addrs(s.dns, "web", RESOLVER_A, "10.0.0.1");
    dns_script_kind(s.dns, "other", RESOLVER_A, SCRIPT_SILENT);
    a.free_me = s.r;
    resolver_ask(s.r, STR("other"), RESOLVER_A, on_reply, &b);
    resolver_ask(s.r, STR("web"), RESOLVER_A, on_reply, &a);
    wait_for(&s, &a.done);
    s.r = NULL;
    teardown(&s);
    assert_false(b.done);
}

static void test_resolver_knows_docker(void **state)
{
    struct scene s;

    (void)state;
    setup_at(&s, "127.0.0.11");
    assert_true(resolver_is_docker(s.r));
    dns_script_addrs(s.dns, "web", RESOLVER_A, "10.0.0.1");
    assert_int_equal(ask(&s, "web", RESOLVER_A).count, 1);
    teardown(&s);
}

static void test_resolver_of_the_host(void **state)
{
    struct loop *loop = loop_new();
    struct resolver *r = NULL;

    (void)state;
    /* Depends on the host's resolv.conf, but is one of two. */
    int err = resolver_new(loop, NULL, 0, &r);
    assert_true((err == OK && r != NULL) || (err == ERR_NOT_FOUND && r == NULL));
    resolver_free(r);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolver_a_and_aaaa),
        cmocka_unit_test(test_resolver_negative_answers),
        cmocka_unit_test(test_resolver_never_asks_impossible_names),
        cmocka_unit_test(test_resolver_keeps_no_answer),
        cmocka_unit_test(test_resolver_120_replicas_and_more),
        cmocka_unit_test(test_resolver_truncated_goes_to_tcp),
        cmocka_unit_test(test_resolver_ignores_wrong_answers),
        cmocka_unit_test(test_resolver_asks_again_after_a_loss),
        cmocka_unit_test(test_resolver_follows_an_alias),
        cmocka_unit_test(test_resolver_bounds_silence),
        cmocka_unit_test(test_resolver_own_deadline_does_not_wait_for_cares),
        cmocka_unit_test(test_resolver_closed_port_is_failure),
        cmocka_unit_test(test_resolver_cancel_and_free_give_no_callback),
        cmocka_unit_test(test_resolver_may_be_freed_in_a_callback),
        cmocka_unit_test(test_resolver_knows_docker),
        cmocka_unit_test(test_resolver_of_the_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

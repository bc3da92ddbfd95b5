/* SPDX-License-Identifier: MIT */
/* Links that several requests share, and which requests share none; the test plays an HTTP/2
 * service by hand on sockets of 127.0.0.1. */
#include "upstream/transport.h"

#include "base/clock.h"
#include "base/mem.h"
#include "loop/timer.h"
#include "site.h"
#include "upstream/upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NAME       STR("app:5000")
#define IDLE_MS    60000
#define ATTEMPT_MS 250
#define GREET_MS   2000
#define USES_MAX   8

struct use {
    struct rig *rig;
    struct lease *lease;
    struct arena arena;
    unsigned ready;
    unsigned ended;
    enum why why;
};

struct rig {
    struct loop *loop;
    struct counters counters;
    struct slot *slot;
    struct h1_scratch scratch;
    struct deadline_class *idle;
    struct deadline_class *attempt;
    struct deadline_class *greet;
    struct tls_worker *tls;
    struct upstream *up;
    struct upstream_service *service;
    struct transport *h2c;
    struct timer tick; /* so that a wait for nothing ends */
    struct site site;
    struct use uses[USES_MAX];
};

static void on_tick(void *arg)
{
    struct rig *r = arg;
    timer_set(&r->tick, 5);
}

static struct model_target target(enum model_scheme scheme)
{
    return (struct model_target){.scheme = scheme, .host = STR("app"), .service = NAME};
}

static void rig_init(struct rig *r)
{
    *r = (struct rig){.loop = loop_new()};
    clock_freeze(1000000, 1000000);
    assert_int_equal(counters_create(1, &r->counters), OK);
    r->slot = slot_adopt(&r->counters, 0, SLOT_WORKER, 0);
    r->scratch = (struct h1_scratch){.bytes = mem_new(65536), .len = 65536};
    r->idle = deadline_class_new(r->loop, IDLE_MS);
    r->attempt = deadline_class_new(r->loop, ATTEMPT_MS);
    r->greet = deadline_class_new(r->loop, GREET_MS);
    r->tls = tls_worker_new(r->loop);
    timer_init(&r->tick, r->loop, on_tick, r);
    on_tick(r);
    const struct upstream_env env = {.loop = r->loop,
                                     .slot = r->slot,
                                     .scratch = &r->scratch,
                                     .tls = r->tls,
                                     .idle_class = r->idle};
    r->up = upstream_new(&env);
    r->service = upstream_service_get(r->up, NAME, NULL);
    struct model_target to = target(MODEL_SCHEME_H2C);
    assert_int_equal(transport_get(r->up, &to, &r->h2c), OK);
    site_init(&r->site, true);
    upstream_update(r->up, NAME, &r->site.addr, 1);
}

static uint64_t value(struct rig *r, enum counter which)
{
    return counters_sum(&r->counters, which);
}

static void rig_fini(struct rig *r)
{
    for (int i = 0; i < USES_MAX; i++) {
        if (r->uses[i].rig != NULL) {
            lease_end(r->uses[i].lease, WHY_CLIENT_ABORT);
            loop_turn(r->loop, false);
            arena_fini(&r->uses[i].arena);
        }
    }
    transport_unref(r->h2c);
    upstream_service_unref(r->service);
    upstream_free(r->up);
    loop_turn(r->loop, false);
    assert_int_equal(value(r, COUNTER_LINKS_DIALING), 0);
    assert_int_equal(value(r, COUNTER_LINKS_BUSY), 0);
    assert_int_equal(value(r, COUNTER_LINKS_IDLE), 0);
    site_fini(&r->site);
    tls_worker_free(r->tls);
    timer_fini(&r->tick);
    deadline_class_free(r->idle);
    deadline_class_free(r->attempt);
    deadline_class_free(r->greet);
    loop_free(r->loop);
    counters_fini(&r->counters);
    free(r->scratch.bytes);
    clock_resume();
}

/* Turns until the condition holds; a thousand turns of 5 ms are a failure. */
#define WAIT_FOR(r, cond)                                                                          \
    do {                                                                                           \
        int turns = 0;                                                                             \
        while (!(cond)) {                                                                          \
            assert_true(turns++ < 1000);                                                           \
            loop_turn((r)->loop, true);                                                            \
        }                                                                                          \
    } while (0)

static void on_head(void *arg, struct message *m, struct body body)
{
    (void)arg;
    (void)m;
    (void)body;
}

static void on_data(void *arg, struct str data)
{
    (void)arg;
    (void)data;
}

static void on_writable(void *arg)
{
    (void)arg;
}

/* As an exchange does: the lease ends with what ended it. */
static void on_over(void *arg, enum why why)
{
    struct use *u = arg;
    u->ended++;
    u->why = why;
    lease_end(u->lease, why);
    u->lease = NULL;
}

static void on_end(void *arg)
{
    on_over(arg, WHY_OK);
}

static const struct channel_events channel_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_abort = on_over,
};

static void on_ready(void *arg)
{
    struct use *u = arg;
    struct message m;
    u->ready++;
    message_init(&m, &u->arena);
    m.version = HTTP_1_1;
    m.method = METHOD_GET;
    m.method_text = STR("GET");
    m.target = STR("/");
    message_add(&m, STR("Host"), STR("a.test"));
    struct channel *ch = lease_channel(u->lease);
    channel_bind(ch, &channel_events, u);
    channel_send_head(ch, &m, (struct body){.kind = BODY_NONE}, STR(""));
}

static const struct lease_events lease_events = {.on_ready = on_ready, .on_failed = on_over};

static struct use *use_begin(struct rig *r, int i, struct transport *t, bool fresh)
{
    static const struct h1_limits limits = {.head_bytes = 16384, .fields = 100};
    struct use *u = &r->uses[i];
    *u = (struct use){.rig = r};
    arena_init(&u->arena, 1024);
    const struct lease_want want = {.arena = &u->arena,
                                    .transport = t,
                                    .attempt_class = r->attempt,
                                    .greet_class = r->greet,
                                    .limits = &limits,
                                    .fresh = fresh};
    u->lease = lease_new(r->service, &want, &lease_events, u);
    return u;
}

static unsigned ready(const struct rig *r)
{
    unsigned n = 0;
    for (int i = 0; i < USES_MAX; i++) {
        n += r->uses[i].ready;
    }
    return n;
}

static void say(struct rig *r, size_t conn, const char *bytes, size_t len)
{
    assert_int_equal(send(r->site.conns[conn], bytes, len, MSG_NOSIGNAL), len);
}

/* SETTINGS with MAX_CONCURRENT_STREAMS. */
static void greet(struct rig *r, size_t conn, char streams)
{
    const char settings[] = {0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, streams};
    WAIT_FOR(r, site_read(&r->site, conn) > 0);
    say(r, conn, settings, sizeof(settings));
}

/* HEADERS with ":status: 204" and the end of the stream. */
static void answer(struct rig *r, size_t conn, char id)
{
    const char head[] = {0, 0, 1, 1, 5, 0, 0, 0, id, (char)0x89};
    say(r, conn, head, sizeof(head));
}

static void test_transport_shares_a_link(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    for (int i = 0; i < 5; i++) {
        use_begin(&r, i, r.h2c, false);
    }
    WAIT_FOR(&r, site_conns(&r.site) == 1);
    assert_int_equal(ready(&r), 0); /* nothing is sent before the service has greeted */
    greet(&r, 0, 3);
    /* Three fit; the others make another link, one for both. */
    WAIT_FOR(&r, ready(&r) == 3 && site_conns(&r.site) == 2);
    greet(&r, 1, 3);
    WAIT_FOR(&r, ready(&r) == 5);
    assert_int_equal(value(&r, COUNTER_LINKS_OPENED), 2);
    assert_string_equal(lease_protocol(r.uses[0].lease), "HTTP/2");
    assert_false(lease_is_reused(r.uses[4].lease));
    /* The second has room for one. */
    struct use *late = use_begin(&r, 5, r.h2c, false);
    WAIT_FOR(&r, late->ready == 1);
    assert_true(lease_is_reused(late->lease));
    assert_int_equal(site_conns(&r.site), 2);
    WAIT_FOR(&r, site_read(&r.site, 0) > 0);
    answer(&r, 0, 1);
    WAIT_FOR(&r, r.uses[0].ended == 1);
    assert_int_equal(r.uses[0].why, WHY_OK);
    assert_int_equal(value(&r, COUNTER_LINKS_BUSY), 2);
    answer(&r, 0, 3);
    answer(&r, 0, 5);
    WAIT_FOR(&r, value(&r, COUNTER_LINKS_IDLE) == 1);
    clock_advance(IDLE_MS + 100);
    WAIT_FOR(&r, value(&r, COUNTER_LINKS_IDLE) == 0);
    assert_int_equal(value(&r, COUNTER_LINKS_BUSY), 1);
    rig_fini(&r);
}

static void test_transport_goaway_ends_the_lending(void **state)
{
    (void)state;
    static const char goaway[] = {0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0};
    struct rig r;
    rig_init(&r);
    struct use *a = use_begin(&r, 0, r.h2c, false);
    greet(&r, 0, 9);
    WAIT_FOR(&r, a->ready == 1);
    struct use *b = use_begin(&r, 1, r.h2c, false);
    WAIT_FOR(&r, b->ready == 1 && site_read(&r.site, 0) > 0);
    say(&r, 0, goaway, sizeof(goaway));
    WAIT_FOR(&r, b->ended == 1);
    assert_int_equal(b->why, WHY_UPSTREAM_REFUSED);
    struct use *c = use_begin(&r, 2, r.h2c, false);
    WAIT_FOR(&r, site_conns(&r.site) == 2);
    answer(&r, 0, 1);
    WAIT_FOR(&r, a->ended == 1);
    assert_int_equal(a->why, WHY_OK);
    ssize_t n = 1;
    WAIT_FOR(&r, (n = site_read(&r.site, 0)) == 0);
    greet(&r, 1, 9);
    WAIT_FOR(&r, c->ready == 1);
    rig_fini(&r);
}

static void test_transport_needs_a_greeting(void **state)
{
    (void)state;
    static const char h1[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    struct rig r;
    rig_init(&r);
    struct use *a = use_begin(&r, 0, r.h2c, false);
    struct use *b = use_begin(&r, 1, r.h2c, false);
    WAIT_FOR(&r, site_read(&r.site, 0) > 0);
    say(&r, 0, h1, sizeof(h1) - 1);
    WAIT_FOR(&r, a->ended == 1 && b->ended == 1);
    assert_int_equal(a->why, WHY_UPSTREAM_NOT_H2);
    struct use *c = use_begin(&r, 2, r.h2c, false);
    WAIT_FOR(&r, site_read(&r.site, 1) > 0);
    clock_advance(ATTEMPT_MS + 1); /* that is over: it is connected */
    loop_turn(r.loop, false);
    loop_turn(r.loop, false);
    assert_int_equal(c->ended, 0);
    clock_advance(GREET_MS);
    WAIT_FOR(&r, c->ended == 1);
    assert_int_equal(c->why, WHY_CONNECT_TIMEOUT);
    /* Whoever gives up while waiting leaves the others alone; the last one takes the link along. */
    clock_advance(10001);
    struct use *d = use_begin(&r, 3, r.h2c, false);
    struct use *e = use_begin(&r, 4, r.h2c, false);
    WAIT_FOR(&r, site_read(&r.site, 2) > 0);
    lease_end(d->lease, WHY_CLIENT_ABORT);
    d->lease = NULL;
    assert_int_equal(value(&r, COUNTER_LINKS_DIALING), 1);
    lease_end(e->lease, WHY_CLIENT_ABORT);
    e->lease = NULL;
    assert_int_equal(value(&r, COUNTER_LINKS_DIALING), 0);
    rig_fini(&r);
}

static void test_transport_address_leaves(void **state)
{
    (void)state;
    struct rig r;
    struct site other;
    rig_init(&r);
    site_init(&other, true);
    struct use *a = use_begin(&r, 0, r.h2c, false);
    greet(&r, 0, 9);
    WAIT_FOR(&r, a->ready == 1 && site_read(&r.site, 0) > 0);
    upstream_update(r.up, NAME, &other.addr, 1);
    use_begin(&r, 1, r.h2c, false);
    WAIT_FOR(&r, site_conns(&other) == 1);
    answer(&r, 0, 1);
    WAIT_FOR(&r, a->ended == 1);
    assert_int_equal(a->why, WHY_OK);
    assert_int_equal(value(&r, COUNTER_LINKS_IDLE), 0);
    rig_fini(&r);
    site_fini(&other);
}

static void test_transport_keeps_links_apart(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    struct use *a = use_begin(&r, 0, r.h2c, false);
    greet(&r, 0, 9);
    WAIT_FOR(&r, a->ready == 1);
    struct use *plain = use_begin(&r, 1, NULL, false);
    WAIT_FOR(&r, plain->ready == 1);
    assert_string_equal(lease_protocol(plain->lease), "HTTP/1.1");
    WAIT_FOR(&r, site_read(&r.site, 1) > 0);
    site_answer(&r.site, 1);
    WAIT_FOR(&r, plain->ended == 1);
    /* The idle one is plain: it carries no HTTP/2. */
    struct use *b = use_begin(&r, 2, r.h2c, true);
    WAIT_FOR(&r, site_conns(&r.site) == 3);
    assert_int_equal(b->ready, 0);
    rig_fini(&r);
}

static void test_transport_is_one_for_the_same_policy(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    struct transport *got[6] = {NULL};
    struct model_target to = target(MODEL_SCHEME_HTTP);
    assert_int_equal(transport_get(r.up, &to, &got[0]), OK);
    assert_null(got[0]);
    to = target(MODEL_SCHEME_H2C);
    assert_int_equal(transport_get(r.up, &to, &got[0]), OK);
    assert_ptr_equal(got[0], r.h2c);
    to = target(MODEL_SCHEME_HTTPS);
    to.verify.off = true;
    assert_int_equal(transport_get(r.up, &to, &got[1]), OK);
    assert_int_equal(transport_get(r.up, &to, &got[2]), OK);
    assert_ptr_equal(got[1], got[2]);
    to.verify.name = STR("other");
    assert_int_equal(transport_get(r.up, &to, &got[3]), OK);
    assert_ptr_not_equal(got[3], got[1]);
    /* Authorities that cannot be read are an error, not a policy. */
    struct model_file ca = {.bytes = STR("nothing")};
    to.verify.off = false;
    to.verify.ca = &ca;
    assert_int_equal(transport_get(r.up, &to, &got[4]), ERR_SYNTAX);
    to.verify.ca = NULL;
    assert_int_equal(transport_get(r.up, &to, &got[4]), ERR_SYNTAX);
    for (int i = 0; i < 4; i++) {
        transport_unref(got[i]);
    }
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transport_shares_a_link),
        cmocka_unit_test(test_transport_goaway_ends_the_lending),
        cmocka_unit_test(test_transport_needs_a_greeting),
        cmocka_unit_test(test_transport_address_leaves),
        cmocka_unit_test(test_transport_keeps_links_apart),
        cmocka_unit_test(test_transport_is_one_for_the_same_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

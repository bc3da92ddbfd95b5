/* SPDX-License-Identifier: MIT */
/* Links that several requests share, and which requests share none; the test plays an HTTP/2
 * service by hand on sockets of 127.0.0.1. */
#include "upstream/transport.h"

#include "upstream_rig.h"

#define USES_MAX 8

struct scene {
    struct rig rig;
    struct transport *h2c;
    struct site site;
    struct use uses[USES_MAX];
};

static struct model_target target(enum model_scheme scheme)
{
    return (struct model_target){.scheme = scheme, .host = STR("app"), .service = NAME};
}

static void scene_init(struct scene *s)
{
    struct model_target to = target(MODEL_SCHEME_H2C);
    *s = (struct scene){.h2c = NULL};
    rig_init(&s->rig);
    assert_int_equal(transport_get(s->rig.up, &to, &s->h2c), OK);
    site_init(&s->site, true);
    upstream_update(s->rig.up, NAME, &s->site.addr, 1);
}

static void scene_fini(struct scene *s)
{
    for (int i = 0; i < USES_MAX; i++) {
        if (s->uses[i].rig != NULL) {
            use_fini(&s->uses[i]);
        }
    }
    transport_unref(s->h2c);
    rig_fini(&s->rig);
    site_fini(&s->site);
}

static struct use *begin(struct scene *s, int i, struct transport *t, bool fresh)
{
    use_begin_by(&s->uses[i], &s->rig, t, fresh);
    return &s->uses[i];
}

static unsigned ready(const struct scene *s)
{
    unsigned n = 0;
    for (int i = 0; i < USES_MAX; i++) {
        n += s->uses[i].ready;
    }
    return n;
}

static void say(struct scene *s, size_t conn, const char *bytes, size_t len)
{
    assert_int_equal(send(s->site.conns[conn], bytes, len, MSG_NOSIGNAL), len);
}

/* SETTINGS with MAX_CONCURRENT_STREAMS. */
static void greet(struct scene *s, size_t conn, char streams)
{
    const char settings[] = {0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, streams};
    WAIT_FOR(&s->rig, site_read(&s->site, conn) > 0);
    say(s, conn, settings, sizeof(settings));
}

/* HEADERS with ":status: 204" and the end of the stream. */
static void answer(struct scene *s, size_t conn, char id)
{
    const char head[] = {0, 0, 1, 1, 5, 0, 0, 0, id, (char)0x89};
    say(s, conn, head, sizeof(head));
}

static void test_transport_shares_a_link(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    for (int i = 0; i < 5; i++) {
        begin(&s, i, s.h2c, false);
    }
    WAIT_FOR(&s.rig, site_conns(&s.site) == 1);
    assert_int_equal(ready(&s), 0); /* nothing is sent before the service has greeted */
    greet(&s, 0, 3);
    /* Three fit; the others make another link, one for both. */
    WAIT_FOR(&s.rig, ready(&s) == 3 && site_conns(&s.site) == 2);
    greet(&s, 1, 3);
    WAIT_FOR(&s.rig, ready(&s) == 5);
    assert_int_equal(value(&s.rig, COUNTER_LINKS_OPENED), 2);
    assert_string_equal(lease_protocol(s.uses[0].lease), "HTTP/2");
    assert_false(lease_is_reused(s.uses[4].lease));
    /* The second has room for one. */
    struct use *late = begin(&s, 5, s.h2c, false);
    WAIT_FOR(&s.rig, late->ready == 1);
    assert_true(lease_is_reused(late->lease));
    assert_int_equal(site_conns(&s.site), 2);
    WAIT_FOR(&s.rig, site_read(&s.site, 0) > 0);
    answer(&s, 0, 1);
    WAIT_FOR(&s.rig, s.uses[0].ended == 1);
    assert_int_equal(s.uses[0].why, WHY_OK);
    assert_int_equal(value(&s.rig, COUNTER_LINKS_BUSY), 2);
    answer(&s, 0, 3);
    answer(&s, 0, 5);
    WAIT_FOR(&s.rig, value(&s.rig, COUNTER_LINKS_IDLE) == 1);
    clock_advance(IDLE_MS + 100);
    WAIT_FOR(&s.rig, value(&s.rig, COUNTER_LINKS_IDLE) == 0);
    assert_int_equal(value(&s.rig, COUNTER_LINKS_BUSY), 1);
    scene_fini(&s);
}

static void test_transport_goaway_ends_the_lending(void **state)
{
    (void)state;
    static const char goaway[] = {0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0};
    struct scene s;
    scene_init(&s);
    struct use *a = begin(&s, 0, s.h2c, false);
    greet(&s, 0, 9);
    WAIT_FOR(&s.rig, a->ready == 1);
    struct use *b = begin(&s, 1, s.h2c, false);
    WAIT_FOR(&s.rig, b->ready == 1 && site_read(&s.site, 0) > 0);
    say(&s, 0, goaway, sizeof(goaway));
    WAIT_FOR(&s.rig, b->ended == 1);
    assert_int_equal(b->why, WHY_UPSTREAM_REFUSED);
    struct use *c = begin(&s, 2, s.h2c, false);
    WAIT_FOR(&s.rig, site_conns(&s.site) == 2);
    answer(&s, 0, 1);
    WAIT_FOR(&s.rig, a->ended == 1);
    assert_int_equal(a->why, WHY_OK);
    ssize_t n = 1;
    WAIT_FOR(&s.rig, (n = site_read(&s.site, 0)) == 0);
    greet(&s, 1, 9);
    WAIT_FOR(&s.rig, c->ready == 1);
    scene_fini(&s);
}

static void test_transport_needs_a_greeting(void **state)
{
    (void)state;
    static const char h1[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    struct scene s;
    scene_init(&s);
    struct use *a = begin(&s, 0, s.h2c, false);
    struct use *b = begin(&s, 1, s.h2c, false);
    WAIT_FOR(&s.rig, site_read(&s.site, 0) > 0);
    say(&s, 0, h1, sizeof(h1) - 1);
    WAIT_FOR(&s.rig, a->failed == 1 && b->failed == 1);
    assert_int_equal(a->why, WHY_UPSTREAM_NOT_H2);
    struct use *c = begin(&s, 2, s.h2c, false);
    WAIT_FOR(&s.rig, site_read(&s.site, 1) > 0);
    clock_advance(ATTEMPT_MS + 1); /* that is over: it is connected */
    loop_turn(s.rig.loop, false);
    loop_turn(s.rig.loop, false);
    assert_int_equal(c->failed, 0);
    clock_advance(GREET_MS);
    WAIT_FOR(&s.rig, c->failed == 1);
    assert_int_equal(c->why, WHY_CONNECT_TIMEOUT);
    /* Whoever gives up while waiting leaves the others alone; the last one takes the link along. */
    clock_advance(10001);
    struct use *d = begin(&s, 3, s.h2c, false);
    struct use *e = begin(&s, 4, s.h2c, false);
    WAIT_FOR(&s.rig, site_read(&s.site, 2) > 0);
    lease_end(d->lease, WHY_CLIENT_ABORT);
    d->lease = NULL;
    assert_int_equal(value(&s.rig, COUNTER_LINKS_DIALING), 1);
    lease_end(e->lease, WHY_CLIENT_ABORT);
    e->lease = NULL;
    assert_int_equal(value(&s.rig, COUNTER_LINKS_DIALING), 0);
    scene_fini(&s);
}

static void test_transport_address_leaves(void **state)
{
    (void)state;
    struct scene s;
    struct site other;
    scene_init(&s);
    site_init(&other, true);
    struct use *a = begin(&s, 0, s.h2c, false);
    greet(&s, 0, 9);
    WAIT_FOR(&s.rig, a->ready == 1 && site_read(&s.site, 0) > 0);
    upstream_update(s.rig.up, NAME, &other.addr, 1);
    begin(&s, 1, s.h2c, false);
    WAIT_FOR(&s.rig, site_conns(&other) == 1);
    answer(&s, 0, 1);
    WAIT_FOR(&s.rig, a->ended == 1);
    assert_int_equal(a->why, WHY_OK);
    assert_int_equal(value(&s.rig, COUNTER_LINKS_IDLE), 0);
    scene_fini(&s);
    site_fini(&other);
}

static void test_transport_keeps_links_apart(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    struct use *a = begin(&s, 0, s.h2c, false);
    greet(&s, 0, 9);
    WAIT_FOR(&s.rig, a->ready == 1);
    struct use *plain = begin(&s, 1, NULL, false);
    WAIT_FOR(&s.rig, plain->ready == 1);
    assert_string_equal(lease_protocol(plain->lease), "HTTP/1.1");
    WAIT_FOR(&s.rig, site_read(&s.site, 1) > 0);
    site_answer(&s.site, 1);
    WAIT_FOR(&s.rig, plain->ended == 1);
    /* The idle one is plain: it carries no HTTP/2. */
    struct use *b = begin(&s, 2, s.h2c, true);
    WAIT_FOR(&s.rig, site_conns(&s.site) == 3);
    assert_int_equal(b->ready, 0);
    scene_fini(&s);
}

static void test_transport_is_one_for_the_same_policy(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    struct transport *got[6] = {NULL};
    struct model_target to = target(MODEL_SCHEME_HTTP);
    assert_int_equal(transport_get(s.rig.up, &to, &got[0]), OK);
    assert_null(got[0]);
    to = target(MODEL_SCHEME_H2C);
    assert_int_equal(transport_get(s.rig.up, &to, &got[0]), OK);
    assert_ptr_equal(got[0], s.h2c);
    to = target(MODEL_SCHEME_HTTPS);
    to.verify.off = true;
    assert_int_equal(transport_get(s.rig.up, &to, &got[1]), OK);
    assert_int_equal(transport_get(s.rig.up, &to, &got[2]), OK);
    assert_ptr_equal(got[1], got[2]);
    to.verify.name = STR("other");
    assert_int_equal(transport_get(s.rig.up, &to, &got[3]), OK);
    assert_ptr_not_equal(got[3], got[1]);
    /* Authorities that cannot be read are an error, not a policy. */
    struct model_file ca = {.bytes = STR("nothing")};
    to.verify.off = false;
    to.verify.ca = &ca;
    assert_int_equal(transport_get(s.rig.up, &to, &got[4]), ERR_SYNTAX);
    to.verify.ca = NULL;
    assert_int_equal(transport_get(s.rig.up, &to, &got[4]), ERR_SYNTAX);
    for (int i = 0; i < 4; i++) {
        transport_unref(got[i]);
    }
    scene_fini(&s);
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

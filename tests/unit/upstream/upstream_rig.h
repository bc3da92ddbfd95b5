/* SPDX-License-Identifier: MIT */
/* A worker's upstream floor with one service, and requests of users on it, for the tests of this
 * folder. */
#ifndef HIVEDOOR_TESTS_UPSTREAM_RIG_H
#define HIVEDOOR_TESTS_UPSTREAM_RIG_H

#include "base/clock.h"
#include "base/fd.h"
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
    struct timer tick; /* so that a wait for nothing ends */
    unsigned hurries;
};

/* One request of a user. */
struct use {
    struct rig *rig;
    struct lease *lease;
    struct arena arena;
    unsigned ready;
    unsigned failed;
    unsigned ended;
    enum why why;
};

static inline void on_tick(void *arg)
{
    struct rig *r = arg;
    timer_set(&r->tick, 5);
}

static inline void on_hurry(void *arg, struct str service)
{
    struct rig *r = arg;
    assert_true(str_eq(service, NAME));
    r->hurries++;
}

static inline void rig_init(struct rig *r)
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
                                     .idle_class = r->idle,
                                     .hurry = on_hurry,
                                     .arg = r};
    r->up = upstream_new(&env);
    r->service = upstream_service_get(r->up, NAME, NULL);
}

static inline uint64_t value(struct rig *r, enum counter which)
{
    return counters_sum(&r->counters, which);
}

static inline void rig_fini(struct rig *r)
{
    upstream_service_unref(r->service);
    upstream_free(r->up);
    loop_turn(r->loop, false);
    assert_int_equal(value(r, COUNTER_LINKS_DIALING), 0);
    assert_int_equal(value(r, COUNTER_LINKS_BUSY), 0);
    assert_int_equal(value(r, COUNTER_LINKS_IDLE), 0);
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

static inline void on_head(void *arg, struct message *m, struct body body)
{
    (void)arg;
    (void)m;
    (void)body;
}

static inline void on_data(void *arg, struct str data)
{
    (void)arg;
    (void)data;
}

/* As an exchange does: the lease ends with what ended it. */
static inline void use_over(struct use *u, enum why why)
{
    u->ended++;
    u->why = why;
    lease_end(u->lease, why);
    u->lease = NULL;
}

static inline void on_end(void *arg)
{
    use_over(arg, WHY_OK);
}

static inline void on_writable(void *arg)
{
    (void)arg;
}

static inline void on_abort(void *arg, enum why why)
{
    use_over(arg, why);
}

static const struct channel_events channel_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_abort = on_abort,
};

static inline void on_ready(void *arg)
{
    struct use *u = arg;
    u->ready++;
    struct message m;
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

static inline void on_failed(void *arg, enum why why)
{
    struct use *u = arg;
    u->failed++;
    u->why = why;
    lease_end(u->lease, why);
    u->lease = NULL;
}

static const struct lease_events lease_events = {.on_ready = on_ready, .on_failed = on_failed};

static inline void use_begin_by(struct use *u, struct rig *r, struct transport *t, bool fresh)
{
    static const struct h1_limits limits = {.head_bytes = 16384, .fields = 100};
    *u = (struct use){.rig = r};
    arena_init(&u->arena, 1024);
    const struct lease_want want = {.arena = &u->arena,
                                    .transport = t,
                                    .attempt_class = r->attempt,
                                    .greet_class = r->greet,
                                    .limits = &limits,
                                    .fresh = fresh};
    u->lease = lease_new(r->service, &want, &lease_events, u);
    assert_int_equal(u->ready + u->failed, 0);
}

static inline void use_begin(struct use *u, struct rig *r, bool fresh)
{
    use_begin_by(u, r, NULL, fresh);
}

static inline void use_fini(struct use *u)
{
    lease_end(u->lease, WHY_CLIENT_ABORT);
    loop_turn(u->rig->loop, false);
    arena_fini(&u->arena);
}

/* A whole request that the site answers on connection `conn`. */
static inline void use_once(struct rig *r, struct site *s, size_t conn, bool fresh)
{
    struct use u;
    use_begin(&u, r, fresh);
    WAIT_FOR(r, site_read(s, conn) > 0);
    site_answer(s, conn);
    WAIT_FOR(r, u.ended == 1);
    assert_int_equal(u.why, WHY_OK);
    use_fini(&u);
}

static inline void publish(struct rig *r, const struct site *a, const struct site *b)
{
    struct addr addrs[2];
    size_t count = 0;
    if (a != NULL) {
        addrs[count++] = a->addr;
    }
    if (b != NULL) {
        addrs[count++] = b->addr;
    }
    upstream_update(r->up, NAME, addrs, count);
    assert_int_equal(upstream_service_endpoints(r->service), count);
}

#endif

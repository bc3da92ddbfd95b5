/* SPDX-License-Identifier: MIT */
/* The scene of tests of dns/service: one name against a scripted server. */
#ifndef HIVEDOOR_TESTS_SERVICE_SCENE_H
#define HIVEDOOR_TESTS_SERVICE_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "dns/service.h"
#include "dns_script.h"
#include "loop/timer.h"

#define GIVE_UP_MS 20000
#define QUICK_MS   10    /* a refresh that tests can wait for */
#define NEVER_MS   60000 /* one that never comes */
#define PORT       5000

struct scene {
    struct loop *loop;
    struct dns_script *dns;
    struct resolver *r;
    struct service_group *group;
    struct service *s;
    size_t published;
    char set[4096]; /* the last one, as text */
    bool free_in_callback;
    size_t remembered; /* how many were told last */
};

static inline void setup(struct scene *t, const char *ip)
{
    *t = (struct scene){.loop = loop_new()};
    t->dns = dns_script_new(t->loop, ip);
    assert_int_equal(resolver_new(t->loop, dns_script_addr(t->dns), 1, &t->r), OK);
}

static inline void teardown(struct scene *t)
{
    clock_resume();
    service_free(t->s);
    service_group_free(t->group);
    resolver_free(t->r);
    dns_script_free(t->dns);
    loop_free(t->loop);
}

static inline void on_set(void *arg, struct service *s, const struct addr *addrs, size_t count)
{
    struct scene *t = arg;
    struct buf b;
    char text[ADDR_TEXT_MAX];

    buf_init(&b, sizeof(t->set));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(buf_printf(&b, "%s%s", i > 0 ? " " : "", addr_print(&addrs[i], text)), OK);
    }
    str_copy(t->set, sizeof(t->set), buf_str(&b));
    buf_fini(&b);
    t->published++;
    if (t->free_in_callback) {
        t->s = NULL;
        service_free(s);
    }
}

static inline void start(struct scene *t, const char *name, uint32_t refresh_ms)
{
    struct service_spec spec = {.name = str_of(name), .port = PORT, .fn = on_set, .arg = t};

    t->group =
        service_group_new(t->loop, t->r, (struct service_group_spec){.refresh_ms = refresh_ms});
    t->s = service_new(t->group, spec);
    assert_int_equal(t->published, 0);
}

static inline void on_give_up(void *arg)
{
    (void)arg;
    fail_msg("nothing came in %d ms", GIVE_UP_MS);
}

/* Turns the loop until `test` holds. */
#define WAIT_FOR(t, test)                                                                          \
    do {                                                                                           \
        struct timer guard;                                                                        \
        timer_init(&guard, (t)->loop, on_give_up, NULL);                                           \
        timer_set(&guard, GIVE_UP_MS);                                                             \
        while (!(test)) {                                                                          \
            loop_turn((t)->loop, true);                                                            \
        }                                                                                          \
        timer_fini(&guard);                                                                        \
    } while (0)

static inline enum service_state state_of(struct scene *t)
{
    struct service_info info;

    service_info(t->s, &info);
    return info.state;
}

static inline size_t asked(struct scene *t, const char *name)
{
    return dns_script_asked(t->dns, name, RESOLVER_A);
}

/* Waits until `n` more questions have been asked, and answered if they are answered at all. */
static inline void wait_rounds(struct scene *t, const char *name, size_t n)
{
    size_t want = asked(t, name) + n + 1;

    WAIT_FOR(t, asked(t, name) >= want);
}

#endif

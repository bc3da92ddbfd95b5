/* SPDX-License-Identifier: MIT */
#include "daemon/checks.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "checks_impl.h"

#define SCRATCH_BYTES (64 * 1024)
#define KEY_MAX       8192

/* ---- targets ---- */

static struct target *find_target(const struct check *k, const struct addr *addr)
{
    for (struct list *it = k->targets.next; it != &k->targets; it = it->next) {
        struct target *t = CONTAINER_OF(it, struct target, node);
        if (addr_eq(&t->addr, addr)) {
            return t;
        }
    }
    return NULL;
}

static bool has_addr(const struct served *s, const struct addr *addr)
{
    for (size_t i = 0; i < s->count; i++) {
        if (addr_eq(&s->addrs[i], addr)) {
            return true;
        }
    }
    return false;
}

static bool is_same(const struct served *s, const struct addr *addrs, size_t count)
{
    bool is_same = s->count == count;

    for (size_t i = 0; is_same && i < count; i++) {
        is_same = addr_eq(&s->addrs[i], &addrs[i]);
    }
    return is_same;
}

/* A target for each address, and for no other. */
static void take_addresses(struct check *k)
{
    const struct served *s = k->served;

    LIST_EACH (&k->targets, it, tmp) {
        struct target *t = CONTAINER_OF(it, struct target, node);
        if (!has_addr(s, &t->addr)) {
            checks_target_free(t);
        }
    }
    for (size_t i = 0; i < s->count; i++) {
        struct target *t = find_target(k, &s->addrs[i]);
        if (t == NULL) {
            t = checks_target_new(k, &s->addrs[i]);
        }
        t->index = i;
    }
}

void checks_addresses(struct checks *c, struct str service, const struct addr *addrs, size_t count)
{
    struct served *s = map_get(c->services, service);

    if (s == NULL || is_same(s, addrs, count)) {
        return;
    }
    struct addr *copy = mem_array(count, sizeof(*copy));
    for (size_t i = 0; i < count; i++) {
        copy[i] = addrs[i];
    }
    free(s->addrs);
    s->addrs = copy;
    s->count = count;
    LIST_EACH (&s->checks, it, tmp) {
        take_addresses(CONTAINER_OF(it, struct check, node));
    }
}

/* ---- checks ---- */

/* True: something that it took out is to be used again. */
static bool check_free(struct check *k)
{
    bool had_failing = false;

    LIST_EACH (&k->targets, it, tmp) {
        struct target *t = CONTAINER_OF(it, struct target, node);
        had_failing = had_failing || t->verdict.is_failing;
        checks_target_free(t);
    }
    list_remove(&k->node);
    tls_client_unref(k->tls);
    free(k->key);
    free(k->path);
    free(k->host);
    loop_free_later(k->served->home->loop, k);
    return had_failing;
}

static void served_free(struct served *s)
{
    LIST_EACH (&s->checks, it, tmp) {
        (void)check_free(CONTAINER_OF(it, struct check, node));
    }
    (void)map_remove(s->home->services, str_of(s->name));
    free(s->addrs);
    free(s->name);
    loop_free_later(s->home->loop, s);
}

/* The name that TLS asks for. */
static struct str tls_name(const struct model_target *to)
{
    return to->verify.name.len > 0 ? to->verify.name : to->host;
}

/* As the Host field has it: the port only where it is not the scheme's own. */
static char *make_host(const struct model_route *r)
{
    uint16_t usual = r->to.scheme == MODEL_SCHEME_HTTPS ? 443 : 80;

    if (r->health.host.len > 0) {
        return str_dup(r->health.host);
    }
    return str_dup(r->to.port == usual ? r->to.host : r->to.service);
}

static void write_key(const struct model_route *r, struct buf *out)
{
    const struct model_health *h = &r->health;
    struct str tls = r->to.scheme == MODEL_SCHEME_HTTPS ? tls_name(&r->to) : STR("");

    REQUIRE(buf_printf(out, "%d %.*s %.*s %.*s %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32,
                       (int)r->to.scheme, STR_FMT(tls), STR_FMT(h->path), STR_FMT(h->host),
                       h->interval_ms, h->timeout_ms, h->fall, h->rise) == OK);
}

static int make_tls(const struct model_target *to, struct tls_client **out_tls)
{
    static const char *const protocols[] = {"h2", "http/1.1", NULL};
    const struct tls_client_settings settings = {
        .verify_off = true, .name = tls_name(to), .alpn = protocols};

    *out_tls = NULL;
    return to->scheme == MODEL_SCHEME_HTTPS ? tls_client_new(&settings, out_tls) : OK;
}

/* What probes share costs memory: it is there once there is a check. */
static void make_env(struct checks *c)
{
    if (c->env.tls == NULL) {
        c->scratch = (struct h1_scratch){.bytes = mem_new(SCRATCH_BYTES), .len = SCRATCH_BYTES};
        c->env = (struct probe_env){
            .loop = c->loop, .scratch = &c->scratch, .tls = tls_worker_new(c->loop)};
    }
}

static void check_new(struct served *s, const struct model_route *r, struct str key)
{
    struct tls_client *tls;

    if (make_tls(&r->to, &tls) != OK) {
        log_event(LOG_ERROR, "no_check", "%s is not checked: TLS refuses to begin", s->name);
        return;
    }
    struct check *k = NEW(struct check);
    make_env(s->home);
    k->served = s;
    k->key = str_dup(key);
    k->scheme = r->to.scheme;
    k->tls = tls;
    k->path = str_dup(r->health.path);
    k->host = make_host(r);
    k->how = r->health;
    k->how.path = str_of(k->path);
    k->how.host = str_of(k->host);
    k->is_wanted = true;
    list_init(&k->targets);
    list_push_back(&s->checks, &k->node);
    take_addresses(k);
}

static struct served *serve(struct checks *c, struct str name)
{
    struct served *s = map_get(c->services, name);

    if (s == NULL) {
        s = NEW(struct served);
        s->home = c;
        s->name = str_dup(name);
        list_init(&s->checks);
        (void)map_put(c->services, name, s);
    }
    return s;
}

static void want(struct checks *c, const struct model_route *r)
{
    struct served *s = serve(c, r->to.service);
    struct buf key;

    buf_init(&key, KEY_MAX);
    write_key(r, &key);
    bool is_known = false;
    LIST_EACH (&s->checks, it, tmp) {
        struct check *k = CONTAINER_OF(it, struct check, node);
        if (str_eq(str_of(k->key), buf_str(&key))) {
            k->is_wanted = true;
            is_known = true;
        }
    }
    if (!is_known) {
        check_new(s, r, buf_str(&key));
    }
    buf_fini(&key);
}

/* ---- the model ---- */

static void unwant_all(struct checks *c)
{
    size_t pos = 0;
    struct str name;
    void *value;

    while (map_next(c->services, &pos, &name, &value)) {
        struct served *s = value;
        LIST_EACH (&s->checks, it, tmp) {
            CONTAINER_OF(it, struct check, node)->is_wanted = false;
        }
    }
}

/* True: what the service has in use is another set now. */
static bool drop_unwanted(struct served *s)
{
    bool has_changed = false;

    LIST_EACH (&s->checks, it, tmp) {
        struct check *k = CONTAINER_OF(it, struct check, node);
        if (!k->is_wanted) {
            has_changed = check_free(k) || has_changed;
        }
    }
    return has_changed;
}

void checks_set(struct checks *c, const struct model *m)
{
    size_t pos = 0;
    struct str name;
    void *value;

    unwant_all(c);
    for (size_t i = 0; i < m->site_count; i++) {
        for (size_t k = 0; k < m->sites[i].route_count; k++) {
            const struct model_route *r = &m->sites[i].routes[k];
            if (r->health.interval_ms > 0 && !r->to.is_pattern && !r->to.is_literal) {
                want(c, r);
            }
        }
    }
    while (map_next(c->services, &pos, &name, &value)) {
        struct served *s = value;
        bool has_changed = drop_unwanted(s);
        if (has_changed) {
            c->fn(c->arg, str_of(s->name));
        }
        if (list_is_empty(&s->checks)) {
            served_free(s);
            pos = 0; /* the map has changed */
        }
    }
}

/* ---- what is known ---- */

/* Which of the addresses fail a check, in their order; the caller's. */
bool *checks_list_failing(const struct served *s)
{
    bool *fails = mem_array(s->count + 1, sizeof(*fails));

    for (struct list *it = s->checks.next; it != &s->checks; it = it->next) {
        const struct check *k = CONTAINER_OF(it, struct check, node);
        for (struct list *at = k->targets.next; at != &k->targets; at = at->next) {
            const struct target *t = CONTAINER_OF(at, struct target, node);
            fails[t->index] = fails[t->index] || t->verdict.is_failing;
        }
    }
    return fails;
}

/* Of several checks the one that fails for the longest time speaks. */
static bool is_worse(const struct checks_verdict *a, const struct checks_verdict *b)
{
    if (a->is_failing != b->is_failing) {
        return a->is_failing;
    }
    return a->is_failing && a->since_wall_ms < b->since_wall_ms;
}

bool checks_verdict(const struct checks *c, struct str service, const struct addr *addr,
                    struct checks_verdict *out)
{
    const struct served *s = map_get(c->services, service);
    bool is_known = false;

    for (struct list *it = s == NULL ? NULL : s->checks.next; s != NULL && it != &s->checks;
         it = it->next) {
        const struct target *t = find_target(CONTAINER_OF(it, struct check, node), addr);
        if (t != NULL && (!is_known || is_worse(&t->verdict, out))) {
            *out = t->verdict;
            is_known = true;
        }
    }
    return is_known;
}

/* Appends those that fail, or the others, with their names until one does not fit. */
static void put_part(struct checks_order *o, const struct served *s, const bool *fails,
                     bool of_failing)
{
    struct str names = o->names;

    for (size_t i = 0; i < s->count; i++) {
        struct str line = STR("");
        (void)str_next(&names, '\n', &line);
        if (fails[i] == of_failing) {
            o->addrs[o->count++] = s->addrs[i];
            o->is_cut = o->is_cut || buf_printf(o->out_names, "%.*s\n", STR_FMT(line)) != OK;
        }
    }
}

void checks_sort(const struct checks *c, struct str service, struct checks_order *o)
{
    const struct served *s = map_get(c->services, service);

    if (s == NULL) {
        return;
    }
    bool *fails = checks_list_failing(s);
    o->count = 0;
    put_part(o, s, fails, false);
    o->well = o->count;
    put_part(o, s, fails, true);
    free(fails);
}

/* ---- life ---- */

struct checks *checks_new(struct loop *loop, struct slot *slot, checks_fn fn, void *arg)
{
    struct checks *c = NEW(struct checks);

    c->loop = loop;
    c->slot = slot;
    c->fn = fn;
    c->arg = arg;
    c->services = map_new();
    list_init(&c->ready);
    bucket_init(&c->rate, CHECKS_PER_S, CHECKS_AT_ONCE, clock_ms());
    timer_init(&c->pump, loop, checks_on_pump, c);
    return c;
}

void checks_free(struct checks *c)
{
    size_t pos = 0;
    struct str name;
    void *value;

    if (c == NULL) {
        return;
    }
    while (map_next(c->services, &pos, &name, &value)) {
        served_free(value);
        pos = 0;
    }
    map_free(c->services);
    timer_fini(&c->pump);
    tls_worker_free(c->env.tls);
    free(c->scratch.bytes);
    loop_free_later(c->loop, c);
}

/* SPDX-License-Identifier: MIT */
#include "proxy/policy_auth.h"

#include <crypt.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "config/htpasswd.h"
#include "proxy/auth_cache.h"
#include "proxy/policy_rate.h"
#include "tls/tls_digest.h"

/* Right passwords are remembered while they are used; wrong ones keep a program that asks again and
 * again with an old password from costing anything. */
#define GOOD_SETS 256
#define GOOD_MS   (15 * 60 * 1000)
#define BAD_SETS  32
#define BAD_MS    (60 * 1000)

/* A client's wrong passwords: so many at once, then one each so often. */
#define WRONG_BURST       10
#define WRONG_INTERVAL_NS UINT64_C(5000000000)

/* Of a worker's time a quarter, and half a second in a row. */
#define BUDGET_SHARE    4
#define BUDGET_BURST_US UINT64_C(2000000)

#define PASSWORD_MAX 255
#define KEY_BYTES    32

/* ---- users ---- */

struct users_file {
    const struct model_file *file;
    struct map *hashes; /* name -> one of `list` */
    struct htpasswd_user *list;
    size_t count;
};

struct policy_users {
    struct users_file *files;
    size_t count;
};

static struct users_file *find_file(const struct policy_users *users, const struct model_file *file)
{
    for (size_t i = 0; i < users->count; i++) {
        if (users->files[i].file == file) {
            return &users->files[i];
        }
    }
    return NULL;
}

/* Lines that are no users were refused by the loader. */
static void add_file(struct policy_users *users, const struct model_basic_auth *auth)
{
    if (auth == NULL || find_file(users, auth->users) != NULL) {
        return;
    }
    users->files = mem_grow(users->files, users->count + 1, sizeof(*users->files));
    struct users_file *f = &users->files[users->count++];
    *f = (struct users_file){.file = auth->users, .hashes = map_new()};
    struct str rest = auth->users->bytes;
    struct htpasswd_user user;
    size_t line = 0;
    int err;
    while ((err = htpasswd_next(&rest, &line, &user)) != ERR_EOF) {
        if (err == OK) {
            f->list = mem_grow(f->list, f->count + 1, sizeof(*f->list));
            f->list[f->count++] = user;
        }
    }
    for (size_t i = 0; i < f->count; i++) {
        map_put(f->hashes, f->list[i].name, &f->list[i]);
    }
}

struct policy_users *policy_users_new(const struct model *m)
{
    struct policy_users *users = NEW(struct policy_users);
    for (size_t i = 0; i < m->site_count; i++) {
        add_file(users, m->sites[i].rules.basic_auth);
        for (size_t k = 0; k < m->sites[i].route_count; k++) {
            add_file(users, m->sites[i].routes[k].rules.basic_auth);
        }
    }
    return users;
}

void policy_users_free(struct policy_users *users)
{
    if (users == NULL) {
        return;
    }
    for (size_t i = 0; i < users->count; i++) {
        map_free(users->files[i].hashes);
        free(users->files[i].list);
    }
    free(users->files);
    free(users);
}

/* The user's hash, or that of any other for a name that does not exist: always the same one for the
 * same name, so that neither time nor its repetition tells the two apart. */
static const struct htpasswd_user *find_user(const struct users_file *f, struct str name,
                                             bool *out_exists)
{
    const struct htpasswd_user *user = map_get(f->hashes, name);
    *out_exists = user != NULL;
    return user != NULL ? user : &f->list[map_hash(name) % f->count];
}

/* ---- the budget ---- */

uint64_t policy_budget_wait(const struct policy_budget *b, uint64_t now_us)
{
    uint64_t debt = b->free_us > now_us ? b->free_us - now_us : 0;
    return debt > BUDGET_BURST_US ? debt - BUDGET_BURST_US : 0;
}

void policy_budget_spend(struct policy_budget *b, uint64_t now_us, uint64_t spent_us)
{
    uint64_t from = b->free_us > now_us ? b->free_us : now_us;
    b->free_us = from + spent_us * BUDGET_SHARE;
}

/* ---- the check ---- */

struct policy_auth {
    struct auth_cache *good; /* owned */
    struct auth_cache *bad;  /* owned */
    struct policy_budget budget;
    uint8_t key[KEY_BYTES];
    struct crypt_data crypt; /* large: 32 kB */
};

struct policy_auth *policy_auth_new(void)
{
    struct policy_auth *a = mem_secret_new(sizeof(*a));
    a->good = auth_cache_new(GOOD_SETS);
    a->bad = auth_cache_new(BAD_SETS);
    REQUIRE(getrandom(a->key, sizeof(a->key), 0) == (ssize_t)sizeof(a->key));
    return a;
}

void policy_auth_free(struct policy_auth *a)
{
    if (a != NULL) {
        auth_cache_free(a->good);
        auth_cache_free(a->bad);
        mem_secret_free(a, sizeof(*a));
    }
}

/* Holds the hash as well: a changed password is a new question. */
static void digest_of(const struct policy_auth *a, const struct basic *given, struct str hash,
                      uint8_t out[static AUTH_DIGEST_BYTES])
{
    _Static_assert(AUTH_DIGEST_BYTES == TLS_DIGEST_BYTES, "a digest is one");
    struct tls_digest *d = tls_digest_new();
    tls_digest_add(d, str_n((const char *)a->key, sizeof(a->key)));
    tls_digest_add(d, given->user);
    tls_digest_add(d, given->password);
    tls_digest_add(d, hash);
    tls_digest_finish(d, out);
    tls_digest_free(d);
}

/* crypt(3) takes strings: both have been checked to be short enough and without NUL. */
static bool is_match(struct policy_auth *a, struct str password, struct str hash)
{
    char phrase[PASSWORD_MAX + 1];
    char setting[HTPASSWD_HASH_MAX + 1];
    str_copy(phrase, sizeof(phrase), password);
    str_copy(setting, sizeof(setting), hash);
    /* Not crypt_r, which gives a false hash instead of NULL when it fails. */
    struct str got = str_of(crypt_rn(phrase, setting, &a->crypt, sizeof(a->crypt)));
    bool match = got.len == hash.len && mem_eq_secret(got.ptr, hash.ptr, hash.len);
    mem_wipe(phrase, sizeof(phrase));
    mem_wipe(&a->crypt, sizeof(a->crypt));
    return match;
}

static bool hash_matches(struct policy_auth *a, struct slot *slot, struct str password,
                         struct str hash)
{
    uint64_t begin = clock_cpu_us(); /* others on the machine are not charged to us */
    bool match = is_match(a, password, hash);
    policy_budget_spend(&a->budget, clock_us(), clock_cpu_us() - begin);
    counter_inc(slot, COUNTER_AUTH_HASHES);
    return match;
}

static struct rate_ask wrong_ask(const struct policy_auth_ask *ask)
{
    static const struct model_rate wrong = {.requests = UINT32_MAX}; /* no site's own rate */
    const struct policy_rate who = {.client = ask->client, .site = ask->site, .rate = &wrong};
    return (struct rate_ask){.tag = policy_rate_tag(ask->tables, &who),
                             .interval_ns = WRONG_INTERVAL_NS,
                             .burst = WRONG_BURST,
                             .now_ns = clock_us() * 1000};
}

static uint64_t wait_ns(const struct policy_auth *a, const struct policy_auth_ask *ask,
                        const struct rate_ask *wrong)
{
    uint64_t own = policy_budget_wait(&a->budget, clock_us()) * 1000;
    uint64_t client = rate_wait(ask->tables, wrong);
    return own > client ? own : client;
}

enum why policy_auth_check(struct policy_auth *a, const struct policy_auth_ask *ask,
                           unsigned *out_retry_after_s)
{
    const struct users_file *f = find_file(ask->users, ask->file);
    struct str password = ask->given->password;
    uint8_t digest[AUTH_DIGEST_BYTES];
    bool exists = false;
    if (f == NULL || f->count == 0 || password.len > PASSWORD_MAX ||
        str_find(password, '\0') >= 0) {
        return WHY_AUTH_FAILED; /* whatever the name */
    }
    const struct htpasswd_user *user = find_user(f, ask->given->user, &exists);
    digest_of(a, ask->given, user->hash, digest);
    if (auth_cache_has(a->good, digest, clock_ms())) {
        auth_cache_put(a->good, digest, clock_ms(), clock_ms() + GOOD_MS);
        return WHY_OK;
    }
    if (auth_cache_has(a->bad, digest, clock_ms())) {
        return WHY_AUTH_FAILED;
    }
    const struct rate_ask wrong = wrong_ask(ask);
    uint64_t wait = wait_ns(a, ask, &wrong);
    if (wait > 0) {
        *out_retry_after_s = policy_rate_seconds(wait);
        return WHY_AUTH_LIMITED;
    }
    bool match = hash_matches(a, ask->tables->own, password, user->hash);
    if (match && exists) {
        auth_cache_put(a->good, digest, clock_ms(), clock_ms() + GOOD_MS);
        return WHY_OK;
    }
    auth_cache_put(a->bad, digest, clock_ms(), clock_ms() + BAD_MS);
    rate_take(ask->tables, &wrong);
    return WHY_AUTH_FAILED;
}

/* SPDX-License-Identifier: MIT */
#include "dns/service.h"

#include <stdlib.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "base/mem.h"
#include "loop/timer.h"

#define STAGES       2
#define FAMILIES     2
#define FAILURES_MAX 16

enum lane_state {
    LANE_NEW,     /* not answered yet */
    LANE_GOOD,    /* the last answer was positive */
    LANE_DOUBTED, /* it was not, but the addresses are kept until doubt_ends_ms */
    LANE_EMPTY,   /* no addresses */
};

/* One question that is asked again and again: a name and an address family. */
struct lane {
    struct service *s; /* borrowed */
    enum resolver_type type;
    enum lane_state state;
    bool is_open; /* a question is on its way */
    enum resolver_outcome last;
    struct addr *addrs; /* owned */
    size_t count;
    uint64_t doubt_ends_ms;
};

/* A spelling of the name: tasks.NAME before NAME. */
struct stage {
    char *name; /* owned */
    struct lane lanes[FAMILIES];
};

struct service {
    struct loop *loop;  /* borrowed */
    struct resolver *r; /* borrowed */
    char *name;         /* owned, as given */
    uint16_t port;
    uint32_t refresh_ms;
    service_screen_fn screen;
    void *screen_arg;
    bool screened_is_doubt;
    service_fn fn;
    void *arg;
    service_remembered_fn on_remembered;
    struct addr *remembered; /* owned: as last told to it */
    size_t remembered_count;
    enum service_state state;
    struct stage stages[STAGES];
    size_t stage_count;
    size_t shown;       /* the stage that service_info tells of */
    struct addr *addrs; /* owned: as last published */
    size_t count;
    uint64_t last_answer_ms;
    uint64_t round_ms; /* when the last questions were asked */
    uint64_t next_ms;  /* when the next ones are due */
    unsigned failures; /* rounds without any positive answer */
    struct bucket hurries;
    struct timer round;
    struct timer settle;
    struct timer doubt;
};

typedef bool (*lane_test_fn)(const struct lane *lane);

static bool lane_is_open(const struct lane *lane)
{
    return lane->is_open;
}

static bool lane_is_new(const struct lane *lane)
{
    return lane->state == LANE_NEW;
}

static bool lane_is_good(const struct lane *lane)
{
    return lane->state == LANE_GOOD;
}

static bool lane_is_broken(const struct lane *lane)
{
    return lane->last == RESOLVER_SILENT || lane->last == RESOLVER_SERVFAIL;
}

static bool lane_has_addrs(const struct lane *lane)
{
    return lane->count > 0;
}

static bool stage_any(const struct stage *stage, lane_test_fn test)
{
    return test(&stage->lanes[0]) || test(&stage->lanes[1]);
}

static bool service_any(const struct service *s, lane_test_fn test)
{
    for (size_t i = 0; i < s->stage_count; i++) {
        if (stage_any(&s->stages[i], test)) {
            return true;
        }
    }
    return false;
}

static int compare_addrs(const void *a, const void *b)
{
    return addr_cmp(a, b);
}

/* Sorts and drops duplicates; returns how many are left. */
static size_t sort_set(struct addr *addrs, size_t count)
{
    size_t n = 0;

    if (count == 0) {
        return 0;
    }
    qsort(addrs, count, sizeof(*addrs), compare_addrs);
    for (size_t i = 1; i < count; i++) {
        if (!addr_eq(&addrs[n], &addrs[i])) {
            addrs[++n] = addrs[i];
        }
    }
    return n + 1;
}

static bool set_eq(const struct addr *a, size_t a_count, const struct addr *b, size_t b_count)
{
    if (a_count != b_count) {
        return false;
    }
    for (size_t i = 0; i < a_count; i++) {
        if (!addr_eq(&a[i], &b[i])) {
            return false;
        }
    }
    return true;
}

static void lane_forget(struct lane *lane)
{
    free(lane->addrs);
    lane->addrs = NULL;
    lane->count = 0;
    lane->state = LANE_EMPTY;
}

static void lane_doubt(struct lane *lane)
{
    if (lane->state == LANE_NEW) {
        lane->state = LANE_EMPTY;
    } else if (lane->state == LANE_GOOD) {
        lane->state = LANE_DOUBTED;
        bool is_proved = lane->s->on_remembered != NULL;
        lane->doubt_ends_ms = clock_ms() + (is_proved ? SERVICE_REMEMBER_MS : SERVICE_DOUBT_MS);
    }
}

static void lane_learn(struct lane *lane, const struct addr *addrs, size_t count)
{
    const struct service *s = lane->s;
    struct addr *copy = mem_dup(addrs, count * sizeof(*addrs));

    count = s->screen != NULL ? s->screen(s->screen_arg, copy, count) : count;
    if (count == 0) {
        free(copy);
        lane->last = RESOLVER_EMPTY;
        if (s->screened_is_doubt) {
            lane_doubt(lane);
        } else {
            lane_forget(lane);
        }
        return;
    }
    lane_forget(lane);
    lane->addrs = copy;
    lane->count = count;
    lane->state = LANE_GOOD;
    for (size_t i = 0; i < lane->count; i++) {
        addr_set_port(&lane->addrs[i], s->port);
    }
}

/* Ends the doubts that time or the other family has decided. */
static void end_doubts(struct service *s)
{
    uint64_t now = clock_ms(), next = UINT64_MAX;

    for (size_t i = 0; i < s->stage_count * FAMILIES; i++) {
        struct stage *stage = &s->stages[i / FAMILIES];
        struct lane *lane = &stage->lanes[i % FAMILIES];
        const struct lane *other = &stage->lanes[1 - i % FAMILIES];
        if (lane->state != LANE_DOUBTED) {
            continue;
        }
        bool is_denied = lane->last == RESOLVER_EMPTY && other->state == LANE_GOOD;
        if (is_denied || lane->doubt_ends_ms <= now) {
            lane_forget(lane);
        } else if (lane->doubt_ends_ms < next) {
            next = lane->doubt_ends_ms;
        }
    }
    if (next == UINT64_MAX) {
        timer_clear(&s->doubt);
    } else {
        timer_set(&s->doubt, next - now);
    }
}

/* The stage that counts, or stage_count if none has addresses; false while that is not known. */
static bool choose_stage(const struct service *s, size_t *out_index)
{
    size_t i = 0;

    for (; i < s->stage_count; i++) {
        if (stage_any(&s->stages[i], lane_has_addrs)) {
            break;
        }
        /* tasks.NAME may still answer: NAME could be a virtual address and must not come first. */
        if (stage_any(&s->stages[i], lane_is_new)) {
            return false;
        }
    }
    *out_index = i;
    return true;
}

/* Takes the union of a stage as the set; true if it is another one than before. */
static bool take_set(struct service *s, size_t index)
{
    size_t count = 0;
    struct addr *set = NULL;

    if (index < s->stage_count) {
        const struct lane *a = &s->stages[index].lanes[0], *b = &s->stages[index].lanes[1];
        set = mem_array(a->count + b->count, sizeof(*set));
        for (size_t i = 0; i < a->count; i++) {
            set[count++] = a->addrs[i];
        }
        for (size_t i = 0; i < b->count; i++) {
            set[count++] = b->addrs[i];
        }
        count = sort_set(set, count);
    }
    if (set_eq(set, count, s->addrs, s->count)) {
        free(set);
        return false;
    }
    free(s->addrs);
    s->addrs = set;
    s->count = count;
    return true;
}

static void schedule(struct service *s, uint64_t at_ms)
{
    uint64_t now = clock_ms();

    s->next_ms = at_ms;
    timer_set(&s->round, at_ms > now ? at_ms - now : 0);
}

static bool lane_remembers(const struct lane *lane)
{
    return lane->state == LANE_DOUBTED;
}

static bool lane_lists(const struct lane *lane, const struct addr *addr)
{
    for (size_t i = 0; i < lane->count; i++) {
        if (addr_eq(&lane->addrs[i], addr)) {
            return true;
        }
    }
    return false;
}

/* Gathers what of the stage is remembered, and tells when it is not what was told last. */
static void tell_remembered(struct service *s, size_t index)
{
    struct addr *set = mem_array(s->count, sizeof(*set));
    size_t count = 0;

    for (size_t i = 0; i < s->count && index < s->stage_count; i++) {
        if (service_is_remembered(s, &s->addrs[i])) {
            set[count++] = s->addrs[i];
        }
    }
    if (set_eq(set, count, s->remembered, s->remembered_count)) {
        free(set);
        return;
    }
    free(s->remembered);
    s->remembered = set;
    s->remembered_count = count;
    s->on_remembered(s->arg, set, count);
}

/* Judges what is known, and publishes. The callback may free the service: it comes last. */
static void settle(struct service *s)
{
    bool was_unknown = s->state == SERVICE_UNKNOWN;
    size_t index;

    timer_clear(&s->settle);
    end_doubts(s);
    if (s->failures > 0 && service_any(s, lane_is_good)) {
        s->failures = 0;
        schedule(s, s->round_ms + s->refresh_ms);
    }
    if (!choose_stage(s, &index)) {
        return;
    }
    if (index == s->stage_count) {
        s->state = SERVICE_ABSENT;
    } else {
        s->state = stage_any(&s->stages[index], lane_is_good) ? SERVICE_RESOLVED : SERVICE_DOUBTED;
    }
    s->shown = index < s->stage_count ? index : s->stage_count - 1;
    bool is_news = take_set(s, index) || was_unknown;
    if (s->on_remembered != NULL) {
        tell_remembered(s, index);
    }
    if (is_news) {
        s->fn(s->arg, s, s->addrs, s->count);
    }
}

static void on_settle(void *arg)
{
    settle(arg);
}

static void on_answer(void *arg, enum resolver_outcome outcome, const struct addr *addrs,
                      size_t count)
{
    struct lane *lane = arg;
    struct service *s = lane->s;

    lane->is_open = false;
    lane->last = outcome;
    if (outcome == RESOLVER_ANSWER) {
        lane_learn(lane, addrs, count);
        s->last_answer_ms = lane_is_good(lane) ? clock_ms() : s->last_answer_ms;
    } else {
        lane_doubt(lane);
    }
    if (!service_any(s, lane_is_open)) {
        settle(s);
    } else if (!timer_is_set(&s->settle)) {
        timer_set(&s->settle, SERVICE_SETTLE_MS);
    }
}

/* Time between rounds: `refresh`, doubled for each round that brought nothing. */
static uint64_t interval_ms(const struct service *s)
{
    uint64_t cap = service_any(s, lane_is_broken) ? SERVICE_BACKOFF_MS : SERVICE_ABSENT_MS;
    uint64_t ms = (uint64_t)s->refresh_ms << s->failures;

    ms = ms < cap ? ms : cap;
    return ms > s->refresh_ms ? ms : s->refresh_ms;
}

/* Asks everything that is not on its way already. */
static void on_round(void *arg)
{
    struct service *s = arg;

    if (service_any(s, lane_is_good)) {
        s->failures = 0;
    } else if (!service_any(s, lane_is_new) && s->failures < FAILURES_MAX) {
        s->failures++;
    }
    s->round_ms = clock_ms();
    schedule(s, s->round_ms + interval_ms(s));
    for (size_t i = 0; i < s->stage_count * FAMILIES; i++) {
        struct stage *stage = &s->stages[i / FAMILIES];
        struct lane *lane = &stage->lanes[i % FAMILIES];
        if (!lane->is_open) {
            lane->is_open = true;
            resolver_ask(s->r, str_of(stage->name), lane->type, on_answer, lane);
        }
    }
}

static void add_stage(struct service *s, const char *prefix, struct str name)
{
    struct stage *stage = &s->stages[s->stage_count++];
    size_t prefix_len = strlen(prefix);

    stage->name = mem_new(prefix_len + name.len + 1);
    memcpy(stage->name, prefix, prefix_len);
    memcpy(stage->name + prefix_len, name.ptr, name.len);
    for (size_t i = 0; i < FAMILIES; i++) {
        stage->lanes[i] = (struct lane){
            .s = s,
            .type = i == 0 ? RESOLVER_A : RESOLVER_AAAA,
            .last = RESOLVER_SILENT,
        };
    }
}

struct service *service_new(struct loop *loop, struct resolver *r, struct service_spec spec,
                            service_fn fn, void *arg)
{
    struct service *s = NEW(struct service);
    struct str name = spec.name;

    s->loop = loop;
    s->r = r;
    s->name = str_dup(name);
    s->port = spec.port;
    s->refresh_ms = spec.refresh_ms;
    s->screen = spec.screen;
    s->screen_arg = spec.screen_arg;
    s->screened_is_doubt = spec.screened_is_doubt;
    s->fn = fn;
    s->arg = arg;
    s->on_remembered = spec.on_remembered;
    bucket_init(&s->hurries, 1, SERVICE_HURRY_BURST, clock_ms());
    timer_init(&s->round, loop, on_round, s);
    timer_init(&s->settle, loop, on_settle, s);
    timer_init(&s->doubt, loop, on_settle, s);
    if (spec.tasks_only || (resolver_is_docker(r) && str_find(name, '.') < 0)) {
        add_stage(s, "tasks.", name);
    }
    if (!spec.tasks_only) {
        add_stage(s, "", str_ends(name, STR(".")) ? str_sub(name, 0, name.len - 1) : name);
    }
    on_round(s);
    return s;
}

void service_free(struct service *s)
{
    if (s == NULL) {
        return;
    }
    timer_fini(&s->round);
    timer_fini(&s->settle);
    timer_fini(&s->doubt);
    for (size_t i = 0; i < s->stage_count; i++) {
        for (size_t j = 0; j < FAMILIES; j++) {
            resolver_cancel(s->r, &s->stages[i].lanes[j]);
            free(s->stages[i].lanes[j].addrs);
        }
        free(s->stages[i].name);
    }
    loop_free_later(s->loop, s->remembered);
    /* The callback that frees us may still hold the name and the set. */
    loop_free_later(s->loop, s->addrs);
    loop_free_later(s->loop, s->name);
    loop_free_later(s->loop, s);
}

void service_hurry(struct service *s)
{
    uint64_t now = clock_ms(), at = s->round_ms + SERVICE_HURRY_MS;

    at = at > now ? at : now;
    if (at < s->next_ms && bucket_take(&s->hurries, now)) {
        schedule(s, at);
    }
}

void service_forget(struct service *s, const struct addr *addr)
{
    const struct addr dead = *addr; /* it may be one of ours */

    for (size_t i = 0; i < s->stage_count * FAMILIES; i++) {
        struct lane *lane = &s->stages[i / FAMILIES].lanes[i % FAMILIES];
        size_t kept = 0;
        if (!lane_remembers(lane)) {
            continue;
        }
        for (size_t k = 0; k < lane->count; k++) {
            if (!addr_eq(&lane->addrs[k], &dead)) {
                lane->addrs[kept++] = lane->addrs[k];
            }
        }
        lane->count = kept;
        if (kept == 0) {
            lane_forget(lane);
        }
    }
    settle(s);
}

bool service_is_remembered(const struct service *s, const struct addr *addr)
{
    const struct stage *stage = &s->stages[s->shown];
    bool is_remembered = false;

    for (size_t i = 0; i < FAMILIES; i++) {
        if (!lane_lists(&stage->lanes[i], addr)) {
            continue;
        }
        if (!lane_remembers(&stage->lanes[i])) {
            return false;
        }
        is_remembered = true;
    }
    return is_remembered;
}

void service_set_refresh(struct service *s, uint32_t refresh_ms)
{
    s->refresh_ms = refresh_ms;
    schedule(s, s->round_ms + interval_ms(s));
}

void service_info(const struct service *s, struct service_info *out_info)
{
    const struct stage *stage = &s->stages[s->shown];

    *out_info = (struct service_info){
        .name = str_of(s->name),
        .port = s->port,
        .state = s->state,
        .last_a = stage->lanes[0].last,
        .last_aaaa = stage->lanes[1].last,
        .last_answer_ms = s->last_answer_ms,
        .addrs = s->addrs,
        .count = s->count,
        .service = s,
    };
}

const char *service_state_text(enum service_state state)
{
    switch (state) {
    case SERVICE_UNKNOWN: return "unknown";
    case SERVICE_RESOLVED: return "resolved";
    case SERVICE_DOUBTED: return "remembered";
    case SERVICE_ABSENT: return "absent";
    }
    return "?";
}

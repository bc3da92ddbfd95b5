/* SPDX-License-Identifier: MIT */
#include "asked.h"

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
    struct asked *asked; /* borrowed */
    enum resolver_type type;
    enum lane_state state;
    bool is_open; /* a question is on its way */
    enum resolver_outcome last;
    bool is_screened;   /* ... had addresses, of which the screen left none */
    struct addr *addrs; /* owned */
    size_t count;
    uint64_t doubt_ends_ms;
};

/* A spelling of the name: tasks.NAME before NAME. */
struct stage {
    char *name; /* owned */
    struct lane lanes[FAMILIES];
};

struct asked {
    struct service_group *group; /* borrowed */
    char *name;                  /* owned, as given */
    asked_fn fn;
    void *arg;
    enum service_state state;
    struct stage stages[STAGES];
    size_t stage_count;
    size_t shown;       /* the stage that counts */
    struct addr *addrs; /* owned: the set */
    size_t count;
    uint64_t last_answer_ms;
    uint64_t round_ms; /* when the last questions were asked */
    uint64_t next_ms;  /* when the next ones are due */
    unsigned failures; /* rounds without any positive answer */
    bool has_turn;     /* the next round need not wait for others */
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

static bool lane_is_screened(const struct lane *lane)
{
    return lane->is_screened;
}

static bool lane_has_addrs(const struct lane *lane)
{
    return lane->count > 0;
}

static bool stage_any(const struct stage *stage, lane_test_fn test)
{
    return test(&stage->lanes[0]) || test(&stage->lanes[1]);
}

static bool asked_any(const struct asked *a, lane_test_fn test)
{
    for (size_t i = 0; i < a->stage_count; i++) {
        if (stage_any(&a->stages[i], test)) {
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
        bool is_proved = lane->asked->group->spec.is_proved;
        lane->doubt_ends_ms = clock_ms() + (is_proved ? SERVICE_REMEMBER_MS : SERVICE_DOUBT_MS);
    }
}

static void lane_learn(struct lane *lane, const struct addr *addrs, size_t count)
{
    const struct asked *a = lane->asked;
    const struct service_group_spec *rules = &a->group->spec;
    struct addr *copy = mem_dup(addrs, count * sizeof(*addrs));

    if (rules->screen != NULL) {
        count = rules->screen(rules->screen_arg, str_of(a->name), copy, count);
    }
    if (count == 0) {
        free(copy);
        lane->last = RESOLVER_EMPTY;
        lane->is_screened = true;
        if (rules->screened_is_doubt) {
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
}

/* Ends the doubts that time or the other family has decided. */
static void end_doubts(struct asked *a)
{
    uint64_t now = clock_ms(), next = UINT64_MAX;

    for (size_t i = 0; i < a->stage_count * FAMILIES; i++) {
        struct stage *stage = &a->stages[i / FAMILIES];
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
        timer_clear(&a->doubt);
    } else {
        timer_set(&a->doubt, next - now);
    }
}

/* The stage that counts, or stage_count if none has addresses; false while that is not known. */
static bool choose_stage(const struct asked *a, size_t *out_index)
{
    size_t i = 0;

    for (; i < a->stage_count; i++) {
        if (stage_any(&a->stages[i], lane_has_addrs)) {
            break;
        }
        /* tasks.NAME may still answer: NAME could be a virtual address and must not come first. */
        if (stage_any(&a->stages[i], lane_is_new)) {
            return false;
        }
    }
    *out_index = i;
    return true;
}

/* Takes the union of a stage as the set. */
static void take_set(struct asked *a, size_t index)
{
    size_t count = 0;
    struct addr *set = NULL;

    if (index < a->stage_count) {
        const struct lane *v4 = &a->stages[index].lanes[0], *v6 = &a->stages[index].lanes[1];
        set = mem_array(v4->count + v6->count, sizeof(*set));
        for (size_t i = 0; i < v4->count; i++) {
            set[count++] = v4->addrs[i];
        }
        for (size_t i = 0; i < v6->count; i++) {
            set[count++] = v6->addrs[i];
        }
        count = sort_set(set, count);
    }
    free(a->addrs);
    a->addrs = set;
    a->count = count;
}

static void schedule(struct asked *a, uint64_t at_ms)
{
    uint64_t now = clock_ms();

    a->next_ms = at_ms;
    timer_set(&a->round, at_ms > now ? at_ms - now : 0);
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

/* Judges what is known, and says so. The callback may free us: it comes last. */
static void settle(struct asked *a)
{
    size_t index;

    timer_clear(&a->settle);
    end_doubts(a);
    if (a->failures > 0 && asked_any(a, lane_is_good)) {
        a->failures = 0;
        schedule(a, a->round_ms + a->group->spec.refresh_ms);
    }
    if (!choose_stage(a, &index)) {
        return;
    }
    if (index == a->stage_count) {
        a->state = SERVICE_ABSENT;
    } else {
        a->state = stage_any(&a->stages[index], lane_is_good) ? SERVICE_RESOLVED : SERVICE_DOUBTED;
    }
    a->shown = index < a->stage_count ? index : a->stage_count - 1;
    take_set(a, index);
    a->fn(a->arg);
}

static void on_settle(void *arg)
{
    settle(arg);
}

static void on_answer(void *arg, enum resolver_outcome outcome, const struct addr *addrs,
                      size_t count)
{
    struct lane *lane = arg;
    struct asked *a = lane->asked;

    lane->is_open = false;
    lane->last = outcome;
    lane->is_screened = false;
    if (outcome == RESOLVER_ANSWER) {
        lane_learn(lane, addrs, count);
        a->last_answer_ms = lane_is_good(lane) ? clock_ms() : a->last_answer_ms;
    } else {
        lane_doubt(lane);
    }
    if (!asked_any(a, lane_is_open)) {
        settle(a);
    } else if (!timer_is_set(&a->settle)) {
        timer_set(&a->settle, SERVICE_SETTLE_MS);
    }
}

/* Time between rounds: `refresh`, doubled for each round that brought nothing. */
static uint64_t interval_ms(const struct asked *a)
{
    uint64_t cap = asked_any(a, lane_is_broken) ? SERVICE_BACKOFF_MS : SERVICE_ABSENT_MS;
    uint64_t ms = (uint64_t)a->group->spec.refresh_ms << a->failures;

    ms = ms < cap ? ms : cap;
    return ms > a->group->spec.refresh_ms ? ms : a->group->spec.refresh_ms;
}

/* Takes the next turn among the names of the group; false if that is not now. */
static bool take_turn(struct asked *a)
{
    struct service_group *g = a->group;
    uint64_t now = clock_ms(), turn = g->turn_us / 1000;
    uint64_t step_us = (uint64_t)g->spec.refresh_ms * 1000 / 2 / map_count(g->by_name);
    bool is_now = a->has_turn || turn <= now;

    if (!is_now) {
        timer_set(&a->round, turn - now);
    }
    if (!a->has_turn) {
        g->turn_us = g->turn_us > now * 1000 ? g->turn_us : now * 1000;
        g->turn_us += step_us < SERVICE_PACE_US ? step_us : SERVICE_PACE_US;
    }
    a->has_turn = !is_now;
    return is_now;
}

/* Asks everything that is not on its way already. */
static void on_round(void *arg)
{
    struct asked *a = arg;

    if (!take_turn(a)) {
        return;
    }
    if (asked_any(a, lane_is_good)) {
        a->failures = 0;
    } else if (!asked_any(a, lane_is_new) && a->failures < FAILURES_MAX) {
        a->failures++;
    }
    a->round_ms = clock_ms();
    schedule(a, a->round_ms + interval_ms(a));
    for (size_t i = 0; i < a->stage_count * FAMILIES; i++) {
        struct stage *stage = &a->stages[i / FAMILIES];
        struct lane *lane = &stage->lanes[i % FAMILIES];
        if (!lane->is_open) {
            lane->is_open = true;
            resolver_ask(a->group->r, str_of(stage->name), lane->type, on_answer, lane);
        }
    }
}

static void add_stage(struct asked *a, const char *prefix, struct str name)
{
    struct stage *stage = &a->stages[a->stage_count++];
    size_t prefix_len = strlen(prefix);

    stage->name = mem_new(prefix_len + name.len + 1);
    memcpy(stage->name, prefix, prefix_len);
    memcpy(stage->name + prefix_len, name.ptr, name.len);
    for (size_t i = 0; i < FAMILIES; i++) {
        stage->lanes[i] = (struct lane){
            .asked = a,
            .type = i == 0 ? RESOLVER_A : RESOLVER_AAAA,
            .last = RESOLVER_SILENT,
        };
    }
}

struct asked *asked_new(struct service_group *group, struct str name, asked_fn fn, void *arg)
{
    struct asked *a = NEW(struct asked);

    a->group = group;
    a->name = str_dup(name);
    a->fn = fn;
    a->arg = arg;
    bucket_init(&a->hurries, 1, SERVICE_HURRY_BURST, clock_ms());
    timer_init(&a->round, group->loop, on_round, a);
    timer_init(&a->settle, group->loop, on_settle, a);
    timer_init(&a->doubt, group->loop, on_settle, a);
    bool tasks_only = group->spec.tasks_only;
    if (tasks_only || (resolver_is_docker(group->r) && str_find(name, '.') < 0)) {
        add_stage(a, "tasks.", name);
    }
    if (!tasks_only) {
        add_stage(a, "", str_ends(name, STR(".")) ? str_sub(name, 0, name.len - 1) : name);
    }
    schedule(a, clock_ms());
    return a;
}

void asked_free(struct asked *a)
{
    timer_fini(&a->round);
    timer_fini(&a->settle);
    timer_fini(&a->doubt);
    for (size_t i = 0; i < a->stage_count; i++) {
        for (size_t j = 0; j < FAMILIES; j++) {
            resolver_cancel(a->group->r, &a->stages[i].lanes[j]);
            free(a->stages[i].lanes[j].addrs);
        }
        free(a->stages[i].name);
    }
    free(a->addrs);
    loop_free_later(a->group->loop, a->name);
    loop_free_later(a->group->loop, a);
}

void asked_hurry(struct asked *a)
{
    uint64_t now = clock_ms(), at = a->round_ms + SERVICE_HURRY_MS;

    at = at > now ? at : now;
    if (at < a->next_ms && bucket_take(&a->hurries, now)) {
        schedule(a, at);
    }
}

void asked_drop(struct asked *a, const struct addr *addr)
{
    for (size_t i = 0; i < a->stage_count * FAMILIES; i++) {
        struct lane *lane = &a->stages[i / FAMILIES].lanes[i % FAMILIES];
        size_t kept = 0;
        if (!lane_remembers(lane)) {
            continue;
        }
        for (size_t k = 0; k < lane->count; k++) {
            if (!addr_eq(&lane->addrs[k], addr)) {
                lane->addrs[kept++] = lane->addrs[k];
            }
        }
        lane->count = kept;
        if (kept == 0) {
            lane_forget(lane);
        }
    }
    settle(a);
}

bool asked_is_remembered(const struct asked *a, const struct addr *addr)
{
    const struct stage *stage = &a->stages[a->shown];
    bool is_remembered = false;

    if (!stage_any(stage, lane_remembers)) {
        return false; /* mostly */
    }
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

void asked_reschedule(struct asked *a)
{
    schedule(a, a->round_ms + interval_ms(a));
}

void asked_info(const struct asked *a, struct service_info *out_info)
{
    const struct stage *stage = &a->stages[a->shown];

    *out_info = (struct service_info){
        .state = a->state,
        .last_a = stage->lanes[0].last,
        .last_aaaa = stage->lanes[1].last,
        .is_screened = a->count == 0 && asked_any(a, lane_is_screened),
        .last_answer_ms = a->last_answer_ms,
        .addrs = a->addrs,
        .count = a->count,
    };
}

/* SPDX-License-Identifier: MIT */
/* One exchange's way to a link: pick, take an idle link or dial, try the next; where there is
 * nothing to try, wait (lease_wait). */
#include "upstream/upstream.h"

#include "balance.h"
#include "base/mem.h"
#include "lease_impl.h"
#include "pool.h"

#include <stdlib.h>
#include <string.h>

static const struct upstream_env *env_of(const struct lease *l)
{
    return &l->service->upstream->env;
}

static struct endpoint *current(const struct lease *l)
{
    return l->tried_count == 0 ? NULL : l->tried[l->tried_count - 1];
}

void lease_set_state(struct lease *l, enum lease_state state)
{
    static const unsigned from[] = {
        [LEASE_STARTING] = 1U << LEASE_WAITING | 1U << LEASE_DIALING,
        [LEASE_WAITING] = 1U << LEASE_STARTING,
        [LEASE_DIALING] = 1U << LEASE_STARTING,
        [LEASE_READY] = 1U << LEASE_STARTING | 1U << LEASE_DIALING,
        [LEASE_LOST] = 1U << LEASE_READY,
        [LEASE_FAILED] = 1U << LEASE_STARTING | 1U << LEASE_WAITING | 1U << LEASE_DIALING,
        [LEASE_ENDED] = 1U << LEASE_STARTING | 1U << LEASE_WAITING | 1U << LEASE_DIALING |
                        1U << LEASE_READY | 1U << LEASE_LOST | 1U << LEASE_FAILED,
    };
    REQUIRE((from[state] & 1U << l->state) != 0);
    l->state = state;
    if (state == LEASE_STARTING) {
        loop_defer(env_of(l)->loop, &l->step);
    } else if (state != LEASE_DIALING) {
        deadline_clear(&l->connect);
    } else if (l->want.connect_class != NULL && !deadline_is_set(&l->connect)) {
        deadline_set(&l->connect, l->want.connect_class);
    }
}

static void leave(struct lease *l)
{
    if (!l->has_entered) {
        return;
    }
    l->has_entered = false;
    endpoint_leave(current(l), l->is_seen);
    if (!hold_is_empty(&l->service->queue.room)) {
        queue_freed(&l->service->queue);
    }
}

/* Room for one endpoint more. */
static void grow_tried(struct lease *l)
{
    bool is_first = l->tried == l->first_tried;
    if (l->tried_count < l->tried_cap) {
        return;
    }
    l->tried_cap *= 2;
    l->tried = mem_grow(is_first ? NULL : l->tried, l->tried_cap, sizeof(l->tried[0]));
    if (is_first) {
        memcpy(l->tried, l->first_tried, sizeof(l->first_tried));
    }
}

/* False: it has as many requests as it may. */
static bool enter(struct lease *l, struct endpoint *e)
{
    leave(l);
    uint32_t most = l->want.bound.requests;
    if (most > 0 && !endpoint_enter_within(e, most)) {
        return false;
    }
    l->is_seen = most > 0 || endpoint_enter(e);
    grow_tried(l);
    l->tried[l->tried_count++] = endpoint_ref(e);
    l->has_entered = true;
    if (most > 0) {
        lease_turn_taken(l);
    }
    if (l->has_failed) {
        l->has_failed = false;
        l->reconnects++;
        counter_inc(env_of(l)->slot, COUNTER_RETRIES_CONNECT);
    }
    return true;
}

void lease_forget_tried(struct lease *l)
{
    leave(l);
    if (l->tried_count > 0) {
        endpoint_unref(l->last);
        l->last = l->tried[--l->tried_count];
    }
    while (l->tried_count > 0) {
        endpoint_unref(l->tried[--l->tried_count]);
    }
}

void lease_fail(struct lease *l, enum why why)
{
    leave(l);
    lease_set_state(l, LEASE_FAILED);
    if (lease_has_waited(l)) {
        lease_wait_end(l);
    }
    l->events->on_failed(l->arg, why);
}

static void on_link_up(void *arg)
{
    struct lease *l = arg;
    l->protocol = l->link->client->ops->protocol;
    (void)link_begin(l->link, &l->user, l->want.arena);
    lease_set_state(l, LEASE_READY);
    if (lease_has_waited(l) || !l->reused) {
        lease_wait_served(l);
    }
    l->events->on_ready(l->arg);
}

static const struct model_eject *eject_of(const struct lease *l)
{
    return l->want.eject != NULL ? l->want.eject : &endpoint_eject_default;
}

/* Whatever stopped one attempt: the endpoint is passed over for a while, DNS is asked for news.
 * Only a wrong certificate says nothing of either. */
static void count_attempt(struct lease *l, enum why why)
{
    l->has_failed = true;
    if (why == WHY_UPSTREAM_CERTIFICATE) {
        endpoint_failed(current(l), why, NULL, loop_now_ms(env_of(l)->loop));
        return;
    }
    endpoint_failed(current(l), why, eject_of(l), loop_now_ms(env_of(l)->loop));
    upstream_service_hurry(l->service);
}

/* Handshakes are dear to both sides: where a second endpoint has a wrong certificate too, all will.
 */
static bool is_hopeless(const struct lease *l, enum why why)
{
    return why == WHY_UPSTREAM_CERTIFICATE && l->last_why == WHY_UPSTREAM_CERTIFICATE;
}

bool lease_is_greeting(enum why why, const char *detail)
{
    return why == WHY_UPSTREAM_TLS || why == WHY_UPSTREAM_NOT_H2 || detail[0] != '\0';
}

/* The link is not to be shared after all: the same endpoint may give another. */
static void on_link_full(void *arg)
{
    struct lease *l = arg;
    l->link = NULL;
    leave(l);
    endpoint_unref(l->tried[--l->tried_count]);
    lease_set_state(l, LEASE_STARTING);
}

static void on_link_down(void *arg, enum why why, const char *detail)
{
    struct lease *l = arg;
    l->link = NULL;
    l->detail = detail;
    if (why == WHY_NO_FD) {
        lease_fail(l, why); /* no fault of the endpoint, and no other would do better */
        return;
    }
    count_attempt(l, why);
    if (is_hopeless(l, why)) {
        lease_fail(l, why);
        return;
    }
    l->last_why = why;
    l->greets += lease_is_greeting(why, detail);
    lease_set_state(l, LEASE_STARTING);
}

static void on_link_lost(void *arg, enum why why)
{
    struct lease *l = arg;
    (void)why; /* the channel's on_abort said it */
    l->link = NULL;
    lease_set_state(l, LEASE_LOST);
}

static const struct link_events link_events = {
    .on_up = on_link_up,
    .on_full = on_link_full,
    .on_down = on_link_down,
    .on_lost = on_link_lost,
};

/* Reuses a link to the endpoint that was entered, waits for one or dials; false when it could not
 * even be begun (then l->last_why). */
static bool try_endpoint(struct lease *l, struct endpoint *e)
{
    struct link *ready = l->want.fresh ? NULL : pool_lend(e, l->want.transport);
    if (ready != NULL) {
        l->link = ready;
        l->reused = true;
        on_link_up(l);
        return true;
    }
    l->link = pool_expected(e, l->want.transport);
    if (l->link != NULL) {
        link_wait(l->link, &l->user);
        lease_set_state(l, LEASE_DIALING);
        return true;
    }
    int err = link_dial(env_of(l), e, &l->want, &l->user, &l->link);
    if (err == OK) {
        lease_set_state(l, LEASE_DIALING);
        return true;
    }
    l->last_why = link_why(err);
    l->detail = "";
    return false;
}

/* Where the request has died before: to be tried last. NULL: nowhere, or it is gone. */
static struct endpoint *find_shunned(const struct lease *l)
{
    const struct endpoint_set *set = l->service->set;
    for (size_t i = 0; i < set->count && l->want.avoid.len > 0; i++) {
        if (str_eq(str_of(set->endpoints[i]->text), l->want.avoid)) {
            return set->endpoints[i];
        }
    }
    return NULL;
}

static struct balance_ask ask_of(const struct lease *l)
{
    return (struct balance_ask){.set = l->service->set,
                                .tried = l->tried,
                                .tried_count = l->tried_count,
                                .now_ms = loop_now_ms(env_of(l)->loop),
                                .kind = l->want.balance,
                                .key = l->want.balance_key,
                                .bound = l->want.bound.requests};
}

static struct endpoint *pick(struct lease *l)
{
    struct balance_ask ask = ask_of(l);
    struct endpoint *shunned = find_shunned(l);
    if (shunned != NULL) {
        grow_tried(l);
        l->tried[l->tried_count] = shunned; /* for this call only */
        ask.tried = l->tried;
        ask.tried_count = l->tried_count + 1;
        struct endpoint *other = balance_pick(&ask, &l->service->balance);
        if (other != NULL) {
            return other;
        }
        ask.tried_count = l->tried_count;
    }
    l->want.avoid = STR("");
    return balance_pick(&ask, &l->service->balance);
}

/* Tries one endpoint after the other until an attempt runs; false where others have taken every
 * place that there is. */
static bool try_each(struct lease *l)
{
    struct endpoint *e = pick(l);
    while (e != NULL) {
        if (!enter(l, e)) {
            return false;
        }
        if (try_endpoint(l, e) || l->last_why == WHY_NO_FD) {
            return true;
        }
        count_attempt(l, l->last_why);
        e = pick(l);
    }
    const struct balance_ask ask = ask_of(l);
    return ask.bound == 0 || !balance_has_untried(&ask);
}

static void on_step(void *arg)
{
    struct lease *l = arg;
    /* Else it has had its turn, and goes on to the next endpoint. */
    bool is_new_round = l->tried_count == 0;
    if (l->service->set == NULL && l->service->refused) {
        lease_fail(l, WHY_NAME_LIMIT);
    } else if (l->service->set == NULL || lease_must_wait(l)) {
        lease_wait_for_endpoint(l);
    } else if (is_new_round && l->want.bound.requests > 0 && lease_must_take_turn(l)) {
        lease_wait_for_turn(l);
    } else if (!try_each(l)) {
        lease_wait_for_turn(l);
    } else if (l->state == LEASE_STARTING && lease_is_worth_waiting(l)) {
        lease_wait_for_endpoint(l);
    } else if (l->state == LEASE_STARTING) {
        lease_fail(l, l->last_why == WHY_NO_ENDPOINT ? lease_lack(l) : l->last_why);
    }
}

/* The end of timeouts.connect: counts for the endpoint that was being tried. */
static void on_connect_over(void *arg)
{
    struct lease *l = arg;
    loop_task_cancel(&l->step);
    if (l->state == LEASE_DIALING) {
        count_attempt(l, WHY_CONNECT_TIMEOUT);
        link_leave(l->link, &l->user, WHY_CONNECT_TIMEOUT);
        l->link = NULL;
    }
    lease_fail(l, WHY_CONNECT_TIMEOUT);
}

struct lease *lease_new(struct upstream_service *s, const struct lease_want *want,
                        const struct lease_events *events, void *arg)
{
    struct lease *l = NEW(struct lease);
    deadline_init(&l->connect, on_connect_over, l);
    list_init(&l->user.node);
    l->user.events = &link_events;
    l->user.arg = l;
    l->tried = l->first_tried;
    l->tried_cap = sizeof(l->first_tried) / sizeof(l->first_tried[0]);
    l->service = upstream_service_ref(s);
    l->want = *want;
    lease_wait_init(l);
    l->events = events;
    l->arg = arg;
    l->state = LEASE_STARTING;
    l->want.transport = transport_ref(want->transport);
    l->last_why = WHY_NO_ENDPOINT;
    l->detail = "";
    l->protocol = "";
    s->upstream->leases++;
    if (!want->fresh) {
        retry_budget_earn(&s->retries);
    }
    loop_task_init(&l->step, on_step, l);
    loop_defer(s->upstream->env.loop, &l->step);
    return l;
}

uint64_t lease_balance_key(struct str text)
{
    return endpoint_hash(text);
}

struct channel *lease_channel(struct lease *l)
{
    REQUIRE(l->state == LEASE_READY);
    return l->user.use.channel;
}

bool lease_is_reused(const struct lease *l)
{
    return l->reused;
}

bool lease_answered(const struct lease *l)
{
    return l->user.use.answered;
}

void lease_note_status(struct lease *l, uint16_t status)
{
    l->status = status;
}

bool lease_is_unprocessed(const struct lease *l)
{
    return l->user.use.unprocessed;
}

void lease_add_tally(const struct lease *l, struct lease_tally *sum)
{
    sum->was_held = sum->was_held || l->guest.was_inside[HOLD_FOR_ENDPOINT];
    sum->was_queued = sum->was_queued || l->guest.was_inside[HOLD_FOR_TURN];
    sum->held_us += hold_inside_us(&l->guest, HOLD_FOR_ENDPOINT);
    sum->queued_us += hold_inside_us(&l->guest, HOLD_FOR_TURN);
    sum->reconnects += l->reconnects;
}

bool lease_may_retry(const struct lease *l, enum why why)
{
    enum counter cause = COUNTER_RETRIES_CLOSED;
    if (lease_is_unprocessed(l)) {
        cause = COUNTER_RETRIES_UNTAKEN;
    } else if (why == WHY_UPSTREAM_RESET) {
        cause = COUNTER_RETRIES_RESET;
    }
    bool may = retry_budget_take(&l->service->retries);
    counter_inc(env_of(l)->slot, may ? cause : COUNTER_RETRIES_REFUSED);
    return may;
}

const char *lease_protocol(const struct lease *l)
{
    return l->protocol;
}

const char *lease_detail(const struct lease *l)
{
    return l->detail;
}

/* That was tried, in this round or the one before. */
static const struct endpoint *latest(const struct lease *l)
{
    return l->tried_count > 0 ? current(l) : l->last;
}

struct str lease_endpoint(const struct lease *l)
{
    const struct endpoint *e = latest(l);
    return e == NULL ? STR("") : str_of(e->text);
}

struct str lease_task(const struct lease *l)
{
    const struct endpoint *e = latest(l);
    return e == NULL ? STR("") : str_of(e->task);
}

/* Reasons that are the service's doing. */
static bool is_failure(enum why why)
{
    static const enum why failures[] = {
        WHY_CONNECT_REFUSED,      WHY_CONNECT_TIMEOUT,       WHY_CONNECT_FAILED,
        WHY_UPSTREAM_CLOSED,      WHY_UPSTREAM_RESET,        WHY_UPSTREAM_CUT,
        WHY_UPSTREAM_TIMEOUT,     WHY_UPSTREAM_STALLED,      WHY_UPSTREAM_BAD_HEAD,
        WHY_UPSTREAM_BAD_FRAMING, WHY_UPSTREAM_BAD_CHUNK,    WHY_UPSTREAM_HEADER_TOO_LARGE,
        WHY_UPSTREAM_BAD_UPGRADE, WHY_CHALLENGE_TOO_LARGE,   WHY_UPSTREAM_TLS,
        WHY_UPSTREAM_REFUSED,     WHY_UPSTREAM_STREAM_RESET, WHY_UPSTREAM_NO_UPGRADE,
        WHY_UPSTREAM_H2_PROTOCOL, WHY_UPSTREAM_H2_FLOOD,
    };
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        if (failures[i] == why) {
            return true;
        }
    }
    return false;
}

/* Answers of a service that is not well, in a row, and others may be, as far as the service
 * can spare them. */
static void count_bad_answer(struct lease *l)
{
    uint64_t now_ms = loop_now_ms(env_of(l)->loop);
    const struct endpoint_set *set = l->service->set;
    const struct model_eject *how = eject_of(l);
    if (endpoint_answered_badly(current(l), how) && set != NULL &&
        endpoint_set_can_spare(set, how->percent, now_ms)) {
        endpoint_eject(current(l), "bad_answers", how, now_ms);
    }
}

/*
 * What the end of an exchange says of the endpoint. A connection that ends before it gave an answer
 * ejects it only if it was fresh: a kept one is closed by its idle deadline or by a task that
 * stops, which is news for DNS. An answer that is late, cut or malformed is the application's, and
 * so are 502, 503 and 504: only a row of them ejects.
 */
static void judge(struct lease *l, enum why why)
{
    struct endpoint *e = current(l);
    bool is_going = why == WHY_UPSTREAM_REFUSED; /* it stops, or has too much to do */
    bool died = (why == WHY_UPSTREAM_CLOSED || why == WHY_UPSTREAM_RESET) && !lease_answered(l);
    if (why != WHY_OK && is_failure(why)) {
        endpoint_failed(e, why, died && !l->reused ? eject_of(l) : NULL,
                        loop_now_ms(env_of(l)->loop));
        if (!died && !is_going) {
            count_bad_answer(l);
        }
    } else if (why == WHY_OK && l->status >= 502 && l->status <= 504) {
        count_bad_answer(l);
    } else if (why == WHY_OK) {
        endpoint_served(e);
    }
    if (died || is_going) {
        upstream_service_hurry(l->service);
    }
}

void lease_end(struct lease *l, enum why why)
{
    if (l == NULL) {
        return;
    }
    enum lease_state was = l->state;
    if (was == LEASE_DIALING && why == WHY_CONNECT_TIMEOUT) {
        count_attempt(l, why);
    } else if (was == LEASE_READY || was == LEASE_LOST) {
        judge(l, why);
    }
    lease_forget_tried(l);
    endpoint_unref(l->last);
    l->last = NULL;
    lease_set_state(l, LEASE_ENDED);
    if (lease_has_waited(l)) {
        lease_wait_end(l);
    }
    loop_task_cancel(&l->step);
    if (l->link != NULL) {
        link_leave(l->link, &l->user, why);
        if (l->link->state == LINK_ENDING) {
            list_push_back(&l->service->upstream->ending, &l->link->node);
        }
        l->link = NULL;
    }
    if (l->tried != l->first_tried) {
        free(l->tried);
    }
    struct loop *loop = env_of(l)->loop;
    transport_unref(l->want.transport);
    l->service->upstream->leases--;
    upstream_service_unref(l->service);
    loop_free_later(loop, l);
}

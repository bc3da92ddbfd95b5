/* SPDX-License-Identifier: MIT */
/* One exchange's way to a link: pick, take an idle link or dial, try the next; where there is
 * nothing to try, wait in the service's room (hold). */
#include "upstream/upstream.h"

#include "balance.h"
#include "base/mem.h"
#include "hold.h"
#include "link.h"
#include "pool.h"
#include "service.h"

#include <stdlib.h>
#include <string.h>

/* So often a link is begun anew, in all, where the service takes connections and then does not come
 * to terms (TLS, HTTP/2): it may be on its way down or up, but each greeting is dear. */
#define GREETS_MAX 3
/* That may wait where the caller says nothing of it. */
#define HELD_MAX 1000

enum lease_state {
    LEASE_STARTING, /* the next step is taken at the end of the turn */
    LEASE_WAITING,  /* in the room, for an endpoint that takes connections */
    LEASE_DIALING,
    LEASE_READY, /* the exchange runs on the link */
    LEASE_LOST,  /* the link ended under the exchange */
    LEASE_FAILED,
    LEASE_ENDED, /* freed at the end of the turn */
};

struct lease {
    struct hold_guest guest;
    struct upstream_service *service; /* a reference */
    struct lease_want want;
    const struct lease_events *events;
    void *arg;
    enum lease_state state;
    struct loop_task step;
    struct endpoint **tried; /* a reference each; the last one is in use while dialing and after */
    size_t tried_count;
    size_t tried_cap;
    struct endpoint *first_tried[2]; /* most leases need no more, and no other memory */
    struct endpoint *last;           /* of the round before; a reference, or NULL */
    struct deadline connect;         /* of all attempts of a round */
    unsigned greets;                 /* links that were dialed and then did not come to terms */
    enum why last_why;               /* what on_failed says when nothing is left to try */
    bool has_entered;                /* counts as in flight at the last of them */
    bool reused;
    uint16_t status;      /* of the final answer; 0: none yet */
    const char *detail;   /* of last_why; static */
    const char *protocol; /* of the link; static, "" before */
    struct link *link;
    struct link_user user;
};

static const struct upstream_env *env_of(const struct lease *l)
{
    return &l->service->upstream->env;
}

static struct endpoint *current(const struct lease *l)
{
    return l->tried_count == 0 ? NULL : l->tried[l->tried_count - 1];
}

/* The only place that changes `state`. */
static void set_state(struct lease *l, enum lease_state state)
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
    if (l->has_entered) {
        l->has_entered = false;
        endpoint_leave(current(l));
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

static void enter(struct lease *l, struct endpoint *e)
{
    leave(l);
    grow_tried(l);
    l->tried[l->tried_count++] = endpoint_ref(e);
    l->has_entered = true;
    endpoint_enter(e);
}

/* Begins a new round: whatever was tried may be tried again. */
static void forget_tried(struct lease *l)
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

static void fail(struct lease *l, enum why why)
{
    leave(l);
    set_state(l, LEASE_FAILED);
    hold_leave(&l->service->room, &l->guest);
    l->events->on_failed(l->arg, why);
}

static void on_link_up(void *arg)
{
    struct lease *l = arg;
    l->protocol = l->link->client->ops->protocol;
    (void)link_begin(l->link, &l->user, l->want.arena);
    set_state(l, LEASE_READY);
    hold_served(&l->service->room, &l->guest, !l->reused);
    l->events->on_ready(l->arg);
}

/* Whatever stopped one attempt: the endpoint is passed over for a while, DNS is asked for news.
 * Only a wrong certificate says nothing of either. */
static void count_attempt(struct lease *l, enum why why)
{
    if (why == WHY_UPSTREAM_CERTIFICATE) {
        endpoint_failed(current(l), why, false, loop_now_ms(env_of(l)->loop));
        return;
    }
    endpoint_failed(current(l), why, true, loop_now_ms(env_of(l)->loop));
    upstream_service_hurry(l->service);
}

/* Handshakes are dear to both sides: where a second endpoint has a wrong certificate too, all will.
 */
static bool is_hopeless(const struct lease *l, enum why why)
{
    return why == WHY_UPSTREAM_CERTIFICATE && l->last_why == WHY_UPSTREAM_CERTIFICATE;
}

/* Whether the service took the connection, and then did not come to terms. */
static bool is_greeting(enum why why, const char *detail)
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
    set_state(l, LEASE_STARTING);
}

static void on_link_down(void *arg, enum why why, const char *detail)
{
    struct lease *l = arg;
    l->link = NULL;
    l->detail = detail;
    if (why == WHY_NO_FD) {
        fail(l, why); /* no fault of the endpoint, and no other would do better */
        return;
    }
    count_attempt(l, why);
    if (is_hopeless(l, why)) {
        fail(l, why);
        return;
    }
    l->last_why = why;
    l->greets += is_greeting(why, detail);
    set_state(l, LEASE_STARTING);
}

static void on_link_lost(void *arg, enum why why)
{
    struct lease *l = arg;
    (void)why; /* the channel's on_abort said it */
    l->link = NULL;
    set_state(l, LEASE_LOST);
}

static const struct link_events link_events = {
    .on_up = on_link_up,
    .on_full = on_link_full,
    .on_down = on_link_down,
    .on_lost = on_link_lost,
};

/* Reuses a link to one endpoint, waits for one or dials; false when it could not even be begun
 * (then l->last_why). */
static bool try_endpoint(struct lease *l, struct endpoint *e)
{
    enter(l, e);
    struct link *ready = l->want.fresh ? NULL : pool_newest(e, l->want.transport);
    if (ready != NULL) {
        l->link = ready;
        l->reused = true;
        on_link_up(l);
        return true;
    }
    l->link = pool_expected(e, l->want.transport);
    if (l->link != NULL) {
        link_wait(l->link, &l->user);
        set_state(l, LEASE_DIALING);
        return true;
    }
    int err = link_dial(env_of(l), e, &l->want, &l->user, &l->link);
    if (err == OK) {
        set_state(l, LEASE_DIALING);
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

static struct endpoint *pick(struct lease *l)
{
    struct upstream *u = l->service->upstream;
    struct balance_ask ask = {.set = l->service->set,
                              .tried = l->tried,
                              .tried_count = l->tried_count,
                              .now_ms = loop_now_ms(u->env.loop),
                              .kind = l->want.balance,
                              .key = l->want.balance_key};
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

/* ---- waiting for an endpoint ---- */

static void on_room_go(void *arg)
{
    set_state(arg, LEASE_STARTING);
}

/* Dead addresses are no reason of their own: there are some. */
static enum why lack_of(const struct lease *l)
{
    return upstream_service_endpoints(l->service) > 0 ? WHY_NO_ENDPOINT : l->service->lack;
}

/* Waited in vain: what stopped the last attempt, if there was one, is a detail. */
static void on_room_over(void *arg)
{
    struct lease *l = arg;
    if (l->last_why != WHY_NO_ENDPOINT && l->detail[0] == '\0') {
        l->detail = why_label(l->last_why);
    }
    fail(l, lack_of(l));
}

static const struct hold_guest_events guest_events = {
    .on_go = on_room_go,
    .on_over = on_room_over,
};

/* Whether time may mend it. A name that a stranger made and that never had an address is not waited
 * for once that is known. */
static bool is_worth_waiting(const struct lease *l)
{
    const struct upstream_service *s = l->service;
    if (l->want.hold_class == NULL) {
        return false;
    }
    if (l->last_why == WHY_NO_ENDPOINT) {
        return !s->is_made || s->set->version > 1 || s->set->count > 0;
    }
    if (l->last_why == WHY_UPSTREAM_CERTIFICATE || l->last_why == WHY_NO_FD) {
        return false;
    }
    return !is_greeting(l->last_why, l->detail) || l->greets < GREETS_MAX;
}

static void wait_in_room(struct lease *l)
{
    struct deadline_class *patience =
        l->want.hold_class != NULL ? l->want.hold_class : l->want.connect_class;
    uint32_t limit = l->want.hold_requests > 0 ? l->want.hold_requests : HELD_MAX;
    forget_tried(l);
    int err = hold_enter(&l->service->room, &l->guest, patience, limit);
    if (err == OK) {
        set_state(l, LEASE_WAITING);
        upstream_service_hurry(l->service);
    } else if (err == ERR_TIMEOUT) {
        on_room_over(l);
    } else {
        fail(l, WHY_HOLD_FULL);
    }
}

/* Whoever comes while others wait goes behind them, unless a link is there that can be lent. */
static bool must_queue(const struct lease *l)
{
    const struct endpoint_set *set = l->service->set;
    if (l->want.hold_class == NULL || hold_is_empty(&l->service->room) ||
        hold_was_inside(&l->guest)) {
        return false;
    }
    for (size_t i = 0; i < set->count && !l->want.fresh; i++) {
        if (pool_newest(set->endpoints[i], l->want.transport) != NULL) {
            return false;
        }
    }
    return true;
}

static void on_step(void *arg)
{
    struct lease *l = arg;
    if (l->service->set == NULL && l->service->refused) {
        fail(l, WHY_NAME_LIMIT);
        return;
    }
    if (l->service->set == NULL || must_queue(l)) {
        wait_in_room(l);
        return;
    }
    struct endpoint *e = pick(l);
    while (e != NULL && !try_endpoint(l, e) && l->last_why != WHY_NO_FD) {
        count_attempt(l, l->last_why);
        e = pick(l);
    }
    if (l->state == LEASE_STARTING && is_worth_waiting(l)) {
        wait_in_room(l);
    } else if (l->state == LEASE_STARTING) {
        fail(l, l->last_why == WHY_NO_ENDPOINT ? lack_of(l) : l->last_why);
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
    fail(l, WHY_CONNECT_TIMEOUT);
}

struct lease *lease_new(struct upstream_service *s, const struct lease_want *want,
                        const struct lease_events *events, void *arg)
{
    struct lease *l = NEW(struct lease);
    hold_guest_init(&l->guest, &guest_events, l);
    deadline_init(&l->connect, on_connect_over, l);
    list_init(&l->user.node);
    l->user.events = &link_events;
    l->user.arg = l;
    l->tried = l->first_tried;
    l->tried_cap = sizeof(l->first_tried) / sizeof(l->first_tried[0]);
    l->service = upstream_service_ref(s);
    l->want = *want;
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

bool lease_was_held(const struct lease *l)
{
    return hold_was_inside(&l->guest);
}

bool lease_may_retry(const struct lease *l)
{
    bool may = retry_budget_take(&l->service->retries);
    counter_inc(env_of(l)->slot, may ? COUNTER_RETRIES : COUNTER_RETRIES_REFUSED);
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

/* Answers of a service that is not well, in a row, and others may be: as long as half of them stay.
 */
static void count_bad_answer(struct lease *l)
{
    uint64_t now_ms = loop_now_ms(env_of(l)->loop);
    const struct endpoint_set *set = l->service->set;
    if (endpoint_answered_badly(current(l)) && set != NULL && endpoint_set_can_spare(set, now_ms)) {
        endpoint_eject(current(l), "bad_answers", now_ms);
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
        endpoint_failed(e, why, died && !l->reused, loop_now_ms(env_of(l)->loop));
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
    forget_tried(l);
    endpoint_unref(l->last);
    l->last = NULL;
    set_state(l, LEASE_ENDED);
    hold_leave(&l->service->room, &l->guest);
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

/* SPDX-License-Identifier: MIT */
#include "proxy/handshakes.h"

static struct handshake *first_of(struct handshakes *h, enum handshakes_line line)
{
    if (!list_is_empty(&h->parked[line])) {
        return LIST_FIRST(&h->parked[line], struct handshake, node);
    }
    if (!list_is_empty(&h->arrivals[line])) {
        return LIST_FIRST(&h->arrivals[line], struct handshake, node);
    }
    return NULL;
}

static bool is_anybody_here(struct handshakes *h)
{
    for (size_t line = 0; line < HANDSHAKES_LINES; line++) {
        if (first_of(h, (enum handshakes_line)line) != NULL) {
            return true;
        }
    }
    return false;
}

static void serve(struct handshakes *h, enum handshakes_line line)
{
    for (int i = 0; i < HANDSHAKES_A_TURN; i++) {
        struct handshake *one = first_of(h, line);
        if (one == NULL) {
            return;
        }
        uint64_t waited_ms = loop_now_ms(h->loop) - one->since_ms;
        handshakes_leave(one);
        one->on_turn(one->arg, waited_ms);
    }
}

static void park(struct handshakes *h, enum handshakes_line line)
{
    LIST_EACH (&h->arrivals[line], it, tmp) {
        struct handshake *one = CONTAINER_OF(it, struct handshake, node);
        list_remove(&one->node);
        list_push_back(&h->parked[line], &one->node);
        one->is_parked = true;
        counter_inc(h->slot, COUNTER_HANDSHAKES_WAITING);
        one->on_park(one->arg);
    }
}

static void on_turn_end(void *arg)
{
    struct handshakes *h = arg;

    if (!is_anybody_here(h)) {
        return;
    }
    if (h->before != NULL) {
        h->before(h->arg);
    }
    serve(h, HANDSHAKES_ANSWERED);
    serve(h, HANDSHAKES_NEW);
    park(h, HANDSHAKES_ANSWERED);
    park(h, HANDSHAKES_NEW);
    if (is_anybody_here(h)) {
        loop_hurry(h->loop);
    }
}

void handshakes_init(struct handshakes *h, struct loop *loop, struct slot *slot)
{
    *h = (struct handshakes){.loop = loop, .slot = slot};
    for (size_t line = 0; line < HANDSHAKES_LINES; line++) {
        list_init(&h->parked[line]);
        list_init(&h->arrivals[line]);
    }
    /* Early, so that what a handshake writes leaves in the same turn. */
    loop_hook_add_early(loop, &h->hook, on_turn_end, h);
}

void handshakes_fini(struct handshakes *h)
{
    (void)CHECK(!is_anybody_here(h));
    loop_hook_remove(&h->hook);
}

void handshakes_wait(struct handshakes *h, struct handshake *one, enum handshakes_line line)
{
    if (one->in == NULL) {
        one->in = h;
        one->since_ms = loop_now_ms(h->loop);
        list_push_back(&h->arrivals[line], &one->node);
    }
}

void handshakes_leave(struct handshake *one)
{
    if (one->in == NULL) {
        return;
    }
    if (one->is_parked) {
        counter_dec(one->in->slot, COUNTER_HANDSHAKES_WAITING);
        one->is_parked = false;
    }
    list_remove(&one->node);
    one->in = NULL;
}

/* SPDX-License-Identifier: MIT */
/* A response compressed on its way to the client, where the route asks for it (`gzip`). */
#include "exchange_impl.h"

#include "http/gzip.h"

/* Compressors at work in one worker: 150 kB each. What comes beyond goes as it is. */
#define GZIP_MAX 128

static void on_packed(void *arg, struct str bytes)
{
    exchange_send_data(arg, bytes);
}

/* The service has said all that it had in this turn: the client is not kept waiting for more. */
static void on_turn_end(void *arg)
{
    struct exchange *ex = arg;
    gzip_flush(ex->gzip);
}

void exchange_gzip_begin(struct exchange *ex, struct message *m, struct body *body)
{
    struct proxy *p = ex->proxy;
    if (!ex->route->rules.gzip) {
        return;
    }
    enum gzip_choice choice = gzip_choose(ex->request, m, *body);
    if (choice == GZIP_TAKES) {
        ex->gzip = p->gzip_count < GZIP_MAX ? gzip_new(on_packed, ex) : NULL;
        choice = ex->gzip != NULL ? GZIP_TAKES : GZIP_VARIES;
        counter_inc(p->slot, ex->gzip != NULL ? COUNTER_GZIP_DONE : COUNTER_GZIP_BUSY);
    }
    switch (choice) {
    case GZIP_NEVER: return;
    case GZIP_VARIES: gzip_vary(m); return;
    case GZIP_TAKES: break;
    }
    p->gzip_count++;
    ex->is_gzip = true;
    loop_task_init(&ex->gzip_flush, on_turn_end, ex);
    gzip_head(m);
    *body = (struct body){.kind = BODY_CHUNKED};
}

void exchange_gzip_data(struct exchange *ex, struct str data)
{
    gzip_write(ex->gzip, data);
    loop_defer(ex->proxy->loop, &ex->gzip_flush);
}

void exchange_gzip_end(struct exchange *ex)
{
    if (ex->gzip != NULL) {
        gzip_end(ex->gzip);
        exchange_gzip_free(ex);
    }
}

void exchange_gzip_free(struct exchange *ex)
{
    if (ex->gzip != NULL) {
        loop_task_cancel(&ex->gzip_flush);
        gzip_free(ex->gzip);
        ex->gzip = NULL;
        ex->proxy->gzip_count--;
    }
}

/* SPDX-License-Identifier: MIT */
/* What the files of an exchange share: life and answers of our own (exchange), the decision where
 * it goes (exchange_route), the way to the service and back (exchange_relay), ACME (challenge). */
#ifndef HIVEDOOR_SRC_PROXY_EXCHANGE_IMPL_H
#define HIVEDOOR_SRC_PROXY_EXCHANGE_IMPL_H

#include "base/list.h"
#include "http/hop.h"
#include "http/target.h"
#include "loop/deadline.h"
#include "proxy/exchange.h"
#include "proxy_impl.h"

#include <stdbool.h>
#include <stdint.h>

enum exchange_state {
    EX_HEAD,
    EX_ROUTE,
    EX_CONNECT,
    EX_RELAY,
    EX_TUNNEL,
    EX_CHALLENGE,
    EX_DONE,
    EX_FAILED,
};

/* Request and response each go through these. */
enum exchange_half { EX_HALF_HEAD, EX_HALF_BODY, EX_HALF_DONE };

struct exchange {
    struct list node; /* among the connection's */
    struct proxy *proxy;
    struct conn *conn;
    struct proxy_settings *settings; /* a reference */
    struct arena *arena;             /* borrowed; lives until the channel ends */
    enum exchange_state state;
    enum exchange_half request_half;
    enum exchange_half response_half;

    struct channel *client;   /* NULL once let go */
    struct channel *upstream; /* NULL before a link stands and after it is given back */
    struct lease *lease;
    struct challenge *challenge; /* while EX_CHALLENGE */
    bool client_paused;          /* the service does not take the request body fast enough */
    bool upstream_paused;        /* the client does not take the response fast enough */
    bool holds_body;             /* until the service asks for it (Expect: 100-continue) */
    bool port_tls;

    struct message *request;
    struct body request_body;
    struct target target;
    struct hop hop;
    struct buf sent;          /* of its body, kept in case it is sent again */
    struct message *trailers; /* of the request, in the arena; NULL until they come */
    struct hop answer_hop;
    struct str method; /* as received, for the log */
    struct str user;   /* whose password was right; empty: none was asked for */
    const struct model_site *site;
    struct str label; /* what the host has in place of the "*" of the site's name, or empty */
    const struct model_route *route;
    const struct route_use *use;
    struct upstream_service *to; /* a reference, from the decision on */
    enum model_balance_kind balance;
    uint64_t balance_key; /* with MODEL_BALANCE_HASH */
    struct gzip *gzip;    /* owned; while a response is being compressed */
    struct loop_task gzip_flush;
    bool is_gzip; /* it was */
    struct deadline deadline;

    /* what a refusal carries besides its reason */
    unsigned retry_after_s;      /* 0: none */
    struct str www_authenticate; /* empty: none */

    /* for the access record */
    uint64_t number;       /* among all of the worker; what its id is made of */
    char id[REPLY_ID_MAX]; /* empty until exchange_id is asked */
    uint16_t status;
    uint64_t started_us;
    uint64_t connected_us;
    uint64_t answered_us;
    uint64_t bytes_in;  /* request body */
    uint64_t bytes_out; /* response body */
    struct str service;
    struct str endpoint;      /* of the lease, at the end only */
    struct str task;          /* likewise: that the endpoint belongs to; empty: not known */
    struct lease_tally tally; /* of all its leases but the one it has */
    uint8_t retries;          /* links that died under it, each followed by another */
    enum why retry_why;       /* of the last of them */
    const char *spoken;       /* the protocol with the service; static, NULL or "" if none */
    const char *detail; /* what TLS said of a link that failed; static, NULL or "" if nothing */
};

/* The only place that changes the state. */
void exchange_set_state(struct exchange *ex, enum exchange_state state);
/* What a request is called in its answer and in logs. */
const char *exchange_id(struct exchange *ex);
/* The client's channel is gone: ends without an answer. */
void exchange_client_gone(struct exchange *ex, enum why why);
/* The one end: access record, counters, link and reference given back; freed at the turn's end. */
void exchange_finish(struct exchange *ex, enum why why);

/* exchange_route.c: decides and starts what answers this request. */
void exchange_route(struct exchange *ex);
/* exchange_relay.c: to the service of ex->use and back. */
void exchange_connect(struct exchange *ex);
/* Body bytes to the client; the service is stopped when it does not take them. */
void exchange_send_data(struct exchange *ex, struct str data);
/* exchange_gzip.c: may begin to compress the response of this head, and changes it then. */
void exchange_gzip_begin(struct exchange *ex, struct message *m, struct body *body);
/* While ex->gzip is there: bytes of the service. */
void exchange_gzip_data(struct exchange *ex, struct str data);
/* The body is complete: what is left comes out. Nothing without ex->gzip. */
void exchange_gzip_end(struct exchange *ex);
void exchange_gzip_free(struct exchange *ex);
/* sticky.c: which endpoint the request belongs to, if any. */
void exchange_balance(struct exchange *ex);
/* policy.c: true when the request may go on; else it has been answered. */
bool policy_admit(struct exchange *ex, const struct model_rules *rules);
/* exchange_again.c: what of a request is kept to be sent again, and whether it may be. */
/* The next piece of its body goes out; counted in bytes_in already. */
void exchange_again_keep(struct exchange *ex, struct str data);
/* It will not be sent again. */
void exchange_again_drop(struct exchange *ex);
/* Whether it may be, after the end of a link for `why`; if so, it has to be. */
bool exchange_again_may(const struct exchange *ex, enum why why);
/* On another link: what was kept. */
void exchange_again_send(struct exchange *ex);
/* challenge.c: answers /.well-known/acme-challenge/TOKEN. */
bool challenge_is_for(const struct exchange *ex);
void challenge_start(struct exchange *ex);
/* Accepts NULL. */
void challenge_free(struct challenge *c);
/* access_log.c */
void access_log_write(struct exchange *ex, enum why why);

#endif

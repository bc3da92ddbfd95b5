/* SPDX-License-Identifier: MIT */
/*
 * One request and its answer (workers only):
 *
 *   EX_HEAD -> EX_ROUTE -> EX_CONNECT -> EX_RELAY -> EX_DONE
 *                 |                         '-> EX_TUNNEL -> EX_DONE     (after 101)
 *                 '-> EX_CHALLENGE -> EX_DONE                            (ACME, port 80)
 *   EX_FAILED from anywhere
 *
 * Ends in exchange_finish and nowhere else: one access record, the counters, the link given back.
 * An exchange holds a reference on the generation that was current when its request came.
 */
#ifndef HIVEDOOR_PROXY_EXCHANGE_H
#define HIVEDOOR_PROXY_EXCHANGE_H

#include "base/arena.h"
#include "base/err.h"
#include "http/channel.h"
#include "http/reply.h"
#include "proxy/conn.h"

struct exchange;

/*
 * Begins with a request head and answers it, whatever happens. `bad` not WHY_OK: the request is
 * refused with that reason. `m` and its arena live until the channel ends. Until its end it stands
 * among the connection's exchanges.
 */
void exchange_new(struct conn *c, struct channel *ch, struct message *m, struct body body,
                  enum why bad);
/* The connection is gone or is being closed: its exchanges end without an answer. */
void exchange_abort_all(struct list *exchanges, enum why why);
/* Ends with an error page where one can still be sent. */
void exchange_fail(struct exchange *ex, enum why why);
/* Ends with an answer of our own. */
void exchange_reply(struct exchange *ex, struct reply *reply, enum why why);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The header fields that a configuration sets, adds and removes (`headers`): applied to a request
 * as the last thing before it goes on, and to every final answer of a site, also the door's own.
 * What frames a message or says who the client is cannot be configured (config/fields), so this
 * changes no framing. The same for every HTTP version; pure functions.
 */
#ifndef HIVEDOOR_PROXY_HEADERS_H
#define HIVEDOOR_PROXY_HEADERS_H

#include "config/model.h"
#include "http/message.h"

/* Changes the head in place; names and values are borrowed from the model. A name that is set or
 * removed is found in any case and with "_" for "-": services that make variables of names cannot
 * tell these apart. */
void headers_apply(struct message *m, const struct model_headers *changes);
/* Trailers bring in none of the fields that are set or removed in the head. */
void headers_strip_trailers(struct message *m, const struct model_headers *changes);

#endif

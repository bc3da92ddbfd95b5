/* SPDX-License-Identifier: MIT */
/*
 * Fields behind a body (RFC 9110 section 6.5): which of them may go on, for every HTTP version. A
 * recipient may merge trailers into the head, so whatever decides about a message there - where it
 * ends, whom it is for, who sent it, what its bytes mean - must not come late.
 */
#ifndef HIVEDOOR_HTTP_TRAILER_H
#define HIVEDOOR_HTTP_TRAILER_H

#include "base/str.h"
#include "http/message.h"

#include <stdbool.h>

/*
 * Whether a trailer section may have a field of this name, in any case (RFC 9110 section 6.5.1): no
 * framing, routing, conditionals, authentication, cookies, control data, no description of the
 * content but its digests; nothing that says who the client is, spelt with "_" neither.
 */
bool trailer_is_allowed(struct str name);
/* Removes the fields that are not. */
void trailer_filter(struct message *m);

#endif

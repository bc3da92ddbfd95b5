/* SPDX-License-Identifier: MIT */
/*
 * One cookie out of a request (RFC 6265 section 4.2.1), for whoever sends the requests of one user
 * to one place. Pure; copies nothing and believes nothing.
 */
#ifndef HIVEDOOR_HTTP_COOKIE_H
#define HIVEDOOR_HTTP_COOKIE_H

#include "base/str.h"
#include "http/message.h"

#include <stdbool.h>

/* The value of the first cookie of this name (letters' case matters) in any Cookie field, as it
 * stands there, without the spaces around it; borrowed from the field. False: there is none. */
bool cookie_find(const struct message *request, struct str name, struct str *out_value);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Header fields that a configuration changes: which names and values may be written. What frames a
 * message, belongs to one connection, or says who the client is stays the door's own. Pure
 * functions on texts.
 */
#ifndef HIVEDOOR_CONFIG_FIELDS_H
#define HIVEDOOR_CONFIG_FIELDS_H

#include "base/str.h"
#include "config/values.h"

#include <stdbool.h>

enum fields_use { FIELDS_REQUEST, FIELDS_RESPONSE, FIELDS_REQUEST_REMOVE, FIELDS_RESPONSE_REMOVE };

/* A token (RFC 9110 section 5.6.2) of at most 128 bytes that is none of ours. "_" counts as "-":
 * services that turn names into variables cannot tell them apart. */
int fields_name(struct str name, enum fields_use use, struct values_fault *fault) MUST_USE;
/* The name of a header or a cookie to be looked at: a token of at most 128 bytes (RFC 6265 section
 * 4.1.1 asks the same of cookies). */
int fields_token(struct str name, struct values_fault *fault) MUST_USE;
/* Visible ASCII with spaces and tabs inside (RFC 9110 section 5.5), at most 4096 bytes. */
int fields_value(struct str value, struct values_fault *fault) MUST_USE;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The one place that decides how long a body is, and refuses whatever could be read two ways
 * (RFC 9112 section 6; request smuggling).
 *
 * Refused: Content-Length beside Transfer-Encoding; several or listed Content-Length values, even
 * equal ones; a value with anything but digits; Transfer-Encoding in HTTP/1.0; any coding but one
 * final "chunked"; Transfer-Encoding in a 1xx or 204 response; in requests also either field with
 * "_" for "-", which services that make environment variables of names take for it.
 */
#ifndef HIVEDOOR_HTTP_FRAMING_H
#define HIVEDOOR_HTTP_FRAMING_H

#include "base/err.h"
#include "http/message.h"

#include <stdbool.h>

/* *out_why: WHY_BAD_FRAMING, WHY_TRANSFER_CODING. */
int framing_request(const struct message *m, struct body *out_body, enum why *out_why) MUST_USE;
/* `request_method` and whether an upgrade was asked for decide too: no body for HEAD, 1xx, 204,
 * 304; BODY_TUNNEL for 101 when asked for, else WHY_UPSTREAM_BAD_UPGRADE. Otherwise
 * WHY_UPSTREAM_BAD_FRAMING. */
int framing_response(const struct message *m, enum http_method request_method, bool upgrade_asked,
                     struct body *out_body, enum why *out_why) MUST_USE;
/* Whether the connection may be used again after this message, by its version and Connection
 * (RFC 9112 section 9.3). */
bool framing_keeps_alive(const struct message *m);

#endif

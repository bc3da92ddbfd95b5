/* SPDX-License-Identifier: MIT */
/*
 * A message becomes the list of names and values that nghttp2 encodes (RFC 9113 section 8): names
 * in lower case, connection-specific and framing fields left out, a length where it is known.
 * What is written is checked: it would parse back.
 */
#ifndef HIVEDOOR_SRC_HTTP_H2_NV_H
#define HIVEDOOR_SRC_HTTP_H2_NV_H

#include "http/message.h"

#include <nghttp2/nghttp2.h>

struct h2_nvs {
    nghttp2_nv *list; /* in the message's arena, as are its strings */
    size_t count;
};

/* ERR_SYNTAX when a part is not of the grammar. `is_head`: answer to HEAD, whose own Content-Length
 * stands, as with 304. */
int h2_nv_response(const struct message *m, struct body body, bool is_head,
                   struct h2_nvs *out_nvs) MUST_USE;
/* `scheme` is "http" or "https"; `protocol`, if not empty, makes an extended CONNECT of it. Host
 * becomes :authority. */
int h2_nv_request(const struct message *m, struct body body, struct str scheme, struct str protocol,
                  struct h2_nvs *out_nvs) MUST_USE;
/* The message holds only what trailers may have (http/trailer). */
int h2_nv_trailers(const struct message *m, struct h2_nvs *out_nvs) MUST_USE;

#endif

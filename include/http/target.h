/* SPDX-License-Identifier: MIT */
/*
 * The request target and the Host (RFC 9112 section 3.2, RFC 3986): taken apart and checked. The
 * path goes on byte for byte; what is matched against routes is a normalised copy.
 */
#ifndef HIVEDOOR_HTTP_TARGET_H
#define HIVEDOOR_HTTP_TARGET_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "http/message.h"

#include <stddef.h>
#include <stdint.h>

struct target {
    struct str host;      /* lower case, no port, no brackets, no trailing dot; in the arena */
    uint16_t port;        /* 0 if none was written */
    struct str authority; /* Host as it will be forwarded: of the target in absolute form */
    struct str path;      /* as received, "/" if empty; "*" for OPTIONS * */
    struct str query;     /* with its "?", or empty */
    struct str match;     /* path normalised for matching; "/" for "*" */
};

/*
 * From target and Host of a request. Origin-form, absolute-form (http or https; its authority
 * replaces Host, RFC 9112 section 3.2.2), asterisk-form for OPTIONS; CONNECT is refused with
 * WHY_METHOD_REFUSED. Refuses (WHY_BAD_TARGET, WHY_BAD_HOST): bytes outside RFC 3986 ("#", spaces,
 * controls; UTF-8 as raw bytes >= 0x80 too), bad percent-encoding, userinfo, no or several or an
 * invalid Host, an empty Host (HTTP/1.0 without Host gives an empty host). Beside RFC 3986, the few
 * ASCII characters that browsers send as they are ("[", "]", "|", "{", "}", "^", "`", and "\" in
 * queries) pass.
 */
int target_parse(const struct message *m, struct arena *arena, struct target *out_target,
                 enum why *out_why) MUST_USE;
/*
 * Normalises a path for matching: percent-decoding (an encoded slash counts as a slash, and so does
 * an encoded backslash), dot segments removed, with parameters too, repeated slashes made one.
 * ERR_SYNTAX for bad encoding, NUL, or a path that climbs above "/".
 */
int target_normalise(struct str path, struct arena *arena, struct str *out_path) MUST_USE;
/* host[:port] of RFC 3986, lower-cased into the arena; ERR_SYNTAX. IPv6 in brackets, made
 * canonical; names of letters, digits, "-", "_" and "." only, without empty labels. */
int target_host(struct str authority, struct arena *arena, struct str *out_host,
                uint16_t *out_port) MUST_USE;

#endif

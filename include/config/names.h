/* SPDX-License-Identifier: MIT */
/*
 * The values that are names or URLs: site names, targets, the ACME relay, redirects, route
 * prefixes. Pure functions on texts; results are copied into the given arena. Nothing is resolved.
 */
#ifndef HIVEDOOR_CONFIG_NAMES_H
#define HIVEDOOR_CONFIG_NAMES_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "config/model.h"
#include "config/values.h"

/* Stands for what a request's host has in place of the "*" of its site's name. */
#define NAMES_CAPTURE "{1}"

/* A site's name: labels of letters, digits, "-" and "_" (RFC 1123 section 2.1, RFC 1035 section
 * 2.3.4), no port, no dot at the end; lower case in *out_host. */
int names_host(struct arena *a, struct str text, struct str *out_host,
               struct values_fault *fault) MUST_USE;
/* As names_host, or "*." and such a name: one label in its place. */
int names_site(struct arena *a, struct str text, struct str *out_name,
               struct values_fault *fault) MUST_USE;
bool names_is_wild(struct str name);
/* "SCHEME://HOST[:PORT]", the scheme http, https or h2c: a service name, an absolute name with its
 * dot, or a literal address. A name that is one label may hold NAMES_CAPTURE once. */
int names_target(struct arena *a, struct str text, struct model_target *out_target,
                 struct values_fault *fault) MUST_USE;
/* "http://HOST[:PORT][/PATH]"; the path goes to *out_path without its slash at the end. */
int names_relay(struct arena *a, struct str text, struct model_target *out_target,
                struct str *out_path, struct values_fault *fault) MUST_USE;

/* "https://c.com", "http://c.com:8080/x"; NAMES_CAPTURE may stand once in host or path. In the host
 * at least two labels follow the one it stands in: a request must not choose whose domain it is. */
struct names_redirect {
    struct str url;  /* normalised, without a slash at the end */
    struct str host; /* lower case, without the port */
    bool is_bare;    /* neither port nor path: only the site changes */
    bool is_pattern; /* holds NAMES_CAPTURE */
};
int names_redirect(struct arena *a, struct str text, struct names_redirect *out_redirect,
                   struct values_fault *fault) MUST_USE;
/* "/" or "/api" as it stands in the decoded path: whole segments, no slash at the end. */
int names_prefix(struct str text, struct values_fault *fault) MUST_USE;

#endif

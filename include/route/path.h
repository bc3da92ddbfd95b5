/* SPDX-License-Identifier: MIT */
/*
 * Paths as routes see them: prefixes on whole segments, and cutting a prefix off the raw path. Pure
 * functions, called by workers; they allocate nothing.
 */
#ifndef HIVEDOOR_ROUTE_PATH_H
#define HIVEDOOR_ROUTE_PATH_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* Whether `path` is `prefix` or lies below it; "/" is a prefix of everything. */
bool path_has_prefix(struct str path, struct str prefix);
/*
 * The raw path without `prefix`, as `strip: true` sends it on: "/api/x" -> "/x", "/api" -> "/". The
 * raw path may spell the prefix differently ("/%61pi//x"): its segments are compared decoded, and
 * the rest goes on byte for byte, as a part of `raw`, but with one slash in front: "//x" would be
 * taken for the host x by whoever makes a link of it (RFC 3986 section 4.2).
 *
 * ERR_MISMATCH if it does not begin with the prefix, or if the rest's dot segments climb above it
 * ("/api/../x"); then the caller forwards the normalised path's rest.
 */
int path_strip(struct str raw, struct str prefix, struct str *out_path) MUST_USE;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the door would do with a request for a URL, and why: certificate, site, rules, route,
 * endpoints, answer (keeper, for `hivedoor explain`). Made of the same tables that workers use;
 * nothing is sent to anybody.
 */
#ifndef HIVEDOOR_DAEMON_EXPLAIN_H
#define HIVEDOOR_DAEMON_EXPLAIN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct admin_view;

#define EXPLAIN_URL_MAX 2048

/* Appends lines for people. `url`: "https://a.com/x", "http://...", or "a.com/x" for https.
 * ERR_SYNTAX: no such URL (nothing is appended); ERR_LIMIT. */
int explain_write(const struct admin_view *view, struct str url, struct buf *out) MUST_USE;

#endif

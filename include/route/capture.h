/* SPDX-License-Identifier: MIT */
/*
 * What a request's host has in place of the "*" of its site's name, and what may be made of it.
 * The label is chosen by whoever asks, so it must lead nowhere but to a service of the shape that
 * the configuration names (docs/SECURITY.md, "Names that a request chooses"). Pure functions:
 * workers ask them of every request, the keeper of every name that a worker wants.
 *
 *   label   what the host has: "pr1" of pr1.preview.example.com
 *   pattern a target's host with "{1}" in it: "{1}_web"
 *   task    what comes out: "pr1_web", which is asked of the DNS as tasks.pr1_web and never bare
 */
#ifndef HIVEDOOR_ROUTE_CAPTURE_H
#define HIVEDOOR_ROUTE_CAPTURE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define CAPTURE_LABEL_MAX 63 /* RFC 1035 section 2.3.4; of Docker's service names too */

/*
 * Letters, digits and inner "-" (RFC 1123 section 2.1), lower case. No "_": it divides stack and
 * service, and "a_b" would reach the service b_web of stack a through "{1}_web".
 */
bool capture_is_label(struct str label);
/*
 * Whether a made name may be asked for: one label of at most 63 letters, digits, "-" and "_" that
 * begins and ends with a letter or digit, is no number in any spelling of inet_aton ("127",
 * "0x7f000001"), and cannot be a top-level domain (letters alone, or "xn--"): Docker asks the
 * outside for what it does not know, and tasks.com is somebody's.
 */
bool capture_is_task(struct str task);
/* "{1}_web" and "pr1" give "pr1_web" in the arena. ERR_SYNTAX: no "{1}", or not the label or not
 * the task of a service. */
int capture_task(struct arena *arena, struct str pattern, struct str label,
                 struct str *out_task) MUST_USE;
/* Whether `task` can be made of `pattern`. */
bool capture_makes(struct str pattern, struct str task);
/* `text` with the label in place of every "{1}", in the arena; ERR_SYNTAX for what is no label and
 * is needed. A label has no character that means anything in a URL. */
int capture_fill(struct arena *arena, struct str text, struct str label,
                 struct str *out_text) MUST_USE;

#endif

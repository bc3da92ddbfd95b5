/* SPDX-License-Identifier: MIT */
/*
 * The Basic authentication scheme (RFC 7617): credentials out of a request, and the challenge that
 * asks for them. Pure; knows nothing of users.
 */
#ifndef HIVEDOOR_HTTP_BASIC_H
#define HIVEDOOR_HTTP_BASIC_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "http/message.h"

#define BASIC_BYTES_MAX 512 /* of name, colon and password */

/* A secret: the owner calls basic_wipe. */
struct basic {
    struct str user; /* in `bytes` */
    struct str password;
    char bytes[BASIC_BYTES_MAX];
};

/*
 * ERR_NOT_FOUND: the request brings none (no Authorization, or of another scheme); ERR_SYNTAX: it
 * brings some that cannot be right, or more than one; ERR_LIMIT: longer than BASIC_BYTES_MAX. After
 * an error nothing is left in `out`.
 */
int basic_parse(const struct message *request, struct basic *out) MUST_USE;
/* Leaves no byte of the password; also on a zeroed struct. */
void basic_wipe(struct basic *b);
/* The value of WWW-Authenticate, in the arena. */
struct str basic_challenge(struct arena *arena, struct str realm);

#endif

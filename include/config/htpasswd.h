/* SPDX-License-Identifier: MIT */
/*
 * A file of users as `htpasswd` writes it: NAME:HASH a line. Pure: the loader refuses a file with
 * it that cannot be used, workers read the users with it. Hashes are bcrypt ($2y$, $2b$, $2a$) and
 * SHA-crypt ($5$, $6$): those that cost whoever guesses something, and not more than a worker can
 * spare. Everything else is refused, so that nobody is locked out, or let in, by surprise.
 */
#ifndef HIVEDOOR_CONFIG_HTPASSWD_H
#define HIVEDOOR_CONFIG_HTPASSWD_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

/* bcrypt's cost is a power of two: 14 is a second on a small machine; the usual 10 a sixteenth. */
#define HTPASSWD_BCRYPT_COST_MAX 14
/* `rounds=` of SHA-crypt; without it there are 5000. */
#define HTPASSWD_SHA_ROUNDS_MAX 500000
/* From here on a hash stops a worker for a quarter of a second: worth a warning. */
#define HTPASSWD_BCRYPT_COST_SLOW 12
#define HTPASSWD_SHA_ROUNDS_SLOW  200000
#define HTPASSWD_NAME_MAX         128
#define HTPASSWD_HASH_MAX         128

struct htpasswd_user {
    struct str name; /* borrowed from the file's bytes, as is `hash` */
    struct str hash; /* as crypt(3) takes it */
    bool is_slow;
};

/*
 * Cuts the next user off `*rest` and counts the lines up to it in `*line` (0 at the start); empty
 * lines and those that begin with "#" are passed over. OK; ERR_EOF: there is no other;
 * ERR_SYNTAX: not NAME:HASH, or a name or hash that cannot be; ERR_UNSUPPORTED: a kind of hash that
 * is not taken (MD5, SHA-1, DES, plain text); ERR_LIMIT: too costly to be checked while others
 * wait. After an error the next call goes on behind the line.
 */
int htpasswd_next(struct str *rest, size_t *line, struct htpasswd_user *out_user) MUST_USE;

#endif

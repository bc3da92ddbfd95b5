/* SPDX-License-Identifier: MIT */
#include "config/htpasswd.h"

#define SHA_SALT_MAX   16
#define BCRYPT_LENGTH  60
#define SHA256_DIGITS  43
#define SHA512_DIGITS  86
#define SHA_ROUNDS_MIN 1000

/* The alphabet of crypt(3), the same for all kinds of hash. */
static bool is_digits(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool is_letter = chr_lower(c) >= 'a' && chr_lower(c) <= 'z';
        if (!is_letter && !(c >= '.' && c <= '9')) {
            return false;
        }
    }
    return true;
}

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
    }
    return s.len > 0;
}

/* "$2y$" cost of two digits, "$", 22 digits of salt and 31 of hash. */
static int check_bcrypt(struct htpasswd_user *user)
{
    struct str hash = user->hash;
    uint64_t cost = 0;
    char minor = hash.len > 2 ? hash.ptr[2] : '\0';
    if (minor != 'y' && minor != 'b' && minor != 'a') {
        return ERR_UNSUPPORTED; /* "$2$" and "$2x$" are known to be broken */
    }
    if (hash.len != BCRYPT_LENGTH || hash.ptr[3] != '$' || hash.ptr[6] != '$' ||
        !is_number(str_sub(hash, 4, 2)) || !is_digits(str_from(hash, 7)) ||
        str_to_u64(str_sub(hash, 4, 2), 31, &cost) != OK || cost < 4) {
        return ERR_SYNTAX;
    }
    user->is_slow = cost >= HTPASSWD_BCRYPT_COST_SLOW;
    return cost > HTPASSWD_BCRYPT_COST_MAX ? ERR_LIMIT : OK;
}

/* Behind "$5$" or "$6$": "rounds=N$" or nothing, salt, "$", hash. */
static int check_sha(struct htpasswd_user *user, size_t digits)
{
    struct str rest = str_from(user->hash, 3);
    struct str part;
    uint64_t rounds = SHA_ROUNDS_MIN;
    if (str_starts(rest, STR("rounds="))) {
        (void)str_next(&rest, '$', &part);
        part = str_from(part, sizeof("rounds=") - 1);
        int err = is_number(part) ? str_to_u64(part, HTPASSWD_SHA_ROUNDS_MAX, &rounds) : ERR_SYNTAX;
        if (err != OK || rounds < SHA_ROUNDS_MIN) {
            return err == ERR_RANGE ? ERR_LIMIT : ERR_SYNTAX;
        }
    }
    struct str salt;
    if (!str_next(&rest, '$', &salt) || salt.len > SHA_SALT_MAX || !is_digits(salt) ||
        rest.len != digits || !is_digits(rest)) {
        return ERR_SYNTAX;
    }
    user->is_slow = rounds >= HTPASSWD_SHA_ROUNDS_SLOW;
    return OK;
}

static int check_hash(struct htpasswd_user *user)
{
    if (user->hash.len > HTPASSWD_HASH_MAX) {
        return ERR_SYNTAX;
    }
    if (str_starts(user->hash, STR("$2"))) {
        return check_bcrypt(user);
    }
    if (str_starts(user->hash, STR("$5$"))) {
        return check_sha(user, SHA256_DIGITS);
    }
    if (str_starts(user->hash, STR("$6$"))) {
        return check_sha(user, SHA512_DIGITS);
    }
    return ERR_UNSUPPORTED;
}

/* RFC 7617 section 2: no colon, which ends it, and no control characters. */
static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c == 0x7f) {
            return false;
        }
    }
    return s.len > 0 && s.len <= HTPASSWD_NAME_MAX;
}

static int check_line(struct str text, struct htpasswd_user *out_user)
{
    ptrdiff_t colon = str_find(text, ':');
    if (colon < 0) {
        return ERR_SYNTAX;
    }
    struct htpasswd_user user = {.name = str_sub(text, 0, (size_t)colon),
                                 .hash = str_from(text, (size_t)colon + 1)};
    if (!is_name(user.name)) {
        return ERR_SYNTAX;
    }
    int err = check_hash(&user);
    if (err == OK) {
        *out_user = user;
    }
    return err;
}

int htpasswd_next(struct str *rest, size_t *line, struct htpasswd_user *out_user)
{
    struct str text;
    while (rest->len > 0 && str_next(rest, '\n', &text)) {
        (*line)++;
        if (text.len > 0 && text.ptr[text.len - 1] == '\r') {
            text.len--; /* edited on Windows */
        }
        text = str_trim(text);
        if (text.len > 0 && text.ptr[0] != '#') {
            return check_line(text, out_user);
        }
    }
    return ERR_EOF;
}

/* SPDX-License-Identifier: MIT */
/*
 * Every key that a configuration may hold, in one table: where it stands, its type, range, default,
 * help and example. The table drives the checking of files, the defaults of the model, the list
 * that `hivedoor check --schema` prints, and the tests that compare the documentation with it.
 *
 * A path is written with dots: "timeouts.connect". NAME and PREFIX stand for names that the user
 * chooses: "sites.NAME.to".
 */
#ifndef HIVEDOOR_CONFIG_SCHEMA_H
#define HIVEDOOR_CONFIG_SCHEMA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "config/diag.h"
#include "config/values.h"
#include "config/yaml_tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum schema_type {
    SCHEMA_MAP,        /* has keys of its own */
    SCHEMA_SITES,      /* a map whose keys are host names */
    SCHEMA_ROUTES,     /* a map whose keys are path prefixes */
    SCHEMA_TARGET_MAP, /* a target's URL, short for {to: URL}; or a map */
    SCHEMA_PATH_MAP,   /* a path, short for a map with it alone; or a map */
    SCHEMA_RATE_MAP,   /* a rate, the same */
    SCHEMA_NUMBER_MAP, /* a number, the same */
    SCHEMA_FIELDS,     /* a map of header fields and their values */
    SCHEMA_NUMBER,     /* from here ... */
    SCHEMA_DURATION,
    SCHEMA_SIZE,
    SCHEMA_BOOL,
    SCHEMA_CHOICE,      /* ... to here: one number, see schema_number */
    SCHEMA_LISTEN,      /* one address */
    SCHEMA_LISTEN_LIST, /* one or more */
    SCHEMA_SERVERS,     /* addresses of DNS servers */
    SCHEMA_NETWORKS,
    SCHEMA_PATH,
    SCHEMA_PATHS,
    SCHEMA_HOST,
    SCHEMA_SITE_NAMES,  /* host names, or "*." and one */
    SCHEMA_FIELD_NAMES, /* of a head */
    SCHEMA_TOKEN,       /* the name of a header or cookie */
    SCHEMA_RATE,        /* "10/s" */
    SCHEMA_REALM,
    SCHEMA_REQUEST_PATH, /* "/healthz?x" */
    SCHEMA_TARGET,       /* "http://service:port" */
    SCHEMA_RELAY,        /* the same with a path */
    SCHEMA_REDIRECT,     /* "https://host" */
};

struct schema_key {
    const char *path;
    enum schema_type type;
    const char *word;    /* words that are valid beside the type ("auto", "all|none"), or NULL */
    uint64_t word_value; /* what its one word stands for where the value is a number */
    const char *choices; /* SCHEMA_CHOICE: "redirect|serve|off" */
    uint64_t min;        /* numbers, durations (ms), sizes (bytes) */
    uint64_t max;
    const char *fallback; /* the default as one would write it; NULL: none */
    const char *inherits; /* the path whose value is the default, or NULL */
    const char *help;     /* one or two sentences */
    const char *example;  /* what could stand behind the colon */
};

/* The whole table; a key's children follow it. */
const struct schema_key *schema_keys(size_t *out_count);
/* The entry of a path; REQUIREs that there is one. */
const struct schema_key *schema_key(const char *path);
/* The entry of `name` below `parent` (NULL: the top level), or NULL. */
const struct schema_key *schema_child(const struct schema_key *parent, struct str name);
/* The next child of `parent` behind `previous` (NULL: the first), or NULL. */
const struct schema_key *schema_next_child(const struct schema_key *parent,
                                           const struct schema_key *previous);
/* The last word of the path. */
const char *schema_name(const struct schema_key *key);
/* Whether `text` is one of the key's words. */
bool schema_is_word(const struct schema_key *key, struct str text);
/* "duration", "list of addresses": for people. */
const char *schema_type_text(enum schema_type type);
/* Every key with its type, default and help, for `hivedoor check --schema`. ERR_LIMIT. */
int schema_print(struct buf *out) MUST_USE;

/* The number for a text: ms, bytes, 0 or 1, index of the choice, word_value. ERR_SYNTAX, or
 * ERR_RANGE outside min..max. */
int schema_number(const struct schema_key *key, struct str text, uint64_t *out_value,
                  struct values_fault *fault) MUST_USE;
/* The value's number, or its default when `node` is NULL or at fault (which is reported elsewhere).
 */
uint64_t schema_number_or_default(const struct schema_key *key, const struct yaml_node *node);

/* Checks a whole tree, key by key and value by value; every fault goes into `diags`. What concerns
 * several keys at once is for config/verify. */
void schema_check(const struct yaml_tree *tree, struct diags *diags);

#endif

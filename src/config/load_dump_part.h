/* SPDX-License-Identifier: MIT */
/* The parts of load_dump. Private to src/config. */
#ifndef HIVEDOOR_SRC_CONFIG_LOAD_DUMP_PART_H
#define HIVEDOOR_SRC_CONFIG_LOAD_DUMP_PART_H

#include "base/buf.h"
#include "config/model.h"

#include <stdbool.h>

/* Writes until something does not fit; then remembers that and writes no more. */
struct dump {
    struct buf *out;
    int err;
    const struct model *model; /* what sites inherit from */
    struct model_eject eject;  /* the default */
    bool is_brief;             /* what a site or route has by default is left out */
};

void dump_put(struct dump *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Quoted where it must be. */
void dump_text(struct dump *d, struct str s);
/* "[a, b]" and a line end. */
void dump_texts(struct dump *d, const struct str *texts, size_t count);
void dump_duration(struct dump *d, const char *before, uint32_t ms);
void dump_size(struct dump *d, const char *before, uint64_t bytes);
/* "[10.0.0.0/8, ...]" */
void dump_networks(struct dump *d, const struct addr_net *nets, size_t count);

/* One site with all that belongs to it. */
void dump_site(struct dump *d, const struct model_site *s);
/* The keys that a site or a route has, each on a line that begins with `indent`. */
void dump_rules(struct dump *d, const char *indent, const struct model_rules *r);
void dump_verify(struct dump *d, const char *indent, const struct model_target *t);
/* Nothing in them differs from what a site has that says nothing; every member is asked about. */
bool dump_are_defaults(const struct model_rules *r);
void dump_bound(struct dump *d, const struct model_bound *b);
void dump_balance(struct dump *d, const struct model_balance *b);
void dump_health(struct dump *d, const struct model_health *h);
void dump_eject(struct dump *d, const struct model_eject *e);
void dump_client_auth(struct dump *d, const struct model_client_auth *c);

#endif

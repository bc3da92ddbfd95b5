/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "config/values.h"
#include "load_dump_part.h"

/* The first change of the kind at or behind `from`; h->count if there is none. */
static size_t next_change(const struct model_headers *h, enum model_header_op op, size_t from)
{
    while (from < h->count && h->changes[from].op != op) {
        from++;
    }
    return from;
}

static bool is_first(const struct model_headers *h, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (h->changes[i].op == h->changes[at].op &&
            str_eq(h->changes[i].name, h->changes[at].name)) {
            return false;
        }
    }
    return true;
}

static void put_removed(struct dump *d, const struct model_headers *h)
{
    const char *before = "";
    dump_put(d, "remove: [");
    for (size_t i = next_change(h, MODEL_HEADER_REMOVE, 0); i < h->count;
         i = next_change(h, MODEL_HEADER_REMOVE, i + 1)) {
        dump_put(d, "%s", before);
        dump_text(d, h->changes[i].name);
        before = ", ";
    }
    dump_put(d, "]");
}

/* A name with all its values, where it stands first. */
static void put_values(struct dump *d, const struct model_headers *h, size_t at)
{
    enum model_header_op op = h->changes[at].op;
    const char *before = op == MODEL_HEADER_ADD ? ": [" : ": ";
    dump_text(d, h->changes[at].name);
    for (size_t i = at; i < h->count; i = next_change(h, op, i + 1)) {
        if (str_eq(h->changes[i].name, h->changes[at].name)) {
            dump_put(d, "%s", before);
            dump_text(d, h->changes[i].value);
            before = ", ";
        }
    }
    dump_put(d, op == MODEL_HEADER_ADD ? "]" : "");
}

static void put_fields(struct dump *d, const struct model_headers *h, enum model_header_op op)
{
    const char *before = "";
    dump_put(d, ", %s: {", op == MODEL_HEADER_SET ? "set" : "add");
    for (size_t i = next_change(h, op, 0); i < h->count; i = next_change(h, op, i + 1)) {
        if (is_first(h, i)) {
            dump_put(d, "%s", before);
            put_values(d, h, i);
            before = ", ";
        }
    }
    dump_put(d, "}");
}

static void put_head(struct dump *d, const char *indent, const char *name,
                     const struct model_headers *h)
{
    if (h->count > 0) {
        dump_put(d, "%s  %s: {", indent, name);
        put_removed(d, h);
        put_fields(d, h, MODEL_HEADER_SET);
        put_fields(d, h, MODEL_HEADER_ADD);
        dump_put(d, "}\n");
    }
}

static void put_basic_auth(struct dump *d, const char *indent, const struct model_basic_auth *b)
{
    if (b == NULL) {
        dump_put(d, "%sbasic_auth: off\n", indent);
        return;
    }
    dump_put(d, "%sbasic_auth: {users: ", indent);
    dump_text(d, b->users->path);
    dump_put(d, ", realm: ");
    dump_text(d, b->realm);
    dump_put(d, "}\n");
}

static void put_allow(struct dump *d, const char *indent, const struct model_rules *r)
{
    dump_put(d, "%sallow: ", indent);
    if (r->has_allow) {
        dump_networks(d, r->allow, r->allow_count);
    } else {
        dump_put(d, "all");
    }
    dump_put(d, "\n");
}

static void put_rate(struct dump *d, const char *indent, const struct model_rate *r)
{
    char rate[VALUES_TEXT_MAX];
    if (r->requests == 0) {
        dump_put(d, "%srate: off\n", indent);
        return;
    }
    dump_put(d, "%srate: {requests: %s, burst: %" PRIu32 "}\n", indent,
             values_print_rate(r->requests, r->period_ms, rate), r->burst);
}

bool dump_are_defaults(const struct model_rules *r)
{
    return r->request.count + r->response.count == 0 && r->basic_auth == NULL && !r->has_allow &&
           r->deny_count == 0 && r->rate.requests == 0 && !r->gzip;
}

void dump_rules(struct dump *d, const char *indent, const struct model_rules *r)
{
    bool is_whole = !d->is_brief;
    if (r->request.count + r->response.count > 0) {
        dump_put(d, "%sheaders:\n", indent);
        put_head(d, indent, "request", &r->request);
        put_head(d, indent, "response", &r->response);
    }
    if (is_whole || r->basic_auth != NULL) {
        put_basic_auth(d, indent, r->basic_auth);
    }
    if (is_whole || r->has_allow) {
        put_allow(d, indent, r);
    }
    if (is_whole || r->deny_count > 0) {
        dump_put(d, "%sdeny: ", indent);
        dump_networks(d, r->deny, r->deny_count);
        dump_put(d, "\n");
    }
    if (is_whole || r->rate.requests > 0) {
        put_rate(d, indent, &r->rate);
    }
}

void dump_verify(struct dump *d, const char *indent, const struct model_target *t)
{
    if (t->scheme != MODEL_SCHEME_HTTPS) {
        return;
    }
    if (t->verify.off) {
        dump_put(d, "%sverify: off\n", indent);
        return;
    }
    dump_put(d, "%sverify: {ca: ", indent);
    dump_text(d, t->verify.ca->path);
    if (t->verify.name.len > 0) {
        dump_put(d, ", name: ");
        dump_text(d, t->verify.name);
    }
    dump_put(d, "}\n");
}

void dump_balance(struct dump *d, const struct model_balance *b)
{
    static const char *const keys[] = {[MODEL_HASH_CLIENT] = "client",
                                       [MODEL_HASH_HEADER] = "header",
                                       [MODEL_HASH_COOKIE] = "cookie"};
    switch (b->kind) {
    case MODEL_BALANCE_LEAST: dump_put(d, "        balance: least\n"); return;
    case MODEL_BALANCE_ROUND_ROBIN: dump_put(d, "        balance: round_robin\n"); return;
    case MODEL_BALANCE_HASH: break;
    }
    dump_put(d, "        balance: {hash: %s", keys[b->key]);
    if (b->name.len > 0) {
        dump_put(d, ", name: ");
        dump_text(d, b->name);
    }
    dump_put(d, "}\n");
}

void dump_health(struct dump *d, const struct model_health *h)
{
    if (h->interval_ms == 0) {
        dump_put(d, "        health: off\n");
        return;
    }
    dump_duration(d, "        health: {interval: ", h->interval_ms);
    dump_duration(d, ", timeout: ", h->timeout_ms);
    dump_put(d, ", fall: %" PRIu32 ", rise: %" PRIu32, h->fall, h->rise);
    if (h->path.len > 0) {
        dump_put(d, ", path: ");
        dump_text(d, h->path);
    }
    if (h->host.len > 0) {
        dump_put(d, ", host: ");
        dump_text(d, h->host);
    }
    dump_put(d, "}\n");
}

void dump_eject(struct dump *d, const struct model_eject *e)
{
    dump_put(d, "        eject: {errors: ");
    if (e->errors == 0) {
        dump_put(d, "off");
    } else {
        dump_put(d, "%" PRIu32, e->errors);
    }
    dump_duration(d, ", first: ", e->first_ms);
    dump_duration(d, ", longest: ", e->longest_ms);
    dump_put(d, ", percent: %" PRIu32 "}\n", e->percent);
}

void dump_bound(struct dump *d, const struct model_bound *b)
{
    if (b->requests == 0) {
        dump_put(d, "        max_requests: off\n");
        return;
    }
    dump_put(d, "        max_requests: {endpoint: %" PRIu32 ", queue: %" PRIu32 "}\n", b->requests,
             b->queue);
}

void dump_client_auth(struct dump *d, const struct model_client_auth *c)
{
    static const char *const modes[] = {
        [MODEL_CLIENT_AUTH_REQUIRE] = "require", [MODEL_CLIENT_AUTH_OPTIONAL] = "optional"};
    if (c->ca != NULL) {
        dump_put(d, "    client_auth: {ca: ");
        dump_text(d, c->ca->path);
        dump_put(d, ", mode: %s}\n", modes[c->mode]);
    }
}

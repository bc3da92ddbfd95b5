/* SPDX-License-Identifier: MIT */
#include "tls/tls_match.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "tls/tls_gather.h"
#include "tls/tls_sni.h"

#define FILE_MAX 1100
#define GONE_FEW 8

struct tls_matcher {
    struct tls_gather *gather; /* owned */
};

/* One run of tls_matcher_finish. */
struct choice {
    struct tls_gather *gather;
    int64_t now;
    struct tls_set *set;
    struct map *chosen; /* those of the set, by fingerprint */
};

void tls_set_fini(struct tls_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        tls_cert_unref(set->certs[i]);
    }
    free(set->certs);
    *set = (struct tls_set){NULL, 0};
}

struct tls_matcher *tls_matcher_new(tls_note_fn note, void *arg)
{
    struct tls_matcher *m = NEW(struct tls_matcher);

    m->gather = tls_gather_new(note, arg);
    return m;
}

void tls_matcher_free(struct tls_matcher *m)
{
    if (m == NULL) {
        return;
    }
    tls_gather_free(m->gather);
    free(m);
}

size_t tls_matcher_add(struct tls_matcher *m, const char *file, struct str bytes)
{
    return tls_gather_add(m->gather, file, bytes);
}

int tls_matcher_add_known(struct tls_matcher *m, const char *file, const struct tls_set *past,
                          const struct tls_ref *refs, size_t count)
{
    return tls_gather_add_known(m->gather, file, past, refs, count);
}

bool tls_matcher_refs(const struct tls_matcher *m, size_t file, const struct tls_places *places,
                      struct tls_ref out_refs[static TLS_REFS_MAX], size_t *out_count)
{
    return tls_gather_refs(m->gather, file, places, out_refs, out_count);
}

/* Order of the names, then of the kind: certificates that compete for the same place are equal. */
static int compare_place(const struct tls_cert *a, const struct tls_cert *b)
{
    for (size_t i = 0; i < a->name_count && i < b->name_count; i++) {
        int cmp = str_cmp(a->names[i], b->names[i]);
        if (cmp != 0) {
            return cmp;
        }
    }
    if (a->name_count != b->name_count) {
        return a->name_count < b->name_count ? -1 : 1;
    }
    return (int)a->kind - (int)b->kind;
}

static int compare_found(const void *a, const void *b, void *arg)
{
    const struct tls_cert *x = *(struct tls_cert *const *)a;
    const struct tls_cert *y = *(struct tls_cert *const *)b;
    int cmp = compare_place(x, y);

    return cmp != 0 ? cmp : tls_cert_rank(x, y, *(const int64_t *)arg);
}

static void note_cert(const struct choice *ch, enum tls_note_kind kind, const struct tls_cert *c,
                      const char *what)
{
    char file[FILE_MAX];
    char end[CLOCK_TEXT_MAX];

    (void)str_copy(file, sizeof(file), c->source);
    tls_gather_note(ch->gather, kind, file, "%.*s (%s, ends %s): %s",
                    STR_FMT(c->name_count > 0 ? c->names[0] : STR("?")), tls_key_kind_text(c->kind),
                    clock_print(c->not_after * 1000, end), what);
}

static bool str_has(struct str s, const char *part)
{
    return s.len > 0 && memmem(s.ptr, s.len, part, strlen(part)) != NULL;
}

/* The names under which Let's Encrypt's staging service and Pebble sign. */
static bool is_staging(const struct tls_cert *c)
{
    return str_has(c->issuer, "(STAGING)") || str_has(c->issuer, "Fake LE") ||
           str_has(c->issuer, "Pebble");
}

static struct str fingerprint_of(const struct tls_cert *c)
{
    return str_n((const char *)c->fingerprint, sizeof(c->fingerprint));
}

static void put(struct choice *ch, struct tls_cert *c)
{
    struct tls_set *set = ch->set;

    set->certs = mem_grow(set->certs, set->count + 1, sizeof(struct tls_cert *));
    set->certs[set->count++] = c;
    (void)map_put(ch->chosen, fingerprint_of(c), c);
}

/* Of each place the best; `found` is sorted and its references are used up. */
static void choose_found(struct choice *ch, struct tls_cert **found, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct tls_cert *winner =
            ch->set->count == 0 ? NULL : ch->set->certs[ch->set->count - 1];
        if (winner != NULL && compare_place(winner, found[i]) == 0) {
            note_cert(ch, TLS_NOTE_OLDER, found[i],
                      "not used, another one for the same names is valid and ends later");
            tls_cert_unref(found[i]);
            continue;
        }
        put(ch, found[i]);
    }
}

/*
 * Why `old` must stay although `new` is what the files give now, or NULL. A certificate counts as
 * older only when it was issued and ends earlier: one with a shorter life that was issued later is
 * a deliberate change (a CA of 90 days after one of a year, a revoked one replaced).
 */
static const char *why_keep(const struct tls_cert *old, const struct tls_cert *new, int64_t now)
{
    if (new == NULL) {
        return "stays in use, the files have no usable certificate for this name any more";
    }
    if (!tls_cert_is_valid_at(new, now)) {
        return "stays in use, the one in the files is not valid now";
    }
    if (new->not_before <= old->not_before &&new->not_after < old->not_after) {
        return "stays in use, the one in the files is older";
    }
    return NULL;
}

static void keep_for(struct choice *ch, const struct tls_sni *before, const struct tls_sni *after,
                     struct str name)
{
    for (int k = 0; k < TLS_KEY_KINDS; k++) {
        struct tls_cert *old = tls_sni_cert(before, name, (enum tls_key_kind)k);
        if (old == NULL || !tls_cert_is_valid_at(old, ch->now) || old->key.len == 0 ||
            map_get(ch->chosen, fingerprint_of(old)) != NULL) {
            continue;
        }
        const char *why = why_keep(old, tls_sni_cert(after, name, (enum tls_key_kind)k), ch->now);
        if (why != NULL) {
            note_cert(ch, TLS_NOTE_KEPT, old, why);
            put(ch, tls_cert_ref(old));
        }
    }
}

/* Whether one of those that are in no file any more covers the name: for others nothing can be
 * lost. */
static bool is_at_risk(struct tls_cert *const *gone, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (tls_cert_covers(gone[i], name)) {
            return true;
        }
    }
    return false;
}

static size_t find_gone(const struct choice *ch, const struct tls_set *previous,
                        struct tls_cert **out_gone)
{
    size_t count = 0;

    for (size_t i = 0; i < previous->count; i++) {
        if (map_get(ch->chosen, fingerprint_of(previous->certs[i])) == NULL) {
            out_gone[count++] = previous->certs[i];
        }
    }
    return count;
}

static void keep_names(struct choice *ch, const struct tls_match_context *context,
                       struct tls_cert *const *gone, size_t gone_count)
{
    struct tls_sni *before = tls_sni_new(context->previous, ch->now);
    struct tls_sni *after = tls_sni_new(ch->set, ch->now);

    for (size_t i = 0; i < context->wanted_count; i++) {
        /* With many of them it is quicker to look at each name. */
        if (gone_count > GONE_FEW || is_at_risk(gone, gone_count, context->wanted[i])) {
            keep_for(ch, before, after, context->wanted[i]);
        }
    }
    tls_sni_free(before);
    tls_sni_free(after);
}

static void keep_previous(struct choice *ch, const struct tls_match_context *context)
{
    struct tls_cert **gone = mem_array(context->previous->count + 1, sizeof(*gone));
    size_t count = find_gone(ch, context->previous, gone);

    if (count > 0) {
        keep_names(ch, context, gone, count);
    }
    free(gone);
}

static void note_taken(const struct choice *ch)
{
    for (size_t i = 0; i < ch->set->count; i++) {
        const struct tls_cert *c = ch->set->certs[i];
        if (!tls_cert_is_valid_at(c, ch->now)) {
            note_cert(ch, TLS_NOTE_EXPIRED, c,
                      ch->now < c->not_before ? "is not valid yet" : "has expired; renew it");
        }
        if (is_staging(c)) {
            note_cert(ch, TLS_NOTE_STAGING, c,
                      "comes from a test CA, browsers refuse it; issue it from the real one");
        }
    }
}

void tls_matcher_finish(struct tls_matcher *m, const struct tls_match_context *context,
                        struct tls_set *out_set)
{
    struct tls_cert **found = NULL;
    size_t count = 0;
    struct tls_set set = {NULL, 0};
    int64_t now = context->now;
    struct choice ch = {m->gather, now, &set, map_new()};

    tls_gather_finish(m->gather, now, &found, &count);
    qsort_r(found, count, sizeof(struct tls_cert *), compare_found, &now);
    choose_found(&ch, found, count);
    free(found);
    if (context->previous != NULL) {
        keep_previous(&ch, context);
    }
    if (set.count > 0) {
        qsort_r(set.certs, set.count, sizeof(struct tls_cert *), compare_found, &now);
    }
    note_taken(&ch);
    map_free(ch.chosen);
    *out_set = set;
}

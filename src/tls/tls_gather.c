/* SPDX-License-Identifier: MIT */
#include "tls/tls_gather.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "tls/tls_digest.h"
#include "tls/tls_pem.h"
#include "tls/tls_x509.h"

#define NOTE_MAX 768

struct found_key {
    struct str der; /* owned, secret; of a known one borrowed */
    bool is_known;
    const struct found_cert *of; /* the first certificate that it belongs to */
    size_t file;
    bool used;
};

struct found_cert {
    struct str der; /* owned; of a known one borrowed */
    bool is_known;
    struct tls_cert *former; /* borrowed: what was made of it the last time; NULL: a new one */
    uint8_t fingerprint[32];
    struct tls_x509 x;   /* of it */
    X509 *for_signature; /* owned; parsed when a signature has to be looked at */
    size_t *files;       /* owned: every file that has it */
    size_t file_count;
    struct found_cert *same_subject; /* the next one with this subject */
    bool signs;                      /* it signed another one */
};

/* Of the two one. */
struct object {
    const struct found_cert *cert;
    const struct found_key *key;
};

struct found_file {
    char *name;             /* owned */
    struct object *objects; /* owned; in their order */
    size_t count;
    bool is_noted; /* there is something to say about it whenever it is read */
};

struct tls_gather {
    tls_note_fn note;
    void *note_arg;
    struct found_file *files; /* owned */
    size_t file_count;
    struct found_cert **certs; /* owned */
    size_t cert_count;
    struct found_key **keys; /* owned */
    size_t key_count;
    struct map *by_fingerprint; /* found_cert */
    struct map *by_subject;     /* found_cert, first of the same_subject list */
    struct map *by_key_id;      /* found_key */
};

struct tls_gather *tls_gather_new(tls_note_fn note, void *arg)
{
    struct tls_gather *g = NEW(struct tls_gather);

    g->note = note;
    g->note_arg = arg;
    g->by_fingerprint = map_new();
    g->by_subject = map_new();
    g->by_key_id = map_new();
    return g;
}

void tls_gather_free(struct tls_gather *g)
{
    if (g == NULL) {
        return;
    }
    for (size_t i = 0; i < g->key_count; i++) {
        if (!g->keys[i]->is_known) {
            mem_secret_free((char *)(uintptr_t)g->keys[i]->der.ptr, g->keys[i]->der.len);
        }
        free(g->keys[i]);
    }
    for (size_t i = 0; i < g->cert_count; i++) {
        X509_free(g->certs[i]->for_signature);
        if (!g->certs[i]->is_known) {
            free((char *)(uintptr_t)g->certs[i]->der.ptr);
        }
        free(g->certs[i]->files);
        free(g->certs[i]);
    }
    for (size_t i = 0; i < g->file_count; i++) {
        free(g->files[i].name);
        free(g->files[i].objects);
    }
    map_free(g->by_fingerprint);
    map_free(g->by_subject);
    map_free(g->by_key_id);
    free(g->files);
    free(g->certs);
    free(g->keys);
    free(g);
}

void tls_gather_note(const struct tls_gather *g, enum tls_note_kind kind, const char *file,
                     const char *fmt, ...)
{
    char text[NOTE_MAX];
    va_list ap;

    if (g->note == NULL) {
        return;
    }
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    struct tls_note note = {kind, file, text};
    g->note(g->note_arg, &note);
}

static const char *last_file(const struct tls_gather *g)
{
    return g->files[g->file_count - 1].name;
}

static void add_file_to(struct found_cert *c, size_t file)
{
    if (c->file_count > 0 && c->files[c->file_count - 1] == file) {
        return;
    }
    c->files = mem_grow(c->files, c->file_count + 1, sizeof(*c->files));
    c->files[c->file_count++] = file;
}

static void note_bad(struct tls_gather *g, const char *text)
{
    g->files[g->file_count - 1].is_noted = true;
    tls_gather_note(g, TLS_NOTE_BAD_FILE, last_file(g), "%s", text);
}

static void add_object(struct tls_gather *g, struct object object)
{
    struct found_file *f = &g->files[g->file_count - 1];

    f->objects = mem_grow(f->objects, f->count + 1, sizeof(*f->objects));
    f->objects[f->count++] = object;
}

/* The certificate with this digest, which one of the files had already, or NULL. */
static struct found_cert *cert_again(struct tls_gather *g, const uint8_t fingerprint[static 32])
{
    struct found_cert *c = map_get(g->by_fingerprint, str_n((const char *)fingerprint, 32));

    if (c != NULL) {
        add_file_to(c, g->file_count - 1);
        add_object(g, (struct object){.cert = c});
    }
    return c;
}

static void put_cert(struct tls_gather *g, struct found_cert *c)
{
    add_file_to(c, g->file_count - 1);
    add_object(g, (struct object){.cert = c});
    (void)map_put(g->by_fingerprint, str_n((const char *)c->fingerprint, 32), c);
    c->same_subject = map_put(g->by_subject, c->x.subject, c);
    g->certs = mem_grow(g->certs, g->cert_count + 1, sizeof(struct found_cert *));
    g->certs[g->cert_count++] = c;
}

static void take_cert(struct tls_gather *g, struct str der)
{
    uint8_t fingerprint[32];
    struct tls_x509 x;

    if (tls_x509_read(der, &x) != OK) {
        note_bad(g, "holds a certificate that does not decode; write the file anew");
        return;
    }
    /* A TRUSTED CERTIFICATE has more behind the certificate, which is not part of it. */
    tls_digest_once(x.der, fingerprint);
    if (cert_again(g, fingerprint) != NULL) {
        return;
    }
    struct found_cert *c = NEW(struct found_cert);
    c->der = str_n(mem_dup(x.der.ptr, x.der.len), x.der.len);
    c->x = tls_x509_moved(&x, c->der.ptr); /* the same, out of memory that stays */
    memcpy(c->fingerprint, fingerprint, sizeof(fingerprint));
    put_cert(g, c);
}

/* `der` is copied, or borrowed if it is known. */
static void see_key(struct tls_gather *g, const uint8_t id[static 32], struct str der,
                    bool is_known)
{
    struct found_key *k = map_get(g->by_key_id, str_n((const char *)id, 32));

    if (k == NULL) {
        k = NEW(struct found_key);
        *k = (struct found_key){.der = der, .is_known = is_known, .file = g->file_count - 1};
        if (!is_known) {
            char *copy = mem_secret_new(der.len);
            memcpy(copy, der.ptr, der.len);
            k->der.ptr = copy;
        }
        (void)map_put(g->by_key_id, str_n((const char *)id, 32), k);
        g->keys = mem_grow(g->keys, g->key_count + 1, sizeof(struct found_key *));
        g->keys[g->key_count++] = k;
    }
    add_object(g, (struct object){.key = k});
}

static void take_key(struct tls_gather *g, struct str der)
{
    uint8_t id[32];

    if (tls_cert_key_id(der, id) != OK) {
        note_bad(g, "holds a private key that does not decode; write the file anew");
        return;
    }
    see_key(g, id, der, false);
}

static void on_object(void *arg, enum tls_pem_kind kind, struct str der)
{
    struct tls_gather *g = arg;

    switch (kind) {
    case TLS_PEM_CERT: take_cert(g, der); break;
    case TLS_PEM_KEY: take_key(g, der); break;
    case TLS_PEM_ENCRYPTED:
        note_bad(g, "holds an encrypted private key, and nobody is there to type a passphrase; "
                    "write it out plain with: openssl pkey -in OLD -out NEW");
        break;
    case TLS_PEM_BROKEN:
        note_bad(g, "holds a PEM block that is cut short or damaged; half-written?");
        break;
    }
}

static void begin_file(struct tls_gather *g, const char *file)
{
    g->files = mem_grow(g->files, g->file_count + 1, sizeof(*g->files));
    g->files[g->file_count++] = (struct found_file){.name = str_dup(str_of(file))};
}

size_t tls_gather_add(struct tls_gather *g, const char *file, struct str bytes)
{
    begin_file(g, file);
    return tls_pem_read(bytes, on_object, g);
}

/* ---- files that are known ---- */

static bool has_all(const struct tls_set *past, const struct tls_ref *refs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (refs[i].cert >= past->count) {
            return false;
        }
        const struct tls_cert *c = past->certs[refs[i].cert];
        if (refs[i].part == TLS_REF_KEY ? c->key.len == 0 : refs[i].part >= c->chain_count) {
            return false;
        }
    }
    return true;
}

static bool know_cert(struct tls_gather *g, struct tls_cert *former, size_t part)
{
    struct tls_x509 x;
    uint8_t fingerprint[32];

    if (part == 0) {
        memcpy(fingerprint, former->fingerprint, sizeof(fingerprint));
    } else {
        tls_digest_once(former->chain[part], fingerprint);
    }
    if (cert_again(g, fingerprint) != NULL) {
        return true;
    }
    if (tls_x509_read(former->chain[part], &x) != OK) {
        return false;
    }
    struct found_cert *c = NEW(struct found_cert);
    *c = (struct found_cert){.der = former->chain[part], .is_known = true, .x = x};
    memcpy(c->fingerprint, fingerprint, sizeof(fingerprint));
    c->former = part == 0 ? former : NULL;
    put_cert(g, c);
    return true;
}

static bool know_key(struct tls_gather *g, const struct tls_cert *former)
{
    uint8_t id[32];

    if (tls_cert_key_id(former->key, id) != OK) {
        return false;
    }
    see_key(g, id, former->key, true);
    return true;
}

int tls_gather_add_known(struct tls_gather *g, const char *file, const struct tls_set *past,
                         const struct tls_ref *refs, size_t count)
{
    if (!has_all(past, refs, count)) {
        return ERR_SYNTAX;
    }
    begin_file(g, file);
    for (size_t i = 0; i < count; i++) {
        struct tls_cert *c = past->certs[refs[i].cert];
        /* They were read when they came. */
        REQUIRE(refs[i].part == TLS_REF_KEY ? know_key(g, c) : know_cert(g, c, refs[i].part));
    }
    return OK;
}

static bool place_of(const struct tls_places *places, const struct object *o, struct tls_ref *out)
{
    if (o->cert != NULL) {
        return tls_places_find(places, o->cert->fingerprint, out);
    }
    bool is_there = o->key->of != NULL && tls_places_find(places, o->key->of->fingerprint, out) &&
                    out->part == 0;
    out->part = TLS_REF_KEY;
    return is_there;
}

bool tls_gather_refs(const struct tls_gather *g, size_t file, const struct tls_places *places,
                     struct tls_ref out_refs[static TLS_REFS_MAX], size_t *out_count)
{
    REQUIRE(file < g->file_count);
    const struct found_file *f = &g->files[file];

    if (f->is_noted || f->count > TLS_REFS_MAX) {
        return false;
    }
    for (size_t i = 0; i < f->count; i++) {
        if (!place_of(places, &f->objects[i], &out_refs[i])) {
            return false;
        }
    }
    *out_count = f->count;
    return true;
}

/* ---- chains ---- */

static bool share_file(const struct found_cert *a, const struct found_cert *b)
{
    for (size_t i = 0; i < a->file_count; i++) {
        for (size_t k = 0; k < b->file_count; k++) {
            if (a->files[i] == b->files[k]) {
                return true;
            }
        }
    }
    return false;
}

static X509 *parsed(struct found_cert *c)
{
    const unsigned char *p = (const unsigned char *)c->der.ptr;

    if (c->for_signature == NULL) {
        c->for_signature = d2i_X509(NULL, &p, (long)c->der.len);
    }
    return c->for_signature;
}

/*
 * Whether `issuer`, whose subject is the issuer that `c` names, has signed it. Key identifiers tell
 * (RFC 5280 section 4.2.1.1), where both are there; else the use of the key and the signature do.
 */
static bool has_signed(struct found_cert *issuer, struct found_cert *c)
{
    struct str asked = c->x.authority_key_id;

    if (asked.len > 0 && issuer->x.subject_key_id.len > 0) {
        return str_eq(asked, issuer->x.subject_key_id);
    }
    X509 *x = parsed(c);
    X509 *by = parsed(issuer);
    bool yes = x != NULL && by != NULL && X509_check_issued(by, x) == X509_V_OK &&
               X509_verify(x, X509_get0_pubkey(by)) == 1;
    ERR_clear_error();
    return yes;
}

static bool is_current(const struct found_cert *c, int64_t now)
{
    return c->x.not_before < now && c->x.not_after > now;
}

/* Which of two issuers of `leaf`'s chain to take: same file, valid now, ends last. */
static bool is_better_issuer(const struct found_cert *a, const struct found_cert *b,
                             const struct found_cert *leaf, int64_t now)
{
    if (share_file(a, leaf) != share_file(b, leaf)) {
        return share_file(a, leaf);
    }
    if (is_current(a, now) != is_current(b, now)) {
        return is_current(a, now);
    }
    return a->x.not_after != b->x.not_after ? a->x.not_after > b->x.not_after
                                            : str_cmp(a->der, b->der) < 0;
}

static struct found_cert *issuer_of(const struct tls_gather *g, struct found_cert *c,
                                    const struct found_cert *leaf, int64_t now)
{
    struct found_cert *best = NULL;
    struct found_cert *it = map_get(g->by_subject, c->x.issuer);

    for (; it != NULL; it = it->same_subject) {
        if (it != c && it != leaf && has_signed(it, c) &&
            (best == NULL || is_better_issuer(it, best, leaf, now))) {
            best = it;
        }
    }
    return best;
}

struct chain {
    struct str der[TLS_CHAIN_MAX];
    size_t count;
    bool is_complete; /* ends at a self-signed certificate, or has an issuer at all */
};

static bool chain_has(const struct chain *chain, struct str der)
{
    for (size_t i = 0; i < chain->count; i++) {
        if (chain->der[i].ptr == der.ptr) {
            return true;
        }
    }
    return false;
}

/* Leaf first, without the root, which the client has to have itself (RFC 8446 section 4.4.2). */
static void build_chain(const struct tls_gather *g, struct found_cert *leaf, int64_t now,
                        struct chain *chain)
{
    struct found_cert *c = leaf;

    chain->der[0] = leaf->der;
    chain->count = 1;
    chain->is_complete = tls_x509_is_self_issued(&leaf->x);
    while (!tls_x509_is_self_issued(&c->x) && chain->count < TLS_CHAIN_MAX) {
        c = issuer_of(g, c, leaf, now);
        if (c == NULL || chain_has(chain, c->der)) {
            return;
        }
        chain->is_complete = true;
        if (tls_x509_is_self_issued(&c->x)) {
            return;
        }
        chain->der[chain->count++] = c->der;
    }
}

/* "chain.pem + key.pem", or one name if it is one file. */
static struct str source_of(const struct tls_gather *g, const struct found_cert *c,
                            const struct found_key *k, char *dst, size_t cap)
{
    for (size_t i = 0; i < c->file_count; i++) {
        if (c->files[i] == k->file) {
            return str_n(dst, str_copy(dst, cap, str_of(g->files[k->file].name)));
        }
    }
    (void)snprintf(dst, cap, "%s + %s", g->files[c->files[0]].name, g->files[k->file].name);
    return str_of(dst);
}

static const char *why_not(int rc)
{
    if (rc == ERR_UNSUPPORTED) {
        return "the key type is neither RSA nor ECDSA; issue the certificate with one of these";
    }
    return rc == ERR_LIMIT ? "it has more names than can be taken; issue several certificates"
                           : "it does not decode; write the file anew";
}

/* Whether what is made now would be the same as the last time. */
static bool is_former(const struct tls_cert *former, const struct chain *chain, struct str key,
                      struct str source)
{
    if (former == NULL || former->chain_count != chain->count || !str_eq(former->key, key) ||
        !str_eq(former->source, source)) {
        return false;
    }
    for (size_t i = 0; i < chain->count; i++) {
        if (!str_eq(former->chain[i], chain->der[i])) {
            return false;
        }
    }
    return true;
}

/* NULL when it is not usable; then a note says why, unless it is a CA that lies around. */
static struct tls_cert *make_cert(struct tls_gather *g, struct found_cert *c, struct found_key *key,
                                  int64_t now)
{
    char source[NOTE_MAX];
    const char *file = g->files[c->files[0]].name;
    struct chain chain;
    struct tls_cert *cert = NULL;

    build_chain(g, c, now, &chain);
    struct str from = source_of(g, c, key, source, sizeof(source));
    int rc = OK;
    if (is_former(c->former, &chain, key->der, from)) {
        cert = tls_cert_ref(c->former);
    } else {
        rc = tls_cert_new(chain.der, chain.count, key->der, from, &cert);
    }
    if (rc != OK) {
        tls_gather_note(g, TLS_NOTE_BAD_FILE, file, "a certificate is not used: %s", why_not(rc));
        return NULL;
    }
    if (cert->name_count == 0) {
        if (!c->x.is_ca) {
            tls_gather_note(g, TLS_NOTE_BAD_FILE, file,
                            "a certificate is not used: it has no DNS name in its subjectAltName, "
                            "and the common name counts for no client");
        }
        tls_cert_unref(cert);
        return NULL;
    }
    if (!chain.is_complete) {
        tls_gather_note(
            g, TLS_NOTE_CHAIN, file,
            "the certificate of %.*s is there without its issuer's (%.*s); put the CA's "
            "intermediate certificate behind it or beside it",
            STR_FMT(cert->names[0]), STR_FMT(cert->issuer));
    }
    return cert;
}

/* Marks every issuer of another certificate. */
static void mark_signers(struct tls_gather *g)
{
    for (size_t i = 0; i < g->cert_count; i++) {
        struct found_cert *c = g->certs[i];
        struct found_cert *it = map_get(g->by_subject, c->x.issuer);
        for (; it != NULL; it = it->same_subject) {
            it->signs = it->signs || (it != c && has_signed(it, c));
        }
    }
}

static void note_rest(struct tls_gather *g)
{
    for (size_t i = 0; i < g->key_count; i++) {
        if (!g->keys[i]->used) {
            tls_gather_note(g, TLS_NOTE_NO_LEAF, g->files[g->keys[i]->file].name,
                            "a private key belongs to none of the certificates; half-written?");
        }
    }
}

void tls_gather_finish(struct tls_gather *g, int64_t now, struct tls_cert ***out_certs,
                       size_t *out_count)
{
    struct tls_cert **certs = mem_array(g->cert_count + 1, sizeof(struct tls_cert *));
    size_t count = 0;

    mark_signers(g);
    for (size_t i = 0; i < g->cert_count; i++) {
        struct found_cert *c = g->certs[i];
        struct found_key *key =
            map_get(g->by_key_id, str_n((const char *)c->x.public_id, TLS_PUBLIC_ID));
        if (key == NULL) {
            if (!c->signs && !c->x.is_ca) {
                tls_gather_note(g, TLS_NOTE_NO_KEY, g->files[c->files[0]].name,
                                "no file has the private key of this certificate; half-written?");
            }
            continue;
        }
        key->used = true;
        key->of = key->of == NULL ? c : key->of;
        certs[count] = make_cert(g, c, key, now);
        count += certs[count] != NULL ? 1 : 0;
    }
    note_rest(g);
    *out_certs = certs;
    *out_count = count;
}

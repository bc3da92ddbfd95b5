/* SPDX-License-Identifier: MIT */
#include "config/bundle.h"

#include <malloc.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/sealed.h"
#include "config/files.h"
#include "config/load.h"
#include "tls/tls_digest.h"

/*
 * Layout, in the numbers and strings of base/pack, of the common part: magic, plan (as one string),
 * id, configuration text, number of certificates, certificates, what is remembered of files (as one
 * string). Of the secrets: magic, number of files, their paths and bytes, number of keys, a key for
 * each certificate in the same order, empty where there is none. Addresses travel as text, through
 * the parser that the configuration uses.
 */
#define MAGIC_COMMON  UINT64_C(0x35304C444E424448) /* "HDBNDL05" */
#define MAGIC_SECRETS UINT64_C(0x3330544352534448) /* "HDSRCT03" */
#define PATH_BYTES    4096
#define WATCH_MAX     100000
#define CERTS_MAX     100000
#define FILES_MAX     100000
#define PLAN_MAX      (64u * 1024 * 1024)

void bundle_plan_fini(struct bundle_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    for (size_t i = 0; i < plan->watch_count; i++) {
        free(plan->watch[i]);
    }
    free(plan->watch);
    free(plan->challenge_folder);
    plan->watch = NULL;
    plan->watch_count = 0;
    plan->challenge_folder = NULL;
}

void bundle_fini(struct bundle *b)
{
    if (b == NULL) {
        return;
    }
    model_free(b->model);
    b->model = NULL;
    tls_set_fini(&b->certs);
}

static void pack_addrs(struct packer *p, const struct addr *addrs, size_t count)
{
    char text[ADDR_TEXT_MAX];
    pack_u32(p, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        pack_str(p, str_of(addr_print(&addrs[i], text)));
    }
}

static void pack_plan(struct packer *p, const struct bundle_plan *plan)
{
    pack_addrs(p, plan->http, plan->http_count);
    pack_addrs(p, plan->https, plan->https_count);
    pack_addrs(p, &plan->admin, plan->admin.len > 0);
    pack_u32(p, plan->workers);
    pack_u32(p, plan->drain_ms);
    pack_u8(p, plan->log_level);
    pack_u8(p, plan->access);
    pack_str(p, str_n((const char *)plan->digest, sizeof(plan->digest)));
    pack_str(p, str_of(plan->challenge_folder));
    pack_u32(p, (uint32_t)plan->watch_count);
    for (size_t i = 0; i < plan->watch_count; i++) {
        pack_str(p, str_of(plan->watch[i]));
    }
}

/* What files and keys will take at most: memory that holds them must not be moved by growing. */
static size_t secrets_size(const struct model *m, const struct tls_set *certs)
{
    size_t size = 4096;

    for (size_t i = 0; i < m->file_count; i++) {
        size += 16 + m->files[i]->path.len + m->files[i]->bytes.len;
    }
    for (size_t i = 0; i < certs->count; i++) {
        size += 16 + certs->certs[i]->key.len;
    }
    return size;
}

static int pack_secrets(const struct model *m, const struct tls_set *certs, struct buf *out)
{
    struct packer p;
    uint8_t *room;

    int err = buf_reserve(out, secrets_size(m, certs), &room);
    if (err != OK) {
        return err;
    }
    pack_init(&p, out);
    pack_u64(&p, MAGIC_SECRETS);
    pack_u32(&p, (uint32_t)m->file_count);
    for (size_t i = 0; i < m->file_count; i++) {
        pack_str(&p, m->files[i]->path);
        pack_str(&p, m->files[i]->bytes);
    }
    pack_u32(&p, (uint32_t)certs->count);
    for (size_t i = 0; i < certs->count; i++) {
        pack_str(&p, certs->certs[i]->key);
    }
    return p.failed ? ERR_LIMIT : OK;
}

static int write_secrets(const struct model *m, const struct tls_set *certs, int *out_fd)
{
    struct buf all;

    buf_init(&all, BUNDLE_MAX);
    int err = m->file_count > FILES_MAX ? ERR_LIMIT : pack_secrets(m, certs, &all);
    if (err == OK) {
        err = fd_sealed("hivedoor-secrets", buf_ptr(&all), buf_len(&all), out_fd);
    }
    if (all.data != NULL) {
        mem_wipe(all.data, all.cap);
    }
    buf_fini(&all);
    return err;
}

/* Equal text and files, equal model. */
static void id_of(struct str text, const struct model *m, uint8_t out_id[static TLS_DIGEST_BYTES])
{
    struct tls_digest *d = tls_digest_new();

    tls_digest_add(d, text);
    for (size_t i = 0; i < m->file_count; i++) {
        tls_digest_add(d, m->files[i]->path);
        tls_digest_add(d, m->files[i]->bytes);
    }
    tls_digest_finish(d, out_id);
    tls_digest_free(d);
}

/* What the common part is made of; all borrowed. */
struct common {
    const struct bundle_plan *plan;
    struct str id;
    struct str text;
    const struct tls_set *certs;
    struct str recall;
};

static int pack_common(const struct common *c, struct buf *out)
{
    struct buf head;
    struct packer p;
    struct packer inner;

    buf_init(&head, PLAN_MAX);
    pack_init(&inner, &head);
    pack_plan(&inner, c->plan);
    pack_init(&p, out);
    pack_u64(&p, MAGIC_COMMON);
    pack_str(&p, buf_str(&head));
    pack_str(&p, c->id);
    pack_str(&p, c->text);
    pack_u32(&p, (uint32_t)c->certs->count);
    for (size_t i = 0; i < c->certs->count; i++) {
        tls_cert_pack(c->certs->certs[i], &p);
    }
    pack_str(&p, c->recall);
    buf_fini(&head);
    return p.failed || inner.failed || c->certs->count > CERTS_MAX ? ERR_LIMIT : OK;
}

static int write_common(const struct bundle_content *content, int *out_fd)
{
    uint8_t id[TLS_DIGEST_BYTES];
    struct buf text;
    struct buf all;

    buf_init(&text, BUNDLE_MAX);
    buf_init(&all, BUNDLE_MAX);
    int err = load_dump_brief(content->model, &text);
    if (err == OK) {
        id_of(buf_str(&text), content->model, id);
        struct common c = {content->plan, str_n((const char *)id, sizeof(id)), buf_str(&text),
                           content->certs, content->recall};
        err = pack_common(&c, &all);
    }
    if (err == OK) {
        err = fd_sealed("hivedoor-bundle", buf_ptr(&all), buf_len(&all), out_fd);
    }
    buf_fini(&all);
    buf_fini(&text);
    return err;
}

int bundle_write(const struct bundle_content *content, struct bundle_fds *out_fds)
{
    struct bundle_fds fds = BUNDLE_NO_FDS;

    int err = write_common(content, &fds.common);
    err = err != OK ? err : write_secrets(content->model, content->certs, &fds.secrets);
    if (err != OK) {
        bundle_fds_close(&fds);
        return err;
    }
    *out_fds = fds;
    return OK;
}

void bundle_fds_close(struct bundle_fds *fds)
{
    fd_close(&fds->common);
    fd_close(&fds->secrets);
}

static bool unpack_addrs(struct unpacker *u, struct addr *out, size_t max, size_t *out_count)
{
    size_t count = unpack_u32(u);
    if (count > max) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (addr_parse(unpack_str(u, ADDR_TEXT_MAX), &out[i]) != OK) {
            return false;
        }
    }
    *out_count = count;
    return true;
}

static bool has_nul(struct str s)
{
    return str_find(s, '\0') >= 0;
}

static bool unpack_watch(struct unpacker *u, struct bundle_plan *plan)
{
    size_t count = unpack_u32(u);
    if (count > WATCH_MAX || count > u->left) {
        return false;
    }
    plan->watch = mem_array(count + 1, sizeof(*plan->watch));
    while (plan->watch_count < count) {
        struct str path = unpack_str(u, PATH_BYTES);
        if (path.len == 0 || has_nul(path)) {
            return false;
        }
        plan->watch[plan->watch_count++] = str_dup(path);
    }
    return true;
}

static bool unpack_plan(struct unpacker *u, struct bundle_plan *plan)
{
    size_t admin_count = 0;
    if (!unpack_addrs(u, plan->http, BUNDLE_LISTEN_MAX, &plan->http_count) ||
        !unpack_addrs(u, plan->https, BUNDLE_LISTEN_MAX, &plan->https_count) ||
        !unpack_addrs(u, &plan->admin, 1, &admin_count)) {
        return false;
    }
    plan->workers = unpack_u32(u);
    plan->drain_ms = unpack_u32(u);
    plan->log_level = unpack_u8(u);
    plan->access = unpack_u8(u);
    struct str digest = unpack_str(u, sizeof(plan->digest));
    struct str folder = unpack_str(u, PATH_BYTES);
    if (digest.len != sizeof(plan->digest) || has_nul(folder) || plan->workers > 256 ||
        plan->log_level > LOG_ERROR || plan->access > MODEL_ACCESS_AUTO) {
        return false;
    }
    memcpy(plan->digest, digest.ptr, sizeof(plan->digest));
    plan->challenge_folder = folder.len == 0 ? NULL : str_dup(folder);
    return unpack_watch(u, plan) && unpack_done(u);
}

int bundle_read_plan(int fd, struct bundle_plan *out_plan)
{
    const void *data;
    size_t len;
    int err = fd_map_sealed(fd, BUNDLE_MAX, &data, &len);
    if (err != OK) {
        return err;
    }
    struct unpacker u;
    struct unpacker inner;
    unpack_init(&u, data, len);
    bool is_ok = unpack_u64(&u) == MAGIC_COMMON;
    struct str bytes = unpack_str(&u, PLAN_MAX);
    is_ok = is_ok && !u.failed;
    struct bundle_plan *plan = NEW(struct bundle_plan);
    unpack_init(&inner, bytes.ptr, bytes.len);
    is_ok = is_ok && unpack_plan(&inner, plan);
    fd_unmap(data, len);
    if (is_ok) {
        *out_plan = *plan;
    } else {
        bundle_plan_fini(plan);
    }
    free(plan);
    return is_ok ? OK : ERR_SYNTAX;
}

static int unpack_certs(struct unpacker *u, struct sealed *home, struct tls_set *set)
{
    size_t count = unpack_u32(u);
    if (u->failed || count > CERTS_MAX || count > u->left) {
        return ERR_SYNTAX;
    }
    set->certs = mem_array(count + 1, sizeof(struct tls_cert *));
    while (set->count < count) {
        int err = tls_cert_unpack(u, home, &set->certs[set->count]);
        if (err != OK) {
            return err;
        }
        set->count++;
    }
    return OK;
}

static int model_of(const struct bundle_known *known, struct str text, struct bundle *b)
{
    struct diags diags;
    if (known != NULL && memcmp(known->id, b->id, sizeof(b->id)) == 0) {
        b->model = model_share(known->model);
        return OK;
    }
    diags_init(&diags);
    int err = load_text(text, "bundle", false, &diags, &b->model);
    diags_fini(&diags);
    /* Reading takes several times what the model keeps. */
    (void)malloc_trim(0);
    return err;
}

/* What is left to the caller; lies in the common part. */
struct rest {
    struct str text;
    struct str recall;
};

/* Everything of the common part but the model and what the next loader remembers. */
static int unpack_common(struct sealed *home, struct bundle *b, struct rest *out)
{
    struct str bytes = sealed_bytes(home);
    struct unpacker u;
    unpack_init(&u, bytes.ptr, bytes.len);
    if (unpack_u64(&u) != MAGIC_COMMON) {
        return ERR_SYNTAX;
    }
    (void)unpack_str(&u, PLAN_MAX);
    struct str id = unpack_str(&u, sizeof(b->id));
    out->text = unpack_str(&u, BUNDLE_MAX);
    if (u.failed || id.len != sizeof(b->id)) {
        return ERR_SYNTAX;
    }
    memcpy(b->id, id.ptr, sizeof(b->id));
    int err = unpack_certs(&u, home, &b->certs);
    out->recall = unpack_str(&u, BUNDLE_MAX);
    return err != OK || unpack_done(&u) ? err : ERR_SYNTAX;
}

/* A model that is shared has its files already; without one they are not wanted. */
static int unpack_files(struct unpacker *u, struct model *m)
{
    size_t count = unpack_u32(u);
    if (u->failed || (m != NULL && count != m->file_count)) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < count && !u->failed; i++) {
        struct str path = unpack_str(u, PATH_BYTES);
        struct str bytes = unpack_str(u, FILES_BYTES_MAX);
        if (u->failed || (m != NULL && !str_eq(path, m->files[i]->path))) {
            return ERR_SYNTAX;
        }
        if (m != NULL && m->shares == 0) {
            m->files[i]->bytes = arena_dup(&m->arena, bytes);
        }
    }
    return OK;
}

static int unpack_keys(struct unpacker *u, const struct tls_set *certs)
{
    if (unpack_u32(u) != certs->count) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < certs->count; i++) {
        struct str key = unpack_str(u, BUNDLE_MAX);
        if (u->failed || (key.len > 0 && tls_cert_give_key(certs->certs[i], key) != OK)) {
            return ERR_SYNTAX;
        }
    }
    return unpack_done(u) ? OK : ERR_SYNTAX;
}

static int unpack_secrets(struct str bytes, struct bundle *b)
{
    struct unpacker u;
    unpack_init(&u, bytes.ptr, bytes.len);
    if (unpack_u64(&u) != MAGIC_SECRETS || unpack_files(&u, b->model) != OK) {
        return ERR_SYNTAX;
    }
    return unpack_keys(&u, &b->certs);
}

static int read_secrets(const struct bundle_source *source, struct bundle *b)
{
    return source->secrets == NULL ? OK : unpack_secrets(sealed_bytes(source->secrets), b);
}

int bundle_read(const struct bundle_source *source, struct bundle *out_bundle)
{
    struct bundle b = {0};
    struct sealed *home;
    struct rest rest;
    int err = sealed_open(source->common, BUNDLE_MAX, &home);
    if (err != OK) {
        return err;
    }
    err = unpack_common(home, &b, &rest);
    err = err != OK ? err : model_of(source->known, rest.text, &b);
    err = err != OK ? err : read_secrets(source, &b);
    sealed_unref(home); /* the certificates hold on to it */
    if (err != OK) {
        bundle_fini(&b);
        return err;
    }
    *out_bundle = b;
    return OK;
}

int bundle_read_past(const struct bundle_source *source, struct bundle_past *out_past)
{
    struct bundle b = {0};
    struct sealed *home;
    struct rest rest;
    int err = sealed_open(source->common, BUNDLE_MAX, &home);
    if (err != OK) {
        return err;
    }
    err = unpack_common(home, &b, &rest);
    err = err != OK ? err : read_secrets(source, &b);
    if (err != OK) {
        bundle_fini(&b);
        sealed_unref(home);
        return err;
    }
    *out_past = (struct bundle_past){b.certs, rest.recall, home};
    return OK;
}

void bundle_past_fini(struct bundle_past *p)
{
    tls_set_fini(&p->certs);
    sealed_unref(p->home);
    *p = (struct bundle_past){.home = NULL};
}

/* SPDX-License-Identifier: MIT */
#include "config/store.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/map.h"
#include "base/mem.h"
#include "config/coverage.h"
#include "config/files.h"
#include "config/load.h"
#include "config/yaml_tree.h"
#include "store_walk.h"
#include "tls/tls_digest.h"

#define FILES_MAX (1024u * 1024) /* bytes of the list of substituted files */

/* --- the digest ------------------------------------------------------------------------------ */

static void digest_file(void *arg, const char *path, struct str bytes)
{
    struct tls_digest *d = arg;
    tls_digest_add(d, str_of(path));
    tls_digest_add(d, bytes);
}

/* A path that cannot be read counts as well: its coming back is a change. */
static void digest_fault(void *arg, const char *path, const char *why)
{
    struct tls_digest *d = arg;
    tls_digest_add(d, str_of(path));
    tls_digest_add(d, str_of(why));
}

static int digest_path(struct tls_digest *d, const char *path)
{
    struct buf bytes;
    buf_init(&bytes, YAML_TREE_TEXT);
    int err = fd_read_file(path, &bytes);
    if (err == OK) {
        digest_file(d, path, buf_str(&bytes));
    } else {
        digest_fault(d, path, err_text(err));
    }
    if (bytes.data != NULL) {
        mem_wipe(bytes.data, bytes.cap);
    }
    buf_fini(&bytes);
    return err;
}

/* What the model refers to is read again: a digest says what there is, not what was read. */
static void digest_model_files(struct tls_digest *d, const struct model *m)
{
    for (size_t i = 0; i < m->file_count; i++) {
        char *copy = str_dup(m->files[i]->path);
        (void)digest_path(d, copy); /* an unreadable one is part of the digest */
        free(copy);
    }
}

static void digest_substituted(struct tls_digest *d, struct str files)
{
    struct str rest = files;
    struct str path;
    while (str_next(&rest, '\n', &path)) {
        if (path.len > 0) {
            char *copy = str_dup(path);
            (void)digest_path(d, copy); /* an unreadable one is part of the digest */
            free(copy);
        }
    }
}

int store_digest(const char *config_path, struct store_digest *out_digest)
{
    struct tls_digest *d = tls_digest_new();
    int err = digest_path(d, config_path);
    if (err == OK) {
        struct diags diags;
        struct buf files;
        struct model *m = NULL;
        diags_init(&diags);
        buf_init(&files, FILES_MAX);
        int load_err = load_file(config_path, &diags, &files, &m);
        digest_substituted(d, buf_str(&files));
        if (load_err == OK) {
            struct store_walk walk = {.arg = d, .on_file = digest_file, .on_fault = digest_fault};
            store_walk_run(&walk, m);
            digest_model_files(d, m);
        }
        model_free(m);
        buf_fini(&files);
        diags_fini(&diags);
        tls_digest_finish(d, out_digest->bytes);
    }
    tls_digest_free(d);
    return err == OK ? OK : ERR_IO;
}

/* --- certificates ---------------------------------------------------------------------------- */

struct gather {
    struct diags *diags;
    struct tls_matcher *matcher;
};

static void gather_file(void *arg, const char *path, struct str bytes)
{
    struct gather *g = arg;
    (void)tls_matcher_add(g->matcher, path, bytes); /* other files in the folder are none of ours */
}

static void gather_fault(void *arg, const char *path, const char *why)
{
    struct gather *g = arg;
    diags_add(g->diags, DIAG_WARNING, (struct diag_place){str_of(path), 0, 0},
              "found no readable certificates here (%s); expected a file or a folder of them", why);
}

static void gather_note(void *arg, const struct tls_note *note)
{
    struct gather *g = arg;
    struct str file = str_of(note->file == NULL ? "certificates" : note->file);
    diags_add(g->diags, DIAG_WARNING, (struct diag_place){file, 0, 0}, "%s", note->text);
}

static void report_name(const struct coverage *covered, struct str name, struct diag_place place,
                        struct diags *diags)
{
    if (!coverage_has(covered, name)) {
        diags_add(diags, DIAG_WARNING, place,
                  "found no certificate for \"%.*s\"; expected one in a file of \"certificates:\"; "
                  "until then the name is refused on HTTPS",
                  STR_FMT(name));
    }
}

void store_report_missing(const char *config_path, const struct model *m,
                          const struct tls_set *certs, struct diags *diags)
{
    if (m->listen_https_count == 0) {
        return;
    }
    struct coverage *covered = coverage_new(certs);
    struct str file = str_of(config_path);
    for (size_t i = 0; i < m->site_count; i++) {
        const struct model_site *site = &m->sites[i];
        struct diag_place place = {file, site->line, 3};
        report_name(covered, site->name, place, diags);
        for (size_t j = 0; j < site->alias_count; j++) {
            report_name(covered, site->aliases[j], place, diags);
        }
    }
    if (m->unknown_site.len > 0) {
        report_name(covered, m->unknown_site, (struct diag_place){file, 0, 0}, diags);
    }
    coverage_free(covered);
}

/* Names for which a running certificate may be kept: those of sites, and the one for strangers. */
static void match(struct tls_matcher *matcher, const struct model *m,
                  const struct tls_set *previous, struct tls_set *out_certs)
{
    struct str *names;
    size_t count = model_names(m, &names);
    if (m->unknown_site.len > 0) {
        names = mem_grow(names, count + 1, sizeof(*names));
        names[count++] = m->unknown_site;
    }
    struct tls_match_context context = {previous, names, count, clock_wall_ms() / 1000};
    tls_matcher_finish(matcher, &context, out_certs);
    free(names);
}

int store_load(const char *config_path, const struct tls_set *previous, struct diags *diags,
               struct bundle *out_found, struct store_digest *out_digest)
{
    /* First, so that a change while we read is seen as one afterwards. An unreadable file is
     * reported by load_file. */
    struct store_digest digest = {{0}};
    if (store_digest(config_path, &digest) != OK) {
        digest = (struct store_digest){{0}};
    }
    struct model *m = NULL;
    int err = load_file(config_path, diags, NULL, &m);
    if (err != OK) {
        return err;
    }
    err = files_read(config_path, m, diags);
    if (err != OK) {
        model_free(m);
        return err;
    }
    struct gather g = {.diags = diags};
    g.matcher = tls_matcher_new(gather_note, &g);
    struct store_walk walk = {.arg = &g, .on_file = gather_file, .on_fault = gather_fault};
    store_walk_run(&walk, m);
    struct bundle found = {.model = m};
    match(g.matcher, m, previous, &found.certs);
    tls_matcher_free(g.matcher);
    *out_found = found;
    *out_digest = digest;
    return OK;
}

/* --- what to watch --------------------------------------------------------------------------- */

struct paths {
    char **items;
    size_t count;
    struct map *known;
};

static void add_path(void *arg, const char *path)
{
    struct paths *p = arg;
    if (map_put(p->known, str_of(path), p) != NULL) {
        return;
    }
    p->items = mem_grow(p->items, p->count + 1, sizeof(*p->items));
    p->items[p->count++] = str_dup(str_of(path));
}

void store_watch(const char *config_path, const struct model *m, char ***out_paths,
                 size_t *out_count)
{
    struct paths paths = {.known = map_new()};
    struct diags diags;
    struct buf files;
    struct model *again = NULL;
    char *real = realpath(config_path, NULL);
    add_path(&paths, config_path);
    add_path(&paths, real == NULL ? config_path : real); /* where a link points to */
    free(real);
    diags_init(&diags);
    buf_init(&files, FILES_MAX);
    if (load_file(config_path, &diags, &files, &again) == OK) { /* only for the list of files */
        model_free(again);
    }
    struct str rest = buf_str(&files);
    struct str path;
    while (str_next(&rest, '\n', &path)) {
        char *copy = str_dup(path);
        if (path.len > 0) {
            add_path(&paths, copy);
        }
        free(copy);
    }
    for (size_t i = 0; i < m->certificate_count; i++) {
        char *entry = str_dup(m->certificates[i]);
        add_path(&paths, entry);
        free(entry);
    }
    for (size_t i = 0; i < m->file_count; i++) {
        char *copy = str_dup(m->files[i]->path);
        add_path(&paths, copy);
        free(copy);
    }
    struct store_walk walk = {.arg = &paths, .on_folder = add_path};
    store_walk_run(&walk, m);
    map_free(paths.known);
    buf_fini(&files);
    diags_fini(&diags);
    *out_paths = paths.items;
    *out_count = paths.count;
}

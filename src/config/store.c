/* SPDX-License-Identifier: MIT */
#include "config/store.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "config/coverage.h"
#include "config/files.h"
#include "config/load.h"
#include "config/substitute.h"
#include "recall.h"
#include "store_walk.h"
#include "tls/tls_digest.h"
#include "tls/tls_places.h"

#define FILES_MAX  (1024u * 1024)      /* bytes of the list of substituted files */
#define RECALL_MAX (64u * 1024 * 1024) /* bytes of what is remembered */

/* --- certificates ---------------------------------------------------------------------------- */

/* The paths to watch, each once. */
struct paths {
    char **items;
    size_t count;
    struct map *known;
};

/* Everything that one look at the files fills: nothing is read twice. */
struct gather {
    struct diags *diags;
    struct tls_digest *digest;
    struct tls_matcher *matcher;
    struct paths paths;
    const struct bundle_past *past; /* borrowed, or NULL */
    struct recall *recall;          /* of it */
    struct recall_file *files;      /* owned: those that the matcher was given, in that order */
    size_t file_count;
    struct arena arena; /* their paths */
};

static void add_path(struct paths *p, const char *path)
{
    if (map_put(p->known, str_of(path), p) != NULL) {
        return;
    }
    p->items = mem_grow(p->items, p->count + 1, sizeof(*p->items));
    p->items[p->count++] = str_dup(str_of(path));
}

static void digest_both(struct tls_digest *d, struct str path, struct str content)
{
    tls_digest_add(d, path);
    tls_digest_add(d, content);
}

static struct recall_file *new_file(struct gather *g)
{
    g->files = mem_grow(g->files, g->file_count + 1, sizeof(*g->files));
    return &g->files[g->file_count++];
}

static struct str digest_str(const struct recall_file *f)
{
    return str_n((const char *)f->digest, sizeof(f->digest));
}

static void gather_file(void *arg, const char *path, const struct stat *st, struct str bytes)
{
    struct gather *g = arg;
    struct recall_file *f = new_file(g);
    *f = (struct recall_file){.path = arena_dup(&g->arena, str_of(path))};
    recall_look_at(st, &f->look);
    tls_digest_once(bytes, f->digest);
    digest_both(g->digest, str_of(path), digest_str(f));
    (void)tls_matcher_add(g->matcher, path, bytes); /* other files in the folder are none of ours */
}

/* A file that looks as it did when the last loader read it has the same in it. */
static bool gather_look(void *arg, const char *path, const struct stat *st)
{
    struct gather *g = arg;
    struct recall_look look;
    struct recall_file known;
    recall_look_at(st, &look);
    if (!recall_find(g->recall, str_of(path), &look, &known) ||
        tls_matcher_add_known(g->matcher, path, &g->past->certs, known.refs, known.ref_count) !=
            OK) {
        return false;
    }
    *new_file(g) = known;
    digest_both(g->digest, str_of(path), digest_str(&known));
    return true;
}

static void gather_fault(void *arg, const char *path, const char *why)
{
    struct gather *g = arg;
    digest_both(g->digest, str_of(path), str_of(why)); /* its coming back is a change */
    diags_add(g->diags, DIAG_WARNING, (struct diag_place){str_of(path), 0, 0},
              "found no readable certificates here (%s); expected a file or a folder of them", why);
}

static void gather_folder(void *arg, const char *path)
{
    struct gather *g = arg;
    add_path(&g->paths, path);
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

/* Where the configuration is, and where a link in its place points to. */
static void add_config(struct paths *p, const char *config_path)
{
    char *real = realpath(config_path, NULL);
    add_path(p, config_path);
    add_path(p, real == NULL ? config_path : real);
    free(real);
}

static void add_lines(struct paths *p, struct str files)
{
    struct str rest = files;
    struct str path;
    while (str_next(&rest, '\n', &path)) {
        char *copy = str_dup(path);
        if (path.len > 0) {
            add_path(p, copy);
        }
        free(copy);
    }
}

static void add_str(struct paths *p, struct str path)
{
    char *copy = str_dup(path);
    add_path(p, copy);
    free(copy);
}

static void add_model(struct paths *p, const struct model *m)
{
    for (size_t i = 0; i < m->certificate_count; i++) {
        add_str(p, m->certificates[i]);
    }
    for (size_t i = 0; i < m->file_count; i++) {
        add_str(p, m->files[i]->path);
    }
}

/* The configuration and what it refers to, certificates aside. */
static int read_model(struct gather *g, const char *config_path, struct model **out_model)
{
    struct buf files;
    struct model *m = NULL;
    struct substitute_seen seen = {&files, g->digest};
    buf_init(&files, FILES_MAX);
    add_config(&g->paths, config_path);
    int err = load_file(config_path, g->diags, &seen, &m);
    err = err != OK ? err : files_read(config_path, m, g->diags);
    if (err == OK) {
        add_lines(&g->paths, buf_str(&files));
        add_model(&g->paths, m);
        for (size_t i = 0; i < m->file_count; i++) {
            digest_both(g->digest, m->files[i]->path, m->files[i]->bytes);
        }
        *out_model = m;
    } else {
        model_free(m);
    }
    buf_fini(&files);
    return err;
}

static void paths_fini(struct paths *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->items[i]);
    }
    free(p->items);
    map_free(p->known);
}

/* What the next loader need not read again. Without room for all there is none of it. */
static void remember(struct gather *g, const struct tls_set *certs, int64_t now, struct buf *out)
{
    struct tls_places *places = tls_places_new(certs);
    int err = OK;
    for (size_t i = 0; i < g->file_count && err == OK; i++) {
        struct recall_file *f = &g->files[i];
        if (recall_is_settled(&f->look, now) &&
            tls_matcher_refs(g->matcher, i, places, f->refs, &f->ref_count)) {
            err = recall_add(out, f);
        }
    }
    if (err != OK) {
        buf_clear(out);
    }
    tls_places_free(places);
}

static void read_certs(struct gather *g, struct store_found *found)
{
    struct store_walk walk = {NULL, gather_file, gather_folder, gather_fault};
    int64_t now = clock_wall_ms() / 1000; /* before the first look */
    g->matcher = tls_matcher_new(gather_note, g);
    g->recall = recall_new(g->past == NULL ? STR("") : g->past->recall);
    arena_init(&g->arena, 64 * 1024);
    walk.on_look = g->past == NULL ? NULL : gather_look;
    store_walk_run(&walk, found->bundle.model, g);
    match(g->matcher, found->bundle.model, g->past == NULL ? NULL : &g->past->certs,
          &found->bundle.certs);
    remember(g, &found->bundle.certs, now, &found->recall);
    arena_fini(&g->arena);
    recall_free(g->recall);
    tls_matcher_free(g->matcher);
    free(g->files);
}

int store_load(const char *config_path, const struct bundle_past *past, struct diags *diags,
               struct store_found *out)
{
    struct gather g = {.diags = diags, .past = past};
    struct store_found found = {.watch = NULL};
    g.digest = tls_digest_new();
    g.paths.known = map_new();
    int err = read_model(&g, config_path, &found.bundle.model);
    if (err == OK) {
        buf_init(&found.recall, RECALL_MAX);
        read_certs(&g, &found);
        tls_digest_finish(g.digest, found.digest);
        found.watch = g.paths.items;
        found.watch_count = g.paths.count;
        g.paths.items = NULL;
        g.paths.count = 0;
        *out = found;
    }
    paths_fini(&g.paths);
    tls_digest_free(g.digest);
    return err;
}

void store_found_fini(struct store_found *f)
{
    struct paths watch = {.items = f->watch, .count = f->watch_count};
    bundle_fini(&f->bundle);
    buf_fini(&f->recall);
    paths_fini(&watch);
    *f = (struct store_found){.watch = NULL};
}

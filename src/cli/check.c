/* SPDX-License-Identifier: MIT */
/* `hivedoor check`: the loader's work in this process, said to people. */
#include <stdio.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "config/load.h"
#include "config/schema.h"
#include "daemon/loading.h"
#include "daemon/supervisor.h"

#define TEXT_MAX (64u * 1024 * 1024)

static void print(FILE *to, const struct buf *text)
{
    (void)fwrite(buf_str(text).ptr, 1, buf_len(text), to);
}

static int print_schema(void)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    int err = schema_print(&text);
    print(stdout, &text);
    buf_fini(&text);
    return err == OK ? EXIT_FINE : EXIT_CONFIG;
}

static int print_dump(const struct model *m)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    int err = load_dump(m, &text);
    print(stdout, &text);
    buf_fini(&text);
    return err == OK ? EXIT_FINE : EXIT_CONFIG;
}

static void print_summary(const char *path, const struct loading *l)
{
    (void)printf("%s: ok: %zu site%s, %zu certificate%s, %zu of %zu name%s covered\n", path,
                 l->model->site_count, l->model->site_count == 1 ? "" : "s", l->certs.count,
                 l->certs.count == 1 ? "" : "s", l->names_covered, l->names,
                 l->names == 1 ? "" : "s");
}

static int check_file(const char *path, bool dump)
{
    struct loading_want want = {.config_path = path};
    struct loading loading;
    struct diags diags;
    struct buf text;
    int status = EXIT_CONFIG;

    diags_init(&diags);
    buf_init(&text, TEXT_MAX);
    int err = loading_run(&want, &diags, &loading);
    (void)!diags_print(&diags, &text);
    print(stderr, &text);
    if (err == OK) {
        status = EXIT_FINE;
        if (dump) {
            status = print_dump(loading.model);
        } else {
            loading_count_names(&loading);
            print_summary(path, &loading);
        }
        loading_fini(&loading);
    }
    buf_fini(&text);
    diags_fini(&diags);
    return status;
}

int cli_check(int argc, char *const argv[])
{
    const char *path = CLI_CONFIG_PATH;
    bool dump = false;
    bool schema = false;
    const struct cli_option table[] = {
        {"-c", &path, NULL},         {"--config", &path, NULL}, {"--dump", NULL, &dump},
        {"--schema", NULL, &schema}, {NULL, NULL, NULL},
    };

    if (!cli_options(argc, argv, table)) {
        return EXIT_USAGE;
    }
    return schema ? print_schema() : check_file(path, dump);
}

/* SPDX-License-Identifier: MIT */
/*
 * A sealed bundle and its secrets of any bytes (four bytes say where the second begins): read as a
 * worker and as the supervisor do. What is read can be written, and then holds the same plan and
 * files.
 */
#include "base/fd.h"
#include "base/pack.h"
#include "config/bundle.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_both(const struct bundle_fds *fds, struct bundle *out)
{
    struct bundle_source source = {.common = fds->common};
    REQUIRE(sealed_open(fds->secrets, BUNDLE_MAX, &source.secrets) == OK);
    int err = bundle_read(&source, out);
    sealed_unref(source.secrets);
    return err;
}

/* The files come back as they were, in the same order. */
static void check_files(const struct bundle_fds *fds, const struct model *m)
{
    struct bundle again;
    REQUIRE(read_both(fds, &again) == OK);
    REQUIRE(again.model->file_count == m->file_count);
    for (size_t i = 0; i < m->file_count; i++) {
        REQUIRE(str_eq(again.model->files[i]->path, m->files[i]->path));
        REQUIRE(str_eq(again.model->files[i]->bytes, m->files[i]->bytes));
    }
    bundle_fini(&again);
}

static void check_again(const struct bundle *b, const struct bundle_plan *plan)
{
    struct bundle_fds fds;
    struct bundle_plan again;
    REQUIRE(bundle_write(&(struct bundle_content){plan, b->model, &b->certs, STR("")}, &fds) == OK);
    REQUIRE(bundle_read_plan(fds.common, &again) == OK);
    REQUIRE(again.http_count == plan->http_count && again.workers == plan->workers);
    REQUIRE(again.watch_count == plan->watch_count);
    bundle_plan_fini(&again);
    check_files(&fds, b->model);
    bundle_fds_close(&fds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle_fds fds = BUNDLE_NO_FDS;
    struct bundle b;
    struct bundle_plan plan;
    struct unpacker u;
    unpack_init(&u, data, size);
    struct str common = unpack_str(&u, size);
    if (u.failed || fd_sealed("fuzz", common.ptr, common.len, &fds.common) != OK) {
        return 0;
    }
    REQUIRE(fd_sealed("fuzz", u.ptr, u.left, &fds.secrets) == OK);
    bool has_plan = bundle_read_plan(fds.common, &plan) == OK;
    bool has_all = read_both(&fds, &b) == OK;
    if (has_plan && has_all) {
        check_again(&b, &plan);
    }
    if (has_plan) {
        bundle_plan_fini(&plan);
    }
    if (has_all) {
        bundle_fini(&b);
    }
    bundle_fds_close(&fds);
    return 0;
}

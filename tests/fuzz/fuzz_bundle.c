/* SPDX-License-Identifier: MIT */
/*
 * A sealed bundle of any bytes: read as a worker and as the supervisor do. What is read can be
 * written, and then holds the same plan and files.
 */
#include "base/fd.h"
#include "config/bundle.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The files come back as they were, in the same order. */
static void check_files(int fd, const struct model *m)
{
    struct bundle again;
    REQUIRE(bundle_read(fd, &again) == OK);
    REQUIRE(again.model->file_count == m->file_count);
    for (size_t i = 0; i < m->file_count; i++) {
        REQUIRE(str_eq(again.model->files[i]->path, m->files[i]->path));
        REQUIRE(str_eq(again.model->files[i]->bytes, m->files[i]->bytes));
    }
    bundle_fini(&again);
}

static void check_again(const struct bundle *b, const struct bundle_plan *plan)
{
    int fd = -1;
    struct bundle_plan again;
    REQUIRE(bundle_write(plan, b->model, &b->certs, true, &fd) == OK);
    REQUIRE(bundle_read_plan(fd, &again) == OK);
    REQUIRE(again.http_count == plan->http_count && again.workers == plan->workers);
    REQUIRE(again.watch_count == plan->watch_count);
    bundle_plan_fini(&again);
    check_files(fd, b->model);
    fd_close(&fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = -1;
    struct bundle b;
    struct bundle_plan plan;
    if (fd_sealed("fuzz", data, size, &fd) != OK) {
        return 0;
    }
    bool has_plan = bundle_read_plan(fd, &plan) == OK;
    bool has_all = bundle_read(fd, &b) == OK;
    if (has_plan && has_all) {
        check_again(&b, &plan);
    }
    if (has_plan) {
        bundle_plan_fini(&plan);
    }
    if (has_all) {
        bundle_fini(&b);
    }
    fd_close(&fd);
    return 0;
}

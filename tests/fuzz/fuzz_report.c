/* SPDX-License-Identifier: MIT */
/* The loader's report: it has read foreign files, so the supervisor does not trust what it says. */
#include <stddef.h>
#include <stdint.h>

#include "base/fd.h"
#include "daemon/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diags diags;
    int fd;
    int again;

    REQUIRE(fd_sealed("fuzz", data, size, &fd) == OK);
    diags_init(&diags);
    if (report_read(fd, &diags) == OK) {
        REQUIRE(report_write(&diags, &again) == OK); /* whatever is taken can be said again */
        fd_close(&again);
    }
    diags_fini(&diags);
    fd_close(&fd);
    return 0;
}

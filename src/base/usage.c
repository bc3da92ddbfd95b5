/* SPDX-License-Identifier: MIT */
#include "base/usage.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

#define STATM_BYTES 256
/* More than any address space has; times a page it still is a number. */
#define PAGES_MAX (UINT64_C(1) << 50)
/* What version 1 says when there is no limit: the greatest number of whole pages. */
#define NO_LIMIT (INT64_MAX / 4096 * 4096)

int usage_open(void)
{
    return open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

int usage_read(int fd, uint64_t *out_bytes)
{
    char text[STATM_BYTES];
    struct str word;
    uint64_t pages[3] = {0}; /* size, resident, shared */

    if (fd < 0) {
        return ERR_UNSUPPORTED;
    }
    ssize_t n = pread(fd, text, sizeof(text), 0);
    struct str rest = str_n(text, n > 0 ? (size_t)n : 0);
    for (int i = 0; i < 3; i++) {
        if (!str_next(&rest, ' ', &word) || str_to_u64(word, PAGES_MAX, &pages[i]) != OK) {
            return ERR_UNSUPPORTED;
        }
    }
    if (pages[1] < pages[2]) {
        return ERR_UNSUPPORTED;
    }
    *out_bytes = (pages[1] - pages[2]) * (uint64_t)sysconf(_SC_PAGESIZE);
    return OK;
}

static uint64_t limit_in(const char *path)
{
    struct buf text;
    struct str line;
    uint64_t bytes = 0;

    buf_init(&text, 64);
    if (fd_read_file(path, &text) == OK) {
        struct str rest = buf_str(&text);
        if (!str_next(&rest, '\n', &line) || str_to_u64(line, INT64_MAX, &bytes) != OK ||
            bytes >= NO_LIMIT) {
            bytes = 0; /* "max" */
        }
    }
    buf_fini(&text);
    return bytes;
}

uint64_t usage_container_limit(void)
{
    uint64_t bytes = limit_in("/sys/fs/cgroup/memory.max");

    return bytes > 0 ? bytes : limit_in("/sys/fs/cgroup/memory/memory.limit_in_bytes");
}

/* SPDX-License-Identifier: MIT */
#include "proxy/pressure.h"

#include "base/fd.h"
#include "base/usage.h"

#include <malloc.h>

#define LOOK_MS 50
/* Giving memory back walks the heap. */
#define TRIM_MS 1000
/* What was high is high until this part of the share is free. */
#define SLACK 16

void pressure_init(struct pressure *p, int fd)
{
    *p = (struct pressure){.fd = fd};
}

void pressure_fini(struct pressure *p)
{
    fd_close(&p->fd);
}

static uint64_t held(const struct pressure *p)
{
    uint64_t bytes = 0;
    return usage_read(p->fd, &bytes) == OK ? bytes : 0;
}

bool pressure_look(struct pressure *p, uint64_t now_ms)
{
    if (p->looked_ms != 0 && now_ms - p->looked_ms < LOOK_MS) {
        return false;
    }
    uint64_t most = p->share_bytes - (p->is_high ? p->share_bytes / SLACK : 0);
    p->looked_ms = now_ms;
    p->held_bytes = held(p);
    p->is_high = p->share_bytes > 0 && p->held_bytes > most;
    if (p->is_high && (p->trimmed_ms == 0 || now_ms - p->trimmed_ms >= TRIM_MS)) {
        p->trimmed_ms = now_ms;
        (void)malloc_trim(0);
        p->held_bytes = held(p);
        p->is_high = p->held_bytes > most;
    }
    return true;
}

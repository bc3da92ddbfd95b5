/* SPDX-License-Identifier: MIT */
/*
 * Whether this worker holds more memory than its share of limits.memory. What a client or a service
 * can make us hold is bounded for each connection; this bounds the sum: above it new connections
 * and requests are refused, and idle connections end, until there is less again.
 *
 * Worker only. What the process holds is looked at a few times a second at most, and only when
 * somebody asks; before anything is refused the allocator gives back what it keeps.
 */
#ifndef HIVEDOOR_PROXY_PRESSURE_H
#define HIVEDOOR_PROXY_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

struct pressure {
    int fd;               /* usage_open's, owned; -1: never high */
    uint64_t share_bytes; /* 0: no limit */
    uint64_t held_bytes;  /* when last looked */
    uint64_t looked_ms;
    uint64_t trimmed_ms;
    bool is_high;
};

/* Takes `fd`. */
void pressure_init(struct pressure *p, int fd);
void pressure_fini(struct pressure *p);
/* Looks if it is time; true when it did, so that held_bytes and is_high are new. */
bool pressure_look(struct pressure *p, uint64_t now_ms);

#endif

/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;

    return *left < *right ? -1 : *left > *right;
}

static uint64_t quantile(const struct load *l, double q)
{
    if (l->latency_count == 0) {
        return 0;
    }
    return l->latencies[(size_t)(q * (double)(l->latency_count - 1))];
}

void load_say(const struct load *l, double seconds)
{
    qsort(l->latencies, l->latency_count, sizeof(l->latencies[0]), compare);
    (void)printf("{\"asked\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"failed\":%" PRIu64
                 ",\"handshakes\":%" PRIu64 ",\"resumed\":%" PRIu64 ",\"bytes_in\":%" PRIu64
                 ",\"seconds\":%.6f,"
                 "\"p50_us\":%" PRIu64 ",\"p90_us\":%" PRIu64 ",\"p99_us\":%" PRIu64
                 ",\"p999_us\":%" PRIu64 ",\"max_us\":%" PRIu64 "}\n",
                 l->asked, l->answered, l->failed, l->handshakes, l->resumed, l->bytes_in, seconds,
                 quantile(l, 0.5), quantile(l, 0.9), quantile(l, 0.99), quantile(l, 0.999),
                 quantile(l, 1));
}

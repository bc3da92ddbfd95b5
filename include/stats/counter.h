/* SPDX-License-Identifier: MIT */
/*
 * Counters shared by all processes without a lock: one anonymous shared mapping (a memfd), cut into
 * one slot a process; a slot has one writer, its process, and every process may read. A slot holds
 * the fixed counters and gauges of COUNTER_TABLE, and a table of labelled series ("requests of site
 * a.com with code 200"), found by their label text once and then written through a pointer.
 *
 * The supervisor makes the mapping before it starts the others; the keeper sums it up. Counters of
 * a slot go on when its process is replaced; gauges are set to 0 by slot_adopt.
 */
#ifndef HIVEDOOR_STATS_COUNTER_H
#define HIVEDOOR_STATS_COUNTER_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(NAME, "metric_name", type, "labels or empty", "help"); metric names are given the prefix
 * "hivedoor_"; rows of one metric stand together and repeat its help. */
#define COUNTER_TABLE(X)                                                                           \
    X(CONNS_ACCEPTED, "connections_accepted_total", COUNTER, "", "Client connections accepted.")   \
    X(CONNS_REFUSED, "connections_refused_total", COUNTER, "",                                     \
      "Client connections closed at once for a limit.")                                            \
    X(CONNS_MASKED, "connections_masked_total", COUNTER, "",                                       \
      "Client connections whose peer stands in for a client that is not known.")                   \
    X(CONNS_PROXY, "connections", GAUGE, "state=\"proxy\"", "Client connections by state.")        \
    X(CONNS_HANDSHAKE, "connections", GAUGE, "state=\"handshake\"",                                \
      "Client connections by state.")                                                              \
    X(CONNS_OPEN, "connections", GAUGE, "state=\"open\"", "Client connections by state.")          \
    X(CONNS_IDLE, "connections", GAUGE, "state=\"idle\"", "Client connections by state.")          \
    X(CONNS_DRAINING, "connections", GAUGE, "state=\"draining\"", "Client connections by state.")  \
    X(EXCHANGES_HEAD, "exchanges", GAUGE, "state=\"head\"", "Exchanges by state.")                 \
    X(EXCHANGES_ROUTE, "exchanges", GAUGE, "state=\"route\"", "Exchanges by state.")               \
    X(EXCHANGES_CONNECT, "exchanges", GAUGE, "state=\"connect\"", "Exchanges by state.")           \
    X(EXCHANGES_RELAY, "exchanges", GAUGE, "state=\"relay\"", "Exchanges by state.")               \
    X(EXCHANGES_TUNNEL, "exchanges", GAUGE, "state=\"tunnel\"", "Exchanges by state.")             \
    X(TLS_FULL, "tls_handshakes_total", COUNTER, "kind=\"full\"", "TLS handshakes done.")          \
    X(TLS_RESUMED, "tls_handshakes_total", COUNTER, "kind=\"resumed\"", "TLS handshakes done.")    \
    X(TLS_DEFAULT, "tls_default_certificate_total", COUNTER, "",                                   \
      "TLS handshakes done with the certificate of unknown_site.")                                 \
    X(TLS_FAILED, "tls_handshakes_failed_total", COUNTER, "", "TLS handshakes that failed.")       \
    X(TLS_CLIENT_CERT_REFUSED, "tls_client_certs_refused_total", COUNTER, "",                      \
      "TLS handshakes that failed for want of a valid client certificate.")                        \
    X(CLIENT_BYTES_IN, "client_bytes_total", COUNTER, "direction=\"in\"",                          \
      "Bytes on client connections, as on the wire.")                                              \
    X(CLIENT_BYTES_OUT, "client_bytes_total", COUNTER, "direction=\"out\"",                        \
      "Bytes on client connections, as on the wire.")                                              \
    X(UPSTREAM_BYTES_IN, "upstream_bytes_total", COUNTER, "direction=\"in\"",                      \
      "Bytes on connections to services.")                                                         \
    X(UPSTREAM_BYTES_OUT, "upstream_bytes_total", COUNTER, "direction=\"out\"",                    \
      "Bytes on connections to services.")                                                         \
    X(AUTH_HASHES, "basic_auth_hashes_total", COUNTER, "",                                         \
      "Passwords hashed because they were not remembered.")                                        \
    X(GZIP_DONE, "gzip_responses_total", COUNTER, "outcome=\"compressed\"",                        \
      "Responses to be compressed, by outcome.")                                                   \
    X(GZIP_BUSY, "gzip_responses_total", COUNTER, "outcome=\"busy\"",                              \
      "Responses to be compressed, by outcome.")                                                   \
    X(MEMORY_HELD, "memory_held_bytes", GAUGE, "",                                                 \
      "Memory that the workers hold, when last looked at.")                                        \
    X(HANDSHAKES_WAITING, "handshakes_waiting", GAUGE, "",                                         \
      "TLS handshakes that wait for their turn, so that open connections go first.")               \
    X(MEMORY_USED, "memory_used_bytes", GAUGE, "",                                                 \
      "Memory that keeper and workers have taken and not given back, when last looked at.")        \
    X(MEMORY_FOLDED, "memory_folded_bytes", GAUGE, "",                                             \
      "Of that, pages that the host has back while idle connections rest.")                        \
    X(HELD, "held_requests", GAUGE, "", "Requests that wait for an endpoint of their service.")    \
    X(HELD_TOTAL, "held_requests_total", COUNTER, "",                                              \
      "Requests that waited for an endpoint of their service.")                                    \
    X(HELD_TIMEOUTS, "hold_timeouts_total", COUNTER, "",                                           \
      "Requests that waited for an endpoint in vain.")                                             \
    X(QUEUED, "queued_requests", GAUGE, "",                                                        \
      "Requests that wait for their turn at a service with max_requests.")                         \
    X(QUEUED_TOTAL, "queued_requests_total", COUNTER, "",                                          \
      "Requests that waited for their turn at a service with max_requests.")                       \
    X(QUEUE_TIMEOUTS, "queue_timeouts_total", COUNTER, "",                                         \
      "Requests that waited for their turn in vain.")                                              \
    X(RETRIES_CONNECT, "retries_total", COUNTER, "cause=\"connect\"",                              \
      "Requests tried again, by what went wrong.")                                                 \
    X(RETRIES_CLOSED, "retries_total", COUNTER, "cause=\"closed\"",                                \
      "Requests tried again, by what went wrong.")                                                 \
    X(RETRIES_RESET, "retries_total", COUNTER, "cause=\"reset\"",                                  \
      "Requests tried again, by what went wrong.")                                                 \
    X(RETRIES_UNTAKEN, "retries_total", COUNTER, "cause=\"refused\"",                              \
      "Requests tried again, by what went wrong.")                                                 \
    X(RETRIES_REFUSED, "retries_refused_total", COUNTER, "",                                       \
      "Requests not sent again because too many were.")                                            \
    X(LINKS_DIALING, "upstream_links", GAUGE, "state=\"dialing\"",                                 \
      "Connections to services by state.")                                                         \
    X(LINKS_BUSY, "upstream_links", GAUGE, "state=\"busy\"", "Connections to services by state.")  \
    X(LINKS_IDLE, "upstream_links", GAUGE, "state=\"idle\"", "Connections to services by state.")  \
    X(LINKS_OPENED, "upstream_links_opened_total", COUNTER, "", "Connections to services opened.") \
    X(LINKS_REUSED, "upstream_links_reused_total", COUNTER, "",                                    \
      "Requests sent on a kept connection.")                                                       \
    X(GENERATIONS, "generations", GAUGE, "", "Configuration generations alive in a process.")      \
    X(GENERATION_CURRENT, "generation_current", GAUGE, "",                                         \
      "Number of the generation being served (highest of all processes).")                         \
    X(DNS_QUERIES, "dns_queries_total", COUNTER, "", "DNS questions asked.")                       \
    X(DNS_FAILURES, "dns_failures_total", COUNTER, "", "DNS questions without a usable answer.")   \
    X(DNS_TRUNCATED, "dns_truncated_total", COUNTER, "",                                           \
      "DNS answers thrown away because they were truncated.")                                      \
    X(ENDPOINT_PROOFS, "endpoint_proofs_total", COUNTER, "",                                       \
      "Connections opened to prove remembered addresses.")                                         \
    X(ENDPOINTS_DROPPED, "endpoints_dropped_total", COUNTER, "", "Remembered addresses given up.") \
    X(ENDPOINTS_REMEMBERED, "endpoints_remembered", GAUGE, "",                                     \
      "Addresses that the DNS does not speak of now, and that answer.")                            \
    X(ENDPOINTS_GONE, "endpoints_gone_total", COUNTER, "",                                         \
      "Addresses that services have no longer, whatever the reason.")                              \
    X(ENDPOINTS_REASSIGNED, "endpoints_reassigned_total", COUNTER, "",                             \
      "Remembered addresses that belong to another service now.")                                  \
    X(ENDPOINTS_REFUSED_PIN, "endpoints_refused_total", COUNTER, "cause=\"pin\"",                  \
      "Times addresses of a service were not used.")                                               \
    X(ENDPOINTS_REFUSED_EXTERNAL, "endpoints_refused_total", COUNTER, "cause=\"external\"",        \
      "Times addresses of a service were not used.")                                               \
    X(HEALTH_GOOD, "health_checks_total", COUNTER, "outcome=\"good\"",                             \
      "Checks of endpoints, by outcome.")                                                          \
    X(HEALTH_BAD, "health_checks_total", COUNTER, "outcome=\"bad\"",                               \
      "Checks of endpoints, by outcome.")                                                          \
    X(ENDPOINTS_FAILING, "endpoints_failing", GAUGE, "",                                           \
      "Endpoints that fail their checks, once for each check.")                                    \
    X(ENDPOINTS_TAKEN_OUT, "endpoints_taken_out_total", COUNTER, "",                               \
      "Times an endpoint began to fail its checks.")                                               \
    X(NAME_CONFLICTS, "service_name_conflicts_total", COUNTER, "",                                 \
      "Pairs of services found to answer to one name.")                                            \
    X(PATTERN_NAMES, "pattern_names", GAUGE, "",                                                   \
      "Names that requests made of patterns, followed.")                                           \
    X(PATTERN_NAMES_EVICTED, "pattern_names_evicted_total", COUNTER, "",                           \
      "Names of patterns given up for newer ones.")                                                \
    X(PATTERN_NAMES_TOO_FAST, "pattern_names_refused_total", COUNTER, "cause=\"rate\"",            \
      "Names of patterns not followed.")                                                           \
    X(PATTERN_NAMES_UNMATCHED, "pattern_names_refused_total", COUNTER, "cause=\"unmatched\"",      \
      "Names of patterns not followed.")                                                           \
    X(RELOADS_OK, "reloads_total", COUNTER, "outcome=\"ok\"", "Reloads by outcome.")               \
    X(RELOADS_UNCHANGED, "reloads_total", COUNTER, "outcome=\"unchanged\"", "Reloads by outcome.") \
    X(RELOADS_FAILED, "reloads_total", COUNTER, "outcome=\"failed\"", "Reloads by outcome.")       \
    X(PROCESS_STARTS, "process_starts_total", COUNTER, "",                                         \
      "Times a process of this role was started.")                                                 \
    X(PROCESS_CRASHES, "process_crashes_total", COUNTER, "", "Times a process ended unasked.")     \
    X(LOG_LOST, "log_lines_lost_total", COUNTER, "",                                               \
      "Log lines that standard output did not take.")                                              \
    X(CHECKS_FAILED, "checks_failed_total", COUNTER, "",                                           \
      "Internal checks that failed; report these.")

enum counter {
#define COUNTER_ENUM(name, metric, type, labels, help) COUNTER_##name,
    COUNTER_TABLE(COUNTER_ENUM)
#undef COUNTER_ENUM
        COUNTER_COUNT
};

/* Families of labelled series: X(NAME, "metric_name", type, "help"). */
#define SERIES_TABLE(X)                                                                            \
    X(REQUESTS, "requests_total", COUNTER, "Requests by site, code and reason.")                   \
    X(UPSTREAM_REQUESTS, "upstream_requests_total", COUNTER,                                       \
      "Requests sent by service and endpoint.")                                                    \
    X(UPSTREAM_FAILURES, "upstream_failures_total", COUNTER,                                       \
      "Failures by service, endpoint and reason.")                                                 \
    X(UPSTREAM_CONNECTS, "upstream_connects_total", COUNTER,                                       \
      "Connections opened by service and endpoint.")                                               \
    X(UPSTREAM_ACTIVE, "upstream_active", GAUGE, "Requests in flight by service and endpoint.")    \
    X(ENDPOINT_TASK, "endpoint_task", GAUGE, "1 for each address and the task it belongs to.")     \
    X(UPSTREAM_EJECTIONS, "upstream_ejections_total", COUNTER,                                     \
      "Times a worker began to pass over an endpoint, by reason.")                                 \
    X(UPSTREAM_EJECTED, "upstream_ejected", GAUGE, "Workers that pass over an endpoint.")          \
    X(UPSTREAM_EJECTED_AT, "upstream_ejected_timestamp_seconds", GAUGE,                            \
      "When a worker began to pass over an endpoint, by reason, seconds since 1970; 0: none "      \
      "does.")                                                                                     \
    X(SERVICE_ENDPOINTS, "service_endpoints", GAUGE, "Addresses known by service.")                \
    X(CERTIFICATE_EXPIRY, "certificate_expiry_seconds", GAUGE,                                     \
      "End of validity, seconds since 1970, by first name and key type.")                          \
    X(CONN_ENDS, "connections_closed_total", COUNTER, "Client connections closed, by reason.")

enum series {
#define SERIES_ENUM(name, metric, type, help) SERIES_##name,
    SERIES_TABLE(SERIES_ENUM)
#undef SERIES_ENUM
        SERIES_COUNT
};

enum slot_role { SLOT_FREE, SLOT_SUPERVISOR, SLOT_KEEPER, SLOT_WORKER };
enum slot_state { SLOT_DOWN, SLOT_STARTING, SLOT_READY, SLOT_DRAINING };

#define SERIES_LABELS_MAX 232
#define SERIES_PER_SLOT   16384
#define SERIES_INDEX_SIZE (2 * SERIES_PER_SLOT)

struct series_cell {
    uint64_t value;
    uint32_t used; /* enum series + 1, written last */
    uint32_t hash;
    char labels[SERIES_LABELS_MAX]; /* NUL-terminated: site="a.com",code="200" */
};

/* A worker's share of the token buckets: see stats/rate. */
#define RATE_SETS 4096
#define RATE_WAYS 8

struct rate_cell {
    uint64_t tag;     /* whose it is; 0: free */
    uint64_t full_ns; /* on the monotonic clock: when the bucket is full again */
};

/* A worker's requests in flight, by endpoint: see stats/flight. A set is a cache line. */
#define FLIGHT_SETS       4096
#define FLIGHT_WAYS       4
#define FLIGHT_SPILL_SETS 8 /* where one may be: its own, and those behind it */

struct flight_cell {
    uint64_t tag;   /* whose it is, if anybody's */
    uint64_t count; /* 0: free */
};

struct slot {
    uint64_t values[COUNTER_COUNT];
    uint32_t role;
    uint32_t state;
    int32_t pid;
    uint32_t index; /* worker number */
    uint64_t started_wall_ms;
    uint64_t generation;      /* what this process serves */
    uint64_t masked_warned;   /* the last generation in which it warned of masked clients */
    uint64_t series_overflow; /* series that found no room */
    uint64_t series_spill;    /* what they wrote instead; shown by no metric */
    uint32_t series_count;    /* cells in use, from the first one on; written last */
    uint16_t series_index[SERIES_INDEX_SIZE]; /* the writer's hash table: cell number + 1, or 0 */
    struct series_cell series[SERIES_PER_SLOT];
    uint64_t rate_key[2]; /* of the first slot: the hash key that all tables of rates share */
    struct rate_cell rate[RATE_SETS][RATE_WAYS];
    uint64_t flight_spilled; /* cells in use that are not in their own set */
    struct flight_cell flight[FLIGHT_SETS][FLIGHT_WAYS] __attribute__((aligned(64)));
};

struct counters {
    struct slot *slots; /* the mapping, owned */
    size_t count;
    int fd; /* the memfd, owned */
};

/* Makes the mapping; memory is touched only as it is used. */
int counters_create(size_t slot_count, struct counters *out) MUST_USE;
/* Maps one that another process made; takes the descriptor, unless it fails. ERR_MISMATCH when its
 * size is not that of `slot_count` slots. */
int counters_open(int fd, size_t slot_count, struct counters *out) MUST_USE;
void counters_fini(struct counters *c);

/* This process becomes the writer of `index`: gauges (fixed and series) are set to 0, pid, role and
 * start time are written. The pointer is valid until counters_fini. */
struct slot *slot_adopt(struct counters *c, size_t index, enum slot_role role, uint32_t worker);

/* "worker", "ready"; static; for any number. */
const char *slot_role_text(uint32_t role);
const char *slot_state_text(uint32_t state);

/* Single writer: a relaxed load and store, no locked instruction. */
static inline void counter_add(struct slot *s, enum counter which, uint64_t n)
{
    __atomic_store_n(&s->values[which], __atomic_load_n(&s->values[which], __ATOMIC_RELAXED) + n,
                     __ATOMIC_RELAXED);
}

static inline void counter_inc(struct slot *s, enum counter which)
{
    counter_add(s, which, 1);
}

static inline void counter_dec(struct slot *s, enum counter which)
{
    counter_add(s, which, UINT64_MAX);
}

static inline void counter_set(struct slot *s, enum counter which, uint64_t v)
{
    __atomic_store_n(&s->values[which], v, __ATOMIC_RELAXED);
}

/*
 * The cell of a labelled series, made on first use; never NULL: when the table is full, a spill
 * cell that no metric shows is returned and series_overflow counts it. `labels` is the Prometheus
 * label text without braces, already escaped (text_label); longer than SERIES_LABELS_MAX - 1 it is
 * cut so that it stays well-formed.
 */
uint64_t *series_cell(struct slot *s, enum series which, struct str labels);

static inline void cell_add(uint64_t *cell, uint64_t n)
{
    __atomic_store_n(cell, __atomic_load_n(cell, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

/* Sum of a counter over all slots. */
uint64_t counters_sum(const struct counters *c, enum counter which);

#endif

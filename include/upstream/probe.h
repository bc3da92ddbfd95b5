/* SPDX-License-Identifier: MIT */
/*
 * One question to one address, as a check of its health: whether it takes a connection, and, where
 * there is a path, what it answers to a GET. Made with the codecs that requests travel by, and as
 * strict: an answer that a request would not get through is none. The keeper's; it touches no
 * endpoint and no link, and keeps nothing from one probe to the next.
 *
 * Bounds: a deadline over everything, the size of the answer's head; the body is not waited for.
 * Of a service behind TLS no certificate is looked at: nothing is told to it that is secret, and
 * requests check it themselves.
 */
#ifndef HIVEDOOR_UPSTREAM_PROBE_H
#define HIVEDOOR_UPSTREAM_PROBE_H

#include "base/addr.h"
#include "base/err.h"
#include "base/str.h"
#include "config/model.h"
#include "http/h1_client.h"
#include "loop/loop.h"
#include "tls/tls_client.h"
#include "tls/tls_stream.h"

#include <stdint.h>

#define PROBE_HEAD_BYTES 16384
#define PROBE_FIELDS     100

struct probe;

/* What all probes of a process share; borrowed for as long as one is under way. */
struct probe_env {
    struct loop *loop;
    const struct h1_scratch *scratch;
    struct tls_worker *tls;
};

/* What is asked. All borrowed until the end of the probe. */
struct probe_ask {
    const struct addr *addr;
    enum model_scheme scheme;
    struct tls_client *tls; /* with MODEL_SCHEME_HTTPS */
    struct str path;        /* empty: a connection is enough, with TLS and HTTP/2's greeting */
    struct str host;        /* as in the Host field */
    uint32_t timeout_ms;
};

/* WHY_OK, or why not: WHY_CONNECT_*, WHY_UPSTREAM_*, WHY_CHECK_STATUS; WHY_NO_FD says nothing of
 * the address. `status`: of the answer, 0: there was none. The probe is gone when this returns. */
typedef void (*probe_fn)(void *arg, enum why why, uint16_t status);

/* Never calls back from inside itself. Never NULL. */
struct probe *probe_start(const struct probe_env *env, const struct probe_ask *ask, probe_fn fn,
                          void *arg);
/* Gives up; no callback comes. Accepts NULL. */
void probe_cancel(struct probe *p);

#endif

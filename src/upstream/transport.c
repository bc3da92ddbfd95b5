/* SPDX-License-Identifier: MIT */
#include "upstream/transport.h"

#include "base/mem.h"
#include "service.h"
#include "transport_impl.h"

#include <stdlib.h>
#include <string.h>

static const char *const offered_protocols[] = {"h2", "http/1.1", NULL};

static struct str key_str(const uint8_t key[static TLS_DIGEST_BYTES])
{
    return str_n((const char *)key, TLS_DIGEST_BYTES);
}

/* What a pattern makes of a host is no name that a certificate would be for: the configuration asks
 * for one, or checks none. */
static struct str name_of(const struct model_target *to)
{
    if (to->verify.name.len > 0 || to->is_pattern) {
        return to->verify.name;
    }
    return to->host;
}

static struct str ca_of(const struct model_target *to)
{
    return to->verify.ca == NULL ? STR("") : to->verify.ca->bytes;
}

/* Two targets with the same key trust the same and may share links. */
static void write_key(const struct model_target *to, uint8_t key[static TLS_DIGEST_BYTES])
{
    struct tls_digest *d = tls_digest_new();

    if (to->scheme == MODEL_SCHEME_H2C) {
        tls_digest_add(d, STR("h2c"));
    } else {
        tls_digest_add(d, to->verify.off ? STR("off") : STR("on"));
        tls_digest_add(d, to->verify.off ? STR("") : ca_of(to));
        tls_digest_add(d, name_of(to));
    }
    tls_digest_finish(d, key);
    tls_digest_free(d);
}

static int make_tls(const struct model_target *to, struct tls_client **out_tls)
{
    struct tls_client_settings settings = {.verify_off = to->verify.off,
                                           .ca = ca_of(to),
                                           .name = name_of(to),
                                           .alpn = offered_protocols};
    return tls_client_new(&settings, out_tls);
}

int transport_get(struct upstream *u, const struct model_target *to,
                  struct transport **out_transport)
{
    uint8_t key[TLS_DIGEST_BYTES];
    struct tls_client *tls = NULL;

    if (to->scheme == MODEL_SCHEME_HTTP) {
        *out_transport = NULL;
        return OK;
    }
    write_key(to, key);
    struct transport *t = map_get(u->transports, key_str(key));
    if (t == NULL) {
        int err = to->scheme == MODEL_SCHEME_HTTPS ? make_tls(to, &tls) : OK;
        if (err != OK) {
            return err;
        }
        t = NEW(struct transport);
        t->all = u->transports;
        memcpy(t->key, key, sizeof(key));
        t->speech = tls == NULL ? TRANSPORT_H2 : TRANSPORT_H1;
        t->tls = tls;
        map_put(u->transports, key_str(key), t);
    }
    *out_transport = transport_ref(t);
    return OK;
}

struct transport *transport_ref(struct transport *t)
{
    if (t != NULL) {
        t->refs++;
    }
    return t;
}

void transport_unref(struct transport *t)
{
    if (t == NULL || --t->refs > 0) {
        return;
    }
    map_remove(t->all, key_str(t->key));
    tls_client_unref(t->tls);
    free(t);
}

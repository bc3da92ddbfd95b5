/* SPDX-License-Identifier: MIT */
#include "tls/tls_ca.h"

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "tls/tls_pem.h"

const char *tls_ca_system(void)
{
    const char *path = getenv("SSL_CERT_FILE");
    if (path != NULL && path[0] != '\0') {
        return path;
    }
    return access(TLS_CA_SYSTEM, R_OK) == 0 ? TLS_CA_SYSTEM : X509_get_default_cert_file();
}

struct reading {
    X509_STORE *store; /* NULL: only counted */
    size_t count;
    bool is_broken;
};

static void on_object(void *arg, enum tls_pem_kind kind, struct str der)
{
    struct reading *r = arg;
    const unsigned char *p = (const unsigned char *)der.ptr;

    if (kind != TLS_PEM_CERT) {
        r->is_broken = r->is_broken || kind == TLS_PEM_BROKEN;
        return;
    }
    X509 *cert = d2i_X509(NULL, &p, (long)der.len);
    bool is_taken = cert != NULL && (r->store == NULL || X509_STORE_add_cert(r->store, cert) == 1);
    r->is_broken = r->is_broken || !is_taken;
    r->count++;
    X509_free(cert);
}

int tls_ca_check(struct str pem, size_t *out_count)
{
    struct reading r = {.store = NULL};

    (void)tls_pem_read(pem, on_object, &r);
    if (r.is_broken) {
        return ERR_SYNTAX;
    }
    if (r.count == 0) {
        return ERR_NOT_FOUND;
    }
    *out_count = r.count;
    return OK;
}

int tls_ca_trust(struct x509_store_st *store, struct str pem)
{
    struct reading r = {.store = store};

    (void)tls_pem_read(pem, on_object, &r);
    return r.is_broken || r.count == 0 ? ERR_SYNTAX : OK;
}

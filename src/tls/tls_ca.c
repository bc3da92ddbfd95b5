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

struct check {
    size_t count;
    bool is_broken;
};

static void on_object(void *arg, enum tls_pem_kind kind, struct str der)
{
    struct check *c = arg;
    const unsigned char *p = (const unsigned char *)der.ptr;
    if (kind != TLS_PEM_CERT) {
        c->is_broken = c->is_broken || kind == TLS_PEM_BROKEN;
        return;
    }
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    c->is_broken = c->is_broken || x == NULL;
    c->count += x != NULL;
    X509_free(x);
}

int tls_ca_check(struct str pem, size_t *out_count)
{
    struct check c = {0};
    (void)tls_pem_read(pem, on_object, &c);
    if (c.is_broken) {
        return ERR_SYNTAX;
    }
    if (c.count == 0) {
        return ERR_NOT_FOUND;
    }
    *out_count = c.count;
    return OK;
}

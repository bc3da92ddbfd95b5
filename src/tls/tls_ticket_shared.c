/* SPDX-License-Identifier: MIT */
#include "tls/tls_ticket_shared.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#include "base/mem.h"

struct tls_ticket_shared {
    size_t size; /* of the whole, to be zeroed */
    int64_t epoch;
    struct tls_ticket_ring ring; /* of `epoch`; empty before the first use */
    size_t secret_len;
    uint8_t secret[];
};

struct tls_ticket_shared *tls_ticket_shared_new(struct str secret)
{
    size_t size = sizeof(struct tls_ticket_shared) + secret.len;
    struct tls_ticket_shared *s = mem_secret_new(size);

    s->size = size;
    s->secret_len = secret.len;
    memcpy(s->secret, secret.ptr, secret.len);
    return s;
}

void tls_ticket_shared_free(struct tls_ticket_shared *s)
{
    if (s != NULL) {
        mem_secret_free(s, s->size);
    }
}

/* 80 bytes of key for an epoch. The label keeps this use of the secret apart from any other. */
static int expand(struct tls_ticket_shared *s, int64_t epoch, uint8_t *out, size_t len)
{
    static const char label[] = "hivedoor session tickets 1";
    uint8_t info[sizeof(label) + 8];
    char digest[] = "SHA256";

    memcpy(info, label, sizeof(label));
    for (int i = 0; i < 8; i++) {
        info[sizeof(label) + i] = (uint8_t)((uint64_t)epoch >> (56 - 8 * i));
    }
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, s->secret, s->secret_len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    bool good = ctx != NULL && EVP_KDF_derive(ctx, out, len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    if (!good) {
        ERR_clear_error();
    }
    return good ? OK : ERR_TLS;
}

static int derive(struct tls_ticket_shared *s, int64_t epoch, struct tls_ticket_key *out_key)
{
    uint8_t bytes[sizeof(out_key->name) + sizeof(out_key->aes) + sizeof(out_key->hmac)];
    int rc = expand(s, epoch, bytes, sizeof(bytes));

    if (rc == OK) {
        memcpy(out_key->name, bytes, sizeof(out_key->name));
        memcpy(out_key->aes, bytes + sizeof(out_key->name), sizeof(out_key->aes));
        memcpy(out_key->hmac, bytes + sizeof(bytes) - sizeof(out_key->hmac), sizeof(out_key->hmac));
    }
    mem_wipe(bytes, sizeof(bytes));
    return rc;
}

const struct tls_ticket_ring *tls_ticket_shared_ring(struct tls_ticket_shared *s, int64_t now)
{
    int64_t epoch = now / TLS_TICKET_EPOCH_S;
    const int64_t epochs[TLS_TICKET_KEYS] = {epoch, epoch - 1, epoch + 1};

    if (s->ring.count > 0 && s->epoch == epoch) {
        return &s->ring;
    }
    mem_wipe(&s->ring, sizeof(s->ring));
    for (int i = 0; i < TLS_TICKET_KEYS; i++) {
        if (derive(s, epochs[i], &s->ring.keys[i]) != OK) {
            return NULL;
        }
    }
    s->epoch = epoch;
    s->ring.count = TLS_TICKET_KEYS;
    return &s->ring;
}

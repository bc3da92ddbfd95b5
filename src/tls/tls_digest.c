/* SPDX-License-Identifier: MIT */
#include "tls/tls_digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

struct tls_digest {
    EVP_MD_CTX *ctx; /* owned */
};

/* Looked up once: OpenSSL 3.0 takes longer to find an algorithm by its name than to digest 1 kB. */
static const EVP_MD *sha256(void)
{
    static EVP_MD *md; /* kept until the end of the process */

    if (md == NULL) {
        md = EVP_MD_fetch(NULL, "SHA256", NULL);
        REQUIRE(md != NULL);
    }
    return md;
}

struct tls_digest *tls_digest_new(void)
{
    struct tls_digest *d = NEW(struct tls_digest);
    d->ctx = EVP_MD_CTX_new();
    REQUIRE(d->ctx != NULL && EVP_DigestInit_ex(d->ctx, sha256(), NULL) == 1);
    return d;
}

void tls_digest_add(struct tls_digest *d, struct str piece)
{
    uint8_t length[8];
    for (unsigned i = 0; i < 8; i++) {
        length[i] = (uint8_t)((uint64_t)piece.len >> (8 * i));
    }
    REQUIRE(EVP_DigestUpdate(d->ctx, length, sizeof(length)) == 1);
    REQUIRE(EVP_DigestUpdate(d->ctx, piece.ptr, piece.len) == 1);
}

void tls_digest_finish(struct tls_digest *d, uint8_t out[static TLS_DIGEST_BYTES])
{
    unsigned len = 0;
    REQUIRE(EVP_DigestFinal_ex(d->ctx, out, &len) == 1 && len == TLS_DIGEST_BYTES);
}

void tls_digest_once(struct str text, uint8_t out[static TLS_DIGEST_BYTES])
{
    unsigned len = 0;
    REQUIRE(EVP_Digest(text.ptr, text.len, out, &len, sha256(), NULL) == 1 &&
            len == TLS_DIGEST_BYTES);
}

void tls_digest_free(struct tls_digest *d)
{
    if (d != NULL) {
        EVP_MD_CTX_free(d->ctx);
        free(d);
    }
}

void tls_digest_sha1(struct str text, uint8_t out[static TLS_SHA1_BYTES])
{
    unsigned len = 0;
    REQUIRE(EVP_Digest(text.ptr, text.len, out, &len, EVP_sha1(), NULL) == 1 &&
            len == TLS_SHA1_BYTES);
}

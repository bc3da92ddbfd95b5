/* SPDX-License-Identifier: MIT */
/* Any bytes as a certificate and as a key: where OpenSSL reads them too, it reads the same. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "tls/tls_x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_time(const ASN1_TIME *theirs, int64_t ours)
{
    struct tm tm = {0};
    if (ASN1_TIME_to_tm(theirs, &tm) == 1) {
        REQUIRE((int64_t)timegm(&tm) == ours);
    }
}

static void same_names(const X509 *x, struct str rest)
{
    GENERAL_NAMES *list = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    struct str ours;
    for (int i = 0; list != NULL && i < sk_GENERAL_NAME_num(list); i++) {
        int type = 0;
        const ASN1_STRING *theirs = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(list, i), &type);
        if (type == GEN_DNS) {
            REQUIRE(tls_x509_next_name(&rest, &ours));
            REQUIRE(str_eq(ours, str_n((const char *)ASN1_STRING_get0_data(theirs),
                                       (size_t)ASN1_STRING_length(theirs))));
        }
    }
    REQUIRE(list == NULL || !tls_x509_next_name(&rest, &ours));
    GENERAL_NAMES_free(list);
}

static void compare(const struct tls_x509 *ours, X509 *theirs)
{
    same_time(X509_get0_notBefore(theirs), ours->not_before);
    same_time(X509_get0_notAfter(theirs), ours->not_after);
    same_names(theirs, ours->names);
    const EVP_PKEY *key = X509_get0_pubkey(theirs);
    if (key != NULL) {
        int id = EVP_PKEY_get_base_id(key);
        REQUIRE(ours->has_kind == (id == EVP_PKEY_EC || id == EVP_PKEY_RSA));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = str_n((const char *)data, size);
    uint8_t id[TLS_PUBLIC_ID];
    struct tls_x509 c;

    if (tls_x509_read(bytes, &c) == OK) {
        const unsigned char *p = data;
        X509 *x = d2i_X509(NULL, &p, (long)size);
        if (x != NULL) {
            compare(&c, x);
        }
        X509_free(x);
    }
    (void)!tls_x509_key_id(bytes, id);
    ERR_clear_error();
    return 0;
}

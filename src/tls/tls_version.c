/* SPDX-License-Identifier: MIT */
#include "tls/tls_version.h"

#include <openssl/crypto.h>

const char *tls_version_running(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

const char *tls_version_built(void)
{
    return OPENSSL_VERSION_STR;
}

/* SPDX-License-Identifier: MIT */
#include "tls/tls_err.h"

#include <openssl/err.h>
#include <stddef.h>

unsigned long tls_err_take(void)
{
    unsigned long code = ERR_get_error();

    ERR_clear_error();
    return code;
}

void tls_err_forget(void)
{
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
}

const char *tls_err_text(unsigned long code)
{
    if (code == 0) {
        return "";
    }
    const char *text = ERR_reason_error_string(code);
    return text == NULL ? "unknown error" : text;
}

/* SPDX-License-Identifier: MIT */
/* Which OpenSSL this program runs on, and which it was built with: for `hivedoor --version`. */
#ifndef HIVEDOOR_TLS_TLS_VERSION_H
#define HIVEDOOR_TLS_TLS_VERSION_H

/* "1.2.3"; static. */
const char *tls_version_running(void);
const char *tls_version_built(void);

#endif

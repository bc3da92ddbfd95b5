/* SPDX-License-Identifier: MIT */
/* Which c-ares this program runs on, and which it was built with: for `hivedoor --version`. */
#ifndef HIVEDOOR_DNS_DNS_VERSION_H
#define HIVEDOOR_DNS_DNS_VERSION_H

/* "1.2.3"; static. */
const char *dns_version_running(void);
const char *dns_version_built(void);

#endif

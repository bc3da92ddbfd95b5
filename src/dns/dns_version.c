/* SPDX-License-Identifier: MIT */
#include "dns/dns_version.h"

#include <ares.h>
#include <stddef.h>

const char *dns_version_running(void)
{
    return ares_version(NULL);
}

const char *dns_version_built(void)
{
    return ARES_VERSION_STR;
}

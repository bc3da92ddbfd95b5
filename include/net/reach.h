/* SPDX-License-Identifier: MIT */
/*
 * Addresses that a name must not lead to when somebody else chooses the name: what only means
 * something on this machine or its link, where "connect to it" reaches the door's own neighbours
 * instead of a service (DNS rebinding). Asks the kernel's routing table, sends nothing.
 */
#ifndef HIVEDOOR_NET_REACH_H
#define HIVEDOOR_NET_REACH_H

#include "base/addr.h"

#include <stdbool.h>

/*
 * Loopback, link-local (169.254.169.254 tells a cloud's secrets), unspecified, multicast,
 * broadcast, reserved: RFC 6890, and the forms of IPv6 that hold an IPv4 address (RFC 4291 section
 * 2.5.5, RFC 6052, RFC 3056). Private networks are none of these: services live there. A Unix
 * socket is special.
 */
bool reach_is_special(const struct addr *a);
/* What is not routed on the internet: private networks (RFC 1918, RFC 4193), the shared one of
 * RFC 6598, and all that is special. Services in a Docker network live there. */
bool reach_is_private(const struct addr *a);
/* Whether it is an address of this machine (or container) itself. */
bool reach_is_own(const struct addr *a);

#endif

/* SPDX-License-Identifier: MIT */
/* Which libevent this program runs on, and which it was built with: for `hivedoor --version`. */
#ifndef HIVEDOOR_LOOP_LOOP_VERSION_H
#define HIVEDOOR_LOOP_LOOP_VERSION_H

/* "1.2.3"; static. */
const char *loop_version_running(void);
const char *loop_version_built(void);

#endif

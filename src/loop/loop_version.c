/* SPDX-License-Identifier: MIT */
#include "loop/loop_version.h"

#include <event2/event.h>

const char *loop_version_running(void)
{
    return event_get_version();
}

const char *loop_version_built(void)
{
    return LIBEVENT_VERSION;
}

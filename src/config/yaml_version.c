/* SPDX-License-Identifier: MIT */
#include "config/yaml_version.h"

#include <yaml.h>

const char *yaml_version_running(void)
{
    return yaml_get_version_string();
}

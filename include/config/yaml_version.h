/* SPDX-License-Identifier: MIT */
/* Which libyaml this program runs on: for `hivedoor --version`. */
#ifndef HIVEDOOR_CONFIG_YAML_VERSION_H
#define HIVEDOOR_CONFIG_YAML_VERSION_H

/* "1.2.3"; static. Its headers do not say which version they are of. */
const char *yaml_version_running(void);

#endif

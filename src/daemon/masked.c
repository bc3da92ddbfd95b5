/* SPDX-License-Identifier: MIT */
#include "daemon/masked.h"

#include <unistd.h>

#include "base/fd.h"
#include "net/docker_net.h"

#define FILE_MAX (1024u * 1024) /* an end of the table is enough: ours are short */

static const struct masked_paths system_paths = {
    .dockerenv = "/.dockerenv",
    .resolv_conf = "/etc/resolv.conf",
    .route = "/proc/net/route",
    .route6 = "/proc/net/ipv6_route",
};

/* A file that cannot be read says nothing. */
static void read_text(const char *path, struct buf *out)
{
    buf_init(out, FILE_MAX);
    if (fd_read_file(path, out) != OK) {
        buf_clear(out);
    }
}

static bool is_container(const struct masked_paths *paths)
{
    struct buf text;
    if (access(paths->dockerenv, F_OK) == 0) {
        return true;
    }
    read_text(paths->resolv_conf, &text);
    bool inside = docker_net_is_inside(buf_str(&text));
    buf_fini(&text);
    return inside;
}

static void find_nets(const struct masked_paths *paths, struct docker_nets *nets)
{
    struct buf text;
    read_text(paths->route, &text);
    docker_net_routes(buf_str(&text), nets);
    buf_fini(&text);
    read_text(paths->route6, &text);
    docker_net_routes6(buf_str(&text), nets);
    buf_fini(&text);
}

void masked_detect(struct model *m, const struct masked_paths *paths)
{
    struct docker_nets nets = {.count = 0};
    paths = paths != NULL ? paths : &system_paths;
    if (!m->masked_auto || !is_container(paths)) {
        return;
    }
    find_nets(paths, &nets);
    size_t count = m->masked_count + nets.count;
    struct addr_net *all = arena_alloc(&m->arena, (count + 1) * sizeof(*all));
    for (size_t i = 0; i < count; i++) {
        all[i] = i < m->masked_count ? m->masked[i] : nets.nets[i - m->masked_count];
    }
    m->masked = all;
    m->masked_count = count;
}

/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/sandbox.h"

/*
 * Landlock by its system calls (Documentation/userspace-api/landlock.rst): C libraries have no
 * wrappers, and the headers of the build host may be older than the kernel it runs on.
 */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#ifndef SYS_landlock_add_rule
#define SYS_landlock_add_rule 445
#endif
#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif

#define ASK_VERSION 1U
#define RULE_PATH   1

#define FS_EXECUTE   (1ULL << 0)
#define FS_READ_FILE (1ULL << 2)
#define FS_READ_DIR  (1ULL << 3)
#define FS_VERSION_1 ((1ULL << 13) - 1) /* execute to make_sym */
#define FS_REFER     (1ULL << 13)       /* version 2 */
#define FS_TRUNCATE  (1ULL << 14)       /* 3 */
#define FS_IOCTL_DEV (1ULL << 15)       /* 5 */
#define NET_BIND     (1ULL << 0)        /* 4 */
#define NET_CONNECT  (1ULL << 1)

struct ruleset {
    uint64_t fs;
    uint64_t net; /* version 4 */
};

struct path_rule {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

static struct ruleset handled(enum role role, long version)
{
    struct ruleset set = {.fs = FS_VERSION_1};

    set.fs |= version >= 2 ? FS_REFER : 0;
    set.fs |= version >= 3 ? FS_TRUNCATE : 0;
    set.fs |= version >= 5 ? FS_IOCTL_DEV : 0;
    if (version >= 4) {
        /* Nobody binds: listening sockets are given. Only keeper and worker connect. */
        set.net = NET_BIND | (role == ROLE_LOADER ? NET_CONNECT : 0);
    }
    return set;
}

static bool allow_root(int ruleset_fd, uint64_t what)
{
    struct path_rule rule = {.allowed = what};
    int root = open("/", O_PATH | O_CLOEXEC);

    if (root < 0) {
        return false;
    }
    rule.parent_fd = root;
    long rc = syscall(SYS_landlock_add_rule, ruleset_fd, RULE_PATH, &rule, 0);
    fd_close(&root);
    return rc == 0;
}

/* What of the file system a role may touch; a sanitizer's report needs the binary and its maps. */
static uint64_t allowed_paths(enum role role)
{
    if (sandbox_is_loose()) {
        return FS_READ_FILE | FS_READ_DIR | FS_EXECUTE;
    }
    return role == ROLE_LOADER ? FS_READ_FILE | FS_READ_DIR : 0;
}

bool sandbox_landlock(enum role role)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);

    if (version < 1) {
        return false;
    }
    struct ruleset set = handled(role, version);
    size_t size = version >= 4 ? sizeof(set) : sizeof(set.fs);
    int fd = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);
    if (fd < 0) {
        return false;
    }
    uint64_t allowed = allowed_paths(role);
    bool ok = (allowed == 0 || allow_root(fd, allowed)) &&
              syscall(SYS_landlock_restrict_self, fd, 0) == 0;
    fd_close(&fd);
    return ok;
}

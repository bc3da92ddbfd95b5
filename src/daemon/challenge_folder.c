/* SPDX-License-Identifier: MIT */
#include "daemon/challenge_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

#define UNDER_FOLDER ".well-known/acme-challenge/"
#define NAME_MAX_LEN (sizeof(UNDER_FOLDER) + CHALLENGE_TOKEN_MAX)

/* openat2 of Linux 5.6 (openat2(2)), which older headers do not have. */
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#define STAY_BENEATH  0x08U /* RESOLVE_BENEATH */
#define NO_MAGICLINKS 0x02U /* RESOLVE_NO_MAGICLINKS */

struct how {
    uint64_t flags;
    uint64_t mode;
    uint64_t resolve;
};

/* Opening a pipe for reading must not wait for its writer. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static bool is_token_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

bool challenge_token_ok(struct str token)
{
    if (token.len == 0 || token.len > CHALLENGE_TOKEN_MAX) {
        return false;
    }
    for (size_t i = 0; i < token.len; i++) {
        if (!is_token_char(token.ptr[i])) {
            return false;
        }
    }
    return true;
}

static int open_beneath(int folder, const char *name)
{
    struct how how = {.flags = OPEN_FLAGS, .resolve = STAY_BENEATH | NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, folder, name, &how, sizeof(how));

    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) {
        return fd;
    }
    /* An older host: the name has no ".." in it; a link as its last part is not followed. */
    return openat(folder, name, OPEN_FLAGS | O_NOFOLLOW);
}

static int read_answer(int fd, struct buf *out)
{
    struct stat st;
    char bytes[CHALLENGE_ANSWER_MAX + 1];
    size_t len = 0;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return ERR_NOT_FOUND;
    }
    while (len < sizeof(bytes)) {
        ssize_t n = read(fd, bytes + len, sizeof(bytes) - len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return ERR_NOT_FOUND;
        }
        if (n == 0) {
            return buf_append(out, bytes, len);
        }
        len += (size_t)n;
    }
    return ERR_LIMIT;
}

static int read_named(int folder, const char *prefix, struct str token, struct buf *out)
{
    char name[NAME_MAX_LEN];

    (void)snprintf(name, sizeof(name), "%s%.*s", prefix, STR_FMT(token));
    int fd = open_beneath(folder, name);
    if (fd < 0) {
        return ERR_NOT_FOUND;
    }
    int err = read_answer(fd, out);
    fd_close(&fd);
    return err;
}

int challenge_folder_read(const char *folder, struct str token, struct buf *out)
{
    if (!challenge_token_ok(token)) {
        return ERR_NOT_FOUND;
    }
    int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        return ERR_NOT_FOUND;
    }
    int err = read_named(dir, "", token, out);
    if (err == ERR_NOT_FOUND) {
        err = read_named(dir, UNDER_FOLDER, token, out);
    }
    fd_close(&dir);
    return err;
}

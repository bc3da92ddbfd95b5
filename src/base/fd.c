/* SPDX-License-Identifier: MIT */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Linux 6.3 and newer; older C libraries do not name it. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

#define READ_STEP (16 * 1024)

void fd_close(int *fd)
{
    if (*fd >= 0) {
        /* On Linux the descriptor is gone whatever close() says. */
        (void)close(*fd);
        *fd = -1;
    }
}

int fd_set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return ERR_IO;
    }
    return OK;
}

int fd_set_cloexec(int fd, bool on)
{
    return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? ERR_IO : OK;
}

int fd_pair(int out_fds[static 2])
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0) {
        return err_from_errno(errno);
    }
    out_fds[0] = fds[0];
    out_fds[1] = fds[1];
    return OK;
}

/* Room for FD_PASS_MAX descriptors, aligned as a control message must be. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
};

int fd_send(int sock, const void *data, size_t len, const int *fds, size_t nfds)
{
    union control control;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    REQUIRE(len > 0); /* an empty datagram looks like the end of the stream */
    REQUIRE(nfds <= FD_PASS_MAX);
    if (nfds > 0) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * nfds);
    }
    do {
        n = sendmsg(sock, &msg, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? err_from_errno(errno) : OK;
}

static size_t take_fds(struct msghdr *msg, int out_fds[static FD_PASS_MAX])
{
    size_t count = 0;

    for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h != NULL; h = CMSG_NXTHDR(msg, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        REQUIRE(n <= FD_PASS_MAX - count);
        memcpy(out_fds + count, CMSG_DATA(h), n * sizeof(int));
        count += n;
    }
    return count;
}

int fd_recv(int sock, void *data, size_t cap, struct fd_received *out_got)
{
    union control control;
    int fds[FD_PASS_MAX];
    struct iovec iov = {.iov_base = data, .iov_len = cap};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t n;

    do {
        n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return err_from_errno(errno);
    }
    size_t nfds = take_fds(&msg, fds);
    if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        for (size_t i = 0; i < nfds; i++) {
            fd_close(&fds[i]);
        }
        return ERR_LIMIT;
    }
    if (n == 0) {
        return ERR_EOF;
    }
    out_got->len = (size_t)n;
    out_got->nfds = nfds;
    memcpy(out_got->fds, fds, nfds * sizeof(int));
    return OK;
}

bool fd_is_hung_up(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLRDHUP};

    return poll(&look, 1, 0) == 1;
}

int fd_memory(const char *name, int *out_fd)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL) {
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    if (fd < 0) {
        return err_from_errno(errno);
    }
    *out_fd = fd;
    return OK;
}

#define FULL_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

int fd_sealed(const char *name, const void *data, size_t len, int *out_fd)
{
    int fd;

    int rc = fd_memory(name, &fd);
    if (rc != OK) {
        return rc;
    }
    rc = fd_write_all(fd, data, len);
    if (rc == OK && fcntl(fd, F_ADD_SEALS, FULL_SEALS | F_SEAL_SEAL) < 0) {
        rc = ERR_IO;
    }
    if (rc != OK) {
        int saved = errno;
        fd_close(&fd);
        errno = saved;
        return rc;
    }
    *out_fd = fd;
    return OK;
}

int fd_map_sealed(int fd, size_t max, const void **out_data, size_t *out_len)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & FULL_SEALS) != FULL_SEALS) {
        return ERR_DENIED;
    }
    if (fstat(fd, &st) < 0) {
        return ERR_IO;
    }
    size_t len = (size_t)st.st_size;
    if (len > max) {
        return ERR_LIMIT;
    }
    if (len == 0) {
        *out_data = "";
        *out_len = 0;
        return OK;
    }
    void *data = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        return ERR_IO;
    }
    *out_data = data;
    *out_len = len;
    return OK;
}

void fd_unmap(const void *data, size_t len)
{
    if (len > 0) {
        (void)munmap((void *)(uintptr_t)data, len);
    }
}

/* One read; ERR_EOF at the end. A full buffer is probed for more, which is ERR_LIMIT. */
static int read_step(int fd, struct buf *out)
{
    uint8_t probe;
    uint8_t *dst = &probe;
    size_t room = out->limit - buf_len(out);
    size_t want = room < READ_STEP ? room : READ_STEP;
    ssize_t n;

    if (want > 0) {
        int rc = buf_reserve(out, want, &dst);
        if (rc != OK) {
            return rc;
        }
    }
    do {
        n = read(fd, dst, want > 0 ? want : 1);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return ERR_IO;
    }
    if (n == 0) {
        return ERR_EOF;
    }
    if (want == 0) {
        return ERR_LIMIT;
    }
    buf_commit(out, (size_t)n);
    return OK;
}

static int read_open_file(int fd, struct buf *out)
{
    struct stat st;
    size_t before = buf_len(out);
    int rc;

    if (fstat(fd, &st) < 0) {
        return ERR_IO;
    }
    if (!S_ISREG(st.st_mode)) {
        return ERR_UNSUPPORTED;
    }
    do {
        rc = read_step(fd, out);
    } while (rc == OK);
    if (rc != ERR_EOF) {
        out->tail = out->head + before; /* all or nothing */
        if (before == 0) {
            buf_clear(out);
        }
        return rc;
    }
    return OK;
}

int fd_read_file(const char *path, struct buf *out)
{
    /* Non-blocking, so that a pipe in the place of a file cannot hold us up. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        return ERR_IO;
    }
    int rc = read_open_file(fd, out);
    int saved = errno;
    fd_close(&fd);
    errno = saved;
    return rc;
}

int fd_write_all(int fd, const void *data, size_t len)
{
    const uint8_t *at = data;

    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_from_errno(errno);
        }
        at += n;
        len -= (size_t)n;
    }
    return OK;
}

/* SPDX-License-Identifier: MIT */
#include "daemon/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/* What a shell says of a program that it cannot execute. */
#define EXIT_NO_EXEC 127

/* Above every number that is handed out, so that moving one never overwrites another. */
#define PARKING 64

static void move_fd(int fd, int to)
{
    if (fd < 0) {
        (void)close(to);
        return;
    }
    if (dup2(fd, to) < 0) { /* the copy is not close-on-exec */
        _exit(EXIT_NO_EXEC);
    }
}

static void take_signal(int signo, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};

    (void)sigaction(signo, &action, NULL);
}

/* A terminal sends these to all of us; what they mean is the supervisor's to say. */
static void ignore_signals(void)
{
    static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    sigset_t none;

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        take_signal(ignored[i], SIG_IGN);
    }
    take_signal(SIGCHLD, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The child between fork and exec: system calls only. */
_Noreturn static void become(const struct spawn *s, int wire_fd, const char *const argv[])
{
    int fds[ROLE_FD_END] = {
        [ROLE_FD_WIRE] = wire_fd,
        [ROLE_FD_COUNTERS] = s->counters_fd,
        [ROLE_FD_PREVIOUS] = s->previous.common,
        [ROLE_FD_SECRETS] = s->previous.secrets,
        [ROLE_FD_CONFIG] = s->config_fd,
    };

    ignore_signals();
    for (int i = ROLE_FD_WIRE; i < ROLE_FD_END; i++) {
        if (fds[i] >= 0) {
            fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, PARKING);
            if (fds[i] < 0) {
                _exit(EXIT_NO_EXEC);
            }
        }
    }
    for (int i = ROLE_FD_WIRE; i < ROLE_FD_END; i++) {
        move_fd(fds[i], i);
    }
#ifdef SYS_close_range
    /* All of ours are close-on-exec; this is for what we were started with. */
    (void)syscall(SYS_close_range, (unsigned)ROLE_FD_END, ~0U, 0U);
#endif
    (void)execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
    _exit(EXIT_NO_EXEC);
}

int spawn_start(const struct spawn *s, pid_t *out_pid, int *out_wire_fd)
{
    const char *argv[ROLE_ARGC_MAX];
    char text[ROLE_TEXT_MAX];
    int pair[2];
    sigset_t all;
    sigset_t before;

    int err = fd_pair(pair);
    if (err != OK) {
        return err;
    }
    role_argv(&s->args, text, argv);
    /* Until it has its own dispositions the child must not run our handlers: they would write to
     * our loop. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        become(s, pair[1], argv);
    }
    int saved = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    fd_close(&pair[1]);
    if (pid < 0) {
        fd_close(&pair[0]);
        errno = saved;
        return err_from_errno(saved);
    }
    *out_pid = pid;
    *out_wire_fd = pair[0];
    return OK;
}

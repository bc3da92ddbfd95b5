/* SPDX-License-Identifier: MIT */
/*
 * Lets valgrind watch the daemon's processes, preloaded into the very build that is released.
 *
 * They start each other through /proc/self/exe, which under valgrind is valgrind, and seal
 * themselves and die with their parent, so that nobody could write what was counted. Here the
 * program is named by HIVEDOOR_WATCHED and the seals are left out; nothing on the path of a request
 * changes.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif

int execv(const char *path, char *const argv[])
{
    const char *program = getenv("HIVEDOOR_WATCHED");

    if (program != NULL && strcmp(path, "/proc/self/exe") == 0) {
        path = program;
    }
    return execve(path, argv, environ);
}

/* To write down what was counted takes longer than the supervisor waits. */
int kill(pid_t pid, int signo)
{
    return signo == SIGKILL ? 0 : (int)syscall(SYS_kill, pid, signo);
}

/* Both take as many words as the longest call has; more than were given are not looked at. */
int prctl(int option, ...)
{
    unsigned long a[4];
    va_list list;

    va_start(list, option);
    for (int i = 0; i < 4; i++) {
        a[i] = va_arg(list, unsigned long);
    }
    va_end(list);
    if (option == PR_SET_SECCOMP || option == PR_SET_PDEATHSIG) {
        return 0;
    }
    int (*next)(int, ...) = (int (*)(int, ...))dlsym(RTLD_NEXT, "prctl");
    return next(option, a[0], a[1], a[2], a[3]);
}

long syscall(long number, ...)
{
    long a[6];
    va_list list;

    va_start(list, number);
    for (int i = 0; i < 6; i++) {
        a[i] = va_arg(list, long);
    }
    va_end(list);
    if (number == SYS_landlock_create_ruleset) {
        errno = ENOSYS;
        return -1;
    }
    long (*next)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* SPDX-License-Identifier: MIT */
#include "daemon/sandbox.h"

#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define ALL    ((1U << ROLE_SUPERVISOR) | OTHERS)
#define OTHERS ((1U << ROLE_LOADER) | (1U << ROLE_KEEPER) | (1U << ROLE_WORKER))
#define SERVES ((1U << ROLE_SUPERVISOR) | (1U << ROLE_KEEPER) | (1U << ROLE_WORKER))

bool sandbox_is_loose(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return true;
#else
    return false;
#endif
#else
    return false;
#endif
}

static bool do_parent_death(enum role role)
{
    (void)role;
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

static bool do_no_new_privs(enum role role)
{
    (void)role;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static bool do_not_dumpable(enum role role)
{
    (void)role;
    return prctl(PR_SET_DUMPABLE, 0) == 0;
}

static bool do_no_core(enum role role)
{
    const struct rlimit none = {0, 0};

    (void)role;
    return setrlimit(RLIMIT_CORE, &none) == 0;
}

static bool do_fd_limit(enum role role)
{
    struct rlimit limit;

    (void)role;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return false;
    }
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

#define STEP_TEXT(NAME, text, gap) [SANDBOX_##NAME] = {text, gap},
static const struct {
    const char *name;
    const char *lack;
} texts[SANDBOX_COUNT] = {SANDBOX_TABLE(STEP_TEXT)};
#undef STEP_TEXT

/* In this order. The supervisor keeps its files and its right to start others. */
static const struct {
    unsigned roles;
    bool sealing;
    bool (*take)(enum role role);
} steps[SANDBOX_COUNT] = {
    [SANDBOX_PARENT_DEATH] = {OTHERS, false, do_parent_death},
    [SANDBOX_NO_NEW_PRIVS] = {ALL, false, do_no_new_privs},
    [SANDBOX_NOT_DUMPABLE] = {ALL, false, do_not_dumpable},
    [SANDBOX_NO_CORE] = {ALL, false, do_no_core},
    [SANDBOX_FD_LIMIT] = {SERVES, false, do_fd_limit},
    [SANDBOX_LANDLOCK] = {OTHERS, true, sandbox_landlock},
    [SANDBOX_SECCOMP] = {OTHERS, true, sandbox_seccomp},
};

const char *sandbox_text(enum sandbox_step step)
{
    return texts[step].name;
}

const char *sandbox_lack(enum sandbox_step step)
{
    return texts[step].lack;
}

static uint32_t take_steps(enum role role, bool sealing)
{
    uint32_t missing = 0;

    for (unsigned i = 0; i < SANDBOX_COUNT; i++) {
        if (steps[i].sealing == sealing && (steps[i].roles & 1U << role) != 0 &&
            !steps[i].take(role)) {
            missing |= 1U << i;
        }
    }
    return missing;
}

uint32_t sandbox_begin(enum role role, pid_t parent)
{
    uint32_t missing = take_steps(role, false);

    /* It may have died before we asked to be told. */
    if (parent != 0 && getppid() != parent) {
        _exit(1);
    }
    return missing;
}

uint32_t sandbox_seal(enum role role)
{
    return take_steps(role, true);
}

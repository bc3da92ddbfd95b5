/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/err.h"
#include "daemon/sandbox.h"

/*
 * A deny list, not an allow list: what a process of ours can never need, whatever libraries of
 * later versions call. What only an intruder would try ends the process; what a library may try
 * politely gets an error it knows how to live with.
 */
#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#define X32_BIT 0x40000000U /* x86_64: the numbers of the x32 interface */

#define SERVING ((1U << ROLE_KEEPER) | (1U << ROLE_WORKER))
#define LOADING (1U << ROLE_LOADER)
#define ANYONE  (SERVING | LOADING)

#define KILL       SECCOMP_RET_KILL_PROCESS
#define REFUSE(no) (SECCOMP_RET_ERRNO | ((no)&SECCOMP_RET_DATA))

struct rule {
    uint32_t nr;
    unsigned roles;
    uint32_t action;
    bool when_loose; /* kept where a sanitizer runs along */
};

/* Files do not exist: libraries take their defaults, as they do where one is missing. */
#define NO_FILE REFUSE(ENOENT)

static const struct rule rules[] = {
    {SYS_execve, ANYONE, KILL, true},
    {SYS_execveat, ANYONE, KILL, true},
    {SYS_ptrace, ANYONE, KILL, false},
    {SYS_process_vm_readv, ANYONE, KILL, false},
    {SYS_process_vm_writev, ANYONE, KILL, true},
    {SYS_mount, ANYONE, KILL, true},
    {SYS_umount2, ANYONE, KILL, true},
    {SYS_pivot_root, ANYONE, KILL, true},
    {SYS_chroot, ANYONE, KILL, true},
    {SYS_setns, ANYONE, KILL, true},
    {SYS_unshare, ANYONE, KILL, true},
    {SYS_init_module, ANYONE, KILL, true},
    {SYS_finit_module, ANYONE, KILL, true},
    {SYS_delete_module, ANYONE, KILL, true},
    {SYS_kexec_load, ANYONE, KILL, true},
    {SYS_reboot, ANYONE, KILL, true},
    {SYS_swapon, ANYONE, KILL, true},
    {SYS_swapoff, ANYONE, KILL, true},
    {SYS_bpf, ANYONE, KILL, true},
    {SYS_userfaultfd, ANYONE, KILL, true},
    {SYS_perf_event_open, ANYONE, REFUSE(EPERM), true},
    {SYS_add_key, ANYONE, REFUSE(EPERM), true},
    {SYS_request_key, ANYONE, REFUSE(EPERM), true},
    {SYS_keyctl, ANYONE, REFUSE(EPERM), true},
    {SYS_personality, ANYONE, REFUSE(EPERM), false},
    {425 /* io_uring_setup */, ANYONE, REFUSE(ENOSYS), true},
    {426 /* io_uring_enter */, ANYONE, REFUSE(ENOSYS), true},
    {427 /* io_uring_register */, ANYONE, REFUSE(ENOSYS), true},
    {435 /* clone3: its flags are out of sight; the C library falls back to clone */, ANYONE,
     REFUSE(ENOSYS), true},
    {438 /* pidfd_getfd */, ANYONE, KILL, true},
    {SYS_openat, SERVING, NO_FILE, false},
    {437 /* openat2 */, SERVING, NO_FILE, true},
    {SYS_unlinkat, ANYONE, REFUSE(EPERM), true},
    {SYS_renameat2, ANYONE, REFUSE(EPERM), true},
    {SYS_linkat, ANYONE, REFUSE(EPERM), true},
    {SYS_symlinkat, ANYONE, REFUSE(EPERM), true},
    {SYS_mkdirat, ANYONE, REFUSE(EPERM), true},
    {SYS_mknodat, ANYONE, REFUSE(EPERM), true},
    {SYS_fchmodat, ANYONE, REFUSE(EPERM), true},
    {SYS_fchownat, ANYONE, REFUSE(EPERM), true},
    {SYS_truncate, ANYONE, REFUSE(EPERM), true},
    {SYS_bind, ANYONE, REFUSE(EPERM), true},
    {SYS_listen, ANYONE, REFUSE(EPERM), true},
    {SYS_socket, LOADING, REFUSE(EPERM), true},
    {SYS_socketpair, LOADING, REFUSE(EPERM), true},
    {SYS_connect, LOADING, REFUSE(EPERM), true},
    {SYS_accept4, LOADING, REFUSE(EPERM), true},
#ifdef SYS_open /* the older forms, where the architecture has them */
    {SYS_open, SERVING, NO_FILE, false},
    {SYS_creat, ANYONE, REFUSE(EPERM), true},
    {SYS_unlink, ANYONE, REFUSE(EPERM), true},
    {SYS_rename, ANYONE, REFUSE(EPERM), true},
    {SYS_link, ANYONE, REFUSE(EPERM), true},
    {SYS_symlink, ANYONE, REFUSE(EPERM), true},
    {SYS_mkdir, ANYONE, REFUSE(EPERM), true},
    {SYS_rmdir, ANYONE, REFUSE(EPERM), true},
    {SYS_mknod, ANYONE, REFUSE(EPERM), true},
    {SYS_chmod, ANYONE, REFUSE(EPERM), true},
    {SYS_chown, ANYONE, REFUSE(EPERM), true},
    {SYS_fork, ANYONE, REFUSE(EPERM), false},
    {SYS_vfork, ANYONE, REFUSE(EPERM), false},
    {SYS_accept, LOADING, REFUSE(EPERM), true},
#endif
};

#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))
/* Frame, two a rule, three for clone, the final one. */
#define PROGRAM_MAX (6 + 2 * RULE_COUNT + 5 + 1)

struct program {
    struct sock_filter code[PROGRAM_MAX];
    unsigned short len;
};

static void put(struct program *p, struct sock_filter instruction)
{
    REQUIRE(p->len < PROGRAM_MAX);
    p->code[p->len++] = instruction;
}

static void put_load(struct program *p, uint32_t offset)
{
    put(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

static void put_return(struct program *p, uint32_t action)
{
    put(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* The loaded value equal to `k`: the next instruction; else skip it. */
static void put_if_equal(struct program *p, uint32_t k, uint8_t skip)
{
    put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, skip));
}

#ifdef ARCH
static void put_frame(struct program *p)
{
    put_load(p, offsetof(struct seccomp_data, arch));
    put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0));
    put_return(p, KILL);
    put_load(p, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
    put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
    put_return(p, REFUSE(ENOSYS));
#endif
}

/* Threads may be made (a library's business), processes not. */
static void put_clone(struct program *p)
{
    put_if_equal(p, SYS_clone, 4);
    put_load(p, offsetof(struct seccomp_data, args[0]));
    put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0));
    put_return(p, REFUSE(EPERM));
    put_return(p, SECCOMP_RET_ALLOW);
}

bool sandbox_seccomp(enum role role)
{
    struct program p = {.len = 0};
    bool loose = sandbox_is_loose();

    put_frame(&p);
    for (size_t i = 0; i < RULE_COUNT; i++) {
        const struct rule *r = &rules[i];
        if ((r->roles & 1U << role) != 0 && (!loose || r->when_loose)) {
            put_if_equal(&p, r->nr, 1);
            put_return(&p, r->action);
        }
    }
    if (!loose) {
        put_clone(&p);
    }
    put_return(&p, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = p.len, .filter = p.code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}
#else
/* Other architectures: the numbers would have to be looked at first. */
bool sandbox_seccomp(enum role role)
{
    (void)role;
    return false;
}
#endif

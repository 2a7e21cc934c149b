#include "backup/confined.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/landlock.h"
#include "lib/seccomp_filter.h"

#ifndef SANITIZED_BUILD // AddressSanitizer has calls of its own
static const struct seccomp_rule calls[] = {
    SECCOMP_ALLOW(brk),          SECCOMP_ALLOW(clock_gettime),   SECCOMP_ALLOW(close),
    SECCOMP_ALLOW(exit),         SECCOMP_ALLOW(exit_group),      SECCOMP_ALLOW(fchmod),
    SECCOMP_ALLOW(fchown),       SECCOMP_ALLOW(fchownat),        SECCOMP_ALLOW(fcntl),
    SECCOMP_ALLOW(fgetxattr),    SECCOMP_ALLOW(flistxattr),      SECCOMP_ALLOW(fsetxattr),
    SECCOMP_ALLOW(fstat),        SECCOMP_ALLOW(fstatfs),         SECCOMP_ALLOW(ftruncate),
    SECCOMP_ALLOW(futex),        SECCOMP_ALLOW(getdents64),      SECCOMP_ALLOW(geteuid),
    SECCOMP_ALLOW(getpid),       SECCOMP_ALLOW(getrandom),       SECCOMP_ALLOW(gettid),
    SECCOMP_ALLOW(gettimeofday), SECCOMP_ALLOW(getuid),          SECCOMP_ALLOW(linkat),
    SECCOMP_ALLOW(lseek),        SECCOMP_ALLOW(madvise),         SECCOMP_ALLOW(mkdirat),
    SECCOMP_ALLOW(mmap),         SECCOMP_ALLOW(mremap),          SECCOMP_ALLOW(munmap),
    SECCOMP_ALLOW(newfstatat),   SECCOMP_ALLOW(openat),          SECCOMP_ALLOW(openat2),
    SECCOMP_ALLOW(pread64),      SECCOMP_ALLOW(pwrite64),        SECCOMP_ALLOW(read),
    SECCOMP_ALLOW(readlinkat),   SECCOMP_ALLOW(restart_syscall), SECCOMP_ALLOW(rt_sigaction),
    SECCOMP_ALLOW(rt_sigreturn), SECCOMP_ALLOW(symlinkat),       SECCOMP_ALLOW(tgkill),
    SECCOMP_ALLOW(utimensat),    SECCOMP_ALLOW(write),           SECCOMP_ALLOW(writev),
    SECCOMP_ALLOW(mprotect),     SECCOMP_ALLOW(rt_sigprocmask),
};
#endif

static int keep_capabilities(uint64_t kept)
{
    for (unsigned i = 0; prctl(PR_CAPBSET_READ, i) >= 0; i++) {
        if (prctl(PR_CAPBSET_DROP, i) < 0 && errno != EPERM)
            return -errno;
    }
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        sets[i].permitted = sets[i].effective = geteuid() == 0 ? (uint32_t)(kept >> (32 * i)) : 0;
    return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

static int confine_child(const struct confined *confined)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return -errno;
    if (confined->closed > 0)
        close(confined->closed);
    int error = keep_capabilities(confined->capabilities);
    if (error)
        return error;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    const struct landlock_rule rule = {
        confined->directory, confined->change ? LANDLOCK_CHANGE & ~LANDLOCK_EXECUTE : LANDLOCK_READ};
    const struct landlock_keep keep = {.rules = &rule, .count = 1};
    error = landlock_abi() > 0 ? landlock_deny_but(&keep) : 0;
    if (error)
        return error;
#ifndef SANITIZED_BUILD
    if (!error)
        error = seccomp_filter_load(calls, sizeof(calls) / sizeof(calls[0]));
#endif
    return error;
}

int confined_start(const struct confined *confined, int *ret_pid)
{
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        int error = confine_child(confined);
        error = error ? -EPERM : confined->run(confined->data);
        _exit(error < 0 && error > -200 ? -error : error != 0 ? EIO : 0);
    }
    *ret_pid = pid;
    return 0;
}

int confined_wait(int pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

int confined_run(const struct confined *confined)
{
    int pid;
    int error = confined_start(confined, &pid);
    return error ? error : confined_wait(pid);
}

void *confined_memory(uint64_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

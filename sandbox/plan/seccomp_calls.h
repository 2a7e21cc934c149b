#pragma once
// The calls that a profile allows, one list on top of the other: CODE is what shells, compilers and interpreters use, BROWSER adds what a
// browser with its own sandbox needs, DESKTOP what the X server and desktop programs use besides. What is not here fails with ENOSYS: among
// others mounting, modules, keyrings, ptrace and process_vm_*, pidfd_getfd, io_uring, userfaultfd, perf_event_open, bpf, open_by_handle_at,
// fanotify, modify_ldt, setns, clocks and everything for the administrator. Calls with a condition stand in seccomp_rules.c.

// clang-format off
#define CODE_CALLS(X) \
    /* files and directories */ \
    X(access) X(chdir) X(chmod) X(chown) X(close) X(close_range) X(copy_file_range) X(creat) X(dup) X(dup2) \
    X(dup3) X(faccessat) X(faccessat2) X(fadvise64) X(fallocate) X(fchdir) X(fchmod) X(fchmodat) X(fchown) \
    X(fchownat) X(fcntl) X(fdatasync) X(fgetxattr) X(flistxattr) X(flock) X(fstat) X(fstatfs) X(fsync) \
    X(ftruncate) X(futimesat) X(getcwd) X(getdents) X(getdents64) X(getxattr) X(inotify_add_watch) \
    X(inotify_init) X(inotify_init1) X(inotify_rm_watch) X(lchown) X(lgetxattr) X(link) X(linkat) \
    X(listxattr) X(llistxattr) X(lseek) X(lstat) X(mkdir) X(mkdirat) X(mknod) X(mknodat) X(newfstatat) \
    X(open) X(openat) X(openat2) X(pread64) X(preadv) X(preadv2) X(pwrite64) X(pwritev) X(pwritev2) \
    X(read) X(readahead) X(readlink) X(readlinkat) X(readv) X(rename) X(renameat) X(renameat2) X(rmdir) \
    X(sendfile) X(splice) X(stat) X(statfs) X(statx) X(symlink) X(symlinkat) X(sync_file_range) \
    X(truncate) X(umask) X(unlink) X(unlinkat) X(utime) X(utimensat) X(utimes) X(write) X(writev) \
    /* memory */ \
    X(brk) X(madvise) X(membarrier) X(mlock) X(mlock2) X(mmap) X(mprotect) X(mremap) X(msync) X(munlock) X(munmap) \
    /* processes and threads */ \
    X(arch_prctl) X(execve) X(exit) X(exit_group) X(fork) X(futex) X(getcpu) X(getegid) X(geteuid) X(getgid) \
    X(getgroups) X(getpgid) X(getpgrp) X(getpid) X(getppid) X(getpriority) X(getresgid) X(getresuid) \
    X(getrlimit) X(getrusage) X(getsid) X(gettid) X(getuid) X(kill) X(pidfd_open) X(pidfd_send_signal) \
    X(rseq) X(sched_get_priority_max) X(sched_get_priority_min) X(sched_getaffinity) \
    X(sched_getparam) X(sched_getscheduler) X(sched_setaffinity) X(sched_yield) X(set_robust_list) \
    X(set_tid_address) X(setpgid) X(setsid) X(sysinfo) X(tgkill) X(times) X(tkill) X(uname) \
    X(vfork) X(wait4) X(waitid) \
    /* to the one id that there is, as who starts programs does to be sure: make, by posix_spawn */ \
    X(setgid) X(setregid) X(setresgid) X(setresuid) X(setreuid) X(setuid) \
    /* signals and time */ \
    X(alarm) X(clock_getres) X(clock_gettime) X(clock_nanosleep) X(eventfd) X(eventfd2) X(getitimer) \
    X(gettimeofday) X(nanosleep) X(pause) X(restart_syscall) X(rt_sigaction) X(rt_sigpending) \
    X(rt_sigprocmask) X(rt_sigreturn) X(rt_sigsuspend) X(rt_sigtimedwait) X(setitimer) X(sigaltstack) \
    X(signalfd) X(signalfd4) X(time) X(timer_create) X(timer_delete) X(timer_getoverrun) X(timer_gettime) \
    X(timer_settime) X(timerfd_create) X(timerfd_gettime) X(timerfd_settime) \
    /* waiting and talking */ \
    X(accept) X(accept4) X(bind) X(connect) X(epoll_create) X(epoll_create1) X(epoll_ctl) X(epoll_pwait) \
    X(epoll_pwait2) X(epoll_wait) X(getpeername) X(getrandom) X(getsockname) X(getsockopt) X(listen) \
    X(pipe) X(pipe2) X(poll) X(ppoll) X(pselect6) X(recvfrom) X(recvmmsg) X(recvmsg) X(select) X(sendmmsg) \
    X(sendmsg) X(sendto) X(setsockopt) X(shutdown)

#define BROWSER_CALLS(X) \
    X(capget) X(capset) X(chroot) X(get_mempolicy) X(get_robust_list) X(ioprio_get) X(ioprio_set) \
    X(landlock_add_rule) X(landlock_create_ruleset) X(landlock_restrict_self) X(memfd_create) X(mincore) \
    X(pkey_alloc) X(pkey_free) X(pkey_mprotect) X(process_madvise) X(rt_sigqueueinfo) X(rt_tgsigqueueinfo) \
    X(sched_getattr) X(sched_rr_get_interval) X(sched_setattr) X(sched_setparam) X(sched_setscheduler) \
    X(setfsgid) X(setfsuid) X(setgroups) X(setpriority)

#define DESKTOP_CALLS(X) \
    X(execveat) X(fremovexattr) X(fsetxattr) X(futex_waitv) X(lremovexattr) X(lsetxattr) X(mlockall) \
    X(munlockall) X(removexattr) X(setxattr) X(syncfs) X(tee) X(vmsplice) \
    /* System V and POSIX memory, messages, semaphores (of the own ipc namespace) */ \
    X(mq_getsetattr) X(mq_notify) X(mq_open) X(mq_timedreceive) X(mq_timedsend) X(mq_unlink) X(msgctl) \
    X(msgget) X(msgrcv) X(msgsnd) X(semctl) X(semget) X(semop) X(semtimedop) X(shmat) X(shmctl) X(shmdt) \
    X(shmget)
// clang-format on

#pragma once
// The calls that programs of a desktop use, from the X server to a browser. What is not here fails with ENOSYS: among others mounting, modules,
// keyrings, ptrace and process_vm_*, pidfd_getfd, io_uring, userfaultfd, perf_event_open, bpf, open_by_handle_at, fanotify, modify_ldt,
// setns, clocks and everything for the administrator. Calls with a condition stand in seccomp.c.

// clang-format off
#define SANDBOX_CALLS(X) \
    /* files and directories */ \
    X(access) X(alarm) X(chdir) X(chmod) X(chown) X(chroot) X(close) X(close_range) X(copy_file_range) \
    X(creat) X(dup) X(dup2) X(dup3) X(faccessat) X(faccessat2) X(fadvise64) X(fallocate) X(fchdir) \
    X(fchmod) X(fchmodat) X(fchown) X(fchownat) X(fcntl) X(fdatasync) X(fgetxattr) X(flistxattr) X(flock) \
    X(fremovexattr) X(fsetxattr) X(fstat) X(fstatfs) X(fsync) X(ftruncate) X(futimesat) X(getcwd) \
    X(getdents) X(getdents64) X(getxattr) X(inotify_add_watch) X(inotify_init) X(inotify_init1) \
    X(inotify_rm_watch) X(ioctl) X(lchown) X(lgetxattr) X(link) X(linkat) X(listxattr) X(llistxattr) \
    X(lremovexattr) X(lseek) X(lsetxattr) X(lstat) X(mkdir) X(mkdirat) X(mknod) X(mknodat) X(newfstatat) \
    X(open) X(openat) X(openat2) X(pread64) X(preadv) X(preadv2) X(pwrite64) X(pwritev) X(pwritev2) \
    X(read) X(readahead) X(readlink) X(readlinkat) X(readv) X(removexattr) X(rename) X(renameat) \
    X(renameat2) X(rmdir) X(sendfile) X(setxattr) X(splice) X(stat) X(statfs) X(statx) X(symlink) \
    X(symlinkat) X(sync_file_range) X(syncfs) X(tee) X(truncate) X(umask) X(unlink) X(unlinkat) \
    X(utime) X(utimensat) X(utimes) X(vmsplice) X(write) X(writev) \
    /* memory */ \
    X(brk) X(get_mempolicy) X(madvise) X(membarrier) X(memfd_create) X(mincore) X(mlock) X(mlock2) \
    X(mlockall) X(mmap) X(mprotect) X(mremap) X(msync) X(munlock) X(munlockall) X(munmap) X(pkey_alloc) \
    X(pkey_free) X(pkey_mprotect) X(process_madvise) \
    /* processes and threads */ \
    X(arch_prctl) X(capget) X(capset) X(execve) X(execveat) X(exit) X(exit_group) X(fork) X(futex) \
    X(futex_waitv) X(get_robust_list) X(getcpu) X(getegid) X(geteuid) X(getgid) X(getgroups) X(getpgid) \
    X(getpgrp) X(getpid) X(getppid) X(getpriority) X(getresgid) X(getresuid) X(getrlimit) X(getrusage) \
    X(getsid) X(gettid) X(getuid) X(ioprio_get) X(ioprio_set) X(kill) X(landlock_add_rule) \
    X(landlock_create_ruleset) X(landlock_restrict_self) X(pidfd_open) X(pidfd_send_signal) \
    X(rseq) X(sched_get_priority_max) X(sched_get_priority_min) X(sched_getaffinity) X(sched_getattr) \
    X(sched_getparam) X(sched_getscheduler) X(sched_rr_get_interval) X(sched_setaffinity) X(sched_setattr) \
    X(sched_setparam) X(sched_setscheduler) X(sched_yield) X(set_robust_list) X(set_tid_address) \
    X(setfsgid) X(setfsuid) X(setgid) X(setgroups) X(setpgid) X(setpriority) X(setregid) X(setresgid) \
    X(setresuid) X(setreuid) X(setsid) X(setuid) X(sysinfo) X(tgkill) X(times) X(tkill) \
    X(uname) X(vfork) X(wait4) X(waitid) \
    /* signals and time */ \
    X(clock_getres) X(clock_gettime) X(clock_nanosleep) X(eventfd) X(eventfd2) X(getitimer) \
    X(gettimeofday) X(nanosleep) X(pause) X(restart_syscall) X(rt_sigaction) X(rt_sigpending) \
    X(rt_sigprocmask) X(rt_sigqueueinfo) X(rt_sigreturn) X(rt_sigsuspend) X(rt_sigtimedwait) \
    X(rt_tgsigqueueinfo) X(setitimer) X(sigaltstack) X(signalfd) X(signalfd4) X(time) X(timer_create) \
    X(timer_delete) X(timer_getoverrun) X(timer_gettime) X(timer_settime) X(timerfd_create) \
    X(timerfd_gettime) X(timerfd_settime) \
    /* waiting and talking */ \
    X(accept) X(accept4) X(bind) X(connect) X(epoll_create) X(epoll_create1) X(epoll_ctl) X(epoll_pwait) \
    X(epoll_pwait2) X(epoll_wait) X(getpeername) X(getrandom) X(getsockname) X(getsockopt) X(listen) \
    X(pipe) X(pipe2) X(poll) X(ppoll) X(pselect6) X(recvfrom) X(recvmmsg) X(recvmsg) X(select) X(sendmmsg) \
    X(sendmsg) X(sendto) X(setsockopt) X(shutdown) \
    /* System V and POSIX memory, messages, semaphores (of the own ipc namespace) */ \
    X(mq_getsetattr) X(mq_notify) X(mq_open) X(mq_timedreceive) X(mq_timedsend) X(mq_unlink) X(msgctl) \
    X(msgget) X(msgrcv) X(msgsnd) X(semctl) X(semget) X(semop) X(semtimedop) X(shmat) X(shmctl) X(shmdt) \
    X(shmget)
// clang-format on

// Runs inside a sandbox: knocks at doors of the kernel that have led out of sandboxes, and says which opened. No line says "open" where all is
// well.
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *door, int opened)
{
    printf("%s: %s\n", door, opened ? "open" : "shut");
}

struct knock {
    const char *door;
    long call;
    long arguments[5];
};

// Calls with nothing useful in them: where the call is there, the kernel complains of the arguments instead.
static const struct knock knocks[] = {
    {"mount", SYS_mount, {0}},
    {"fsopen", SYS_fsopen, {0}},
    {"open_tree", SYS_open_tree, {AT_FDCWD, 0, 0}},
    {"pivot_root", SYS_pivot_root, {0}},
    {"setns", SYS_setns, {0, 0}},
    {"clone3", SYS_clone3, {0, 0}},
    {"keyctl", SYS_keyctl, {0, -3, 0}},
    {"add_key", SYS_add_key, {0}},
    {"request_key", SYS_request_key, {0}},
    {"bpf", SYS_bpf, {0, 0, 0}},
    {"perf_event_open", SYS_perf_event_open, {0, 0, -1, -1, 0}},
    {"userfaultfd", SYS_userfaultfd, {1}},
    {"io_uring_setup", SYS_io_uring_setup, {1, 0}},
    {"ptrace", SYS_ptrace, {0, 0, 0, 0}},
    {"process_vm_readv", SYS_process_vm_readv, {1, 0, 0, 0, 0}},
    {"process_vm_writev", SYS_process_vm_writev, {1, 0, 0, 0, 0}},
    {"pidfd_getfd", SYS_pidfd_getfd, {0, 0, 0}},
    {"kcmp", SYS_kcmp, {1, 1, 0, 0, 0}},
    {"open_by_handle_at", SYS_open_by_handle_at, {-1, 0, 0}},
    {"name_to_handle_at", SYS_name_to_handle_at, {-1, 0, 0, 0, 0}},
    {"fanotify_init", SYS_fanotify_init, {0, 0}},
    {"modify_ldt", SYS_modify_ldt, {0, 0, 0}},
    {"syslog", SYS_syslog, {10, 0, 0}},
    {"init_module", SYS_init_module, {0, 0, 0}},
    {"kexec_load", SYS_kexec_load, {0, 0, 0, 0}},
    {"reboot", SYS_reboot, {0}},
    {"swapon", SYS_swapon, {0, 0}},
    {"settimeofday", SYS_settimeofday, {0, 0}},
    {"clock_settime", SYS_clock_settime, {0, 0}},
    {"adjtimex", SYS_adjtimex, {0}},
    {"iopl", SYS_iopl, {3}},
    {"ioperm", SYS_ioperm, {0, 1, 1}},
    {"quotactl", SYS_quotactl, {0}},
    {"acct", SYS_acct, {0}},
    {"lookup_dcookie", 212, {0}},
    {"move_pages", SYS_move_pages, {1, 0, 0, 0, 0}},
    {"migrate_pages", SYS_migrate_pages, {1, 0, 0, 0}},
    {"unshare mount", SYS_unshare, {CLONE_NEWNS}},
    {"unshare cgroup", SYS_unshare, {CLONE_NEWCGROUP}},
    {"unshare ipc", SYS_unshare, {CLONE_NEWIPC}},
    {"unshare uts", SYS_unshare, {CLONE_NEWUTS}},
    {"personality", SYS_personality, {ADDR_NO_RANDOMIZE}},
    {"seccomp listener", SYS_seccomp, {1, 8, 0}},
    {"socket vsock", SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}},
    {"socket alg", SYS_socket, {AF_ALG, SOCK_SEQPACKET, 0}},
    {"socket packet", SYS_socket, {AF_PACKET, SOCK_RAW, 0}},
    {"socket key", SYS_socket, {AF_KEY, SOCK_RAW, 2}},
    {"socket netlink audit", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_AUDIT}},
    {"socket netlink route", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE}},
    {"socket ping", SYS_socket, {AF_INET, SOCK_DGRAM, IPPROTO_ICMP}},
    {"socket l2tp", SYS_socket, {AF_INET6, SOCK_DGRAM, 115}},
    {"socket netlink netfilter", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER}},
    {"prctl set_mm", SYS_prctl, {PR_SET_MM, 0, 0, 0, 0}},
};

// A call that is not on the list fails with ENOSYS; no other error is proof that the kernel's code was not reached.
static void knock_at_calls(void)
{
    for (size_t i = 0; i < sizeof(knocks) / sizeof(knocks[0]); i++) {
        const long *a = knocks[i].arguments;
        long result = syscall(knocks[i].call, a[0], a[1], a[2], a[3], a[4]);
        say(knocks[i].door, result >= 0 || errno != ENOSYS);
    }
}

// A descriptor handed to sandboxd must not be one whose close waits.
static void knock_at_linger(void)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 3600};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    say("no TCP", fd < 0);
    say("SO_LINGER",
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0 || errno != ENOPROTOOPT);
}

static void knock_at_terminal(void)
{
    static const struct {
        const char *door;
        unsigned long request;
    } requests[] = {
        {"TIOCSTI", TIOCSTI}, {"TIOCSTI in 64 bits", UINT64_C(1) << 32 | TIOCSTI}, {"TIOCLINUX", TIOCLINUX}};
    char byte = 2;
    int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    say("no terminal", terminal < 0);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        say(requests[i].door,
            syscall(SYS_ioctl, terminal, requests[i].request, &byte) == 0 || errno != EPERM);
}

// The 32-bit entry point has another table of numbers, which no filter of ours reads: using it must be the end.
static void knock_at_other_entry(void)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        long result;
        __asm__ volatile("int $0x80"
                         : "=a"(result)
                         : "a"(20L /* getpid */)
                         : "memory", "r8", "r9", "r10", "r11");
        _exit(result > 0 ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    say("32-bit entry", pid < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    pid = fork();
    if (pid == 0)
        _exit(syscall(0x40000000 | SYS_getpid) > 0 ? 0 : 1);
    waitpid(pid, &status, 0);
    say("x32 entry", pid < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

static void knock_at_files(void)
{
    static const struct {
        const char *path;
        int flags;
    } files[] = {{"/proc/1/mem", O_RDWR},
                 {"/proc/1/environ", O_RDONLY},
                 {"/proc/1/exe", O_WRONLY},
                 {"/sandbox/sandbox-init", O_WRONLY},
                 {"/proc/1/root", O_RDONLY},
                 {"/proc/1/cwd", O_RDONLY},
                 {"/proc/1/fd/3", O_RDWR},
                 {"/usr/bin/env", O_WRONLY},
                 {"/proc/sys/kernel/core_pattern", O_WRONLY},
                 {"/proc/sys/kernel/hostname", O_WRONLY},
                 {"/proc/sys/net/ipv4/ip_forward", O_WRONLY},
                 {"/proc/sys/user/max_mnt_namespaces", O_WRONLY},
                 {"/etc/passwd", O_WRONLY}};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        say(files[i].path, open(files[i].path, files[i].flags | O_CLOEXEC) >= 0);
    say("device by mknod", mknod("/tmp/device", S_IFBLK | 0600, 254 << 8) == 0);
    say("release_agent", open("/sys/fs/cgroup/memory/release_agent", O_WRONLY | O_CLOEXEC) >= 0);
    say("kill of pid 1", kill(1, SIGKILL) == 0 && kill(1, 0) < 0);
    say("stop of pid 1", kill(1, SIGSTOP) < 0);
    say("score below the session's",
        open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC) >= 0 &&
            write(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC), "-1000", 5) > 0);
}

int main(void)
{
    knock_at_files();
    knock_at_linger();
    knock_at_terminal();
    knock_at_other_entry();
    knock_at_calls();
    printf("knocked\n");
    return 0;
}

// Other processes, the process's own rights, and limits that it might raise.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/kcmp.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/escape/doors/door.h"

// A helper of the same user, as a browser or an agent has beside itself.
static pid_t start_helper(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    return pid;
}

static int towards_helper(const struct door *door)
{
    static int secret = 42;
    int copy = 0;
    struct iovec ours = {&copy, sizeof(copy)}, theirs = {&secret, sizeof(secret)};
    pid_t helper = start_helper();
    if (helper < 0)
        return -errno;
    long result = -1;
    errno = ENOSYS;
    switch (door->call) {
    case SYS_ptrace:
        result = syscall(SYS_ptrace, PTRACE_SEIZE, helper, 0, 0);
        break;
    case SYS_process_vm_readv:
    case SYS_process_vm_writev:
        result = syscall(door->call, helper, &ours, 1, &theirs, 1, 0);
        break;
    case SYS_kcmp:
        result = syscall(SYS_kcmp, helper, getpid(), KCMP_FILE, 0, 0);
        break;
    case SYS_pidfd_getfd: {
        long pidfd = syscall(SYS_pidfd_open, helper, 0);
        result = syscall(SYS_pidfd_getfd, pidfd, 0, 0);
        break;
    }
    default:
        break;
    }
    int verdict = door_reached(result);
    kill(helper, SIGKILL);
    return verdict;
}

// Where the program itself is pid 1, there is no runtime to reach.
static bool is_first(void)
{
    char first[4096], self[4096];
    ssize_t length = readlink("/proc/1/exe", first, sizeof(first));
    return length > 0 && readlink("/proc/self/exe", self, sizeof(self)) == length &&
           memcmp(first, self, (size_t)length) == 0;
}

static int first_process(const struct door *door)
{
    if (is_first())
        return 0;
    return open(door->path, (int)door->arguments[0] | O_CLOEXEC) < 0 ? -errno : 1;
}

static int kill_first(const struct door *door)
{
    (void)door;
    // Where pid 1 is the host's, a signal 0 says enough: another's uid must be in the way.
    char text[64];
    if (is_first())
        return 0;
    if (!door_line("/proc/1/comm", "sandbox", text, sizeof(text)))
        return getpid() != 1 && kill(1, 0) == 0;
    return kill(1, SIGKILL) == 0 && kill(1, 0) < 0;
}

static int user_notification(const struct door *door)
{
    (void)door;
    struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
    struct sock_fprog program = {1, &allow};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return door_reached(
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

static int status_bits(const struct door *door)
{
    char text[128];
    if (!door_line("/proc/self/status", door->path, text, sizeof(text)))
        return -ENOENT;
    unsigned long long value = strtoull(text + strlen(door->path), NULL, 16);
    return door->arguments[0] ? value == 0 : value != 0; // 1: the door is a missing bit
}

static int raise_limit(const struct door *door)
{
    struct rlimit now, more;
    if (getrlimit((__rlimit_resource_t)door->arguments[0], &now) < 0)
        return -errno;
    if (now.rlim_max == RLIM_INFINITY)
        return 1;
    more = (struct rlimit){now.rlim_max, now.rlim_max + 1};
    return setrlimit((__rlimit_resource_t)door->arguments[0], &more) < 0 ? -errno : 1;
}

static int real_time(const struct door *door)
{
    (void)door;
    struct sched_param parameter = {.sched_priority = 1};
    return sched_setscheduler(0, SCHED_FIFO, &parameter) < 0 ? -errno : 1;
}

static int before_others(const struct door *door)
{
    (void)door;
    return setpriority(PRIO_PROCESS, 0, -5) < 0 ? -errno : 1;
}

static int real_time_disk(const struct door *door)
{
    (void)door;
    return syscall(SYS_ioprio_set, 1, 0, 1 << 13) < 0 ? -errno : 1;
}

static int spared_when_memory_ends(const struct door *door)
{
    (void)door;
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : write(fd, "-500", 4) == 4;
}

static int set_uid_programs(const struct door *door)
{
    (void)door;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0;
}

static int more_ids(const struct door *door)
{
    (void)door;
    return setresuid(0, 0, 0) == 0 || setresuid(65534, 65534, 65534) == 0 || setgroups(0, NULL) == 0 ? 1
                                                                                                     : -errno;
}

static int leaked_descriptor(const struct door *door)
{
    (void)door;
    DIR *directory = opendir("/proc/self/fd");
    if (!directory)
        return -errno;
    int leaked = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        long fd = strtol(entry->d_name, NULL, 10);
        leaked |= fd > 2 && fd != dirfd(directory);
    }
    closedir(directory);
    return leaked;
}

static int working_directory(const struct door *door)
{
    (void)door;
    char path[4096];
    long length = syscall(SYS_getcwd, path, sizeof(path));
    return length < 0 ? -errno : path[0] != '/';
}

#define HELPER(called, number)                                                                               \
    {                                                                                                        \
        .group = "processes", .name = called, .meaning = "memory or descriptors of another program",         \
        .attempt = towards_helper, .call = number                                                            \
    }
#define TRY(in, called, gives, how, ...)                                                                     \
    {                                                                                                        \
        .group = in, .name = called, .meaning = gives, .attempt = how, __VA_ARGS__                           \
    }
#define FIRST(file, flags)                                                                                   \
    TRY("processes", file " of pid 1", "the runtime itself, CVE-2019-5736", first_process,                   \
        .path = "/proc/1/" file, .arguments = {flags})
#define LIMIT(which)                                                                                         \
    TRY("limits", "higher " #which, "more than it was given", raise_limit, .arguments = {which})

static const struct door doors[] = {
    HELPER("ptrace", SYS_ptrace),
    HELPER("process_vm_readv", SYS_process_vm_readv),
    HELPER("process_vm_writev", SYS_process_vm_writev),
    HELPER("pidfd_getfd", SYS_pidfd_getfd),
    HELPER("kcmp", SYS_kcmp),
    FIRST("exe", O_WRONLY),
    FIRST("mem", O_RDWR),
    FIRST("environ", O_RDONLY),
    FIRST("maps", O_RDONLY),
    FIRST("root", O_RDONLY),
    FIRST("cwd", O_RDONLY),
    FIRST("fd", O_RDONLY),
    TRY("processes", "kill of pid 1", "an end that nobody planned", kill_first),
    TRY("processes", "seccomp listener", "decides on calls of others, and holds them", user_notification),
    TRY("rights", "capabilities", "parts of root", status_bits, .path = "CapEff:"),
    TRY("rights", "permitted capabilities", "parts of root", status_bits, .path = "CapPrm:"),
    TRY("rights", "bounding set", "parts of root, by the next program", status_bits, .path = "CapBnd:"),
    TRY("rights", "no system call filter", "every call of the kernel", status_bits,
        .path = "Seccomp:", .arguments = {1}),
    TRY("rights", "set-uid programs", "root by the host's mistakes", set_uid_programs),
    TRY("rights", "other ids", "files and processes of other users", more_ids),
    TRY("rights", "leaked descriptor", "the host's files, CVE-2024-21626", leaked_descriptor),
    TRY("rights", "working directory outside", "the host's files, CVE-2024-21626", working_directory),
    LIMIT(RLIMIT_NOFILE),
    LIMIT(RLIMIT_MEMLOCK),
    LIMIT(RLIMIT_MSGQUEUE),
    LIMIT(RLIMIT_SIGPENDING),
    LIMIT(RLIMIT_CORE),
    TRY("limits", "real-time priority", "a processor of its own", real_time),
    TRY("limits", "negative nice", "processor time of others", before_others),
    TRY("limits", "real-time disk priority", "disk time of others", real_time_disk),
    TRY("limits", "lower out-of-memory score", "others die first", spared_when_memory_ends),
};
const struct door_table doors_processes = {doors, sizeof(doors) / sizeof(doors[0])};

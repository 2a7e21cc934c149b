#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/ipc.h"
#include "sandbox/executor/process.h"
#include "sandbox/operations/operations.h"

static int join(const int *tasks, size_t count)
{
    int error = 0;
    for (size_t i = 0; i < count && !error; i++)
        error = write_all(tasks[i], "0", 1);
    return error;
}

int operation_cgroups(struct run *run, const struct operation *operation)
{
    (void)operation;
    // Still as the service's uid, or by files that it opened: a v1 group takes a process only from its own uid or from root.
    const struct cgroup_entry *entry = &run->launch->cgroup;
    if (!run->launch->cgroup_follows)
        return join(entry->tasks, entry->count);
    struct setup_message message;
    AUTO_PACKET struct ipc_packet packet = {0};
    int error = ipc_receive(run->setup, &message, sizeof(message), &packet);
    if (!error && (packet.length != sizeof(message) || message.kind != SETUP_JOIN))
        error = -EPROTO;
    return error ? error : join(packet.fds, packet.fd_count);
}

// A sandbox owns neither: whatever it is inside, here it has no right.
int operation_enter(struct run *run, const struct operation *operation)
{
    (void)operation;
    const struct launch_foundation *foundation = &run->launch->foundation;
    if (setns(foundation->user, CLONE_NEWUSER) < 0)
        return -errno;
    AUTO_FD int made = foundation->network < 0 ? operation_new_network() : -1;
    if (foundation->network < 0 && made < 0)
        return made;
    if ((made < 0 && setns(foundation->network, CLONE_NEWNET) < 0) ||
        setns(foundation->mounts, CLONE_NEWNS) < 0)
        return -errno;
    return 0;
}

static int change_ids(uid_t id)
{
    if (setgroups(0, NULL) < 0 || setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0)
        return -errno;
    int error = drop_capabilities();
    if (error)
        return error;
    uid_t real, effective, saved;
    if (getresuid(&real, &effective, &saved) < 0)
        return -errno;
    return real == id && effective == id && saved == id ? 0 : -EPERM;
}

int operation_become(struct run *run, const struct operation *operation)
{
    uid_t before = geteuid();
    if (operation->number >= 0) {
        int error = change_ids((uid_t)operation->number);
        if (error)
            return error;
        if (setresuid(before, before, before) == 0)
            return -EPERM; // the way back must be shut
    } else {
        // Those over a foundation. Root keeps its own until the user namespace is made, where they are gone: id 0 of the host can be mapped
        // only by who had CAP_SETFCAP then (Linux 5.12).
        int error = before == 0 ? 0 : drop_capabilities();
        if (error)
            return error;
    }
    run->uid = geteuid();
    run->gid = getegid();
    return 0;
}

int operation_namespaces(struct run *run, const struct operation *operation)
{
    AUTO_FD int pidfd = -1;
    pid_t pid = process_fork((uint64_t)operation->number | CLONE_PARENT, &pidfd);
    if (pid < 0)
        return (int)pid;
    if (pid == 0)
        return 0;
    struct setup_message message = {.kind = SETUP_STARTED};
    int error = ipc_send(run->setup, &message, sizeof(message), &pidfd, 1);
    if (error)
        pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    _exit(error ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int write_file(const char *path, const char *text)
{
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : write_all(fd, text, strlen(text));
}

int operation_map_ids(struct run *run, const struct operation *operation)
{
    char map[64];
    // A change of ids took /proc/self/uid_map away until the process is dumpable again. Not sooner: the builder may share its maker's memory.
    if (prctl(PR_SET_DUMPABLE, 1) < 0)
        return -errno;
    int error = write_file("/proc/self/setgroups", "deny");
    if (error)
        return error;
    snprintf(map, sizeof(map), "%lld %u 1\n", (long long)operation->number, run->uid);
    error = write_file("/proc/self/uid_map", map);
    if (error)
        return error;
    snprintf(map, sizeof(map), "%lld %u 1\n", (long long)operation->number, run->gid);
    error = write_file("/proc/self/gid_map", map);
    if (error)
        return error;
    gid_t gid = (gid_t)operation->number;
    uid_t uid = (uid_t)operation->number;
    return getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid ? 0 : -EPERM;
}

int operation_cgroup_namespace(struct run *run, const struct operation *operation)
{
    (void)run;
    (void)operation;
    return unshare(CLONE_NEWCGROUP) < 0 ? -errno : 0;
}

int operation_session(struct run *run, const struct operation *operation)
{
    (void)run;
    (void)operation;
    // Delivered only where both have one uid; otherwise the end of the channel ends the sandbox.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setsid() < 0)
        return -errno;
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
        return -errno;
    for (int number = 1; number < _NSIG; number++)
        signal(number, SIG_DFL); // the two that can't be set stay as they are
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(022);
    return 0;
}

int operation_hostname(struct run *run, const struct operation *operation)
{
    (void)run;
    if (sethostname(operation->source, strlen(operation->source)) < 0 || setdomainname("", 0) < 0)
        return -errno;
    return 0;
}

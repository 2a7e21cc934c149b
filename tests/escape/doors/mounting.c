// The mount interface, and what else changes a process's view of the system, with what rights the process has as it is. The arguments harm
// nothing where they are let through.

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/escape/doors/door.h"

#ifndef SYS_statmount
#define SYS_statmount 457
#define SYS_listmount 458
#endif
#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

static const struct mount_attr no_change;
static const struct mnt_id {
    unsigned size, spare;
    unsigned long id, parameter;
} root_mounts = {.size = sizeof(struct mnt_id), .id = ~0UL};

static int enter_namespace(const struct door *door)
{
    int fd = open(door->path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? 0 : door_reached(syscall(SYS_setns, fd, 0));
}

#define CALL(called, gives, number, ...)                                                                     \
    {                                                                                                        \
        .group = "mounting", .name = called, .meaning = gives, .attempt = door_call, .call = number,         \
        .arguments = {                                                                                       \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define TREE "the kernel's mount interface"
#define VIEW "a namespace of one's own, without a user namespace"

static const struct door doors[] = {
    CALL("mount", TREE, SYS_mount, (long)"none", (long)"/proc/self", (long)"nonsense", 0, 0),
    CALL("umount2", TREE, SYS_umount2, (long)"/proc/self", 8 /* UMOUNT_NOFOLLOW */),
    CALL("fsopen", TREE, SYS_fsopen, (long)"tmpfs", 0),
    CALL("fspick", TREE, SYS_fspick, AT_FDCWD, (long)"/", 0),
    CALL("open_tree", TREE, SYS_open_tree, AT_FDCWD, (long)"/usr", OPEN_TREE_CLONE),
    CALL("open_tree_attr", TREE, SYS_open_tree_attr, AT_FDCWD, (long)"/usr", OPEN_TREE_CLONE,
         (long)&no_change, sizeof(no_change)),
    CALL("move_mount", TREE, SYS_move_mount, -1, (long)"", -1, (long)"", 0),
    CALL("mount_setattr", TREE, SYS_mount_setattr, AT_FDCWD, (long)"/proc/self", 0, (long)&no_change,
         sizeof(no_change)),
    CALL("pivot_root", TREE, SYS_pivot_root, (long)"/proc/self", (long)"/proc/self"),
    CALL("chroot", "another root", SYS_chroot, (long)"/"),
    CALL("listmount", "the mount table by call", SYS_listmount, (long)&root_mounts, 0, 0, 0),
    CALL("unshare mount", VIEW, SYS_unshare, CLONE_NEWNS),
    CALL("unshare cgroup", VIEW, SYS_unshare, CLONE_NEWCGROUP),
    CALL("unshare ipc", VIEW, SYS_unshare, CLONE_NEWIPC),
    CALL("unshare uts", VIEW, SYS_unshare, CLONE_NEWUTS),
    CALL("unshare time", VIEW, SYS_unshare, 0x80),
    CALL("unshare pid", VIEW, SYS_unshare, CLONE_NEWPID),
    CALL("unshare net", VIEW, SYS_unshare, CLONE_NEWNET),
    {"mounting", "setns", "entering namespaces by descriptor", enter_namespace, "/proc/self/ns/uts", 0, {0}},
    CALL("clone3", "namespaces by flags that no filter can read", SYS_clone3, 0, 0),
    CALL("quotactl", "disk quotas of the host", SYS_quotactl, 0x80000100 /* Q_SYNC */, 0, 0, 0),
};
const struct door_table doors_mounting = {doors, sizeof(doors) / sizeof(doors[0])};

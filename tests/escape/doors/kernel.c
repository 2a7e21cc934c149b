// Calls behind which there is much kernel code, or which change the machine. The arguments harm nothing where they are let through: root
// outside may run them.

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/escape/doors/door.h"

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SYS_lsm_list_modules
#define SYS_lsm_list_modules 461
#endif
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

static int perf_event(const struct door *door)
{
    (void)door;
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
                                   .size = sizeof(attr),
                                   .config = PERF_COUNT_SW_CPU_CLOCK,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1};
    return door_reached(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static int bpf_map(const struct door *door)
{
    (void)door;
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.map_type = BPF_MAP_TYPE_ARRAY;
    attr.key_size = attr.value_size = 4;
    attr.max_entries = 1;
    return door_reached(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int io_uring(const struct door *door)
{
    (void)door;
    uint32_t parameters[30] = {0};
    return door_reached(syscall(SYS_io_uring_setup, 1, parameters));
}

static int open_by_handle(const struct door *door)
{
    (void)door;
    struct {
        uint32_t bytes;
        int32_t type;
        uint32_t handle[2];
    } handle = {8, 1, {2, 0}};
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? -errno : door_reached(syscall(SYS_open_by_handle_at, root, &handle, O_RDONLY));
}

static int name_to_handle(const struct door *door)
{
    (void)door;
    uint32_t handle[34] = {128};
    int mount;
    return syscall(SYS_name_to_handle_at, AT_FDCWD, "/usr", handle, &mount, 0) < 0 ? -errno : 1;
}

static int adjust_clock(const struct door *door)
{
    struct timex wrong = {.modes = ADJ_TICK, .tick = 0}; // out of range: looked at after the permission
    long result = door->call == SYS_adjtimex ? syscall(SYS_adjtimex, &wrong)
                                             : syscall(SYS_clock_adjtime, CLOCK_REALTIME, &wrong);
    return door_reached(result);
}

static int local_descriptor_table(const struct door *door)
{
    (void)door;
    uint32_t entry[4] = {0, 0, 0xfffff, 0x51};
    return door_reached(syscall(SYS_modify_ldt, 1, entry, sizeof(entry)));
}

static int memory_map_of_itself(const struct door *door)
{
    (void)door;
    unsigned size;
    return door_reached(prctl(PR_SET_MM, 14 /* PR_SET_MM_MAP_SIZE */, &size, 0, 0));
}

static int hang_up(const struct door *door)
{
    (void)door;
    setsid(); // without a terminal it does nothing
    return door_reached(syscall(SYS_vhangup));
}

static int terminal_request(const struct door *door)
{
    int value = (int)door->arguments[1];
    int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0)
        return -errno;
    int slave = -1;
    if (grantpt(terminal) == 0 && unlockpt(terminal) == 0)
        slave = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
    setsid();
    ioctl(slave, TIOCSCTTY, 0);
    long result = syscall(SYS_ioctl, slave, door->arguments[0], &value);
    return result < 0 && (errno == EIO || errno == EINVAL || errno == ENOTTY) ? -errno : door_reached(result);
}

static int page_cache_residency(const struct door *door)
{
    (void)door;
    char byte;
    struct iovec vector = {&byte, 1};
    int fd = open("/usr/bin/env", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : door_reached(syscall(SYS_preadv2, fd, &vector, 1, 0, 0, 8 /* RWF_NOWAIT */));
}

static int other_entry(const struct door *door)
{
    long result = -1;
#ifdef __x86_64__
    if (door->arguments[0] == 0)
        __asm__ volatile("int $0x80"
                         : "=a"(result)
                         : "a"(20L /* getpid */)
                         : "memory", "r8", "r9", "r10", "r11");
    else
        result = syscall(0x40000000 | SYS_getpid);
#endif
    (void)door;
    return result > 0;
}

static int core_for_the_host(const struct door *door)
{
    (void)door;
    // 1 alone keeps the kernel from starting a handler that core_pattern names after a pipe; 0 does not (fs/coredump.c).
    struct {
        uint64_t soft, hard;
    } limit = {0, 0}, now;
    if (syscall(SYS_prlimit64, 0, 4 /* RLIMIT_CORE */, NULL, &now) < 0)
        return -errno;
    limit.hard = now.hard;
    return now.soft != 1 || syscall(SYS_prlimit64, 0, 4, &limit, NULL) == 0 ||
           syscall(SYS_setrlimit, 4, &limit) == 0;
}

static const char no_name[] = "/proc/self/door";

#define CALL(in, called, gives, number, ...)                                                                 \
    {                                                                                                        \
        .group = in, .name = called, .meaning = gives, .attempt = door_call, .call = number, .arguments = {  \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define TRY(in, called, gives, how, ...)                                                                     \
    {                                                                                                        \
        .group = in, .name = called, .meaning = gives, .attempt = how, __VA_ARGS__                           \
    }
#define MUCH "much kernel code with a history of holes"
#define MACHINE "a change of the whole machine"

static const struct door doors[] = {
    CALL("keyrings", "keyctl", "keys of the host's uid", SYS_keyctl, 0, -3, 0),
    CALL("keyrings", "add_key", "kernel memory, CVE-2016-0728", SYS_add_key, (long)"user", (long)"door",
         (long)"x", 1, -2),
    CALL("keyrings", "request_key", "starts a program of the host", SYS_request_key, (long)"user",
         (long)"door", 0, 0),
    TRY("surface", "bpf", MUCH, bpf_map),
    TRY("surface", "perf_event_open", MUCH, perf_event),
    CALL("surface", "userfaultfd", "kernel races can be held open", SYS_userfaultfd, 1),
    TRY("surface", "io_uring_setup", MUCH, io_uring),
    CALL("surface", "fanotify_init", "events of shared file systems", SYS_fanotify_init, 0x200, 0),
    TRY("surface", "modify_ldt", MUCH, local_descriptor_table),
    CALL("surface", "remap_file_pages", MUCH, SYS_remap_file_pages, 0, 0, 0, 0, 0),
    CALL("surface", "memfd_secret", "memory that can't be reclaimed", SYS_memfd_secret, 0),
    CALL("surface", "lsm_list_modules", "security modules of the host", SYS_lsm_list_modules, 0, 0, 0),
    CALL("surface", "sysfs", "file systems of the host's kernel", SYS_sysfs, 3),
    CALL("surface", "uselib", "an obsolete loader, CVE-2004-1235", SYS_uselib, (long)no_name),
    TRY("surface", "prctl set_mm", "a false face in /proc", memory_map_of_itself),
    CALL("surface", "prctl core scheduling", "processors kept from the host's processes", SYS_prctl, 62, 1, 0,
         0, 0),
    CALL("surface", "personality no randomization", "known addresses in set-uid programs", SYS_personality,
         ADDR_NO_RANDOMIZE),
    CALL("surface", "personality read implies exec", "executable data", SYS_personality, READ_IMPLIES_EXEC),
    TRY("surface", "32-bit entry", "another table of calls, past the filter", other_entry, .arguments = {0}),
    TRY("surface", "x32 entry", "another table of calls, past the filter", other_entry, .arguments = {1}),
    TRY("files", "open_by_handle_at", "any file of the file system, CVE-2014-3519", open_by_handle),
    TRY("files", "name_to_handle_at", "handles for the former", name_to_handle),
    CALL("memory", "move_pages", "where pages of processes are", SYS_move_pages, 0, 0, 0, 0, 0, 0),
    CALL("memory", "migrate_pages", "moves memory between nodes", SYS_migrate_pages, 0, 1, 0, 0),
    CALL("memory", "set_mempolicy", "memory of other nodes", SYS_set_mempolicy, 0, 0, 0),
    CALL("memory", "mbind", "memory of other nodes", SYS_mbind, 0, 0, 0, 0, 0, 0),
    CALL("memory", "cachestat", "what others read lately", SYS_cachestat, -1, 0, 0, 0),
    TRY("memory", "page cache by RWF_NOWAIT", "what others read lately", page_cache_residency),
    CALL("machine", "syslog", "the kernel's log", SYS_syslog, 10, 0, 0),
    CALL("machine", "init_module", MACHINE, SYS_init_module, 0, 0, 0),
    CALL("machine", "finit_module", MACHINE, SYS_finit_module, -1, (long)"", 0),
    CALL("machine", "delete_module", MACHINE, SYS_delete_module, (long)"door_without_name", O_NONBLOCK),
    CALL("machine", "kexec_load", MACHINE, SYS_kexec_load, 0, 0, 0, -1),
    CALL("machine", "kexec_file_load", MACHINE, SYS_kexec_file_load, -1, -1, 0, 0, -1),
    CALL("machine", "reboot", MACHINE, SYS_reboot, 0, 0, 0, 0),
    CALL("machine", "swapon", MACHINE, SYS_swapon, (long)no_name, 0),
    CALL("machine", "swapoff", MACHINE, SYS_swapoff, (long)no_name),
    CALL("machine", "sethostname", MACHINE, SYS_sethostname, 0, -1),
    CALL("machine", "setdomainname", MACHINE, SYS_setdomainname, 0, -1),
    CALL("machine", "settimeofday", MACHINE, SYS_settimeofday, 0, 0),
    TRY("machine", "adjtimex", MACHINE, adjust_clock, .call = SYS_adjtimex),
    TRY("machine", "clock_adjtime", MACHINE, adjust_clock, .call = SYS_clock_adjtime),
    CALL("machine", "iopl", "the machine's ports", SYS_iopl, 3),
    CALL("machine", "ioperm", "the machine's ports", SYS_ioperm, 0x80, 1, 1),
    CALL("machine", "acct", "a log of all processes", SYS_acct, (long)no_name),
    CALL("machine", "sync", "writes out every file system of the host: delay for all, and a channel",
         SYS_sync),
    TRY("machine", "vhangup", "terminals of others", hang_up),
    TRY("machine", "core dump for the host's handler",
        "a program of the host, as root, reads what the sandbox made", core_for_the_host),
    TRY("terminal", "TIOCSTI", "types into the terminal of who started it, CVE-2017-5226", terminal_request,
        .arguments = {TIOCSTI}),
    TRY("terminal", "TIOCSTI in 64 bits", "the same past a careless filter, CVE-2019-10063", terminal_request,
        .arguments = {INT64_C(1) << 32 | TIOCSTI}),
    TRY("terminal", "TIOCLINUX", "types into a console, CVE-2023-1523", terminal_request,
        .arguments = {TIOCLINUX, 2}),
    TRY("terminal", "TIOCSETD", "line disciplines, CVE-2017-2636", terminal_request,
        .arguments = {TIOCSETD, 0}),
};
const struct door_table doors_kernel = {doors, sizeof(doors) / sizeof(doors[0])};

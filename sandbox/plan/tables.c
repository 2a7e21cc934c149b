#include "sandbox/plan/tables.h"

#define DIRECTORY(path, mode)                                                                                \
    {                                                                                                        \
        .kind = OPERATION_DIRECTORY, .target = path, .number = mode                                          \
    }
#define BIND(path, flags)                                                                                    \
    {                                                                                                        \
        .kind = OPERATION_BIND, .source = "/" path, .target = path, .number = flags                          \
    }
#define OPTIONAL(path) BIND(path, BIND_OPTIONAL)
#define DEVICE(name) BIND("dev/" name, BIND_DEVICE)
#define LINK(text, path)                                                                                     \
    {                                                                                                        \
        .kind = OPERATION_LINK, .source = text, .target = path                                               \
    }
#define TEXT(path, content)                                                                                  \
    {                                                                                                        \
        .kind = OPERATION_FILE, .source = content, .target = path                                            \
    }
#define SYSCTL(path, value)                                                                                  \
    {                                                                                                        \
        .kind = OPERATION_SYSCTL, .target = path, .source = value                                            \
    }
#define MASK(path)                                                                                           \
    {                                                                                                        \
        .kind = OPERATION_MASK, .target = path                                                               \
    }
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const struct operation plan_system_table[] = {
    BIND("usr", BIND_EXECUTABLE),
    BIND("bin", BIND_EXECUTABLE | BIND_SYSTEM | BIND_OPTIONAL),
    BIND("sbin", BIND_EXECUTABLE | BIND_SYSTEM | BIND_OPTIONAL),
    BIND("lib", BIND_EXECUTABLE | BIND_SYSTEM | BIND_OPTIONAL),
    BIND("lib32", BIND_EXECUTABLE | BIND_SYSTEM | BIND_OPTIONAL),
    BIND("lib64", BIND_EXECUTABLE | BIND_SYSTEM | BIND_OPTIONAL),
    DIRECTORY("etc", 0755),
    OPTIONAL("etc/ld.so.cache"),
};
const size_t plan_system_count = COUNT(plan_system_table);

// Every profile: no account but the own one, no host name, the devices that programs expect.
const struct operation plan_base_table[] = {
    TEXT("etc/passwd", "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
                       "user:x:1000:1000:User:/home/user:/bin/bash\n"
                       "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"),
    TEXT("etc/group", "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n"),
    TEXT("etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost sandbox\n"),
    TEXT("etc/hostname", "sandbox\n"),
    TEXT("etc/nsswitch.conf",
         "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\n"
         "protocols: files\nservices: files\n"),
    TEXT("etc/host.conf", "multi on\n"),
    TEXT("etc/resolv.conf", ""),
    // The same in every sandbox, so that it identifies none of them and not the host.
    TEXT("etc/machine-id", "5a6e64626f780000000000000000000a\n"),
    DIRECTORY("var", 0755),
    DIRECTORY("var/cache", 0755),
    DIRECTORY("var/lib", 0755),
    DIRECTORY("var/lib/dbus", 0755),
    LINK("/etc/machine-id", "var/lib/dbus/machine-id"),
    LINK("/tmp", "var/tmp"),
    LINK("/run", "var/run"),
    DIRECTORY("dev", 0755),
    DEVICE("null"),
    DEVICE("zero"),
    DEVICE("full"),
    DEVICE("random"),
    DEVICE("urandom"),
    DEVICE("tty"),
    DIRECTORY("dev/pts", 0755),
    LINK("pts/ptmx", "dev/ptmx"),
    LINK("/proc/self/fd", "dev/fd"),
    LINK("/proc/self/fd/0", "dev/stdin"),
    LINK("/proc/self/fd/1", "dev/stdout"),
    LINK("/proc/self/fd/2", "dev/stderr"),
    DIRECTORY("dev/shm", 01777),
    DIRECTORY("tmp", 01777),
    DIRECTORY("run", 0755),
    DIRECTORY("home", 0755),
    DIRECTORY("home/user", 0700),
    DIRECTORY("proc", 0555),
    DIRECTORY("sandbox", 0755),
    {.kind = OPERATION_EMPTY, .target = PLAN_EMPTY_DIRECTORY},
};
const size_t plan_base_count = COUNT(plan_base_table);

#define WRITABLE(path)                                                                                       \
    {                                                                                                        \
        .kind = OPERATION_WRITABLE, .target = path                                                           \
    }
const struct operation plan_writable_table[] = {
    DIRECTORY("run/user", 0755),
    DIRECTORY("run/user/1000", 0700),
    WRITABLE("run"),
    WRITABLE("tmp"),
    WRITABLE("dev/shm"),
    WRITABLE("home/user"),
};
const size_t plan_writable_count = COUNT(plan_writable_table);

// The same over a foundation, which is read-only: in a file system of the sandbox's own, whose place nobody sees afterwards.
#define WRITABLE_FROM(place, path)                                                                           \
    {                                                                                                        \
        .kind = OPERATION_WRITABLE, .source = PLAN_COVERED_DIRECTORY "/" place, .target = path               \
    }
const struct operation plan_covered_table[] = {
    DIRECTORY(PLAN_COVERED_DIRECTORY "/tmp", 01777),
    DIRECTORY(PLAN_COVERED_DIRECTORY "/shm", 01777),
    DIRECTORY(PLAN_COVERED_DIRECTORY "/home", 0700),
    DIRECTORY(PLAN_COVERED_DIRECTORY "/run", 0755),
    DIRECTORY(PLAN_COVERED_DIRECTORY "/run/user", 0755),
    DIRECTORY(PLAN_COVERED_DIRECTORY "/run/user/1000", 0700),
    WRITABLE_FROM("run", "run"),
    WRITABLE_FROM("tmp", "tmp"),
    WRITABLE_FROM("shm", "dev/shm"),
    WRITABLE_FROM("home", "home/user"),
    MASK(PLAN_COVERED_DIRECTORY),
};
const size_t plan_covered_count = COUNT(plan_covered_table);

const struct operation plan_code_table[] = {
    OPTIONAL("etc/alternatives"),
    OPTIONAL("etc/localtime"),
    OPTIONAL("etc/ssl/certs"),
    OPTIONAL("etc/ssl/openssl.cnf"),
};
const size_t plan_code_count = COUNT(plan_code_table);

const struct operation plan_desktop_table[] = {
    BIND("opt", BIND_EXECUTABLE | BIND_OPTIONAL),
    OPTIONAL("etc/alternatives"),
    OPTIONAL("etc/bash.bashrc"),
    OPTIONAL("etc/chromium"),
    OPTIONAL("etc/chromium.d"),
    OPTIONAL("etc/dconf"),
    OPTIONAL("etc/debian_version"),
    OPTIONAL("etc/firefox"),
    OPTIONAL("etc/firefox-esr"),
    OPTIONAL("etc/fonts"),
    OPTIONAL("etc/gtk-2.0"),
    OPTIONAL("etc/gtk-3.0"),
    OPTIONAL("etc/inputrc"),
    OPTIONAL("etc/localtime"),
    OPTIONAL("etc/mailcap"),
    OPTIONAL("etc/mime.types"),
    OPTIONAL("etc/os-release"),
    OPTIONAL("etc/profile"),
    OPTIONAL("etc/profile.d"),
    OPTIONAL("etc/protocols"),
    OPTIONAL("etc/python3"),
    OPTIONAL("etc/python3.11"),
    OPTIONAL("etc/services"),
    OPTIONAL("etc/shells"),
    OPTIONAL("etc/ssl/certs"),
    OPTIONAL("etc/ssl/openssl.cnf"),
    OPTIONAL("etc/terminfo"),
    OPTIONAL("etc/vim"),
    OPTIONAL("etc/X11"),
    OPTIONAL("etc/xdg"),
    OPTIONAL("var/cache/fontconfig"),
};
const size_t plan_desktop_count = COUNT(plan_desktop_table);

// What tells of the host, or of what others do on it. Nothing of /proc/sys is here (plan_read_only_table).
const struct operation plan_proc_table[] = {
    MASK("proc/acpi"),
    MASK("proc/buddyinfo"),
    MASK("proc/bus"),
    MASK("proc/cgroups"),
    MASK("proc/cmdline"),
    MASK("proc/config.gz"),
    MASK("proc/consoles"),
    MASK("proc/crypto"),
    MASK("proc/devices"),
    MASK("proc/diskstats"),
    MASK("proc/dma"),
    MASK("proc/driver"),
    MASK("proc/dynamic_debug"),
    MASK("proc/execdomains"),
    MASK("proc/fb"),
    MASK("proc/fs"),
    MASK("proc/interrupts"),
    MASK("proc/iomem"),
    MASK("proc/ioports"),
    MASK("proc/irq"),
    MASK("proc/kallsyms"),
    MASK("proc/kcore"),
    MASK("proc/key-users"),
    MASK("proc/keys"),
    MASK("proc/kmsg"),
    MASK("proc/kpagecgroup"),
    MASK("proc/kpagecount"),
    MASK("proc/kpageflags"),
    MASK("proc/latency_stats"),
    MASK("proc/locks"),
    MASK("proc/misc"),
    MASK("proc/modules"),
    MASK("proc/mtrr"),
    MASK("proc/pagetypeinfo"),
    MASK("proc/partitions"),
    MASK("proc/pressure"),
    MASK("proc/sched_debug"),
    MASK("proc/schedstat"),
    MASK("proc/scsi"),
    MASK("proc/slabinfo"),
    MASK("proc/softirqs"),
    MASK("proc/swaps"),
    MASK("proc/sysrq-trigger"),
    MASK("proc/timer_list"),
    MASK("proc/timer_stats"),
    MASK("proc/tty"),
    MASK("proc/vmallocinfo"),
    MASK("proc/vmstat"),
    MASK("proc/zoneinfo"),
};
const size_t plan_proc_count = COUNT(plan_proc_table);

// The limits count for this user namespace and those below it. A mount namespace of one's own would open the kernel's mount interface
// (CVE-2022-0185). From the first of them on, no mount can be detached or made any more (Linux 6.18): only bound.
#define NO_NAMESPACE(kind) SYSCTL("proc/sys/user/max_" kind "_namespaces", "0")
#define NO_OTHER_NAMESPACES                                                                                  \
    NO_NAMESPACE("mnt"), NO_NAMESPACE("ipc"), NO_NAMESPACE("uts"), NO_NAMESPACE("cgroup"),                   \
        NO_NAMESPACE("time")

// Chromium's own sandbox needs user, pid and network namespaces.
const struct operation plan_browser_namespaces[] = {
    NO_OTHER_NAMESPACES,
    SYSCTL("proc/sys/user/max_user_namespaces", "64"),
    SYSCTL("proc/sys/user/max_pid_namespaces", "64"),
    SYSCTL("proc/sys/user/max_net_namespaces", "64"),
};
const size_t plan_browser_namespaces_count = COUNT(plan_browser_namespaces);

// With no user namespace there is nothing from which one of the others could be made.
const struct operation plan_code_namespaces[] = {
    NO_NAMESPACE("user"),
    NO_OTHER_NAMESPACES,
    NO_NAMESPACE("pid"),
    NO_NAMESPACE("net"),
    // The kernel charges these to the makers of all user namespaces above as well: sandboxes of one foundation share its maker's.
    SYSCTL("proc/sys/user/max_inotify_instances", "16"),
    SYSCTL("proc/sys/user/max_inotify_watches", "8192"),
};
const size_t plan_code_namespaces_count = COUNT(plan_code_namespaces);

#define READ_ONLY(path)                                                                                      \
    {                                                                                                        \
        .kind = OPERATION_READ_ONLY, .target = path                                                          \
    }
const struct operation plan_read_only_table[] = {
    // Which host this is, and counters of what others do on it. Not beside the rest: a mask may have found its place under what the last row lays over it.
    MASK("proc/sys/fs/dentry-state"),       MASK("proc/sys/fs/file-nr"),
    MASK("proc/sys/fs/inode-nr"),           MASK("proc/sys/fs/inode-state"),
    MASK("proc/sys/kernel/random/boot_id"), READ_ONLY("proc/sys"),
};
const size_t plan_read_only_count = COUNT(plan_read_only_table);

const char *const plan_desktop_arguments[] = {"sandbox-init", NULL};
const char *const plan_desktop_environment[] = {
    "HOME=/home/user",
    "USER=user",
    "LOGNAME=user",
    "SHELL=/bin/bash",
    "PATH=/home/user/.local/bin:/usr/local/bin:/usr/bin:/bin:/usr/games",
    "LANG=C.UTF-8",
    "TERM=xterm-256color",
    "DISPLAY=:1",
    "XAUTHORITY=/run/sandbox/xauthority",
    "XAPPLRESDIR=/sandbox/desktop/app-defaults",
    "XDG_CONFIG_DIRS=/sandbox/desktop/xdg:/etc/xdg",
    "XDG_DATA_DIRS=/sandbox/desktop/share:/usr/local/share:/usr/share",
    "XDG_CURRENT_DESKTOP=openbox",
    "XDG_SESSION_TYPE=x11",
    "XDG_RUNTIME_DIR=/run/user/1000",
    "NO_AT_BRIDGE=1",
    "PULSE_SERVER=unix:/run/user/1000/pulse/native",
    NULL,
};
const char *const plan_command_environment[] = {
    "HOME=/home/user",         "USER=user",    "LOGNAME=user", "SHELL=/bin/sh",
    "PATH=" PLAN_COMMAND_PATH, "LANG=C.UTF-8", "TMPDIR=/tmp",  NULL,
};
// Where sandbox-egress serves each sandbox: EGRESS_LISTENER_PORT of lib/egress_channel.h.
#define PROXY "http://127.0.0.1:3128"
const char *const plan_proxy_environment[] = {
    "http_proxy=" PROXY,
    "https_proxy=" PROXY,
    "HTTP_PROXY=" PROXY,
    "HTTPS_PROXY=" PROXY,
    "no_proxy=localhost,127.0.0.1,::1",
    "NO_PROXY=localhost,127.0.0.1,::1",
    NULL,
};
const char *const plan_streamer_arguments[] = {"sandbox-streamer", NULL};
const char *const plan_exporter_arguments[] = {"sandbox-export", NULL};
const char *const plan_helper_environment[] = {"LANG=C.UTF-8", NULL};

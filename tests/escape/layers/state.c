// What the process itself, its mounts and its namespaces say.

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/escape/layers/layers.h"

#define UNLIMITED 1000000L
// Over a foundation: the file system that the others are parts of, masked itself.
#define PLACE_OF_WRITABLE "/sandbox/covered"

// The first number of a file; -1 when there is none.
static long number_in(const char *path)
{
    long number = -1;
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    if (fscanf(file, "%ld", &number) != 1)
        number = -1;
    fclose(file);
    return number;
}

static void check_limit(int resource, const char *name, rlim_t most)
{
    struct rlimit now = {0, RLIM_INFINITY};
    getrlimit((__rlimit_resource_t)resource, &now);
    layers_check(now.rlim_max <= most, "%s may be %ju", name, (uintmax_t)now.rlim_max);
}

#define LIMIT(resource, most) check_limit(resource, #resource, most)

static void check_limits(bool code)
{
    struct rlimit core = {0, 0};
    getrlimit(RLIMIT_CORE, &core);
    layers_check(core.rlim_cur == 1 && core.rlim_max == 1, "RLIMIT_CORE is not 1");
    LIMIT(RLIMIT_FSIZE, UINT64_C(16) << 30);
    LIMIT(RLIMIT_NOFILE, code ? 4096 : 65536);
    LIMIT(RLIMIT_MEMLOCK, code ? 64u << 10 : 8u << 20);
    LIMIT(RLIMIT_MSGQUEUE, code ? 0 : 819200);
    LIMIT(RLIMIT_SIGPENDING, code ? 1024 : 4096);
    LIMIT(RLIMIT_NICE, 0);
    LIMIT(RLIMIT_RTPRIO, 0);
    LIMIT(RLIMIT_STACK, 64u << 20);
}

static void check_namespaces(bool code)
{
    static const struct {
        const char *kind;
        long code, others;
    } limits[] = {
        {"mnt_namespaces", 0, 0},
        {"ipc_namespaces", 0, 0},
        {"uts_namespaces", 0, 0},
        {"cgroup_namespaces", 0, 0},
        {"time_namespaces", 0, 0},
        {"user_namespaces", 0, 64},
        {"pid_namespaces", 0, 64},
        {"net_namespaces", 0, 64},
        {"inotify_instances", 16, UNLIMITED * UNLIMITED},
        {"inotify_watches", 8192, UNLIMITED * UNLIMITED},
    };
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        char path[80];
        snprintf(path, sizeof(path), "/proc/sys/user/max_%s", limits[i].kind);
        long is = number_in(path);
        layers_check(is >= 0 && is <= (code ? limits[i].code : limits[i].others), "%s may be %ld",
                     limits[i].kind, is);
    }
}

static void check_status(void)
{
    static const char *const nothing[] = {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "SigBlk:"};
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");
    unsigned found = 0;
    while (status && fgets(line, sizeof(line), status)) {
        for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
            size_t length = strlen(nothing[i]);
            if (strncmp(line, nothing[i], length) != 0)
                continue;
            found++;
            layers_check(strtoull(line + length, NULL, 16) == 0, "%s", line);
        }
    }
    if (status)
        fclose(status);
    layers_check(found == sizeof(nothing) / sizeof(nothing[0]), "/proc/self/status says too little");
}

void layers_rights(enum in profile)
{
    const int locked = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                       SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                       SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    layers_check((prctl(PR_GET_SECUREBITS) & locked) == locked, "securebits are %#x",
                 prctl(PR_GET_SECUREBITS));
    layers_check(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "new privileges");
    layers_check(getsid(0) > 0, "a session of outside");
    check_status();
    check_limits(profile == IN_CODE);
    check_namespaces(profile == IN_CODE);
}

static bool is_below(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool is_one_of(const char *path, const char *const *paths)
{
    while (*paths && strcmp(*paths, path) != 0)
        paths++;
    return *paths;
}

static bool has(const char *options, const char *option)
{
    size_t length = strlen(option);
    for (const char *at = options; at; at = strchr(at, ','), at += at != NULL) {
        if (strncmp(at, option, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

// A line of mountinfo: what is mounted there, and how.
static void check_mount(const char *root, const char *path, const char *options)
{
    static const char *const writable[] = {"/proc", "/dev/pts",   "/dev/shm",        "/tmp",
                                           "/run",  "/home/user", PLACE_OF_WRITABLE, NULL};
    static const char *const data[] = {"/etc", "/var", "/proc", "/dev/pts", "/sandbox/empty", NULL};
    bool device = is_below(path, "/dev") || strcmp(root, "/null") == 0; // itself, or as a mask
    bool shared = strcmp(path, "/dev/shm") == 0;
    layers_check(has(options, "nosuid"), "%s is %s", path, options);
    layers_check((device && !shared) || has(options, "nodev"), "%s is %s", path, options);
    layers_check(is_one_of(path, writable) || has(options, "ro"), "%s is %s", path, options);
    bool noexec = (device && !shared);
    for (size_t i = 0; data[i]; i++)
        noexec |= is_below(path, data[i]);
    layers_check(!noexec || has(options, "noexec"), "%s is %s", path, options);
}

static void check_mounts(void)
{
    char line[8192], root[4096], path[4096], options[256];
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    unsigned seen = 0;
    while (mounts && fgets(line, sizeof(line), mounts)) {
        if (sscanf(line, "%*s %*s %*s %4095s %4095s %255s", root, path, options) != 3)
            continue;
        seen++;
        check_mount(root, path, options);
    }
    if (mounts)
        fclose(mounts);
    layers_check(seen > 20, "%u mounts", seen);
}

static void check_bounds(const char *path)
{
    struct statvfs status = {0};
    statvfs(path, &status);
    layers_check(status.f_files > 0 && status.f_files < (fsfilcnt_t)UNLIMITED, "%s has %ju inodes", path,
                 (uintmax_t)status.f_files);
    layers_check(status.f_blocks > 0 && status.f_blocks * status.f_frsize < UINT64_C(1) << 33,
                 "%s has %ju blocks", path, (uintmax_t)status.f_blocks);
}

static int execute(const char *path)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        execl(path, path, NULL);
        _exit(errno);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// What no mount keeps from it, but Landlock does: to list the root, and to execute below /run.
static void check_landlock(void)
{
    static const char path[] = "/run/user/1000/layers";
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    layers_check(root < 0 && errno == EACCES, "the root can be listed");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    layers_check(fd >= 0 && write(fd, "#!/bin/true\n", 12) == 12 && close(fd) == 0,
                 "nothing can be written to %s", path);
    int error = execute(path);
    layers_check(error == EACCES, "execution below /run ends with %d", error);
    unlink(path);
}

void layers_files(bool landlock)
{
    static const char *const bounded[] = {"/tmp", "/dev/shm", "/run", "/run/user/1000"};
    check_mounts();
    for (size_t i = 0; i < sizeof(bounded) / sizeof(bounded[0]); i++)
        check_bounds(bounded[i]);
    if (landlock)
        check_landlock();
}

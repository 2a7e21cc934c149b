#include "tests/escape/host_state.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

#define CLOCK_TOLERANCE_S 0.2
#define FILE_MAX_BYTES (1u << 20)

// Whole files that stay the same while the host goes about its work.
static const char *const files[] = {
    "/proc/self/mountinfo",
    "/proc/cmdline",
    "/proc/swaps",
    "/proc/net/route",
    "/proc/sysvipc/msg",
    "/proc/sysvipc/sem",
    "/proc/net/if_inet6",
    "/proc/net/ipv6_route",
    "/sys/fs/cgroup/cgroup.subtree_control",
    "/sys/fs/cgroup/unified/cgroup.subtree_control",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    "/sys/fs/cgroup/memory/memory.use_hierarchy",
    "/sys/fs/cgroup/pids/release_agent",
    "/sys/fs/cgroup/memory/release_agent",
    "/etc/passwd",
    "/etc/hostname",
};

// Mode, owner and time of things that a change would show in.
static const char *const entries[] = {"/",        "/etc",      "/usr",        "/usr/bin", "/usr/bin/env",
                                      "/usr/lib", "/dev/null", "/etc/shadow", "/root"};

static FILE *settings;

// Every value of the kernel that somebody may set. Some are counters or change with each reading all the same.
static int add_setting(const char *path, const struct stat *status, int kind, struct FTW *position)
{
    static const char *const changing[] = {"/proc/sys/kernel/ns_last_pid", "/proc/sys/kernel/random/",
                                           "/proc/sys/fs/binfmt_misc"};
    (void)position;
    for (size_t i = 0; i < sizeof(changing) / sizeof(changing[0]); i++) {
        if (strncmp(path, changing[i], strlen(changing[i])) == 0)
            return 0;
    }
    AUTO_FREE char *content = NULL;
    if (kind != FTW_F || !(status->st_mode & S_IWUSR) || !(status->st_mode & S_IRUSR))
        return 0;
    int error = read_file_at(AT_FDCWD, path, FILE_MAX_BYTES, &content, NULL);
    fprintf(settings, "%s: %s\n", path, error ? strerror(-error) : content);
    return 0;
}

static void add_settings(FILE *out)
{
    settings = out; // nftw hands nothing through
    assert_int_equal(nftw("/proc/sys", add_setting, 16, FTW_PHYS), 0);
}

// Their names: how often one is used changes with each network namespace that comes or goes.
static void add_modules(FILE *out)
{
    AUTO_FREE char *content = NULL;
    int error = read_file_at(AT_FDCWD, "/proc/modules", FILE_MAX_BYTES, &content, NULL);
    if (error)
        fprintf(out, "/proc/modules: %s\n", strerror(-error));
    for (const char *line = content; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
        fprintf(out, "module %.*s\n", (int)strcspn(line, " \n"), line);
}

static void add_link(FILE *out, const char *name)
{
    static const char *const properties[] = {"address", "flags", "mtu", "ifindex", "operstate"};
    for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++) {
        char path[320];
        AUTO_FREE char *content = NULL;
        snprintf(path, sizeof(path), "/sys/class/net/%s/%s", name, properties[i]);
        int error = read_file_at(AT_FDCWD, path, FILE_MAX_BYTES, &content, NULL);
        fprintf(out, "%s: %s\n", path, error ? strerror(-error) : content);
    }
}

static void add_links(FILE *out)
{
    struct dirent **links;
    int count = scandir("/sys/class/net", &links, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (links[i]->d_name[0] != '.')
            add_link(out, links[i]->d_name);
        free(links[i]);
    }
    if (count >= 0)
        free(links);
}

static double clock_offset(void)
{
    struct timespec real, since;
    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_MONOTONIC, &since);
    return (double)(real.tv_sec - since.tv_sec) + (double)(real.tv_nsec - since.tv_nsec) / 1e9;
}

void host_state_own_mounts(void)
{
    if (geteuid() != 0)
        return;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0) {
        perror("no mounts of the test's own");
        exit(1);
    }
}

void host_state_read(struct host_state *state)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        AUTO_FREE char *content = NULL;
        int error = read_file_at(AT_FDCWD, files[i], FILE_MAX_BYTES, &content, NULL);
        fprintf(out, "%s: %s\n", files[i], error ? strerror(-error) : content);
    }
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        struct stat status = {0};
        int error = stat(entries[i], &status);
        fprintf(out, "%s: %d %o %u %u %lld\n", entries[i], error, status.st_mode, status.st_uid,
                status.st_gid, S_ISCHR(status.st_mode) ? 0 : (long long)status.st_ctim.tv_sec);
    }
    struct utsname names;
    assert_int_equal(uname(&names), 0);
    fprintf(out, "%s %s %s\n", names.nodename, names.release, names.version);
    add_modules(out);
    add_links(out);
    add_settings(out);
    assert_int_equal(fclose(out), 0);
    *state = (struct host_state){text, clock_offset()};
}

// The first line that differs says more than two texts.
static void expect_same(const char *before, const char *now)
{
    while (*before && *before == *now) {
        before++;
        now++;
    }
    if (*before == *now)
        return;
    print_error("the host changed: \"%.160s\" became \"%.160s\"\n", before, now);
    fail();
}

void host_state_expect(struct host_state *before)
{
    struct host_state now;
    host_state_read(&now);
    expect_same(before->text, now.text);
    double step = now.clock_offset - before->clock_offset;
    assert_true(step < CLOCK_TOLERANCE_S && step > -CLOCK_TOLERANCE_S);
    free(now.text);
    free(before->text);
    before->text = NULL;
}

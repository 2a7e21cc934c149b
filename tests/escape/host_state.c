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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    "/proc/modules",
    "/proc/cmdline",
    "/proc/swaps",
    "/proc/net/route",
    "/proc/sysvipc/msg",
    "/proc/sysvipc/sem",
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/domainname",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/msgmax",
    "/proc/sys/kernel/panic",
    "/proc/sys/kernel/pid_max",
    "/proc/sys/kernel/printk",
    "/proc/sys/kernel/randomize_va_space",
    "/proc/sys/kernel/sem",
    "/proc/sys/kernel/shmmax",
    "/proc/sys/kernel/sysrq",
    "/proc/sys/kernel/tainted",
    "/proc/sys/kernel/threads-max",
    "/proc/sys/kernel/yama/ptrace_scope",
    "/proc/sys/net/core/somaxconn",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/net/ipv4/ip_local_port_range",
    "/proc/sys/net/ipv4/ping_group_range",
    "/proc/sys/user/max_mnt_namespaces",
    "/proc/sys/user/max_user_namespaces",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/swappiness",
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

static void add_links(FILE *out)
{
    struct dirent **links;
    int count = scandir("/sys/class/net", &links, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        fprintf(out, "link %s\n", links[i]->d_name);
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
    add_links(out);
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

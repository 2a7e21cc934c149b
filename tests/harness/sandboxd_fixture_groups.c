// The control groups that sandboxd is given.
#include "tests/harness/sandboxd_fixture_private.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

static const char *const hierarchies[SANDBOXD_GROUPS_MAX] = {"memory", "cpu", "cpuacct", "pids", "unified"};

static void make_group(struct sandboxd_fixture *fixture, const char *path)
{
    char file[256];
    snprintf(fixture->groups[fixture->group_count++], sizeof(fixture->groups[0]), "%s", path);
    assert_int_equal(mkdir(path, 0755), 0);
    sandboxd_own(path, fixture->uid);
    snprintf(file, sizeof(file), "%s/cgroup.procs", path);
    sandboxd_own(file, fixture->uid);
}

// As systemd delegates a group to a service: TEST_CGROUP names one of ours, below which no process is but in leaves.
static void make_v2_group(struct sandboxd_fixture *fixture, const char *parent)
{
    static const char *const controllers[] = {"+cpu", "+memory", "+pids", "+io"};
    char path[PATH_MAX], file[PATH_MAX];
    int length = snprintf(fixture->group, sizeof(fixture->group), "%s/%s", parent,
                          strrchr(fixture->directory, '/') + 1);
    assert_true(length < (int)sizeof(fixture->group));
    for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++) {
        snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cgroup.subtree_control", parent);
        AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(write_all(fd, controllers[i], strlen(controllers[i])), 0);
    }
    snprintf(path, sizeof(path), "/sys/fs/cgroup%s", fixture->group);
    make_group(fixture, path);
    snprintf(file, sizeof(file), "%s/cgroup.subtree_control", fixture->groups[0]);
    sandboxd_own(file, fixture->uid);
}

void sandboxd_make_groups(struct sandboxd_fixture *fixture)
{
    const char *parent = getenv("TEST_CGROUP");
    if (parent) {
        make_v2_group(fixture, parent);
        return;
    }
    snprintf(fixture->group, sizeof(fixture->group), "/%s", strrchr(fixture->directory, '/') + 1);
    for (size_t i = 0; i < SANDBOXD_GROUPS_MAX; i++) {
        char path[160], daemon[192];
        snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", hierarchies[i]);
        if (access(path, F_OK) < 0)
            continue;
        snprintf(path, sizeof(path), "/sys/fs/cgroup/%s%s", hierarchies[i], fixture->group);
        make_group(fixture, path);
        if (strcmp(hierarchies[i], "unified") != 0)
            continue;
        snprintf(daemon, sizeof(daemon), "%s/daemon", path);
        assert_int_equal(mkdir(daemon, 0755), 0);
        sandboxd_own(daemon, fixture->uid);
        snprintf(daemon, sizeof(daemon), "%s/daemon/cgroup.procs", path);
        sandboxd_own(daemon, fixture->uid);
    }
    if (fixture->group_count == 0)
        fixture->group[0] = '\0';
}

static int join_group(const char *group)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/cgroup.procs", group);
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : write_all(fd, "0", 1);
}

int sandboxd_join_daemon_group(const struct sandboxd_fixture *fixture)
{
    char leaf[192];
    if (fixture->group_count == 0)
        return 0;
    const char *unified = fixture->groups[fixture->group_count - 1];
    if (getenv("TEST_CGROUP") && join_group(unified) == 0)
        return 0;
    snprintf(leaf, sizeof(leaf), "%s/daemon", unified);
    int error = join_group(leaf);
    return error == -ENOENT ? 0 : error;
}

void sandboxd_remove_groups(struct sandboxd_fixture *fixture)
{
    char daemon[192];
    for (unsigned i = 0; i < fixture->group_count; i++) {
        snprintf(daemon, sizeof(daemon), "%s/daemon", fixture->groups[i]);
        if (rmdir(daemon) < 0)
            assert_int_equal(errno, ENOENT);
        assert_int_equal(rmdir(fixture->groups[i]), 0); // fails while a group of a sandbox is left
    }
}

unsigned sandboxd_count_groups(const struct sandboxd_fixture *fixture)
{
    unsigned count = 0;
    for (unsigned i = 0; i < fixture->group_count; i++) {
        DIR *groups = opendir(fixture->groups[i]);
        assert_non_null(groups);
        for (struct dirent *entry; (entry = readdir(groups));)
            count += entry->d_type == DT_DIR && entry->d_name[0] == 's';
        closedir(groups);
    }
    return count;
}

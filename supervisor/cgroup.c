#include "supervisor/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/text.h"

// The leaf that holds sandboxd itself: a cgroup2 group with controllers can't hold processes of its own.
#define DAEMON_LEAF "daemon"

enum { EMPTY_DEADLINE_MS = 2000, NESTING_MAX = 8 };

static const char *const v1_controllers[] = {"memory", "cpu", "cpuacct", "pids"};
static const char *const v2_controllers[] = {"memory", "cpu", "pids", "io"};
static const char *const v1_owned_files[] = {"cgroup.procs", "tasks"};
static const char *const v2_owned_files[] = {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int join_path(char *out, const char *directory, const char *name)
{
    int length = snprintf(out, CGROUP_PATH_MAX, "%s/%s", directory, name);
    return length < CGROUP_PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int write_file(const char *directory, const char *name, const char *text)
{
    char path[CGROUP_PATH_MAX];
    int result = join_path(path, directory, name);

    if (result < 0)
        return result;
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return -errno;
    return 0;
}

static int read_file(const char *directory, const char *name, char *text, size_t size)
{
    char path[CGROUP_PATH_MAX];
    int result = join_path(path, directory, name);

    if (result < 0)
        return result;
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t length = read(fd, text, size - 1);
    if (length < 0)
        return -errno;
    text[length] = '\0';
    return 0;
}

static int add_hierarchy(struct cgroup *cgroup, const char *mount_point, bool unified)
{
    char path[CGROUP_PATH_MAX];

    if (cgroup->count == CGROUP_HIERARCHIES_MAX)
        return -E2BIG;
    int length = snprintf(path, sizeof(path), "%s%s", mount_point, cgroup->name);
    if (length >= (int)sizeof(path))
        return -ENAMETOOLONG;
    for (unsigned i = 0; i < cgroup->count; i++) {
        if (strcmp(cgroup->hierarchies[i].path, path) == 0)
            return 0; // cpu and cpuacct are often one hierarchy
    }
    struct cgroup_hierarchy *hierarchy = &cgroup->hierarchies[cgroup->count++];
    memcpy(hierarchy->path, path, (size_t)length + 1);
    hierarchy->unified = unified;
    return 0;
}

static void note_limit(struct cgroup *cgroup, const char *controller)
{
    if (strcmp(controller, "memory") == 0)
        cgroup->limits_memory = true;
    else if (strcmp(controller, "pids") == 0)
        cgroup->limits_processes = true;
    else if (strcmp(controller, "cpu") == 0)
        cgroup->limits_cpu = true;
}

static int find_hierarchies(struct cgroup *cgroup)
{
    AUTO_FILE FILE *mounts = fopen("/proc/self/mounts", "re");
    struct mntent entry;
    char buffer[4096];
    bool unified_found = false;
    int result = 0;

    if (!mounts)
        return -errno;
    while (result == 0 && getmntent_r(mounts, &entry, buffer, sizeof(buffer))) {
        if (strcmp(entry.mnt_type, "cgroup2") == 0 && !unified_found) {
            unified_found = true;
            result = add_hierarchy(cgroup, entry.mnt_dir, true);
        }
        if (strcmp(entry.mnt_type, "cgroup") != 0)
            continue;
        for (size_t i = 0; i < COUNT(v1_controllers) && result == 0; i++) {
            if (!hasmntopt(&entry, v1_controllers[i]))
                continue;
            note_limit(cgroup, v1_controllers[i]);
            result = add_hierarchy(cgroup, entry.mnt_dir, false);
        }
    }
    if (result < 0)
        return result;
    return unified_found ? 0 : -ENOTSUP;
}

static int own_files(const char *directory, const char *const *files, size_t count, uid_t uid, gid_t gid)
{
    char path[CGROUP_PATH_MAX];

    if (chown(directory, uid, gid) < 0)
        return -errno;
    for (size_t i = 0; i < count; i++) {
        int result = join_path(path, directory, files[i]);
        if (result < 0)
            return result;
        if (chown(path, uid, gid) < 0)
            return -errno;
    }
    return 0;
}

// Hands each wanted controller that the parent has down to `directory`'s children. A controller that can't be
// had is no failure here: what is missing shows in the limits_ members.
static void enable_controllers(struct cgroup *cgroup, const char *directory)
{
    char parent[CGROUP_PATH_MAX], available[512], word[32];

    memcpy(parent, directory, strlen(directory) + 1);
    *strrchr(parent, '/') = '\0';
    if (read_file(parent, "cgroup.controllers", available, sizeof(available)) < 0)
        return;
    for (size_t i = 0; i < COUNT(v2_controllers); i++) {
        if (!text_has_word(available, " \n", v2_controllers[i]))
            continue;
        snprintf(word, sizeof(word), "+%s", v2_controllers[i]);
        if (write_file(parent, "cgroup.subtree_control", word) == 0 &&
            write_file(directory, "cgroup.subtree_control", word) == 0)
            note_limit(cgroup, v2_controllers[i]);
    }
}

static int make_unified(struct cgroup *cgroup, const char *path, uid_t uid, gid_t gid)
{
    char leaf[CGROUP_PATH_MAX];
    int result = join_path(leaf, path, DAEMON_LEAF);

    if (result < 0)
        return result;
    enable_controllers(cgroup, path);
    if (mkdir(leaf, 0755) < 0)
        return -errno;
    result = own_files(path, v2_owned_files, COUNT(v2_owned_files), uid, gid);
    if (result < 0)
        return result;
    return own_files(leaf, v2_owned_files, COUNT(v2_owned_files), uid, gid);
}

static int make_hierarchy(struct cgroup *cgroup, const struct cgroup_hierarchy *hierarchy, uid_t uid,
                          gid_t gid)
{
    if (mkdir(hierarchy->path, 0755) < 0)
        return -errno;
    if (hierarchy->unified)
        return make_unified(cgroup, hierarchy->path, uid, gid);
    return own_files(hierarchy->path, v1_owned_files, COUNT(v1_owned_files), uid, gid);
}

int cgroup_create(const char *name, uid_t uid, gid_t gid, struct cgroup *ret_cgroup)
{
    struct cgroup cgroup = {0};
    int result;

    if (snprintf(cgroup.name, sizeof(cgroup.name), "/%s", name) >= (int)sizeof(cgroup.name))
        return -ENAMETOOLONG;
    result = find_hierarchies(&cgroup);
    if (result == 0)
        result = cgroup_remove(&cgroup);
    for (unsigned i = 0; i < cgroup.count && result == 0; i++)
        result = make_hierarchy(&cgroup, &cgroup.hierarchies[i], uid, gid);
    if (result < 0) {
        cgroup_remove(&cgroup);
        return result;
    }
    *ret_cgroup = cgroup;
    return 0;
}

static const char *unified_path(const struct cgroup *cgroup)
{
    for (unsigned i = 0; i < cgroup->count; i++) {
        if (cgroup->hierarchies[i].unified)
            return cgroup->hierarchies[i].path;
    }
    return NULL;
}

int cgroup_join_daemon(const struct cgroup *cgroup)
{
    char leaf[CGROUP_PATH_MAX];
    int result = join_path(leaf, unified_path(cgroup), DAEMON_LEAF);

    return result < 0 ? result : write_file(leaf, "cgroup.procs", "0");
}

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

// cgroup.events raises POLLPRI each time that `populated` changes.
static int wait_until_empty(const char *directory)
{
    char path[CGROUP_PATH_MAX], text[256];
    int result = join_path(path, directory, "cgroup.events");
    long long deadline = now_ms() + EMPTY_DEADLINE_MS;

    if (result < 0)
        return result;
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLPRI};
        ssize_t length = pread(fd, text, sizeof(text) - 1, 0);
        if (length < 0)
            return -errno;
        text[length] = '\0';
        if (strstr(text, "populated 0"))
            return 0;
        long long left = deadline - now_ms();
        if (left <= 0)
            return -ETIMEDOUT;
        if (poll(&wait, 1, (int)left) < 0 && errno != EINTR)
            return -errno;
    }
}

static void cleanup_directory(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

// Only directories can be removed in a cgroup file system; its files vanish with them.
static int remove_groups_below(const char *directory, const char *except, int depth)
{
    __attribute__((cleanup(cleanup_directory))) DIR *entries = opendir(directory);
    struct dirent *entry;
    char path[CGROUP_PATH_MAX];

    if (!entries)
        return errno == ENOENT ? 0 : -errno;
    if (depth > NESTING_MAX)
        return -ELOOP;
    while (errno = 0, (entry = readdir(entries))) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
            (except && strcmp(entry->d_name, except) == 0))
            continue;
        int result = join_path(path, directory, entry->d_name);
        if (result == 0)
            result = remove_groups_below(path, NULL, depth + 1);
        if (result == 0 && rmdir(path) < 0)
            result = -errno;
        if (result < 0)
            return result;
    }
    return -errno;
}

int cgroup_clear(const struct cgroup *cgroup)
{
    const char *unified = unified_path(cgroup);
    int result = 0;

    if (unified && access(unified, F_OK) == 0) {
        result = write_file(unified, "cgroup.kill", "1"); // Linux 5.14
        if (result == 0)
            result = wait_until_empty(unified);
    }
    for (unsigned i = 0; i < cgroup->count && result == 0; i++) {
        const struct cgroup_hierarchy *hierarchy = &cgroup->hierarchies[i];
        result = remove_groups_below(hierarchy->path, hierarchy->unified ? DAEMON_LEAF : NULL, 0);
    }
    return result;
}

int cgroup_remove(const struct cgroup *cgroup)
{
    char leaf[CGROUP_PATH_MAX];
    int result = cgroup_clear(cgroup);

    for (unsigned i = 0; i < cgroup->count && result == 0; i++) {
        const char *path = cgroup->hierarchies[i].path;
        result = join_path(leaf, path, DAEMON_LEAF);
        if (result == 0 && cgroup->hierarchies[i].unified && rmdir(leaf) < 0 && errno != ENOENT)
            result = -errno;
        if (result == 0 && rmdir(path) < 0 && errno != ENOENT)
            result = -errno;
    }
    return result;
}

#include "tests/harness/sandboxd_fixture.h"

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
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

#define DEADLINE_MS 30000

// Own ids for each test program, so that several run side by side and each finds its own leftovers.
#define TEST_UIDS 60000u
#define TEST_UID_BASES 0x40000000u
#define UIDS_OF_A_NODE (1u << 21)

static const char *const hierarchies[SANDBOXD_GROUPS_MAX] = {"memory", "cpu", "cpuacct", "pids", "unified"};

bool sandboxd_mode_possible(enum sandboxd_mode mode)
{
    return mode == SANDBOXD_PLAIN || geteuid() == 0;
}

static void own(const char *path, uid_t uid)
{
    if (geteuid() == 0)
        assert_int_equal(chown(path, uid, uid), 0);
}

static void make_group(struct sandboxd_fixture *fixture, const char *path)
{
    char file[256];
    snprintf(fixture->groups[fixture->group_count++], sizeof(fixture->groups[0]), "%s", path);
    assert_int_equal(mkdir(path, 0755), 0);
    own(path, fixture->uid);
    snprintf(file, sizeof(file), "%s/cgroup.procs", path);
    own(file, fixture->uid);
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
    own(file, fixture->uid);
}

// As sandbox-supervisor does on a machine with v1 controllers; where there are none, the test runs without groups.
static void make_groups(struct sandboxd_fixture *fixture)
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
        own(daemon, fixture->uid);
        snprintf(daemon, sizeof(daemon), "%s/daemon/cgroup.procs", path);
        own(daemon, fixture->uid);
    }
    if (fixture->group_count == 0)
        fixture->group[0] = '\0';
}

void sandboxd_set(struct sandboxd_fixture *fixture, const char *format, ...)
{
    assert_true(fixture->environment_count < SANDBOXD_ENVIRONMENT_MAX);
    char *text = fixture->environment[fixture->environment_count++];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(fixture->environment[0]), format, arguments);
    va_end(arguments);
}

static void open_notify(struct sandboxd_fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", fixture->directory);
    fixture->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fixture->notify >= 0);
    assert_int_equal(bind(fixture->notify, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(chmod(address.sun_path, 0777), 0);
    sandboxd_set(fixture, "NOTIFY_SOCKET=%s", address.sun_path);
}

void sandboxd_prepare(struct sandboxd_fixture *fixture, enum sandboxd_mode mode)
{
    const char *programs = getenv("PROGRAMS");
    assert_non_null(programs);
    *fixture = (struct sandboxd_fixture){.mode = mode, .notify = -1, .client = -1};
    fixture->uid = geteuid() == 0 ? TEST_UIDS + (uid_t)getpid() % 4096 : geteuid();
    fixture->uid_base = TEST_UID_BASES + ((uid_t)getpid() % 256) * UIDS_OF_A_NODE;
    sandboxd_set(fixture, "SANDBOX_UID_BASE=%u", fixture->uid_base);
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/sandboxd-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    assert_int_equal(chmod(fixture->directory, 0755), 0);
    char path[160];
    snprintf(path, sizeof(path), "%s/homes", fixture->directory);
    assert_int_equal(mkdir(path, 0711), 0);
    own(path, fixture->uid);
    sandboxd_set(fixture, "FILE_STORAGE_PATH=%s", path);
    snprintf(path, sizeof(path), "%s/run", fixture->directory);
    assert_int_equal(mkdir(path, 0755), 0);
    own(path, fixture->uid);
    snprintf(fixture->socket, sizeof(fixture->socket), "%s/run/s", fixture->directory);
    snprintf(fixture->program_dir, sizeof(fixture->program_dir), "%s/bin", programs);
    sandboxd_set(fixture, "SANDBOXD_SOCKET=%s", fixture->socket);
    sandboxd_set(fixture, "ASAN_OPTIONS=abort_on_error=1:detect_leaks=0");
    open_notify(fixture);
    if (mode == SANDBOXD_DELEGATED) {
        make_groups(fixture);
        sandboxd_set(fixture, "SANDBOX_CGROUP_PATH=%s", fixture->group);
    }
}

static int keep_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    data[0].effective = data[0].permitted = data[0].inheritable = 1u << CAP_SETUID | 1u << CAP_SETGID;
    if (syscall(SYS_capset, &header, data) < 0 ||
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETUID, 0, 0) < 0 ||
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETGID, 0, 0) < 0)
        return -errno;
    return 0;
}

static int join_group(const char *group)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/cgroup.procs", group);
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : write_all(fd, "0", 1);
}

// A service starts in the group that it is given and moves to the leaf by itself; from then on that group takes no process.
static int join_daemon_group(const struct sandboxd_fixture *fixture)
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

__attribute__((noreturn)) static void become_sandboxd(const struct sandboxd_fixture *fixture)
{
    char program[320];
    char *environment[SANDBOXD_ENVIRONMENT_MAX + 1] = {0};
    for (unsigned i = 0; i < fixture->environment_count; i++)
        environment[i] = (char *)fixture->environment[i];
    snprintf(program, sizeof(program), "%s/bin/sandboxd", getenv("PROGRAMS"));
    bool delegated = fixture->mode == SANDBOXD_DELEGATED;
    if (delegated && join_daemon_group(fixture) < 0)
        _exit(120);
    if (geteuid() == 0) {
        if (delegated && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
            _exit(121);
        if (setgroups(0, NULL) < 0 || setresgid(fixture->uid, fixture->uid, fixture->uid) < 0 ||
            setresuid(fixture->uid, fixture->uid, fixture->uid) < 0)
            _exit(122);
        if (delegated && keep_capabilities() < 0)
            _exit(123);
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); // a failed test leaves nothing running
    char *arguments[] = {(char *)"sandboxd", NULL};
    execve(program, arguments, environment);
    _exit(124);
}

static void start(struct sandboxd_fixture *fixture)
{
    char path[320];
    snprintf(path, sizeof(path), "PROGRAM_DIR=%s", fixture->program_dir);
    unsigned kept = fixture->environment_count;
    sandboxd_set(fixture, "%s", path);
    sandboxd_set(fixture, "SANDBOX_POOL_DESKTOP=%u", fixture->parked);
    fixture->pid = fork();
    assert_true(fixture->pid >= 0);
    if (fixture->pid == 0)
        become_sandboxd(fixture);
    fixture->environment_count = kept;
}

// Waits until the descriptor is readable or the daemon ended.
static bool readable_or_ended(struct sandboxd_fixture *fixture, int fd)
{
    AUTO_FD int pidfd = pidfd_open(fixture->pid, 0);
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
    assert_true(pidfd >= 0);
    assert_true(poll(fds, 2, DEADLINE_MS) > 0);
    return fds[0].revents & POLLIN;
}

void sandboxd_start(struct sandboxd_fixture *fixture)
{
    char text[64] = "";
    start(fixture);
    while (!strstr(text, "READY=1")) { // one that ran before may have said last that it stops
        assert_true(readable_or_ended(fixture, fixture->notify));
        ssize_t length = recv(fixture->notify, text, sizeof(text) - 1, 0);
        assert_true(length > 0);
        text[length] = '\0';
    }
    sandboxd_connect(fixture);
}

static int wait_for_exit(struct sandboxd_fixture *fixture)
{
    AUTO_FD int pidfd = pidfd_open(fixture->pid, 0);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    int status;
    assert_int_equal(poll(&ended, 1, DEADLINE_MS), 1);
    assert_int_equal(waitpid(fixture->pid, &status, 0), fixture->pid);
    fixture->pid = 0;
    return status;
}

int sandboxd_start_refused(struct sandboxd_fixture *fixture)
{
    start(fixture);
    int status = wait_for_exit(fixture);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

void sandboxd_connect(struct sandboxd_fixture *fixture)
{
    struct sandboxd_message hello = {.kind = SANDBOXD_HELLO, .hello = {.version = SANDBOXD_CHANNEL_VERSION}};
    cleanup_fd(&fixture->client);
    fixture->client = -1;
    assert_int_equal(ipc_connect(fixture->socket, &fixture->client), 0);
    sandboxd_send(fixture, &hello);
    fixture->welcome = sandboxd_expect(fixture, SANDBOXD_WELCOME, NULL).welcome;
}

void sandboxd_stop(struct sandboxd_fixture *fixture)
{
    assert_int_equal(kill(fixture->pid, SIGTERM), 0);
    int status = wait_for_exit(fixture);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

void sandboxd_kill(struct sandboxd_fixture *fixture)
{
    assert_int_equal(kill(fixture->pid, SIGKILL), 0);
    wait_for_exit(fixture);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *position)
{
    (void)status;
    (void)kind;
    (void)position;
    return remove(path);
}

static void remove_groups(struct sandboxd_fixture *fixture)
{
    char daemon[192];
    for (unsigned i = 0; i < fixture->group_count; i++) {
        snprintf(daemon, sizeof(daemon), "%s/daemon", fixture->groups[i]);
        if (rmdir(daemon) < 0)
            assert_int_equal(errno, ENOENT);
        assert_int_equal(rmdir(fixture->groups[i]), 0); // fails while a group of a sandbox is left
    }
}

void sandboxd_finish(struct sandboxd_fixture *fixture)
{
    if (fixture->pid > 0)
        sandboxd_stop(fixture);
    assert_int_equal(sandboxd_find_process(fixture, NULL), 0);
    remove_groups(fixture);
    cleanup_fd(&fixture->client);
    cleanup_fd(&fixture->notify);
    assert_int_equal(nftw(fixture->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT), 0);
}

struct sandboxd_create sandboxd_request(uint32_t account)
{
    return (struct sandboxd_create){.sandbox = id_new(),
                                    .owner = id_new(),
                                    .account_number = account,
                                    .template_id = TEMPLATE_DESKTOP,
                                    .limits = {.memory_mb = 512, .cpu_percent = 200, .pids = 200},
                                    .policy = {.clipboard_to_sandbox = 1u << 20,
                                               .clipboard_to_browser = 1u << 20,
                                               .width_max = 3840,
                                               .height_max = 2160,
                                               .sound = 1}};
}

void sandboxd_send(struct sandboxd_fixture *fixture, const struct sandboxd_message *message)
{
    assert_int_equal(sandboxd_message_send(fixture->client, message, CHANNEL_CLIENT, -1), 0);
}

static struct sandboxd_message receive(struct sandboxd_fixture *fixture, int *ret_fd)
{
    struct pollfd ready = {.fd = fixture->client, .events = POLLIN};
    struct sandboxd_message buffer, message = {0};
    AUTO_PACKET struct ipc_packet packet = {0};
    assert_int_equal(poll(&ready, 1, DEADLINE_MS), 1);
    assert_int_equal(ipc_receive(fixture->client, &buffer, sizeof(buffer), &packet), 0);
    assert_int_equal(
        sandboxd_message_decode(&buffer, packet.length, packet.fd_count, CHANNEL_SERVER, &message), 0);
    if (message.kind == SANDBOXD_POOL)
        fixture->pool = message.pool;
    if (message.kind == SANDBOXD_EGRESS)
        fixture->egress = message.egress;
    *ret_fd = steal_fd(&packet.fds[0]);
    return message;
}

void sandboxd_expect_parked(struct sandboxd_fixture *fixture, unsigned count)
{
    while (fixture->pool.rows[TEMPLATE_DESKTOP].ready != count)
        sandboxd_expect(fixture, SANDBOXD_POOL, NULL);
}

struct sandboxd_message sandboxd_expect_any(struct sandboxd_fixture *fixture)
{
    AUTO_FD int fd = -1;
    struct sandboxd_message message;
    do
        message = receive(fixture, &fd);
    while (message.kind == SANDBOXD_POOL || message.kind == SANDBOXD_EGRESS);
    return message;
}

struct sandboxd_message sandboxd_expect(struct sandboxd_fixture *fixture, uint32_t kind, int *ret_fd)
{
    AUTO_FD int fd = -1;
    struct sandboxd_message message;
    do
        message = receive(fixture, &fd);
    while (message.kind != kind &&
           (message.kind == SANDBOXD_POOL || message.kind == SANDBOXD_EGRESS)); // they come between any two
    if (message.kind == SANDBOXD_FAILED && kind != SANDBOXD_FAILED)
        print_error("start failed: %s: %s\n", start_stage_name(message.failed.stage),
                    strerror(message.failed.error));
    assert_int_equal(message.kind, kind);
    if (ret_fd)
        *ret_fd = steal_fd(&fd);
    return message;
}

void sandboxd_create(struct sandboxd_fixture *fixture, const struct sandboxd_create *request)
{
    struct sandboxd_message message = {.kind = SANDBOXD_CREATE, .create = *request};
    sandboxd_send(fixture, &message);
    message = sandboxd_expect(fixture, SANDBOXD_READY, NULL);
    assert_true(id_equal(&message.ready.sandbox, &request->sandbox));
    fixture->ready = message.ready;
}

enum stop_reason sandboxd_expect_end(struct sandboxd_fixture *fixture, const struct id *sandbox)
{
    struct sandboxd_message message = sandboxd_expect(fixture, SANDBOXD_ENDED, NULL);
    assert_true(id_equal(&message.ended.sandbox, sandbox));
    return message.ended.reason;
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

void sandboxd_end(struct sandboxd_fixture *fixture, const struct id *sandbox)
{
    struct sandboxd_message message = {.kind = SANDBOXD_STOP,
                                       .stop = {.sandbox = *sandbox, .reason = STOP_USER}};
    sandboxd_send(fixture, &message);
    assert_int_equal(sandboxd_expect_end(fixture, sandbox), STOP_USER);
}

uid_t sandboxd_host_uid(const struct sandboxd_fixture *fixture, const struct sandboxd_create *request)
{
    return fixture->mode == SANDBOXD_DELEGATED ? fixture->uid_base + request->account_number : fixture->uid;
}

void sandboxd_home(const struct sandboxd_fixture *fixture, const struct sandboxd_create *request,
                   char path[static 160])
{
    char owner[ID_TEXT_SIZE];
    id_format(&request->owner, owner);
    snprintf(path, 160, "%s/homes/%s", fixture->directory, owner);
}

static void make_directory(const char *path, uid_t uid)
{
    if (mkdir(path, 0700) < 0)
        assert_int_equal(errno, EEXIST);
    own(path, uid);
}

static void write_script(const char *path, uid_t uid, const char *script)
{
    AUTO_FILE FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "cd; { %s\n} >~/result.new 2>&1; mv ~/result.new ~/result\n", script);
    own(path, uid);
}

void sandboxd_script(const struct sandboxd_fixture *fixture, const struct sandboxd_create *request,
                     const char *script)
{
    static const char *const below[] = {"", "/.config", "/.config/openbox"};
    char home[160], path[256];
    struct stat status;
    sandboxd_home(fixture, request, home);
    // A home that was in a parked sandbox has the uid of that one.
    uid_t uid = lstat(home, &status) == 0 ? status.st_uid : sandboxd_host_uid(fixture, request);
    for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", home, below[i]);
        make_directory(path, uid);
    }
    snprintf(path, sizeof(path), "%s/result", home);
    unlink(path);
    snprintf(path, sizeof(path), "%s/.config/openbox/autostart", home);
    write_script(path, uid, script);
}

char *sandboxd_result(const struct sandboxd_fixture *fixture, const struct sandboxd_create *request)
{
    char home[160], path[256];
    sandboxd_home(fixture, request, home);
    snprintf(path, sizeof(path), "%s/result", home);
    AUTO_FD int watch = inotify_init1(IN_CLOEXEC);
    assert_true(watch >= 0 && inotify_add_watch(watch, home, IN_MOVED_TO) >= 0);
    while (access(path, F_OK) < 0) {
        struct pollfd changed = {.fd = watch, .events = POLLIN};
        char events[4096];
        assert_int_equal(poll(&changed, 1, DEADLINE_MS), 1);
        assert_true(read(watch, events, sizeof(events)) > 0);
    }
    char *text;
    assert_int_equal(read_file_at(AT_FDCWD, path, 1u << 20, &text, NULL), 0);
    return text;
}

// An orphan that the machine's pid 1 has not reaped yet runs no more.
static bool is_zombie(const char *pid)
{
    char path[300];
    AUTO_FREE char *text = NULL;
    snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    if (read_file_at(AT_FDCWD, path, 4096, &text, NULL) < 0)
        return true;
    const char *state = strrchr(text, ')');
    return state && state[1] == ' ' && state[2] == 'Z';
}

static bool is_ours(const struct sandboxd_fixture *fixture, const char *pid, const char *name)
{
    char path[300];
    struct stat status;
    snprintf(path, sizeof(path), "/proc/%s", pid);
    if (stat(path, &status) < 0)
        return false;
    bool ours = fixture->mode == SANDBOXD_DELEGATED
                    ? status.st_uid > fixture->uid_base && status.st_uid - fixture->uid_base < UIDS_OF_A_NODE
                    : status.st_uid == fixture->uid;
    AUTO_FREE char *text = NULL;
    snprintf(path, sizeof(path), "/proc/%s/comm", pid);
    if (!ours || is_zombie(pid) || read_file_at(AT_FDCWD, path, 64, &text, NULL) < 0)
        return false;
    text[strcspn(text, "\n")] = '\0';
    static const char *const known[] = {"sandbox-init", "Xvfb", "openbox", "tint2", "sandbox-streame"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (name ? strcmp(text, name) == 0 : strcmp(text, known[i]) == 0)
            return true;
    }
    return false;
}

pid_t sandboxd_find_process(const struct sandboxd_fixture *fixture, const char *name)
{
    DIR *processes = opendir("/proc");
    assert_non_null(processes);
    pid_t found = 0;
    for (struct dirent *entry; !found && (entry = readdir(processes));) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && is_ours(fixture, entry->d_name, name))
            found = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    closedir(processes);
    return found;
}

int sandboxd_run_tests(enum sandboxd_mode *mode, const struct CMUnitTest *tests, size_t count)
{
    int failed = 0;
    for (*mode = SANDBOXD_DELEGATED; *mode <= SANDBOXD_PLAIN; (*mode)++) {
        if (sandboxd_mode_possible(*mode))
            failed += _cmocka_run_group_tests(*mode == SANDBOXD_DELEGATED ? "delegated" : "plain", tests,
                                              count, NULL, NULL);
    }
    return failed;
}

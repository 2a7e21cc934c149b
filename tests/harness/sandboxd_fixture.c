#include "tests/harness/sandboxd_fixture_private.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "lib/cleanup.h"

// Own ids for each test program, so that several run side by side and each finds its own leftovers.
#define TEST_PROGRAMS_MAX 256
#define TEST_UIDS 60000u
#define TEST_UID_BASES 0x40000000u

static const char *const mode_names[] = {[SANDBOXD_DELEGATED] = "delegated", [SANDBOXD_PLAIN] = "plain"};

bool sandboxd_mode_possible(enum sandboxd_mode mode)
{
    const char *wanted = getenv("TEST_MODE");
    return (mode == SANDBOXD_PLAIN || geteuid() == 0) && (!wanted || strcmp(wanted, mode_names[mode]) == 0);
}

int sandboxd_deadline_ms(void)
{
    const char *slowness = getenv("TEST_SLOWNESS");
    return DEADLINE_MS * (slowness ? (int)strtol(slowness, NULL, 10) : 1);
}

void sandboxd_own(const char *path, uid_t uid)
{
    if (geteuid() == 0)
        assert_int_equal(chown(path, uid, uid), 0);
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

// A number that no other test program has meanwhile. The name that stands for it goes with this process.
static uid_t own_number(void)
{
    static int name = -1;
    static unsigned number;
    for (unsigned i = 0; name < 0 && i < TEST_PROGRAMS_MAX; i++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        number = ((unsigned)getpid() + i) % TEST_PROGRAMS_MAX;
        int length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "sandboxd-test-%u", number);
        AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
        if (bind(fd, (struct sockaddr *)&address, size) == 0)
            name = steal_fd(&fd);
        else
            assert_int_equal(errno, EADDRINUSE);
    }
    assert_true(name >= 0);
    return number;
}

void sandboxd_prepare(struct sandboxd_fixture *fixture, enum sandboxd_mode mode)
{
    const char *programs = getenv("PROGRAMS");
    assert_non_null(programs);
    *fixture = (struct sandboxd_fixture){.mode = mode, .notify = -1, .client = -1};
    fixture->uid = geteuid() == 0 ? TEST_UIDS + own_number() : geteuid();
    fixture->uid_base = TEST_UID_BASES + own_number() * UIDS_OF_A_NODE;
    sandboxd_set(fixture, "SANDBOX_UID_BASE=%u", fixture->uid_base);
    if (getenv("TEST_SLOWNESS"))
        sandboxd_set(fixture, "SANDBOX_START_TIMEOUT_SECS=%d", sandboxd_deadline_ms() / 1000);
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/sandboxd-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    assert_int_equal(chmod(fixture->directory, 0755), 0);
    char path[160];
    snprintf(path, sizeof(path), "%s/homes", fixture->directory);
    assert_int_equal(mkdir(path, 0711), 0);
    sandboxd_own(path, fixture->uid);
    sandboxd_set(fixture, "FILE_STORAGE_PATH=%s", path);
    snprintf(path, sizeof(path), "%s/run", fixture->directory);
    assert_int_equal(mkdir(path, 0755), 0);
    sandboxd_own(path, fixture->uid);
    snprintf(fixture->socket, sizeof(fixture->socket), "%s/run/s", fixture->directory);
    snprintf(fixture->program_dir, sizeof(fixture->program_dir), "%s/bin", programs);
    sandboxd_set(fixture, "SANDBOXD_SOCKET=%s", fixture->socket);
    sandboxd_set(fixture, "ASAN_OPTIONS=abort_on_error=1:detect_leaks=0");
    open_notify(fixture);
    if (mode == SANDBOXD_DELEGATED) {
        sandboxd_make_groups(fixture);
        sandboxd_set(fixture, "SANDBOX_CGROUP_PATH=%s", fixture->group);
    }
    sandboxd_remember(fixture);
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

__attribute__((noreturn)) static void become_sandboxd(const struct sandboxd_fixture *fixture)
{
    char program[320];
    char *environment[SANDBOXD_ENVIRONMENT_MAX + 1] = {0};
    for (unsigned i = 0; i < fixture->environment_count; i++)
        environment[i] = (char *)fixture->environment[i];
    snprintf(program, sizeof(program), "%s/bin/sandboxd", getenv("PROGRAMS"));
    bool delegated = fixture->mode == SANDBOXD_DELEGATED;
    if (delegated && sandboxd_join_daemon_group(fixture) < 0)
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
    if (*fixture->log && !freopen(fixture->log, "w", stderr))
        _exit(125);
    char *arguments[] = {(char *)"without", (char *)fixture->without, program, NULL};
    char without[320];
    snprintf(without, sizeof(without), "%s/libexec/sandbox-server/tests/sandbox_run_without",
             getenv("PROGRAMS"));
    if (fixture->without)
        execve(without, arguments, environment);
    else
        execve(program, arguments + 2, environment);
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
    sandboxd_remember(fixture);
}

// Waits until the descriptor is readable or the daemon ended.
static bool readable_or_ended(struct sandboxd_fixture *fixture, int fd)
{
    AUTO_FD int pidfd = pidfd_open(fixture->pid, 0);
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
    assert_true(pidfd >= 0);
    assert_true(poll(fds, 2, sandboxd_deadline_ms()) > 0);
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

void sandboxd_start_parked(struct sandboxd_fixture *fixture, enum sandboxd_mode mode, unsigned parked)
{
    sandboxd_prepare(fixture, mode);
    fixture->parked = parked;
    sandboxd_start(fixture);
    sandboxd_expect_parked(fixture, parked);
}

static int wait_for_exit(struct sandboxd_fixture *fixture)
{
    AUTO_FD int pidfd = pidfd_open(fixture->pid, 0);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    int status;
    assert_int_equal(poll(&ended, 1, sandboxd_deadline_ms()), 1);
    assert_int_equal(waitpid(fixture->pid, &status, 0), fixture->pid);
    fixture->pid = 0;
    sandboxd_remember(fixture);
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

int sandboxd_remove_entry(const char *path, const struct stat *status, int kind, struct FTW *position)
{
    (void)status;
    (void)kind;
    (void)position;
    return remove(path);
}

void sandboxd_finish(struct sandboxd_fixture *fixture)
{
    if (fixture->pid > 0)
        sandboxd_stop(fixture);
    sandboxd_expect_nothing(fixture);
    sandboxd_remove_groups(fixture);
    cleanup_fd(&fixture->client);
    cleanup_fd(&fixture->notify);
    assert_int_equal(nftw(fixture->directory, sandboxd_remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT),
                     0);
    sandboxd_forget(fixture);
}

void sandboxd_choose_tests(void)
{
    if (getenv("TEST_FILTER"))
        cmocka_set_test_filter(getenv("TEST_FILTER"));
}

int sandboxd_run_tests(enum sandboxd_mode *mode, const struct CMUnitTest *tests, size_t count)
{
    int failed = 0;
    sandboxd_choose_tests();
    for (*mode = SANDBOXD_DELEGATED; *mode <= SANDBOXD_PLAIN; (*mode)++) {
        if (sandboxd_mode_possible(*mode))
            failed += _cmocka_run_group_tests(mode_names[*mode], tests, count, NULL, NULL);
    }
    return failed;
}

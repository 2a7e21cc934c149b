#include "tests/harness/postgres_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "lib/cleanup.h"

#define DEADLINE_MS 60000
#define PATH_SIZE 256

struct postgres_fixture {
    char directory[64];
    char data[80];
    char programs[PATH_SIZE];
    char url[160];
    uid_t uid; // of the cluster; 0: this process's own
    gid_t gid;
    pid_t pid; // 0: not running
    bool made;
};

static int find_programs(struct postgres_fixture *fixture)
{
    glob_t found;
    if (glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found) != 0)
        return -ENOENT;
    snprintf(fixture->programs, sizeof(fixture->programs), "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
    *strrchr(fixture->programs, '/') = '\0';
    return 0;
}

// PostgreSQL refuses to run as root.
static int choose_user(struct postgres_fixture *fixture)
{
    if (geteuid() != 0)
        return 0;
    const struct passwd *user = getpwnam("postgres");
    if (!user)
        user = getpwnam("nobody");
    if (!user)
        return -ENOENT;
    fixture->uid = user->pw_uid;
    fixture->gid = user->pw_gid;
    return chown(fixture->directory, user->pw_uid, user->pw_gid) ? -errno : 0;
}

_Noreturn static void run_program(const struct postgres_fixture *fixture, const char *const *arguments)
{
    char program[PATH_SIZE + 32];
    char log[PATH_SIZE];
    snprintf(program, sizeof(program), "%s/%s", fixture->programs, arguments[0]);
    if (fixture->uid && (setgroups(0, NULL) || setgid(fixture->gid) || setuid(fixture->uid)))
        _exit(126);
    // After the change of ids, which clears it. SIGINT: a fast shutdown.
    prctl(PR_SET_PDEATHSIG, SIGINT);
    setpgid(0, 0); // a terminal's Ctrl-C is for the test
    snprintf(log, sizeof(log), "%s/log", fixture->directory);
    int file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0 || chdir(fixture->directory) || dup2(file, STDOUT_FILENO) < 0 ||
        dup2(file, STDERR_FILENO) < 0)
        _exit(126);
    // It looks for itself in PATH by the name without a path that argv gives.
    setenv("PATH", fixture->programs, 1);
    execv(program, (char *const *)arguments);
    _exit(127);
}

static pid_t start_program(const struct postgres_fixture *fixture, const char *const *arguments)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        if (getppid() != parent)
            _exit(126);
        run_program(fixture, arguments);
    }
    return pid;
}

static void show_log(const struct postgres_fixture *fixture)
{
    char path[PATH_SIZE];
    char text[4096];
    snprintf(path, sizeof(path), "%s/log", fixture->directory);
    AUTO_FILE FILE *file = fopen(path, "re");
    while (file && fgets(text, sizeof(text), file))
        fputs(text, stderr);
}

// Waits for the end of a child. Its status, or -ETIMEDOUT.
static int wait_end(pid_t pid)
{
    AUTO_FD int handle = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd watched = {.fd = handle, .events = POLLIN};
    int status;
    if (handle < 0 || poll(&watched, 1, DEADLINE_MS) != 1)
        return -ETIMEDOUT;
    return waitpid(pid, &status, 0) == pid ? status : -errno;
}

static int make_cluster(struct postgres_fixture *fixture)
{
    const char *const arguments[] = {"initdb",          "--pgdata",   fixture->data,  "--username", "tester",
                                     "--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync",  NULL};
    pid_t pid = start_program(fixture, arguments);
    if (pid < 0)
        return -errno;
    int status = wait_end(pid);
    if (status != 0) {
        show_log(fixture);
        return -EIO;
    }
    return 0;
}

int postgres_fixture_new(struct postgres_fixture **ret_fixture)
{
    struct postgres_fixture *fixture = calloc(1, sizeof(*fixture));
    if (!fixture)
        return -ENOMEM;
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/postgres-fixture-XXXXXX");
    int error = mkdtemp(fixture->directory) ? 0 : -errno;
    fixture->made = !error;
    if (!error)
        error = find_programs(fixture);
    if (!error)
        error = choose_user(fixture);
    snprintf(fixture->data, sizeof(fixture->data), "%s/data", fixture->directory);
    snprintf(fixture->url, sizeof(fixture->url), "host=%s user=tester dbname=postgres", fixture->directory);
    if (!error)
        error = make_cluster(fixture);
    if (!error)
        error = postgres_fixture_start(fixture);
    if (error) {
        fprintf(stderr, "no PostgreSQL for this test: %s\n", strerror(-error));
        postgres_fixture_free(fixture);
        return error;
    }
    *ret_fixture = fixture;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *position)
{
    (void)status;
    (void)type;
    (void)position;
    return remove(path);
}

void postgres_fixture_free(struct postgres_fixture *fixture)
{
    if (!fixture)
        return;
    postgres_fixture_stop(fixture);
    if (fixture->made)
        nftw(fixture->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(fixture);
}

// Debian's PostgreSQL speaks the sd_notify protocol: an abstract datagram socket named after the directory
// hears READY=1.
static int listen_ready(const struct postgres_fixture *fixture, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    size_t length = strlen(fixture->directory);
    memcpy(address.sun_path + 1, fixture->directory, length);
    if (bind(fd, (struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)))
        return -errno;
    *ret_fd = steal_fd(&fd);
    return 0;
}

static int wait_ready(int socket)
{
    char message[512];
    struct pollfd watched = {.fd = socket, .events = POLLIN};
    while (poll(&watched, 1, DEADLINE_MS) == 1) {
        ssize_t n = recv(socket, message, sizeof(message) - 1, 0);
        if (n < 0)
            return -errno;
        message[n] = '\0';
        if (strstr(message, "READY=1"))
            return 0;
    }
    return -ETIMEDOUT;
}

int postgres_fixture_start(struct postgres_fixture *fixture)
{
    const char *const arguments[] = {"postgres",         "-D", fixture->data,        "-k",
                                     fixture->directory, "-c", "listen_addresses=",  "-c",
                                     "fsync=off",        "-c", "max_connections=40", NULL};
    char name[80];
    AUTO_FD int ready = -1;
    int error = listen_ready(fixture, &ready);
    if (error)
        return error;
    snprintf(name, sizeof(name), "@%s", fixture->directory);
    setenv("NOTIFY_SOCKET", name, 1);
    pid_t pid = start_program(fixture, arguments);
    error = pid < 0 ? -errno : 0;
    unsetenv("NOTIFY_SOCKET");
    if (error)
        return error;
    fixture->pid = pid;
    error = wait_ready(ready);
    if (error)
        show_log(fixture);
    return error;
}

int postgres_fixture_stop(struct postgres_fixture *fixture)
{
    if (fixture->pid == 0)
        return 0;
    postgres_fixture_thaw(fixture);
    kill(fixture->pid, SIGINT);
    int status = wait_end(fixture->pid);
    fixture->pid = 0;
    return status;
}

// PostgreSQL's processes are all children of the first, each in a session of its own.
static int signal_all(const struct postgres_fixture *fixture, int number)
{
    char path[64];
    int child;
    if (kill(fixture->pid, number))
        return -errno;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", fixture->pid, fixture->pid);
    AUTO_FILE FILE *children = fopen(path, "re");
    if (!children)
        return -errno;
    while (fscanf(children, "%d", &child) == 1)
        kill(child, number);
    return 0;
}

int postgres_fixture_freeze(struct postgres_fixture *fixture)
{
    return signal_all(fixture, SIGSTOP);
}

int postgres_fixture_thaw(struct postgres_fixture *fixture)
{
    return signal_all(fixture, SIGCONT);
}

const char *postgres_fixture_url(const struct postgres_fixture *fixture)
{
    return fixture->url;
}

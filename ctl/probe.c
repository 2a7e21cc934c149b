#include "ctl/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/cleanup.h"

#define SYSTEMD_RUN "/usr/bin/systemd-run"
#define SETPRIV "/usr/bin/setpriv" // util-linux

static int find_name(const char *name, const char *(*name_of)(unsigned))
{
    for (unsigned i = 0; name_of(i); i++) {
        if (strcmp(name_of(i), name) == 0)
            return (int)i;
    }
    return -EPROTO;
}

#define FOUNDATION_ROW LAYER_COUNT

static int parse_line(char *line, struct probe_rows *rows, bool *seen)
{
    const char *name = strsep(&line, "\t");
    const char *state_text = line ? strsep(&line, "\t") : "";
    const char *detail = line ? line : "";
    int row = strcmp(name, ISOLATION_FOUNDATION) == 0 ? FOUNDATION_ROW : find_name(name, layer_name);
    int state = find_name(state_text, layer_state_name);
    if (row < 0 || state < 0 || seen[row])
        return -EPROTO;
    struct layer_report *report = row == FOUNDATION_ROW ? &rows->foundation : &rows->layers[row];
    if (strlen(detail) >= sizeof(report->detail))
        return -EPROTO;
    seen[row] = true;
    report->state = (uint8_t)state;
    memcpy(report->detail, detail, strlen(detail));
    return 0;
}

int probe_parse(char *text, struct probe_rows *ret_rows)
{
    struct probe_rows rows = {0};
    bool seen[FOUNDATION_ROW + 1] = {false};
    for (char *line; (line = strsep(&text, "\n"));) {
        int error = *line ? parse_line(line, &rows, seen) : 0;
        if (error)
            return error;
    }
    for (unsigned i = 0; i <= FOUNDATION_ROW; i++) {
        if (!seen[i])
            return -EPROTO;
    }
    *ret_rows = rows;
    return 0;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Everything until the end of the output, NUL-terminated.
static int read_output(int fd, char text[static PROBE_TEXT_MAX])
{
    int64_t deadline = now_ms() + PROBE_DEADLINE_MS;
    size_t length = 0;
    for (;;) {
        struct pollfd watched = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - now_ms();
        if (left <= 0 || poll(&watched, 1, (int)left) == 0)
            return -ETIMEDOUT;
        ssize_t n = read(fd, text + length, PROBE_TEXT_MAX - 1 - length);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0) {
            text[length] = '\0';
            return 0;
        }
        length += n > 0 ? (size_t)n : 0;
        if (length == PROBE_TEXT_MAX - 1)
            return -EPROTO;
    }
}

_Noreturn static void execute(const char *program, const char *config_path, enum probe_manner manner,
                              int output)
{
    // As root: with the ids and the two capabilities that the service has. sandboxd refuses to run as root.
    const char *const as_user[] = {
        SETPRIV,          "--reuid",    PROBE_USER,        "--regid",        PROBE_USER,
        "--clear-groups", "--inh-caps", "+setuid,+setgid", "--ambient-caps", "+setuid,+setgid",
        "--no-new-privs", "--",         program,           "--probe",        config_path ? "--config" : NULL,
        config_path,      NULL};
    // As systemd starts the service: with a delegated control group of its own, too.
    const char *const as_unit[] = {SYSTEMD_RUN,
                                   "--quiet",
                                   "--wait",
                                   "--pipe",
                                   "--collect",
                                   "--property=User=" PROBE_USER,
                                   "--property=Delegate=yes",
                                   "--property=AmbientCapabilities=CAP_SETUID CAP_SETGID",
                                   "--property=CapabilityBoundingSet=CAP_SETUID CAP_SETGID",
                                   "--property=NoNewPrivileges=yes",
                                   "--",
                                   program,
                                   "--probe",
                                   config_path ? "--config" : NULL,
                                   config_path,
                                   NULL};
    const char *const *from = geteuid() != 0 ? as_user + 12 : manner == PROBE_AS_UNIT ? as_unit : as_user;
    int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (input < 0 || dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0)
        _exit(126);
    execv(from[0], (char *const *)from);
    _exit(127);
}

int probe_run(const char *program, const char *config_path, enum probe_manner manner,
              struct probe_rows *ret_rows)
{
    int ends[2];
    char text[PROBE_TEXT_MAX];
    if (access(program, X_OK) || pipe2(ends, O_CLOEXEC))
        return -errno;
    AUTO_FD int output = ends[0];
    AUTO_FD int input = ends[1];
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        execute(program, config_path, manner, input);
    close(steal_fd(&input));
    int error = read_output(output, text);
    if (error)
        kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return error ? error : probe_parse(text, ret_rows);
}

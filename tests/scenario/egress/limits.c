// What bounds a sandbox, and what happens when a process ends.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tests/harness/egress_fixture.h"

#define CONNECTIONS 1000
#define TUNNEL "CONNECT allowed.test:443 HTTP/1.1\r\nHost: allowed.test:443\r\n\r\n"

static struct egress_fixture fixture;

static int stop(void **state)
{
    (void)state;
    egress_stop(&fixture);
    return 0;
}

static int open_tunnel(void)
{
    char text[2048];
    int fd = egress_client(&fixture);
    assert_true(fd >= 0);
    egress_write(fd, TUNNEL);
    egress_read(fd, "\r\n\r\n", text, sizeof(text));
    assert_int_equal(strncmp(text, "HTTP/1.1 200 ", 13), 0);
    return fd;
}

// Both halves are closed when its end is seen.
static void end_tunnel(int fd)
{
    char text[64];
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    egress_read(fd, "", text, sizeof(text));
    close(fd);
}

static int start_wide(void **state)
{
    (void)state;
    egress_start(&fixture, CONNECTIONS, 0);
    egress_set_rules(&fixture, EGRESS_RULES("allowed.test:443,80"));
    return 0;
}

static void connections_are_bounded(void **state)
{
    (void)state;
    static int fds[CONNECTIONS];
    char text[2048];
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        fds[i] = open_tunnel();
    assert_int_equal(egress_count(&fixture).open, CONNECTIONS);
    egress_ask(&fixture, "", text, sizeof(text));
    assert_int_equal(strncmp(text, "HTTP/1.1 503 ", 13), 0);
    egress_write(fds[CONNECTIONS - 1], "still\n");
    egress_read(fds[CONNECTIONS - 1], "\n", text, sizeof(text));
    assert_string_equal(text, "still\n");
    // Idle tunnels hold no pipe.
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%u", fixture.pid, CONNECTIONS * 2 + 200);
    assert_int_equal(access(path, F_OK), -1);
    end_tunnel(fds[0]);
    assert_int_equal(egress_count(&fixture).open, CONNECTIONS - 1);
    fds[0] = open_tunnel();
    for (unsigned i = 0; i < CONNECTIONS; i++)
        end_tunnel(fds[i]);
    assert_int_equal(egress_count(&fixture).open, 0);
}

static void a_slow_client_holds_up_nobody(void **state)
{
    (void)state;
    char text[2048];
    AUTO_FD int slow = egress_client(&fixture);
    egress_write(slow, "GET http://allowed.test/ HTTP/1.1\r\nHost: allo");
    AUTO_FD int fast = open_tunnel();
    egress_write(fast, "x\n");
    egress_read(fast, "\n", text, sizeof(text));
    // A byte now and then does not prolong it.
    struct timeval second = {.tv_sec = 1};
    assert_int_equal(setsockopt(slow, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)), 0);
    ssize_t n = -1;
    for (unsigned i = 0; i < 40 && n < 0; i++) {
        (void)!send(slow, "w", 1, MSG_NOSIGNAL);
        n = recv(slow, text, sizeof(text) - 1, 0);
    }
    assert_true(n > 13);
    assert_int_equal(strncmp(text, "HTTP/1.1 408 ", 13), 0);
}

static void a_silent_name_server_stalls_nobody(void **state)
{
    (void)state;
    char text[2048];
    int fds[16];
    egress_set_rules(&fixture, EGRESS_RULES("silent.test:443", "allowed.test:443"));
    for (unsigned i = 0; i < 16; i++) {
        fds[i] = egress_client(&fixture);
        egress_write(fds[i], "CONNECT silent.test:443 HTTP/1.1\r\nHost: silent.test:443\r\n\r\n");
    }
    egress_count(&fixture); // the loop goes on
    egress_read(fds[15], "", text, sizeof(text));
    assert_int_equal(strncmp(text, "HTTP/1.1 504 ", 13), 0);
    for (unsigned i = 0; i < 16; i++)
        close(fds[i]);
}

static void a_tunnel_closes_by_halves(void **state)
{
    (void)state;
    char text[64];
    egress_set_rules(&fixture, EGRESS_RULES("allowed.test:443"));
    AUTO_FD int fd = open_tunnel();
    egress_write(fd, "last words");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    egress_read(fd, "", text, sizeof(text));
    assert_string_equal(text, "last words");
}

static int start_quota(void **state)
{
    (void)state;
    egress_start(&fixture, 4, 10 << 20);
    egress_set_rules(&fixture, EGRESS_RULES("allowed.test:443,80"));
    return 0;
}

static void bytes_are_bounded(void **state)
{
    (void)state;
    static char block[65536];
    char text[2048];
    size_t total = 0;
    ssize_t n;
    AUTO_FD int fd = egress_client(&fixture);
    egress_write(fd, "GET http://allowed.test/big HTTP/1.1\r\nHost: allowed.test\r\n\r\n");
    while ((n = read(fd, block, sizeof(block))) > 0)
        total += (size_t)n;
    assert_in_range(total, 1 << 20, 16 << 20);
    egress_ask(&fixture, TUNNEL, text, sizeof(text));
    assert_non_null(strstr(text, "X-Sandbox-Egress: quota"));
    struct egress_counters counters = egress_count(&fixture);
    assert_true(counters.bytes_in >= 10 << 20);
    assert_true(counters.bytes_out > 0);
    assert_int_equal(counters.connections, 2);
    assert_int_equal(counters.requests, 1);
    assert_int_equal(counters.denied, 2);
}

static int start_plain(void **state)
{
    (void)state;
    egress_start(&fixture, 64, 0);
    egress_set_rules(&fixture, EGRESS_RULES("allowed.test:443"));
    return 0;
}

static void a_killed_proxy_leaves_refused_connections(void **state)
{
    (void)state;
    int status;
    AUTO_FD int fd = open_tunnel();
    assert_int_equal(kill(fixture.pid, SIGKILL), 0);
    egress_wait(&fixture, &status);
    assert_true(WIFSIGNALED(status));
    assert_true(egress_closed(fd));
    assert_int_equal(egress_listener_silence(fixture.listener), 0);
    assert_int_equal(egress_client(&fixture), -1);
    // The next one takes the same listener.
    egress_spawn(&fixture);
    egress_add_sandbox(&fixture, 64, 0);
    egress_set_rules(&fixture, EGRESS_RULES("allowed.test:443"));
    AUTO_FD int again = open_tunnel();
}

static void a_removed_sandbox_is_cut_off(void **state)
{
    (void)state;
    AUTO_FD int fd = open_tunnel();
    struct egress_message message = {.kind = EGRESS_REMOVE, .of_sandbox = {fixture.sandbox}};
    assert_int_equal(egress_message_send(fixture.channel, &message, EGRESS_SIDE_SANDBOXD, -1), 0);
    egress_receive(&fixture, EGRESS_REMOVED, &message);
    assert_int_equal(message.counters.requests, 1);
    assert_true(egress_closed(fd));
    assert_int_equal(egress_client(&fixture), -1);
    message = (struct egress_message){.kind = EGRESS_COUNT, .of_sandbox = {fixture.sandbox}};
    assert_int_equal(egress_message_send(fixture.channel, &message, EGRESS_SIDE_SANDBOXD, -1), 0);
    egress_receive(&fixture, EGRESS_REFUSED, &message);
    assert_int_equal(message.refused.error, ENOENT);
}

// Field `name` of /proc/PID/status.
static void read_status(pid_t pid, const char *name, char value[static 64])
{
    char path[64], line[256];
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    AUTO_FILE FILE *file = fopen(path, "re");
    assert_non_null(file);
    value[0] = '\0';
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, name, strlen(name)) == 0)
            sscanf(line + strlen(name), ": %63s", value);
    }
}

// The processes that this one started.
static unsigned children_of(pid_t pid, pid_t *ret_pids, unsigned maximum)
{
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    AUTO_FILE FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (count < maximum && fscanf(file, "%d", &ret_pids[count]) == 1)
        count++;
    return count;
}

static void dead_resolvers_are_replaced(void **state)
{
    (void)state;
    pid_t keeper, resolvers[16], after[16];
    AUTO_FD int before = open_tunnel();
    assert_int_equal(children_of(fixture.pid, &keeper, 1), 1);
    unsigned count = children_of(keeper, resolvers, 16);
    assert_int_equal(count, 8);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(kill(resolvers[i], SIGKILL), 0);
    AUTO_FD int again = open_tunnel();
    assert_int_equal(children_of(fixture.pid, after, 16), 1);
    assert_int_equal(after[0], keeper);
}

// As the proxy's own user: root may lack the capability.
static void limit_descriptors(rlim_t soft)
{
    char uid[64];
    read_status(fixture.pid, "Uid", uid);
    uid_t id = (uid_t)strtoul(uid, NULL, 10);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit;
        bool done = setresgid(id, id, id) == 0 && setresuid(id, id, id) == 0 &&
                    prlimit(fixture.pid, RLIMIT_NOFILE, NULL, &limit) == 0;
        limit.rlim_cur = soft;
        _exit(done && prlimit(fixture.pid, RLIMIT_NOFILE, &limit, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

// Nothing is lost but time: who can't be accepted waits in the kernel.
static void without_descriptors_it_waits(void **state)
{
    (void)state;
    char text[2048];
    AUTO_FD int held = open_tunnel();
    limit_descriptors(16);
    AUTO_FD int fd = egress_client(&fixture);
    egress_write(fd, TUNNEL);
    egress_write(held, "still\n");
    egress_read(held, "\n", text, sizeof(text));
    assert_string_equal(text, "still\n");
    egress_count(&fixture);
    limit_descriptors(4096);
    egress_read(fd, "\r\n\r\n", text, sizeof(text));
    assert_int_equal(strncmp(text, "HTTP/1.1 200 ", 13), 0);
    assert_true(egress_logged(&fixture, "no connection can be accepted"));
}

static void it_is_confined(void **state)
{
    (void)state;
    static const char *const fields[][2] = {{"NoNewPrivs", "1"},
                                            {"Seccomp", "2"},
                                            {"CapEff", "0000000000000000"},
                                            {"CapPrm", "0000000000000000"},
                                            {"CapAmb", "0000000000000000"},
                                            {"Threads", "1"}};
    char value[64];
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        read_status(fixture.pid, fields[i][0], value);
        assert_string_equal(value, fields[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_are_bounded, start_quota, stop),
        cmocka_unit_test_setup_teardown(a_killed_proxy_leaves_refused_connections, start_plain, stop),
        cmocka_unit_test_setup_teardown(a_removed_sandbox_is_cut_off, start_plain, stop),
        cmocka_unit_test_setup_teardown(dead_resolvers_are_replaced, start_plain, stop),
        cmocka_unit_test_setup_teardown(without_descriptors_it_waits, start_plain, stop),
        cmocka_unit_test_setup_teardown(it_is_confined, start_plain, stop),
        cmocka_unit_test_setup_teardown(a_silent_name_server_stalls_nobody, start_plain, stop),
        cmocka_unit_test_setup_teardown(a_tunnel_closes_by_halves, start_plain, stop),
        cmocka_unit_test_setup_teardown(connections_are_bounded, start_wide, stop),
        cmocka_unit_test_setup_teardown(a_slow_client_holds_up_nobody, start_wide, stop),
    };
    if (geteuid() != 0) {
        puts("skipped: making network namespaces needs root");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/harness/egress_fixture.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "tests/harness/egress_outside.h"

#define DEADLINE_MS 20000
#define PROXY_UID 60999

static int original = -1; // the network namespace that the test came from

static void enter(int namespace)
{
    assert_int_equal(setns(namespace, CLONE_NEWNET), 0);
}

static int new_namespace(void)
{
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

// Runs ip(8) with these words in the current network namespace.
__attribute__((format(printf, 1, 2))) static void ip(const char *format, ...)
{
    char line[256], program[] = "ip", *words[24] = {program}, *rest = line;
    size_t count = 1;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    while ((words[count] = strsep(&rest, " ")))
        count++;
    pid_t pid = fork();
    if (pid == 0) {
        execvp(program, words);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

void egress_make_networks(struct egress_fixture *fixture)
{
    static const char *const addresses[] = {OUTSIDE_ADDRESS "/24",  OUTSIDE_SECOND "/24",
                                            OUTSIDE_PRIVATE "/32",  OUTSIDE_METADATA "/32",
                                            OUTSIDE6_ADDRESS "/64", OUTSIDE6_PRIVATE "/128"};
    original = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    fixture->inside = new_namespace();
    ip("link set lo up");
    fixture->outside = new_namespace();
    ip("link set lo up");
    fixture->node = new_namespace();
    ip("link set lo up");
    ip("link add n0 type veth peer name o0 netns /proc/%d/fd/%d", getpid(), fixture->outside);
    ip("addr add " NODE_ADDRESS "/24 dev n0");
    ip("addr add " NODE6_ADDRESS "/64 dev n0 nodad"); // no wait until an address may be used
    ip("link set n0 up");
    enter(fixture->outside);
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        ip("addr add %s dev o0%s", addresses[i], strchr(addresses[i], ':') ? " nodad" : "");
    ip("link set o0 up");
    outside_start();
    enter(fixture->node);
    ip("route add default via " OUTSIDE_ADDRESS);
    ip("route add default via " OUTSIDE6_ADDRESS);
    enter(original);
}

static void write_file(const char *path, const char *text)
{
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write_all(fd, text, strlen(text)) < 0)
        abort();
}

int egress_become_node(const struct egress_fixture *fixture)
{
    if (setns(fixture->node, CLONE_NEWNET) < 0 || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", "/mnt", "tmpfs", 0, "mode=755") < 0)
        return -errno;
    write_file("/mnt/resolv.conf", "nameserver " OUTSIDE_ADDRESS "\n");
    write_file("/mnt/hosts", "127.0.0.1 localhost\n10.9.0.1 hosts.wild.test\n");
    if (mount("/mnt/resolv.conf", "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0 ||
        mount("/mnt/hosts", "/etc/hosts", NULL, MS_BIND, NULL) < 0)
        return -errno;
    return 0;
}

// In the child: the proxy's network, its name servers, its user.
static _Noreturn void become_proxy(struct egress_fixture *fixture, int channel)
{
    char program[512];
    snprintf(program, sizeof(program), "%s/bin/sandbox-egress", getenv("PROGRAMS"));
    int log = open(fixture->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log < 0 || egress_become_node(fixture) < 0 || dup2(log, STDERR_FILENO) < 0 ||
        (channel != EGRESS_CHANNEL_FD ? dup2(channel, EGRESS_CHANNEL_FD) < 0
                                      : fcntl(channel, F_SETFD, 0) < 0) ||
        setresgid(PROXY_UID, PROXY_UID, PROXY_UID) < 0 || setresuid(PROXY_UID, PROXY_UID, PROXY_UID) < 0)
        abort();
    execl(program, "sandbox-egress", NULL);
    _exit(127);
}

void egress_spawn(struct egress_fixture *fixture)
{
    int pair[2];
    struct egress_message message;
    assert_int_equal(ipc_pair(0, pair), 0);
    fixture->pid = fork();
    assert_true(fixture->pid >= 0);
    if (fixture->pid == 0)
        become_proxy(fixture, pair[1]);
    close(pair[1]);
    fixture->channel = pair[0];
    egress_receive(fixture, EGRESS_READY, &message);
    assert_int_equal(message.ready.version, EGRESS_CHANNEL_VERSION);
    assert_true(message.ready.connection_maximum > 1000);
}

void egress_receive(struct egress_fixture *fixture, uint32_t kind, struct egress_message *ret_message)
{
    struct egress_message buffer;
    AUTO_PACKET struct ipc_packet packet = {0};
    struct pollfd wait = {.fd = fixture->channel, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, DEADLINE_MS), 1);
    assert_int_equal(ipc_receive(fixture->channel, &buffer, sizeof(buffer), &packet), 0);
    assert_int_equal(
        egress_message_decode(&buffer, packet.length, packet.fd_count, EGRESS_SIDE_EGRESS, ret_message), 0);
    assert_int_equal(ret_message->kind, kind);
}

void egress_add_sandbox(struct egress_fixture *fixture, unsigned maximum, uint64_t quota)
{
    struct egress_message message = {.kind = EGRESS_ADD};
    message.add =
        (struct egress_add){.sandbox = fixture->sandbox, .byte_quota = quota, .connection_maximum = maximum};
    assert_int_equal(egress_message_send(fixture->channel, &message, EGRESS_SIDE_SANDBOXD, fixture->listener),
                     0);
    egress_receive(fixture, EGRESS_ADDED, &message);
}

void egress_start(struct egress_fixture *fixture, unsigned maximum, uint64_t quota)
{
    *fixture = (struct egress_fixture){.channel = -1, .listener = -1, .sandbox = id_new()};
    snprintf(fixture->log, sizeof(fixture->log), "/tmp/egress-test-XXXXXX");
    int log = mkstemp(fixture->log);
    assert_true(log >= 0);
    close(log);
    egress_make_networks(fixture);
    enter(fixture->inside);
    assert_int_equal(egress_listener_open(&fixture->listener), 0);
    enter(original);
    egress_spawn(fixture);
    egress_add_sandbox(fixture, maximum, quota);
}

void egress_wait(struct egress_fixture *fixture, int *ret_status)
{
    assert_int_equal(waitpid(fixture->pid, ret_status, 0), fixture->pid);
    close(fixture->channel);
}

void egress_stop(struct egress_fixture *fixture)
{
    int status;
    shutdown(fixture->channel, SHUT_RDWR);
    egress_wait(fixture, &status);
    assert_int_equal(status, 0);
    close(fixture->listener);
    close(fixture->inside);
    close(fixture->outside);
    close(fixture->node);
    close(original);
    unlink(fixture->log);
}

unsigned egress_set_policy(struct egress_fixture *fixture, const struct egress_policy *policy)
{
    struct egress_message message;
    assert_int_equal(egress_policy_send(fixture->channel, &fixture->sandbox, policy, ++fixture->serial), 0);
    egress_receive(fixture, EGRESS_POLICY_IN_FORCE, &message);
    assert_int_equal(message.policy_in_force.serial, fixture->serial);
    return message.policy_in_force.closed;
}

unsigned egress_set_rules(struct egress_fixture *fixture, const char *const *rules)
{
    struct egress_rule parsed[EGRESS_RULES_MAX];
    struct egress_policy policy = {.rules = parsed};
    for (; *rules; rules++)
        assert_int_equal(egress_rule_parse(*rules, &parsed[policy.rule_count++]), 0);
    return egress_set_policy(fixture, &policy);
}

struct egress_counters egress_count(struct egress_fixture *fixture)
{
    struct egress_message message = {.kind = EGRESS_COUNT, .of_sandbox = {fixture->sandbox}};
    assert_int_equal(egress_message_send(fixture->channel, &message, EGRESS_SIDE_SANDBOXD, -1), 0);
    egress_receive(fixture, EGRESS_COUNTERS, &message);
    return message.counters;
}

int egress_client(struct egress_fixture *fixture)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(EGRESS_LISTENER_PORT),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval deadline = {.tv_sec = DEADLINE_MS / 1000};
    enter(fixture->inside);
    AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    enter(original);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)), 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        assert_int_equal(errno, ECONNREFUSED);
        return -1;
    }
    return steal_fd(&fd);
}

void egress_write(int fd, const char *text)
{
    size_t length = strlen(text);
    assert_int_equal(send(fd, text, length, MSG_NOSIGNAL), length);
}

size_t egress_read(int fd, const char *until, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    while (length < size - 1 && !(*until && strstr(text, until))) {
        ssize_t n = recv(fd, text + length, *until ? 1 : size - 1 - length, 0);
        if (n < 0 && errno != ECONNRESET)
            fail_msg("nothing came: %s after %s", strerror(errno), text);
        if (n <= 0)
            break;
        length += (size_t)n;
        text[length] = '\0';
    }
    return length;
}

void egress_ask(struct egress_fixture *fixture, const char *request, char *text, size_t size)
{
    AUTO_FD int fd = egress_client(fixture);
    assert_true(fd >= 0);
    egress_write(fd, request);
    egress_read(fd, "", text, size);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

int64_t egress_deadline(void)
{
    return now_ms() + DEADLINE_MS;
}

bool egress_is_late(int64_t deadline)
{
    return now_ms() > deadline;
}

bool egress_closed(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, 0);
    if (n < 0 && errno == EAGAIN)
        fail_msg("the connection was not closed");
    return n <= 0;
}

void egress_rebind(const char *address)
{
    outside_rebind(address);
}

unsigned egress_questions(const char *suffix)
{
    return outside_questions(suffix);
}

bool egress_logged(struct egress_fixture *fixture, const char *text)
{
    AUTO_FREE char *log = NULL;
    assert_int_equal(read_file_at(AT_FDCWD, fixture->log, 4u << 20, &log, NULL), 0);
    return strstr(log, text) != NULL;
}

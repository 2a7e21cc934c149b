// How fast bytes go from a server to a program in a sandbox through sandbox-egress, beside the same transfer without
// it and, if given, through another proxy's program.
//
// usage: egress PROGRAM_DIR [PEER]     PEER: a shell command that serves a proxy on 127.0.0.1:$PORT
// Everything happens in network namespaces of its own; needs root.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/cleanup.h"
#include "lib/egress_channel.h"
#include "lib/fd.h"

#define BYTES (UINT64_C(1) << 30)
#define SMALL_ROUNDS 2000
#define RUNS 5
#define SERVER_PORT 9100
#define PEER_PORT "3129"
#define DESTINATION "127.0.0.1:9100"

static _Noreturn void give_up(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void *serve_one(void *data)
{
    static char block[1 << 18];
    int fd = (int)(intptr_t)data;
    char kind;
    // 'b': many bytes; 'e': echo.
    if (read(fd, &kind, 1) == 1 && kind == 'b') {
        for (uint64_t sent = 0; sent < BYTES; sent += sizeof(block)) {
            if (write_all(fd, block, sizeof(block)) < 0)
                break;
        }
    } else {
        while (read(fd, &kind, 1) == 1 && write_all(fd, &kind, 1) == 0)
            ;
    }
    close(fd);
    return NULL;
}

static void *serve(void *data)
{
    int listener = *(int *)data;
    for (;;) {
        pthread_t thread;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0 && pthread_create(&thread, NULL, serve_one, (void *)(intptr_t)fd) == 0)
            pthread_detach(thread);
    }
    return NULL;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int open_connection(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        give_up("connect");
    return fd;
}

static int open_tunnel(uint16_t proxy)
{
    static const char request[] = "CONNECT " DESTINATION " HTTP/1.1\r\nHost: " DESTINATION "\r\n\r\n";
    char answer[1024] = "";
    size_t length = 0;
    int fd = open_connection(proxy ? proxy : SERVER_PORT);
    if (!proxy)
        return fd;
    if (write_all(fd, request, sizeof(request) - 1) < 0)
        give_up("request");
    while (!strstr(answer, "\r\n\r\n") && length < sizeof(answer) - 1 && read(fd, answer + length, 1) == 1)
        length++;
    if (strncmp(answer, "HTTP/1.", 7) != 0 || strncmp(answer + 9, "200", 3) != 0) {
        fprintf(stderr, "refused: %s\n", answer);
        exit(EXIT_FAILURE);
    }
    return fd;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double transfer(uint16_t proxy)
{
    static char block[1 << 18];
    uint64_t total = 0;
    ssize_t n;
    AUTO_FD int fd = open_tunnel(proxy);
    double start = seconds();
    if (write_all(fd, "b", 1) < 0)
        give_up("write");
    while ((n = recv(fd, block, sizeof(block), MSG_TRUNC)) >
           0) // not copied: the client is not what is measured
        total += (uint64_t)n;
    if (total != BYTES)
        give_up("short transfer");
    return (double)BYTES / (seconds() - start) / 1e6;
}

static double round_trip(uint16_t proxy)
{
    char byte = 'x';
    AUTO_FD int fd = open_tunnel(proxy);
    if (write_all(fd, "e", 1) < 0)
        give_up("write");
    double start = seconds();
    for (unsigned i = 0; i < SMALL_ROUNDS; i++) {
        if (write_all(fd, &byte, 1) < 0 || read(fd, &byte, 1) != 1)
            give_up("round trip");
    }
    return (seconds() - start) / SMALL_ROUNDS * 1e6;
}

static double start_tunnel(uint16_t proxy)
{
    double start = seconds();
    for (unsigned i = 0; i < SMALL_ROUNDS / 4; i++)
        close(open_tunnel(proxy));
    return (seconds() - start) / (SMALL_ROUNDS / 4) * 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double (*measure)(uint16_t), uint16_t proxy)
{
    double values[RUNS];
    for (unsigned i = 0; i < RUNS; i++)
        values[i] = measure(proxy);
    qsort(values, RUNS, sizeof(values[0]), compare);
    return values[RUNS / 2];
}

static void report(const char *name, uint16_t proxy)
{
    double rate = median(transfer, proxy), trip = median(round_trip, proxy),
           start = median(start_tunnel, proxy);
    printf("%-16s %8.0f MB/s   round trip %6.1f us   tunnel start %6.1f us\n", name, rate, trip, start);
    fflush(stdout);
}

static pid_t start_egress(const char *directory, int *ret_channel)
{
    char program[512];
    int pair[2];
    snprintf(program, sizeof(program), "%s/sandbox-egress", directory);
    if (ipc_pair(0, pair) < 0)
        give_up("socketpair");
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(pair[1], EGRESS_CHANNEL_FD) < 0 || setenv("LOG_LEVEL", "warning", 1) < 0)
            _exit(127);
        fcntl(EGRESS_CHANNEL_FD, F_SETFD, 0);
        execl(program, "sandbox-egress", NULL);
        _exit(127);
    }
    close(pair[1]);
    *ret_channel = pair[0];
    return pid;
}

static void receive(int channel)
{
    struct egress_message message;
    AUTO_PACKET struct ipc_packet packet = {0};
    if (ipc_receive(channel, &message, sizeof(message), &packet) < 0 || message.kind == EGRESS_REFUSED)
        give_up("sandbox-egress");
}

static void serve_sandbox(int channel)
{
    struct id sandbox = id_new();
    struct egress_rule rule;
    struct egress_message message = {.kind = EGRESS_ADD,
                                     .add = {sandbox, 0, EGRESS_CONNECTIONS_PER_SANDBOX_MAX, 0}};
    AUTO_FD int listener = -1;
    receive(channel);
    if (egress_listener_open(&listener) < 0 ||
        egress_message_send(channel, &message, EGRESS_SIDE_SANDBOXD, listener) < 0)
        give_up("listener");
    receive(channel);
    // The server stands on this machine's own loopback address, so exactly that is allowed.
    if (egress_rule_parse(DESTINATION, &rule) < 0 ||
        egress_policy_send(channel, &sandbox, &(struct egress_policy){.rules = &rule, .rule_count = 1}, 1) <
            0)
        give_up("policy");
    receive(channel);
}

static pid_t start_peer(const char *command)
{
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        setenv("PORT", PEER_PORT, 1);
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    // It tells nobody when it serves: wait for its port, for 5 s at most.
    struct sockaddr_in address = loopback((uint16_t)strtoul(PEER_PORT, NULL, 10));
    for (unsigned i = 0; i < 500; i++) {
        AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            return pid;
        poll(NULL, 0, 10);
    }
    give_up("peer");
}

static void bring_up_loopback(void)
{
    pid_t pid = fork();
    int status;
    if (pid == 0) {
        execlp("ip", "ip", "link", "set", "lo", "up", NULL);
        _exit(127);
    }
    if (waitpid(pid, &status, 0) != pid || status != 0)
        give_up("ip link set lo up");
}

int main(int argc, char **argv)
{
    static int listener;
    pthread_t thread;
    int channel, on = 1;
    struct sockaddr_in address = loopback(SERVER_PORT);
    if (argc < 2 || unshare(CLONE_NEWNET) < 0)
        give_up("usage: egress PROGRAM_DIR [PEER], as root");
    bring_up_loopback();
    signal(SIGPIPE, SIG_IGN);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 4096) < 0)
        give_up("server");
    pid_t pid = start_egress(argv[1], &channel);
    serve_sandbox(channel);
    pid_t peer = argc > 2 ? start_peer(argv[2]) : 0;
    if (pthread_create(&thread, NULL, serve, &listener) != 0)
        give_up("thread");
    report("direct", 0);
    report("sandbox-egress", EGRESS_LISTENER_PORT);
    if (peer > 0) {
        report("peer", (uint16_t)strtoul(PEER_PORT, NULL, 10));
        kill(-peer, SIGTERM);
    }
    close(channel);
    waitpid(pid, NULL, 0);
    return EXIT_SUCCESS;
}

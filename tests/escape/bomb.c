// Runs inside a sandbox: takes as much of one thing as it gets, and says how far it came; or measures how a neighbour fares.
//
// usage: sandbox-bomb KIND TAG [again]     TAG becomes the name of its processes; again: once it has all, it lets go and takes it anew, until it is killed

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FORKS_MAX 100000
#define CHUNK_BYTES (1u << 20)
#define CHUNKS_MAX 65536
#define FILES_MAX 10000000
#define NEIGHBOUR_S 1.0
#define SAMPLES_MAX 100000
#define SOCKETS_MAX 100
#define SOCKET_MIB_MAX 64

static void linger(void)
{
    for (;;)
        pause();
}

static void fork_bomb(void)
{
    unsigned made = 0, refused = 0;
    for (unsigned i = 0; i < FORKS_MAX && refused < 1000; i++) {
        pid_t pid = fork();
        if (pid == 0)
            linger();
        made += pid > 0;
        refused += pid < 0;
    }
    printf("processes %u, then %s\n", made, refused ? "refused" : "no end");
}

static void memory_bomb(void)
{
    for (unsigned i = 0; i < CHUNKS_MAX; i++) {
        char *chunk = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (chunk == MAP_FAILED)
            break;
        memset(chunk, 1, CHUNK_BYTES);
    }
    puts("memory has no end");
}

static void tmpfs_bomb(void)
{
    static char chunk[CHUNK_BYTES];
    memset(chunk, 1, sizeof(chunk));
    int fd = open("/tmp/bomb", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t written = 0;
    ssize_t length = 0;
    while (fd >= 0 && written < (size_t)CHUNKS_MAX * CHUNK_BYTES &&
           (length = write(fd, chunk, sizeof(chunk))) > 0)
        written += (size_t)length;
    printf("MiB %zu, then %s\n", written >> 20, length < 0 ? strerror(errno) : "no end");
    close(fd);
}

static void inode_bomb(void)
{
    unsigned made = 0;
    char name[32];
    for (; made < FILES_MAX; made++) {
        snprintf(name, sizeof(name), "/tmp/inode%u", made);
        if (mknod(name, S_IFREG | 0600, 0) < 0)
            break;
    }
    printf("files %u, then %s\n", made, made < FILES_MAX ? strerror(errno) : "no end");
    for (unsigned i = 0; i < made; i++) {
        snprintf(name, sizeof(name), "/tmp/inode%u", i);
        unlink(name);
    }
}

static void descriptor_bomb(void)
{
    unsigned made = 0;
    while (made < FILES_MAX && open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
        made++;
    printf("descriptors %u, then %s\n", made, made < FILES_MAX ? strerror(errno) : "no end");
    close_range(STDERR_FILENO + 1, ~0U, 0);
}

// What waits in sockets for nobody to read is memory of the kernel.
static void socket_bomb(void)
{
    static char chunk[65536];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    size_t held = 0;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, SOCKETS_MAX) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0) {
        puts("no sockets");
        return;
    }
    for (unsigned i = 0; i < SOCKETS_MAX; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&address, length) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
            break;
        for (ssize_t sent; (sent = write(fd, chunk, sizeof(chunk))) > 0;)
            held += (size_t)sent;
    }
    printf("MiB %zu in sockets, %s\n", held >> 20, held >> 20 < SOCKET_MIB_MAX ? "then no more" : "no end");
    close_range(STDERR_FILENO + 1, ~0U, 0);
}

static void flood(int fd)
{
    static char line[4096];
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    while (write(fd, line, sizeof(line)) > 0)
        ;
}

static void output_flood(void)
{
    flood(STDOUT_FILENO);
}

static void error_flood(void)
{
    flood(STDERR_FILENO);
}

// Each end by a fault is something for the kernel to write about.
static void crash_flood(void)
{
    for (;;) {
        pid_t pid = fork();
        if (pid == 0)
            __builtin_trap();
        if (pid > 0)
            waitpid(pid, NULL, 0);
    }
}

static void spin(void)
{
    for (unsigned i = 0; i < 16 && fork() > 0;)
        i++;
    for (volatile unsigned long turns = 0;;)
        turns++;
}

// Processes that left their session and their parent, ignore what they may, or are stopped.
static void leave_behind(void)
{
    for (unsigned i = 0; i < 20; i++) {
        if (fork() != 0)
            continue;
        setsid();
        if (fork() != 0)
            _exit(0);
        for (int number = 1; number < 32; number++)
            signal(number, SIG_IGN);
        if (i % 2)
            raise(SIGSTOP);
        linger();
    }
    while (wait(NULL) > 0)
        ;
    puts("left 20 behind");
}

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// What a program does all day: a process, a file, some memory.
static void neighbour(void)
{
    static double samples[SAMPLES_MAX];
    static char buffer[65536];
    size_t count = 0;
    for (double start = now_ms(), end = start + NEIGHBOUR_S * 1e3; count < SAMPLES_MAX && now_ms() < end;
         count++) {
        double before = now_ms();
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
        int fd = open("/usr/bin/env", O_RDONLY | O_CLOEXEC);
        if (pid < 0 || fd < 0 || read(fd, buffer, sizeof(buffer)) <= 0) {
            puts("failed");
            return;
        }
        close(fd);
        memset(buffer, (int)count, sizeof(buffer));
        samples[count] = now_ms() - before;
    }
    qsort(samples, count, sizeof(samples[0]), compare);
    printf("rounds %zu p50 %.3f p99 %.3f\n", count, samples[count / 2], samples[count * 99 / 100]);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } kinds[] = {
        {"fork", fork_bomb},    {"memory", memory_bomb},  {"tmpfs", tmpfs_bomb},
        {"inode", inode_bomb},  {"output", output_flood}, {"descriptor", descriptor_bomb},
        {"error", error_flood}, {"socket", socket_bomb},  {"crash", crash_flood},
        {"spin", spin},         {"leave", leave_behind},  {"neighbour", neighbour},
    };
    bool again = argc == 4 && strcmp(argv[3], "again") == 0;
    if (argc != 3 && !again)
        return 125;
    prctl(PR_SET_NAME, argv[2]);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, argv[1]) == 0) {
            do
                kinds[i].run();
            while (again);
            return 0;
        }
    }
    return 125;
}

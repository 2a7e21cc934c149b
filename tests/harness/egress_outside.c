#include "tests/harness/egress_outside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/harness/egress_fixture.h"

#define QUESTIONS_MAX 256

static const struct {
    const char *name;
    const char *addresses[3];
} zone[] = {
    {"allowed.test", {OUTSIDE_ADDRESS}},
    {"other.test", {OUTSIDE_SECOND}},
    {"a.wild.test", {OUTSIDE_ADDRESS}},
    {"wild.test", {OUTSIDE_ADDRESS}},
    {"a.b.wild.test", {OUTSIDE_ADDRESS}},
    {"private.test", {OUTSIDE_PRIVATE}},
    {"loopback.test", {"127.0.0.1"}},
    {"metadata.test", {OUTSIDE_METADATA}},
    {"mixed.test", {OUTSIDE_PRIVATE, OUTSIDE_ADDRESS}},
    {"node.test", {NODE_ADDRESS}},
    {"dead.test", {"45.0.0.77"}},
    {"xn--bcher-kva.test", {OUTSIDE_ADDRESS}},
    {"six.test", {OUTSIDE6_ADDRESS}},
    {"private6.test", {OUTSIDE6_PRIVATE}},
    {"mixed6.test", {OUTSIDE6_PRIVATE, "::1", OUTSIDE6_ADDRESS}},
    {"mapped6.test", {"::ffff:10.9.0.1"}},
    {"nat64.test", {"64:ff9b::a09:1"}},
    {"both.test", {OUTSIDE_PRIVATE, OUTSIDE6_ADDRESS}},
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char rebind_address[16] = OUTSIDE_ADDRESS;
static char questions[QUESTIONS_MAX][256];
static unsigned question_count;
static unsigned flips;
static unsigned private_connections;

void outside_rebind(const char *address)
{
    pthread_mutex_lock(&lock);
    snprintf(rebind_address, sizeof(rebind_address), "%s", address);
    pthread_mutex_unlock(&lock);
}

unsigned outside_questions(const char *suffix)
{
    unsigned count = 0;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < question_count; i++) {
        size_t length = strlen(questions[i]), size = strlen(suffix);
        count += length >= size && strcmp(questions[i] + length - size, suffix) == 0;
    }
    pthread_mutex_unlock(&lock);
    return count;
}

unsigned outside_reached_private(void)
{
    pthread_mutex_lock(&lock);
    unsigned count = private_connections;
    pthread_mutex_unlock(&lock);
    return count;
}

// The dotted name of the question at offset 12; the offset behind it, 0 when it is broken.
static size_t read_name(const uint8_t *packet, size_t length, char name[static 256])
{
    size_t at = 12, end = 0;
    while (at < length && packet[at] != 0) {
        size_t label = packet[at];
        if (label > 63 || at + 1 + label >= length || end + label + 2 > 256)
            return 0;
        if (end > 0)
            name[end++] = '.';
        memcpy(name + end, packet + at + 1, label);
        end += label;
        at += label + 1;
    }
    name[end] = '\0';
    return at + 1;
}

enum { TYPE_A = 1, TYPE_AAAA = 28 };

static size_t put_address(uint8_t *at, unsigned type, const char *text)
{
    uint8_t size = type == TYPE_A ? 4 : 16;
    const uint8_t fixed[] = {0xc0, 12, 0, (uint8_t)type, 0, 1, 0, 0, 0, 0, 0, size};
    memcpy(at, fixed, sizeof(fixed));
    inet_pton(type == TYPE_A ? AF_INET : AF_INET6, text, at + sizeof(fixed));
    return sizeof(fixed) + size;
}

// The answers of that type; ret_known: there is such a name.
static size_t put_answers(uint8_t *at, const char *name, unsigned type, uint8_t *ret_count, bool *ret_known)
{
    const char *addresses[3] = {NULL};
    size_t size = 0;
    *ret_known = true;
    if (strcmp(name, "rebind.test") == 0)
        addresses[0] = rebind_address;
    else if (strcmp(name, "flip.test") == 0)
        addresses[0] = type == TYPE_A && flips++ % 2 ? OUTSIDE_PRIVATE : OUTSIDE_ADDRESS;
    else
        *ret_known = false;
    for (size_t i = 0; i < sizeof(zone) / sizeof(zone[0]) && !*ret_known; i++) {
        *ret_known = strcmp(zone[i].name, name) == 0;
        if (*ret_known)
            memcpy(addresses, zone[i].addresses, sizeof(addresses));
    }
    for (unsigned i = 0; i < 3 && addresses[i]; i++) {
        if ((strchr(addresses[i], ':') != NULL) != (type == TYPE_AAAA))
            continue;
        size += put_address(at + size, type, addresses[i]);
        ++*ret_count;
    }
    return size;
}

// The length of the answer; 0: none is given.
static size_t answer_question(uint8_t packet[static 512], size_t length)
{
    char name[256];
    size_t end = read_name(packet, length, name);
    if (end == 0 || end + 4 > length || strcmp(name, "silent.test") == 0)
        return 0;
    uint8_t count = 0;
    bool known;
    size_t size = end + 4;
    pthread_mutex_lock(&lock);
    if (question_count < QUESTIONS_MAX)
        memcpy(questions[question_count++], name, sizeof(name));
    size += put_answers(packet + size, name, packet[end] << 8 | packet[end + 1], &count, &known);
    pthread_mutex_unlock(&lock);
    packet[2] = 0x84;
    packet[3] = known ? 0x80 : 0x83; // NXDOMAIN
    memset(packet + 6, 0, 6);
    packet[7] = count;
    return size;
}

static void *serve_names(void *data)
{
    int fd = *(int *)data;
    for (;;) {
        uint8_t packet[512];
        struct sockaddr_storage peer;
        socklen_t peer_length = sizeof(peer);
        ssize_t length =
            recvfrom(fd, packet, sizeof(packet) - 200, 0, (struct sockaddr *)&peer, &peer_length);
        if (length < 17)
            continue;
        size_t size = answer_question(packet, (size_t)length);
        if (size > 0)
            sendto(fd, packet, size, 0, (struct sockaddr *)&peer, peer_length);
    }
    return NULL;
}

// The other side may have left: no signal then.
static int put(int fd, const void *data, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = send(fd, (const char *)data + done, length - done, MSG_NOSIGNAL);
        if (n < 0)
            return -errno;
        done += (size_t)n;
    }
    return 0;
}

static void reply(int fd, const char *text)
{
    (void)!put(fd, text, strlen(text));
}

static void reply_big(int fd)
{
    static char block[65536];
    reply(fd, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
    for (unsigned i = 0; i < 1024 && put(fd, block, sizeof(block)) == 0; i++)
        ;
}

// What the request looked like when it came here, as the body.
static void reply_echo(int fd, const char *request, size_t length)
{
    char head[128];
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nKeep-Alive: timeout=5\r\n\r\n",
             length);
    reply(fd, head);
    (void)!put(fd, request, length);
}

static const struct {
    const char *path, *answer;
} canned[] = {
    {"/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
    {"/smuggle",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"},
    {"/chunked-smuggle",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"
     "Content-Length: 6\r\n\r\npoison"},
    {"/two-lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"},
    {"/to-end", "HTTP/1.1 200 OK\r\n\r\nuntil the end"},
    {"/not-http", "SSH-2.0-OpenSSH\r\n\r\n"},
    {"/truncated", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"},
    {"/upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"},
    {"/hints",
     "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate"},
    {"/redirect", "HTTP/1.1 302 Found\r\nLocation: http://private.test/\r\nContent-Length: 0\r\n\r\n"},
};

static void answer_request(int fd, const char *request, size_t length)
{
    const char *path = strchr(request, ' ');
    size_t size = path ? strcspn(path + 1, " ") : 0;
    for (size_t i = 0; path && i < sizeof(canned) / sizeof(canned[0]); i++) {
        if (strlen(canned[i].path) == size && memcmp(canned[i].path, path + 1, size) == 0) {
            reply(fd, canned[i].answer);
            return;
        }
    }
    if (path && strncmp(path + 1, "/big", 4) == 0)
        reply_big(fd);
    else
        reply_echo(fd, request, length);
}

// The bytes of the body that the head in `text` announces; a chunked one ends with its last chunk.
static bool request_complete(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strcasestr(text, "\r\ncontent-length:");
    if (!end)
        return false;
    if (strcasestr(text, "\r\ntransfer-encoding:"))
        return strstr(end, "\r\n0\r\n") && strcmp(text + strlen(text) - 4, "\r\n\r\n") == 0;
    return !length || strlen(end + 4) >= strtoul(length + 17, NULL, 10);
}

static void *serve_http(void *data)
{
    int fd = (int)(intptr_t)data;
    char text[65536];
    size_t length = 0;
    while (length < sizeof(text) - 1) {
        ssize_t n = read(fd, text + length, sizeof(text) - 1 - length);
        if (n <= 0)
            break;
        length += (size_t)n;
        text[length] = '\0';
        if (request_complete(text)) {
            answer_request(fd, text, length);
            break;
        }
    }
    shutdown(fd, SHUT_WR);
    while (read(fd, text, sizeof(text)) > 0)
        ;
    close(fd);
    return NULL;
}

static void *serve_echo(void *data)
{
    int fd = (int)(intptr_t)data;
    char block[65536];
    ssize_t n;
    while ((n = read(fd, block, sizeof(block))) > 0 && put(fd, block, (size_t)n) == 0)
        ;
    close(fd);
    return NULL;
}

struct server {
    uint16_t port;
    void *(*serve)(void *);
    int fd;
};

static void count_connection(int fd)
{
    static const char *const open_to_all[] = {"::ffff:" OUTSIDE_ADDRESS, "::ffff:" OUTSIDE_SECOND,
                                              OUTSIDE6_ADDRESS};
    struct sockaddr_in6 name;
    socklen_t length = sizeof(name);
    char text[INET6_ADDRSTRLEN] = "";
    if (getsockname(fd, (struct sockaddr *)&name, &length) == 0)
        inet_ntop(AF_INET6, &name.sin6_addr, text, sizeof(text));
    for (size_t i = 0; i < sizeof(open_to_all) / sizeof(open_to_all[0]); i++) {
        if (strcmp(text, open_to_all[i]) == 0)
            return;
    }
    pthread_mutex_lock(&lock);
    private_connections++;
    pthread_mutex_unlock(&lock);
}

static void *accept_all(void *data)
{
    struct server *server = data;
    for (;;) {
        pthread_t thread;
        int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            count_connection(fd);
        if (fd >= 0 && pthread_create(&thread, NULL, server->serve, (void *)(intptr_t)fd) == 0)
            pthread_detach(thread);
    }
    return NULL;
}

static int open_server(int type, uint16_t port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0); // of both families
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        (type == SOCK_STREAM && listen(fd, 1024) < 0))
        abort();
    return fd;
}

static void start_thread(void *(*run)(void *), void *data)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, data) != 0)
        abort();
    pthread_detach(thread);
}

void outside_start(void)
{
    static struct server servers[] = {
        {80, serve_http, -1}, {8080, serve_http, -1}, {443, serve_echo, -1}, {9000, serve_echo, -1}};
    static int names;
    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
        servers[i].fd = open_server(SOCK_STREAM, servers[i].port);
        start_thread(accept_all, &servers[i]);
    }
    names = open_server(SOCK_DGRAM, 53);
    start_thread(serve_names, &names);
}

#include "ctl/http_get.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/cleanup.h"

static int open_connection(const char *host, unsigned port, int *ret_fd)
{
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return -EADDRNOTAVAIL;
    struct timeval patience = {.tv_sec = HTTP_GET_SECONDS};
    AUTO_FD int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = 0;
    // The sending limit holds for connect(2) as well (socket(7)).
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
        connect(fd, found->ai_addr, found->ai_addrlen) < 0)
        error = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
    freeaddrinfo(found);
    if (!error)
        *ret_fd = steal_fd(&fd);
    return error;
}

// All until the other side closes, as it was asked to.
static int receive(int fd, char **ret_text)
{
    size_t length = 0, capacity = 16384;
    AUTO_FREE char *text = malloc(capacity);
    while (text) {
        ssize_t n = read(fd, text + length, capacity - length - 1);
        if (n < 0)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        length += (size_t)n;
        text[length] = '\0';
        if (n == 0) {
            *ret_text = steal_pointer(&text);
            return 0;
        }
        if (capacity - length > 1)
            continue;
        if (capacity >= HTTP_GET_MAX)
            return -EMSGSIZE;
        char *larger = realloc(text, capacity * 2);
        if (!larger)
            return -ENOMEM;
        text = larger;
        capacity *= 2;
    }
    return -ENOMEM;
}

int http_get(const char *host, unsigned port, const char *path, unsigned *ret_status, char **ret_body)
{
    AUTO_FD int fd = -1;
    AUTO_FREE char *answer = NULL;
    char request[512];
    unsigned status;
    int error = open_connection(host, port, &fd);
    if (error)
        return error;
    int length = snprintf(request, sizeof(request),
                          "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    if (length < 0 || (size_t)length >= sizeof(request))
        return -EINVAL;
    if (send(fd, request, (size_t)length, MSG_NOSIGNAL) != length)
        return -ECONNRESET;
    error = receive(fd, &answer);
    if (error)
        return error;
    const char *body = strstr(answer, "\r\n\r\n");
    if (!body || sscanf(answer, "HTTP/1.1 %3u", &status) != 1)
        return -EPROTO;
    char *copy = strdup(body + 4);
    if (!copy)
        return -ENOMEM;
    *ret_status = status;
    *ret_body = copy;
    return 0;
}

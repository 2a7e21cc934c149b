#include "tests/scenario/sandboxd/outside.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_MS 30000

static void answer(const struct outside *outside, int fd)
{
    char head[4096] = "", text[512];
    size_t length = 0;
    while (length < sizeof(head) - 1 && !strstr(head, "\r\n\r\n")) {
        ssize_t n = recv(fd, head + length, sizeof(head) - 1 - length, 0);
        if (n <= 0)
            break;
        length += (size_t)n;
        head[length] = '\0';
    }
    const char *body = strstr(head, "X-Key: " OUTSIDE_SECRET "\r\n") ? "with key" : "without key";
    if (strstr(head, "/hold")) {
        assert_int_equal(write(outside->held[1], "h", 1), 1);
        return; // open until the test ends
    }
    if (strstr(head, "/away"))
        snprintf(text, sizeof(text),
                 "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.9:%u/\r\nContent-Length: 0\r\n\r\n",
                 outside->port);
    else
        snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    send(fd, text, strlen(text), MSG_NOSIGNAL);
    close(fd);
}

static void *serve(void *data)
{
    const struct outside *outside = data;
    for (int fd; (fd = accept4(outside->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;)
        answer(outside, fd);
    return NULL;
}

void outside_start(struct outside *outside)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    outside->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(outside->listener >= 0);
    assert_int_equal(bind(outside->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(outside->listener, 512), 0);
    assert_int_equal(getsockname(outside->listener, (struct sockaddr *)&address, &length), 0);
    outside->port = ntohs(address.sin_port);
    assert_int_equal(pipe(outside->held), 0);
    assert_int_equal(pthread_create(&outside->thread, NULL, serve, outside), 0);
}

void outside_stop(struct outside *outside)
{
    shutdown(outside->listener, SHUT_RDWR);
    pthread_join(outside->thread, NULL);
    close(outside->listener);
    close(outside->held[0]);
    close(outside->held[1]);
}

void outside_wait_held(const struct outside *outside)
{
    char byte;
    struct pollfd wait = {.fd = outside->held[0], .events = POLLIN};
    assert_int_equal(poll(&wait, 1, DEADLINE_MS), 1);
    assert_int_equal(read(outside->held[0], &byte, 1), 1);
}

#include "hostile.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostile_private.h"
#include "lib/bytes.h"
#include "lib/fd.h"

#define FLOOD_BUFFER (8 << 20)

void hostile_send(struct server *s, const void *data, size_t length)
{
    if (write_all(s->socket, data, length))
        _exit(0);
}

// Ends the process with the connection.
static void receive(struct server *s, void *data, size_t length)
{
    uint8_t *to = data;
    while (length > 0) {
        ssize_t n = read(s->socket, to, length);
        if (n <= 0)
            _exit(0);
        to += n;
        length -= (size_t)n;
    }
}

uint32_t hostile_random(struct server *s)
{
    s->seed = s->seed * 1664525u + 1013904223u;
    return s->seed >> 8;
}

_Noreturn void hostile_stall(void)
{
    for (;;)
        pause();
}

static void write_screen(struct server *s, struct writer *w)
{
    write_u32(w, 0x100); // root
    for (int i = 0; i < 4; i++)
        write_u32(w, 0);
    write_u16(w, (uint16_t)(s->how == HOSTILE_SETUP_SIZE ? s->width + 16 : s->width));
    write_u16(w, (uint16_t)s->height);
    for (int i = 0; i < 14; i++)
        write_u8(w, 0);
    write_u8(w, 24); // depth
    write_u8(w, 0);  // allowed depths
}

static void send_setup(struct server *s)
{
    uint8_t body[128];
    struct writer w = writer_of(body, sizeof(body));
    write_u32(&w, 12101002);
    write_u32(&w, 0x200000); // resource id base and mask
    write_u32(&w, 0x1fffff);
    write_u32(&w, 256);
    write_u16(&w, s->how == HOSTILE_SETUP_VENDOR ? 65535 : 4);
    write_u16(&w, 65535);
    write_u8(&w, s->how == HOSTILE_SETUP_WITHOUT_SCREEN ? 0 : 1);
    write_u8(&w, 0); // formats
    write_u32(&w, 0);
    write_u8(&w, s->how == HOSTILE_SETUP_KEYCODES ? 200 : KEYCODE_MIN);
    write_u8(&w, s->how == HOSTILE_SETUP_KEYCODES ? 10 : KEYCODE_MAX);
    write_u32(&w, 0);
    write_bytes(&w, "Evil", 4);
    if (s->how == HOSTILE_SETUP_CUT)
        w.length = 36;
    else
        write_screen(s, &w);
    uint8_t head[8];
    struct writer h = writer_of(head, sizeof(head));
    write_u8(&h, s->how == HOSTILE_SETUP_REFUSED ? 0 : 1);
    write_u8(&h, 0);
    write_u16(&h, 11);
    write_u16(&h, 0);
    write_u16(&h, (uint16_t)(w.length / 4));
    hostile_send(s, head, sizeof(head));
    hostile_send(s, body, w.length);
}

static void flood_until_asked(struct server *s)
{
    static uint8_t events[512][32];
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        events[i][0] = FIXES_EVENT + 1;
        memcpy(events[i] + 2, &s->sequence, 2);
    }
    // What lies ready outlasts the moments in which this process does not run.
    int size = FLOOD_BUFFER;
    if (setsockopt(s->socket, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(s->socket, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    struct pollfd asked = {.fd = s->socket, .events = POLLIN};
    while (poll(&asked, 1, 0) == 0)
        hostile_send(s, events, sizeof(events));
}

static void serve(struct server *s)
{
    static uint8_t request[1 << 18];
    receive(s, request, 12);
    size_t name = (size_t)(request[6] | request[7] << 8), data = (size_t)(request[8] | request[9] << 8);
    receive(s, request, ((name + 3) & ~(size_t)3) + ((data + 3) & ~(size_t)3));
    if (s->how == HOSTILE_SILENT)
        hostile_stall();
    send_setup(s);
    if (s->how == HOSTILE_LEAVES)
        _exit(0);
    if (s->how == HOSTILE_NOISE) {
        for (;;) {
            uint8_t noise[32];
            for (size_t i = 0; i < sizeof(noise); i++)
                noise[i] = (uint8_t)hostile_random(s);
            noise[0] %= 4; // errors, replies and the lowest events, mostly
            noise[5] = noise[6] = noise[7] = 0;
            hostile_send(s, noise, sizeof(noise));
        }
    }
    for (;;) {
        if (s->flooding)
            flood_until_asked(s);
        receive(s, request, 4);
        size_t length = (size_t)(request[2] | request[3] << 8) * 4;
        if (length > 4)
            receive(s, request + 4, length - 4);
        s->sequence++;
        hostile_answer(s, request);
    }
}

pid_t hostile_start(enum hostility how, unsigned width, unsigned height, unsigned seed, int *ret_connection)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        abort();
    pid_t process = fork();
    if (process < 0)
        abort();
    if (process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        close(pair[1]);
        serve(
            &(struct server){.how = how, .socket = pair[0], .width = width, .height = height, .seed = seed});
    }
    close(pair[0]);
    *ret_connection = pair[1];
    return process;
}

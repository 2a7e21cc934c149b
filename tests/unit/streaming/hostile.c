#include "hostile.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/fd.h"

// Core requests that the streamer makes, and where this server puts its extensions.
enum { QUERY_EXTENSION = 98, GET_KEYBOARD_MAPPING = 101, GET_INPUT_FOCUS = 43, INTERN_ATOM = 16 };
enum { GET_PROPERTY = 20, CONVERT_SELECTION = 24, SELECTION_NOTIFY = 31, PROPERTY_NOTIFY = 28 };
enum { QUERY_POINTER = 38, QUERY_KEYMAP = 44 };
enum { DAMAGE_MAJOR = 140, FIXES_MAJOR = 141, TEST_MAJOR = 142, XKB_MAJOR = 143, RANDR_MAJOR = 144 };
enum { DAMAGE_EVENT = 90, FIXES_EVENT = 95, XKB_EVENT = 99, RANDR_EVENT = 105 };
enum { XKB_USE_EXTENSION = 0, XKB_GET_STATE = 4 };
enum { RANDR_QUERY_VERSION = 0, RANDR_CREATE_MODE = 16, RANDR_GET_RESOURCES = 25 };
enum { FIXES_GET_CURSOR_IMAGE = 4, FIXES_FETCH_REGION = 19, DAMAGE_CREATE = 1 };
enum {
    FIXES_SELECT_SELECTION = 2,
    FIXES_SELECTION_NOTIFY = FIXES_EVENT,
    FIXES_CURSOR_NOTIFY = FIXES_EVENT + 1
};

#define FIRST_ATOM 1000u
#define KEYCODE_MIN 8
#define KEYCODE_MAX 255
#define REGION_MANY 600000u
#define FLOOD_BUFFER (8 << 20)

struct server {
    enum hostility how;
    int socket;
    unsigned width, height, seed;
    uint16_t sequence;
    uint32_t atoms;                              // handed out
    uint32_t targets, asked_for, asked_property; // TARGETS; what the clipboard's owner was asked for last
    bool flooding;
};

static void send_all(struct server *s, const void *data, size_t length)
{
    if (write_all(s->socket, data, length))
        _exit(0);
}

static void receive_all(struct server *s, void *data, size_t length)
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

static uint32_t next_random(struct server *s)
{
    s->seed = s->seed * 1664525u + 1013904223u;
    return s->seed >> 8;
}

// Waits for the client's end without reading what it sends.
static void stall(void)
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
    send_all(s, head, sizeof(head));
    send_all(s, body, w.length);
}

static void send_reply(struct server *s, uint8_t data, uint32_t words, const void *fixed, size_t fixed_length)
{
    uint8_t reply[32] = {1, data};
    memcpy(reply + 2, &s->sequence, 2);
    memcpy(reply + 4, &words, 4);
    memcpy(reply + 8, fixed, fixed_length);
    send_all(s, reply, sizeof(reply));
}

static void send_event(struct server *s, uint8_t type)
{
    uint8_t event[32] = {type};
    memcpy(event + 2, &s->sequence, 2);
    send_all(s, event, sizeof(event));
}

// `length` is even.
static void send_random(struct server *s, size_t length)
{
    static uint16_t values[8192];
    while (length > 0) {
        size_t part = length < sizeof(values) ? length : sizeof(values);
        for (size_t i = 0; i < part / 2; i++)
            values[i] = (uint16_t)next_random(s);
        send_all(s, values, part);
        length -= part;
    }
}

static void answer_extension(struct server *s, const uint8_t *request)
{
    const char *name = (const char *)request + 8;
    uint8_t fixed[4] = {1, 0, 0, 128};
    if (memcmp(name, "DAMAGE", 6) == 0) {
        fixed[1] = DAMAGE_MAJOR;
        fixed[2] = DAMAGE_EVENT;
    } else if (memcmp(name, "XFIXES", 6) == 0) {
        fixed[1] = FIXES_MAJOR;
        fixed[2] = FIXES_EVENT;
    } else if (memcmp(name, "RANDR", 5) == 0) {
        fixed[0] = s->how == HOSTILE_SIZES;
        fixed[1] = RANDR_MAJOR;
        fixed[2] = RANDR_EVENT;
    } else if (memcmp(name, "XKEYBOARD", 9) == 0) {
        fixed[1] = XKB_MAJOR;
        fixed[2] = XKB_EVENT;
    } else {
        fixed[1] = TEST_MAJOR;
        fixed[0] = s->how != HOSTILE_EXTENSION_MISSING;
    }
    send_reply(s, 0, 0, fixed, sizeof(fixed));
}

static void answer_keymap(struct server *s)
{
    if (s->how == HOSTILE_KEYMAP_SHORT) {
        send_reply(s, 255, 1, "", 0);
        send_all(s, "abcd", 4);
        return;
    }
    uint32_t count = KEYCODE_MAX - KEYCODE_MIN + 1;
    send_reply(s, 1, count, "", 0);
    for (uint32_t i = 0; i < count; i++)
        send_all(s, &(uint32_t){i}, 4);
}

static void answer_cursor(struct server *s)
{
    uint16_t fixed[6] = {0, 0, 4, 4, 1, 1}; // x, y, width, height, hot spot
    uint32_t pixels = 16;
    if (s->how == HOSTILE_CURSOR_LIE) {
        fixed[2] = fixed[3] = 65535;
    } else if (s->how == HOSTILE_CURSOR_LARGE) {
        fixed[2] = 1000;
        fixed[3] = 700;
        fixed[4] = fixed[5] = 65535;
        pixels = 700000;
    } else if (s->how == HOSTILE_CURSORS) {
        fixed[2] = fixed[3] = 256;
        pixels = 65536;
    }
    send_reply(s, 0, pixels, fixed, sizeof(fixed));
    send_random(s, (size_t)pixels * 4);
    if (s->how == HOSTILE_CURSORS)
        send_event(s, FIXES_CURSOR_NOTIFY);
}

// Somebody else has copied something.
static void send_owner(struct server *s)
{
    uint32_t event[8] = {FIXES_SELECTION_NOTIFY | (uint32_t)s->sequence << 16, 0, 0x300000};
    send_all(s, event, sizeof(event));
}

// The owner has given something, if not always where it was asked to.
static void answer_selection(struct server *s, const uint8_t *request)
{
    uint32_t asked[5]; // requestor, selection, target, property, time
    memcpy(asked, request + 4, sizeof(asked));
    uint32_t event[8] = {
        SELECTION_NOTIFY | (uint32_t)s->sequence << 16, 0, asked[0], asked[1], asked[2], asked[3]};
    if (next_random(s) % 8 == 0)
        event[2 + next_random(s) % 4] = next_random(s);
    send_all(s, event, sizeof(event));
}

static void answer_property(struct server *s)
{
    static const uint8_t formats[] = {8, 8, 8, 8, 8, 32, 16, 255};
    uint32_t words = next_random(s) % 2000, format = formats[next_random(s) % sizeof(formats)];
    if (s->asked_for == s->targets && next_random(s) % 8 > 0)
        format = 32;
    uint32_t type = next_random(s) % 2 ? FIRST_ATOM + next_random(s) % 8 : next_random(s) % 32;
    // A property's type, what is left of it, its length in its own units: as often true as not.
    uint32_t fixed[3] = {type, next_random(s) % 8 ? 0 : next_random(s),
                         words * 4 / (format / 8 ? format / 8 : 1)};
    if (next_random(s) % 4 == 0)
        fixed[2] = next_random(s) << 8;
    send_reply(s, (uint8_t)format, words, fixed, sizeof(fixed));
    for (uint32_t i = 0; i < words; i++)
        send_all(s, &(uint32_t){FIRST_ATOM + next_random(s) % 10}, 4);
    uint32_t event[8] = {PROPERTY_NOTIFY | (uint32_t)s->sequence << 16, 0x200001, s->asked_property};
    for (unsigned i = 0; i < 8; i++)
        send_all(s, event, sizeof(event));
    send_owner(s);
}

static void send_rectangles(struct server *s, uint32_t count)
{
    send_reply(s, 0, count * 2, "", 0);
    send_random(s, (size_t)count * 8);
}

static void answer_region(struct server *s)
{
    switch (s->how) {
    case HOSTILE_REGION_REFUSED: {
        uint8_t error[32] = {0, 1};
        memcpy(error + 2, &s->sequence, 2);
        send_all(s, error, sizeof(error));
        break;
    }
    case HOSTILE_REPLY_ENDLESS:
        send_reply(s, 0, UINT32_MAX, "", 0);
        stall();
        break;
    case HOSTILE_REPLY_HALF:
        send_reply(s, 0, 1000, "", 0);
        send_all(s, "half", 4);
        stall();
        break;
    case HOSTILE_REGION_MANY:
        send_rectangles(s, REGION_MANY);
        break;
    case HOSTILE_SIZES: {
        uint16_t event[16] = {RANDR_EVENT, s->sequence};
        event[12] = (uint16_t)next_random(s);
        event[13] = (uint16_t)next_random(s);
        send_all(s, event, sizeof(event));
        send_rectangles(s, 300);
        send_event(s, DAMAGE_EVENT);
        break;
    }
    default:
        send_rectangles(s, 300);
        // There is always more.
        send_event(s, DAMAGE_EVENT);
        break;
    }
}

static void answer_randr(struct server *s, uint8_t minor)
{
    if (minor == RANDR_QUERY_VERSION)
        send_reply(s, 0, 0, (uint32_t[]){1, 5}, 8);
    if (minor == RANDR_CREATE_MODE)
        send_reply(s, 0, 0, (uint32_t[]){77}, 4);
    if (minor == RANDR_GET_RESOURCES) {
        // Times, one CRTC, one output, no mode.
        send_reply(s, 0, 2, (uint16_t[]){0, 0, 0, 0, 1, 1, 0, 0}, 16);
        send_all(s, (uint32_t[]){70, 71}, 8);
    }
}

static void answer(struct server *s, const uint8_t *request)
{
    uint8_t minor = request[1];
    switch (request[0]) {
    case QUERY_EXTENSION:
        answer_extension(s, request);
        break;
    case GET_KEYBOARD_MAPPING:
        answer_keymap(s);
        break;
    case GET_INPUT_FOCUS:
        send_reply(s, 0, 0, "", 0);
        break;
    case INTERN_ATOM:
        if (memcmp(request + 8, "TARGETS", 7) == 0)
            s->targets = FIRST_ATOM + s->atoms;
        send_reply(s, 0, 0, (uint32_t[]){FIRST_ATOM + s->atoms++}, 4);
        break;
    case CONVERT_SELECTION:
        answer_selection(s, request);
        break;
    case GET_PROPERTY:
        answer_property(s);
        break;
    case QUERY_POINTER:
        send_reply(s, 1, 0, "", 0);
        break;
    case QUERY_KEYMAP:
        send_reply(s, 0, 2, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10);
        send_random(s, 8);
        break;
    case XKB_MAJOR:
        if (minor == XKB_USE_EXTENSION)
            send_reply(s, s->how != HOSTILE_XKB_REFUSED, 0, "", 0);
        if (minor == XKB_GET_STATE)
            send_reply(s, 3, 0, "\xff\xff\xff\xff\xff\xff", 6); // all modifiers locked, group 255
        break;
    case DAMAGE_MAJOR:
        if (minor == 0)
            send_reply(s, 0, 0, (uint32_t[]){1, 1}, 8);
        if (minor == DAMAGE_CREATE)
            send_event(s, DAMAGE_EVENT);
        s->flooding |= minor == DAMAGE_CREATE && s->how == HOSTILE_FLOOD;
        break;
    case FIXES_MAJOR:
        if (minor == 0)
            send_reply(s, 0, 0, (uint32_t[]){5, 0}, 8);
        if (minor == FIXES_GET_CURSOR_IMAGE)
            answer_cursor(s);
        if (minor == FIXES_FETCH_REGION)
            answer_region(s);
        if (minor == FIXES_SELECT_SELECTION && s->how == HOSTILE_SELECTION)
            send_owner(s);
        break;
    case RANDR_MAJOR:
        answer_randr(s, minor);
        break;
    case TEST_MAJOR:
        if (minor == 0)
            send_reply(s, 2, 0, (uint32_t[]){2}, 4);
        break;
    default:
        break;
    }
    if (s->how == HOSTILE_EVENTS && request[0] == FIXES_MAJOR && minor == FIXES_FETCH_REGION) {
        for (unsigned i = 0; i < 200000; i++)
            send_event(s, (uint8_t)(i % 3   ? 2 + next_random(s) % 33
                                    : i % 2 ? DAMAGE_EVENT
                                            : FIXES_EVENT + 1));
    }
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
        send_all(s, events, sizeof(events));
}

static void serve(struct server *s)
{
    static uint8_t request[1 << 18];
    receive_all(s, request, 12);
    size_t name = (size_t)(request[6] | request[7] << 8), data = (size_t)(request[8] | request[9] << 8);
    receive_all(s, request, ((name + 3) & ~(size_t)3) + ((data + 3) & ~(size_t)3));
    if (s->how == HOSTILE_SILENT)
        stall();
    send_setup(s);
    if (s->how == HOSTILE_LEAVES)
        _exit(0);
    if (s->how == HOSTILE_NOISE) {
        for (;;) {
            uint8_t noise[32];
            for (size_t i = 0; i < sizeof(noise); i++)
                noise[i] = (uint8_t)next_random(s);
            noise[0] %= 4; // errors, replies and the lowest events, mostly
            noise[5] = noise[6] = noise[7] = 0;
            send_all(s, noise, sizeof(noise));
        }
    }
    for (;;) {
        if (s->flooding)
            flood_until_asked(s);
        receive_all(s, request, 4);
        size_t length = (size_t)(request[2] | request[3] << 8) * 4;
        if (length > 4)
            receive_all(s, request + 4, length - 4);
        s->sequence++;
        answer(s, request);
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

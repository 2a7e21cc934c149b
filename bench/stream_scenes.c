// What the streamer and the X server take of a processor while a real terminal scrolls or is dragged, without server and browser around them: for
// comparing two builds of the streamer in a minute. scripts/bench cpu has the whole.
// usage: stream_scenes [seconds of each scene [the begin of the one scene's name]]     (from the tree's root)

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/wire.h"
#include "rig.h"
#include "streaming/clock.h"

#define SECOND UINT64_C(1000000)
#define SETTLE (2 * SECOND)
#define STEPS 60 // of a dragged window, per second

static const char *wanted = ""; // a scene's name begins so
static uint8_t message[STREAM_MESSAGE_MAX];

struct totals {
    unsigned messages, updates, copies;
    uint64_t captured, bytes;
    uint64_t lossy_us, exact_us; // when the last video frame came, and the last lossless rectangle
    uint64_t repaired;           // bytes since that frame
    uint64_t streamer_ns, server_ns;
};

static uint64_t cpu_of(pid_t process)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/schedstat", process);
    AUTO_FILE FILE *file = fopen(path, "re");
    uint64_t ran = 0;
    if (!file || fscanf(file, "%" SCNu64, &ran) != 1)
        abort();
    return ran;
}

// Receives and acknowledges one message.
static void take(struct rig *r, int timeout_ms, struct totals *t)
{
    ssize_t length = rig_receive(r, message, sizeof(message), timeout_ms);
    if (length <= 0)
        return;
    t->bytes += (uint64_t)length;
    if (message[0] == WIRE_HELLO)
        rig_send(r, (uint8_t[16]){WIRE_ACKNOWLEDGE, [12] = WIRE_KNOWS_MORE | WIRE_KNOWS_POINTER}, 16);
    if (message[0] != WIRE_VIDEO_FRAME && message[0] != WIRE_LOSSLESS_RECTANGLE &&
        message[0] != WIRE_COPY_RECTANGLE)
        return;
    uint8_t acknowledgement[16] = {WIRE_ACKNOWLEDGE};
    memcpy(acknowledgement + 4, message + 4, 4);
    if (!(message[1] & WIRE_FLAG_MORE))
        rig_send(r, acknowledgement, sizeof(acknowledgement));
    uint64_t captured;
    memcpy(&captured, message + 12, sizeof(captured));
    if (message[0] == WIRE_VIDEO_FRAME) {
        t->lossy_us = clock_us();
        t->repaired = 0;
    } else {
        t->exact_us = clock_us();
        t->repaired += (uint64_t)length;
    }
    t->messages++;
    t->copies += message[0] == WIRE_COPY_RECTANGLE;
    t->updates += captured != t->captured;
    t->captured = captured;
}

static void serve(struct rig *r, uint64_t until, struct totals *t)
{
    for (uint64_t now = clock_us(); now < until; now = clock_us())
        take(r, (int)((until - now) / 1000) + 1, t);
}

static pid_t start_program(const struct rig *r, const char *program, const char *const *command)
{
    pid_t process = fork();
    if (process != 0)
        return process;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    char display[16], authority[96];
    snprintf(display, sizeof(display), ":%s", strrchr(r->socket_path, 'X') + 1);
    snprintf(authority, sizeof(authority), "%s/auth", r->directory);
    setenv("DISPLAY", display, 1);
    setenv("XAUTHORITY", authority, 1);
    setenv("XAPPLRESDIR", "sandbox/desktop/app-defaults", 1);
    execvp(program, (char *const *)command);
    _exit(127);
}

// The window that is shown, or XCB_NONE as long as there is none.
static xcb_window_t terminal_window(struct rig *r)
{
    AUTO_FREE xcb_query_tree_reply_t *tree =
        xcb_query_tree_reply(r->drawer, xcb_query_tree(r->drawer, r->screen->root), NULL);
    if (!tree)
        abort();
    for (int i = 0; i < tree->children_len; i++) {
        xcb_window_t window = xcb_query_tree_children(tree)[i];
        AUTO_FREE xcb_get_window_attributes_reply_t *attributes =
            xcb_get_window_attributes_reply(r->drawer, xcb_get_window_attributes(r->drawer, window), NULL);
        if (attributes && attributes->map_state == XCB_MAP_STATE_VIEWABLE)
            return window;
    }
    return XCB_NONE;
}

static void move_pointer(struct rig *r, uint32_t number, unsigned x, unsigned y)
{
    uint8_t pointer[12] = {WIRE_POINTER};
    memcpy(pointer + 4, &number, 4);
    memcpy(pointer + 8, &(uint16_t){(uint16_t)x}, 2);
    memcpy(pointer + 10, &(uint16_t){(uint16_t)y}, 2);
    rig_send(r, pointer, sizeof(pointer));
}

// The window follows the viewer's pointer in circles.
static void drag(struct rig *r, uint64_t until, struct totals *t)
{
    xcb_window_t window = terminal_window(r);
    uint64_t next = clock_us();
    for (uint32_t step = 1; next < until; step++, next += SECOND / STEPS) {
        serve(r, next, t);
        uint32_t x = (uint32_t)(450 + 150 * sin(step / 20.0)), y = (uint32_t)(250 - 100 * cos(step / 20.0));
        move_pointer(r, step, x + 200, y);
        xcb_configure_window(r->drawer, window, XCB_CONFIG_WINDOW_X | XCB_CONFIG_WINDOW_Y,
                             (uint32_t[]){x, y});
        xcb_flush(r->drawer);
    }
}

static void measure(struct rig *r, const char *name, uint64_t duration, const char *const *command,
                    void (*scene)(struct rig *r, uint64_t until, struct totals *t))
{
    if (strncmp(name, wanted, strlen(wanted)) != 0)
        return;
    pid_t terminal = start_program(r, "xterm", command);
    struct totals t = {0};
    while (terminal_window(r) == XCB_NONE)
        serve(r, clock_us() + SECOND / 10, &t);
    serve(r, clock_us() + SETTLE, &t);
    t = (struct totals){.streamer_ns = cpu_of(r->streamer), .server_ns = cpu_of(r->server)};
    uint64_t start = clock_us();
    scene(r, start + duration, &t);
    double seconds = (double)(clock_us() - start) / 1e6;
    double streamer = (double)(cpu_of(r->streamer) - t.streamer_ns) / 1e9 / seconds * 100;
    double server = (double)(cpu_of(r->server) - t.server_ns) / 1e9 / seconds * 100;
    printf("%-22s streamer %5.2f %%  X server %5.2f %%  %5.1f updates/s  %4.0f us of the streamer each  "
           "%5.1f messages/s  "
           "%5.1f copies/s  %6.0f kbit/s\n",
           name, streamer, server, t.updates / seconds, streamer * 1e4 / (t.updates / seconds),
           t.messages / seconds, t.copies / seconds, (double)t.bytes * 8 / 1e3 / seconds);
    fflush(stdout);
    kill(terminal, SIGTERM);
    waitpid(terminal, NULL, 0);
    serve(r, clock_us() + SETTLE, &t);
}

// A film of 960x540 that ends after two seconds: how long after its last video frame is the browser's picture exact?
static void measure_stillness(struct rig *r)
{
    if (strncmp("film", wanted, strlen(wanted)) != 0)
        return;
    pid_t film = start_program(r, "perl", (const char *[]){"perl", "bench/scenes.pl", "2", "4", NULL});
    struct totals t = {0};
    serve(r, clock_us() + 2 * SECOND, &t);
    double kbps = (double)t.bytes * 8 / 1e3 / 2;
    serve(r, clock_us() + 3 * SECOND, &t);
    printf("film, then still       %6.0f kbit/s while it plays; exact %3.0f ms after its last video frame, "
           "by %" PRIu64 " KiB\n",
           kbps, (double)(int64_t)(t.exact_us - t.lossy_us) / 1e3, t.repaired >> 10);
    kill(film, SIGTERM);
    waitpid(film, NULL, 0);
    remove("ended"); // the film's
}

int main(int argc, char **argv)
{
    uint64_t duration = (argc > 1 ? strtoul(argv[1], NULL, 10) : 5) * SECOND;
    wanted = argc > 2 ? argv[2] : wanted;
    struct rig r;
    rig_start(&r, 1920, 1080);
    rig_fill(&r, 0x203040, 0, 0, 1920, 1080);
    rig_attach(&r, -1);
    measure(&r, "scroll, 30 lines/s", duration,
            (const char *[]){"xterm", "-e", "perl", "bench/scroll.pl", "600", "30", NULL}, serve);
    measure(&r, "scroll, 200 lines/s", duration,
            (const char *[]){"xterm", "-e", "perl", "bench/scroll.pl", "600", "200", NULL}, serve);
    measure(&r, "bitmap font, 30 lines/s", duration,
            (const char *[]){"xterm", "-fa", "", "-fn", "fixed", "-e", "perl", "bench/scroll.pl", "600", "30",
                             NULL},
            serve);
    measure(&r, "window dragged", duration,
            (const char *[]){"xterm", "-e", "sh", "-c", "perl bench/scroll.pl 1; sleep 600", NULL}, drag);
    measure_stillness(&r);
    rig_finish(&r);
    return 0;
}

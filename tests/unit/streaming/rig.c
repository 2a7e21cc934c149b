#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/ipc.h"
#include "lib/limits.h"
#include "lib/log.h"

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, strerror(errno));             \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

static void path_in(const struct rig *r, const char *name, char *ret_path, size_t size)
{
    CHECK(snprintf(ret_path, size, "%s/%s", r->directory, name) < (int)size);
}

static void write_cookie(struct rig *r, const char *path)
{
    static const uint8_t head[] = {0xff, 0xff, 0, 0, 0, 0, 0, 18};
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK(write_all(fd, head, sizeof(head)) == 0);
    CHECK(write_all(fd, "MIT-MAGIC-COOKIE-1", 18) == 0);
    CHECK(write_all(fd, (uint8_t[]){0, X_COOKIE_SIZE}, 2) == 0);
    CHECK(write_all(fd, r->start.cookie, X_COOKIE_SIZE) == 0);
}

static void make_framebuffer(struct rig *r)
{
    size_t size = framebuffer_size(r->start.width, r->start.height);
    r->framebuffer = memfd_create("framebuffer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(r->framebuffer >= 0 && ftruncate(r->framebuffer, (off_t)size) == 0);
    CHECK(fcntl(r->framebuffer, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
    const uint8_t *mapping = mmap(NULL, size, PROT_READ, MAP_SHARED, r->framebuffer, 0);
    CHECK(mapping != MAP_FAILED);
    r->pixels = mapping + FRAMEBUFFER_HEADER_SIZE;
}

static void exec_server(const struct rig *r, int number_pipe)
{
    char auth[96], frames[96], geometry[32];
    path_in(r, "auth", auth, sizeof(auth));
    path_in(r, "fb", frames, sizeof(frames));
    snprintf(geometry, sizeof(geometry), "%ux%ux24", r->start.width, r->start.height);
    prctl(PR_SET_PDEATHSIG, SIGKILL); // a test that aborts leaves nothing behind
    // fd 8 is what the symlink in fb/ names.
    // It complains of each display number that is taken.
    int quiet = open("/dev/null", O_WRONLY);
    if (dup2(number_pipe, 9) < 0 || dup2(r->framebuffer, 8) < 0 || dup2(quiet, STDERR_FILENO) < 0)
        _exit(126);
    execlp("Xvfb", "Xvfb", "-displayfd", "9", "-screen", "0", geometry, "-fbdir", frames, "-auth", auth,
           "-nocursor", "-noreset", "-nolisten", "tcp", "-extension", "GLX", (char *)NULL);
    _exit(127);
}

static void start_server(struct rig *r)
{
    char path[96];
    path_in(r, "fb", path, sizeof(path));
    CHECK(mkdir(path, 0700) == 0);
    path_in(r, "fb/Xvfb_screen0", path, sizeof(path));
    CHECK(symlink("/proc/self/fd/8", path) == 0);
    path_in(r, "auth", path, sizeof(path));
    write_cookie(r, path);

    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    r->server = fork();
    CHECK(r->server >= 0);
    if (r->server == 0)
        exec_server(r, ends[1]);
    close(ends[1]);
    char number[16] = "";
    for (size_t length = 0; !strchr(number, '\n'); length++) {
        struct pollfd ready = {.fd = ends[0], .events = POLLIN};
        CHECK(length < sizeof(number) - 1 && poll(&ready, 1, RIG_PATIENCE_MS) == 1);
        CHECK(read(ends[0], number + length, 1) == 1);
    }
    close(ends[0]);
    snprintf(r->socket_path, sizeof(r->socket_path), "/tmp/.X11-unix/X%ld", strtol(number, NULL, 10));
}

static int connect_server(const struct rig *r)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, r->socket_path, strlen(r->socket_path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

static void connect_drawer(struct rig *r)
{
    char name[] = "MIT-MAGIC-COOKIE-1";
    xcb_auth_info_t auth = {18, name, X_COOKIE_SIZE, (char *)r->start.cookie};
    r->drawer = xcb_connect_to_fd(connect_server(r), &auth);
    CHECK(!xcb_connection_has_error(r->drawer));
    r->screen = xcb_setup_roots_iterator(xcb_get_setup(r->drawer)).data;
    r->gc = xcb_generate_id(r->drawer);
    // Draws over windows too: the tests look at the root window alone.
    uint32_t mode = XCB_SUBWINDOW_MODE_INCLUDE_INFERIORS;
    xcb_create_gc(r->drawer, r->gc, r->screen->root, XCB_GC_SUBWINDOW_MODE, &mode);
}

void rig_start(struct rig *r, uint32_t width, uint32_t height)
{
    *r = (struct rig){.stream = -1, .sound = -1, .errors = -1, .directory = "/tmp/streaming-test-XXXXXX"};
    CHECK(mkdtemp(r->directory));
    r->start = (struct streamer_start){.magic = STREAMER_START_MAGIC,
                                       .width = width,
                                       .height = height,
                                       .framerate = 60,
                                       .bitrate_kbps = 20000,
                                       .policy = {.clipboard_to_sandbox = 32u << 20,
                                                  .clipboard_to_browser = 32u << 20,
                                                  .width_max = DISPLAY_WIDTH_MAX,
                                                  .height_max = DISPLAY_HEIGHT_MAX,
                                                  .sound = 1,
                                                  .microphone = 1},
                                       .log_level = LOG_LEVEL_INFO,
                                       .codec = "libx264",
                                       .preset = "ultrafast",
                                       .tune = "zerolatency"};
    for (size_t i = 0; i < X_COOKIE_SIZE; i++)
        r->start.cookie[i] = (uint8_t)(i * 17 + 3);
    make_framebuffer(r);
    start_server(r);
    connect_drawer(r);
}

static int sealed_start(const struct streamer_start *start)
{
    int fd = memfd_create("start", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(fd >= 0 && write_all(fd, start, sizeof(*start)) == 0);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
    return fd;
}

// Moves the descriptors to 3.. in order; the sources are first lifted above the targets.
static void exec_streamer(int *fds, size_t count, int errors)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < count; i++) {
        fds[i] = fcntl(fds[i], F_DUPFD, 20);
        if (fds[i] < 0)
            _exit(126);
    }
    if (dup2(errors, STDERR_FILENO) < 0)
        _exit(126);
    for (size_t i = 0; i < count; i++) {
        if (dup2(fds[i], STREAMER_STREAM_FD + (int)i) < 0)
            _exit(126);
    }
    close_range(STREAMER_SOUND_FD + 1, ~0u, 0);
    execl(STREAMER_PROGRAM, STREAMER_PROGRAM, (char *)NULL);
    _exit(127);
}

void rig_attach(struct rig *r, int display)
{
    int pair[2], sound[2], errors[2];
    CHECK(ipc_pair(SOCK_NONBLOCK, pair) == 0);
    CHECK(ipc_pair(SOCK_NONBLOCK, sound) == 0);
    CHECK(pipe2(errors, O_CLOEXEC | O_NONBLOCK) == 0);
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", r->framebuffer);
    AUTO_FD int framebuffer = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(framebuffer >= 0);
    AUTO_FD int start = sealed_start(&r->start);
    AUTO_FD int connection = display >= 0 ? display : connect_server(r);
    r->streamer = fork();
    CHECK(r->streamer >= 0);
    if (r->streamer == 0)
        exec_streamer((int[]){pair[1], connection, framebuffer, start, sound[1]}, 5, errors[1]);
    close(pair[1]);
    close(sound[1]);
    close(errors[1]);
    r->stream = pair[0];
    cleanup_fd(&r->sound);
    r->sound = sound[0];
    r->errors = errors[0];
}

static void reap(pid_t *process)
{
    if (*process > 0) {
        kill(*process, SIGKILL);
        waitpid(*process, NULL, 0);
    }
    *process = 0;
}

// It is killed before it could take its own files away; another server may take its number as soon as it has ended.
void rig_end_server(struct rig *r)
{
    char lock[64];
    if (r->server <= 0)
        return;
    unlink(r->socket_path);
    snprintf(lock, sizeof(lock), "/tmp/.X%s-lock", strrchr(r->socket_path, 'X') + 1);
    unlink(lock);
    reap(&r->server);
}

void rig_finish(struct rig *r)
{
    cleanup_fd(&r->stream);
    cleanup_fd(&r->sound);
    cleanup_fd(&r->errors);
    reap(&r->streamer);
    xcb_disconnect(r->drawer);
    rig_end_server(r);
    munmap((void *)(r->pixels - FRAMEBUFFER_HEADER_SIZE), framebuffer_size(r->start.width, r->start.height));
    close(r->framebuffer);
    char path[96];
    static const char *const names[] = {"fb/Xvfb_screen0", "fb", "auth"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_in(r, names[i], path, sizeof(path));
        remove(path);
    }
    remove(r->directory);
}

void rig_send(struct rig *r, const void *message, size_t length)
{
    uint8_t packet[CLIPBOARD_MESSAGE_MAX + 1] = {0};
    CHECK(length < sizeof(packet));
    memcpy(packet + 1, message, length);
    struct pollfd ready = {.fd = r->stream, .events = POLLOUT};
    CHECK(poll(&ready, 1, RIG_PATIENCE_MS) == 1);
    ssize_t sent = send(r->stream, packet, length + 1, MSG_NOSIGNAL);
    CHECK(sent == (ssize_t)length + 1 || errno == EPIPE || errno == ECONNRESET);
}

ssize_t rig_receive(struct rig *r, void *message, size_t capacity, int timeout_ms)
{
    static uint8_t packet[STREAM_PACKET_MAX];
    size_t length = 0;
    for (;;) {
        struct pollfd ready = {.fd = r->stream, .events = POLLIN};
        int count = poll(&ready, 1, length ? RIG_PATIENCE_MS : timeout_ms);
        CHECK(count >= 0);
        if (count == 0)
            return -1;
        ssize_t n = recv(r->stream, packet, sizeof(packet), 0);
        if (n <= 0)
            return 0;
        if (packet[0] == STREAM_PACKET_REPORT) {
            struct stream_report report;
            CHECK(length == 0 && n == 1 + (ssize_t)sizeof(report));
            memcpy(&report, packet + 1, sizeof(report));
            CHECK(stream_report_check(&report, (size_t)n - 1) == 0);
            r->reports++;
            r->reported_video += report.video_frames;
            r->reported_lossless += report.lossless_rectangles;
            continue;
        }
        CHECK(packet[0] <= STREAM_PACKET_MORE && length + (size_t)n - 1 <= capacity);
        memcpy((uint8_t *)message + length, packet + 1, (size_t)n - 1);
        length += (size_t)n - 1;
        if (!(packet[0] & STREAM_PACKET_MORE))
            return (ssize_t)length;
        CHECK(n == STREAM_PACKET_MAX);
    }
}

int rig_wait(struct rig *r)
{
    // The stream's end tells of the streamer's; what it still sends is read away.
    static uint8_t message[STREAM_MESSAGE_MAX];
    while (r->stream >= 0 && rig_receive(r, message, sizeof(message), RIG_PATIENCE_MS) > 0)
        continue;
    int status = -1;
    CHECK(waitpid(r->streamer, &status, 0) == r->streamer);
    r->streamer = 0;
    return status;
}

void rig_errors(struct rig *r, char *text, size_t capacity)
{
    size_t length = 0;
    ssize_t n;
    while (length < capacity - 1 && (n = read(r->errors, text + length, capacity - 1 - length)) > 0)
        length += (size_t)n;
    text[length] = '\0';
}

void rig_fill(struct rig *r, uint32_t colour, int x, int y, unsigned width, unsigned height)
{
    xcb_change_gc(r->drawer, r->gc, XCB_GC_FOREGROUND, &colour);
    xcb_rectangle_t rectangle = {(int16_t)x, (int16_t)y, (uint16_t)width, (uint16_t)height};
    xcb_poly_fill_rectangle(r->drawer, r->screen->root, r->gc, 1, &rectangle);
    xcb_flush(r->drawer);
}

void rig_noise(struct rig *r, uint32_t seed, int x, int y, unsigned width, unsigned height)
{
    AUTO_FREE uint32_t *row = malloc(width * sizeof(*row));
    CHECK(row);
    for (unsigned line = 0; line < height; line++) {
        for (unsigned i = 0; i < width; i++) {
            seed = seed * 1664525 + 1013904223;
            // Soft colour ramps with a little grain, as a photograph has.
            uint32_t grain = seed >> 28;
            row[i] = ((i / 8 + grain) & 0xff) << 16 | ((line / 8 + grain) & 0xff) << 8 |
                     ((i + line + seed % 3) / 16 & 0xff);
        }
        xcb_put_image(r->drawer, XCB_IMAGE_FORMAT_Z_PIXMAP, r->screen->root, r->gc, (uint16_t)width, 1,
                      (int16_t)x, (int16_t)(y + (int)line), 0, 24, width * 4, (const uint8_t *)row);
    }
    xcb_flush(r->drawer);
}

void rig_synchronise(struct rig *r)
{
    free(xcb_get_input_focus_reply(r->drawer, xcb_get_input_focus(r->drawer), NULL));
}

bool rig_key_is_down(struct rig *r, uint8_t keycode)
{
    AUTO_FREE xcb_query_keymap_reply_t *reply =
        xcb_query_keymap_reply(r->drawer, xcb_query_keymap(r->drawer), NULL);
    CHECK(reply);
    return reply->keys[keycode / 8] >> (keycode % 8) & 1;
}

bool rig_button_is_down(struct rig *r, unsigned button)
{
    AUTO_FREE xcb_query_pointer_reply_t *reply =
        xcb_query_pointer_reply(r->drawer, xcb_query_pointer(r->drawer, r->screen->root), NULL);
    CHECK(reply);
    return reply->mask >> (7 + button) & 1;
}

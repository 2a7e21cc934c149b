// sandbox-display: started by sandbox-init beside the X server, as a user's program. Brings the display from the framebuffer's size to the
// one a desktop begins with, tells sandbox-init each time a window manager is up, and has the desktop follow what viewers make of the size and
// the scale later. The way of its windows to the pixels is the X server's; nothing depends on this program but looks.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xcb/randr.h>
#include <xcb/xcb.h>
#include <xcb/xtest.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/limits.h"

#define READY_FIFO "/run/sandbox/ready"
#define MANAGER_FIFO "/run/sandbox/manager" // written to when the window manager is up (openbox/library.c)
#define SCRIPT "/sandbox/desktop/changed"
// A window that is being dragged to another size is let go first.
#define STILL_MS 150
#define SCALE_NORMAL 100u
#define MILLIMETRES_PER_INCH_TENTHS 254u
#define DPI 96u
#define SHIFT_KEYCODE 50u // Shift_L in every keymap of the rules evdev

struct state {
    xcb_connection_t *connection;
    const xcb_screen_t *screen;
    uint32_t window;
    uint32_t ask_atom, answer_atom;
    uint32_t scale_atom;
    uint8_t randr_event;
    uint16_t width, height;
    uint32_t scale;
    bool changed; // size or scale, and nothing has been done about it yet
};

static uint32_t find_atom(xcb_connection_t *c, const char *name)
{
    xcb_intern_atom_cookie_t cookie = xcb_intern_atom(c, 0, (uint16_t)strlen(name), name);
    AUTO_FREE xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply(c, cookie, NULL);
    return reply ? reply->atom : XCB_NONE;
}

// 0 when nobody has set it.
static uint32_t read_scale(const struct state *s)
{
    xcb_get_property_cookie_t cookie =
        xcb_get_property(s->connection, 0, s->screen->root, s->scale_atom, XCB_ATOM_CARDINAL, 0, 1);
    AUTO_FREE xcb_get_property_reply_t *reply = xcb_get_property_reply(s->connection, cookie, NULL);
    if (!reply || xcb_get_property_value_length(reply) != 4)
        return 0;
    uint32_t scale;
    memcpy(&scale, xcb_get_property_value(reply), sizeof(scale));
    return scale;
}

static int set_size(struct state *s, uint16_t width, uint16_t height)
{
    xcb_connection_t *c = s->connection;
    uint32_t root = s->screen->root;
    char name[32];
    int length = snprintf(name, sizeof(name), "%ux%u-start", width, height);
    xcb_randr_mode_info_t mode = {
        .width = width, .height = height, .htotal = width, .vtotal = height, .name_len = (uint16_t)length};
    xcb_randr_get_screen_resources_current_cookie_t resources_cookie =
        xcb_randr_get_screen_resources_current(c, root);
    xcb_randr_create_mode_cookie_t mode_cookie = xcb_randr_create_mode(c, root, mode, (uint32_t)length, name);
    AUTO_FREE xcb_randr_get_screen_resources_current_reply_t *resources =
        xcb_randr_get_screen_resources_current_reply(c, resources_cookie, NULL);
    AUTO_FREE xcb_randr_create_mode_reply_t *made = xcb_randr_create_mode_reply(c, mode_cookie, NULL);
    if (!resources || !made || resources->num_crtcs == 0 || resources->num_outputs == 0)
        return -EIO;
    uint32_t crtc = xcb_randr_get_screen_resources_current_crtcs(resources)[0];
    uint32_t output = xcb_randr_get_screen_resources_current_outputs(resources)[0];
    xcb_randr_add_output_mode(c, output, made->mode);
    xcb_randr_set_crtc_config(c, crtc, 0, 0, 0, 0, XCB_NONE, XCB_RANDR_ROTATION_ROTATE_0, 0, NULL);
    xcb_randr_set_screen_size(c, root, width, height, width * MILLIMETRES_PER_INCH_TENTHS / (DPI * 10),
                              height * MILLIMETRES_PER_INCH_TENTHS / (DPI * 10));
    xcb_randr_set_crtc_config_cookie_t last =
        xcb_randr_set_crtc_config(c, crtc, 0, 0, 0, 0, made->mode, XCB_RANDR_ROTATION_ROTATE_0, 1, &output);
    AUTO_FREE xcb_randr_set_crtc_config_reply_t *done = xcb_randr_set_crtc_config_reply(c, last, NULL);
    return done && done->status == XCB_RANDR_SET_CONFIG_SUCCESS ? 0 : -EIO;
}

static int connect_display(struct state *s)
{
    s->connection = xcb_connect(NULL, NULL); // queues on the socket until the X server is up
    if (xcb_connection_has_error(s->connection))
        return -ECONNREFUSED;
    s->screen = xcb_setup_roots_iterator(xcb_get_setup(s->connection)).data;
    const xcb_query_extension_reply_t *randr = xcb_get_extension_data(s->connection, &xcb_randr_id);
    s->ask_atom = find_atom(s->connection, "_NET_REQUEST_FRAME_EXTENTS");
    s->answer_atom = find_atom(s->connection, "_NET_FRAME_EXTENTS");
    s->scale_atom = find_atom(s->connection, "_SANDBOX_SCALE");
    if (!randr || !randr->present || !s->ask_atom || !s->answer_atom || !s->scale_atom)
        return -EOPNOTSUPP;
    s->randr_event = randr->first_event;
    free(xcb_randr_query_version_reply(s->connection, xcb_randr_query_version(s->connection, 1, 3), NULL));
    uint32_t events = XCB_EVENT_MASK_PROPERTY_CHANGE;
    s->window = xcb_generate_id(s->connection);
    xcb_create_window(s->connection, 0, s->window, s->screen->root, 0, 0, 1, 1, 0,
                      XCB_WINDOW_CLASS_INPUT_ONLY, 0, XCB_CW_EVENT_MASK, &events);
    s->width = s->screen->width_in_pixels;
    s->height = s->screen->height_in_pixels;
    return 0;
}

// The first key of the XTEST device makes its keymap the display's. A window manager that is up by then takes its shortcuts anew, and one that
// is pressed meanwhile is lost.
static void press_first_key(struct state *s)
{
    xcb_test_fake_input(s->connection, XCB_KEY_PRESS, SHIFT_KEYCODE, XCB_CURRENT_TIME, XCB_NONE, 0, 0, 0);
    xcb_test_fake_input(s->connection, XCB_KEY_RELEASE, SHIFT_KEYCODE, XCB_CURRENT_TIME, XCB_NONE, 0, 0, 0);
}

// The window manager answers once it has heeded all events of before (Extended Window Manager Hints 1.5, _NET_REQUEST_FRAME_EXTENTS). One that
// is not up yet would drop the question.
static void ask_window_manager(struct state *s)
{
    xcb_client_message_event_t request = {
        .response_type = XCB_CLIENT_MESSAGE, .format = 32, .window = s->window, .type = s->ask_atom};
    xcb_send_event(s->connection, 0, s->screen->root,
                   XCB_EVENT_MASK_SUBSTRUCTURE_REDIRECT | XCB_EVENT_MASK_SUBSTRUCTURE_NOTIFY,
                   (const char *)&request);
}

static int begin(struct state *s, uint16_t width, uint16_t height)
{
    s->scale = read_scale(s);
    if (s->scale != 0)
        return 0; // the desktop has begun before
    s->scale = SCALE_NORMAL;
    press_first_key(s);
    int error = width == s->width && height == s->height ? 0 : set_size(s, width, height);
    s->width = width;
    s->height = height;
    // Last: it says that all of the above is done.
    xcb_change_property(s->connection, XCB_PROP_MODE_REPLACE, s->screen->root, s->scale_atom,
                        XCB_ATOM_CARDINAL, 32, 1, &s->scale);
    return error;
}

static void say_ready(void)
{
    AUTO_FD int fifo = open(READY_FIFO, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fifo >= 0)
        write_all(fifo, "ready\n", 6);
}

static void run_script(uint32_t scale, bool scale_changed)
{
    char percent[16];
    snprintf(percent, sizeof(percent), "%u", scale);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", SCRIPT, percent, scale_changed ? "scale" : "size", (char *)NULL);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

static void look(struct state *s)
{
    AUTO_FREE xcb_get_geometry_reply_t *size =
        xcb_get_geometry_reply(s->connection, xcb_get_geometry(s->connection, s->screen->root), NULL);
    uint32_t scale = read_scale(s);
    if (!size || scale < SCALE_NORMAL / 2 || scale > SCALE_NORMAL * 4)
        return;
    bool resized = size->width != s->width || size->height != s->height, rescaled = scale != s->scale;
    s->width = size->width;
    s->height = size->height;
    s->scale = scale;
    if (resized || rescaled)
        run_script(scale, rescaled);
}

static void handle(struct state *s, const xcb_generic_event_t *event)
{
    uint8_t type = event->response_type & 0x7f;
    const xcb_property_notify_event_t *property = (const void *)event;
    if (type == s->randr_event || (type == XCB_PROPERTY_NOTIFY && property->atom == s->scale_atom))
        s->changed = true;
    else if (type == XCB_PROPERTY_NOTIFY && property->window == s->window && property->atom == s->answer_atom)
        say_ready();
}

static void follow(struct state *s, int manager)
{
    uint32_t events = XCB_EVENT_MASK_PROPERTY_CHANGE;
    xcb_change_window_attributes(s->connection, s->screen->root, XCB_CW_EVENT_MASK, &events);
    xcb_randr_select_input(s->connection, s->screen->root, XCB_RANDR_NOTIFY_MASK_SCREEN_CHANGE);
    s->changed = true; // what happened before the events were selected
    while (!xcb_connection_has_error(s->connection)) {
        for (AUTO_FREE xcb_generic_event_t *event = NULL; (event = xcb_poll_for_event(s->connection));
             free(event))
            handle(s, event);
        xcb_flush(s->connection);
        struct pollfd ready[] = {{.fd = xcb_get_file_descriptor(s->connection), .events = POLLIN},
                                 {.fd = manager, .events = POLLIN}};
        int count = poll(ready, 2, s->changed ? STILL_MS : -1);
        char text[64];
        if (count > 0 && ready[1].revents && read(manager, text, sizeof(text)) > 0)
            ask_window_manager(s);
        if (count == 0 && s->changed) {
            s->changed = false;
            look(s);
        }
    }
}

int main(int argc, char **argv)
{
    unsigned width, height;
    if (argc != 2 || sscanf(argv[1], "%5ux%5u", &width, &height) != 2 || width < DISPLAY_WIDTH_MIN ||
        height < DISPLAY_HEIGHT_MIN || width > DISPLAY_WIDTH_MAX || height > DISPLAY_HEIGHT_MAX) {
        fprintf(stderr, "usage: sandbox-display WIDTHxHEIGHT\n");
        return EXIT_FAILURE;
    }
    struct state state = {0};
    // Open for writing as well: otherwise the end of the writer shows as end of file.
    AUTO_FD int manager = open(MANAGER_FIFO, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int error = manager < 0 ? -errno : connect_display(&state);
    if (!error)
        error = begin(&state, (uint16_t)width, (uint16_t)height);
    if (!error)
        follow(&state, manager);
    xcb_disconnect(state.connection);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

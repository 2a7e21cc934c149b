// sandbox-framebuffer.so in a real X server: the picture is the one of a server without it, whatever is drawn, and what nobody drew on takes no
// memory.

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xcb/xcb.h>

#include <cmocka.h>

#define WIDTH 3840
#define HEIGHT 2160
#define HEADER 3232
#define PIXELS ((size_t)WIDTH * HEIGHT * 4)
#define DEADLINE_MS 20000
#define WHITE 0xffffffu
#define BLOCK 512

struct display {
    pid_t pid;
    int framebuffer;
    char directory[32];
    xcb_connection_t *connection;
    xcb_screen_t *screen;
};

static void execute(const struct display *display, int number, const char *library)
{
    char link[64], descriptor[16], path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", display->framebuffer);
    snprintf(link, sizeof(link), "%s/Xvfb_screen0", display->directory);
    snprintf(descriptor, sizeof(descriptor), "%d", number);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || symlink(path, link) < 0 ||
        (library && setenv("LD_PRELOAD", library, 1) < 0))
        _exit(EXIT_FAILURE);
    execlp("Xvfb", "Xvfb", "-displayfd", descriptor, "-screen", "0", "3840x2160x24", "-fbdir",
           display->directory, "-nolisten", "tcp", "-nocursor", "-noreset", "-s", "0", "-extension", "GLX",
           NULL);
    _exit(EXIT_FAILURE);
}

static void begin(struct display *display, const char *library)
{
    int number[2];
    char text[16] = ":";
    *display = (struct display){.directory = "/tmp/framebuffer-XXXXXX"};
    assert_non_null(mkdtemp(display->directory));
    display->framebuffer = memfd_create("framebuffer", MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(display->framebuffer, (HEADER + PIXELS + 4095) / 4096 * 4096), 0);
    assert_int_equal(fcntl(display->framebuffer, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    assert_int_equal(pipe(number), 0);
    display->pid = fork();
    assert_true(display->pid >= 0);
    if (display->pid == 0)
        execute(display, number[1], library);
    close(number[1]);
    size_t length = 1;
    do {
        struct pollfd told = {.fd = number[0], .events = POLLIN};
        assert_int_equal(poll(&told, 1, DEADLINE_MS), 1);
        assert_int_equal(read(number[0], text + length, 1), 1);
    } while (text[length] != '\n' && ++length < sizeof(text));
    assert_true(length < sizeof(text));
    text[length] = '\0';
    close(number[0]);
    display->connection = xcb_connect(text, NULL);
    assert_int_equal(xcb_connection_has_error(display->connection), 0);
    display->screen = xcb_setup_roots_iterator(xcb_get_setup(display->connection)).data;
}

static void end(struct display *display)
{
    char link[64];
    xcb_disconnect(display->connection);
    kill(display->pid, SIGTERM);
    waitpid(display->pid, NULL, 0);
    snprintf(link, sizeof(link), "%s/Xvfb_screen0", display->directory);
    unlink(link);
    rmdir(display->directory);
    close(display->framebuffer);
}

// The answer to a request comes after everything before it was drawn.
static void wait_until_drawn(struct display *display)
{
    free(xcb_get_input_focus_reply(display->connection, xcb_get_input_focus(display->connection), NULL));
}

static void fill(struct display *display, uint32_t colour, int x, int y, unsigned width, unsigned height)
{
    const uint32_t values[] = {colour, XCB_SUBWINDOW_MODE_INCLUDE_INFERIORS};
    const xcb_rectangle_t area = {(int16_t)x, (int16_t)y, (uint16_t)width, (uint16_t)height};
    xcb_gcontext_t context = xcb_generate_id(display->connection);
    xcb_create_gc(display->connection, context, display->screen->root,
                  XCB_GC_FOREGROUND | XCB_GC_SUBWINDOW_MODE, values);
    xcb_poly_fill_rectangle(display->connection, display->screen->root, context, 1, &area);
    xcb_free_gc(display->connection, context);
}

// Black over holes, over what was drawn, and over both; in whole lines and in parts of them.
static void draw(struct display *display)
{
    fill(display, 0, 0, 0, WIDTH, HEIGHT);
    fill(display, WHITE, 100, 700, 50, 50);
    fill(display, 0, 0, 600, 2000, 120); // half of that
    fill(display, 0, 7, 1000, 1001, 1000);
    fill(display, WHITE, 0, 0, WIDTH, 3);
    fill(display, 0, 1, 1, 3000, 100);
    fill(display, WHITE, 3000, 2000, 840, 160);
    fill(display, 0, 3000, 2050, 840, 100);
    fill(display, 0x123456, 0, 1300, WIDTH, 1);
    fill(display, 0, 0, 1301, WIDTH, 40);
    fill(display, 0, 0, 1250, WIDTH, 50);
    wait_until_drawn(display);
}

static uint64_t memory_of(const struct display *display)
{
    struct stat status;
    assert_int_equal(fstat(display->framebuffer, &status), 0);
    return (uint64_t)status.st_blocks * BLOCK;
}

static void *picture_of(const struct display *display)
{
    char *file = mmap(NULL, HEADER + PIXELS, PROT_READ, MAP_SHARED, display->framebuffer, 0);
    assert_ptr_not_equal(file, MAP_FAILED);
    return file;
}

static void test_holes_stay_holes(void **state)
{
    (void)state;
    struct display display;
    begin(&display, getenv("FRAMEBUFFER_LIBRARY"));
    wait_until_drawn(&display);
    assert_true(memory_of(&display) < (1 << 20));
    fill(&display, 0, 0, 0, WIDTH, HEIGHT);
    wait_until_drawn(&display);
    assert_true(memory_of(&display) < (1 << 20));
    fill(&display, WHITE, 0, 0, WIDTH, HEIGHT);
    wait_until_drawn(&display);
    assert_true(memory_of(&display) > PIXELS);
    end(&display);
}

static void test_same_picture(void **state)
{
    (void)state;
    struct display with, without;
    begin(&with, getenv("FRAMEBUFFER_LIBRARY"));
    begin(&without, NULL);
    draw(&with);
    draw(&without);
    uint64_t used = memory_of(&with);
    char *one = picture_of(&with), *other = picture_of(&without);
    assert_memory_equal(one + HEADER, other + HEADER, PIXELS); // the header names the display
    assert_true(used < memory_of(&without) / 2);               // it was in force
    munmap(one, HEADER + PIXELS);
    munmap(other, HEADER + PIXELS);
    end(&with);
    end(&without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holes_stay_holes),
        cmocka_unit_test(test_same_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

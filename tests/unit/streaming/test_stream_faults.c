// What goes wrong: wrong starts, broken protocol, a hostile or dead X server. The streamer ends with one
// line, or goes on; it never crashes.

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hostile.h"
#include "lib/cleanup.h"
#include "lib/ipc.h"
#include "lib/limits.h"
#include "lib/wire.h"
#include "scene.h"

static void broken_messages_end_it(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } messages[] = {
        {"\x00\x00\x00\x00", 4},                                                  // no kind
        {"\x8c\x00\x00\x00", 4},                                                  // beyond the last kind
        {"\x01\x00\x00\x00", 4},                                                  // one of ours
        {"\x8a\x00\x00\x00\x00", 5},                                              // refresh, too long
        {"\x8a\x00\x00", 3},                                                      // refresh, cut
        {"\x8a\x01\x00\x00", 4},                                                  // a reserved byte
        {"\x82\x00\x00\x00\x01\x00\x00\x00\x00\x01\x01\x00", 12},                 // key 256
        {"\x82\x00\x00\x00\x01\x00\x00\x00\x00\x00\x01\x00", 12},                 // key 0
        {"\x82\x00\x00\x00\x01\x00\x00\x00\x1e\x00\x02\x00", 12},                 // down 2
        {"\x83\x00\x00\x00\x01\x00\x00\x00\x00\xd8\x00\x00", 12},                 // a surrogate
        {"\x85\x00\x00\x00\x01\x00\x00\x00\x01\x00\x01\x00\x04\x01\x00\x00", 16}, // button 4
        {"\x88\x00\x00\x00\x01\x00\x01\x00\x64\x00\x00\x00", 12},                 // a display of 1 x 1
        {"\x81\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00", 16}, // never sent
    };
    struct scene *s = *state;
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        rig_attach(&s->rig, -1);
        rig_send(&s->rig, messages[i].bytes, messages[i].length);
        scene_check_exit(s, 1, "the viewer broke the protocol");
        scene_part(s);
    }
}

static void descriptors_are_refused(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    assert_int_equal(ipc_send(s->rig.stream, "\0\x8a\0\0", 5, (int[]){STDIN_FILENO}, 1), 0);
    scene_check_exit(s, 1, "the viewer broke the protocol");
}

static void wrong_starts_are_refused(void **state)
{
    struct scene *s = *state;
    struct streamer_start good = s->rig.start;
    for (int i = 0; i < 7; i++) {
        s->rig.start = good;
        static const char *const lines[] = {"the start message",           "the start message",
                                            "the start message",           "the framebuffer",
                                            "refused the connection",      "encoder's settings are wrong",
                                            "encoder's settings are wrong"};
        if (i == 0)
            s->rig.start.magic++;
        else if (i == 1)
            s->rig.start.full_chroma = 2;
        else if (i == 2)
            s->rig.start.alone = 2;
        else if (i == 3)
            s->rig.start.width += 16;
        else if (i == 4)
            s->rig.start.cookie[0] ^= 1;
        else if (i == 5)
            memcpy(s->rig.start.codec, "h264_nvenc", 11);
        else
            memcpy(s->rig.start.preset, "fastest", 8);
        rig_attach(&s->rig, -1);
        scene_check_exit(s, 1, lines[i]);
        scene_part(s);
    }
    s->rig.start = good;
}

static void a_dead_server_ends_it(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    rig_end_server(&s->rig);
    scene_check_exit(s, 1, "the X server ended the connection");
}

static void leaving_is_noticed_while_the_server_hangs(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    kill(s->rig.server, SIGSTOP);
    rig_send(&s->rig, "\x82\0\0\0\1\0\0\0\x1e\0\1", 12);
    shutdown(s->rig.stream, SHUT_RDWR);
    int status = rig_wait(&s->rig);
    assert_true(WIFEXITED(status)); // by the watchdog: the held key can't be released
    kill(s->rig.server, SIGCONT);
}

static void it_is_confined(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    char path[64], line[256];
    snprintf(path, sizeof(path), "/proc/%d/status", s->rig.streamer);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    unsigned found = 0;
    static const char *const wanted[] = {"CapInh:\t0000000000000000\n",
                                         "CapPrm:\t0000000000000000\n",
                                         "CapEff:\t0000000000000000\n",
                                         "CapAmb:\t0000000000000000\n",
                                         "NoNewPrivs:\t1\n",
                                         "Seccomp:\t2\n",
                                         "Threads:\t1\n"};
    while (fgets(line, sizeof(line), file)) {
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
            found += strcmp(line, wanted[i]) == 0;
    }
    fclose(file);
    assert_int_equal(found, sizeof(wanted) / sizeof(wanted[0]));
}

// Starts a streamer on a hostile server and reads what it sends until it ends or nothing more comes.
static void face(struct scene *s, enum hostility how, unsigned seed, pid_t *ret_server)
{
    int connection;
    *ret_server = hostile_start(how, SCENE_WIDTH, SCENE_HEIGHT, seed, &connection);
    canvas_finish(&s->canvas);
    rig_attach(&s->rig, connection);
    // A server that always has damage never lets the stream rest.
    for (int i = 0; i < 60 && scene_step(s, QUIET_MS); i++)
        continue;
}

static void part(struct scene *s, pid_t server)
{
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    scene_part(s);
}

static void hostile_servers_end_it_with_one_line(void **state)
{
    static const struct {
        enum hostility how;
        const char *line;
    } cases[] = {
        {HOSTILE_SETUP_REFUSED, "refused the connection"},
        {HOSTILE_SETUP_WITHOUT_SCREEN, "screen is larger than the one"},
        {HOSTILE_SETUP_VENDOR, "screen is larger than the one"},
        {HOSTILE_SETUP_CUT, "screen is larger than the one"},
        {HOSTILE_SETUP_SIZE, "screen is larger than the one"},
        {HOSTILE_SETUP_KEYCODES, "screen is larger than the one"},
        {HOSTILE_EXTENSION_MISSING, "lacks DAMAGE"},
        {HOSTILE_XKB_REFUSED, "lacks XKB"},
        {HOSTILE_KEYMAP_SHORT, "impossible keyboard map"},
        {HOSTILE_REGION_REFUSED, "refused to tell the damage"},
        {HOSTILE_CURSOR_LIE, "impossible cursor"},
        {HOSTILE_REPLY_HALF, "keeps the streamer waiting"},
        {HOSTILE_SILENT, "keeps the streamer waiting"},
        {HOSTILE_LEAVES, "X server"},
    };
    struct scene *s = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pid_t server;
        face(s, cases[i].how, 1, &server);
        scene_check_exit(s, 1, cases[i].line);
        part(s, server);
    }
}

// Whatever it is that comes, the process ends by itself, with an error, or serves on until the viewer leaves.
static void hostile_servers_crash_nothing(void **state)
{
    static const enum hostility cases[] = {HOSTILE_REPLY_ENDLESS, HOSTILE_NOISE, HOSTILE_NOISE, HOSTILE_NOISE,
                                           HOSTILE_NOISE};
    struct scene *s = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pid_t server;
        face(s, cases[i], (unsigned)i + 1, &server);
        shutdown(s->rig.stream, SHUT_WR);
        int status = rig_wait(&s->rig);
        assert_true(WIFEXITED(status));
        part(s, server);
    }
}

// A streamer of this display takes 20 MiB; sanitizers keep what was freed.
#ifdef SANITIZED_BUILD
#define FLOODED_KIB_MAX (1 << 20)
#else
#define FLOODED_KIB_MAX (64 << 10)
#endif

// The most memory that a process has had, KiB.
static long peak_of(pid_t process)
{
    char path[64], line[256];
    snprintf(path, sizeof(path), "/proc/%d/status", process);
    AUTO_FILE FILE *file = fopen(path, "re");
    long peak = -1;
    while (file && fgets(line, sizeof(line), file) && sscanf(line, "VmHWM: %ld", &peak) != 1)
        continue;
    return peak;
}

static void wild_answers_are_bounded(void **state)
{
    static const enum hostility cases[] = {HOSTILE_NOT, HOSTILE_REGION_WILD, HOSTILE_REGION_MANY,
                                           HOSTILE_CURSOR_LARGE, HOSTILE_EVENTS};
    struct scene *s = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pid_t server;
        face(s, cases[i], 7, &server);
        if (s->canvas.video_frames == 0)
            fail_msg("no picture in case %zu", i);
        if (cases[i] == HOSTILE_CURSOR_LARGE)
            assert_true(s->canvas.cursor_width == CURSOR_SIDE_MAX &&
                        s->canvas.cursor_height == CURSOR_SIDE_MAX);
        // Events are handled as they come and pile up nowhere.
        if (cases[i] == HOSTILE_EVENTS)
            assert_in_range(peak_of(s->rig.streamer), 1, FLOODED_KIB_MAX);
        shutdown(s->rig.stream, SHUT_RDWR);
        scene_check_exit(s, 0, NULL);
        part(s, server);
    }
}

// Events that never end leave the viewer heard: a resize is answered, and its leaving is noticed.
static void a_flood_of_events_starves_nobody(void **state)
{
    struct scene *s = *state;
    int connection;
    pid_t server = hostile_start(HOSTILE_FLOOD, SCENE_WIDTH, SCENE_HEIGHT, 1, &connection);
    rig_attach(&s->rig, connection);
    assert_true(scene_step(s, RIG_PATIENCE_MS));
    rig_send(&s->rig, "\x88\0\0\0\x20\x03\x58\x02\x64\0\0\0", 12); // 800 x 600
    static uint8_t message[STREAM_MESSAGE_MAX];
    do {
        assert_true(rig_receive(&s->rig, message, sizeof(message), RIG_PATIENCE_MS) > 0);
    } while (message[0] != WIRE_DISPLAY);
    shutdown(s->rig.stream, SHUT_RDWR);
    scene_check_exit(s, 0, NULL);
    part(s, server);
}

// A layout whose loading is never answered: the viewer is heard again.
static void a_layout_that_never_loads_is_given_up(void **state)
{
    struct scene *s = *state;
    pid_t server;
    face(s, HOSTILE_NOT, 7, &server);
    char layout[56] = "\x93\0\0\0\1\0\0\0de";
    rig_send(&s->rig, layout, sizeof(layout));
    rig_send(&s->rig, "\xff", 1);
    scene_check_exit(s, 1, "the viewer broke the protocol");
    part(s, server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(broken_messages_end_it, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(descriptors_are_refused, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(wrong_starts_are_refused, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(a_dead_server_ends_it, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(leaving_is_noticed_while_the_server_hangs, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(it_is_confined, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(hostile_servers_end_it_with_one_line, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(hostile_servers_crash_nothing, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(wild_answers_are_bounded, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(a_layout_that_never_loads_is_given_up, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(a_flood_of_events_starves_nobody, scene_start, scene_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

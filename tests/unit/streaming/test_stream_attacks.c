// Long attacks from both sides: an X server that floods with pointers or lies about its clipboard, and a browser that says whatever it likes. The
// streamer goes on, within its bounds, or ends with one line; it never crashes.

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "hostile.h"
#include "lib/limits.h"
#include "scene.h"
#include "streaming/clipboard.h"
#include "streaming/cursor.h"

#define STORM_MS 1500
#define MESSAGES 3000

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static pid_t face(struct scene *s, enum hostility how, unsigned seed)
{
    int connection;
    pid_t server = hostile_start(how, SCENE_WIDTH, SCENE_HEIGHT, seed, &connection);
    rig_attach(&s->rig, connection);
    assert_true(scene_step(s, RIG_PATIENCE_MS));
    return server;
}

static void part(struct scene *s, pid_t server)
{
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
    }
    scene_part(s);
}

// Each is as large as can be; they are told as seldom as those of an animated pointer, and damage is still shown.
static void a_flood_of_cursors_is_bounded(void **state)
{
    struct scene *s = *state;
    pid_t server = face(s, HOSTILE_CURSORS, 1);
    uint64_t start = now_ms(), passed = 0;
    while ((passed = now_ms() - start) < STORM_MS)
        scene_step(s, QUIET_MS);
    assert_true(s->canvas.cursors > 1 && s->canvas.video_frames > 0);
    assert_true(s->canvas.cursors <= 2 + passed * 1000 / CURSOR_INTERVAL_US);
    shutdown(s->rig.stream, SHUT_RDWR);
    scene_check_exit(s, 0, NULL);
    part(s, server);
}

// Of a viewer that reads nothing the streamer holds no more than one outbox, and notices its leaving.
static void cursors_for_a_viewer_that_sleeps_are_bounded(void **state)
{
    struct scene *s = *state;
    pid_t server = face(s, HOSTILE_CURSORS, 2);
    uint64_t start = now_ms();
    while (now_ms() - start < STORM_MS)
        rig_send(&s->rig, "\x84\0\0\0\1\0\0\0\1\0\1\0", 12); // the pointer moves
    shutdown(s->rig.stream, SHUT_RDWR);
    scene_check_exit(s, 0, NULL);
    part(s, server);
}

static void a_clipboard_that_lies_is_given_up(void **state)
{
    struct scene *s = *state;
    unsigned pieces = 0;
    // One piece of each is the policy. Some of what it says is true and is sent on: sooner or later, as the machine is fast or slow.
    for (unsigned seed = 1; seed <= 4 || pieces < seed; seed++) {
        assert_true(seed <= 40);
        pid_t server = face(s, HOSTILE_SELECTION, seed);
        uint64_t start = now_ms();
        while (now_ms() - start < STORM_MS)
            scene_step(s, QUIET_MS);
        assert_true(s->canvas.video_frames > 0);
        pieces += s->canvas.clipboards;
        shutdown(s->rig.stream, SHUT_RDWR);
        scene_check_exit(s, 0, NULL);
        part(s, server);
    }
    print_message("%u pieces\n", pieces);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

// One that lib/wire.c accepts; `honest` leaves out what ends the stream by itself: lies about what was sent, pieces of no transfer.
static size_t make_message(uint32_t *seed, bool honest, uint8_t *message)
{
    for (;;) {
        uint8_t kind = (uint8_t)(WIRE_ACKNOWLEDGE + next_random(seed) % (WIRE_LAYOUT - WIRE_ACKNOWLEDGE + 1));
        const struct wire_browser_rule *rule = wire_browser_rule(kind);
        if (!rule || (honest && (kind == WIRE_ACKNOWLEDGE || kind == WIRE_BROWSER_CLIPBOARD)))
            continue;
        uint32_t range = rule->size_max - rule->size_min;
        size_t length = rule->size_min + (range > 0 ? next_random(seed) % (range < 64 ? range : 64) : 0);
        for (size_t i = 4; i < length; i++)
            message[i] = (uint8_t)(next_random(seed) % 3 ? next_random(seed) % 4 : next_random(seed));
        memcpy(message, (uint8_t[]){kind, 0, 0, 0}, 4);
        struct browser_message decoded;
        if (kind == WIRE_LAYOUT)
            memcpy(message + 8, "us\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
        if (wire_decode_browser(message, length, &decoded) == 0)
            return length;
    }
}

static void say(struct scene *s, uint32_t *seed, bool honest)
{
    uint8_t message[CLIPBOARD_MESSAGE_MAX];
    rig_send(&s->rig, message, make_message(seed, honest, message));
}

// Every kind, with values of all sorts, faster than any hand; what they do to the desktop is its own affair.
static void well_formed_nonsense_is_survived(void **state)
{
    struct scene *s = *state;
    scene_open(s);
    uint32_t seed = 1;
    for (unsigned i = 0; i < MESSAGES; i++) {
        say(s, &seed, true);
        if (i % 16 == 0)
            scene_step(s, 0);
    }
    rig_send(&s->rig, "\x87\0\0\0\1\0\0\0", 8); // release all
    scene_settle(s);
    assert_true(scene_exact(s));
    shutdown(s->rig.stream, SHUT_RDWR);
    scene_check_exit(s, 0, NULL);
}

// The same with acknowledgements of anything and clipboards in pieces: a stream that is lied to may end, with its one line.
static void liars_end_their_own_stream(void **state)
{
    struct scene *s = *state;
    for (uint32_t round = 1; round <= 12; round++) {
        rig_attach(&s->rig, -1);
        assert_true(scene_step(s, RIG_PATIENCE_MS));
        uint32_t seed = round * 7919;
        for (unsigned i = 0; i < MESSAGES / 10; i++)
            say(s, &seed, false);
        shutdown(s->rig.stream, SHUT_WR);
        int status = rig_wait(&s->rig);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) != 0) {
            char errors[4096];
            rig_errors(&s->rig, errors, sizeof(errors));
            assert_non_null(strstr(errors, "the viewer broke the protocol"));
        }
        part(s, -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_flood_of_cursors_is_bounded, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(cursors_for_a_viewer_that_sleeps_are_bounded, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(a_clipboard_that_lies_is_given_up, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(well_formed_nonsense_is_survived, scene_start, scene_end),
        cmocka_unit_test_setup_teardown(liars_end_their_own_stream, scene_start, scene_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

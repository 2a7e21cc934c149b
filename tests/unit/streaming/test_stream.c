// The streamer as a process, between a real X server and a browser's half of the protocol.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "canvas.h"
#include "lib/limits.h"
#include "rig.h"
#include "streaming/clock.h"

#define WIDTH 800
#define HEIGHT 600
#define QUIET_MS 600 // longer than the repair of a still picture waits

static uint8_t message[STREAM_MESSAGE_MAX];

struct scene {
    struct rig rig;
    struct canvas canvas;
};

// Applies and acknowledges one message. false when nothing came in time or the stream has ended.
static bool step(struct scene *s, int timeout_ms)
{
    ssize_t length = rig_receive(&s->rig, message, sizeof(message), timeout_ms);
    if (length <= 0)
        return false;
    if (canvas_apply(&s->canvas, message, (size_t)length)) {
        uint8_t acknowledgement[16];
        rig_send(&s->rig, acknowledgement, canvas_acknowledgement(&s->canvas, acknowledgement));
    }
    return true;
}

static void settle(struct scene *s)
{
    while (step(s, QUIET_MS))
        continue;
}

static bool bit_exact(const struct scene *s)
{
    size_t count = (size_t)s->canvas.width * s->canvas.height;
    for (size_t i = 0; i < count; i++) {
        if (memcmp(s->canvas.pixels + i * 4, s->rig.pixels + i * 4, 3) != 0)
            return false;
    }
    return true;
}

// Mean squared error of the colours; 65 is a PSNR of 30 dB.
static double error_of(const struct scene *s)
{
    size_t count = (size_t)s->canvas.width * s->canvas.height;
    double sum = 0;
    for (size_t i = 0; i < count * 4; i++) {
        double difference = i % 4 == 3 ? 0 : (double)s->canvas.pixels[i] - s->rig.pixels[i];
        sum += difference * difference;
    }
    return sum / (double)(count * 3);
}

static int start_scene(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    rig_start(&s->rig, WIDTH, HEIGHT);
    canvas_init(&s->canvas);
    *state = s;
    return 0;
}

static int end_scene(void **state)
{
    struct scene *s = *state;
    char errors[4096];
    rig_errors(&s->rig, errors, sizeof(errors));
    print_message("%s", errors);
    rig_finish(&s->rig);
    canvas_finish(&s->canvas);
    free(s);
    return 0;
}

static void hello_then_key_frame(void **state)
{
    struct scene *s = *state;
    rig_noise(&s->rig, 1, 0, 0, WIDTH, HEIGHT);
    rig_synchronise(&s->rig);
    rig_attach(&s->rig, -1);
    assert_true(step(s, RIG_PATIENCE_MS));
    assert_int_equal(s->canvas.hellos, 1);
    assert_int_equal(s->canvas.width, WIDTH);
    assert_memory_equal(s->canvas.codec, "avc1.42", 7);
    while (s->canvas.video_frames == 0)
        assert_true(step(s, RIG_PATIENCE_MS));
    assert_int_equal(s->canvas.key_frames, 1);
    assert_true(error_of(s) < 65);
    settle(s);
    assert_true(bit_exact(s));
    assert_int_equal(s->canvas.key_frames, 1);
    assert_int_equal(s->canvas.cursors, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hello_then_key_frame, start_scene, end_scene),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/limits.h"
#include "turns.h"

#define HELD_UP_MS 5000 // so much longer a silence may take

int scene_start(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    rig_start(&s->rig, SCENE_WIDTH, SCENE_HEIGHT);
    canvas_init(&s->canvas);
    *state = s;
    return 0;
}

int scene_end(void **state)
{
    struct scene *s = *state;
    if (s->rig.errors >= 0) {
        char errors[4096];
        rig_errors(&s->rig, errors, sizeof(errors));
        print_message("%s", errors);
    }
    rig_finish(&s->rig);
    canvas_finish(&s->canvas);
    free(s);
    return 0;
}

void scene_acknowledge(struct scene *s)
{
    uint8_t message[16];
    rig_send(&s->rig, message, canvas_acknowledgement(&s->canvas, message));
}

static uint64_t awaited_ns(const struct rig *r)
{
    return turns_awaited_ns(r->streamer) + turns_awaited_ns(r->peer ? r->peer : r->server);
}

static bool at_work(const struct rig *r)
{
    return turns_wanted(r->streamer) || turns_wanted(r->peer ? r->peer : r->server);
}

// As rig_receive; a silence in which streamer and server could not run is none.
static ssize_t receive(struct rig *r, void *message, size_t capacity, int timeout_ms)
{
    for (int spent = 0;; spent += timeout_ms) {
        uint64_t before = awaited_ns(r);
        ssize_t length = rig_receive(r, message, capacity, timeout_ms);
        bool held_up = (awaited_ns(r) - before) / 250000 > (uint64_t)timeout_ms || at_work(r);
        if (length >= 0 || !held_up || timeout_ms <= 0 || spent >= HELD_UP_MS)
            return length;
    }
}

bool scene_step(struct scene *s, int timeout_ms)
{
    static uint8_t message[STREAM_MESSAGE_MAX];
    ssize_t length = receive(&s->rig, message, sizeof(message), timeout_ms);
    if (length <= 0)
        return false;
    if (message[0] == WIRE_HELLO && s->knows)
        rig_send(&s->rig, (uint8_t[16]){WIRE_ACKNOWLEDGE, [12] = (uint8_t)s->knows}, 16);
    if (canvas_apply(&s->canvas, message, (size_t)length) && !s->mute)
        scene_acknowledge(s);
    return true;
}

void scene_settle(struct scene *s)
{
    while (scene_step(s, QUIET_MS))
        continue;
}

void scene_open(struct scene *s)
{
    rig_attach(&s->rig, -1);
    assert_true(scene_step(s, RIG_PATIENCE_MS));
    scene_settle(s);
}

void scene_part(struct scene *s)
{
    close(s->rig.stream);
    close(s->rig.errors);
    s->rig.stream = s->rig.errors = -1;
    canvas_finish(&s->canvas);
    canvas_init(&s->canvas);
}

void scene_leave(struct scene *s)
{
    shutdown(s->rig.stream, SHUT_RDWR);
    scene_check_exit(s, 0, NULL);
    scene_part(s);
}

bool scene_exact(const struct scene *s)
{
    for (size_t y = 0; y < s->canvas.height; y++) {
        for (size_t x = 0; x < s->canvas.width; x++) {
            if (memcmp(s->canvas.pixels + (y * s->canvas.width + x) * 4,
                       s->rig.pixels + (y * s->rig.start.width + x) * 4, 3) != 0)
                return false;
        }
    }
    return true;
}

double scene_error(const struct scene *s)
{
    size_t count = (size_t)s->canvas.width * s->canvas.height;
    double sum = 0;
    for (size_t i = 0; i < count * 4; i++) {
        double difference = i % 4 == 3 ? 0 : (double)s->canvas.pixels[i] - s->rig.pixels[i];
        sum += difference * difference;
    }
    return sum / (double)(count * 3);
}

void scene_check_exit(struct scene *s, int code, const char *line)
{
    int status = rig_wait(&s->rig);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
    char errors[4096];
    rig_errors(&s->rig, errors, sizeof(errors));
    if (!line) {
        assert_string_equal(errors, "");
        return;
    }
    if (!strstr(errors, line))
        fail_msg("\"%s\" is not in: %s", line, errors);
    assert_ptr_equal(strchr(errors, '\n'), errors + strlen(errors) - 1); // one line
}

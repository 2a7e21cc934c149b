// What a viewer says reaches the programs that record in his sandbox, where its policy permits it, and nothing else does.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <opus/opus.h>

#include "lib/bytes.h"
#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/sound.h"
#include "lib/streamer_channel.h"
#include "lib/wire.h"
#include "tests/harness/sandboxd_fixture.h"

#define TONE_HZ 523
#define PACKET_NS 20000000
#define PATIENCE 1000 // packets

// A program that knows nothing of us records: it waits for something loud, and tells the tone of the next half second by the usual distance of two
// waves, which a gap does not change; or, for so many tenths of a second, how loud the loudest was.
#define RECORD                                                                                               \
    "parec --raw --format=s16le --rate=48000 --channels=1 --latency-msec=20 2>/dev/null |"                   \
    "python3 -c 'import array, statistics, sys\n"                                                            \
    "def tenth():\n"                                                                                         \
    "    return array.array(\"h\", sys.stdin.buffer.read(9600))\n"
#define RECORD_TONE                                                                                          \
    RECORD "while max(tenth()) < 4000: pass\n"                                                               \
           "[tenth() for i in range(3)]\n"                                                                   \
           "heard = [s for i in range(5) for s in tenth()]\n"                                                \
           "waves = [i for i in range(1, len(heard)) if heard[i - 1] < 0 <= heard[i]]\n"                     \
           "print(round(48000 / statistics.mean(sorted(b - a for a, b in zip(waves, waves[1:]))[len(waves) " \
           "// 4:-len(waves) // 4])))'\n"
#define RECORD_PEAK(tenths) RECORD "print(max(abs(s) for i in range(" tenths ") for s in tenth()))'\n"

static enum sandboxd_mode mode;

struct speaker {
    int stream;
    int clock; // rings for each packet
    OpusEncoder *encoder;
    unsigned said; // packets
    bool left;     // the streamer has ended
};

static void send_message(struct speaker *s, const void *message, size_t length)
{
    uint8_t packet[1 + BROWSER_MESSAGE_MAX] = {0};
    memcpy(packet + 1, message, length);
    // What a full socket does not take, a server would hold back.
    if (send(s->stream, packet, 1 + length, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
        s->left = true;
}

static void turn_on(struct speaker *s, bool on)
{
    send_message(s, (uint8_t[]){WIRE_MICROPHONE, 0, 0, 0, on, 0, 0, 0}, 8);
}

static struct speaker attach(struct sandboxd_fixture *f, const struct id *sandbox, uint64_t number,
                             bool view_only)
{
    struct sandboxd_message message = {
        .kind = SANDBOXD_ATTACH, .attach = {.sandbox = *sandbox, .viewer = number, .view_only = view_only}};
    struct speaker s = {.clock = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)};
    int error;
    sandboxd_send(f, &message);
    sandboxd_expect(f, SANDBOXD_ATTACHED, &s.stream);
    s.encoder = opus_encoder_create(SOUND_RATE, 1, OPUS_APPLICATION_VOIP, &error);
    const struct itimerspec each = {{0, PACKET_NS}, {0, PACKET_NS}};
    assert_true(s.encoder && s.clock >= 0 && timerfd_settime(s.clock, 0, &each, NULL) == 0);
    return s;
}

static void leave(struct speaker *s)
{
    opus_encoder_destroy(s->encoder);
    close(s->clock);
    close(s->stream);
}

static void say(struct speaker *s)
{
    int16_t pcm[VOICE_FRAMES_MAX];
    uint8_t message[4 + VOICE_PACKET_MAX] = {WIRE_VOICE};
    for (unsigned i = 0; i < VOICE_FRAMES_MAX; i++)
        pcm[i] = (int16_t)(9000 * sin(2 * M_PI * TONE_HZ * (s->said * VOICE_FRAMES_MAX + i) / SOUND_RATE));
    int length = opus_encode(s->encoder, pcm, VOICE_FRAMES_MAX, message + 4, VOICE_PACKET_MAX);
    assert_true(length > 0);
    s->said++;
    send_message(s, message, 4 + (size_t)length);
}

// What is shown is taken as it comes, so that the streamer goes on.
static void look(struct speaker *s)
{
    static uint8_t packet[STREAM_PACKET_MAX];
    ssize_t length = recv(s->stream, packet, sizeof(packet), 0);
    if (length <= 0)
        s->left = true;
}

// As often as the clock rings, until the program inside has its result; a fraction of them as `speak` says them.
static char *speak_until_result(struct sandboxd_fixture *f, const struct sandboxd_create *request,
                                struct speaker *s, void (*speak)(struct speaker *))
{
    char home[160], path[256];
    sandboxd_home(f, request, home);
    snprintf(path, sizeof(path), "%s/result", home);
    for (unsigned packets = 0; access(path, F_OK) < 0;) {
        struct pollfd ready[] = {{.fd = s->stream, .events = POLLIN}, {.fd = s->clock, .events = POLLIN}};
        uint64_t rung;
        assert_true(poll(ready, 2, -1) > 0);
        if (ready[0].revents && !s->left)
            look(s);
        if (s->left)
            break;
        if (!ready[1].revents || read(s->clock, &rung, sizeof(rung)) <= 0)
            continue;
        // A busy machine lets the clock ring several times before it is heard.
        for (uint64_t i = 0; i < rung && !s->left; i++) {
            assert_true(packets++ < PATIENCE);
            speak(s);
        }
    }
    return sandboxd_result(f, request);
}

static void begin(struct sandboxd_fixture *f, struct sandboxd_create *request, bool permitted,
                  const char *script)
{
    sandboxd_prepare(f, mode);
    sandboxd_start(f);
    *request = sandboxd_request(5);
    request->policy.microphone = permitted;
    sandboxd_script(f, request, script);
    sandboxd_create(f, request);
}

static void a_program_records_what_the_viewer_says(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    begin(&f, &request, true, RECORD_TONE);
    struct speaker s = attach(&f, &request.sandbox, 1, false);
    turn_on(&s, true);
    AUTO_FREE char *result = speak_until_result(&f, &request, &s, say);
    assert_false(s.left);
    assert_in_range(strtol(result, NULL, 10), TONE_HZ - 4, TONE_HZ + 4);
    leave(&s);
    sandboxd_finish(&f);
}

static void expect_nothing_heard(bool permitted, bool on, void (*speak)(struct speaker *))
{
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    begin(&f, &request, permitted, RECORD_PEAK("8"));
    struct speaker s = attach(&f, &request.sandbox, 1, false);
    if (on)
        turn_on(&s, true);
    AUTO_FREE char *result = speak_until_result(&f, &request, &s, speak);
    assert_false(s.left);
    assert_int_equal(strtol(result, NULL, 10), 0);
    leave(&s);
    sandboxd_finish(&f);
}

static void where_it_is_forbidden_nothing_is_heard(void **state)
{
    (void)state;
    expect_nothing_heard(false, true, say);
}

static void a_microphone_that_is_off_says_nothing(void **state)
{
    (void)state;
    expect_nothing_heard(true, false, say);
}

// Anything but Opus, of any length, much of it at once.
static void say_nonsense(struct speaker *s)
{
    uint8_t message[4 + VOICE_PACKET_MAX] = {WIRE_VOICE};
    for (unsigned i = 0; i < 20; i++) {
        size_t length = 1 + (s->said * 31) % VOICE_PACKET_MAX;
        memset(message + 4, (int)(0xff - s->said % 8),
               length); // three bits of its first byte tell its duration: too long ones
        s->said++;
        send_message(s, message, 4 + length);
    }
}

static void nonsense_and_floods_are_dropped(void **state)
{
    (void)state;
    expect_nothing_heard(true, true, say_nonsense);
}

static void who_may_only_watch_may_not_speak(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    begin(&f, &request, true, "true");
    struct speaker s = attach(&f, &request.sandbox, 1, true);
    turn_on(&s, true);
    while (!s.left)
        look(&s); // the streamer ends
    leave(&s);
    sandboxd_finish(&f);
}

static void a_killed_sound_server_takes_the_voice_again(void **state)
{
    (void)state;
    struct sandboxd_fixture f;
    struct sandboxd_create request;
    begin(&f, &request, true, "{ " RECORD_TONE "} >/dev/null\npkill -9 pulseaudio\n" RECORD_TONE);
    struct speaker s = attach(&f, &request.sandbox, 1, false);
    turn_on(&s, true);
    AUTO_FREE char *result = speak_until_result(&f, &request, &s, say);
    assert_in_range(strtol(result, NULL, 10), TONE_HZ - 4, TONE_HZ + 4);
    turn_on(&s, false);
    leave(&s);
    sandboxd_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_records_what_the_viewer_says),
        cmocka_unit_test(where_it_is_forbidden_nothing_is_heard),
        cmocka_unit_test(a_microphone_that_is_off_says_nothing),
        cmocka_unit_test(nonsense_and_floods_are_dropped),
        cmocka_unit_test(who_may_only_watch_may_not_speak),
        cmocka_unit_test(a_killed_sound_server_takes_the_voice_again),
    };
    // A voice's way is the same in each mode; the sound's tests are run in all of them.
    mode = sandboxd_mode_possible(SANDBOXD_DELEGATED) ? SANDBOXD_DELEGATED : SANDBOXD_PLAIN;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// sandbox-sound: records what the sandbox plays, for one viewer who listens (lib/sound.h). sandbox-init starts it with the socket when the
// viewer says so. It ends with status 0 when its viewer has stopped listening or has left, else with 1: then sandbox-init
// starts it again, as the sound server may have ended.

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pulse/pulseaudio.h>

#include "lib/sound.h"

#define SOUND_FD 3
#define FRAGMENT (SOUND_RATE / 100 * SOUND_FRAME_SIZE) // 10 ms

struct recorder {
    pa_mainloop *loop;
    size_t silent; // frames in a row
};

static void end(struct recorder *recorder, int status)
{
    pa_mainloop_quit(recorder->loop, status);
}

// What the streamer has not taken when there is more is lost: a viewer must not hear what is long past.
static void send_sound(struct recorder *recorder, const uint8_t *data, size_t length)
{
    bool silent = sound_is_silent((const int16_t *)(const void *)data, length / sizeof(int16_t));
    recorder->silent = silent ? recorder->silent + length / SOUND_FRAME_SIZE : 0;
    if (recorder->silent > SOUND_TAIL_FRAMES)
        return;
    for (size_t sent = 0; sent < length;) {
        size_t part = length - sent < SOUND_PACKET_MAX ? length - sent : SOUND_PACKET_MAX;
        if (send(SOUND_FD, data + sent, part, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
            end(recorder, EXIT_SUCCESS);
        sent += part;
    }
}

static void on_sound(pa_stream *stream, size_t available, void *user)
{
    (void)available;
    struct recorder *recorder = user;
    const void *data;
    size_t length;
    while (pa_stream_peek(stream, &data, &length) == 0 && length > 0) {
        if (data)
            send_sound(recorder, data, length - length % SOUND_FRAME_SIZE);
        pa_stream_drop(stream);
    }
}

static void on_stream_state(pa_stream *stream, void *user)
{
    if (!PA_STREAM_IS_GOOD(pa_stream_get_state(stream)))
        end(user, EXIT_FAILURE);
}

static int record(pa_context *context, struct recorder *recorder)
{
    const pa_sample_spec format = {.format = PA_SAMPLE_S16LE, .rate = SOUND_RATE, .channels = SOUND_CHANNELS};
    const pa_buffer_attr pieces = {.maxlength = 10 * FRAGMENT, .fragsize = FRAGMENT};
    pa_stream *stream = pa_stream_new(context, "viewer", &format, NULL);
    if (!stream)
        return -ENOMEM;
    pa_stream_set_state_callback(stream, on_stream_state, recorder);
    pa_stream_set_read_callback(stream, on_sound, recorder);
    // The sink is suspended as if nobody listened, and nothing comes then.
    return pa_stream_connect_record(stream, "@DEFAULT_MONITOR@", &pieces,
                                    PA_STREAM_ADJUST_LATENCY | PA_STREAM_DONT_INHIBIT_AUTO_SUSPEND);
}

static void on_context_state(pa_context *context, void *user)
{
    pa_context_state_t state = pa_context_get_state(context);
    if (!PA_CONTEXT_IS_GOOD(state) || (state == PA_CONTEXT_READY && record(context, user) < 0))
        end(user, EXIT_FAILURE);
}

static void on_command(pa_mainloop_api *api, pa_io_event *event, int fd, pa_io_event_flags_t flags,
                       void *user)
{
    (void)api;
    (void)event;
    (void)flags;
    uint8_t command[2];
    ssize_t length = recv(fd, command, sizeof(command), MSG_DONTWAIT);
    bool again = length < 0 && (errno == EAGAIN || errno == EINTR);
    if (!again && (length != 1 || command[0] != SOUND_ON))
        end(user, EXIT_SUCCESS);
}

int main(void)
{
    struct recorder recorder = {.loop = pa_mainloop_new()};
    if (!recorder.loop)
        return EXIT_FAILURE;
    pa_mainloop_api *api = pa_mainloop_get_api(recorder.loop);
    pa_context *context = pa_context_new(api, "sandbox-sound");
    if (!context ||
        !api->io_new(api, SOUND_FD, PA_IO_EVENT_INPUT | PA_IO_EVENT_HANGUP, on_command, &recorder))
        return EXIT_FAILURE;
    pa_context_set_state_callback(context, on_context_state, &recorder);
    if (pa_context_connect(context, NULL, PA_CONTEXT_NOAUTOSPAWN, NULL) < 0)
        return EXIT_FAILURE;
    int status = EXIT_FAILURE;
    pa_mainloop_run(recorder.loop, &status);
    return status; // the kernel takes what is left
}

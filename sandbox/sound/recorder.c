#include "sandbox/sound/recorder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/sound.h"

#define FRAGMENT (SOUND_RATE / 100 * SOUND_FRAME_SIZE) // 10 ms

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
            recorder->ended(recorder->data, 0);
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

static void on_state(pa_stream *stream, void *user)
{
    struct recorder *recorder = user;
    if (!PA_STREAM_IS_GOOD(pa_stream_get_state(stream)))
        recorder->ended(recorder->data, 1);
}

int recorder_start(struct recorder *recorder, pa_context *context)
{
    const pa_sample_spec format = {.format = PA_SAMPLE_S16LE, .rate = SOUND_RATE, .channels = SOUND_CHANNELS};
    const pa_buffer_attr pieces = {.maxlength = 10 * FRAGMENT, .fragsize = FRAGMENT};
    recorder->stream = pa_stream_new(context, "viewer", &format, NULL);
    if (!recorder->stream)
        return -1;
    recorder->silent = 0;
    pa_stream_set_state_callback(recorder->stream, on_state, recorder);
    pa_stream_set_read_callback(recorder->stream, on_sound, recorder);
    // The sink is suspended as if nobody listened, and nothing comes then.
    return pa_stream_connect_record(recorder->stream, "@DEFAULT_MONITOR@", &pieces,
                                    PA_STREAM_ADJUST_LATENCY | PA_STREAM_DONT_INHIBIT_AUTO_SUSPEND);
}

void recorder_stop(struct recorder *recorder)
{
    if (!recorder->stream)
        return;
    pa_stream_set_state_callback(recorder->stream, NULL, NULL);
    pa_stream_set_read_callback(recorder->stream, NULL, NULL);
    pa_stream_disconnect(recorder->stream);
    pa_stream_unref(recorder->stream);
    recorder->stream = NULL;
}

#include "sandbox/sound/speaker.h"

#include "lib/sound.h"
#include "sandbox/sound/voice.h"

#define SINK "voice" // sandbox/desktop/sound
#define BYTES_OF_MS(ms) (SOUND_RATE / 1000 * (ms) * (uint32_t)sizeof(int16_t))

static void on_state(pa_stream *stream, void *user)
{
    struct speaker *speaker = user;
    pa_stream_state_t state = pa_stream_get_state(stream);
    if (!PA_STREAM_IS_GOOD(state))
        speaker->failed(speaker->data);
    else if (state == PA_STREAM_READY)
        speaker->ready(speaker->data);
}

int speaker_start(struct speaker *speaker, pa_context *context)
{
    const pa_sample_spec format = {.format = PA_SAMPLE_S16LE, .rate = SOUND_RATE, .channels = 1};
    // 60 ms are gathered before it plays, against a browser and a link that are not even; with 160 ms waiting the viewer's clock is the
    // faster one, or a link has held packets back.
    const pa_buffer_attr buffer = {.maxlength = BYTES_OF_MS(240),
                                   .tlength = BYTES_OF_MS(160),
                                   .prebuf = BYTES_OF_MS(60),
                                   .minreq = BYTES_OF_MS(10)};
    speaker->decoder = voice_open();
    speaker->stream = speaker->decoder ? pa_stream_new(context, "microphone", &format, NULL) : NULL;
    if (!speaker->stream)
        return -1;
    pa_stream_set_state_callback(speaker->stream, on_state, speaker);
    // Nothing is played while no program records.
    return pa_stream_connect_playback(speaker->stream, SINK, &buffer,
                                      PA_STREAM_ADJUST_LATENCY | PA_STREAM_DONT_INHIBIT_AUTO_SUSPEND, NULL,
                                      NULL);
}

void speaker_stop(struct speaker *speaker)
{
    if (speaker->stream) {
        pa_stream_set_state_callback(speaker->stream, NULL, NULL);
        pa_stream_disconnect(speaker->stream);
        pa_stream_unref(speaker->stream);
    }
    voice_close(speaker->decoder);
    speaker->stream = NULL;
    speaker->decoder = NULL;
}

void speaker_take(struct speaker *speaker, const uint8_t *packet, size_t length)
{
    int16_t samples[VOICE_FRAMES_MAX];
    if (!speaker->stream || pa_stream_get_state(speaker->stream) != PA_STREAM_READY)
        return;
    int count = voice_decode(speaker->decoder, packet, length, samples);
    size_t bytes = count > 0 ? (size_t)count * sizeof(*samples) : 0;
    size_t room = pa_stream_writable_size(speaker->stream);
    if (bytes == 0 || room == (size_t)-1 || room < bytes)
        return;
    if (pa_stream_write(speaker->stream, samples, bytes, NULL, 0, PA_SEEK_RELATIVE) < 0)
        speaker->failed(speaker->data);
}

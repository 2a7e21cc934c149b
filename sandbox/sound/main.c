// sandbox-sound: what the sandbox plays, to one viewer who listens, and what he says, to the sandbox (lib/sound.h). sandbox-init starts it
// with the socket when the streamer has said something, and once more with "again" when it ended by itself while its viewer listened:
// that is its status 1, as the sound server may have ended. Else it ends with 0.

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <pulse/pulseaudio.h>

#include "lib/limits.h"
#include "lib/sound.h"
#include "sandbox/sound/recorder.h"
#include "sandbox/sound/speaker.h"

struct sound {
    pa_mainloop *loop;
    pa_context *context;
    bool ready;           // the sound server has answered
    bool listens, speaks; // the viewer
    bool takes;           // the streamer sends what is said
    struct recorder recorder;
    struct speaker speaker;
};

static void end(struct sound *sound, int status)
{
    pa_mainloop_quit(sound->loop, status);
}

// The streamer reads while its viewer speaks.
static void answer(struct sound *sound, uint8_t answer)
{
    struct pollfd room = {.fd = SOUND_FD, .events = POLLOUT};
    if (poll(&room, 1, -1) < 0 || send(SOUND_FD, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        end(sound, EXIT_SUCCESS);
    sound->takes = answer == SOUND_SPEAKS;
}

static void end_failed(struct sound *sound)
{
    if (sound->takes)
        answer(sound, SOUND_HUSHED);
    end(sound, sound->listens ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void on_recorder_ended(void *data, int failed)
{
    if (failed)
        end_failed(data);
    else
        end(data, EXIT_SUCCESS);
}

static void on_speaker_ready(void *data)
{
    answer(data, SOUND_SPEAKS);
}

static void on_speaker_failed(void *data)
{
    end_failed(data);
}

// Brings about what the viewer wants, once the sound server is there.
static void follow(struct sound *sound)
{
    int error = 0;
    if (!sound->listens && !sound->speaks) {
        end(sound, EXIT_SUCCESS);
        return;
    }
    if (!sound->ready)
        return;
    if (sound->listens && !sound->recorder.stream)
        error |= recorder_start(&sound->recorder, sound->context);
    if (!sound->listens)
        recorder_stop(&sound->recorder);
    if (sound->speaks && !sound->speaker.stream)
        error |= speaker_start(&sound->speaker, sound->context);
    if (!sound->speaks) {
        speaker_stop(&sound->speaker);
        sound->takes = false;
    }
    if (error)
        end_failed(sound);
}

static void on_context_state(pa_context *context, void *user)
{
    struct sound *sound = user;
    pa_context_state_t state = pa_context_get_state(context);
    if (!PA_CONTEXT_IS_GOOD(state)) {
        end_failed(sound);
        return;
    }
    if (state != PA_CONTEXT_READY)
        return;
    sound->ready = true;
    follow(sound);
}

static void obey(struct sound *sound, uint8_t command)
{
    if (command == SOUND_ON || command == SOUND_OFF)
        sound->listens = command == SOUND_ON;
    else
        sound->speaks = command != SOUND_HUSH;
    follow(sound);
}

static void on_packet(pa_mainloop_api *api, pa_io_event *event, int fd, pa_io_event_flags_t flags, void *user)
{
    (void)api;
    (void)event;
    (void)flags;
    struct sound *sound = user;
    uint8_t packet[1 + VOICE_PACKET_MAX + 1]; // more than is permitted shows
    ssize_t length = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    bool voice = length > 1 && length < (ssize_t)sizeof(packet) && packet[0] == SOUND_VOICE;
    if (!voice && (length != 1 || packet[0] > SOUND_HUSH)) {
        end(sound, EXIT_SUCCESS);
        return;
    }
    // One before this may have been told to speak.
    if (!voice || !sound->speaks)
        obey(sound, voice ? SOUND_SPEAK : packet[0]);
    if (voice)
        speaker_take(&sound->speaker, packet + 1, (size_t)length - 1);
}

int main(int argc, char **argv)
{
    struct sound sound = {.loop = pa_mainloop_new(), .listens = argc == 2 && strcmp(argv[1], "again") == 0};
    if (!sound.loop)
        return EXIT_FAILURE;
    sound.recorder = (struct recorder){.ended = on_recorder_ended, .data = &sound};
    sound.speaker = (struct speaker){.ready = on_speaker_ready, .failed = on_speaker_failed, .data = &sound};
    pa_mainloop_api *api = pa_mainloop_get_api(sound.loop);
    sound.context = pa_context_new(api, "sandbox-sound");
    if (!sound.context ||
        !api->io_new(api, SOUND_FD, PA_IO_EVENT_INPUT | PA_IO_EVENT_HANGUP, on_packet, &sound))
        return EXIT_FAILURE;
    pa_context_set_state_callback(sound.context, on_context_state, &sound);
    if (pa_context_connect(sound.context, NULL, PA_CONTEXT_NOAUTOSPAWN, NULL) < 0)
        return sound.listens ? EXIT_FAILURE : EXIT_SUCCESS;
    int status = EXIT_FAILURE;
    pa_mainloop_run(sound.loop, &status);
    return status; // the kernel takes what is left
}

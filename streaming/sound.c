#include "streaming/sound.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <opus/opus.h>

#include "lib/cleanup.h"
#include "lib/wire.h"

#define NEVER UINT64_MAX
#define BITRATE 96000
#define COMPLEXITY                                                                                           \
    5 // of 10: a fifth of a per cent of a core less than 10, and not to be told from it at this rate
#define OPUS_MAX 480 // bytes of one packet; 384 kbit/s

// A recorder may tell a quarter more than there is time for, so that what queued up while nobody looked is caught up with.
#define CREDIT_MAX_US 200000u
#define CREDIT_OF(elapsed) ((elapsed) + (elapsed) / 4)
#define PACKET_PRICE_US 2500u // however small
#define CREDIT_PAUSE_US 20000u
#define PACKETS_PER_TURN 16
#define GAP_US 60000u // later than this, sound begins anew

_Static_assert(WIRE_AUDIO_OVERHEAD + OPUS_MAX <= OUTBOX_SOUND_SIZE, "a message fits");

int sound_init(struct sound *sound, int socket)
{
    int error;
    // Without the modes for speech: 2.5 ms of delay instead of 6.5.
    OpusEncoder *encoder =
        opus_encoder_create(SOUND_RATE, SOUND_CHANNELS, OPUS_APPLICATION_RESTRICTED_LOWDELAY, &error);
    if (!encoder)
        return -ENOMEM;
    if (opus_encoder_ctl(encoder, OPUS_SET_BITRATE(BITRATE)) != OPUS_OK ||
        opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(COMPLEXITY)) != OPUS_OK)
        abort();
    *sound = (struct sound){.socket = socket, .encoder = encoder, .wake_us = NEVER};
    return 0;
}

static void leave(struct sound *sound)
{
    cleanup_fd(&sound->socket);
    sound->socket = -1;
    sound->heard = sound->takes_voice = false;
    sound->wake_us = NEVER;
}

void sound_finish(struct sound *sound)
{
    if (!sound->encoder)
        return;
    leave(sound);
    opus_encoder_destroy(sound->encoder);
    *sound = (struct sound){.socket = -1};
}

// What is left of an earlier listening.
static void discard(const struct sound *sound)
{
    uint8_t byte;
    for (int i = 0; i < PACKETS_PER_TURN; i++) {
        if (recv(sound->socket, &byte, 1, MSG_DONTWAIT) < 0)
            return;
    }
}

static void tell(struct sound *sound, enum sound_command command)
{
    // The sandbox does not read: it has no sound for anybody.
    if (send(sound->socket, &(uint8_t){(uint8_t)command}, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        leave(sound);
}

// From now on the socket is read, or not.
static void follow_interest(struct sound *sound, uint64_t now_us)
{
    bool before = sound->heard || sound->wake_us != NEVER;
    sound->heard = sound->listens || sound->speaks;
    sound->wake_us = NEVER;
    if (before || !sound->heard)
        return;
    sound->credit_us = CREDIT_MAX_US;
    sound->counted_us = now_us;
    discard(sound);
}

void sound_listen(struct sound *sound, bool on, uint64_t now_us)
{
    if (sound->socket < 0 || sound->listens == on)
        return;
    sound->listens = on;
    sound->filled = 0;
    sound->next_us = 0;
    sound->silent = SOUND_TAIL_FRAMES; // nothing has sounded yet
    follow_interest(sound, now_us);
    tell(sound, on ? SOUND_ON : SOUND_OFF);
}

void sound_speak(struct sound *sound, bool on, uint64_t now_us)
{
    if (sound->socket < 0 || sound->speaks == on)
        return;
    sound->speaks = on;
    sound->asked |= on;
    sound->takes_voice = false;
    follow_interest(sound, now_us);
    tell(sound, on ? SOUND_SPEAK : SOUND_HUSH);
}

void sound_voice(struct sound *sound, const void *packet, size_t length)
{
    uint8_t message[1 + VOICE_PACKET_MAX] = {SOUND_VOICE};
    if (!sound->takes_voice || length > VOICE_PACKET_MAX)
        return;
    memcpy(message + 1, packet, length);
    if (send(sound->socket, message, 1 + length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
        leave(sound);
}

static void encode(struct sound *sound, struct outbox *outbox)
{
    uint8_t opus[OPUS_MAX], message[OUTBOX_SOUND_SIZE];
    int length = opus_encode(sound->encoder, sound->frame, SOUND_OPUS_FRAME, opus, sizeof(opus));
    if (length <= 0) // no sound of this format can make it fail
        abort();
    struct writer w = writer_of(message, sizeof(message));
    wire_write_audio(&w, sound->captured_us);
    write_bytes(&w, opus, (size_t)length);
    outbox_put_sound(outbox, message, w.length);
}

static void frame_filled(struct sound *sound, struct outbox *outbox)
{
    sound->filled = 0;
    if (sound_is_silent(sound->frame, SOUND_OPUS_FRAME * SOUND_CHANNELS))
        sound->silent += SOUND_OPUS_FRAME;
    else
        sound->silent = 0;
    if (sound->silent <= SOUND_TAIL_FRAMES)
        encode(sound, outbox);
    else
        sound->silent = SOUND_TAIL_FRAMES;
}

static uint64_t duration_us(size_t samples)
{
    return samples / SOUND_CHANNELS * 1000000 / SOUND_RATE;
}

// Packets come on time or later, the last of those that are read at once at the latest: the earliest of them all tells when each should have
// come.
static void follow_clock(struct sound *sound, uint64_t now_us, uint64_t before_last_us)
{
    uint64_t due_us = sound->next_us + before_last_us;
    if (now_us < due_us || now_us - due_us > GAP_US)
        sound->next_us = now_us - before_last_us;
}

static void take(struct sound *sound, struct outbox *outbox, const int16_t *samples, size_t count)
{
    while (count > 0) {
        size_t room = SOUND_OPUS_FRAME * SOUND_CHANNELS - sound->filled;
        size_t part = count < room ? count : room;
        if (sound->filled == 0) // rising, wherever the clock was set
            sound->captured_us =
                sound->next_us > sound->captured_us ? sound->next_us : sound->captured_us + 1;
        memcpy(sound->frame + sound->filled, samples, part * sizeof(*samples));
        sound->filled += part;
        sound->next_us += duration_us(part);
        samples += part;
        count -= part;
        if (sound->filled == SOUND_OPUS_FRAME * SOUND_CHANNELS)
            frame_filled(sound, outbox);
    }
}

static bool has_credit(struct sound *sound, uint64_t now_us)
{
    uint64_t credit = sound->credit_us + CREDIT_OF(now_us - sound->counted_us);
    sound->counted_us = now_us;
    sound->credit_us = credit < CREDIT_MAX_US ? credit : CREDIT_MAX_US;
    return sound->credit_us >= duration_us(SOUND_PACKET_MAX / sizeof(int16_t));
}

struct piece {
    int16_t samples[SOUND_PACKET_MAX / sizeof(int16_t) + 1]; // more than is permitted shows
    size_t count;
};

static void take_answer(struct sound *sound, uint8_t answer)
{
    bool asks = sound->takes_voice && answer != SOUND_SPEAKS;
    sound->takes_voice = answer == SOUND_SPEAKS;
    if (asks) // whoever comes next
        tell(sound, SOUND_SPEAK);
}

// 0, -EAGAIN when there is none, -EDQUOT when there was too much, -EPROTO when the recorder has ended or breaks the rules.
static int receive(struct sound *sound, struct piece *piece, uint64_t now_us)
{
    if (!has_credit(sound, now_us))
        return -EDQUOT;
    ssize_t length = recv(sound->socket, piece->samples, sizeof(piece->samples), MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return -EAGAIN;
    bool answer = length == 1 && sound->asked && *(const uint8_t *)piece->samples <= SOUND_SPEAKS;
    if (length <= 0 || (size_t)length > SOUND_PACKET_MAX ||
        (length % (ssize_t)SOUND_FRAME_SIZE != 0 && !answer))
        return -EPROTO;
    if (answer && sound->speaks)
        take_answer(sound, *(const uint8_t *)piece->samples);
    piece->count = (size_t)length / sizeof(int16_t); // none in an answer
    uint64_t duration = duration_us(piece->count);
    sound->credit_us -= duration > PACKET_PRICE_US ? duration : PACKET_PRICE_US;
    return 0;
}

void sound_read(struct sound *sound, struct outbox *outbox, uint64_t now_us)
{
    struct piece pieces[PACKETS_PER_TURN];
    size_t count = 0;
    int error = sound->socket < 0 ? -EAGAIN : 0;
    sound->wake_us = NEVER;
    sound->heard = sound->listens || sound->speaks;
    uint64_t duration = 0;
    while (!error && count < PACKETS_PER_TURN) {
        error = receive(sound, &pieces[count], now_us);
        if (!error && pieces[count].count > 0)
            duration += duration_us(pieces[count++].count);
    }
    if (count > 0 && sound->listens) {
        follow_clock(sound, now_us, duration - duration_us(pieces[count - 1].count));
        for (size_t i = 0; i < count; i++)
            take(sound, outbox, pieces[i].samples, pieces[i].count);
    }
    if (error == -EPROTO)
        leave(sound);
    if (error == -EDQUOT) {
        sound->heard = false;
        sound->wake_us = now_us + CREDIT_PAUSE_US;
    }
}

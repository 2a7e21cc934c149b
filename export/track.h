#pragma once
// The sound of a film: Opus packets as they were recorded, and packets of silence between them, one behind the other from the film's begin on. Players differ in
// what they make of a hole between two packets; without holes sound can't leave its picture.

#include <stddef.h>
#include <stdint.h>

#define TRACK_RATE 48000u
#define TRACK_CHANNELS 2u
#define TRACK_PARTS 6u                // messages of a recording in one packet of the film
#define TRACK_PART (TRACK_RATE / 100) // samples of each: what the stream sends
#define TRACK_SLACK (TRACK_RATE / 50) // samples by which sound may be early or late before it is set right
#define TRACK_PART_BYTES_MAX 1275u    // RFC 6716 section 3.4
// A part has four frames at most; the length of each takes two bytes.
#define TRACK_PACKET_BYTES_MAX (2 + TRACK_PARTS * (TRACK_PART_BYTES_MAX + 4 * 2))

// One packet of the film; begin and duration in samples. Not 0: the film can't be written.
typedef int track_write(void *data, uint8_t *packet, size_t length, uint64_t begin, unsigned samples);

struct track;

// NULL when memory is out.
struct track *track_new(track_write *write, void *data);
void track_free(struct track *track);
// A message of the stream (docs/PROTOCOL.md, audio): its packet. -EPROTO: it is none.
int track_read(const uint8_t *message, size_t length, const uint8_t **ret_packet, size_t *ret_length);
// Sounds from that time of the film on. What is before its begin, or where something sounds already, is left out. -EPROTO: no 10 ms of Opus; what `write`
// gave.
int track_add(struct track *track, const uint8_t *packet, size_t length, int64_t time_us);
// Writes what is left.
int track_end(struct track *track);

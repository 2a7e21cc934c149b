#pragma once
// An MP4 file: H.264 by libx264, pictures at any times, and sound beside them. libavcodec and libavformat do it.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export/pixels.h"

struct film;

// `fd` can be sought, is empty and stays the caller's; sizes are even. -ENOMEM, -ENOTSUP, -errno.
int film_new(int fd, unsigned width, unsigned height, bool sound, struct film **ret_film);
void film_free(struct film *film);
// The picture from that time on; times rise. A smaller one stands in the middle. -EFBIG, -ENOSPC, -errno: the file can't be written.
int film_show(struct film *film, struct surface picture, unsigned width, unsigned height, uint64_t time_us);
// A film with sound: 10 ms of Opus from that time on (track_add). -EPROTO: it is something else.
int film_sound(struct film *film, const uint8_t *packet, size_t length, int64_t time_us);
// The last picture is shown until then, which is later than its time; afterwards the file is whole.
int film_end(struct film *film, uint64_t time_us);

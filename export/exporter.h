#pragma once
// From a recording to a film.

#include <stdint.h>

struct exporter_outcome {
    int damage;    // 0; or why the recording is followed only so far, -errno
    uint64_t time; // of the film, us
};

// Tells how much of the recording has been followed. Not 0: nobody wants the film any more.
typedef int exporter_progress(void *data, unsigned permille);

// Reads `recording`, writes `film`. -ENODATA: nothing was shown; -EPROTO: no recording; -ENOMEM, -ENOTSUP, -EFBIG, -errno of writing.
int exporter_run(int recording, int film, exporter_progress *progress, void *data,
                 struct exporter_outcome *ret_outcome);

// A recording's file, all of it from outside: what is found must lie inside it and rise.

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(void *data, const struct recording_key *key)
{
    struct recording_key *last = data;
    if (key->offset <= last->offset || key->time_us < last->time_us || !key->hello ||
        key->hello >= key->offset || key->display >= key->offset || key->cursor >= key->offset)
        abort();
    *last = *key;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("recording", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    struct recording_key last = {0};
    uint64_t end, time_us;
    if (recording_rebuild(fd, check, &last, &end, &time_us) == 0 &&
        (end > size || last.offset > end || time_us < last.time_us))
        abort();
    close(fd);
    return 0;
}

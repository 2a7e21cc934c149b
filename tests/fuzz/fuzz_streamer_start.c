#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/limits.h"
#include "lib/streamer_channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct streamer_start start = {0};
    memcpy(&start, data, size < sizeof(start) ? size : sizeof(start));
    if (streamer_start_check(&start, size) < 0)
        return 0;
    if (size != sizeof(start) || start.width > DISPLAY_WIDTH_MAX ||
        strlen(start.codec) >= sizeof(start.codec))
        abort();
    return 0;
}

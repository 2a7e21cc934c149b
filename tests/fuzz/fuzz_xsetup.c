// The X server's answer to the connection set-up.

#include <stdint.h>
#include <stdlib.h>

#include "streaming/xsetup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xsetup setup;
    if (xsetup_read(data, size, &setup) == 0 &&
        (setup.keycode_min < 8 || setup.keycode_max < setup.keycode_min))
        abort();
    return 0;
}

// The X server's keyboard map.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "streaming/typing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    size_t total = (size - 3) / 4;
    AUTO_FREE uint32_t *keysyms = malloc(total * 4 + 1);
    memcpy(keysyms, data + 3, total * 4);
    static struct typing typing;
    int error = typing_read_map(&typing, keysyms, total, data[0], data[1], data[2]);
    if (!error && (size_t)data[0] * data[2] > total)
        abort();
    return 0;
}

// A chunked body's end must not depend on how its bytes arrive.
#include <stdint.h>
#include <stdlib.h>

#include "egress/chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chunked whole = {0}, parts = {0};
    size_t taken = chunked_take(&whole, (const char *)data, size), total = 0;
    if (taken > size || (taken < size && whole.state != CHUNK_DONE && whole.state != CHUNK_BROKEN))
        abort();
    for (size_t step = 1; total < size; step = step * 3 % 7) {
        size_t part = size - total < step ? size - total : step;
        size_t n = chunked_take(&parts, (const char *)data + total, part);
        total += n;
        if (n < part)
            break;
    }
    if (total != taken || parts.state != whole.state)
        abort();
    return 0;
}

// Bytes from either side of the sandboxd channel. The first one says who sent them and how many descriptors came along.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/sandboxd_channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sandboxd_message message;
    if (size < 1)
        return 0;
    enum channel_side sender = data[0] & 1 ? CHANNEL_SERVER : CHANNEL_CLIENT;
    int error = sandboxd_message_decode(data + 1, size - 1, data[0] >> 1, sender, &message);
    if (!error && sandboxd_message_size(message.kind) != size - 1)
        abort();
    return 0;
}

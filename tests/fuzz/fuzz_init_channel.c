// What sandbox-init, and so a user's program, may send to sandboxd; and the other way.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/init_channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct init_message message;
    if (size < 1)
        return 0;
    enum init_side sender = data[0] & 1 ? INIT_SIDE_INIT : INIT_SIDE_SANDBOXD;
    int error = init_message_decode(data + 1, size - 1, data[0] >> 1, sender, &message);
    if (!error && init_message_size(message.kind) != size - 1)
        abort();
    return 0;
}

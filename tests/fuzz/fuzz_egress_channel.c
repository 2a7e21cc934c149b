// What sandboxd may send to sandbox-egress; and the other way.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/egress_channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct egress_message message;
    if (size < 1)
        return 0;
    enum egress_side sender = data[0] & 1 ? EGRESS_SIDE_EGRESS : EGRESS_SIDE_SANDBOXD;
    int error = egress_message_decode(data + 1, size - 1, data[0] >> 1, sender, &message);
    if (!error && egress_message_size(message.kind) != size - 1)
        abort();
    return 0;
}

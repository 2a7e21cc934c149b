#pragma once
// What the codecs of the channels between programs have in common: a table of forms says for each kind of message who may send it, how long
// it is and how many descriptors come along. Each channel's own module keeps its table, its ranges and its message type.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel_form {
    bool known; // a gap in the table is no kind
    unsigned sender;
    size_t body; // bytes after the header
    size_t fds;
    bool (*valid)(const void *message); // the ranges of its fields; NULL: any
};

struct channel_codec {
    const struct channel_form *forms; // by kind
    size_t form_count;
    size_t
        header; // bytes before the body; the kind is the first uint32_t, what else is in the header must be 0
    size_t capacity; // bytes of the channel's message type
};

// The bytes of a message of that kind, header included; 0 for an unknown kind.
size_t channel_message_size(const struct channel_codec *codec, uint32_t kind);

// Copies received bytes to `message`, codec->capacity bytes that the caller has zeroed, and checks all that the table says. 0, or -EPROTO: then
// `message` must not be used.
int channel_message_take(const struct channel_codec *codec, const void *data, size_t length, size_t fd_count,
                         unsigned sender, void *message);

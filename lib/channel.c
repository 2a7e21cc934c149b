#include "lib/channel.h"

#include <errno.h>
#include <string.h>

static const struct channel_form *form_of(const struct channel_codec *codec, uint32_t kind)
{
    return kind < codec->form_count && codec->forms[kind].known ? &codec->forms[kind] : NULL;
}

size_t channel_message_size(const struct channel_codec *codec, uint32_t kind)
{
    const struct channel_form *form = form_of(codec, kind);
    return form ? codec->header + form->body : 0;
}

static bool rest_of_header_is_zero(const struct channel_codec *codec, const uint8_t *message)
{
    for (size_t i = sizeof(uint32_t); i < codec->header; i++) {
        if (message[i] != 0)
            return false;
    }
    return true;
}

int channel_message_take(const struct channel_codec *codec, const void *data, size_t length, size_t fd_count,
                         unsigned sender, void *message)
{
    if (length < codec->header || length > codec->capacity)
        return -EPROTO;
    memcpy(message, data, length);
    uint32_t kind;
    memcpy(&kind, message, sizeof(kind));
    const struct channel_form *form = form_of(codec, kind);
    if (!form || form->sender != sender || length != codec->header + form->body || fd_count != form->fds ||
        !rest_of_header_is_zero(codec, message))
        return -EPROTO;
    return form->valid && !form->valid(message) ? -EPROTO : 0;
}

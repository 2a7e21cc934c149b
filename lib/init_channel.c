#include "lib/init_channel.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/limits.h"
#include "lib/sandboxd_channel.h"

struct form {
    enum init_side sender;
    size_t body;
    size_t fds;
};

#define BODY(member) sizeof(((struct init_message *)0)->member)

static const struct form forms[] = {
    [INIT_START_DESKTOP] = {INIT_SIDE_SANDBOXD, BODY(start_desktop), 1},
    [INIT_DISPLAY_LISTENING] = {INIT_SIDE_INIT, 0, 1},
    [INIT_DESKTOP_READY] = {INIT_SIDE_INIT, 0, 0},
    [INIT_FAILED] = {INIT_SIDE_INIT, BODY(failed), 0},
    [INIT_DISPLAY_ENDED] = {INIT_SIDE_INIT, BODY(display_ended), 0},
};

#define FORM_COUNT (sizeof(forms) / sizeof(forms[0]))
#define HEADER_SIZE offsetof(struct init_message, start_desktop)

static bool kind_known(uint32_t kind)
{
    return kind == INIT_START_DESKTOP || (kind >= INIT_DISPLAY_LISTENING && kind < FORM_COUNT);
}

size_t init_message_size(uint32_t kind)
{
    return kind_known(kind) ? HEADER_SIZE + forms[kind].body : 0;
}

static bool message_valid(const struct init_message *message)
{
    switch (message->kind) {
    case INIT_START_DESKTOP:
        return message->start_desktop.width >= DISPLAY_WIDTH_MIN &&
               message->start_desktop.width <= DISPLAY_WIDTH_MAX &&
               message->start_desktop.height >= DISPLAY_HEIGHT_MIN &&
               message->start_desktop.height <= DISPLAY_HEIGHT_MAX;
    case INIT_FAILED:
        return (message->failed.stage == START_DISPLAY || message->failed.stage == START_WINDOW_MANAGER) &&
               message->failed.error > 0;
    default:
        return true;
    }
}

int init_message_decode(const void *data, size_t length, size_t fd_count, enum init_side sender,
                        struct init_message *ret_message)
{
    struct init_message message = {0};
    if (length < HEADER_SIZE || length > sizeof(message))
        return -EPROTO;
    memcpy(&message, data, length);
    if (!kind_known(message.kind))
        return -EPROTO;
    const struct form *form = &forms[message.kind];
    if (form->sender != sender || length != HEADER_SIZE + form->body || fd_count != form->fds ||
        !message_valid(&message))
        return -EPROTO;
    *ret_message = message;
    return 0;
}

int init_message_send(int socket, const struct init_message *message, enum init_side sender, int fd)
{
    struct init_message checked;
    size_t size = init_message_size(message->kind);
    if (init_message_decode(message, size, fd >= 0 ? 1 : 0, sender, &checked) < 0)
        abort();
    return ipc_send(socket, message, size, &fd, fd >= 0 ? 1 : 0);
}

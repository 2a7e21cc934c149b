#include "lib/init_channel.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "lib/channel.h"
#include "lib/limits.h"
#include "lib/sandboxd_channel.h"

static bool start_desktop_valid(const void *message)
{
    const struct init_message *m = message;
    return m->start_desktop.parked <= 1 && m->start_desktop.width >= DISPLAY_WIDTH_MIN &&
           m->start_desktop.width <= m->start_desktop.width_max &&
           m->start_desktop.height >= DISPLAY_HEIGHT_MIN &&
           m->start_desktop.height <= m->start_desktop.height_max &&
           m->start_desktop.width_max <= DISPLAY_WIDTH_MAX &&
           m->start_desktop.height_max <= DISPLAY_HEIGHT_MAX;
}

static bool run_valid(const void *message)
{
    const struct init_message *m = message;
    return command_words_take(&m->run, NULL);
}

static bool failed_valid(const void *message)
{
    const struct init_message *m = message;
    return (m->failed.stage == START_DISPLAY || m->failed.stage == START_WINDOW_MANAGER) &&
           m->failed.error > 0;
}

#define BODY(member) sizeof(((struct init_message *)0)->member)

static const struct channel_form forms[] = {
    [INIT_START_DESKTOP] = {true, INIT_SIDE_SANDBOXD, BODY(start_desktop), 1, start_desktop_valid},
    [INIT_SOUND] = {true, INIT_SIDE_SANDBOXD, 0, 1, NULL},
    [INIT_BIND] = {true, INIT_SIDE_SANDBOXD, 0, 0, NULL},
    [INIT_RUN] = {true, INIT_SIDE_SANDBOXD, BODY(run), 0, run_valid},
    [INIT_DISPLAY_LISTENING] = {true, INIT_SIDE_INIT, 0, 1, NULL},
    [INIT_DESKTOP_READY] = {true, INIT_SIDE_INIT, 0, 0, NULL},
    [INIT_FAILED] = {true, INIT_SIDE_INIT, BODY(failed), 0, failed_valid},
    [INIT_DISPLAY_ENDED] = {true, INIT_SIDE_INIT, BODY(display_ended), 0, NULL},
    [INIT_BOUND] = {true, INIT_SIDE_INIT, 0, 0, NULL},
};

static const struct channel_codec codec = {.forms = forms,
                                           .form_count = sizeof(forms) / sizeof(forms[0]),
                                           .header = offsetof(struct init_message, start_desktop),
                                           .capacity = sizeof(struct init_message)};

size_t init_message_size(uint32_t kind)
{
    return channel_message_size(&codec, kind);
}

int init_message_decode(const void *data, size_t length, size_t fd_count, enum init_side sender,
                        struct init_message *ret_message)
{
    struct init_message message = {0};
    if (channel_message_take(&codec, data, length, fd_count, sender, &message) < 0)
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

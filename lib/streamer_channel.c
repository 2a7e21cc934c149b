#include "lib/streamer_channel.h"

#include <errno.h>
#include <string.h>

#include "lib/limits.h"
#include "lib/log.h"

size_t framebuffer_size(uint32_t width, uint32_t height)
{
    return FRAMEBUFFER_HEADER_SIZE + (size_t)width * height * 4;
}

static bool terminated(const char *text)
{
    return strnlen(text, STREAMER_NAME_MAX) < STREAMER_NAME_MAX;
}

int streamer_start_check(const struct streamer_start *start, size_t length)
{
    if (length != sizeof(*start) || start->magic != STREAMER_START_MAGIC || start->reserved != 0)
        return -EPROTO;
    if (start->width < DISPLAY_WIDTH_MIN || start->width > DISPLAY_WIDTH_MAX ||
        start->height < DISPLAY_HEIGHT_MIN || start->height > DISPLAY_HEIGHT_MAX)
        return -EPROTO;
    if (start->framerate < 1 || start->framerate > 240 || start->bitrate_kbps < 100 ||
        start->clipboard_to_sandbox > CLIPBOARD_MAX || start->clipboard_to_browser > CLIPBOARD_MAX ||
        start->view_only > 1 || start->log_level > LOG_LEVEL_DEBUG || start->log_json > 1)
        return -EPROTO;
    if (!terminated(start->codec) || !terminated(start->preset) || !terminated(start->tune))
        return -EPROTO;
    return 0;
}

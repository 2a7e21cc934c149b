#include "egress/chunked.h"

#include "lib/text.h"

static bool is_text(char c)
{
    return ((unsigned char)c >= 0x20 && c != 0x7f) || c == '\t';
}

static enum chunk_state after_size_line(struct chunked *chunked)
{
    bool last = chunked->left == 0;
    chunked->digits = chunked->line = 0;
    return last ? CHUNK_TRAILER_START : CHUNK_DATA;
}

static enum chunk_state in_size(struct chunked *chunked, char c)
{
    int value = text_hex_value(c);
    if (value >= 0) {
        if (++chunked->digits > 15)
            return CHUNK_BROKEN;
        chunked->left = chunked->left << 4 | (unsigned)value;
        return CHUNK_SIZE;
    }
    if (chunked->digits == 0)
        return CHUNK_BROKEN;
    if (c == '\r')
        return CHUNK_SIZE_LF;
    return c == ';' ? CHUNK_EXTENSION : CHUNK_BROKEN;
}

static enum chunk_state step(struct chunked *chunked, char c)
{
    switch (chunked->state) {
    case CHUNK_SIZE:
        return in_size(chunked, c);
    case CHUNK_EXTENSION:
        if (c == '\r')
            return CHUNK_SIZE_LF;
        return is_text(c) && ++chunked->line < CHUNK_LINE_MAX ? CHUNK_EXTENSION : CHUNK_BROKEN;
    case CHUNK_SIZE_LF:
        return c == '\n' ? after_size_line(chunked) : CHUNK_BROKEN;
    case CHUNK_DATA_CR:
        return c == '\r' ? CHUNK_DATA_LF : CHUNK_BROKEN;
    case CHUNK_DATA_LF:
        return c == '\n' ? CHUNK_SIZE : CHUNK_BROKEN;
    case CHUNK_TRAILER_START:
        if (c == '\r')
            return CHUNK_LAST_LF;
        return is_text(c) && c != ' ' && c != '\t' ? CHUNK_TRAILER : CHUNK_BROKEN;
    case CHUNK_TRAILER:
        if (c == '\r')
            return CHUNK_TRAILER_LF;
        return is_text(c) && ++chunked->line < CHUNK_TRAILER_MAX ? CHUNK_TRAILER : CHUNK_BROKEN;
    case CHUNK_TRAILER_LF:
        return c == '\n' && ++chunked->line < CHUNK_TRAILER_MAX ? CHUNK_TRAILER_START : CHUNK_BROKEN;
    case CHUNK_LAST_LF:
        return c == '\n' ? CHUNK_DONE : CHUNK_BROKEN;
    default:
        return CHUNK_BROKEN;
    }
}

size_t chunked_take(struct chunked *chunked, const char *data, size_t length)
{
    size_t taken = 0;
    while (taken < length && chunked->state != CHUNK_DONE && chunked->state != CHUNK_BROKEN) {
        if (chunked->state == CHUNK_DATA) {
            size_t size = length - taken < chunked->left ? length - taken : (size_t)chunked->left;
            chunked->left -= size;
            taken += size;
            if (chunked->left == 0)
                chunked->state = CHUNK_DATA_CR;
        } else {
            chunked->state = step(chunked, data[taken++]);
        }
    }
    return taken;
}

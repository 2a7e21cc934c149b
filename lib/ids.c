#include "lib/ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "lib/text.h"

struct id id_new(void)
{
    struct id id;
    if (getrandom(id.bytes, sizeof(id.bytes), 0) != sizeof(id.bytes))
        abort();
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    id.bytes[6] = (uint8_t)(0x70 | (id.bytes[6] & 0x0f));
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    return id;
}

bool id_equal(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool id_is_nil(const struct id *id)
{
    static const struct id nil;
    return id_equal(id, &nil);
}

void id_format(const struct id *id, char text[static ID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *out = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[id->bytes[i] >> 4];
        *out++ = digits[id->bytes[i] & 0x0f];
    }
    *out = '\0';
}

int id_parse(const char *text, struct id *ret_id)
{
    if (strnlen(text, ID_TEXT_SIZE) != ID_TEXT_SIZE - 1)
        return -EINVAL;
    struct id id;
    const char *in = text;
    for (int i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *in++ != '-')
            return -EINVAL;
        int high = text_hex_value(in[0]);
        int low = text_hex_value(in[1]);
        if (high < 0 || low < 0)
            return -EINVAL;
        id.bytes[i] = (uint8_t)(high << 4 | low);
        in += 2;
    }
    *ret_id = id;
    return 0;
}

#include "streaming/xsetup.h"

#include <errno.h>

#include "lib/bytes.h"

#define FORMAT_SIZE 8u
#define KEYCODE_LOWEST 8 // X11 protocol, section 5

int xsetup_read(const void *data, size_t length, struct xsetup *ret_setup)
{
    struct reader r = reader_of(data, length);
    struct xsetup setup = {0};
    read_bytes(&r, 16); // status, version, length, release, resource id base
    uint32_t id_mask = read_u32(&r);
    read_bytes(&r, 4); // motion buffer size
    uint16_t vendor_length = read_u16(&r);
    read_bytes(&r, 2); // maximum request length
    uint8_t screens = read_u8(&r);
    uint8_t formats = read_u8(&r);
    read_bytes(&r, 4); // byte and bit orders
    setup.keycode_min = read_u8(&r);
    setup.keycode_max = read_u8(&r);
    read_bytes(&r, 4);
    read_bytes(&r, (vendor_length + 3u) & ~3u);
    read_bytes(&r, formats * FORMAT_SIZE);

    setup.root = read_u32(&r);
    read_bytes(&r, 16); // colour map, pixels, event masks
    setup.width = read_u16(&r);
    setup.height = read_u16(&r);
    read_bytes(&r, 14); // millimetres, installed maps, visual, backing store, save unders
    setup.depth = read_u8(&r);
    if (r.failed || screens == 0 || id_mask == 0 || setup.keycode_min < KEYCODE_LOWEST ||
        setup.keycode_max < setup.keycode_min)
        return -EPROTO;
    *ret_setup = setup;
    return 0;
}

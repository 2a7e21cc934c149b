// The X server's keyboard map.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "streaming/keymap.h"
#include "streaming/keysyms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    size_t total = (size - 3) / 4;
    AUTO_FREE uint32_t *keysyms = malloc(total * 4 + 1);
    memcpy(keysyms, data + 3, total * 4);
    static struct keymap map;
    int error = keymap_read(&map, keysyms, total, data[0], data[1], data[2]);
    if (!error && (size_t)data[0] * data[2] > total)
        abort();
    if (map.spare_count > KEYMAP_SPARES_MAX)
        abort();
    for (unsigned i = 0; i < 64; i++) {
        struct keymap_locks locks = {.group = i & 3, .caps = i & 4, .num = i & 8};
        uint32_t character = i < total ? keysym_character(keysyms[i]) : 'a' + i;
        struct keymap_use use;
        if (character != 0 && keymap_find(&map, &locks, character, data[1], &use) &&
            ((use.shift && map.shift == 0) || (use.level3 && map.level3 == 0)))
            abort();
    }
    return 0;
}

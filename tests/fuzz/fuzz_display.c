// The pointer's picture, the damage rectangles and the list of counters: what is left of an X reply once its length was checked.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/limits.h"
#include "streaming/cursor.h"
#include "streaming/damage.h"
#include "streaming/pointer.h"

#define DISPLAY_WIDTH 645
#define DISPLAY_HEIGHT 403

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_cursor(const uint8_t *data, size_t size)
{
    uint16_t head[4];
    if (size < sizeof(head))
        return;
    memcpy(head, data, sizeof(head));
    size_t pixels = (size_t)head[0] * head[1];
    if (pixels * 4 > size - sizeof(head))
        return;
    AUTO_FREE uint32_t *copy = malloc(pixels * 4 + 1);
    memcpy(copy, data + sizeof(head), pixels * 4);
    struct cursor_image image = {head[0], head[1], head[2], head[3], copy};
    static uint8_t message[12 + CURSOR_SIDE_MAX * CURSOR_SIDE_MAX * 4];
    struct writer w = writer_of(message, sizeof(message));
    cursor_write(&w, &image);
    if (w.failed)
        abort();
}

static void check_damage(const uint8_t *data, size_t size)
{
    size_t count = size / sizeof(xcb_rectangle_t);
    AUTO_FREE xcb_rectangle_t *rectangles = malloc(count * sizeof(*rectangles) + 1);
    memcpy(rectangles, data, count * sizeof(*rectangles));
    struct grid grid;
    if (grid_init(&grid, DISPLAY_WIDTH, DISPLAY_HEIGHT))
        abort();
    damage_mark(&grid, rectangles, count);
    struct rectangle out[RECTANGLES_MAX];
    size_t n = grid_rectangles(&grid, CELL_DAMAGED, RECTANGLES_MAX, out);
    for (size_t i = 0; i < n; i++) {
        if (out[i].width == 0 || out[i].height == 0 || out[i].x + out[i].width > DISPLAY_WIDTH ||
            out[i].y + out[i].height > DISPLAY_HEIGHT)
            abort();
        grid_clear(&grid, out[i], CELL_DAMAGED);
    }
    for (size_t cell = 0; cell < grid.count; cell++) {
        if (grid.cells[cell])
            abort(); // damage that no rectangle covers
    }
    grid_finish(&grid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_cursor(data, size);
    check_damage(data, size);
    pointer_find_counter(data, size, UINT32_MAX, "IDLETIME");
    return 0;
}

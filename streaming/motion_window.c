// A window that is being dragged: where it is, so that it needs no search.

#include "streaming/motion.h"

// So much of where it is expected must have changed.
#define FOLLOWED 3u
#define FOLLOWED_OF 4u
// And a window is so much of all that was copied.
#define WHOLE 2u
#define WHOLE_OF 3u

// Clips one side of the rectangle to the display.
static void clip(int *at, int *length, int most)
{
    int end = *at + *length < most ? *at + *length : most;
    *at = *at > 0 ? *at : 0;
    *length = end - *at;
}

bool motion_follow(const struct motion *m, const struct grid *grid, struct offset offset,
                   struct copy_rectangle *ret_copy)
{
    int x = m->moved.x + offset.x, y = m->moved.y + offset.y, width = m->moved.width,
        height = m->moved.height;
    clip(&x, &width, grid->width);
    clip(&y, &height, grid->height);
    if (!m->anchored || width < (int)MACROBLOCK || height < (int)MACROBLOCK)
        return false;
    struct rectangle target = {(uint16_t)x, (uint16_t)y, (uint16_t)width, (uint16_t)height};
    size_t pixels = grid_count(grid, target, CELL_CHOSEN) * MACROBLOCK * MACROBLOCK;
    if (pixels * FOLLOWED_OF < rectangles_area(&target, 1) * FOLLOWED)
        return false;
    *ret_copy = (struct copy_rectangle){
        .source_x = (uint16_t)(x - offset.x), .source_y = (uint16_t)(y - offset.y), .target = target};
    return true;
}

void motion_note(struct motion *m, const struct copy_rectangle *copies, size_t count)
{
    size_t area = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        area += rectangles_area(&copies[i].target, 1);
        if (rectangles_area(&copies[i].target, 1) > rectangles_area(&copies[largest].target, 1))
            largest = i;
    }
    if (count == 0)
        return;
    // What a window uncovers may be copied from elsewhere. Two halves of one are looked for anew, as they may be one rectangle by now.
    bool most = rectangles_area(&copies[largest].target, 1) * WHOLE_OF > area * WHOLE;
    m->moved = most ? copies[largest].target : (struct rectangle){0};
}

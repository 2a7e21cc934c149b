// A window that is being dragged: where it is, so that it needs no search.

#include <string.h>

#include "streaming/motion.h"

// So much of where it is expected must have changed.
#define FOLLOWED 3u
#define FOLLOWED_OF 4u
// And a window is so much of all that was copied, and of what was drawn around it.
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
    int x = m->window.x + offset.x, y = m->window.y + offset.y, width = m->window.width,
        height = m->window.height;
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

static int right_of(struct rectangle r)
{
    return r.x + r.width;
}

static int bottom_of(struct rectangle r)
{
    return r.y + r.height;
}

// What was drawn is where the window was and where it is, and nothing else: on each axis it reaches out to one side, as far as the window went.
static bool tell_offset(struct rectangle window, struct rectangle drawn, struct offset *ret_offset)
{
    int left = drawn.x - window.x, right = right_of(drawn) - right_of(window);
    int top = drawn.y - window.y, bottom = bottom_of(drawn) - bottom_of(window);
    if (window.width == 0 || left > 0 || right < 0 || (left < 0 && right > 0) || top > 0 || bottom < 0 ||
        (top < 0 && bottom > 0))
        return false;
    *ret_offset = (struct offset){.x = left + right, .y = top + bottom};
    return ret_offset->x != 0 || ret_offset->y != 0;
}

bool motion_expect(const struct motion *m, const struct image *before, const struct image *now,
                   const struct grid *grid, struct offset *ret_offset)
{
    struct offset offset;
    struct copy_rectangle copy;
    if (!tell_offset(m->window, grid->drawn, &offset) || !motion_follow(m, grid, offset, &copy))
        return false;
    struct rectangle to = copy.target;
    size_t width = (size_t)to.width * 4;
    bool new = false;
    for (unsigned y = 0; y < to.height; y += MACROBLOCK) {
        const uint8_t *is = image_at(now, to.x, to.y + y);
        if (memcmp(is, image_at(before, copy.source_x, copy.source_y + y), width) != 0)
            return false;
        new |= memcmp(is, image_at(before, to.x, to.y + y), width) != 0;
    }
    if (new)
        *ret_offset = offset;
    return new;
}

// Both are much the same.
static bool alike(struct rectangle a, struct rectangle b)
{
    int width = (right_of(a) < right_of(b) ? right_of(a) : right_of(b)) - (a.x > b.x ? a.x : b.x);
    int height = (bottom_of(a) < bottom_of(b) ? bottom_of(a) : bottom_of(b)) - (a.y > b.y ? a.y : b.y);
    if (width <= 0 || height <= 0)
        return false;
    size_t common = (size_t)width * (size_t)height * WHOLE_OF;
    return common > rectangles_area(&a, 1) * WHOLE && common > rectangles_area(&b, 1) * WHOLE;
}

// A copy has those parts of a window that fill macroblocks, and some of what lies around it and looks alike. What was drawn tells its sides.
static struct rectangle window_of(const struct copy_rectangle *copy, struct rectangle drawn)
{
    struct rectangle to = copy->target;
    int x = to.x - copy->source_x, y = to.y - copy->source_y;
    int left = drawn.x + (x > 0 ? x : 0), right = right_of(drawn) + (x < 0 ? x : 0);
    int top = drawn.y + (y > 0 ? y : 0), bottom = bottom_of(drawn) + (y < 0 ? y : 0);
    if (left >= right || top >= bottom)
        return to;
    struct rectangle window = {(uint16_t)left, (uint16_t)top, (uint16_t)(right - left),
                               (uint16_t)(bottom - top)};
    return alike(window, to) ? window : to;
}

void motion_note(struct motion *m, const struct grid *grid, const struct copy_rectangle *copies, size_t count)
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
    m->window = most ? window_of(&copies[largest], grid->drawn) : (struct rectangle){0};
}

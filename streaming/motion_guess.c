// What moves goes on to move in much the same way, and text scrolls by a few lines. A few pieces of rows are looked for there and nowhere else: a
// hundredth of what hashing both pictures costs.

#include <string.h>

#include "streaming/motion_votes.h"

#define LANDMARKS 16u
#define TRIES 8u  // rows that are looked at for one landmark
#define PIECE 32u // pixels
#define PIECE_BYTES ((size_t)PIECE * 4)
#define CHANGES_MIN 4u // of colour, within a piece
#define VOTES_MIN 4u
#define VOTES_SHARE 3u // of the landmarks: where half a page is new, few of them are to be found

struct landmark {
    unsigned x, y;
    const uint8_t *pixels;
};

static uint32_t pixel_at(const uint8_t *row, unsigned x)
{
    uint32_t pixel;
    memcpy(&pixel, row + (size_t)x * 4, sizeof(pixel));
    return pixel;
}

// Finds a piece that is new in this place and easily known again, from `left` to the right.
static bool find_piece(const uint8_t *was, const uint8_t *is, unsigned left, unsigned right, unsigned *ret_x)
{
    unsigned changes = 0, since = left;
    for (unsigned x = left + 1; x < right; x++) {
        if (pixel_at(is, x) == pixel_at(is, x - 1))
            continue;
        if (changes++ == 0)
            since = x;
        if (changes < CHANGES_MIN)
            continue;
        if (x - since < PIECE && since + PIECE <= right &&
            memcmp(was + (size_t)since * 4, is + (size_t)since * 4, PIECE_BYTES) != 0) {
            *ret_x = since;
            return true;
        }
        changes = 0;
    }
    return false;
}

// Spread over the area, one in each of so many bands.
static size_t pick_landmarks(const struct image *before, const struct image *now, struct rectangle area,
                             struct landmark *landmarks)
{
    size_t count = 0;
    for (unsigned band = 0; band < LANDMARKS; band++) {
        unsigned left = area.x + area.width * (band * 5 % LANDMARKS) / (2 * LANDMARKS);
        for (unsigned i = 0; i < TRIES; i++) {
            unsigned x, y = area.y + area.height * (band * TRIES + i) / (LANDMARKS * TRIES);
            const uint8_t *is = image_at(now, 0, y);
            if (!find_piece(image_at(before, 0, y), is, left, (unsigned)area.x + area.width, &x))
                continue;
            landmarks[count++] = (struct landmark){x, y, is + (size_t)x * 4};
            break;
        }
    }
    return count;
}

static void look(struct motion *m, const struct image *before, const struct landmark *l, struct offset first,
                 struct offset last)
{
    uint32_t pixel = pixel_at(l->pixels, 0);
    for (int dy = first.y; dy <= last.y; dy++) {
        int y = (int)l->y - dy;
        if (y < 0 || y >= before->height)
            continue;
        const uint8_t *row = image_at(before, 0, (unsigned)y);
        for (int dx = first.x; dx <= last.x; dx++) {
            int x = (int)l->x - dx;
            if (x < 0 || x + (int)PIECE > before->width || pixel_at(row, (unsigned)x) != pixel)
                continue;
            if (memcmp(row + (size_t)x * 4, l->pixels, PIECE_BYTES) == 0)
                motion_cast(m, dx, dy);
        }
    }
}

bool motion_guess(struct motion *m, const struct image *before, const struct image *now,
                  struct rectangle area, struct offset first, struct offset last, struct offset *ret_offset)
{
    struct landmark landmarks[LANDMARKS];
    size_t count = area.width > PIECE ? pick_landmarks(before, now, area, landmarks) : 0;
    if (count < VOTES_MIN)
        return false;
    motion_poll(m);
    for (size_t i = 0; i < count; i++)
        look(m, before, &landmarks[i], first, last);
    unsigned votes = motion_elect(m, ret_offset);
    return votes >= VOTES_MIN && votes * VOTES_SHARE >= count;
}

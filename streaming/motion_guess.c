// What moves goes on to move in much the same way, and text scrolls by a few lines. A few pieces of rows are looked for there and nowhere else: a
// hundredth of what hashing both pictures costs.

#include <string.h>

#include "streaming/motion_votes.h"

#define LANDMARKS 16u
#define TRIES 8u  // rows that are looked at for one landmark
#define PIECE 32u // pixels
#define EIGHT 8u
#define PIECE_BYTES ((size_t)PIECE * 4)
#define CHANGES_MIN 4u // of colour, within a piece
// The steps of a gradient are no changes: it looks the same in many places.
#define CONTRAST 0xf8f8f8u
#define VOTES_MIN 4u
#define PLACES_MAX 3u  // of one landmark, before and after
#define VOTES_SHARE 3u // of the landmarks: where half a page is new, few of them are to be found

static uint32_t pixel_at(const uint8_t *row, unsigned x)
{
    uint32_t pixel;
    memcpy(&pixel, row + (size_t)x * 4, sizeof(pixel));
    return pixel;
}

// Most of a window is: the eight pixels from x on are as the one before them.
static bool one_colour(const uint8_t *row, unsigned x)
{
    uint64_t these[EIGHT / 2], before[EIGHT / 2];
    memcpy(these, row + (size_t)x * 4, sizeof(these));
    memcpy(before, row + (size_t)(x - 1) * 4, sizeof(before));
    return ((these[0] ^ before[0]) | (these[1] ^ before[1]) | (these[2] ^ before[2]) |
            (these[3] ^ before[3])) == 0;
}

// Finds a piece that is new in this place and easily known again, from `left` to the right.
static bool find_piece(const uint8_t *was, const uint8_t *is, unsigned left, unsigned right, unsigned *ret_x)
{
    unsigned changes = 0, since = left;
    for (unsigned x = left + 1; x < right; x++) {
        while (x + EIGHT < right && one_colour(is, x))
            x += EIGHT;
        if (((pixel_at(is, x) ^ pixel_at(is, x - 1)) & CONTRAST) == 0)
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

static bool pick_landmark(struct motion_hunt *h, unsigned left, unsigned y)
{
    unsigned x;
    const uint8_t *is = image_at(h->now, 0, y);
    if (!find_piece(image_at(h->before, 0, y), is, left, (unsigned)h->area.x + h->area.width, &x))
        return false;
    h->landmarks[h->count++] = (struct motion_landmark){x, y, is + (size_t)x * 4};
    return true;
}

static unsigned tried_row(const struct motion_hunt *h, unsigned number)
{
    return h->area.y + h->area.height * number / (LANDMARKS * TRIES);
}

// Spread over the area, one in each of so many bands.
static void pick_landmarks(struct motion_hunt *h)
{
    for (unsigned band = 0; band < LANDMARKS; band++) {
        unsigned left = h->area.x + h->area.width * (band * 5 % LANDMARKS) / (2 * LANDMARKS);
        for (unsigned i = 0; i < TRIES; i++) {
            if (pick_landmark(h, left, tried_row(h, band * TRIES + i)))
                break;
        }
    }
}

// A window that is nearly empty has its title and a line or two: these alone then, each row of pixels that was looked at for one, wherever they begin.
static void pick_crowded_landmarks(struct motion_hunt *h)
{
    h->count = 0;
    for (unsigned i = 0; i < LANDMARKS * TRIES && h->count < LANDMARKS_MAX; i++)
        pick_landmark(h, h->area.x, tried_row(h, i));
}

// Votes for each place where the landmark is found; for none when it is found everywhere, as a gradient's pieces are. Returns whether it has voted.
static bool look(struct motion *m, const struct image *before, const struct motion_landmark *l,
                 struct offset first, struct offset last)
{
    struct offset found[PLACES_MAX];
    size_t count = 0;
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
            if (memcmp(row + (size_t)x * 4, l->pixels, PIECE_BYTES) != 0)
                continue;
            if (count == PLACES_MAX)
                return false;
            found[count++] = (struct offset){dx, dy};
        }
    }
    for (size_t i = 0; i < count; i++)
        motion_cast(m, found[i].x, found[i].y);
    return true;
}

static void begin(struct motion_hunt *h)
{
    h->begun = true;
    if (h->area.width <= PIECE)
        return;
    pick_landmarks(h);
    if (h->count < 2 * VOTES_MIN)
        pick_crowded_landmarks(h);
}

bool motion_guess(struct motion *m, struct motion_hunt *hunt, struct offset first, struct offset last,
                  struct offset *ret_offset)
{
    if (!hunt->begun)
        begin(hunt);
    if (hunt->count < VOTES_MIN)
        return false;
    motion_poll(m);
    size_t voters = 0;
    for (size_t i = 0; i < hunt->count; i++)
        voters += look(m, hunt->before, &hunt->landmarks[i], first, last);
    unsigned votes = motion_elect(m, ret_offset);
    return votes >= VOTES_MIN && votes * VOTES_SHARE >= voters;
}

#include "streaming/keymap.h"

#include <errno.h>
#include <string.h>

#include "streaming/keysyms.h"

// The keys that layouts put characters on end here (evdev key codes), but for the one beside Backspace.
#define LETTERS_END 98
#define YEN_KEY 132

// No symbol at all, or one that a streamer has lent: the same character on each level, where no layout has one.
static bool is_spare(const uint32_t *key, unsigned per_key, unsigned keycode)
{
    bool lent = per_key > 1 && key[0] != 0 && keycode >= LETTERS_END && keycode != YEN_KEY &&
                keysym_character(key[0]) != 0 && !keysym_is_keypad(key[0]);
    for (unsigned i = 0; i < per_key; i++) {
        if (key[i] != 0 && !(lent && key[i] == key[0]))
            return false;
    }
    return key[0] == 0 || key[1] == key[0];
}

// Where the core protocol's list has a level (XKB protocol, section 17.4): the first two levels of both groups, then the other levels of the
// first. A key of one group has its symbols in the second as well.
static uint32_t symbol_at(const uint32_t *key, unsigned per_key, unsigned group, unsigned level)
{
    unsigned index = level < 2 ? group * 2 + level : level + 2;
    if (level >= 2 && group > 0)
        return 0;
    return index < per_key ? key[index] : 0;
}

int keymap_read(struct keymap *map, const uint32_t *keysyms, size_t total, unsigned per_key, unsigned first,
                unsigned count)
{
    if (per_key == 0 || first + count > 256 || (size_t)count * per_key > total)
        return -EPROTO;
    *map = (struct keymap){0};
    for (unsigned i = 0; i < count; i++) {
        const uint32_t *key = keysyms + (size_t)i * per_key;
        unsigned keycode = first + i;
        for (unsigned group = 0; group < 2; group++) {
            for (unsigned level = 0; level < KEYMAP_LEVELS; level++)
                map->keysyms[group][keycode][level] = symbol_at(key, per_key, group, level);
        }
        if (key[0] == KEYSYM_SHIFT_LEFT)
            map->shift = (uint8_t)keycode;
        if (key[0] == KEYSYM_LEVEL3_SHIFT)
            map->level3 = (uint8_t)keycode;
        if (is_spare(key, per_key, keycode) && map->spare_count < KEYMAP_SPARES_MAX)
            map->spares[map->spare_count++] = (uint8_t)keycode;
    }
    return 0;
}

// Whether the locks exchange the first two levels of a key, or the last two.
static bool is_exchanged(const uint32_t *key, const struct keymap_locks *locks, unsigned level)
{
    if (keysym_is_keypad(key[0]) || keysym_is_keypad(key[1]))
        return locks->num;
    return locks->caps && keysym_is_case_pair(key[level & ~1u], key[level | 1u]);
}

static bool try_key(const struct keymap *map, const struct keymap_locks *locks, uint32_t character,
                    unsigned keycode, unsigned level, struct keymap_use *ret_use)
{
    const uint32_t *key = map->keysyms[locks->group][keycode];
    if (key[level] == 0 || keysym_character(key[level]) != character)
        return false;
    struct keymap_use use = {.keycode = (uint8_t)keycode, .shift = level & 1, .level3 = level >= 2};
    if (is_exchanged(key, locks, level))
        use.shift = !use.shift;
    if ((use.shift && map->shift == 0) || (use.level3 && map->level3 == 0))
        return false;
    *ret_use = use;
    return true;
}

bool keymap_find(const struct keymap *map, const struct keymap_locks *locks, uint32_t character,
                 uint8_t place, struct keymap_use *ret_use)
{
    if (locks->group > 1)
        return false; // its symbols are not in the core protocol's list
    for (unsigned level = 0; level < KEYMAP_LEVELS; level++) {
        if (try_key(map, locks, character, place, level, ret_use))
            return true;
    }
    for (unsigned level = 0; level < KEYMAP_LEVELS; level++) {
        for (unsigned keycode = 0; keycode < 256; keycode++) {
            const uint32_t *key = map->keysyms[locks->group][keycode];
            if (!keysym_is_keypad(key[0]) && !keysym_is_keypad(key[1]) &&
                try_key(map, locks, character, keycode, level, ret_use))
                return true;
        }
    }
    return false;
}

#include <string.h>

#include "lib/config.h"

#define NAME_MAX_BYTES 48

// Levenshtein's distance: how many bytes have to be put in, taken out or replaced.
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned row[NAME_MAX_BYTES + 1];
    for (size_t j = 0; j <= b_length; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            unsigned replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            unsigned shifted = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = replaced < shifted ? replaced : shifted;
        }
    }
    return row[b_length];
}

int config_nearest(const char *name, size_t length)
{
    char upper[NAME_MAX_BYTES];
    int nearest = -1;
    if (length == 0 || length > NAME_MAX_BYTES)
        return -1;
    for (size_t i = 0; i < length; i++)
        upper[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 'a' + 'A') : name[i];
    unsigned best = (unsigned)length / 3 + 1; // more than that is another word
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        const char *known = config_entry((enum config_key)key)->name;
        size_t known_length = strnlen(known, NAME_MAX_BYTES);
        unsigned steps = distance(upper, length, known, known_length);
        if (steps < best) {
            best = steps;
            nearest = key;
        }
    }
    return nearest;
}

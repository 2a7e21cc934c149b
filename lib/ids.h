#pragma once
// 128-bit ids of sandboxes, accounts and requests: UUIDs (RFC 9562).

#include <stdbool.h>
#include <stdint.h>

#define ID_TEXT_SIZE 37 // 36 characters and the NUL

struct id {
    uint8_t bytes[16];
};

// A time-ordered UUIDv7 from the wall clock and getrandom(2). Aborts when the kernel has no randomness to
// give.
struct id id_new(void);
bool id_equal(const struct id *a, const struct id *b);
bool id_is_nil(const struct id *id);
// Writes the lower-case canonical text, NUL included.
void id_format(const struct id *id, char text[static ID_TEXT_SIZE]);
// 0, or -EINVAL when the text is not exactly the canonical 36 characters (either case).
int id_parse(const char *text, struct id *ret_id);

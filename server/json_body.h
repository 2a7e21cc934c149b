#pragma once
// Request bodies: one JSON object (RFC 8259) of known fields, each of the right type and length. A table says what is known.

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

// A string, whose NUL-terminated bytes are copied out, or with length_max 0 any value: a reference to it (json_t *), the caller's also after
// a failure.
struct json_field {
    const char *name;
    bool required;
    size_t length_min; // bytes
    size_t length_max;
    const char *choices; // NULL, or permitted values separated by '|'
    size_t
        offset; // of a char array of length_max + 1 in the result; stays untouched when the field is absent
};

#define JSON_BODY_WRONG_MAX 160

// 0 with all present fields copied to `result`, or -EINVAL with the reason as a sentence for people. NULs inside strings, duplicate
// and unknown fields are refused.
int json_body_read(const char *text, size_t length, const struct json_field *fields, size_t count,
                   void *result, char wrong[static JSON_BODY_WRONG_MAX]);

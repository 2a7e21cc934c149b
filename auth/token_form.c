#include "auth/token_form.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "auth/token.h"

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

struct segment {
    const char *text;
    size_t length;
};

// sodium_base642bin refuses padding, unknown characters and set bits beyond the last byte: a segment has one
// spelling only.
static int decode_segment(struct segment segment, uint8_t *ret_bytes, size_t capacity, size_t *ret_length)
{
    size_t length;
    if (segment.length == 0 || sodium_base642bin(ret_bytes, capacity, segment.text, segment.length, NULL,
                                                 &length, NULL, VARIANT) != 0)
        return -EBADMSG;
    *ret_length = length;
    return 0;
}

static int split(const char *token, size_t length, struct segment ret_segments[static 3])
{
    const char *first = memchr(token, '.', length);
    if (!first)
        return -EBADMSG;
    const char *second = memchr(first + 1, '.', length - (size_t)(first + 1 - token));
    if (!second)
        return -EBADMSG;
    size_t left = length - (size_t)(second + 1 - token);
    if (memchr(second + 1, '.', left))
        return -EBADMSG;
    ret_segments[0] = (struct segment){token, (size_t)(first - token)};
    ret_segments[1] = (struct segment){first + 1, (size_t)(second - first - 1)};
    ret_segments[2] = (struct segment){second + 1, left};
    return 0;
}

static int decode_object(struct segment segment, json_t **ret_object)
{
    uint8_t bytes[TOKEN_MAX];
    size_t length;
    int error = decode_segment(segment, bytes, sizeof(bytes), &length);
    if (error)
        return error;
    json_t *object = json_loadb((const char *)bytes, length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return -EBADMSG;
    }
    *ret_object = object;
    return 0;
}

int token_form_parse(const char *token, size_t length, struct token_form *ret_form)
{
    if (length == 0 || length > TOKEN_MAX)
        return -EBADMSG;
    struct segment segments[3];
    struct token_form form = {.signed_text = token};
    int error = split(token, length, segments);
    if (!error)
        error = decode_segment(segments[2], form.signature, sizeof(form.signature), &form.signature_length);
    if (!error)
        error = decode_object(segments[0], &form.header);
    if (!error)
        error = decode_object(segments[1], &form.payload);
    if (error) {
        token_form_finish(&form);
        return error;
    }
    form.signed_length = segments[0].length + 1 + segments[1].length;
    *ret_form = form;
    return 0;
}

void token_form_finish(struct token_form *form)
{
    json_decref(form->header);
    json_decref(form->payload);
    *form = (struct token_form){0};
}

const char *token_form_text(const json_t *object, const char *name)
{
    const json_t *member = json_object_get(object, name);
    const char *text = json_string_value(member);
    return text && strlen(text) == json_string_length(member) ? text : NULL;
}

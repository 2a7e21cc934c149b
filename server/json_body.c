#include "server/json_body.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/text.h"

static void cleanup_json(json_t **json)
{
    json_decref(*json);
}

__attribute__((format(printf, 2, 3))) static int refuse(char *wrong, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(wrong, JSON_BODY_WRONG_MAX, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static int read_field(json_t *value, const struct json_field *field, void *result, char *wrong)
{
    if (field->length_max == 0) {
        *(json_t **)(void *)((char *)result + field->offset) = json_incref(value);
        return 0;
    }
    if (!json_is_string(value))
        return refuse(wrong, "The field \"%s\" must be a string.", field->name);
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    if (length < field->length_min || length > field->length_max)
        return refuse(wrong, "The field \"%s\" must have %zu to %zu bytes.", field->name, field->length_min,
                      field->length_max);
    if (strlen(text) != length)
        return refuse(wrong, "The field \"%s\" must not contain NUL.", field->name);
    if (field->choices && !text_has_word(field->choices, "|", text))
        return refuse(wrong, "The field \"%s\" must be one of %s.", field->name, field->choices);
    memcpy((char *)result + field->offset, text, length + 1);
    return 0;
}

static const struct json_field *find_field(const char *name, const struct json_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    }
    return NULL;
}

int json_body_read(const char *text, size_t length, const struct json_field *fields, size_t count,
                   void *result, char wrong[static JSON_BODY_WRONG_MAX])
{
    json_error_t error;
    CLEANUP(cleanup_json)
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!root)
        return refuse(wrong, "The body is not valid JSON (at byte %d).", error.position);
    if (!json_is_object(root))
        return refuse(wrong, "The body must be a JSON object.");
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value)
    {
        const struct json_field *field = find_field(name, fields, count);
        if (!field && strlen(name) > 40) // a cut could split a character
            return refuse(wrong, "The body has a field that is not known here.");
        if (!field)
            return refuse(wrong, "The field \"%s\" is not known here.", name);
        int failed = read_field(value, field, result, wrong);
        if (failed)
            return failed;
    }
    for (size_t i = 0; i < count; i++) {
        if (fields[i].required && !json_object_get(root, fields[i].name))
            return refuse(wrong, "The field \"%s\" is missing.", fields[i].name);
    }
    return 0;
}
